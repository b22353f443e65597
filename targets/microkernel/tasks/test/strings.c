/* string.S against loops over bytes: every length, every place in a word of both, every overlap. */
#include "test.h"

#define LONGEST 120
#define EDGE 16                   /* looked at in front and behind */
#define ROOM (EDGE + 8 + LONGEST + EDGE)

static uint8_t area[3 * ROOM], wanted[3 * ROOM], other[ROOM];

static void fill(uint8_t *bytes, unsigned count)
{
	static uint32_t state = 1;

	for (unsigned i = 0; i < count; i++) {
		state = state * 1664525 + 1013904223; /* Numerical Recipes' generator */
		bytes[i] = (uint8_t)(state >> 24);
	}
}

/* Volatile: the compiler would make calls of what is tested out of these loops. */
static void copy_bytes(volatile uint8_t *to, const volatile uint8_t *from, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		to[i] = from[i];
}

static bool same(const volatile uint8_t *a, const volatile uint8_t *b, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static void told(const char *what, unsigned to, unsigned from, unsigned bytes)
{
	mk_print("test: %s of %u bytes, to %u from %u\n", what, bytes, to, from);
	CHECK(!"right");
}

static void copies(void)
{
	fill(other, sizeof other);
	for (unsigned to = 0; to < 8; to++)
		for (unsigned from = 0; from < 8; from++)
			for (unsigned bytes = 0; bytes <= LONGEST; bytes++) {
				fill(area, ROOM);
				copy_bytes(wanted, area, ROOM);
				copy_bytes(wanted + EDGE + to, other + EDGE + from, bytes);
				if (memcpy(area + EDGE + to, other + EDGE + from, bytes) != area + EDGE + to || !same(area, wanted, ROOM))
					told("memcpy", to, from, bytes);
			}
}

/* Within one area, from a distance where the two do not meet to where they do on the other side. */
static void moves(void)
{
	for (unsigned from = 0; from < 8; from++)
		for (unsigned bytes = 0; bytes <= LONGEST; bytes++)
			for (unsigned to = 0; to <= 2 * bytes + 16; to++) {
				unsigned start = EDGE + from + bytes + 8;

				fill(area, sizeof area);
				copy_bytes(wanted, area, sizeof area);
				copy_bytes(other, area + start, bytes);
				copy_bytes(wanted + EDGE + from + to, other, bytes);
				if (memmove(area + EDGE + from + to, area + start, bytes) != area + EDGE + from + to ||
				    !same(area, wanted, sizeof area))
					told("memmove", to, from, bytes);
			}
}

static void sets(void)
{
	static const int values[] = { 0, 0x5a, 0xff, 0x180 }; /* only the low byte counts */

	for (unsigned to = 0; to < 8; to++)
		for (unsigned bytes = 0; bytes <= LONGEST; bytes++)
			for (unsigned v = 0; v < MK_COUNT(values); v++) {
				fill(area, ROOM);
				copy_bytes(wanted, area, ROOM);
				for (volatile uint8_t *at = wanted + EDGE + to; at < wanted + EDGE + to + bytes; at++)
					*at = (uint8_t)values[v];
				if (memset(area + EDGE + to, values[v], bytes) != area + EDGE + to || !same(area, wanted, ROOM))
					told("memset", to, (unsigned)values[v], bytes);
			}
}

const struct test strings_tests[] = {
	{ "copies", copies },
	{ "moves", moves },
	{ "sets", sets },
	{ 0 },
};
