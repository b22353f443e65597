/* Priorities: of a space's tasks none is given one above the space's highest, which is not above that of whoever made it. */
#include "test.h"

#define CEILING 5

static const _Alignas(4) char name[8] = "ceiling";

static void of_a_task(void)
{
	struct counts before = counts_now();
	unsigned space = (unsigned)mk_space_create(8, MK_NONE, 0, name, CEILING);
	int task = mk_task_create(space, 0x10000, MK_STACK_TOP, 0, CEILING);

	CHECK(task >= 0);
	IS(mk_task_create(space, 0x10000, MK_STACK_TOP, 0, CEILING + 1), MK_ERIGHT);
	IS(mk_task_create(space, 0x10000, MK_STACK_TOP, 0, HIGHEST), MK_ERIGHT);
	IS(mk_task_create(space, 0x10000, MK_STACK_TOP, 0, HIGHEST + 1), MK_EARGUMENT);
	IS(mk_task_priority((unsigned)task, CEILING + 1), MK_ERIGHT);
	IS(mk_task_priority((unsigned)task, MK_NONE), CEILING); /* nothing has changed */
	IS(mk_task_priority((unsigned)task, 0), CEILING);
	IS(mk_task_priority((unsigned)task, CEILING), 0);
	mk_drop((unsigned)task);
	mk_drop(space);
	counts_same(&before, "ceiling");
}

/* In the other space: how far it may go. */
static void makes_spaces(unsigned unused)
{
	static const _Alignas(4) char below[8] = "below";
	int wrong = mk_space_create(8, MK_NONE, 0, below, CEILING + 1) != MK_ERIGHT, task, space;

	(void)unused;
	wrong += mk_space_create(8, MK_NONE, 0, below, HIGHEST + 1) != MK_EARGUMENT;
	wrong += mk_task_create(MK_SELF, 0x10000, MK_STACK_TOP, 0, CEILING + 1) != MK_ERIGHT;
	task = mk_task_create(MK_SELF, 0x10000, MK_STACK_TOP, 0, CEILING);
	wrong += task < 0 || mk_drop((unsigned)task); /* never started: it ends */
	space = mk_space_create(8, MK_NONE, 0, below, CEILING);
	wrong += space < 0 || mk_task_create((unsigned)space, 0x10000, MK_STACK_TOP, 0, CEILING + 1) != MK_ERIGHT;
	mk_exit(wrong);
}

static void of_whoever_makes(void)
{
	struct other o = other_make(64, CEILING);

	mk_drop(other_run(&o, makes_spaces, 0, CEILING));
	IS(other_ended(&o), 0);
}

static void answers(unsigned port)
{
	struct mk_message m = { 0 };

	mk_reply((unsigned)mk_receive(port, &m, 0), &m);
	mk_exit(0);
}

static void spin(void *unused)
{
	(void)unused;
	for (;;)
		;
}

/* Inherited is what who waits has, though it be above. */
static void inherited_ones_are_free(void)
{
	struct other o = other_make(64, CEILING);
	unsigned port = (unsigned)mk_port_create(), between;
	struct mk_message m = { 0 };

	mk_drop(other_run(&o, answers, other_give(&o, port, MK_RIGHT_RECEIVE), CEILING));
	mk_sleep(1000);
	between = thread(spin, NULL, CEILING + 1);
	IS(mk_call(port, &m, 10000), 0);
	end(between);
	IS(other_ended(&o), 0);
	mk_drop(port);
}

const struct test ceiling_tests[] = {
	{ "of_a_task", of_a_task }, { "of_whoever_makes", of_whoever_makes }, { "inherited_ones_are_free", inherited_ones_are_free }, { 0 },
};
