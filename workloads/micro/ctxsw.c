/* ctxsw: a token to and fro between two processes (pipes) or threads (futex, semaphore); half of a round is a switch. */
#include "futex.h"
#include "micro.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

enum { PROCESSES, THREADS, SEMAPHORE };
static const char *const kinds[] = { "processes", "threads", "semaphore", NULL };
static long long between;
static const struct micro_option options[] = {
	MICRO_WARMUP,
	{ "between", &between, 0, 0, kinds, NULL, "processes (pipes), threads (futex), semaphore (threads, sem_t)" },
	{ 0 },
};

static int pipes[2][2];
static _Atomic uint32_t words[2];
static sem_t semaphores[2];

static void pipe_pass(int to)
{
	if (write(pipes[to][1], "t", 1) != 1)
		die_errno("write to the pipe");
}

/* False when the other side has closed its end. */
static bool pipe_take(int from)
{
	char token;
	ssize_t got = read(pipes[from][0], &token, 1);

	if (got < 0)
		die_errno("read from the pipe");
	return got == 1;
}

static void futex_pass(int to)
{
	atomic_store(&words[to], 1);
	futex_wake_all(&words[to]);
}

static bool futex_take(int from)
{
	while (!atomic_exchange(&words[from], 0))
		futex_wait(&words[from], 0);
	return true;
}

static void semaphore_pass(int to)
{
	if (sem_post(&semaphores[to]))
		die_errno("sem_post");
}

static bool semaphore_take(int from)
{
	while (sem_wait(&semaphores[from]))
		if (errno != EINTR)
			die_errno("sem_wait");
	return true;
}

static const struct token {
	void (*pass)(int to);
	bool (*take)(int from);
} tokens[] = {
	{ pipe_pass, pipe_take }, { futex_pass, futex_take }, { semaphore_pass, semaphore_take },
};
static const struct token *token;
static _Atomic bool over;

static void *other_side(void *unused)
{
	micro_pin(1);
	while (token->take(1) && !atomic_load(&over))
		token->pass(0);
	return unused;
}

/* The token passed and taken by one and the same: what is in a switch's figure and is no switch. */
static void measure_overhead(struct micro_series *to)
{
	for (long long i = -micro.warmup; i < 0 || micro_more(i); i++) {
		uint64_t begin = now_ns(), end;

		token->pass(0);
		token->take(0);
		end = now_ns();
		if (i >= 0)
			micro_add(to, (double)(end - begin));
	}
}

static void measure_switch(struct micro_series *to)
{
	for (long long i = -micro.warmup; i < 0 || micro_more(i); i++) {
		uint64_t begin = now_ns(), end;

		token->pass(1);
		if (!token->take(0))
			die("the other process ended");
		end = now_ns();
		if (i >= 0)
			micro_add(to, (double)(end - begin) / 2);
	}
}

static void between_processes(struct micro_series *to)
{
	pid_t child = micro_fork();

	if (child == 0) {
		if (close(pipes[0][0]) || close(pipes[1][1]))
			die_errno("close");
		other_side(NULL);
		_exit(0);
	}
	if (close(pipes[0][1]) || close(pipes[1][0]))
		die_errno("close");
	measure_switch(to);
	if (close(pipes[1][1]))
		die_errno("close");
	micro_reap(child);
}

static void between_threads(struct micro_series *to)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, other_side, NULL);
	if (errno)
		die_errno("pthread_create");
	measure_switch(to);
	atomic_store(&over, true);
	token->pass(1);
	errno = pthread_join(thread, NULL);
	if (errno)
		die_errno("pthread_join");
}

int main(int argc, char **argv)
{
	struct micro_series *series, *overhead;

	micro.iterations = 5000;
	micro.warmup = 50;
	micro.pin = PIN_SAME;
	micro_start("ctxsw", argc, argv, options);
	token = &tokens[between];
	series = micro_series("switch", "ns", "lower", NULL, (size_t)micro.iterations,
			      "half of a token's round trip; contains one overhead");
	overhead = micro_series("overhead", "ns", "neither", NULL, (size_t)micro.iterations,
				"passing the token to oneself: no switch");
	for (int side = 0; side < 2; side++)
		if (pipe(pipes[side]) || sem_init(&semaphores[side], 0, 0))
			die_errno("pipe or sem_init");
	micro_pin(0);
	micro_budget(20);
	measure_overhead(overhead);
	micro_budget(80);
	if (between == PROCESSES)
		between_processes(series);
	else
		between_threads(series);
	return micro_finish();
}
