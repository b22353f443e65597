/* A turn that two sides give one another, or several threads go round with. */
#include "handover.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#define MOST_BYTES 4096
#define MOST_THREADS 8

/* In memory that both sides share, be they threads or processes. */
static struct shared {
	_Atomic int turn, over;
	sem_t semaphores[2];
} *shared;
static int pipes[2][2];

static void prepare(void)
{
	if (shared)
		return;
	shared = micro_shared(sizeof(*shared));
	for (int side = 0; side < 2; side++)
		if (sem_init(&shared->semaphores[side], 1, 0) || pipe(pipes[side]))
			die_errno("semaphore and pipe");
}

static void yield_give(int to, size_t bytes)
{
	(void)bytes;
	atomic_store(&shared->turn, to);
}

static void yield_take(int me, size_t bytes)
{
	(void)bytes;
	while (atomic_load(&shared->turn) != me)
		sched_yield();
}

static void semaphore_give(int to, size_t bytes)
{
	(void)bytes;
	if (sem_post(&shared->semaphores[to]))
		die_errno("sem_post");
}

static void semaphore_take(int me, size_t bytes)
{
	(void)bytes;
	while (sem_wait(&shared->semaphores[me]))
		if (errno != EINTR)
			die_errno("sem_wait");
}

static void pipe_give(int to, size_t bytes)
{
	static char message[MOST_BYTES];

	bytes = bytes ? bytes : 1;
	if (write(pipes[to][1], message, bytes) != (ssize_t)bytes)
		die_errno("write to the pipe");
}

static void pipe_take(int me, size_t bytes)
{
	char message[MOST_BYTES];

	bytes = bytes ? bytes : 1;
	if (read(pipes[me][0], message, bytes) != (ssize_t)bytes)
		die_errno("read from the pipe");
}

const struct handover handover_yield = { yield_give, yield_take };
const struct handover handover_semaphore = { semaphore_give, semaphore_take };
const struct handover handover_pipe = { pipe_give, pipe_take };

static const struct handover *way;
static size_t message_bytes;

static void *other_side(void *unused)
{
	micro_pin(1);
	for (;;) {
		way->take(1, message_bytes);
		if (atomic_load(&shared->over))
			return unused;
		way->give(0, message_bytes);
	}
}

static void rounds(struct micro_series *to, int share)
{
	for (long long i = -micro.warmup; i < 0 || micro_more(i); i++) {
		uint64_t begin = now_ns(), end;

		way->give(1, message_bytes);
		way->take(0, message_bytes);
		end = now_ns();
		if (i >= 0)
			micro_add(to, (double)(end - begin) / share);
	}
	atomic_store(&shared->over, 1);
	way->give(1, message_bytes);
}

void handover_measure(struct micro_series *to, const struct handover *by, enum between between, size_t bytes, int share)
{
	prepare();
	way = by;
	message_bytes = bytes;
	atomic_store(&shared->over, 0);
	atomic_store(&shared->turn, 0);
	if (between == BETWEEN_PROCESSES) {
		pid_t child = micro_fork();

		if (child == 0) {
			other_side(NULL);
			_exit(0);
		}
		rounds(to, share);
		micro_reap(child);
	} else {
		pthread_t thread;

		errno = pthread_create(&thread, NULL, other_side, NULL);
		if (errno)
			die_errno("pthread_create");
		rounds(to, share);
		errno = pthread_join(thread, NULL);
		if (errno)
			die_errno("pthread_join");
	}
}

static int members;
static uint64_t until_ns, turns[MOST_THREADS];

static void *member(void *argument)
{
	int me = (int)(intptr_t)argument;

	micro_pin(0);
	for (;;) {
		yield_take(me, 0);
		turns[me]++;
		if (now_ns() >= until_ns)
			atomic_store(&shared->over, 1);
		yield_give((me + 1) % members, 0);
		if (atomic_load(&shared->over))
			return NULL;
	}
}

void handover_count(struct micro_series *to, int threads, uint64_t ns)
{
	pthread_t ids[MOST_THREADS];
	uint64_t begin, sum = 0;

	prepare();
	members = threads;
	atomic_store(&shared->over, 0);
	atomic_store(&shared->turn, -1);
	for (int i = 0; i < threads; i++) {
		errno = pthread_create(&ids[i], NULL, member, (void *)(intptr_t)i);
		if (errno)
			die_errno("pthread_create");
	}
	begin = now_ns();
	until_ns = begin + ns;
	atomic_store(&shared->turn, 0);
	for (int i = 0; i < threads; i++) {
		errno = pthread_join(ids[i], NULL);
		if (errno)
			die_errno("pthread_join");
		sum += turns[i];
	}
	micro_add(to, (double)sum * 30e9 / (double)(now_ns() - begin));
}
