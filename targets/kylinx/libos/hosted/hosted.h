/* For tests of the LibOS in an ordinary process: what a test includes. See README.md. */
#ifndef KX_HOSTED_H
#define KX_HOSTED_H
#include "../libos.h"

void test_main(void);                    /* the test: first task of the first process; returning ends with status 0 */

/* libc, without its headers (which clash with the kernel's) */
int printf(const char *, ...) __attribute__((format(printf, 1, 2)));
void exit(int) __attribute__((noreturn));
int strcasecmp(const char *, const char *);
void *host_alloc(size_t);                /* malloc; free with host_free */
void host_free(void *);
void test_failed(const char *file, int line, const char *what, long a, long b) __attribute__((noreturn));

#define CHECK(c) do { if (!(c)) test_failed(__FILE__, __LINE__, #c, 0, 0); } while (0)
#define CHECK_EQ(a, b) do { long check_a = (long)(a), check_b = (long)(b); \
	if (check_a != check_b) test_failed(__FILE__, __LINE__, #a " == " #b, check_a, check_b); } while (0)

struct proc *hosted_proc(struct proc *parent);                     /* a process with files, fs, signal actions, mm */
struct task *hosted_thread(void (*fn)(void *), void *arg);         /* another thread of current's process, on this slot */
struct proc *hosted_pvm(void (*fn)(void *), void *arg);            /* a child process on a slot (host thread) of its own; it shares
                                                                      current's files. fn's return ends its task, not its proc */
void hosted_join(void);                                            /* until all tasks of hosted_thread and hosted_pvm ended */
void hosted_sleep(u64 ns);                                         /* current sleeps */
extern bool hosted_strict_access;                                  /* access_ok as in the guest: no pointers into the commons */
extern u64 hosted_commons_limit;                                   /* bytes; lower it to test -ENOMEM */
extern const char *hosted_image;                                   /* file to map at KX_VA_IMAGE: from $KX_IMAGE */
#endif
