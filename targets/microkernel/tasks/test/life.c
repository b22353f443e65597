/* Tasks and spaces: until there are no more, and what comes back when they end. */
#include "test.h"

static const _Alignas(4) char name[8] = "life";

static void exit_with(unsigned status) { mk_exit((int)status); }

static void spin(unsigned unused)
{
	(void)unused;
	for (;;)
		;
}

static void how_it_ended(void)
{
	struct other o = other_make(64, HIGHEST);
	struct mk_status status;
	unsigned task;

	mk_drop(other_run(&o, exit_with, 42, PRIORITY + 1));
	IS(mk_space_status(o.space, &status), 0);
	IS(status.ended, 42);
	IS(status.pages, 0);
	IS(mk_map(o.space, 0x30000000, 1, MK_READ), MK_EDEAD);
	IS(mk_space_kill(o.space), MK_EDEAD);
	IS(other_ended(&o), 42);
	o = other_make(64, HIGHEST);
	task = other_run(&o, spin, 0, PRIORITY - 1);
	IS(mk_space_status(o.space, &status), 1);
	IS(mk_task_start(task), MK_EBUSY);
	IS(mk_task_kill(task), 0);
	IS(mk_task_kill(task), MK_EDEAD);
	IS(mk_task_priority(task, 3), MK_EDEAD);
	mk_drop(task);
	IS(other_ended(&o), MK_ENDED_KILLED);
}

static void space_with_its_tasks(void)
{
	struct counts before = counts_now();
	struct other o = other_make(64, HIGHEST);

	for (unsigned i = 0; i < 4; i++)
		mk_drop(other_run(&o, spin, 0, 3 + i));
	mk_sleep(1000);
	other_kill(&o);
	counts_same(&before, "space with its tasks");
}

static void all_tasks(void)
{
	struct counts before = counts_now();
	unsigned spaces[4], used = 0, made = 0;
	int h = 0;

	/* Handles of one space do not suffice for all tasks: other spaces hold some. */
	for (unsigned s = 0; s < 4; s++)
		spaces[used++] = (unsigned)mk_space_create(8, MK_NONE, 0, name, HIGHEST);
	for (unsigned s = 0; s < used && h >= 0; s++)
		for (unsigned i = 0; i < 100; i++) {
			h = mk_task_create(spaces[s], 0x10000, MK_STACK_TOP, 0, 1);
			if (h < 0)
				break;
			CHECK(mk_give(spaces[s], (unsigned)h, 0) >= 0);
			mk_drop((unsigned)h);
			made++;
		}
	IS(h, MK_EFULL);
	IS(made + (unsigned)before.tasks, MK_TASKS - 1);
	for (unsigned s = 0; s < used; s++) {
		IS(mk_space_kill(spaces[s]), 0);
		mk_drop(spaces[s]);
	}
	counts_same(&before, "all tasks");
}

static void all_spaces(void)
{
	struct counts before = counts_now();
	unsigned spaces[MK_SPACES], made = 0;
	int h;

	while ((h = mk_space_create(4, MK_NONE, 0, name, HIGHEST)) >= 0)
		spaces[made++] = (unsigned)h;
	IS(h, MK_EFULL);
	CHECK(made > MK_SPACES - 8);
	while (made)
		mk_drop(spaces[--made]); /* with its last handle, one without a task ends */
	counts_same(&before, "all spaces");
}

static void all_handles(void)
{
	struct counts before = counts_now();
	unsigned taken[MK_HANDLES], count = 0;
	int h;

	while ((h = mk_sem_create(0)) >= 0)
		taken[count++] = (unsigned)h;
	IS(h, MK_EFULL);
	IS(mk_mutex_create(), MK_EFULL);
	IS(mk_task_create(MK_SELF, 0x10000, MK_STACK_TOP, 0, 1), MK_EFULL);
	IS(mk_space_create(4, MK_NONE, 0, name, HIGHEST), MK_EFULL);
	IS(mk_timer_create(MK_NONE, 0), MK_EHANDLE);
	IS(mk_give(MK_SELF, taken[0], 0), MK_EFULL);
	while (count)
		IS(mk_drop(taken[--count]), 0);
	CHECK(mk_info(MK_INFO_OBJECTS) == before.objects && mk_info(MK_INFO_TASKS) == before.tasks);
}

