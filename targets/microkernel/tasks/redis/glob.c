/* Patterns as Redis's stringmatchlen: * ? [a-z] [^a-z] \x, in time that is bounded by the product of both lengths. */
#include "redis.h"

/* A set in brackets, from the "[" on -> bytes of the pattern that it takes. */
static size_t bracket(struct span pattern, uint8_t c, bool *matches)
{
	const uint8_t *p = pattern.at + 1, *end = pattern.at + pattern.bytes;
	bool negated = p < end && *p == '^', found = false;

	if (negated)
		p++;
	for (; p < end; p++) {
		if (*p == '\\' && end - p >= 2) {
			found |= *++p == c;
		} else if (*p == ']') {
			break;
		} else if (end - p >= 3 && p[1] == '-') {
			uint8_t low = p[0] < p[2] ? p[0] : p[2], high = p[0] < p[2] ? p[2] : p[0];

			found |= c >= low && c <= high;
			p += 2;
		} else {
			found |= *p == c;
		}
	}
	*matches = found != negated;
	return (size_t)(p - pattern.at) + (p < end);
}

/* One element that is no star against one byte -> bytes of the pattern that it takes, 0: it does not match. */
static size_t element(struct span pattern, uint8_t c)
{
	bool matches;
	size_t bytes;

	switch (pattern.at[0]) {
	case '?': return 1;
	case '[':
		bytes = bracket(pattern, c, &matches);
		return matches ? bytes : 0;
	case '\\':
		if (pattern.bytes >= 2)
			return pattern.at[1] == c ? 2 : 0;
	}
	return pattern.at[0] == c ? 1 : 0;
}

bool glob_matches(struct span pattern, struct span text)
{
	size_t p = 0, t = 0, after_star = SIZE_MAX, star_text = 0;

	while (t < text.bytes) {
		size_t step;

		if (p < pattern.bytes && pattern.at[p] == '*') {
			after_star = ++p; /* only the last star needs to be tried again: what earlier ones took stays */
			star_text = t;
			continue;
		}
		step = p < pattern.bytes ? element((struct span){ pattern.at + p, pattern.bytes - p }, text.at[t]) : 0;
		if (step) {
			p += step;
			t++;
		} else if (after_star != SIZE_MAX) {
			p = after_star;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < pattern.bytes && pattern.at[p] == '*')
		p++;
	return p == pattern.bytes;
}
