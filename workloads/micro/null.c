/* null: the cheapest things a program asks its system for, in batches, nanoseconds an operation. */
#include "micro.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

static long long batch = 1000;
static const struct micro_option options[] = {
	MICRO_WARMUP,
	{ "batch", &batch, 1, 1000000, NULL, NULL, "operations a sample" },
	{ 0 },
};

static uint32_t word;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t semaphore;

static bool null_call(void)
{
	return syscall(SYS_getppid) >= 0;
}

static bool clock_call(void)
{
	struct timespec at;

	return clock_gettime(CLOCK_MONOTONIC, &at) == 0;
}

static bool futex_wake(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0;
}

static bool mutex_pair(void)
{
	return pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0;
}

static bool semaphore_pair(void)
{
	return sem_post(&semaphore) == 0 && sem_wait(&semaphore) == 0;
}

static bool yield(void)
{
	return sched_yield() == 0;
}

static const struct operation {
	const char *name, *summary;
	bool (*run)(void);
} operations[] = {
	{ "system_call", "getppid through syscall(2): mean of each batch", null_call },
	{ "clock_gettime", "clock_gettime(CLOCK_MONOTONIC): mean of each batch", clock_call },
	{ "futex_wake", "FUTEX_WAKE_PRIVATE with nobody waiting: mean of each batch", futex_wake },
	{ "mutex", "pthread mutex lock and unlock, uncontended: mean of each batch", mutex_pair },
	{ "semaphore", "sem_post and sem_wait, process-private, not blocking: mean of each batch", semaphore_pair },
	{ "yield", "sched_yield with nobody else of ours to run: mean of each batch", yield },
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static void run(const struct operation *operation, struct micro_series *to)
{
	for (long long i = -micro.warmup; i < 0 || micro_more(i); i++) {
		uint64_t begin = now_ns(), end;
		bool fine = true;

		for (long long n = 0; n < batch; n++)
			fine &= operation->run();
		end = now_ns();
		if (!fine)
			die_errno(operation->name);
		if (i >= 0)
			micro_add(to, (double)(end - begin) / (double)batch);
	}
}

int main(int argc, char **argv)
{
	struct micro_series *series[OPERATIONS];

	micro.iterations = 200;
	micro.warmup = 5;
	micro_start("null", argc, argv, options);
	if (sem_init(&semaphore, 0, 0))
		die_errno("sem_init");
	for (size_t i = 0; i < OPERATIONS; i++)
		series[i] = micro_series(operations[i].name, "ns", "lower", NULL, (size_t)micro.iterations,
					 operations[i].summary);
	micro_pin(0);
	for (size_t i = 0; i < OPERATIONS; i++) {
		micro_budget(100 / OPERATIONS);
		run(&operations[i], series[i]);
	}
	return micro_finish();
}
