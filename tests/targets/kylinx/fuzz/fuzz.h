/* What every fuzz target uses: the input taken apart, and the check that makes a finding. No header of libc or the LibOS. */
#ifndef FUZZ_H
#define FUZZ_H
#include <stddef.h>
#include <stdint.h>

void fuzz_failed(const char *file, int line, const char *what) __attribute__((noreturn));
#define FUZZ_CHECK(c) do { if (!(c)) fuzz_failed(__FILE__, __LINE__, #c); } while (0)

struct input { const uint8_t *at, *end; };

/* Beyond the end everything is 0. */
static inline uint64_t take(struct input *in, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes && in->at < in->end; i++)
		value |= (uint64_t)*in->at++ << 8 * i;
	return value;
}
static inline uint8_t take8(struct input *in) { return (uint8_t)take(in, 1); }
static inline uint16_t take16(struct input *in) { return (uint16_t)take(in, 2); }
static inline uint32_t take32(struct input *in) { return (uint32_t)take(in, 4); }
static inline uint64_t take64(struct input *in) { return take(in, 8); }
static inline size_t left(const struct input *in) { return (size_t)(in->end - in->at); }

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
#endif
