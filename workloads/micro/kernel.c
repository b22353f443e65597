/* kernel: what kernels' own benchmarks measure (Zephyr's latency_measure, sel4bench, Thread-Metric), here of the host's
 * kernel and C library: the counterpart, with the same names, of what the micro kernel's `bench` measures in its guest. */
#include "handover.h"
#include "micro.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH 100
#define TIMER_NS 1000000

enum { SYSCALL, SCHEDULING, IPC, IRQ, SYNC, MEMORY, TASK, THREAD_METRIC };
static const char *const groups[] = { "syscall", "scheduling", "ipc", "irq", "sync", "memory", "task", "thread_metric",
				      NULL };
static long long group, interval_ms = 100;
static const struct micro_option options[] = {
	MICRO_WARMUP,
	{ "group", &group, 0, 0, groups, NULL, "what to measure" },
	{ "interval-ms", &interval_ms, 1, 30000, NULL, NULL, "thread_metric: counted for so long, told as in 30 s" },
	{ 0 },
};

static struct micro_series *series(const char *name, const char *labels, const char *summary)
{
	return micro_series(name, "ns", "lower", labels, (size_t)micro.iterations, summary);
}

/* One operation, too short for the clock: the mean of each batch. */
static void batches(const char *name, bool (*operation)(void), const char *summary)
{
	struct micro_series *to = series(name, NULL, summary);

	for (long long i = -micro.warmup; i < 0 || micro_more(i); i++) {
		uint64_t begin = now_ns(), end;
		bool fine = true;

		for (int n = 0; n < BATCH; n++)
			fine &= operation();
		end = now_ns();
		if (!fine)
			die_errno(name);
		if (i >= 0)
			micro_add(to, (double)(end - begin) / BATCH);
	}
}

/* A thing made and unmade again and again, both measured. */
static void pairs(const char *made, void *(*make)(void), const char *unmade, bool (*unmake)(void *), const char *what)
{
	struct micro_series *first = series(made, NULL, what), *second = series(unmade, NULL, what);

	for (long long i = -micro.warmup; i < 0 || micro_more(i); i++) {
		uint64_t begin = now_ns(), between, end;
		void *thing = make();

		between = now_ns();
		if (!thing || !unmake(thing))
			die_errno(made);
		end = now_ns();
		if (i >= 0) {
			micro_add(first, (double)(between - begin));
			micro_add(second, (double)(end - between));
		}
	}
}

static bool null_call(void)
{
	return syscall(SYS_getppid) >= 0;
}

static void measure_syscall(void)
{
	batches("null_call", null_call, "getppid through syscall(2): mean of each batch of 100");
}

static void measure_scheduling(void)
{
	handover_measure(series("yield", NULL, "two threads on a processor yield until the other has gone on: one way"),
			 &handover_yield, BETWEEN_THREADS, 0, 2);
	handover_measure(series("thread_switch", NULL, "a semaphore from thread to thread: half of the way there and back"),
			 &handover_semaphore, BETWEEN_THREADS, 0, 2);
	handover_measure(series("space_switch", NULL, "a semaphore from process to process: half of the way there and back"),
			 &handover_semaphore, BETWEEN_PROCESSES, 0, 2);
}

