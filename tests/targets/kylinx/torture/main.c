/* torture: one trial of those below; 0 when every page was what it should be. */
#include "torture.h"
#include <stdarg.h>
#include <time.h>

static uint64_t seed = 0x9e3779b97f4a7c15;

void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	dprintf(2, "process %d: ", getpid());
	vdprintf(2, format, list);
	va_end(list);
	dprintf(2, "\n");
	_exit(1);
}

uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct area area_make(size_t pages)
{
	struct area a = { .pages = pages };

	a.at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	a.stamps = mmap(NULL, pages * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(a.at != MAP_FAILED && a.stamps != MAP_FAILED);
	return a;
}

/* First and last word and one between: what a copy that is cut short, or of another page, would not have. */
static void put(uint8_t *page, uint64_t stamp)
{
	uint64_t *w = (uint64_t *)page;

	w[0] = w[511] = stamp;
	w[1 + stamp % 510] = ~stamp;
}

static bool holds(const uint8_t *page, uint64_t stamp)
{
	const uint64_t *w = (const uint64_t *)page;

	return w[0] == stamp && w[511] == stamp && (!stamp || w[1 + stamp % 510] == ~stamp);
}

void area_write(struct area *a, size_t page, uint64_t owner, uint64_t generation)
{
	uint64_t stamp = owner << 44 | (generation & 0xffffff) << 20 | page;

	put(a->at + page * PAGE, stamp);
	a->stamps[page] = stamp;
}

void area_write_some(struct area *a, unsigned order, uint64_t owner, uint64_t generation)
{
	for (size_t i = 0; i < a->pages; i++)
		switch (order % 4) {
		case 0: area_write(a, i, owner, generation); break;
		case 1: area_write(a, a->pages - 1 - i, owner, generation); break;
		case 2: if (i % 2) area_write(a, i, owner, generation); break;
		default: if (i % 4 == 0) area_write(a, draw() % a->pages, owner, generation); break;
		}
}

void area_check(const struct area *a, const char *when)
{
	for (size_t i = 0; i < a->pages; i++)
		if (!holds(a->at + i * PAGE, a->stamps[i]))
			fail("%s: page %zu of %zu has %llx .. %llx, not %llx", when, i, a->pages, *(unsigned long long *)(a->at + i * PAGE),
				*(unsigned long long *)(a->at + i * PAGE + 4088), (unsigned long long)a->stamps[i]);
}

pid_t fork_checked(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		alarm(280);
		for (int i = 0; i < getpid() % 64; i++)
			draw();
	}
	return pid;
}

int end_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		CHECK(errno == EINTR);
	return status;
}

void ended_well(pid_t pid)
{
	int status = end_of(pid);

	if (status)
		fail("child %d ended with %x", pid, status);
}

static void hold(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("ready");
	fflush(stdout);
	while (getchar() >= 0)
		;
}

static void well(int argc, char **argv)
{
	struct area a = area_make(16);
	pid_t pid;

	(void)argc;
	(void)argv;
	area_write_some(&a, 0, 1, 1);
	if (!(pid = fork_checked())) {
		area_check(&a, "child");
		_exit(0);
	}
	ended_well(pid);
	puts("well");
}

static const struct trial own[] = { { "hold", hold }, { "well", well }, { 0 } };

int main(int argc, char **argv)
{
	const struct trial *const all[] = { own, trials_forks, trials_orders, trials_others };

	alarm(280); /* nothing stays behind: each process of the tree ends by itself */
	if (getenv("KX_SEED"))
		seed ^= strtoull(getenv("KX_SEED"), NULL, 0) * 0x2545f4914f6cdd1d;
	for (unsigned k = 0; k < sizeof all / sizeof *all; k++)
		for (const struct trial *t = all[k]; t->name; t++)
			if (argc > 1 && !strcmp(t->name, argv[1])) {
				t->run(argc - 2, argv + 2);
				fflush(stdout);
				return 0;
			}
	return 2;
}
