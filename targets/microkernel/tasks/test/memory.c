/* Memory: limits of a space and of the machine, and that all of it comes back. */
#include "test.h"

#define FAR 0x20000000u
#define CHUNK 64u

static const _Alignas(4) char name[8] = "memory";

static void limit_of_a_space(void)
{
	struct counts before = counts_now();
	unsigned space = (unsigned)mk_space_create(10, MK_NONE, 0, name, HIGHEST);
	struct mk_status status;

	IS(mk_map(space, FAR, 8, MK_READ), MK_EMEMORY); /* two are its tables', one the pages' table */
	IS(mk_map(space, FAR, 7, MK_READ), 0);
	IS(mk_map(space, FAR + 7 * MK_PAGE, 1, MK_READ), MK_EMEMORY);
	IS(mk_space_status(space, &status), 0);
	IS(status.pages, 10);
	IS(mk_device_map(device(MK_DEVICE_INITRD), FAR), 0); /* our own */
	IS(mk_unmap(MK_SELF, FAR, 4096), 0);
	IS(mk_unmap(space, FAR, 4), 0);
	IS(mk_map(space, FAR, 4, MK_READ | MK_WRITE), 0);
	IS(mk_space_kill(space), 0);
	mk_drop(space);
	CHECK(mk_info(MK_INFO_FREE_PAGES) >= before.pages - 1); /* a table for our own map */
}

static void all_of_the_machine(void)
{
	unsigned space = (unsigned)mk_space_create(0xffffffff, MK_NONE, 0, name, HIGHEST), chunks = 0;
	struct counts before = counts_now();
	struct other o;

	while (mk_map(space, FAR + chunks * CHUNK * MK_PAGE, CHUNK, MK_READ | MK_WRITE) == 0)
		chunks++;
	CHECK(chunks > 10);
	CHECK(mk_info(MK_INFO_FREE_PAGES) <= (int)CHUNK + 2);
	for (unsigned i = 0; mk_map(space, FAR + chunks * CHUNK * MK_PAGE + i * MK_PAGE, 1, MK_READ) == 0; i++)
		;
	IS(mk_map(MK_SELF, FAR, 1, MK_READ), MK_EMEMORY);
	IS(mk_space_create(8, MK_NONE, 0, name, HIGHEST), MK_EMEMORY);
	CHECK(!mk_pages(1));
	CHECK(!mk_alloc(100000));
	IS(mk_unmap(space, FAR, chunks * CHUNK + CHUNK), 0);
	IS(mk_space_kill(space), 0);
	mk_drop(space);
	CHECK(mk_info(MK_INFO_FREE_PAGES) >= before.pages);
	o = other_make(64, HIGHEST); /* and goes on */
	other_kill(&o);
}

static void pages_are_zeroed(void)
{
	for (unsigned round = 0; round < 3; round++) {
		unsigned *words = mk_pages(4), sum = 0;

		for (unsigned i = 0; i < 4 * MK_PAGE / 4; i++) {
			sum |= words[i];
			words[i] = 0xdeadbeef;
		}
		IS(sum, 0);
		mk_pages_free(words, 4);
	}
}

static void moved(void)
{
	unsigned space = (unsigned)mk_space_create(16, MK_NONE, 0, name, HIGHEST), *words = mk_pages(2), back = (unsigned)mk_region(1);
	struct counts before = counts_now();

	words[0] = 7;
	IS(mk_move(space, FAR, (unsigned)words, 2, MK_READ), 0);
	IS(mk_log((const char *)words, 4), MK_EADDRESS); /* here no more */
	IS(mk_info(MK_INFO_FREE_PAGES), before.pages - 1); /* a table there */
	words = mk_pages(1);
	words[0] = 9;
	IS(mk_move(MK_SELF, back, (unsigned)words, 1, MK_READ | MK_WRITE), 0);
	IS(*(unsigned *)back, 9);
	IS(mk_move(space, FAR, back, 1, MK_READ), MK_EADDRESS); /* taken */
	IS(mk_move(space, FAR + 16 * MK_PAGE, back, 1, MK_READ | MK_WRITE | MK_EXECUTE), MK_EARGUMENT);
	mk_unmap(MK_SELF, back, 1);
	IS(mk_space_kill(space), 0);
	mk_drop(space);
}

static void unmapped_in_holes(void)
{
	struct counts before = counts_now();
	unsigned at = (unsigned)mk_region(8);

	IS(mk_map(MK_SELF, at + MK_PAGE, 1, MK_READ), 0);
	IS(mk_map(MK_SELF, at + 5 * MK_PAGE, 2, MK_READ), 0);
	IS(mk_unmap(MK_SELF, at, 8), 0);
	IS(mk_unmap(MK_SELF, at, 8), 0);
	counts_same(&before, "unmapped in holes");
}

const struct test memory_tests[] = {
	{ "limit_of_a_space", limit_of_a_space }, { "all_of_the_machine", all_of_the_machine }, { "pages_are_zeroed", pages_are_zeroed },
	{ "moved", moved }, { "unmapped_in_holes", unmapped_in_holes }, { 0 },
};
