/* The monitor's memory side under a real vCPU: rights, fork, copy-on-write in every order, drop, protect, move, and a long random
 * run against a model in which every page carries its owner and generation. Frames must be back at their start. */
#include "memory_vm.h"

#define RW (KX_PROT_READ | KX_PROT_WRITE)
#define HEAP 0x7f0010000000ull   /* 64 MiB */
#define HEAP_PAGES 16384
#define STACK 0x7f7fffe00000ull
#define FILE_MAP 0x7f0100000000ull
#define OBJECT_MAP 0x7f0200000000ull
#define OBJECT_PAGES 64
#define SPOT 0x7f0300000000ull   /* where things are moved to */

static struct kx_region *heap(void)
{
	for (uint32_t i = 0; i < t.count; i++)
		if (t.regions[i].start == HEAP)
			return &t.regions[i];
	return NULL;
}

static uint64_t frames(void)
{
	struct memory_stats m;

	memory_statistics(&m);
	return m.frames_used;
}

/* An object of OBJECT_PAGES pages, number 5 a hole; in the first block of the commons. */
static void make_object(void)
{
	struct kx_object *o = memory_commons(KX_VA_COMMONS, KX_PAGE);
	uint64_t *chunks = memory_commons(KX_VA_COMMONS + PAGES(1), KX_PAGE);
	uint32_t *pages = memory_commons(KX_VA_COMMONS + PAGES(2), KX_PAGE);

	*o = (struct kx_object){ KX_OBJECT_MAGIC, OBJECT_PAGES, KX_VA_COMMONS + PAGES(1) };
	chunks[0] = KX_VA_COMMONS + PAGES(2);
	for (uint32_t i = 0; i < OBJECT_PAGES; i++)
		pages[i] = i == 5 ? 0 : 16 + i;
}

static void test_rights(void)
{
	struct space *s = space_create();
	uint64_t value;

	CHECK(load(s, HEAP, &value) == DONE && value == 0);
	CHECK(store(s, HEAP, 1, PAGES(1), 3000) == DONE && differ(s, HEAP, 1, PAGES(1), 3000) == 0);
	CHECK(store(s, CODE + 64, 1, 8, 1) == REFUSED);
	CHECK(guest(s, JUMP, HEAP, 0, 0, 0) == REFUSED);
	CHECK(load(s, 0x123000, &value) == REFUSED && load(s, HEAP - 8, &value) == REFUSED);
	CHECK(load(s, KX_VA_KERNEL, &value) == REFUSED && store(s, KX_VA_BOOT, 1, 8, 1) == REFUSED);
	CHECK(load(s, KX_VA_BOOT, &value) == DONE && load(s, KX_VA_IMAGE + PAGES(7), &value) == DONE && value == 0xbeef0007);
	CHECK(store(s, KX_VA_IMAGE, 1, 8, 1) == REFUSED);
	CHECK(load(s, 0x500000000000, &value) == REFUSED);
	heap()->prot = RW | KX_PROT_EXEC;
	CHECK(load(s, HEAP + PAGES(4000), &value) == REFUSED);
	heap()->prot = RW;
	space_destroy(s);
}

static void test_image(void)
{
	struct space *s = space_create(), *c;
	uint64_t value;

	/* 600 pages and 100 bytes of the file from its page 3 on */
	CHECK(differ(s, FILE_MAP, 0xbeef0003, PAGES(1), 600) == 0);
	CHECK(store(s, FILE_MAP + PAGES(10), 77, PAGES(1), 3) == DONE);
	CHECK(load(s, FILE_MAP + PAGES(600), &value) == DONE && value == 0xbeef0003 + 600);
	CHECK(load(s, FILE_MAP + PAGES(600) + 104, &value) == DONE && value == 0);
	CHECK(load(s, FILE_MAP + PAGES(601), &value) == REFUSED);
	c = space_fork(s, STACK);
	CHECK(store(c, FILE_MAP + PAGES(11), 99, PAGES(1), 1) == DONE);
	CHECK(differ(s, FILE_MAP + PAGES(10), 77, PAGES(1), 3) == 0 && differ(c, FILE_MAP + PAGES(11), 99, PAGES(1), 1) == 0);
	CHECK(differ(c, FILE_MAP + PAGES(12), 79, PAGES(1), 1) == 0 && differ(c, FILE_MAP + PAGES(13), 0xbeef0010, PAGES(1), 100) == 0);
	CHECK(*(uint64_t *)(t.image + PAGES(14)) == 0xbeef000e);
	space_destroy(c);
	space_destroy(s);
}

