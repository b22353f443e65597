/* group=NAME of the command line says what is tested; each case is told with a line. */
#include "test.h"

static unsigned failures;

static const struct { const char *name; const struct test *tests; } groups[] = {
	{ "refusal", refusal_tests }, { "ipc", ipc_tests }, { "grant", grant_tests }, { "sync", sync_tests },
	{ "life", life_tests }, { "memory", memory_tests }, { "time", time_tests }, { "isolation", isolation_tests }, { "restart", restart_tests },
	{ "strings", strings_tests }, { "latency", latency_tests }, { "ceiling", ceiling_tests }, { "names", names_tests },
};

void check_failed(const char *file, int line, const char *what)
{
	failures++;
	mk_print("test: %s:%d: %s does not hold\n", file, line, what);
}

void check_is(int found, int wanted, const char *file, int line, const char *what)
{
	if (found == wanted)
		return;
	failures++;
	mk_print("test: %s:%d: %s is %d, not %d\n", file, line, what, found, wanted);
}

unsigned device(unsigned kind)
{
	for (unsigned i = 0; i < mk_started->devices; i++)
		if (mk_started->device[i].kind == kind)
			return mk_started->device[i].handle;
	mk_fail("test: has no device of kind %u", kind);
}

unsigned thread(void (*run)(void *), void *argument, unsigned priority)
{
	int task = mk_thread(run, argument, priority);

	if (task < 0)
		mk_fail("test: no thread: %d", task);
	return (unsigned)task;
}

void end(unsigned task)
{
	mk_task_kill(task);
	mk_drop(task);
}

static void run_group(const struct test *tests)
{
	for (; tests->name; tests++) {
		unsigned before = failures;

		tests->run();
		mk_print("test: %s %s\n", failures == before ? "ok" : "FAILED", tests->name);
	}
}

static void control(void *unused)
{
	char group[16] = "schedules";

	(void)unused;
	mk_option("group", group, sizeof group);
	mk_sleep(1000); /* the program's first task ends, so that tasks can be counted */
	if (!strcmp(group, "schedules"))
		schedules_run();
	for (unsigned i = 0; i < MK_COUNT(groups); i++)
		if (!strcmp(group, groups[i].name))
			run_group(groups[i].tests);
	mk_print("@@MK EXIT test %u@@\n", failures != 0);
	mk_shutdown(device(MK_DEVICE_MACHINE));
}

int main(void)
{
	char group[16] = "schedules", role[8];

	if (mk_option("role", role, sizeof role)) {
		if (!strcmp(role, "frail"))
			frail_serve();
		else
			child_serve();
		return 0;
	}
	mk_option("group", group, sizeof group);
	thread(control, NULL, strcmp(group, "schedules") ? PRIORITY : 31);
	return 0;
}
