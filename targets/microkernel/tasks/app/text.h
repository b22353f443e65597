/* Pieces of text that others own, and what all three protocols do with ASCII. */
#ifndef APP_TEXT_H
#define APP_TEXT_H
#include "app.h"

#if !__STDC_HOSTED__ /* -ffreestanding takes them for any functions; so those of a few bytes become a few instructions */
#define memcpy(to, from, count) __builtin_memcpy(to, from, count)
#define memset(to, byte, count) __builtin_memset(to, byte, count)
#define strlen(text) __builtin_strlen(text)
#endif

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

/* memcmp for equality alone, a word at a time wherever the bytes lie. */
static inline bool equal(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	for (; bytes >= 4; bytes -= 4, a += 4, b += 4) {
		uint32_t x, y;

		memcpy(&x, a, 4);
		memcpy(&y, b, 4);
		if (x != y)
			return false;
	}
	for (; bytes; bytes--)
		if (*a++ != *b++)
			return false;
	return true;
}

static inline bool same_bytes(struct span a, struct span b)
{
	return a.bytes == b.bytes && equal(a.at, b.at, a.bytes);
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
