/* exitwait: from a child's call of exit to the parent's wait having it. */
#include "micro.h"
#include "probes.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKED, AWAKE };
static const char *const modes[] = { "blocked", "awake", NULL };
static long long mode, gap_us = 50;
static const struct micro_option options[] = {
	MICRO_WARMUP,
	{ "mode", &mode, 0, 0, modes, NULL, "the parent is blocked in waitpid, or awake and polling it" },
	{ "gap-us", &gap_us, 0, 1000000, NULL, NULL, "the child's busy time before it exits, for the parent to wait" },
	{ 0 },
};

static struct shared {
	_Atomic int waiting; /* the parent is about to wait */
	_Atomic uint64_t exits_at;
} *shared;

static _Noreturn void child(long long i)
{
	unsigned polls = 0;

	micro_pin(1);
	while (!atomic_load(&shared->waiting))
		micro_poll(&polls);
	micro_busy((uint64_t)gap_us * 1000u);
	if (i >= 0)
		PROBE(ipc_send, i);
	atomic_store(&shared->exits_at, now_ns());
	_exit(0);
}

static void once(long long i, struct micro_series *to)
{
	unsigned polls = 0;
	uint64_t at;
	pid_t peer, reaped;
	int status;

	atomic_store(&shared->waiting, 0);
	peer = micro_fork();
	if (peer == 0)
		child(i);
	atomic_store(&shared->waiting, 1);
	while ((reaped = waitpid(peer, &status, mode == AWAKE ? WNOHANG : 0)) == 0 || (reaped < 0 && errno == EINTR))
		micro_poll(&polls);
	at = now_ns();
	if (i >= 0)
		PROBE(ipc_recv, i);
	micro.peer = 0;
	if (reaped != peer)
		die_errno("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("the child ended with wait status 0x%x", (unsigned)status);
	if (to)
		micro_add(to, (double)(at - atomic_load(&shared->exits_at)));
}

int main(int argc, char **argv)
{
	struct micro_series *first, *one_way;

	micro.iterations = 500;
	micro.warmup = 5;
	micro.pin = PIN_APART;
	micro_start("exitwait", argc, argv, options);
	first = micro_series("first_contact", "ns", "lower", NULL, 1, "the process's first child: as one_way");
	one_way = micro_series("one_way", "ns", "lower", NULL, (size_t)micro.iterations,
			       "_exit called in the child to waitpid returned in the parent");
	shared = micro_shared(sizeof(*shared));
	micro_pin(0);
	once(-1, first);
	for (long long i = 0; i < micro.warmup; i++)
		once(-1, NULL);
	micro_budget(100);
	for (long long i = 0; micro_more(i); i++)
		once(i, one_way);
	return micro_finish();
}