static void test_objects(void)
{
	struct space *s = space_create(), *c;
	uint64_t value, private = OBJECT_MAP + PAGES(1024);

	CHECK(store(s, OBJECT_MAP, 40, PAGES(1), 5) == DONE && store(s, OBJECT_MAP + PAGES(5), 1, 8, 1) == REFUSED);
	c = space_fork(s, STACK);
	CHECK(store(c, OBJECT_MAP, 50, PAGES(1), 5) == DONE && differ(s, OBJECT_MAP, 50, PAGES(1), 5) == 0);
	CHECK(store(s, OBJECT_MAP, 60, PAGES(1), 5) == DONE && differ(c, OBJECT_MAP, 60, PAGES(1), 5) == 0);
	CHECK(differ(c, private, 60, PAGES(1), 5) == 0 && store(c, private, 1, PAGES(1), 2) == DONE);
	CHECK(differ(c, private, 1, PAGES(1), 2) == 0 && differ(c, OBJECT_MAP, 60, PAGES(1), 5) == 0 && differ(s, private, 60, PAGES(1), 5) == 0);
	CHECK(load(s, OBJECT_MAP + PAGES(OBJECT_PAGES), &value) == REFUSED);
	/* an object that lies */
	uint64_t *chunks = memory_commons(KX_VA_COMMONS + PAGES(1), KX_PAGE);
	uint32_t *pages = memory_commons(KX_VA_COMMONS + PAGES(2), KX_PAGE);
	struct space *fresh = space_create();

	pages[0] = ~0u;
	CHECK(load(fresh, OBJECT_MAP, &value) == REFUSED);
	chunks[0] = KX_VA_TEXT;
	CHECK(load(fresh, OBJECT_MAP, &value) == REFUSED);
	chunks[0] = ~0ull - 3;
	CHECK(load(fresh, OBJECT_MAP + PAGES(1), &value) == REFUSED);
	make_object();
	space_destroy(fresh);
	space_destroy(c);
	space_destroy(s);
}

/* Both sides of a fork write, in the order the bits of order say; size and stride vary. */
static void fork_order(unsigned order, uint64_t pages, uint64_t stride)
{
	struct space *p = space_create(), *c;
	uint64_t n = pages / stride;

	CHECK(store(p, HEAP, 1000, PAGES(1), pages) == DONE);
	c = space_fork(p, STACK);
	if (order & 4) {
		CHECK(differ(p, HEAP, 1000, PAGES(1), pages) == 0);
		CHECK(differ(c, HEAP, 1000, PAGES(1), pages) == 0);
	}
	for (unsigned round = 0; round < 2; round++) {
		bool parent = (order ^ round) & 1;

		CHECK(store(parent ? p : c, HEAP, parent ? 1u << 20 : 2u << 20, PAGES(stride), n) == DONE);
		if (order & 2)
			CHECK(differ(c, HEAP, parent && !round ? 1000 : 2u << 20, PAGES(parent && !round ? 1 : stride), n) == 0);
	}
	CHECK(differ(p, HEAP, 1u << 20, PAGES(stride), n) == 0 && differ(c, HEAP, 2u << 20, PAGES(stride), n) == 0);
	if (stride > 1)
		for (uint64_t i = 1; i < pages; i += stride * 7 + 1)
			if (i % stride)
				CHECK(differ(p, HEAP + PAGES(i), 1000 + i, 1, 1) == 0 && differ(c, HEAP + PAGES(i), 1000 + i, 1, 1) == 0);
	space_destroy(order & 1 ? p : c);
	CHECK(store(order & 1 ? c : p, HEAP, 3u << 20, PAGES(1), pages) == DONE);
	CHECK(differ(order & 1 ? c : p, HEAP, 3u << 20, PAGES(1), pages) == 0);
	space_destroy(order & 1 ? c : p);
}

