/* Figures of the monitor's memory side: what fork, copy-on-write, first touch and taking away cost, by size. One vCPU runs both
 * sides in turn, so the wake of a second vCPU is not in them. Microseconds; median of the rounds, then the least. */
#include "memory_vm.h"

#define RW (KX_PROT_READ | KX_PROT_WRITE)
#define HEAP 0x7f0010000000ull
#define HEAP_PAGES 1048576
#define STACK 0x7f7fffe00000ull
#define STACK_AT (STACK + PAGES(10))
#define ROUNDS 31

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double samples[16][ROUNDS];

static void show(const char *name, double *v, unsigned n)
{
	qsort(v, n, sizeof *v, compare);
	printf("  %-42s %9.1f  %9.1f\n", name, v[n / 2], v[0]);
}

#define TIMED(at, call) do { uint64_t t0 = now_ns(); call; samples[at][round] = (double)(now_ns() - t0) / 1e3; } while (0)

static void fork_figures(uint64_t pages)
{
	struct space *p = space_create();
	unsigned rounds = pages > 10000 ? 9 : ROUNDS;
	uint64_t value, faults = t.faults;

	CHECK(store(p, HEAP, 1, PAGES(1), pages) == DONE && store(p, STACK, 1, PAGES(1), 16) == DONE);
	printf("%llu MB dirty (%lu faults to make it)\n", (unsigned long long)pages / 256, t.faults - faults);
	for (unsigned round = 0; round < rounds; round++) {
		struct space *c;

		CHECK(store(p, STACK_AT, 1, 8, 1) == DONE);
		TIMED(0, c = space_fork(p, STACK_AT));
		TIMED(1, CHECK(store(p, STACK_AT, 1, 8, 1) == DONE));
		TIMED(2, CHECK(store(c, STACK_AT, 1, 8, 1) == DONE));
		TIMED(3, CHECK(differ(c, HEAP, 1, PAGES(1), pages) == 0));
		TIMED(4, CHECK(differ(p, HEAP, 1, PAGES(1), pages) == 0));
		faults = t.faults;
		TIMED(5, CHECK(store(p, HEAP, 1, PAGES(1), pages) == DONE));
		samples[9][round] = (double)(t.faults - faults);
		faults = t.faults;
		TIMED(6, CHECK(store(c, HEAP, 1, PAGES(1), pages) == DONE));
		samples[10][round] = (double)(t.faults - faults);
		TIMED(7, space_destroy(c));
		c = space_fork(p, STACK_AT);
		CHECK(load(c, HEAP, &value) == DONE);
		space_destroy(c);
		TIMED(8, CHECK(store(p, HEAP, 1, PAGES(1), pages) == DONE));
	}
	static const char *const names[] = { "space_fork", "parent: load CR3, write its stack", "child: load CR3, write its stack",
		"child: read all", "parent: read all", "parent: write all (copies)", "child: write all (last reference)", "destroy child",
		"parent: write all after child's end", "  faults of parent's write", "  faults of child's write" };
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		show(names[i], samples[i], rounds);
	space_destroy(p);
}

static void sparse_figures(uint64_t pages, uint64_t stride)
{
	struct space *p = space_create();
	uint64_t n = pages / stride;
	unsigned rounds = 9;

	CHECK(store(p, HEAP, 1, PAGES(1), pages) == DONE);
	for (unsigned round = 0; round < rounds; round++) {
		struct space *c = space_fork(p, STACK_AT);
		struct memory_stats before, after;

		memory_statistics(&before);
		TIMED(0, CHECK(store(p, HEAP + PAGES(1), 1, PAGES(stride), n) == DONE));
		memory_statistics(&after);
		samples[0][round] /= (double)n;
		samples[1][round] = (double)(after.cow_pages - before.cow_pages) / (double)n;
		space_destroy(c);
	}
	printf("write every %llu. page of %llu MB after fork\n", (unsigned long long)stride, (unsigned long long)pages / 256);
	show("a page written", samples[0], rounds);
	show("  pages copied for it", samples[1], rounds);
	space_destroy(p);
}

static void other_figures(void)
{
	struct space *p = space_create();

	CHECK(store(p, HEAP, 1, PAGES(1), 4096) == DONE);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct space *c;

		TIMED(0, CHECK(store(p, HEAP, 1, 8, 1) == DONE));
		TIMED(1, CHECK(store(p, HEAP + PAGES(8192) + (uint64_t)round * (32 << 20), 1, 8, 1) == DONE));
		CHECK(store(p, HEAP + PAGES(5000), 1, PAGES(1), 64) == DONE);
		TIMED(2, CHECK(!space_drop(p, HEAP + PAGES(5000), PAGES(64))));
		TIMED(3, CHECK(store(p, HEAP, 1, 8, 1) == DONE));
		TIMED(4, CHECK(differ(p, HEAP, 1, PAGES(1), 4096) == 0));
		TIMED(5, c = space_create());
		TIMED(6, CHECK(store(c, HEAP, 1, 8, 1) == DONE));
		TIMED(7, space_destroy(c));
		TIMED(8, CHECK(store(p, HEAP + (3ull << 30) + (uint64_t)round * (8 << 20), 1, PAGES(1), 2048) == DONE));
		t.cr3 = 0;
		TIMED(9, CHECK(store(p, HEAP, 1, 8, 1) == DONE));
	}
	static const char *const names[] = { "run and halt, nothing else", "first touch (64 KiB)", "drop 64 pages", "run after it", "read 16 MB after it",
		"space_create", "its first touch", "space_destroy", "touch 8 MB", "run after loading the same CR3" };
	printf("others\n");
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		show(names[i], samples[i], ROUNDS);
	space_destroy(p);
}

int main(void)
{
	static const uint64_t sizes[] = { 1, 16, 256, 1024 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	vm_init(6ull << 30);
	region(HEAP, HEAP_PAGES, RW, KX_REGION_ANON);
	region(STACK, 16, RW, KX_REGION_ANON);
	other_figures();
	for (unsigned i = 0; i < 4; i++)
		fork_figures(sizes[i] * 256);
	sparse_figures(65536, 2);
	sparse_figures(65536, 37);
	sparse_figures(65536, 600);
	sparse_figures(2048, 2);
	sparse_figures(400, 17);
	return 0;
}
