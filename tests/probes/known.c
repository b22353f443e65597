/* The known workload: does one thing COUNT times between "go" and "done", after a rehearsal.
 *
 *   known WHAT COUNT [LIBRARY]
 *
 * Told by a byte on the socket 0; answers with a line of figures of its own on it, then waits for a last byte.
 * send and recv are used for that, so that read and write are the workload's alone. */
#define _GNU_SOURCE
#define STAP_SDT_ARG_CONSTRAINT nr
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sdt.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROBE(name, value) DTRACE_PROBE1(kxbench, name, (uint64_t)(value))
#define PAGE 4096

static const char *library;
static char *pages;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void forks(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child;

		PROBE(fork_begin, i);
		child = fork();
		if (child == 0) {
			PROBE(fork_child, i);
			_exit(0);
		}
		PROBE(fork_parent, i);
		if (child < 0 || waitpid(child, NULL, 0) != child)
			die("fork");
		PROBE(fork_reaped, i);
	}
}

static void messages(int count)
{
	int ends[2];
	char byte = 0;
	pid_t child;

	if (pipe(ends))
		die("pipe");
	child = fork();
	for (int i = 0; i < count; i++) {
		if (child) {
			PROBE(ipc_send, i);
			if (write(ends[1], &byte, 1) != 1)
				die("write");
		} else {
			if (read(ends[0], &byte, 1) != 1)
				die("read");
			PROBE(ipc_recv, i);
		}
	}
	if (child == 0)
		_exit(0);
	if (waitpid(child, NULL, 0) != child)
		die("waitpid");
	close(ends[0]);
	close(ends[1]);
}

static void loads(int count)
{
	for (int i = 0; i < count; i++) {
		void *handle;

		PROBE(lib_update_begin, i);
		PROBE(lib_open_begin, i);
		handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
		PROBE(lib_open_end, i);
		if (!handle || !dlsym(handle, "known_answer"))
			die("dlopen");
		PROBE(lib_call_end, i);
		dlclose(handle);
		PROBE(lib_update_end, i);
	}
}

/* Long: one that is over before its thread has left the CPU (which was taken away meanwhile) is no switch. */
static void naps(int count)
{
	const struct timespec nap = { .tv_nsec = 50000000 };

	for (int i = 0; i < count; i++)
		nanosleep(&nap, NULL);
}

static void touches(int count)
{
	for (int i = 0; i < count; i++)
		((volatile char *)pages)[i * PAGE] = 1;
}

static void fresh_pages(int count)
{
	pages = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || madvise(pages, (size_t)count * PAGE, MADV_NOHUGEPAGE))
		die("mmap");
}

static const struct {
	const char *name;
	void (*prepare)(int), (*act)(int);
} acts[] = {
	{ "forks", NULL, forks }, { "messages", NULL, messages },      { "loads", NULL, loads },
	{ "naps", NULL, naps },	  { "touches", fresh_pages, touches },
};

static void await(void)
{
	char byte;

	if (recv(0, &byte, 1, 0) != 1)
		_exit(0);
}

static void do_it(size_t act, int count)
{
	static struct rusage before, after;
	static char line[128];
	int length;

	if (acts[act].prepare)
		acts[act].prepare(count);
	if (send(0, "ready\n", 6, 0) != 6)
		die("send");
	await();
	getrusage(RUSAGE_SELF, &before);
	acts[act].act(count);
	getrusage(RUSAGE_SELF, &after);
	length = snprintf(line, sizeof(line), "%ld %ld %ld\n", after.ru_minflt - before.ru_minflt,
			  after.ru_nvcsw - before.ru_nvcsw, after.ru_nivcsw - before.ru_nivcsw);
	if (send(0, line, (size_t)length, 0) != length)
		die("send");
	await();
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[2]) : 0;

	library = argc > 3 ? argv[3] : NULL;
	for (size_t i = 0; argc > 2 && i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(argv[1], acts[i].name))
			continue;
		do_it(i, count); /* the rehearsal: what is mapped, bound or cached once */
		do_it(i, count);
		return 0;
	}
	fprintf(stderr, "usage: known WHAT COUNT [LIBRARY]\n");
	return 2;
}
