/* What cases share. */
#include "suite.h"
#include <sys/mman.h>

void *const bad_pointers[] = {
	(void *)8, (void *)0x10000, (void *)0x800000000000, (void *)0xffff888000000000, (void *)0x600000000000,
	(void *)0x600000800000, (void *)0x600010000000, (void *)0x600040000000, (void *)0x610000000000, NULL,
};

const char *errno_name(int e)
{
	static char other[30];
	const char *name = strerrorname_np(e);
	if (name)
		return name;
	snprintf(other, sizeof other, "errno %d", e);
	return other;
}

long eq_at(const char *file, int line, const char *what, long got, long want)
{
	if (got != want)
		fail_at(file, line, "%s is %ld, not %ld", what, got, want);
	return got;
}

long ok_at(const char *file, int line, const char *what, long got)
{
	if (got == -1)
		fail_at(file, line, "%s: %s", what, errno_name(errno));
	return got;
}

void err_at(const char *file, int line, const char *what, const char *name, long got, int want)
{
	if (got != -1)
		fail_at(file, line, "%s is %ld, not %s", what, got, name);
	if (errno != want)
		fail_at(file, line, "%s: %s, not %s", what, errno_name(errno), name);
}

void *read_only_page(void)
{
	return OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

void *edge(size_t room)
{
	char *p = OK(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(munmap(p + 4096, 4096));
	return p + 4096 - room;
}

int child_status(pid_t pid)
{
	int status;
	pid_t got;
	while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (got != pid)
		FAIL("waitpid: %s", errno_name(errno));
	return status;
}

void child_ok(pid_t pid)
{
	int status = child_status(pid);
	if (status)
		FAIL("a child's status is 0x%x", status);
}

void child_killed(pid_t pid, int signo)
{
	int status = child_status(pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != signo)
		FAIL("a child's status is 0x%x, not signal %d", status, signo);
}

void sleep_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

long long mono_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int open_new(const char *path)
{
	return OK(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
}

void write_file(const char *path, const void *bytes, size_t n)
{
	int fd = open_new(path);
	EQ(write(fd, bytes, n), n);
	OK(close(fd));
}

void on_signal(int signo, void (*handler)(int), int flags)
{
	struct sigaction a = { .sa_handler = handler, .sa_flags = flags };
	OK(sigaction(signo, &a, NULL));
}

bool has_line(const char *path, const char *prefix, char *line, size_t size)
{
	FILE *f = fopen(path, "r");
	bool found = false;
	if (!f)
		FAIL("%s: %s", path, errno_name(errno));
	while (!found && fgets(line, (int)size, f))
		found = !strncmp(line, prefix, strlen(prefix));
	fclose(f);
	return found;
}

bool until(bool (*done)(void))
{
	for (int i = 0; i < 1000; i++) {
		if (done())
			return true;
		sleep_ms(1);
	}
	return false;
}