static void test_taking(void)
{
	struct space *s = space_create();
	uint64_t value;

	CHECK(store(s, HEAP, 1, PAGES(1), 2000) == DONE);
	CHECK(!space_drop(s, HEAP + PAGES(3), PAGES(1000)));
	CHECK(load(s, HEAP + PAGES(3), &value) == DONE && value == 0 && load(s, HEAP + PAGES(1002), &value) == DONE && value == 0);
	CHECK(differ(s, HEAP, 1, PAGES(1), 3) == 0 && differ(s, HEAP + PAGES(1003), 1004, PAGES(1), 997) == 0);
	heap()->prot = KX_PROT_READ;
	CHECK(!space_protect(s, HEAP, PAGES(HEAP_PAGES)));
	CHECK(store(s, HEAP, 9, 8, 1) == REFUSED && differ(s, HEAP, 1, PAGES(1), 3) == 0);
	heap()->prot = RW;
	CHECK(store(s, HEAP, 9, 8, 1) == DONE && differ(s, HEAP, 9, 8, 1) == 0);
	heap()->prot = 0;
	CHECK(!space_protect_as(s, HEAP, PAGES(HEAP_PAGES), t.regions, t.count) && load(s, HEAP, &value) == REFUSED);
	heap()->prot = KX_PROT_READ;
	CHECK(load(s, HEAP, &value) == DONE && value == 9 && store(s, HEAP, 9, 8, 1) == REFUSED);
	heap()->prot = RW;
	CHECK(store(s, HEAP, 9, 8, 1) == DONE && differ(s, HEAP + PAGES(1003), 1004, PAGES(1), 997) == 0);
	heap()->prot = KX_PROT_READ;
	CHECK(!space_protect_as(s, HEAP, PAGES(HEAP_PAGES), t.regions, t.count) && store(s, HEAP + PAGES(1500), 9, 8, 1) == REFUSED);
	heap()->prot = RW;
	for (unsigned i = 0; i < 3; i++) { /* to an odd place, and block by block */
		uint64_t spot = SPOT + (i ? (uint64_t)i << 30 : PAGES(13));

		CHECK(store(s, HEAP, 5, PAGES(1), 1600) == DONE && !space_move(s, HEAP, PAGES(1600), spot));
		CHECK(load(s, HEAP, &value) == DONE && value == 0 && differ(s, spot, 5, PAGES(1), 1600) == 0);
		CHECK(!space_move(s, spot, PAGES(1600), HEAP) && differ(s, HEAP, 5, PAGES(1), 1600) == 0);
		CHECK(load(s, spot, &value) == DONE && value == 0);
	}
	CHECK(space_drop(s, HEAP + 1, PAGES(1)) && space_drop(s, 0, PAGES(1)) && space_drop(s, HEAP, ~0xfffull) &&
		space_move(s, HEAP, PAGES(4), HEAP + PAGES(2)) && space_protect(s, KX_USER_MAX, PAGES(1)));
	CHECK(!space_drop(s, KX_USER_MIN, KX_USER_MAX - KX_USER_MIN));
	CHECK(load(s, HEAP, &value) == DONE && value == 0 && load(s, KX_VA_BOOT, &value) == DONE);
	space_destroy(s);
}

/* The family's limit: no memory is an answer, and what there was is still there. */
static void test_limit(void)
{
	struct space *s = space_create(), *c;
	struct memory_stats m;
	uint64_t fill, value;

	memory_statistics(&m);
	fill = (m.limit - m.frames_used) * 6 / 10;
	CHECK(fill < HEAP_PAGES * 64);
	CHECK(store(s, SPOT, 1, PAGES(1), fill) == DONE);
	c = space_fork(s, STACK);
	CHECK(store(c, SPOT, 1 << 20, PAGES(1), fill) == EXHAUSTED);
	CHECK(differ(s, SPOT, 1, PAGES(1), fill) == 0);
	CHECK(load(c, SPOT, &value) == DONE && value == 1 << 20);
	space_destroy(s);
	CHECK(store(c, SPOT, 2 << 20, PAGES(1), fill) == DONE && differ(c, SPOT, 2 << 20, PAGES(1), fill) == 0);
	space_destroy(c);
}

/* ---- Random operations against a model --------------------------------------------------------------------------- */

#define ACTORS 5
static struct actor { struct space *space; uint64_t *page; } actors[ACTORS]; /* page: what each holds; 0 untouched */
static uint64_t generation = 1, seed;

