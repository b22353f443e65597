/* How late the most urgent task is that a timer wakes, while one below it makes the longest calls that there are: over all pages of
 * the machine, and the ends of spaces that have them. In virtual time, so the bound holds on every host or on none. */
#include "test.h"
#include "../lib/periods.h"

#define FAR 0x20000000u
#define PERIOD_US 94
#define LATEST 2500               /* instructions from when it was due; a page takes some 800 to be zeroed */
#define LEFT_PAGES 64             /* for tables and what the test itself needs */
#define MIB4 0x400000u
#define VICTIMS 100

static const _Alignas(4) char name[8] = "latency";

/* work: for some periods at least, each time. */
static void in_time_while(void (*work)(void), unsigned least)
{
	struct mk_periods timer = { .period_us = PERIOD_US };
	unsigned task = thread(mk_periods_watch, &timer, HIGHEST), late;

	for (unsigned i = 0; i < 3; i++)
		work();
	timer.stop = true;
	mk_sleep(3 * PERIOD_US);
	end(task);
	late = mk_periods_latest_ns(&timer);
	mk_print("test: %u periods, the latest after %u instructions\n", timer.seen, late);
	CHECK(timer.seen >= 3 * least);
	IS(timer.missed, 0);
	CHECK(late <= LATEST);
}

static unsigned most_pages(void)
{
	return (unsigned)mk_info(MK_INFO_FREE_PAGES) - LEFT_PAGES;
}

static void map_and_unmap(void)
{
	unsigned pages = most_pages();

	IS(mk_map(MK_SELF, FAR, pages, MK_READ | MK_WRITE), 0);
	IS(mk_map(MK_SELF, FAR - 0x8000000, pages, MK_READ | MK_WRITE), MK_EMEMORY);
	IS(mk_map(MK_SELF, FAR - MK_PAGE, 8, MK_READ), MK_EADDRESS);
	*(volatile unsigned *)(FAR + (pages - 1) * MK_PAGE) = 1;
	IS(mk_unmap(MK_SELF, FAR, pages), 0);
	IS(mk_info(MK_INFO_FREE_PAGES) >= (int)pages, 1);
}

static void pages_in_calls(void) { in_time_while(map_and_unmap, 20); }

