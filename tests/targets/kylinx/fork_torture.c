/* Forks in every order, all pages watched: nested, several children alive, a second thread, an alarm that comes all the time.
 * Each page carries what was last written there, numbered for the whole family; a model beside it says what that was. A
 * page that shows another process's or an earlier generation's bytes is stale. At the end no memory may be missing.
 * Usage: fork_torture [FORKS [SEED [MEMORY]]]; MEMORY: look at the system's free memory, which is the family's own in a pVM */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 1200 /* more than two blocks of 2 MiB */
#define DEPTH 5
#define WIDTH 6

static char *memory;
static uint64_t model[PAGES];
static struct { int forks, wrong; uint64_t stamps; } *shared;
static uint64_t seed;
static volatile sig_atomic_t alarms;
static volatile int stop_thread;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static void wrong(const char *what, int page, uint64_t seen, uint64_t want)
{
	__atomic_add_fetch(&shared->wrong, 1, __ATOMIC_SEQ_CST);
	fprintf(stderr, "pid %d: %s at page %d: %lx, not %lx\n", getpid(), what, page, seen, want);
}

static void verify(int from, int count)
{
	for (int i = from; i < from + count && i < PAGES; i++) {
		uint64_t *p = (uint64_t *)(memory + (size_t)i * PAGE);
		if (p[0] != model[i] || p[511] != (model[i] ? ~model[i] : 0))
			wrong(p[0] != model[i] ? "stale head" : "stale tail", i, p[0] != model[i] ? p[0] : p[511], model[i]);
	}
}

static void write_page(int i)
{
	uint64_t *p = (uint64_t *)(memory + (size_t)i * PAGE);
	model[i] = __atomic_add_fetch(&shared->stamps, 1, __ATOMIC_RELAXED);
	p[0] = model[i];
	p[511] = ~model[i];
}

static void write_some(void)
{
	switch (next_random() % 5) {
	case 0: /* a few here and there */
		for (int n = 0; n < 10; n++)
			write_page(next_random() % PAGES);
		break;
	case 1: { /* a run upwards */
		int at = next_random() % PAGES;
		for (int i = at; i < at + 60 && i < PAGES; i++)
			write_page(i);
		break;
	}
	case 2: { /* a run downwards */
		int at = next_random() % PAGES;
		for (int i = at; i >= 0 && i > at - 60; i--)
			write_page(i);
		break;
	}
	case 3: /* all, now and then */
		if (next_random() % 8 == 0)
			for (int i = 0; i < PAGES; i++)
				write_page(i);
		break;
	case 4: { /* pages given back and taken again */
		int at = next_random() % (PAGES - 40), n = 1 + next_random() % 40;
		madvise(memory + (size_t)at * PAGE, (size_t)n * PAGE, MADV_DONTNEED);
		for (int i = at; i < at + n; i++)
			model[i] = 0;
		break;
	}
	}
}

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

static void *writer(void *own)
{
	volatile uint64_t *p = own; /* a page of its own: nobody else writes there */
	for (uint64_t n = 1; !stop_thread; n++)
		p[n % 512] = n;
	return NULL;
}

static void live(int depth);

static int spawn_child(int depth)
{
	int pid;

	__atomic_add_fetch(&shared->forks, -1, __ATOMIC_SEQ_CST);
	pid = fork();
	if (!pid) {
		seed = seed * 6364136223846793005ul + (uint64_t)getpid();
		live(depth + 1);
		verify(0, PAGES);
		_exit(0);
	}
	return pid > 0;
}

static int reap(int options)
{
	int status, pid = waitpid(-1, &status, options);

	if (pid > 0 && status)
		wrong("status", 0, (uint64_t)status, 0);
	return pid > 0;
}

static void live(int depth)
{
	int children = 0, rounds = depth ? (int)(next_random() % 6) : 1 << 30;

	for (int round = 0; round < rounds && shared->forks > 0; round++) {
		write_some();
		verify(next_random() % PAGES, 50);
		if (depth < DEPTH && children < WIDTH && next_random() % 2)
			children += spawn_child(depth);
		write_some();
		if (children && next_random() % 2)
			children -= reap(next_random() % 2 ? 0 : WNOHANG);
		if (children == WIDTH)
			children -= reap(0);
		verify(next_random() % PAGES, 50);
	}
	while (children > 0 && reap(0))
		children--;
}

static long free_memory(void)
{
	struct sysinfo s;

	sysinfo(&s);
	return (long)s.freeram;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	static char own[PAGE];
	long before, after;
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };

	memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	shared->forks = argc > 1 ? atoi(argv[1]) : 500;
	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 88172645463325252ul;
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	pthread_create(&thread, NULL, writer, own);
	shared->forks++;
	if (spawn_child(DEPTH)) /* what is made at the first time */
		reap(0);
	before = free_memory();
	live(0);
	/* the last children's ends may still be under way when they have been waited for */
	for (int tries = 0; (after = free_memory()) < before && argc > 3 && tries < 1000; tries++)
		usleep(20000);
	verify(0, PAGES);
	stop_thread = 1;
	pthread_join(thread, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	printf("%d wrong, %s, alarms: %s\n", shared->wrong, argc > 3 && after < before ? "memory is missing" : "memory is back",
	       alarms ? "yes" : "no");
	return shared->wrong != 0;
}