static uint64_t roll(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static void model_check(struct actor *a, uint64_t from, uint64_t n)
{
	for (uint64_t i = from, run; i < from + n; i += run) {
		run = 1;
		while (i + run < from + n && a->page[i] && a->page[i + run] == a->page[i] + run)
			run++;
		CHECK(differ(a->space, HEAP + PAGES(i), a->page[i], PAGES(1), run) == 0);
	}
}

static void model_write(struct actor *a, uint64_t from, uint64_t n)
{
	uint64_t stamp = ((uint64_t)(a - actors) + 1) << 56 | generation << 20;

	generation++;
	CHECK(store(a->space, HEAP + PAGES(from), stamp, PAGES(1), n) == DONE);
	for (uint64_t i = 0; i < n; i++)
		a->page[from + i] = stamp + i;
}

static void model_step(void)
{
	struct actor *a = &actors[roll(ACTORS)], *b = &actors[roll(ACTORS)];
	uint64_t from = roll(HEAP_PAGES), n = 1 + roll(roll(4) ? 40 : 3000);

	t.known = roll(2);
	if (from + n > HEAP_PAGES)
		n = HEAP_PAGES - from;
	if (!a->space) {
		if (b->space) {
			a->space = space_fork(b->space, HEAP + PAGES(from));
			CHECK(a->space);
			memcpy(a->page, b->page, HEAP_PAGES * sizeof *a->page);
		} else {
			a->space = space_create();
			memset(a->page, 0, HEAP_PAGES * sizeof *a->page);
		}
		return;
	}
	switch (roll(16)) {
	case 0:
		space_destroy(a->space);
		a->space = NULL;
		break;
	case 1:
		CHECK(!space_drop(a->space, HEAP + PAGES(from), PAGES(n)));
		memset(a->page + from, 0, n * sizeof *a->page);
		break;
	case 2:
		heap()->prot = roll(2) ? KX_PROT_READ : 0;
		CHECK(!space_protect_as(a->space, HEAP + PAGES(from), PAGES(n), t.regions, roll(2) ? t.count : 0));
		CHECK(store(a->space, HEAP + PAGES(from + roll(n)), 1, 1, 1) == REFUSED);
		if (heap()->prot)
			model_check(a, from, n);
		heap()->prot = RW;
		break;
	case 3: {
		uint64_t spot = SPOT + PAGES(roll(2) ? from : from + roll(4000));

		CHECK(!space_move(a->space, HEAP + PAGES(from), PAGES(n), spot));
		if (roll(2)) /* goes when what was there comes back */
			CHECK(store(a->space, HEAP + PAGES(from), 1, PAGES(1), n) == DONE);
		CHECK(!space_move(a->space, spot, PAGES(n), HEAP + PAGES(from)));
		break;
	}
	case 4:
		space_divert(a->space);
		break;
	default:
		model_write(a, from, n);
	}
	if (a->space)
		model_check(a, from, n);
	if (b->space)
		model_check(b, from, n);
}

static void test_random(uint64_t steps)
{
	for (int i = 0; i < ACTORS; i++)
		actors[i].page = calloc(HEAP_PAGES, sizeof *actors[i].page);
	for (uint64_t i = 0; i < steps; i++)
		model_step();
	for (int i = 0; i < ACTORS; i++) {
		if (actors[i].space) {
			model_check(&actors[i], 0, HEAP_PAGES);
			space_destroy(actors[i].space);
		}
		actors[i].space = NULL;
		free(actors[i].page);
	}
}

/* Forks without end, a few children alive; what lives long must not pin the slabs of page tables. */
static void test_many_forks(uint64_t forks)
{
	struct space *p = space_create(), *child[8] = {0};
	struct memory_stats before, after;

	CHECK(store(p, HEAP, 1, PAGES(1), 2000) == DONE && store(p, STACK, 1, PAGES(1), 16) == DONE);
	memory_statistics(&before);
	for (uint64_t i = 0; i < forks; i++) {
		struct space **slot = &child[i * 7 % 8], *c;

		if (*slot)
			space_destroy(*slot);
		*slot = c = space_fork(p, STACK + PAGES(4));
		CHECK(c);
		CHECK(store(c, STACK + PAGES(4), i, 8, 1) == DONE && store(c, HEAP + PAGES(i % 2000), i + (1u << 20), 8, 1) == DONE);
		CHECK(store(p, STACK + PAGES(4), i, 8, 1) == DONE && store(p, HEAP + PAGES(i * 13 % 2000), i * 13 % 2000 + 1, 8, 1) == DONE);
		if (i % 16 == 0)
			CHECK(differ(p, HEAP, 1, PAGES(1), 2000) == 0 && differ(c, HEAP + PAGES(i % 2000), i + (1u << 20), 8, 1) == 0);
	}
	memory_statistics(&after);
	CHECK(after.zaps > before.zaps);
	for (int i = 0; i < 8; i++)
		if (child[i])
			space_destroy(child[i]);
	space_destroy(p);
}

/* A recycled page or table shows nothing of its former owner. */
static void test_recycled(void)
{
	for (int round = 0; round < 6; round++) {
		struct space *s = space_create();

		for (uint64_t at = 0; at < PAGES(3000); at += PAGES(1) + 512)
			CHECK(differ(s, HEAP + at / 8 * 8, 0, 1, 1) == 0);
		for (uint64_t at = 0; at < KX_PAGE; at += 512)
			CHECK(store(s, HEAP + at, 0xdeadbeef, PAGES(1), 3000) == DONE);
		space_destroy(s);
	}
}

static uint64_t address(void)
{
	static const uint64_t near[] = { HEAP, STACK, FILE_MAP, OBJECT_MAP, KX_VA_SHARED, KX_VA_COMMONS, KX_VA_KERNEL_END, KX_USER_MAX, 0, ~0ull, 1ull << 47 };

	return near[roll(11)] + PAGES(roll(64)) - PAGES(roll(64)) + (roll(8) ? 0 : roll(KX_PAGE)) + (roll(8) ? 0 : roll(~0ull));
}

/* A region table, objects and arguments that are nonsense: answers, whatever they are, and no harm. */
static void test_hostile(uint64_t rounds)
{
	struct kx_region kept[64];
	uint8_t *commons = memory_commons(KX_VA_COMMONS, PAGES(4));
	uint32_t count = t.count;

	memcpy(kept, t.regions, sizeof kept);
	for (uint64_t i = 0; i < rounds; i++) {
		struct space *s = space_create(), *c;

		for (uint32_t k = 0; k < 64; k++) {
			uint64_t start = address();

			t.regions[k] = (struct kx_region){ start, roll(4) ? start + PAGES(roll(700)) : address(), (uint32_t)roll(9), (uint32_t)roll(6),
				roll(2) ? KX_VA_COMMONS + 8 * roll(600) : address(), roll(2) ? roll(PAGES(9)) : address(), 0, 0 };
		}
		for (uint32_t k = 0; k < PAGES(4) / 8; k += 1 + (uint32_t)roll(9))
			((uint64_t *)commons)[k] = roll(3) ? address() : KX_OBJECT_MAGIC;
		for (uint32_t k = 0; k < 100; k++) {
			struct space_fault f = { .address = address(), .write = roll(2), .exec = !roll(4), .unknown = roll(2), .present = roll(2) };

			t.count = 1 + (uint32_t)roll(64);
			space_fault(s, &f, t.regions + roll(64 - t.count + 1), t.count);
		}
		c = space_fork(s, address());
		for (uint32_t k = 0; k < 12; k++) {
			space_drop(c, address(), roll(2) ? PAGES(roll(2000)) : address());
			space_protect_as(s, address(), PAGES(roll(2000)), t.regions, 64);
			space_move(s, address(), PAGES(roll(2000)), address());
		}
		space_destroy(s);
		space_destroy(c);
	}
	memcpy(t.regions, kept, sizeof kept);
	t.count = count;
	memset(commons, 0, PAGES(4));
	make_object();
}

int main(int argc, char **argv)
{
	uint64_t start, steps = argc > 1 ? strtoull(argv[1], NULL, 0) : 600, forks = argc > 2 ? strtoull(argv[2], NULL, 0) : 1500;
	struct kx_region *r;

	seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 0x9e3779b97f4a7c15;
	setvbuf(stdout, NULL, _IOLBF, 0);
	vm_init(768ull << 20);
	CHECK(memory_commons_grow(1) == 1);
	make_object();
	region(HEAP, HEAP_PAGES, RW, KX_REGION_ANON);
	region(STACK, 16, RW, KX_REGION_ANON);
	region(SPOT, HEAP_PAGES * 64, RW, KX_REGION_ANON);
	r = region(FILE_MAP, 700, RW, KX_REGION_IMAGE);
	r->source = PAGES(3);
	r->offset = PAGES(600) + 100;
	memset(t.image + PAGES(603) + 100, 0xee, 100);
	region(OBJECT_MAP, OBJECT_PAGES * 2, RW, KX_REGION_OBJECT)->source = KX_VA_COMMONS;
	region(OBJECT_MAP + PAGES(1024), OBJECT_PAGES, RW, KX_REGION_OBJECT_PRIVATE)->source = KX_VA_COMMONS;
	start = frames();
#define RUN(call) do { call; printf("%-40s frames %+ld\n", #call, (long)(frames() - start)); CHECK(frames() == start); } while (0)
	for (int known = 0; known < 2; known++) {
		t.known = known;
		RUN(test_rights());
		RUN(test_image());
		RUN(test_objects());
		RUN(test_taking());
		for (unsigned order = 0; order < 8; order++) {
			fork_order(order, 40, 1);
			fork_order(order, 3000, 1);
			fork_order(order, 3000, 37);
			fork_order(order, 8000, 700);
		}
		RUN(test_recycled());
	}
	RUN(test_hostile(steps));
	RUN(test_limit());
	RUN(test_random(steps));
	RUN(test_many_forks(forks));
	printf("ok %lu faults\n", t.faults);
	return 0;
}
