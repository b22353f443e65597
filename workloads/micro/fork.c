/* fork: returned in the parent, first statement in the child, and the whole of fork, exit (or exec) and wait. */
#include "memory.h"
#include "micro.h"
#include "probes.h"

#include <stdatomic.h>
#include <unistd.h>

enum { CHILD_EXIT, CHILD_EXEC };
enum { REDIRTY_ALL, REDIRTY_NONE };

static const char *const children[] = { "exit", "exec", NULL };
static const char *const redirties[] = { "all", "none", NULL };
static long long dirty_mib, pages, child_does, redirty, touch_pages;
static const struct micro_option options[] = {
	{ "dirty-mib", &dirty_mib, 0, 65536, NULL, NULL, "MiB dirtied before the first fork" },
	{ "pages", &pages, 0, 0, memory_pages, NULL, "default, huge (advised) or none (huge pages refused)" },
	{ "child", &child_does, 0, 0, children, NULL, "the child exits, or executes tiny-dynamic" },
	{ "redirty", &redirty, 0, 0, redirties, NULL, "before each further fork, write all pages again, or none" },
	{ "touch-pages", &touch_pages, 0, 1 << 20, NULL, NULL, "after it, both sides write this many pages, and their stacks" },
	{ 0 },
};

struct series {
	struct micro_series *parent, *child, *total;
};

static _Atomic uint64_t *child_at;
static char *tiny[] = { NULL, NULL };
static unsigned char *memory;

/* What a program does next: its stack and some of its data are written, here a page after the other. */
static void touch(void)
{
	unsigned char stack[2 * PAGE_BYTES];

	for (size_t at = 0; at < sizeof(stack); at += PAGE_BYTES)
		((volatile unsigned char *)stack)[at] = 1;
	for (long long page = 0; page < touch_pages; page++)
		memory[page * PAGE_BYTES]++;
}

static void fork_once(uint64_t i, const struct series *to)
{
	uint64_t begin, parent_at, reaped_at;
	pid_t child;

	PROBE(fork_begin, i);
	begin = now_ns();
	child = fork();
	if (child == 0) {
		atomic_store_explicit(child_at, now_ns(), memory_order_relaxed);
		PROBE(fork_child, i);
		if (child_does == CHILD_EXEC) {
			execv(tiny[0], tiny);
			die_errno(tiny[0]);
		}
		if (touch_pages)
			touch();
		_exit(0);
	}
	parent_at = now_ns();
	PROBE(fork_parent, i);
	if (child < 0)
		die_errno("fork");
	if (touch_pages)
		touch();
	reaped_at = micro_reap(child);
	PROBE(fork_reaped, i);
	micro_add(to->parent, (double)(parent_at - begin));
	micro_add(to->child, (double)(atomic_load(child_at) - begin));
	micro_add(to->total, (double)(reaped_at - begin));
}

int main(int argc, char **argv)
{
	struct series first, later;
	size_t most;

	micro.iterations = 2000;
	micro_start("fork", argc, argv, options);
	most = (size_t)micro.iterations;
	first.parent = micro_series("first_parent", "ns", "lower", NULL, 1,
				    "the process's first fork: call to return in the parent");
	first.child = micro_series("first_child", "ns", "lower", NULL, 1,
				   "the process's first fork: call to the child's first statement");
	first.total = micro_series("first_total", "ns", "lower", NULL, 1,
				   "the process's first fork: call to waitpid returned");
	later.parent = micro_series("parent", "ns", "lower", NULL, most, "fork called to returned in the parent");
	later.child = micro_series("child", "ns", "lower", NULL, most, "fork called to the child's first statement");
	later.total = micro_series("total", "ns", "lower", NULL, most, "fork called to waitpid returned in the parent");
	if (touch_pages * PAGE_BYTES > dirty_mib << 20)
		die_usage("--touch-pages: more than --dirty-mib has");
	child_at = micro_shared(sizeof(*child_at));
	if (child_does == CHILD_EXEC)
		tiny[0] = (char *)micro_sibling("tiny-dynamic");
	micro_pin(0);
	memory = memory_dirty(dirty_mib, (enum memory_pages)pages);
	micro_budget(100);
	for (long long i = 0; micro_more(i); i++) {
		if (i && redirty == REDIRTY_ALL)
			memory_redirty(memory, dirty_mib);
		fork_once((uint64_t)i, i ? &later : &first);
	}
	return micro_finish();
}
