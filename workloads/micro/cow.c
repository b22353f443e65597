/* cow: what the pages shared after a fork cost: read, written, read again, densely or sparsely, on either side. */
#include "memory.h"
#include "micro.h"

#include <unistd.h>

enum { PARENT, CHILD, SIDES };
enum { DENSE, SPARSE, PATTERNS };
enum { READ, WRITE, REREAD, REWRITE, STEPS };

static long long dirty_mib = 16, pages, stride_pages = 16, batch_pages = 16;
static const struct micro_option options[] = {
	{ "dirty-mib", &dirty_mib, 1, 65536, NULL, NULL, "MiB dirtied before the fork" },
	{ "pages", &pages, 0, 0, memory_pages, NULL, "default, huge (advised) or none (huge pages refused)" },
	{ "stride-pages", &stride_pages, 2, 4096, NULL, NULL, "the sparse pattern touches every so manieth page" },
	{ "batch-pages", &batch_pages, 1, 65536, NULL, NULL, "touched pages a sample" },
	{ 0 },
};

static const struct {
	const char *name, *summary;
} steps[STEPS] = {
	{ "read", "a byte read from each shared page, first after the fork: mean a page of each batch" },
	{ "write", "a byte written to each shared page, which copies it: mean a page of each batch" },
	{ "reread", "a byte read from each copied page: mean a page of each batch" },
	{ "rewrite", "a byte written to each copied page: mean a page of each batch" },
};
static const char *const labels[SIDES][PATTERNS] = {
	{ "{\"side\": \"parent\", \"pattern\": \"dense\"}", "{\"side\": \"parent\", \"pattern\": \"sparse\"}" },
	{ "{\"side\": \"child\", \"pattern\": \"dense\"}", "{\"side\": \"child\", \"pattern\": \"sparse\"}" },
};
static struct micro_series *series[SIDES][PATTERNS][STEPS];
static unsigned char *memory;

/* One step over all touched pages, a sample for each batch. */
static void touch(struct micro_series *to, bool writes, size_t stride)
{
	size_t all = ((size_t)dirty_mib << 20) / PAGE_BYTES;
	volatile unsigned char *base = memory;

	for (size_t page = 0; page < all;) {
		size_t touched = 0;
		uint64_t begin = now_ns(), end;

		for (; touched < (size_t)batch_pages && page < all; touched++, page += stride)
			if (writes)
				base[page * PAGE_BYTES] = (unsigned char)page;
			else
				(void)base[page * PAGE_BYTES];
		end = now_ns();
		if (to->count < to->capacity)
			micro_add(to, (double)(end - begin) / (double)touched);
	}
}

static void all_steps(int side, int pattern)
{
	size_t stride = pattern == SPARSE ? (size_t)stride_pages : 1;

	for (int step = READ; step < STEPS; step++)
		touch(series[side][pattern][step], step == WRITE || step == REWRITE, stride);
}

/* The side that does not measure holds the pages until the other is done. */
static void once(int side, int pattern)
{
	int done[2];
	char byte;
	pid_t child;

	memory_redirty(memory, dirty_mib);
	if (pipe(done))
		die_errno("pipe");
	child = micro_fork();
	if (child == 0) {
		close(done[1]);
		if (side == CHILD)
			all_steps(side, pattern);
		else if (read(done[0], &byte, 1) < 0) /* until the parent closes it */
			die_errno("read from the pipe");
		_exit(0);
	}
	close(done[0]);
	if (side == PARENT)
		all_steps(side, pattern);
	close(done[1]);
	micro_reap(child);
}

static void make_series(void)
{
	size_t touched = ((size_t)dirty_mib << 20) / PAGE_BYTES;
	size_t most = (touched + (size_t)batch_pages - 1) / (size_t)batch_pages * (size_t)micro.iterations;

	if (most > 200000)
		most = 200000; /* later batches are measured and not kept */
	for (int side = 0; side < SIDES; side++)
		for (int pattern = 0; pattern < PATTERNS; pattern++)
			for (int step = 0; step < STEPS; step++)
				series[side][pattern][step] = micro_series(steps[step].name, "ns", "lower",
									   labels[side][pattern], most,
									   steps[step].summary);
}

int main(int argc, char **argv)
{
	micro.iterations = 10;
	micro_start("cow", argc, argv, options);
	make_series();
	micro_pin(0);
	memory = memory_dirty(dirty_mib, (enum memory_pages)pages);
	micro_budget(100);
	for (long long i = 0; micro_more(i); i++)
		for (int side = 0; side < SIDES; side++)
			for (int pattern = 0; pattern < PATTERNS; pattern++)
				once(side, pattern);
	return micro_finish();
}
