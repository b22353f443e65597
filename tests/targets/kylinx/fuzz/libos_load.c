/* The monitor's loader of the LibOS (monitor/libos_load.c): segments are copied into pages that are just as large as asked for. */
#include <stdlib.h>
#include "memory_private.h"
#include "fuzz.h"

#define SEGMENTS 4
static void *segments[SEGMENTS];
static unsigned count;

void *libos_segment(uint64_t va, uint64_t bytes, bool write, bool exec)
{
	FUZZ_CHECK(!(write && exec) && bytes && count < SEGMENTS);
	FUZZ_CHECK(va == (exec ? KX_VA_TEXT : write ? KX_VA_DATA : KX_VA_RODATA));
	FUZZ_CHECK(va + bytes <= (exec ? KX_VA_RODATA : write ? KX_VA_BOOT : KX_VA_DATA));
	segments[count] = calloc(1, bytes);
	return segments[count++];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *file = malloc(n ? n : 1);

	memcpy(file, data, n);
	if (!libos_load(file, n))
		FUZZ_CHECK(count);
	while (count)
		free(segments[--count]);
	free(file);
	return 0;
}