static void stopped_and_unnamed(void)
{
	struct counts before = counts_now();

	for (unsigned i = 0; i < 2 * MK_TASKS; i++) {
		int task = mk_task_create(MK_SELF, 0x10000, MK_STACK_TOP, 0, 1);

		CHECK(task >= 0);
		mk_drop((unsigned)task); /* nobody can start it any more: it ends */
	}
	counts_same(&before, "stopped and unnamed");
}

/* Each space holds the last handle of the next: the end of the first is that of all. */
static void chain_of_spaces(void)
{
	struct counts before = counts_now();
	unsigned first = (unsigned)mk_space_create(4, MK_NONE, 0, name, HIGHEST), last = first, made = 1;
	int next;

	for (; (next = mk_space_create(4, MK_NONE, 0, name, HIGHEST)) >= 0; made++) {
		CHECK(mk_give(last, (unsigned)next, MK_RIGHT_ALL) >= 0);
		if (last != first)
			mk_drop(last);
		last = (unsigned)next;
	}
	CHECK(made > MK_SPACES - 8);
	mk_drop(last);
	mk_drop(first);
	counts_same(&before, "chain of spaces");
}

static void kills(void *space)
{
	mk_space_kill((unsigned)space);
	mk_exit(0);
}

/* Pages come back while nothing more urgent goes on; until all have, nobody else gets the space's place. */
static void end_under_way(void)
{
	int before = mk_info(MK_INFO_FREE_PAGES), made = 0;
	unsigned space = (unsigned)mk_space_create(0xffffffff, MK_NONE, 0, name, 1), spaces[MK_SPACES], killer;
	struct mk_status dying = { 0 }, status;

	IS(mk_map(space, 0x20000000, 2000, MK_READ), 0);
	killer = thread(kills, (void *)space, PRIORITY - 1);
	mk_sleep(20);
	IS(mk_space_status(space, &dying), 0);
	CHECK(dying.pages > 100 && dying.pages < 2000);
	IS(mk_unmap(space, 0x20000000, 1), MK_EDEAD);
	mk_drop(space);
	for (int h; (h = mk_space_create(4, MK_NONE, 0, name, 1)) >= 0; made++) {
		spaces[made] = (unsigned)h;
		mk_space_status((unsigned)h, &status);
		CHECK(status.number != dying.number);
	}
	CHECK(made > MK_SPACES - 8);
	while (made)
		mk_drop(spaces[--made]);
	mk_sleep(1000);
	end(killer);
	CHECK(mk_info(MK_INFO_FREE_PAGES) >= before - 8); /* a stack, and a table for it */
}

static void watchers(void)
{
	unsigned port = (unsigned)mk_port_create();
	int space = mk_space_create(4, port, 8, name, HIGHEST);
	struct mk_message m;

	IS(mk_space_kill((unsigned)space), 0);
	IS(mk_receive(port, &m, 1000), 0);
	IS(m.word[0], 8);
	mk_drop((unsigned)space);
	space = mk_space_create(4, port, 16, name, HIGHEST);
	mk_drop(port); /* nobody is told any more */
	IS(mk_space_kill((unsigned)space), 0);
	mk_drop((unsigned)space);
}

const struct test life_tests[] = {
	{ "warm_up", all_handles }, { "how_it_ended", how_it_ended }, { "space_with_its_tasks", space_with_its_tasks },
	{ "all_tasks", all_tasks }, { "all_spaces", all_spaces }, { "all_handles", all_handles }, { "stopped_and_unnamed", stopped_and_unnamed },
	{ "chain_of_spaces", chain_of_spaces }, { "end_under_way", end_under_way }, { "watchers", watchers }, { 0 },
};
