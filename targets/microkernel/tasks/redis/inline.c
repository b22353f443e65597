/* Inline commands: words as a person types them, with quotes as in Redis's sdssplitargs. */
#include "redis.h"

struct cursor {
	const uint8_t *at, *end;
	uint8_t *to;               /* never beyond at: what is read is longer than what it means */
};

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool left(const struct cursor *k, ptrdiff_t bytes)
{
	return k->end - k->at >= bytes;
}

/* After the backslash in double quotes. */
static void escape(struct cursor *k)
{
	static const char letters[] = "n\nr\rt\tb\ba\a";
	uint8_t c = *k->at;

	if (c == 'x' && left(k, 3) && hex_digit(k->at[1]) >= 0 && hex_digit(k->at[2]) >= 0) {
		*k->to++ = (uint8_t)(hex_digit(k->at[1]) << 4 | hex_digit(k->at[2]));
		k->at += 3;
		return;
	}
	for (const char *p = letters; *p; p += 2)
		if (*p == c)
			c = (uint8_t)p[1];
	*k->to++ = c;
	k->at++;
}

/* Up to the closing quote, which a space or the end must follow. */
static bool quoted(struct cursor *k)
{
	uint8_t quote = *k->at++;

	for (; left(k, 1); ) {
		uint8_t c = *k->at++;

		if (c == quote)
			return !left(k, 1) || is_space(*k->at);
		if (c == '\\' && quote == '"' && left(k, 1)) {
			escape(k);
		} else if (c == '\\' && quote == '\'' && left(k, 1) && *k->at == '\'') {
			*k->to++ = '\'';
			k->at++;
		} else {
			*k->to++ = c;
		}
	}
	return false;
}

static bool word(struct cursor *k)
{
	while (left(k, 1) && !is_space(*k->at)) {
		if (*k->at == '"' || *k->at == '\'')
			return quoted(k);
		*k->to++ = *k->at++;
	}
	return true;
}

enum inline_state inline_split(struct client *c, uint8_t *line, size_t bytes)
{
	struct cursor k = { .at = line, .end = line + bytes, .to = line };

	for (;;) {
		const uint8_t *start;

		while (left(&k, 1) && is_space(*k.at))
			k.at++;
		if (!left(&k, 1))
			return INLINE_SPLIT;
		start = k.to;
		if (!word(&k)) {
			c->argc = 0;
			return INLINE_UNBALANCED;
		}
		if (!request_argument(c, (struct span){ start, (size_t)(k.to - start) }))
			return INLINE_NO_MEMORY;
	}
}
