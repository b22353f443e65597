/*
 * launch: start a program in a place of ours.
 *
 *   launch [--parent PID] [--cgroup DIR] [--netns FILE] [--ipcns FD] [--cpus LIST] [--report FD] -- PROGRAM [ARG...]
 *   launch --guard FD DIR
 *
 * The first form ties itself to its parent (SIGKILL when the parent's thread ends), joins the cgroup and the
 * namespaces, starts a session and becomes PROGRAM. What goes wrong is written to --report (else to stderr)
 * and the exit code is 127; a successful exec closes --report without a word.
 *
 * The second form waits until nobody holds the other end of the pipe FD, then kills everything in the cgroup
 * DIR and below: so the children of what we started die with the suite too, though PR_SET_PDEATHSIG is not
 * inherited by them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_LAUNCH = 127 };

/* POSIX message queues are charged to the user by this limit: the stock 800 KiB hold 12 messages of 64 KiB. */
static const rlim_t MSGQUEUE_BYTES = 64 << 20;

struct options {
	pid_t parent;
	const char *cgroup;
	const char *netns;
	int ipcns;
	const char *cpus;
	char **program;
};

static int report_fd = STDERR_FILENO;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	char text[2 * PATH_MAX];
	va_list args;

	va_start(args, format);
	int length = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (length > (int)sizeof text - 1)
		length = sizeof text - 1;
	ssize_t written = write(report_fd, text, (size_t)length);
	(void)written; /* nobody else to tell */
	_exit(EXIT_LAUNCH);
}

static long number(const char *what, const char *text, long limit)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 0 || value > limit)
		die("%s wants a number from 0 to %ld, not '%s'\n", what, limit, text);
	return value;
}

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
		die("path too long: %s/%s\n", directory, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open %s: %s\n", path, strerror(errno));
	if (write(fd, text, strlen(text)) < 0)
		die("cannot write '%s' to %s: %s\n", text, path, strerror(errno));
	close(fd);
}

static void close_on_exec(const char *what, int fd)
{
	if (fcntl(fd, F_SETFD, FD_CLOEXEC))
		die("%s: descriptor %d: %s\n", what, fd, strerror(errno));
}

/* First of all, so that nothing of ours outlives the suite from here on. */
static void die_with_parent(pid_t parent)
{
	if (!parent)
		return;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		die("cannot set the parent-death signal: %s\n", strerror(errno));
	if (getppid() != parent) /* it died before the prctl */
		_exit(EXIT_LAUNCH);
}

static void join_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open the network namespace %s: %s\n", path, strerror(errno));
	if (setns(fd, CLONE_NEWNET))
		die("cannot enter the network namespace %s: %s\n", path, strerror(errno));
	close(fd);
}

static void pin(const char *list)
{
	cpu_set_t set;
	char copy[4096], *rest, *item;

	CPU_ZERO(&set);
	if (snprintf(copy, sizeof copy, "%s", list) >= (int)sizeof copy)
		die("--cpus: the list is too long\n");
	for (item = strtok_r(copy, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
		CPU_SET((size_t)number("--cpus", item, CPU_SETSIZE - 1), &set);
	if (sched_setaffinity(0, sizeof set, &set))
		die("cannot run on processors %s: %s\n", list, strerror(errno));
}

static void raise_msgqueue_limit(void)
{
	struct rlimit limit = {.rlim_cur = MSGQUEUE_BYTES, .rlim_max = MSGQUEUE_BYTES}, now;

	if (getrlimit(RLIMIT_MSGQUEUE, &now) || now.rlim_cur >= MSGQUEUE_BYTES)
		return;
	setrlimit(RLIMIT_MSGQUEUE, &limit); /* where it fails, programs meet the stock limit */
}

static int guard(int argc, char **argv)
{
	char byte, path[PATH_MAX];
	ssize_t got;

	if (argc != 4)
		die("usage: launch --guard FD DIR\n");
	int fd = (int)number("--guard", argv[2], INT_MAX);
	if (snprintf(path, sizeof path, "%s/cgroup.kill", argv[3]) >= (int)sizeof path)
		die("path too long: %s/cgroup.kill\n", argv[3]);
	/* Now, not when it is needed: by then a run that was resumed may have a cgroup of this name. */
	int group = open(path, O_WRONLY | O_CLOEXEC);
	setsid(); /* an interrupt at the terminal is the suite's business */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	do
		got = read(fd, &byte, 1);
	while (got > 0 || (got < 0 && errno == EINTR));
	got = write(group, "1", 1); /* after an orderly end it is empty, or gone */
	return got != 1;
}

static struct options parse(int argc, char **argv)
{
	struct options o = {.ipcns = -1};
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i += 2) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!value)
			die("%s wants a value\n", name);
		if (!strcmp(name, "--parent"))
			o.parent = (pid_t)number(name, value, INT_MAX);
		else if (!strcmp(name, "--cgroup"))
			o.cgroup = value;
		else if (!strcmp(name, "--netns"))
			o.netns = value;
		else if (!strcmp(name, "--ipcns"))
			o.ipcns = (int)number(name, value, INT_MAX);
		else if (!strcmp(name, "--cpus"))
			o.cpus = value;
		else if (!strcmp(name, "--report"))
			report_fd = (int)number(name, value, INT_MAX);
		else
			die("unknown option %s\n", name);
	}
	if (i + 1 >= argc)
		die("no program named after --\n");
	o.program = argv + i + 1;
	return o;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--guard"))
		return guard(argc, argv);

	struct options o = parse(argc, argv);

	if (report_fd != STDERR_FILENO)
		close_on_exec("--report", report_fd);
	die_with_parent(o.parent);
	if (o.cgroup)
		write_file(o.cgroup, "cgroup.procs", "0");
	if (o.netns)
		join_netns(o.netns);
	if (o.ipcns >= 0) {
		close_on_exec("--ipcns", o.ipcns);
		if (setns(o.ipcns, CLONE_NEWIPC))
			die("cannot enter the IPC namespace: %s\n", strerror(errno));
	}
	raise_msgqueue_limit();
	if (o.cpus)
		pin(o.cpus);
	setsid(); /* fails only if we lead a process group already, which is as good */
	execvp(o.program[0], o.program);
	die("cannot run %s: %s\n", o.program[0], strerror(errno));
}
