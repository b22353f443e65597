/* Numbers as text. */
#include "text.h"

size_t decimal_put(uint8_t *to, uint64_t number)
{
	uint8_t digits[DECIMAL_MOST], *at = digits + sizeof digits;
	size_t count;

	while (number > UINT32_MAX) { /* 64-bit division is a call on ARM: only for what needs it */
		*--at = (uint8_t)('0' + number % 10);
		number /= 10;
	}
	for (uint32_t low = (uint32_t)number; low || at == digits + sizeof digits; low /= 10)
		*--at = (uint8_t)('0' + low % 10);
	count = (size_t)(digits + sizeof digits - at);
	memcpy(to, at, count);
	return count;
}

bool decimal_get(struct span text, uint64_t most, uint64_t *number)
{
	uint64_t value = 0;

	if (!text.bytes || text.bytes > DECIMAL_MOST)
		return false;
	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t digit = (uint8_t)(text.at[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*number = value;
	return value <= most;
}

int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
