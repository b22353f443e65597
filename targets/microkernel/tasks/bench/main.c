/* group=NAME of the command line says what is measured; with role=peer this program is the other side in another space. */
#include "bench.h"

unsigned iterations, interval_ms, stamp_cost;

static const struct { const char *name; void (*measure)(void); } groups[] = {
	{ "syscall", measure_syscall }, { "scheduling", measure_scheduling }, { "ipc", measure_ipc },
	{ "irq", measure_irq }, { "sync", measure_sync }, { "memory", measure_memory },
	{ "task", measure_task }, { "thread_metric", measure_thread_metric },
};

static void end(unsigned status)
{
	mk_print("@@MK EXIT bench %u@@\n", status);
	mk_shutdown(device(MK_DEVICE_MACHINE));
}

unsigned good(int result)
{
	if (result < 0) {
		mk_print("bench: a system call returned %d to %x\n", result, (unsigned)__builtin_return_address(0));
		end(1);
	}
	return (unsigned)result;
}

unsigned device(unsigned kind)
{
	for (unsigned i = 0; i < mk_started->devices; i++)
		if (mk_started->device[i].kind == kind)
			return mk_started->device[i].handle;
	mk_fail("bench: has no device of kind %u", kind);
}

unsigned thread(void (*run)(void *), void *argument, unsigned priority)
{
	return good(mk_thread(run, argument, priority));
}

void until_blocked(void)
{
	mk_sleep(1000);
}

/* Two stamps with nothing in between: the least is what each measured time has in it. */
static void stamp_cost_measure(void)
{
	stamp_cost = ~0u;
	for (int i = 0; i < 100; i++) {
		unsigned begin = mk_cycles(), cost = mk_cycles() - begin;

		stamp_cost = cost < stamp_cost ? cost : stamp_cost;
	}
}

static void measure(void *unused)
{
	char group[16] = "syscall";

	(void)unused;
	mk_option("group", group, sizeof group);
	iterations = mk_option_number("iterations", 100);
	interval_ms = mk_option_number("interval_ms", 100);
	stamp_cost_measure();
	for (unsigned i = 0; i < MK_COUNT(groups); i++)
		if (!strcmp(group, groups[i].name)) {
			groups[i].measure();
			series_print(group);
			end(0);
		}
	mk_print("bench: no group %s\n", group);
	end(2);
}

/* What measures is a task of its own, for a program's first has a priority that others chose. */
int main(void)
{
	char role[8];

	if (mk_option("role", role, sizeof role))
		return peer_main();
	thread(measure, NULL, PRIORITY);
	return 0;
}
