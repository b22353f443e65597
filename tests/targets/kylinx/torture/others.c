/* Forks of multithreaded parents, under a storm of signals, and near the limit of memory. */
#include "torture.h"
#include <pthread.h>
#include <sys/time.h>

#define THREADS 4

static struct area own[THREADS];
static volatile bool over;
static volatile uint64_t turns[THREADS];
static int prepared, in_parent, in_child;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Each thread rewrites its own area, from the first page to the last: at any instant a prefix has the newer generation. */
static void *rewrite(void *arg)
{
	size_t self = (size_t)arg;

	for (uint64_t generation = 1; !over; generation++) {
		for (size_t i = 0; i < own[self].pages; i++) {
			pthread_mutex_lock(&lock);
			*(volatile uint64_t *)(own[self].at + i * PAGE) = generation << 8 | self;
			pthread_mutex_unlock(&lock);
		}
		turns[self] = generation;
		free(malloc(generation % 5000 + 1));
	}
	return NULL;
}

static void prepare(void) { pthread_mutex_lock(&lock); prepared++; }
static void parent(void) { in_parent++; pthread_mutex_unlock(&lock); }
static void child(void) { in_child++; pthread_mutex_unlock(&lock); }

static void check_snapshot(void)
{
	for (size_t t = 0; t < THREADS; t++) {
		uint64_t last = ~0ull;

		for (size_t i = 0; i < own[t].pages; i++) {
			uint64_t v = *(volatile uint64_t *)(own[t].at + i * PAGE);

			CHECK(!v || (v & 255) == t);
			CHECK((v >> 8) <= last && (last == ~0ull || last - (v >> 8) <= 1));
			last = v >> 8;
		}
	}
}

static void only_one_thread(void)
{
	char line[256];
	int threads = 0;
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f);
	while (fgets(line, sizeof line, f))
		sscanf(line, "Threads: %d", &threads);
	fclose(f);
	CHECK(threads == 1);
}

static void *nothing(void *arg) { return arg; }

static void threads(int argc, char **argv)
{
	pthread_t ids[THREADS], extra;
	int forks = atoi(argv[0]);

	(void)argc;
	CHECK(!pthread_atfork(prepare, parent, child));
	for (size_t i = 0; i < THREADS; i++)
		own[i] = area_make(64);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&ids[i], NULL, rewrite, (void *)i));
	for (int i = 0; i < forks; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			uint64_t before[THREADS];

			memcpy(before, (void *)turns, sizeof before);
			CHECK(in_child == 1 && prepared == i + 1 && in_parent == i);
			check_snapshot();
			only_one_thread();
			free(malloc(100000)); /* the allocator's locks are free */
			CHECK(!pthread_create(&extra, NULL, nothing, NULL) && !pthread_join(extra, NULL));
			usleep(200);
			CHECK(!memcmp(before, (void *)turns, sizeof before)); /* nobody else runs here */
			_exit(0);
		}
		ended_well(pid);
	}
	for (size_t i = 0; i < THREADS; i++)
		while (!turns[i])
			usleep(100); /* it has not come to its turn yet */
	over = true;
	for (size_t i = 0; i < THREADS; i++)
		CHECK(!pthread_join(ids[i], NULL) && turns[i] > 0);
	CHECK(prepared == forks && in_parent == forks && !in_child);
}

/* ---- Signals ---- */

static volatile sig_atomic_t alarms;
static struct area seen;
static void on_alarm(int signo)
{
	uint64_t page = (uint64_t)alarms % 16;

	(void)signo;
	alarms++;
	*(volatile uint64_t *)(seen.at + page * PAGE) += 1; /* a write that may fall anywhere in a fork */
}

static void signals(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval storm = { { 0, 300 }, { 0, 300 } }, none = { { 0, 0 }, { 0, 0 } }, now;
	struct area a = area_make(300);
	int forks = atoi(argv[0]);

	(void)argc;
	seen = area_make(16);
	sigaction(SIGALRM, &action, NULL);
	CHECK(!setitimer(ITIMER_REAL, &storm, NULL));
	for (int i = 0; i < forks; i++) {
		area_write_some(&a, (unsigned)i, 1, (uint64_t)i);
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			sigset_t pending;
			int before = alarms;

			CHECK(!sigpending(&pending) && !sigismember(&pending, SIGALRM));
			CHECK(!getitimer(ITIMER_REAL, &now) && !now.it_value.tv_usec && !now.it_interval.tv_usec);
			area_check(&a, "a child in the storm");
			area_write_some(&a, (unsigned)i + 1, 2, (uint64_t)i);
			CHECK(alarms == before);
			raise(SIGALRM);
			CHECK(alarms == before + 1);
			area_check(&a, "a child in the storm, at last");
			_exit(0);
		}
		area_check(&a, "the parent in the storm");
		ended_well(pid);
	}
	CHECK(!setitimer(ITIMER_REAL, &none, NULL));
	uint64_t sum = 0;
	for (size_t i = 0; i < 16; i++)
		sum += *(uint64_t *)(seen.at + i * PAGE);
	CHECK(sum == (uint64_t)alarms && alarms > 5);
}

/* ---- Memory pressure: argv: MiB, rounds. A child may be killed for want of memory; the parent loses nothing. ---- */

static void pressure(int argc, char **argv)
{
	struct area a = area_make((size_t)atoi(argv[0]) * 256);
	int whole = 0, killed = 0, refused = 0;

	(void)argc;
	area_write_some(&a, 0, 1, 0);
	for (int i = 0; i < atoi(argv[1]); i++) {
		pid_t pids[3];

		for (int k = 0; k < 3; k++) {
			pids[k] = fork();
			if (!pids[k]) {
				area_check(&a, "a child under pressure");
				area_write_some(&a, (unsigned)(i + k), 2 + (uint64_t)k, (uint64_t)i);
				area_check(&a, "a child under pressure, at last");
				_exit(0);
			}
			CHECK(pids[k] > 0 || errno == ENOMEM || errno == EAGAIN);
		}
		area_check(&a, "the parent under pressure");
		for (int k = 0; k < 3; k++) {
			int status = pids[k] > 0 ? end_of(pids[k]) : -1;

			CHECK(status <= 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
			whole += status == 0;
			killed += status > 0;
			refused += status < 0;
		}
		area_check(&a, "the parent, alone again");
	}
	printf("%d whole, %d killed, %d refused\n", whole, killed, refused);
}

const struct trial trials_others[] = { { "threads", threads }, { "signals", signals }, { "pressure", pressure }, { 0 } };