static void measure_ipc(void)
{
	static const struct {
		const char *labels;
		enum between between;
		size_t bytes;
	} ways[] = {
		{ "{\"space\": \"same\", \"bytes\": 0}", BETWEEN_THREADS, 0 },
		{ "{\"space\": \"same\", \"bytes\": 16}", BETWEEN_THREADS, 16 },
		{ "{\"space\": \"same\", \"bytes\": 40}", BETWEEN_THREADS, 40 },
		{ "{\"space\": \"same\", \"bytes\": 4096}", BETWEEN_THREADS, 4096 },
		{ "{\"space\": \"other\", \"bytes\": 0}", BETWEEN_PROCESSES, 0 },
		{ "{\"space\": \"other\", \"bytes\": 16}", BETWEEN_PROCESSES, 16 },
		{ "{\"space\": \"other\", \"bytes\": 40}", BETWEEN_PROCESSES, 40 },
		{ "{\"space\": \"other\", \"bytes\": 4096}", BETWEEN_PROCESSES, 4096 },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		handover_measure(series("round_trip", ways[i].labels, "a message over a pipe, and its answer; 0 bytes: of one"),
				 &handover_pipe, ways[i].between, ways[i].bytes, 1);
}

/* How late a periodic timer's expiry is seen. */
static void measure_irq(void)
{
	struct micro_series *late = series("timer_jitter", NULL, "a timer each millisecond: expiry to read(2)'s return");
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t due = now_ns() + TIMER_NS, expired;
	struct itimerspec each = { { 0, TIMER_NS }, { (time_t)(due / 1000000000), (long)(due % 1000000000) } };

	if (timer < 0 || timerfd_settime(timer, TFD_TIMER_ABSTIME, &each, NULL))
		die_errno("timerfd");
	for (long long i = 0; micro_more(i); i++) {
		if (read(timer, &expired, sizeof(expired)) != (ssize_t)sizeof(expired))
			die_errno("read of the timer");
		due += expired * TIMER_NS;
		micro_add(late, (double)(now_ns() - (due - TIMER_NS)));
	}
	close(timer);
}

static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int event;

static bool semaphore_pair(void)
{
	return sem_post(&semaphore) == 0 && sem_wait(&semaphore) == 0;
}

static bool mutex_pair(void)
{
	return pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0;
}

static bool notify(void)
{
	return eventfd_write(event, 1) == 0;
}

static void measure_sync(void)
{
	event = eventfd(0, EFD_CLOEXEC);
	if (event < 0 || sem_init(&semaphore, 0, 0))
		die_errno("semaphore and eventfd");
	batches("semaphore", semaphore_pair, "sem_post and sem_wait, nobody waits: mean of each batch of 100");
	batches("mutex", mutex_pair, "pthread mutex lock and unlock, nobody waits: mean of each batch of 100");
	batches("notify", notify, "a write to an eventfd, nobody waits: mean of each batch of 100");
	handover_measure(series("semaphore_switch", NULL, "sem_post to a waiting thread until its answer: half of it"),
			 &handover_semaphore, BETWEEN_THREADS, 0, 2);
}

static void *map_page(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

static bool unmap_page(void *page)
{
	return munmap(page, 4096) == 0;
}

static void *allocate(void)
{
	return malloc(128);
}

static bool release(void *block)
{
	free(block);
	return true;
}

static void measure_memory(void)
{
	pairs("map", map_page, "unmap", unmap_page, "mmap of a page with its memory; munmap");
	pairs("allocate", allocate, "free", release, "malloc of 128 bytes; free");
}

static _Atomic uint64_t begun_ns, ended_ns;

static void *begin_and_end(void *unused)
{
	begun_ns = now_ns();
	ended_ns = now_ns();
	return unused;
}

static void measure_task(void)
{
	struct micro_series *create = series("create", NULL, "pthread_create until it returns"),
			    *start = series("start", NULL, "pthread_create until the thread's first statement"),
			    *end = series("exit", NULL, "a thread's last statement until pthread_join returns");

	for (long long i = -micro.warmup; i < 0 || micro_more(i); i++) {
		uint64_t begin = now_ns(), returned, joined;
		pthread_t thread;

		errno = pthread_create(&thread, NULL, begin_and_end, NULL);
		if (errno)
			die_errno("pthread_create");
		returned = now_ns();
		errno = pthread_join(thread, NULL);
		if (errno)
			die_errno("pthread_join");
		joined = now_ns();
		if (i >= 0) {
			micro_add(create, (double)(returned - begin));
			micro_add(start, (double)(begun_ns - begin));
			micro_add(end, (double)(joined - ended_ns));
		}
	}
}

/* Thread-Metric's counts (Eclipse ThreadX, utility/benchmarks/thread_metric). Those with interrupts and with preemption by
 * priority have no counterpart that an ordinary process may run. */
static bool basic_processing(void)
{
	static volatile unsigned cells[1024];

	for (unsigned i = 0; i < 1024; i++)
		cells[i] = (cells[i] + i) ^ cells[i];
	return true;
}

static bool synchronization(void)
{
	return sem_wait(&semaphore) == 0 && sem_post(&semaphore) == 0;
}

static bool memory_allocation(void)
{
	void *volatile block = malloc(128);

	free(block);
	return block != NULL;
}

static int queue[2];

static bool message_processing(void)
{
	char message[16] = "thread metric";

	return write(queue[1], message, sizeof(message)) == (ssize_t)sizeof(message) &&
	       read(queue[0], message, sizeof(message)) == (ssize_t)sizeof(message);
}

static void count(const char *name, bool (*operation)(void), const char *summary)
{
	struct micro_series *to = micro_series(name, "1/30s", "higher", NULL, 1, summary);
	uint64_t begin = now_ns(), until = begin + (uint64_t)interval_ms * 1000000, now;
	uint64_t done = 0;

	do {
		for (int n = 0; n < BATCH; n++, done++)
			if (!operation())
				die_errno(name);
		now = now_ns();
	} while (now < until);
	micro_add(to, (double)done * 30e9 / (double)(now - begin));
}

static void measure_thread_metric(void)
{
	if (pipe(queue) || sem_init(&semaphore, 0, 1))
		die_errno("pipe and semaphore");
	count("basic_processing", basic_processing, "an array of 1024 numbers worked through");
	count("message_processing", message_processing, "16 bytes into a pipe and out again");
	count("synchronization", synchronization, "a semaphore taken and given");
	count("memory_allocation", memory_allocation, "malloc of 128 bytes and free");
	handover_count(micro_series("cooperative_scheduling", "1/30s", "higher", NULL, 1,
				    "five threads on a processor that yield in turn: turns"),
		       5, (uint64_t)interval_ms * 1000000);
}

int main(int argc, char **argv)
{
	static void (*const measure[])(void) = { measure_syscall, measure_scheduling, measure_ipc,  measure_irq,
						 measure_sync,	  measure_memory,     measure_task, measure_thread_metric };

	micro.iterations = 100;
	micro.warmup = 5;
	micro.budget_ms = 0;
	micro.pin = PIN_SAME;
	micro_start("kernel", argc, argv, options);
	micro_pin(0);
	micro_budget(100);
	measure[group]();
	return micro_finish();
}
