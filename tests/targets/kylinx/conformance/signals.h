/* What the cases of signals share. */
#ifndef CONFORMANCE_SIGNALS_H
#define CONFORMANCE_SIGNALS_H
#include "suite.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <ucontext.h>

static __attribute__((unused)) volatile int handled, last_signal, order[16];
static __attribute__((unused)) siginfo_t info;

static inline void count(int signo)
{
	order[handled & 15] = signo;
	handled++;
	last_signal = signo;
}

static inline void with_info(int signo, siginfo_t *i, void *context)
{
	(void)context;
	info = *i;
	count(signo);
}

static inline void catch_info(int signo)
{
	struct sigaction a = { .sa_sigaction = with_info, .sa_flags = SA_SIGINFO };
	OK(sigaction(signo, &a, NULL));
}

static inline sigset_t set_of(int a, int b)
{
	sigset_t s;
	sigemptyset(&s);
	if (a)
		sigaddset(&s, a);
	if (b)
		sigaddset(&s, b);
	return s;
}

static inline void block(int signo)
{
	sigset_t s = set_of(signo, 0);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
}

static inline bool blocked(int signo)
{
	sigset_t s;
	OK(sigprocmask(SIG_BLOCK, NULL, &s));
	return sigismember(&s, signo);
}

static inline bool pending(int signo)
{
	sigset_t s;
	OK(sigpending(&s));
	return sigismember(&s, signo);
}

static __attribute__((unused)) char *alt;
static __attribute__((unused)) volatile bool on_alt;
static inline void note_stack(int signo)
{
	char here;
	(void)signo;
	on_alt = &here >= alt && &here < alt + 65536;
	handled++;
}

static __attribute__((unused)) sigjmp_buf back;
static inline void jump_back(int signo)
{
	note_stack(signo);
	siglongjmp(back, signo);
}

#endif
