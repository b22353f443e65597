/* A task's life: made, started, ended. It is more urgent than who makes it, so each step ends where the next begins. */
#include "bench.h"

#define STACK_PAGES 1

static volatile unsigned began_at, ended_at;

static void live(void)
{
	began_at = mk_cycles();
	ended_at = mk_cycles();
	mk_exit(0);
}

static void measure_life(void)
{
	struct series *create = series("create", NULL, "Zephyr thread.create: MK_TASK_CREATE until it returns"),
		      *start = series("start", NULL, "Zephyr thread.start: MK_TASK_START until the first statement of the task"),
		      *end = series("exit", NULL, "a task's last statement until the one below it goes on");
	char *stack = mk_pages(STACK_PAGES);

	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin = mk_cycles(), task, made, starting;

		task = good(mk_task_create(MK_SELF, (unsigned)live, (unsigned)stack + STACK_PAGES * MK_PAGE, 0, HIGHER));
		made = mk_cycles();
		starting = mk_cycles();
		good(mk_task_start(task));
		sample(end, i, ended_at, mk_cycles());
		sample(start, i, starting, began_at);
		sample(create, i, begin, made);
		good(mk_drop(task));
	}
}

static void measure_space(void)
{
	static const _Alignas(4) char name[8] = "bench";
	struct series *create = series("space_create", NULL, "MK_SPACE_CREATE until it returns"),
		      *end = series("space_end", NULL, "MK_SPACE_KILL of a space with nothing in it, and MK_DROP of its handle");

	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin = mk_cycles(), made, space = good(mk_space_create(16, MK_NONE, 0, name, HIGHER));

		made = mk_cycles();
		good(mk_space_kill(space));
		good(mk_drop(space));
		sample(end, i, made, mk_cycles());
		sample(create, i, begin, made);
	}
}

void measure_task(void)
{
	struct series *boot = series("boot", NULL, "from power-on to the first instruction of the first task");

	sample_value(boot, (unsigned)mk_info(MK_INFO_BOOT_CYCLES));
	measure_life();
	measure_space();
}
