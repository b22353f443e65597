/* IP addresses as text: RFC 1035's dotted quad, RFC 4291 section 2.2. */
#include "dns.h"

static bool four(struct span text, uint8_t to[4])
{
	for (unsigned i = 0; i < 4; i++) {
		size_t n = 0;
		uint64_t value;

		while (n < text.bytes && text.at[n] != '.')
			n++;
		if (n > 3 || !decimal_get((struct span){ text.at, n }, 255, &value) || (i < 3) != (n < text.bytes))
			return false;
		to[i] = (uint8_t)value;
		n += i < 3;
		text.at += n;
		text.bytes -= n;
	}
	return true;
}

/* A group of up to four digits -> how many there are; 0: none. */
static size_t group(struct span text, uint32_t *value)
{
	size_t n = 0;

	for (*value = 0; n < text.bytes && n < 5 && hex_digit(text.at[n]) >= 0; n++)
		*value = *value << 4 | (uint32_t)hex_digit(text.at[n]);
	return n < 5 ? n : 0;
}

static bool six(struct span text, uint8_t to[16])
{
	size_t filled = 0, gap = SIZE_MAX, n;
	uint32_t value;

	if (text.bytes >= 2 && text.at[0] == ':' && text.at[1] == ':') {
		gap = 0;
		text = (struct span){ text.at + 2, text.bytes - 2 };
	}
	while (text.bytes) {
		if (filled <= 12 && four(text, to + filled)) { /* ::ffff:192.0.2.1 */
			filled += 4;
			break;
		}
		if (filled > 14 || !(n = group(text, &value)))
			return false;
		set16(to + filled, value);
		filled += 2;
		if (n == text.bytes)
			break;
		if (text.at[n++] != ':' || n == text.bytes)
			return false;
		if (text.at[n] == ':') {
			if (gap != SIZE_MAX)
				return false;
			gap = filled;
			n++;
		}
		text = (struct span){ text.at + n, text.bytes - n };
	}
	if (gap == SIZE_MAX)
		return filled == 16;
	if (filled > 14)
		return false;
	memmove(to + 16 - (filled - gap), to + gap, filled - gap);
	memset(to + gap, 0, 16 - filled);
	return true;
}

bool address_parse(struct span text, bool is_six, uint8_t to[16])
{
	return is_six ? six(text, to) : four(text, to);
}