/* Interrupted or not, a call leaves what is not its result. */
static void map_by_hand(void)
{
	register unsigned r0 __asm__("r0") = MK_SELF, r1 __asm__("r1") = FAR, r2 __asm__("r2") = 1000, r3 __asm__("r3") = MK_READ;
	register unsigned r12 __asm__("r12") = MK_MAP;

	__asm__ volatile("svc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r12)::"memory");
	const unsigned after[] = { r0, r1, r2, r3, r12 };

	IS(after[0], 0);
	IS(after[1], FAR);
	IS(after[2], 1000);
	IS(after[3], MK_READ);
	IS(after[4], MK_MAP);
	IS(mk_unmap(MK_SELF, FAR, 1000), 0);
}

static void registers_are_kept(void) { in_time_while(map_by_hand, 5); }

static void intrude(void *page)
{
	mk_sleep(500);
	IS(mk_map(MK_SELF, (unsigned)page, 1, MK_READ), 0);
	mk_exit(0);
}

/* Another task takes the last page while the call is interrupted: those before are there. */
static void half_way(void)
{
	int before = mk_info(MK_INFO_FREE_PAGES);
	unsigned last = FAR + 999 * MK_PAGE, task = thread(intrude, (void *)last, PRIORITY + 1);

	IS(mk_map(MK_SELF, FAR, 1000, MK_READ | MK_WRITE), MK_EADDRESS);
	IS(mk_map(MK_SELF, FAR, 1, MK_READ), MK_EADDRESS);
	*(volatile unsigned *)(last - MK_PAGE) = 1;
	IS(mk_unmap(MK_SELF, FAR, 1000), 0);
	CHECK(mk_info(MK_INFO_FREE_PAGES) >= before - 8); /* a stack and tables */
	end(task);
}

static void move_and_end(void)
{
	unsigned space = (unsigned)mk_space_create(0xffffffff, MK_NONE, 0, name, 1), pages = most_pages();
	struct mk_status status = { 0 };

	IS(mk_map(MK_SELF, FAR, pages, MK_READ | MK_WRITE), 0);
	IS(mk_move(space, FAR, FAR, pages, MK_READ), 0);
	IS(mk_space_status(space, &status), 0);
	CHECK(status.pages > pages);
	IS(mk_space_kill(space), 0);
	IS(mk_space_status(space, &status), 0);
	IS(status.pages, 0); /* who ends a space goes on when all of it is back */
	mk_drop(space);
}

static void moves_and_ends(void) { in_time_while(move_and_end, 20); }

/* One page in each 4 MiB, and a range over all of them. */
static void sparse(void)
{
	unsigned space = (unsigned)mk_space_create(0xffffffff, MK_NONE, 0, name, 1);

	for (unsigned va = MIB4; va < MK_USER_END; va += MIB4)
		IS(mk_map(space, va, 1, MK_READ), 0);
	IS(mk_unmap(space, MK_PAGE, MK_USER_END / MK_PAGE / 2), 0);
	IS(mk_map(space, MK_PAGE, MK_USER_END / MK_PAGE - 1, MK_READ), MK_EMEMORY);
	IS(mk_space_kill(space), 0);
	mk_drop(space);
}

static void wide_ranges(void) { in_time_while(sparse, 5); }

static void devices_memory(void)
{
	unsigned pages = 0;

	for (unsigned i = 0; i < mk_started->devices; i++)
		if (mk_started->device[i].kind == MK_DEVICE_INITRD)
			pages = mk_started->device[i].pages;
	IS(mk_device_map(device(MK_DEVICE_INITRD), FAR), 0);
	IS(mk_unmap(MK_SELF, FAR, pages), 0);
}

static void device_in_calls(void) { in_time_while(devices_memory, 1); }

static void wait_for_ever(unsigned port)
{
	struct mk_message m = { 0 };

	mk_call(port, &m, 0);
	mk_exit(0);
}

/* With a full table of handles, whose last they are, and many tasks that all wait. */
static void crowd(void)
{
	unsigned port = (unsigned)mk_port_create();
	struct other o = other_make(1024, HIGHEST);
	unsigned there = other_give(&o, port, MK_RIGHT_SEND);
	int handle;

	for (unsigned i = 0; i < VICTIMS; i++)
		mk_drop(other_run(&o, wait_for_ever, there, 3));
	do {
		unsigned semaphore = (unsigned)mk_sem_create(0);

		handle = mk_give(o.space, semaphore, MK_RIGHT_ALL);
		mk_drop(semaphore);
	} while (handle >= 0);
	IS(handle, MK_EFULL);
	mk_sleep(2000);
	other_kill(&o);
	mk_drop(port);
}

static void many_tasks(void) { in_time_while(crowd, 5); }

/* Lent pages are copied when they are taken back. */
static void borrower(void *port)
{
	struct mk_message m = { 0 };

	mk_window(mk_region(MK_GRANT_PAGES), MK_GRANT_PAGES);
	for (;;) {
		unsigned token = (unsigned)mk_receive((unsigned)port, &m, 0);

		mk_sleep(1000);
		m.tag = 0;
		mk_reply(token, &m); /* too late */
	}
}

static void lend_and_take_back(void)
{
	unsigned port = (unsigned)mk_port_create(), task = thread(borrower, (void *)port, PRIORITY + 1);
	char *pages = mk_pages(MK_GRANT_PAGES);

	for (unsigned i = 0; i < 8; i++) {
		struct mk_message m = { .tag = MK_TAG(0, 9) | MK_TAG_GRANT };

		m.word[7] = (unsigned)pages | MK_READ | MK_WRITE;
		m.word[8] = MK_GRANT_PAGES;
		IS(mk_call(port, &m, 50), MK_ETIMEOUT);
		if (i % 2)
			IS(mk_revoke(), MK_GRANT_PAGES);
		else
			IS(mk_call(port, &m, 50), MK_ETIMEOUT); /* takes them back first; nobody receives it */
		IS(mk_revoke(), 0);
		mk_sleep(1100);
	}
	end(task);
	mk_drop(port);
	mk_pages_free(pages, MK_GRANT_PAGES);
}

static void grants_taken_back(void) { in_time_while(lend_and_take_back, 20); }

const struct test latency_tests[] = {
	{ "pages_in_calls", pages_in_calls }, { "registers_are_kept", registers_are_kept }, { "half_way", half_way }, { "moves_and_ends", moves_and_ends }, { "wide_ranges", wide_ranges },
	{ "device_in_calls", device_in_calls }, { "many_tasks", many_tasks }, { "grants_taken_back", grants_taken_back }, { 0 },
};
