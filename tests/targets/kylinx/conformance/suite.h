/* What a conformance case is written with. A case is one small statement about one system call, true of Linux:
 *
 *	#define GROUP "pipes"
 *	CALL(pipe2, "O_CLOEXEC O_NONBLOCK O_DIRECT");
 *	CASE(pipe2, "unknown flags: EINVAL") { ERR(pipe2(p, 1), EINVAL); }
 *
 * It runs in a process (and process group) of its own, in an empty directory of its own, and ends at the first check that
 * does not hold. CALL says what a target that passes may claim; docs/kylinx-syscalls.md is made from both. */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct call_entry { const char *group, *name, *flags; };
struct case_entry { const char *group, *call, *title; void (*run)(void); };

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
/* pointers to entries, for a section of structures may be padded by the linker */
#define CALL(call, flag_names) \
	static const struct call_entry JOIN(call_, __LINE__) = { GROUP, #call, flag_names }; \
	static const struct call_entry *const JOIN(call_at_, __LINE__) __attribute__((used, section("calls"))) = &JOIN(call_, __LINE__)
#define CASE(call, title) \
	static void JOIN(run_, __LINE__)(void); \
	static const struct case_entry JOIN(case_, __LINE__) = { GROUP, #call, title, JOIN(run_, __LINE__) }; \
	static const struct case_entry *const JOIN(case_at_, __LINE__) __attribute__((used, section("cases"))) = &JOIN(case_, __LINE__); \
	static void JOIN(run_, __LINE__)(void)

/* The case fails here, in whichever process or thread of it. */
__attribute__((noreturn, format(printf, 3, 4))) void fail_at(const char *file, int line, const char *format, ...);
const char *errno_name(int);
long eq_at(const char *file, int line, const char *what, long got, long want);
long ok_at(const char *file, int line, const char *what, long got);                /* not -1 */
void err_at(const char *file, int line, const char *what, const char *name, long got, int want); /* -1 and errno */

#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(c) do { if (!(c)) FAIL("not true: %s", #c); } while (0)
#define EQ(expression, want) eq_at(__FILE__, __LINE__, #expression, (long)(expression), (long)(want))
#define OK(expression) ((__typeof__(expression))ok_at(__FILE__, __LINE__, #expression, (long)(expression)))
#define ERR(expression, want) err_at(__FILE__, __LINE__, #expression, #want, (long)(expression), want)
/* for pthread_ functions, which return the error */
#define RET(expression, want) do { \
	int ret_got = (int)(expression); \
	if (ret_got != (want)) \
		FAIL("%s: %s, not %s", #expression, errno_name(ret_got), errno_name(want)); \
} while (0)

/* Addresses no program may give: each for's body sees one. Low, unmapped, not canonical, the kernel's half, and (in a pVM)
 * the LibOS's own text and data, which must be refused as the kernel's are. */
extern void *const bad_pointers[];
#define EACH_BAD(p) for (void *const *bad_at = bad_pointers, *p = *bad_at; p; p = *++bad_at)
void *read_only_page(void);      /* readable, not writable: for results */
void *edge(size_t room);         /* room bytes, then an unmapped page */

/* children */
void child_ok(pid_t pid);        /* waits; it must exit with 0 */
int child_status(pid_t pid);     /* waits: its status */
void child_killed(pid_t pid, int signo);
/* the block after it runs in a child, which then exits with 0 */
#define CHILD(pid_variable) pid_t pid_variable = OK(fork()); if (pid_variable == 0) for (;; _exit(0))

void sleep_ms(int ms);
long long mono_ns(void);
void write_file(const char *path, const void *bytes, size_t n);
int open_new(const char *path);  /* read-write, empty */
void on_signal(int signo, void (*handler)(int), int flags);
bool has_line(const char *path, const char *prefix, char *line, size_t size); /* a line of a /proc file */
bool until(bool (*done)(void));  /* polls for a second */
extern char *self_path;          /* this program, for exec */

#endif
