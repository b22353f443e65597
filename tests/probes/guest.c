/* Known workloads for a pVM: `guest forks|crowd|messages|touches|nothing COUNT`. Unlike `known` it talks to nobody. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STRIDE (4 << 20) /* farther apart than what a monitor copies at once */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static pid_t forked(void)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	return child;
}

static void reap(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) <= 0 || status)
		die("waitpid");
}

static void forks(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = forked();

		if (!child)
			_exit(0);
		reap(child);
	}
}

/* All alive at once, as many as there may be. */
static void crowd(int count)
{
	int ends[2], made = 0;
	char byte;

	if (pipe(ends))
		die("pipe");
	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (!child) {
			close(ends[1]);
			_exit(read(ends[0], &byte, 1)); /* until the parent closes it */
		}
		made += child > 0;
	}
	close(ends[1]);
	while (made--)
		reap(-1);
}

/* Long enough apart for the receiver to block, on a machine that others use as well. */
static void messages(int count)
{
	const struct timespec pause = { .tv_nsec = 40000000 };
	int ends[2];
	char byte = 0;
	pid_t child;

	if (pipe(ends))
		die("pipe");
	child = forked();
	for (int i = 0; i < count; i++) {
		if (!child) {
			if (read(ends[0], &byte, 1) != 1)
				die("read");
		} else {
			nanosleep(&pause, NULL);
			if (write(ends[1], &byte, 1) != 1)
				die("write");
		}
	}
	if (!child)
		_exit(0);
	reap(child);
}

/* The child writes COUNT pages of what the parent has written, which stays alive. */
static void touches(int count)
{
	size_t size = 32 * (size_t)STRIDE;
	volatile char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	if (memory == MAP_FAILED || count > 32)
		die("mmap");
	for (size_t at = 0; at < size; at += STRIDE)
		memory[at] = 1;
	child = forked();
	if (!child) {
		for (int i = 0; i < count; i++)
			memory[(size_t)i * STRIDE] = 2;
		_exit(0);
	}
	reap(child);
}

static void nothing(int count)
{
	(void)count;
}

static const struct {
	const char *name;
	void (*act)(int);
} acts[] = { { "forks", forks }, { "crowd", crowd }, { "messages", messages },
	     { "touches", touches }, { "nothing", nothing } };

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(argv[1], acts[i].name))
			continue;
		acts[i].act(atoi(argv[2]));
		return 0;
	}
	fprintf(stderr, "usage: guest WHAT COUNT\n");
	return 2;
}
