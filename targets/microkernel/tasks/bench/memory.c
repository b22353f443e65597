/* Pages from the kernel, and blocks from the program's own heap. */
#include "bench.h"

#define BLOCK_BYTES 128           /* Thread-Metric's */

static void measure_pages(void)
{
	struct series *map = series("map", NULL, "sel4bench page_mapping: MK_MAP of a zeroed page"),
		      *unmap = series("unmap", NULL, "sel4bench page_mapping: MK_UNMAP of a page");
	unsigned at = (unsigned)mk_region(1);

	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin = mk_cycles(), between;

		good(mk_map(MK_SELF, at, 1, MK_READ | MK_WRITE));
		between = mk_cycles();
		good(mk_unmap(MK_SELF, at, 1));
		sample(unmap, i, between, mk_cycles());
		sample(map, i, begin, between);
	}
}

static void measure_blocks(void)
{
	struct series *allocate = series("allocate", NULL, "Zephyr heap.malloc.immediate: 128 bytes of the program's heap"),
		      *release = series("free", NULL, "Zephyr heap.free.immediate: 128 bytes of the program's heap");

	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin = mk_cycles(), between;
		void *block = mk_alloc(BLOCK_BYTES);

		between = mk_cycles();
		mk_free(block);
		sample(release, i, between, mk_cycles());
		sample(allocate, i, begin, between);
	}
}

void measure_memory(void)
{
	measure_pages();
	measure_blocks();
}
