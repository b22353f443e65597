/* Another space: text and constants are copies of this program's, at the same addresses. */
#include "test.h"

#define TEXT 0x10000u
#define STACK_PAGES 2
#define PATIENCE_US 200000

extern const char read_only_end[];

struct other other_make(unsigned limit, unsigned highest)
{
	static const _Alignas(4) char name[8] = "other";
	unsigned pages = ((unsigned)read_only_end - TEXT) / MK_PAGE;
	struct other o = { .watch = (unsigned)mk_port_create(), .stacks = MK_STACK_TOP };
	char *copy = mk_pages(pages);

	o.space = (unsigned)mk_space_create(limit, o.watch, 1, name, highest);
	memcpy(copy, (const void *)TEXT, pages * MK_PAGE);
	IS(mk_move(o.space, TEXT, (unsigned)copy, pages, MK_READ | MK_EXECUTE), 0);
	return o;
}

unsigned other_run(struct other *o, void (*run)(unsigned), unsigned argument, unsigned priority)
{
	unsigned top = o->stacks;
	int task;

	o->stacks -= (STACK_PAGES + 1) * MK_PAGE;
	IS(mk_map(o->space, top - STACK_PAGES * MK_PAGE, STACK_PAGES, MK_READ | MK_WRITE), 0);
	task = mk_task_create(o->space, (unsigned)run, top, argument, priority);
	CHECK(task >= 0);
	IS(mk_task_start((unsigned)task), 0);
	return (unsigned)task;
}

unsigned other_give(const struct other *o, unsigned handle, unsigned rights)
{
	int there = mk_give(o->space, handle, rights);

	CHECK(there >= 0);
	return (unsigned)there;
}

unsigned other_ended(struct other *o)
{
	struct mk_message m;
	struct mk_status status = { 0 };

	IS(mk_receive(o->watch, &m, PATIENCE_US), 0);
	IS(mk_space_status(o->space, &status), 0);
	mk_drop(o->space);
	mk_drop(o->watch);
	return status.ended;
}

void other_kill(struct other *o)
{
	IS(mk_space_kill(o->space), 0);
	other_ended(o);
}

struct counts counts_now(void)
{
	return (struct counts){ mk_info(MK_INFO_FREE_PAGES), mk_info(MK_INFO_OBJECTS), mk_info(MK_INFO_TASKS) };
}

void counts_same(const struct counts *before, const char *what)
{
	struct counts now = counts_now();

	check_is(now.pages, before->pages, what, 0, "free pages");
	check_is(now.objects, before->objects, what, 0, "objects");
	check_is(now.tasks, before->tasks, what, 0, "tasks");
}
