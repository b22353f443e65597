#include "number.h"

size_t integer_put(uint8_t *to, int64_t number)
{
	if (number >= 0)
		return decimal_put(to, (uint64_t)number);
	*to = '-';
	return 1 + decimal_put(to + 1, -(uint64_t)number);
}

bool integer_get(struct span text, int64_t *number)
{
	bool negative = text.bytes > 1 && text.at[0] == '-';
	uint64_t value;

	if (negative) {
		text.at++;
		text.bytes--;
	}
	if (!text.bytes || (text.at[0] == '0' && (negative || text.bytes > 1)))
		return false;
	if (text.bytes <= 9) { /* fits in 32 bits: the common case, without 64-bit multiplication */
		uint32_t small = 0;

		for (size_t i = 0; i < text.bytes; i++) {
			uint8_t digit = (uint8_t)(text.at[i] - '0');

			if (digit > 9)
				return false;
			small = small * 10 + digit;
		}
		value = small;
	} else if (!decimal_get(text, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &value)) {
		return false;
	}
	*number = negative ? (int64_t)-value : (int64_t)value;
	return true;
}

size_t millionths_put(uint8_t *to, int64_t number)
{
	uint64_t size = number < 0 ? -(uint64_t)number : (uint64_t)number;
	uint32_t fraction = (uint32_t)(size % MILLION);
	uint8_t *at = to;

	if (number < 0)
		*at++ = '-';
	if (size == INFINITE) {
		memcpy(at, "inf", 3);
		return (size_t)(at - to) + 3;
	}
	at += decimal_put(at, size / MILLION);
	if (fraction)
		*at++ = '.';
	for (uint32_t unit = MILLION / 10; fraction; unit /= 10) {
		*at++ = (uint8_t)('0' + fraction / unit);
		fraction %= unit;
	}
	return (size_t)(at - to);
}

/* The exponent after an "e" -> whether it is one; small, so that nothing overflows. */
static bool exponent_get(struct span text, int *exponent)
{
	bool negative = text.bytes && text.at[0] == '-';
	uint64_t value;

	if (text.bytes && (negative || text.at[0] == '+')) {
		text.at++;
		text.bytes--;
	}
	if (!decimal_get(text, 64, &value))
		return false;
	*exponent += negative ? -(int)value : (int)value;
	return true;
}

static bool scaled(uint64_t *value, int exponent)
{
	for (; exponent > 0 && *value; exponent--)
		if (__builtin_mul_overflow(*value, 10, value))
			return false;
	for (; exponent < 0 && *value; exponent++) {
		if (*value % 10)
			return false;
		*value /= 10;
	}
	return *value < INFINITE;
}

bool millionths_get(struct span text, int64_t *number)
{
	bool negative = text.bytes && text.at[0] == '-', point = false, digits = false;
	uint64_t value = 0;
	int exponent = 6;
	size_t i = text.bytes && (negative || text.at[0] == '+');
	struct span rest = { text.at + i, text.bytes - i };

	if (is_word(rest, "inf") || is_word(rest, "infinity")) {
		*number = negative ? -INFINITE : INFINITE;
		return true;
	}
	for (; i < text.bytes; i++) {
		uint8_t digit = (uint8_t)(text.at[i] - '0');

		if (digit <= 9) {
			if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
				return false;
			exponent -= point;
			digits = true;
		} else if (text.at[i] == '.' && !point) {
			point = true;
		} else {
			break;
		}
	}
	if (i < text.bytes && (lower(text.at[i]) != 'e' ||
			       !exponent_get((struct span){ text.at + i + 1, text.bytes - i - 1 }, &exponent)))
		return false;
	if (!digits || !scaled(&value, exponent))
		return false;
	*number = negative ? -(int64_t)value : (int64_t)value;
	return true;
}
