/* Runs the cases and prints a JSON line for each: conformance [--list] [--calls] [--in-process] [--scratch DIR] [GROUP[/CALL] ...] */
#include "suite.h"
#include <dirent.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define CASE_SECONDS 20

extern const struct case_entry *const __start_cases[], *const __stop_cases[];
extern const struct call_entry *const __start_calls[], *const __stop_calls[];

struct outcome { int failed; char detail[600]; };
static struct outcome *outcome; /* shared with the children of a case */
static bool in_process;
static char scratch[200];
char *self_path;

int helper_main(int argc, char **argv); /* helper.c: what exec cases run */

void fail_at(const char *file, int line, const char *format, ...)
{
	const char *base = strrchr(file, '/');
	if (!__atomic_exchange_n(&outcome->failed, 1, __ATOMIC_ACQ_REL)) {
		va_list args;
		int n = snprintf(outcome->detail, sizeof outcome->detail, "%s:%d: ", base ? base + 1 : file, line);
		va_start(args, format);
		vsnprintf(outcome->detail + n, sizeof outcome->detail - (size_t)n, format, args);
		va_end(args);
	}
	if (in_process) {
		fprintf(stderr, "%s\n", outcome->detail);
		abort();
	}
	_exit(1);
}

static void put_json(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 32)
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void put_field(const char *name, const char *value, const char *after)
{
	printf("\"%s\": ", name);
	put_json(value);
	fputs(after, stdout);
}

static void put_case(const struct case_entry *c, const char *verdict, const char *detail)
{
	putchar('{');
	put_field("group", c->group, ", ");
	put_field("call", c->call, ", ");
	put_field("case", c->title, verdict ? ", " : "}\n");
	if (verdict) {
		put_field("verdict", verdict, ", ");
		put_field("detail", detail, "}\n");
	}
	fflush(stdout);
}

static void enter_case(void)
{
	struct rlimit no_core = { 0, 0 };
	setpgid(0, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	umask(022);
	if (scratch[0] && chdir(scratch) < 0)
		FAIL("%s: %s", scratch, errno_name(errno));
}

/* The status of a case, or -1 when it hangs. Sleeps so that neither SIGCHLD nor timers need to work. */
static int await(pid_t pid)
{
	long long end = mono_ns() + CASE_SECONDS * 1000000000LL;
	struct timespec nap = { 0, 100000 };
	int status;
	while (mono_ns() < end) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 2000000)
			nap.tv_nsec *= 2;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char below[600];
	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(below, sizeof below, "%s/%s", path, e->d_name);
		if (unlink(below) < 0)
			remove_tree(below);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static bool run_case(const struct case_entry *c)
{
	*outcome = (struct outcome){ 0 };
	if (scratch[0] && mkdir(scratch, 0755) < 0)
		snprintf(outcome->detail, sizeof outcome->detail, "mkdir %s: %s", scratch, errno_name(errno));
	if (in_process) {
		if (scratch[0] && chdir(scratch) < 0)
			FAIL("%s: %s", scratch, errno_name(errno));
		c->run();
	} else {
		pid_t pid = fork();
		if (pid == 0) {
			enter_case();
			c->run();
			_exit(0);
		}
		int status = pid < 0 ? -1 : await(pid);
		if (pid > 0)
			kill(-pid, SIGKILL); /* what it left running */
		if (pid < 0)
			snprintf(outcome->detail, sizeof outcome->detail, "fork: %s", errno_name(errno));
		else if (status == -1)
			snprintf(outcome->detail, sizeof outcome->detail, "no end within %d s", CASE_SECONDS);
		else if (WIFSIGNALED(status))
			snprintf(outcome->detail, sizeof outcome->detail, "killed by signal %d", WTERMSIG(status));
		else if (status && !outcome->failed)
			snprintf(outcome->detail, sizeof outcome->detail, "exit status %d", WEXITSTATUS(status));
		if (status)
			outcome->failed = 1;
	}
	if (scratch[0])
		remove_tree(scratch);
	put_case(c, outcome->failed ? "fail" : "ok", outcome->failed ? outcome->detail : "");
	return !outcome->failed;
}

static bool wanted(const struct case_entry *c, int count, char **filter)
{
	char call[100];
	snprintf(call, sizeof call, "%s/%s", c->group, c->call);
	for (int i = 0; i < count; i++) {
		if (!strcmp(filter[i], c->group) || !strcmp(filter[i], call) || !strcmp(filter[i], c->title))
			return true;
	}
	return count == 0;
}

static int list_calls(void)
{
	for (const struct call_entry *const *c = __start_calls; c < __stop_calls; c++) {
		putchar('{');
		put_field("group", (*c)->group, ", ");
		put_field("call", (*c)->name, ", ");
		put_field("flags", (*c)->flags, "}\n");
	}
	return 0;
}

static const char *scratch_root(void)
{
	/* tmpfs, which is what a pVM has everywhere */
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

int main(int argc, char **argv)
{
	bool list = false;
	const char *root = NULL;
	int failed = 0, at = 1;

	if (argc > 1 && !strcmp(argv[1], "--helper"))
		return helper_main(argc - 2, argv + 2);
	for (; at < argc && argv[at][0] == '-'; at++) {
		if (!strcmp(argv[at], "--list"))
			list = true;
		else if (!strcmp(argv[at], "--calls"))
			return list_calls();
		else if (!strcmp(argv[at], "--in-process"))
			in_process = true;
		else if (!strcmp(argv[at], "--scratch") && at + 1 < argc)
			root = argv[++at];
		else
			return fprintf(stderr, "%s: unknown option %s\n", argv[0], argv[at]), 2;
	}
	self_path = realpath(argv[0], NULL);
	if (!list)
		snprintf(scratch, sizeof scratch, "%s/conformance.%d", root ? root : scratch_root(), (int)getpid());
	outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		return perror("mmap"), 2;
	for (const struct case_entry *const *c = __start_cases; c < __stop_cases; c++) {
		if (!wanted(*c, argc - at, argv + at))
			continue;
		if (list)
			put_case(*c, NULL, NULL);
		else
			failed += !run_case(*c);
	}
	return failed ? 1 : 0;
}
