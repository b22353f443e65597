/* Pieces of text that others own, and what all three protocols do with ASCII. */
#ifndef APP_TEXT_H
#define APP_TEXT_H
#include "app.h"

struct span {
	const uint8_t *at;
	size_t bytes;
};

#define TEXT(literal) ((struct span){ (const uint8_t *)(literal), sizeof(literal) - 1 })
#define DECIMAL_MOST 20 /* characters of a 64-bit number */

static inline uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static inline bool same_bytes(struct span a, struct span b)
{
	return a.bytes == b.bytes && !memcmp(a.at, b.at, a.bytes);
}

/* Whether the text is that word, whatever its case; the word is in lower case. */
static inline bool is_word(struct span text, const char *word)
{
	size_t i;

	for (i = 0; i < text.bytes; i++)
		if (!word[i] || lower(text.at[i]) != (uint8_t)word[i])
			return false;
	return !word[i];
}

static inline struct span span_of(const char *text)
{
	return (struct span){ (const uint8_t *)text, strlen(text) };
}

/* The part that a C string would have. */
static inline struct span until_nul(struct span text)
{
	size_t n = 0;

	while (n < text.bytes && text.at[n])
		n++;
	return (struct span){ text.at, n };
}

size_t decimal_put(uint8_t *to, uint64_t number);               /* -> characters, at most DECIMAL_MOST */
bool decimal_get(struct span text, uint64_t most, uint64_t *number); /* digits and nothing else */
int hex_digit(uint8_t c);                                       /* its value, or -1 */
#endif
