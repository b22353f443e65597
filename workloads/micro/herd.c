/* herd: many processes alive at once: what each fork costs as they become more, and a pause with none and with all of
 * them, in which the memory that each adds can be seen from outside. */
#include "memory.h"
#include "micro.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static long long children = 100, touch_pages = 4, hold_ms;
static const struct micro_option options[] = {
	{ "children", &children, 10, 100000, NULL, NULL, "processes alive at once" },
	{ "touch-pages", &touch_pages, 0, 65536, NULL, NULL, "pages each child writes" },
	{ "hold-ms", &hold_ms, 0, 60000, NULL, NULL, "length of the pauses with none and with all alive" },
	{ 0 },
};

static pid_t *pids;
static long long alive;
static pid_t root;

static void end_all(void)
{
	if (getpid() != root)
		return;
	for (long long i = 0; i < alive; i++)
		kill(pids[i], SIGKILL);
	for (long long i = 0; i < alive; i++)
		waitpid(pids[i], NULL, 0);
	alive = 0;
}

/* A child: writes its pages, says that it is up, and stays until the pipe's other end is gone. */
static _Noreturn void stay(const int *up, const int *gate, unsigned char *memory)
{
	char byte = 1;

	alarm((unsigned)micro.timeout_s);
	close(gate[1]);
	for (long long page = 0; page < touch_pages; page++)
		memory[page * PAGE_BYTES]++;
	if (write(up[1], &byte, 1) != 1)
		_exit(MICRO_FAILED);
	_exit(read(gate[0], &byte, 1) == 0 ? 0 : MICRO_FAILED);
}

static void hold(struct micro_series *from, struct micro_series *to)
{
	micro_add(from, (double)now_ns());
	usleep((useconds_t)hold_ms * 1000u);
	micro_add(to, (double)now_ns());
}

/* One fork with `alive` others: returned in the parent, and the child up and heard of. */
static void add_one(const int *up, const int *gate, unsigned char *memory, struct micro_series *returned,
		    struct micro_series *running)
{
	uint64_t begin = now_ns(), returned_at;
	pid_t child = fork();
	char byte;

	if (child == 0)
		stay(up, gate, memory);
	returned_at = now_ns();
	if (child < 0)
		die_errno("fork");
	pids[alive++] = child;
	if (read(up[0], &byte, 1) != 1)
		die("a child did not come up");
	micro_add(returned, (double)(returned_at - begin));
	micro_add(running, (double)(now_ns() - begin));
}

int main(int argc, char **argv)
{
	static const char *const labels[] = { "{\"part\":\"first\"}", "{\"part\":\"middle\"}", "{\"part\":\"last\"}" };
	struct micro_series *returned[3], *running[3], *alone_from, *alone_to, *all_from, *all_to;
	static unsigned char *memory;
	int up[2], gate[2];

	micro_start("herd", argc, argv, options);
	for (int part = 0; part < 3; part++) {
		returned[part] = micro_series("parent", "ns", "lower", labels[part], (size_t)children,
					      "fork to its return, in the first and last tenth and between");
		running[part] = micro_series("running", "ns", "lower", labels[part], (size_t)children,
					     "fork to the parent having heard of the child");
	}
	alone_from = micro_series("alone_from", "ns", "lower", NULL, 1, "CLOCK_MONOTONIC: no child is alive from here");
	alone_to = micro_series("alone_to", "ns", "lower", NULL, 1, "CLOCK_MONOTONIC: to here");
	all_from = micro_series("all_from", "ns", "lower", NULL, 1, "CLOCK_MONOTONIC: all are alive and asleep from here");
	all_to = micro_series("all_to", "ns", "lower", NULL, 1, "CLOCK_MONOTONIC: to here");
	root = getpid();
	pids = calloc((size_t)children, sizeof(*pids));
	if (touch_pages)
		memory = malloc((size_t)touch_pages * PAGE_BYTES);
	if (!pids || (touch_pages && !memory))
		die_errno("malloc");
	if (pipe(up) || pipe(gate))
		die_errno("pipe");
	micro.cleanup = end_all;
	micro.cleanup_owner = root;
	hold(alone_from, alone_to);
	while (alive < children) {
		int part = alive < children / 10 ? 0 : alive < children - children / 10 ? 1 : 2;

		add_one(up, gate, memory, returned[part], running[part]);
	}
	hold(all_from, all_to);
	close(gate[0]);
	close(gate[1]);
	for (; alive; alive--)
		micro_reap(pids[alive - 1]);
	micro.cleanup = NULL;
	return micro_finish();
}
