/* Signals: dispositions, masks, queues, delivery, frames. */
#include "suite.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <ucontext.h>

#define GROUP "signals"

CALL(rt_sigaction, "SA_SIGINFO SA_RESTART SA_NODEFER SA_RESETHAND SA_ONSTACK SA_NOCLDSTOP SA_NOCLDWAIT SA_RESTORER");
CALL(rt_sigprocmask, "SIG_BLOCK SIG_UNBLOCK SIG_SETMASK");
CALL(rt_sigpending, "");
CALL(rt_sigsuspend, "");
CALL(rt_sigtimedwait, "");
CALL(rt_sigqueueinfo, "");
CALL(rt_tgsigqueueinfo, "");
CALL(rt_sigreturn, "");
CALL(sigaltstack, "SS_DISABLE SS_ONSTACK SS_AUTODISARM");
CALL(kill, "a process, a group, all");
CALL(tkill, "");
CALL(tgkill, "");
CALL(pause, "");

static volatile int handled, last_signal, order[16];
static siginfo_t info;

static void count(int signo)
{
	order[handled & 15] = signo;
	handled++;
	last_signal = signo;
}

static void with_info(int signo, siginfo_t *i, void *context)
{
	(void)context;
	info = *i;
	count(signo);
}

static void catch_info(int signo)
{
	struct sigaction a = { .sa_sigaction = with_info, .sa_flags = SA_SIGINFO };
	OK(sigaction(signo, &a, NULL));
}

static sigset_t set_of(int a, int b)
{
	sigset_t s;
	sigemptyset(&s);
	if (a)
		sigaddset(&s, a);
	if (b)
		sigaddset(&s, b);
	return s;
}

static void block(int signo)
{
	sigset_t s = set_of(signo, 0);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
}

static void unblock(int signo)
{
	sigset_t s = set_of(signo, 0);
	OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
}

static bool blocked(int signo)
{
	sigset_t s;
	OK(sigprocmask(SIG_BLOCK, NULL, &s));
	return sigismember(&s, signo);
}

static bool pending(int signo)
{
	sigset_t s;
	OK(sigpending(&s));
	return sigismember(&s, signo);
}

CASE(rt_sigaction, "a handler runs before kill returns")
{
	on_signal(SIGUSR1, count, 0);
	OK(kill(getpid(), SIGUSR1));
	EQ(handled, 1);
	EQ(last_signal, SIGUSR1);
}

CASE(rt_sigaction, "gives the one before")
{
	struct sigaction a = { .sa_handler = count, .sa_flags = SA_RESTART }, old;
	sigaddset(&a.sa_mask, SIGUSR2);
	OK(sigaction(SIGUSR1, &a, &old));
	CHECK(old.sa_handler == SIG_DFL);
	OK(sigaction(SIGUSR1, NULL, &old));
	CHECK(old.sa_handler == count);
	CHECK(old.sa_flags & SA_RESTART);
	CHECK(sigismember(&old.sa_mask, SIGUSR2));
}

CASE(rt_sigaction, "SIGKILL, SIGSTOP, 0, 65: EINVAL; wrong size: EINVAL; bad address: EFAULT")
{
	char a[64] = "";
	ERR(syscall(SYS_rt_sigaction, SIGKILL, a, NULL, 8), EINVAL);
	ERR(syscall(SYS_rt_sigaction, SIGSTOP, a, NULL, 8), EINVAL);
	ERR(syscall(SYS_rt_sigaction, 0, a, NULL, 8), EINVAL);
	ERR(syscall(SYS_rt_sigaction, 65, a, NULL, 8), EINVAL);
	ERR(syscall(SYS_rt_sigaction, SIGUSR1, a, NULL, 4), EINVAL);
	OK(syscall(SYS_rt_sigaction, SIGKILL, NULL, a, 8));
	EACH_BAD(bad) {
		ERR(syscall(SYS_rt_sigaction, SIGUSR1, bad, NULL, 8), EFAULT);
		ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, bad, 8), EFAULT);
	}
}

CASE(rt_sigaction, "SA_SIGINFO: who sent it and how")
{
	catch_info(SIGUSR1);
	OK(kill(getpid(), SIGUSR1));
	EQ(info.si_signo, SIGUSR1);
	EQ(info.si_code, SI_USER);
	EQ(info.si_pid, getpid());
	EQ(info.si_uid, getuid());
	OK(raise(SIGUSR1));
	EQ(info.si_code, SI_TKILL);
}

CASE(rt_sigaction, "the signal and sa_mask are blocked in the handler, and not after it")
{
	struct sigaction a = { .sa_handler = count };
	sigaddset(&a.sa_mask, SIGUSR2);
	OK(sigaction(SIGUSR1, &a, NULL));
	on_signal(SIGUSR2, count, 0);
	block(SIGUSR1);
	block(SIGUSR2);
	OK(raise(SIGUSR2));
	OK(raise(SIGUSR1));
	unblock(SIGUSR1);
	EQ(handled, 1);
	CHECK(!blocked(SIGUSR1));
	CHECK(blocked(SIGUSR2));
	unblock(SIGUSR2);
	EQ(handled, 2);
}

static volatile int depth, deepest;
static void nest(int signo)
{
	if (++depth > deepest)
		deepest = depth;
	if (depth < 3)
		raise(signo);
	depth--;
}

CASE(rt_sigaction, "SA_NODEFER: a handler may be interrupted by its own signal")
{
	on_signal(SIGUSR1, nest, SA_NODEFER);
	OK(raise(SIGUSR1));
	EQ(deepest, 3);
	deepest = 0;
	depth = 0;
	on_signal(SIGUSR1, nest, 0);
	depth = 2;
	OK(raise(SIGUSR1));
	EQ(deepest, 3);
}

CASE(rt_sigaction, "SA_RESETHAND: once, then the default")
{
	struct sigaction a;
	on_signal(SIGUSR1, count, (int)SA_RESETHAND);
	OK(raise(SIGUSR1));
	EQ(handled, 1);
	OK(sigaction(SIGUSR1, NULL, &a));
	CHECK(a.sa_handler == SIG_DFL);
}

CASE(rt_sigaction, "ignored is dropped, even while blocked it is forgotten when ignored")
{
	signal(SIGUSR1, SIG_IGN);
	OK(raise(SIGUSR1));
	on_signal(SIGUSR1, count, 0);
	EQ(handled, 0);
	block(SIGUSR1);
	OK(raise(SIGUSR1));
	CHECK(pending(SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	CHECK(!pending(SIGUSR1));
	on_signal(SIGUSR1, count, 0);
	unblock(SIGUSR1);
	EQ(handled, 0);
}

CASE(rt_sigaction, "defaults: what kills, what is ignored")
{
	static const int deadly[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2,
		SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS, 34, 64 };
	static const int harmless[] = { SIGCHLD, SIGCONT, SIGURG, SIGWINCH };
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
		CHILD(pid)
			for (;;)
				kill(getpid(), deadly[i]);
		child_killed(pid, deadly[i]);
	}
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		OK(raise(harmless[i]));
}

CASE(rt_sigaction, "defaults that dump core say so in the status only when a core is written")
{
	CHILD(pid) abort();
	int status = child_status(pid);
	CHECK(WIFSIGNALED(status) && !WCOREDUMP(status));
	EQ(WTERMSIG(status), SIGABRT);
}

CASE(rt_sigprocmask, "blocked waits, unblocked is delivered at once; of classic signals one is kept")
{
	on_signal(SIGUSR1, count, 0);
	block(SIGUSR1);
	for (int i = 0; i < 3; i++)
		OK(raise(SIGUSR1));
	EQ(handled, 0);
	CHECK(pending(SIGUSR1));
	unblock(SIGUSR1);
	EQ(handled, 1);
	CHECK(!pending(SIGUSR1));
}

CASE(rt_sigprocmask, "SIGKILL and SIGSTOP cannot be blocked; how: EINVAL; wrong size: EINVAL; bad address: EFAULT")
{
	unsigned long all = ~0UL, now;
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8));
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &now, 8));
	EQ(now, ~(1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1)));
	ERR(syscall(SYS_rt_sigprocmask, 9, &all, NULL, 8), EINVAL);
	ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 4), EINVAL);
	EACH_BAD(bad) {
		ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad, NULL, 8), EFAULT);
		ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, bad, 8), EFAULT);
	}
}

CASE(rt_sigprocmask, "several unblocked at once: the highest number's handler runs first")
{
	sigset_t s = set_of(SIGUSR1, SIGUSR2);
	on_signal(SIGUSR1, count, 0);
	on_signal(SIGUSR2, count, 0);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	OK(raise(SIGUSR2));
	OK(raise(SIGUSR1));
	OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
	EQ(handled, 2);
	EQ(order[0], SIGUSR2);
	EQ(order[1], SIGUSR1);
}

CASE(rt_sigpending, "wrong size: EINVAL; bad address: EFAULT")
{
	unsigned long s;
	ERR(syscall(SYS_rt_sigpending, &s, 9), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_rt_sigpending, bad, 8), EFAULT);
}

CASE(rt_sigsuspend, "waits with another mask: EINTR, and the old mask is back")
{
	sigset_t none = set_of(0, 0);
	on_signal(SIGUSR1, count, SA_RESTART);
	block(SIGUSR1);
	OK(raise(SIGUSR1));
	ERR(sigsuspend(&none), EINTR);
	EQ(handled, 1);
	CHECK(blocked(SIGUSR1));
	ERR(syscall(SYS_rt_sigsuspend, &none, 4), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_rt_sigsuspend, bad, 8), EFAULT);
}

CASE(rt_sigsuspend, "a signal from another process; ignored ones do not end it")
{
	sigset_t none = set_of(0, 0);
	pid_t me = getpid();
	on_signal(SIGUSR1, count, 0);
	signal(SIGUSR2, SIG_IGN);
	block(SIGUSR1);
	CHILD(pid) {
		sleep_ms(10);
		OK(kill(me, SIGUSR2));
		sleep_ms(10);
		OK(kill(me, SIGUSR1));
	}
	ERR(sigsuspend(&none), EINTR);
	EQ(handled, 1);
	child_status(pid);
}

CASE(pause, "ends with EINTR after a handler")
{
	on_signal(SIGALRM, count, SA_RESTART);
	ualarm(10000, 0);
	ERR(pause(), EINTR);
	EQ(handled, 1);
}

CASE(rt_sigtimedwait, "takes a pending signal without its handler")
{
	sigset_t s = set_of(SIGUSR1, SIGUSR2);
	siginfo_t i;
	on_signal(SIGUSR1, count, 0);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	OK(kill(getpid(), SIGUSR1));
	EQ(sigwaitinfo(&s, &i), SIGUSR1);
	EQ(i.si_pid, getpid());
	EQ(i.si_code, SI_USER);
	CHECK(!pending(SIGUSR1));
	EQ(handled, 0);
}

CASE(rt_sigtimedwait, "waits for another process; a time-out: EAGAIN; another signal's handler: EINTR")
{
	sigset_t s = set_of(SIGUSR1, 0);
	struct timespec t = { 0, 20000000 }, zero = { 0, 0 };
	pid_t me = getpid();
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	ERR(sigtimedwait(&s, NULL, &zero), EAGAIN);
	long long start = mono_ns();
	ERR(sigtimedwait(&s, NULL, &t), EAGAIN);
	CHECK(mono_ns() - start >= 20000000);
	CHILD(pid) {
		sleep_ms(20);
		OK(kill(me, SIGUSR1));
	}
	EQ(sigwaitinfo(&s, NULL), SIGUSR1);
	child_ok(pid);
	on_signal(SIGALRM, count, SA_RESTART);
	ualarm(10000, 0);
	ERR(sigwaitinfo(&s, NULL), EINTR);
}

CASE(rt_sigtimedwait, "not valid: EINVAL; wrong size: EINVAL; bad address: EFAULT")
{
	unsigned long s = 1UL << (SIGUSR1 - 1);
	struct timespec bad_time = { 0, -1 };
	ERR(syscall(SYS_rt_sigtimedwait, &s, NULL, &bad_time, 8), EINVAL);
	ERR(syscall(SYS_rt_sigtimedwait, &s, NULL, NULL, 4), EINVAL);
	EACH_BAD(bad) {
		ERR(syscall(SYS_rt_sigtimedwait, bad, NULL, NULL, 8), EFAULT);
		ERR(syscall(SYS_rt_sigtimedwait, &s, NULL, bad, 8), EFAULT);
	}
}

CASE(rt_sigtimedwait, "SIGCHLD while it is not blocked and has the default disposition")
{
	sigset_t s = set_of(SIGCHLD, 0);
	siginfo_t i;
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	CHILD(pid) sleep_ms(20);
	EQ(sigwaitinfo(&s, &i), SIGCHLD);
	EQ(i.si_pid, pid);
	child_ok(pid);
}

CASE(rt_sigqueueinfo, "real-time signals queue, in order, with their values; lower numbers first")
{
	sigset_t s = set_of(SIGRTMIN, SIGRTMIN + 1);
	siginfo_t i;
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 1 }));
	OK(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 2 }));
	OK(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 3 }));
	EQ(sigwaitinfo(&s, &i), SIGRTMIN);
	EQ(i.si_value.sival_int, 2);
	EQ(i.si_code, SI_QUEUE);
	EQ(sigwaitinfo(&s, &i), SIGRTMIN);
	EQ(i.si_value.sival_int, 3);
	EQ(sigwaitinfo(&s, &i), SIGRTMIN + 1);
	EQ(i.si_value.sival_int, 1);
	struct timespec zero = { 0, 0 };
	ERR(sigtimedwait(&s, &i, &zero), EAGAIN);
}

CASE(rt_sigqueueinfo, "RLIMIT_SIGPENDING reached: EAGAIN")
{
	struct rlimit r = { 5, 5 };
	int n = 0;
	block(SIGRTMIN);
	OK(setrlimit(RLIMIT_SIGPENDING, &r));
	while (n < 100 && sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 0 }) == 0)
		n++;
	EQ(errno, EAGAIN);
	CHECK(n <= 5);
}

CASE(rt_sigqueueinfo, "pretending to be the kernel towards another: EPERM; none: ESRCH; bad address: EFAULT")
{
	siginfo_t i = { .si_code = SI_USER };
	CHILD(pid) pause();
	ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &i), EPERM);
	i.si_code = SI_QUEUE;
	ERR(syscall(SYS_rt_sigqueueinfo, 0x3fffff, SIGUSR1, &i), ESRCH);
	ERR(syscall(SYS_rt_sigqueueinfo, pid, 65, &i), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, bad), EFAULT);
	OK(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &i));
	child_killed(pid, SIGUSR1);
}

CASE(rt_tgsigqueueinfo, "to a thread of this process")
{
	siginfo_t i = { .si_code = SI_QUEUE };
	i.si_value.sival_int = 77;
	catch_info(SIGUSR1);
	OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &i));
	EQ(info.si_value.sival_int, 77);
	ERR(syscall(SYS_rt_tgsigqueueinfo, getpid(), 0, SIGUSR1, &i), EINVAL);
	ERR(syscall(SYS_rt_tgsigqueueinfo, getpid(), 0x3fffff, SIGUSR1, &i), ESRCH);
}

CASE(kill, "0 only asks; none: ESRCH; number above 64: EINVAL")
{
	OK(kill(getpid(), 0));
	ERR(kill(0x3fffff, 0), ESRCH);
	ERR(kill(getpid(), 65), EINVAL);
	ERR(kill(getpid(), -1), EINVAL);
	ERR(kill(-0x3fffff, 0), ESRCH);
}

CASE(kill, "a zombie may be asked after, until it is waited for")
{
	CHILD(pid) _exit(0);
	siginfo_t i;
	OK(waitid(P_PID, (id_t)pid, &i, WEXITED | WNOWAIT));
	OK(kill(pid, SIGUSR1));
	child_ok(pid);
	ERR(kill(pid, 0), ESRCH);
}

CASE(kill, "a group: every member; the own group by 0")
{
	int p[2];
	pid_t members[3];
	char c;
	OK(pipe(p));
	for (int i = 0; i < 3; i++) {
		CHILD(pid) {
			OK(setpgid(0, i ? members[0] : 0));
			EQ(write(p[1], "x", 1), 1);
			pause();
		}
		if (!i)
			setpgid(pid, pid);
		members[i] = pid;
		EQ(read(p[0], &c, 1), 1);
	}
	OK(kill(-members[0], SIGTERM));
	for (int i = 0; i < 3; i++)
		child_killed(members[i], SIGTERM);
	on_signal(SIGUSR1, count, 0);
	CHILD(pid) pause();
	OK(kill(0, SIGUSR1));
	EQ(handled, 1);
	OK(kill(pid, SIGKILL));
	child_status(pid);
}

CASE(kill, "another user's process: EPERM; the same session's may be continued")
{
	CHILD(victim) pause();
	CHILD(pid) {
		OK(setuid(1000));
		ERR(kill(victim, SIGTERM), EPERM);
		OK(kill(victim, SIGCONT));
		ERR(kill(1, SIGTERM), EPERM);
	}
	child_ok(pid);
	OK(kill(victim, SIGKILL));
	child_killed(victim, SIGKILL);
}

CASE(kill, "interrupts a long computation")
{
	CHILD(pid)
		for (volatile unsigned long i = 0;; i++)
			;
	sleep_ms(10);
	OK(kill(pid, SIGTERM));
	child_killed(pid, SIGTERM);
}

CASE(kill, "a handler runs in the middle of a long computation of another process, which goes on")
{
	int p[2];
	char c;
	OK(pipe(p));
	CHILD(pid) {
		double sum = 0;
		on_signal(SIGUSR1, count, 0);
		EQ(write(p[1], "x", 1), 1);
		for (int i = 0; !handled; i++)
			sum += i * 0.5 - i / 2.0;
		CHECK(sum == 0);
	}
	EQ(read(p[0], &c, 1), 1);
	sleep_ms(10);
	OK(kill(pid, SIGUSR1));
	child_ok(pid);
}

CASE(kill, "SIGKILL of a process that blocks everything and sleeps")
{
	CHILD(pid) {
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		sleep(100);
	}
	sleep_ms(10);
	OK(kill(pid, SIGKILL));
	child_killed(pid, SIGKILL);
}

CASE(tkill, "this thread; none: ESRCH; 0: EINVAL")
{
	on_signal(SIGUSR1, count, 0);
	OK(syscall(SYS_tkill, gettid(), SIGUSR1));
	EQ(handled, 1);
	ERR(syscall(SYS_tkill, 0x3fffff, SIGUSR1), ESRCH);
	ERR(syscall(SYS_tkill, 0, SIGUSR1), EINVAL);
}

CASE(tgkill, "the thread must be of the process: ESRCH; 0: EINVAL")
{
	on_signal(SIGUSR1, count, 0);
	OK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
	EQ(handled, 1);
	ERR(syscall(SYS_tgkill, getppid(), gettid(), SIGUSR1), ESRCH);
	ERR(syscall(SYS_tgkill, 0, gettid(), SIGUSR1), EINVAL);
	ERR(syscall(SYS_tgkill, getpid(), gettid(), 65), EINVAL);
}

static volatile pid_t handler_tid;
static void note_tid(int signo) { (void)signo; handler_tid = gettid(); }
static volatile pid_t waiter_tid;
static volatile int waiter_done;

static void *waiter(void *arg)
{
	(void)arg;
	waiter_tid = gettid();
	while (!waiter_done)
		sleep_ms(1);
	return NULL;
}

static bool waiter_ready(void) { return waiter_tid != 0; }
static bool note_taken(void) { return handler_tid != 0; }

CASE(tgkill, "is handled by that thread")
{
	pthread_t t;
	on_signal(SIGUSR1, note_tid, SA_RESTART);
	RET(pthread_create(&t, NULL, waiter, NULL), 0);
	CHECK(until(waiter_ready));
	RET(pthread_kill(t, SIGUSR1), 0);
	CHECK(until(note_taken));
	EQ(handler_tid, waiter_tid);
	waiter_done = 1;
	RET(pthread_join(t, NULL), 0);
}

CASE(kill, "a signal the main thread blocks is handled by another thread")
{
	pthread_t t;
	on_signal(SIGUSR1, note_tid, SA_RESTART);
	RET(pthread_create(&t, NULL, waiter, NULL), 0);
	CHECK(until(waiter_ready));
	block(SIGUSR1);
	OK(kill(getpid(), SIGUSR1));
	CHECK(until(note_taken));
	EQ(handler_tid, waiter_tid);
	waiter_done = 1;
	RET(pthread_join(t, NULL), 0);
}

static char *alt;
static volatile bool on_alt;
static void note_stack(int signo)
{
	char here;
	(void)signo;
	on_alt = &here >= alt && &here < alt + 65536;
	handled++;
}

static void use_alt(int flags)
{
	alt = OK(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	stack_t s = { .ss_sp = alt, .ss_size = 65536, .ss_flags = flags };
	OK(sigaltstack(&s, NULL));
}

CASE(sigaltstack, "SA_ONSTACK uses it, other handlers do not")
{
	use_alt(0);
	on_signal(SIGUSR1, note_stack, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK(on_alt);
	on_signal(SIGUSR1, note_stack, 0);
	OK(raise(SIGUSR1));
	CHECK(!on_alt);
}

static sigjmp_buf back;
static void jump_back(int signo)
{
	note_stack(signo);
	siglongjmp(back, signo);
}

static int overflow(volatile char *above)
{
	volatile char here[4096];
	here[0] = above ? above[0] : 0;
	return overflow(here) + here[1];
}

CASE(sigaltstack, "a stack overflow is handled on it")
{
	struct rlimit r = { 1 << 20, 1 << 20 };
	OK(setrlimit(RLIMIT_STACK, &r));
	CHILD(pid) {
		use_alt(0);
		on_signal(SIGSEGV, jump_back, SA_ONSTACK);
		if (!sigsetjmp(back, 1))
			overflow(NULL);
		CHECK(on_alt);
		EQ(handled, 1);
	}
	child_ok(pid);
}

static stack_t seen;
static volatile int change_error;
static void look_at_alt(int signo)
{
	stack_t other = { .ss_flags = SS_DISABLE };
	(void)signo;
	sigaltstack(NULL, &seen);
	change_error = sigaltstack(&other, NULL) < 0 ? errno : 0;
}

CASE(sigaltstack, "asked for inside: SS_ONSTACK, and it cannot be changed: EPERM")
{
	use_alt(0);
	on_signal(SIGUSR1, look_at_alt, SA_ONSTACK);
	OK(raise(SIGUSR1));
	EQ(seen.ss_flags, SS_ONSTACK);
	CHECK(seen.ss_sp == alt);
	EQ(change_error, EPERM);
	OK(sigaltstack(NULL, &seen));
	EQ(seen.ss_flags, 0);
}

CASE(sigaltstack, "SS_AUTODISARM: off inside, back afterwards")
{
	use_alt((int)(1U << 31));
	on_signal(SIGUSR1, look_at_alt, SA_ONSTACK);
	OK(raise(SIGUSR1));
	EQ(seen.ss_flags, SS_DISABLE);
	EQ(change_error, 0);
	OK(sigaltstack(NULL, &seen));
	CHECK(seen.ss_sp == alt);
}

CASE(sigaltstack, "none at first; too small: ENOMEM; flags: EINVAL; bad address: EFAULT; a child has the same, after exec none")
{
	stack_t s;
	OK(sigaltstack(NULL, &s));
	EQ(s.ss_flags, SS_DISABLE);
	s = (stack_t){ .ss_sp = &s, .ss_size = 100 };
	ERR(sigaltstack(&s, NULL), ENOMEM);
	s = (stack_t){ .ss_sp = &s, .ss_size = 100000, .ss_flags = 64 };
	ERR(sigaltstack(&s, NULL), EINVAL);
	EACH_BAD(bad) {
		ERR(sigaltstack(bad, NULL), EFAULT);
		ERR(sigaltstack(NULL, bad), EFAULT);
	}
	use_alt(0);
	CHILD(pid) {
		OK(sigaltstack(NULL, &s));
		CHECK(s.ss_sp == alt);
	}
	child_ok(pid);
}

CASE(sigaltstack, "a handler's stack that is not writable: SIGSEGV")
{
	CHILD(pid) {
		stack_t s = { .ss_sp = read_only_page(), .ss_size = 4096 };
		OK(sigaltstack(&s, NULL));
		on_signal(SIGUSR1, count, SA_ONSTACK);
		raise(SIGUSR1);
	}
	child_killed(pid, SIGSEGV);
}

static int fault_code;
static void *fault_address;
static long fault_trap;
static void on_fault(int signo, siginfo_t *i, void *context)
{
	fault_code = i->si_code;
	fault_address = i->si_addr;
	fault_trap = ((ucontext_t *)context)->uc_mcontext.gregs[REG_TRAPNO];
	siglongjmp(back, signo);
}

static void catch_fault(int signo)
{
	struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	OK(sigaction(signo, &a, NULL));
}

CASE(rt_sigaction, "SIGSEGV: code, address and trap number")
{
	catch_fault(SIGSEGV);
	if (!sigsetjmp(back, 1))
		*(volatile int *)0x1234 = 1;
	EQ(fault_code, SEGV_MAPERR);
	EQ((long)fault_address, 0x1234);
	EQ(fault_trap, 14);
	if (!sigsetjmp(back, 1))
		*(volatile int *)0x8000000000000000 = 1;
	EQ(fault_code, SI_KERNEL);
	EQ(fault_trap, 13);
}

CASE(rt_sigaction, "SIGSEGV at the LibOS's and the kernel's addresses")
{
	catch_fault(SIGSEGV);
	for (void *const *p = bad_pointers; *p; p++) {
		if (*p == (void *)0x800000000000)
			continue; /* not canonical: another fault */
		if (sigsetjmp(back, 1) == 0) {
			*(volatile char *)0x11 = 0;
			FAIL("no fault");
		}
	}
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)0xffff888000000000;
	CHECK(fault_code == SEGV_MAPERR || fault_code == SEGV_ACCERR);
}

CASE(rt_sigaction, "SIGFPE: integer division by zero, FPE_INTDIV, at the instruction")
{
	catch_fault(SIGFPE);
	if (!sigsetjmp(back, 1)) {
		int zero = 0, r;
		__asm__ volatile("cltd; idivl %2" : "=a"(r) : "0"(1), "r"(zero) : "edx");
		FAIL("no fault");
	}
	EQ(fault_code, FPE_INTDIV);
	CHECK(fault_address != NULL);
	EQ(fault_trap, 0);
}

CASE(rt_sigaction, "SIGFPE: an unmasked SSE exception, FPE_FLTDIV")
{
	catch_fault(SIGFPE);
	if (!sigsetjmp(back, 1)) {
		unsigned csr = 0x1f80 & ~0x200U;
		volatile double zero = 0, r;
		__asm__ volatile("ldmxcsr %0" : : "m"(csr));
		r = 1 / zero;
		(void)r;
		FAIL("no fault");
	}
	EQ(fault_code, FPE_FLTDIV);
	EQ(fault_trap, 19);
}

CASE(rt_sigaction, "SIGILL: ud2, ILL_ILLOPN")
{
	catch_fault(SIGILL);
	if (!sigsetjmp(back, 1)) {
		__asm__ volatile("ud2");
		FAIL("no fault");
	}
	EQ(fault_code, ILL_ILLOPN);
	EQ(fault_trap, 6);
}

CASE(rt_sigaction, "SIGTRAP: int3")
{
	catch_fault(SIGTRAP);
	if (!sigsetjmp(back, 1)) {
		__asm__ volatile("int3");
		FAIL("no fault");
	}
	EQ(fault_code, SI_KERNEL);
	EQ(fault_trap, 3);
}

CASE(rt_sigaction, "a privileged instruction: SIGSEGV")
{
	catch_fault(SIGSEGV);
	if (!sigsetjmp(back, 1)) {
		__asm__ volatile("hlt");
		FAIL("no fault");
	}
	EQ(fault_code, SI_KERNEL);
	EQ(fault_trap, 13);
}

CASE(rt_sigaction, "a fault whose signal is ignored or blocked kills")
{
	CHILD(pid) {
		signal(SIGSEGV, SIG_IGN);
		*(volatile int *)8 = 1;
	}
	child_killed(pid, SIGSEGV);
	CHILD(second) {
		on_signal(SIGSEGV, count, 0);
		block(SIGSEGV);
		*(volatile int *)8 = 1;
	}
	child_killed(second, SIGSEGV);
	CHILD(third) {
		block(SIGFPE);
		int zero = 0, r;
		__asm__ volatile("cltd; idivl %2" : "=a"(r) : "0"(1), "r"(zero) : "edx");
	}
	child_killed(third, SIGFPE);
}

static char *guarded;
static void make_writable(int signo, siginfo_t *i, void *context)
{
	(void)signo, (void)context;
	handled++;
	if (i->si_addr != guarded || mprotect(guarded, 4096, PROT_READ | PROT_WRITE) < 0)
		_exit(3);
}

CASE(rt_sigreturn, "after a fault that the handler mended, the instruction is done again")
{
	struct sigaction a = { .sa_sigaction = make_writable, .sa_flags = SA_SIGINFO };
	OK(sigaction(SIGSEGV, &a, NULL));
	guarded = read_only_page();
	*(volatile char *)guarded = 5;
	EQ(*guarded, 5);
	EQ(handled, 1);
}

static void skip(int signo, siginfo_t *i, void *context)
{
	ucontext_t *u = context;
	(void)signo, (void)i;
	u->uc_mcontext.gregs[REG_RIP] += 2;
	u->uc_mcontext.gregs[REG_RBX] = 4711;
	sigaddset(&u->uc_sigmask, SIGUSR2);
}

CASE(rt_sigreturn, "takes registers and mask from the context as the handler left them")
{
	struct sigaction a = { .sa_sigaction = skip, .sa_flags = SA_SIGINFO };
	long rbx = 1;
	OK(sigaction(SIGILL, &a, NULL));
	__asm__ volatile("ud2" : "+b"(rbx));
	EQ(rbx, 4711);
	CHECK(blocked(SIGUSR2));
}

static void spoil_registers(int signo)
{
	(void)signo;
	handled++;
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15; fninit; xor %%r12d, %%r12d; xor %%r8d, %%r8d; xor %%ebx, %%ebx"
		::: "xmm0", "xmm7", "xmm15", "r12", "r8", "rbx");
}

CASE(rt_sigreturn, "keeps general and vector registers of a computation, flags and the red zone")
{
	volatile int *done = &handled;
	unsigned long in[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, out[2] = { 0, 0 }, r12, r8, red, carry;
	struct itimerval t = { .it_value = { 0, 5000 } };
	on_signal(SIGALRM, spoil_registers, 0);
	OK(setitimer(ITIMER_REAL, &t, NULL));
	__asm__ volatile(
		"movdqu (%[in]), %%xmm7\n movq $0x1234567, %%r12\n movq $0x7654321, %%r8\n movq $0x5a5a5a5a, -64(%%rsp)\n"
		"1: stc\n setc %%r11b\n cmpl $0, (%[done])\n je 1b\n"
		"movdqu %%xmm7, (%[out])\n mov %%r12, %[r12]\n mov %%r8, %[r8]\n mov -64(%%rsp), %[red]\n movzbq %%r11b, %[carry]\n"
		: [r12] "=&m"(r12), [r8] "=&m"(r8), [red] "=&a"(red), [carry] "=&d"(carry)
		: [in] "r"(in), [out] "r"(out), [done] "r"(done) : "r12", "r8", "r11", "xmm7", "memory", "cc");
	EQ(out[0], in[0]);
	EQ(out[1], in[1]);
	EQ(r12, 0x1234567);
	EQ(r8, 0x7654321);
	EQ(red, 0x5a5a5a5a);
	EQ(carry, 1);
}

static uint32_t magic1, magic2, extended;
static bool fp_aligned, stack_aligned;
static void look_at_frame(int signo, siginfo_t *i, void *context)
{
	ucontext_t *u = context;
	char *fp = (char *)u->uc_mcontext.fpregs;
	(void)signo, (void)i;
	memcpy(&magic1, fp + 464, 4);
	memcpy(&extended, fp + 468, 4);
	memcpy(&magic2, fp + extended - 4, 4);
	fp_aligned = ((unsigned long)fp & 63) == 0;
	stack_aligned = ((unsigned long)__builtin_frame_address(0) & 15) == 0;
	handled++;
}

CASE(rt_sigreturn, "the frame: extended state with both magic words, on 64 bytes; the stack as after a call")
{
	struct sigaction a = { .sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO };
	OK(sigaction(SIGUSR1, &a, NULL));
	OK(raise(SIGUSR1));
	EQ(magic1, 0x46505853);
	EQ(magic2, 0x46505845);
	CHECK(fp_aligned);
	CHECK(stack_aligned);
}

static uint64_t changed[2] = { 0xdead, 0xbeef };
static void change_vector(int signo, siginfo_t *i, void *context)
{
	char *fp = (char *)((ucontext_t *)context)->uc_mcontext.fpregs;
	(void)signo, (void)i;
	memcpy(fp + 160 + 7 * 16, changed, 16);
	handled++;
}

CASE(rt_sigreturn, "takes vector registers from the frame")
{
	struct sigaction a = { .sa_sigaction = change_vector, .sa_flags = SA_SIGINFO };
	uint64_t got[2];
	OK(sigaction(SIGUSR1, &a, NULL));
	__asm__ volatile("pxor %%xmm7, %%xmm7\n mov %[nr], %%eax\n syscall\n movdqu %%xmm7, (%[got])"
		: : [nr] "i"(SYS_tkill), "D"((long)gettid()), "S"((long)SIGUSR1), [got] "r"(got)
		: "rax", "rcx", "r11", "xmm7", "memory");
	EQ(handled, 1);
	EQ(got[0], 0xdead);
	EQ(got[1], 0xbeef);
}

static void jump_out(int signo) { siglongjmp(back, signo); }

CASE(rt_sigreturn, "siglongjmp out of a handler instead, a thousand times")
{
	volatile int n = 0;
	on_signal(SIGUSR1, jump_out, 0);
	while (n < 1000) {
		if (sigsetjmp(back, 1)) {
			n++;
			continue;
		}
		raise(SIGUSR1);
		FAIL("came back");
	}
	CHECK(!blocked(SIGUSR1));
}

CASE(rt_sigreturn, "a forged frame with a wild stack or address kills, or faults, and nothing else")
{
	CHILD(pid) {
		__asm__ volatile("mov $16, %%rsp\n mov %0, %%eax\n syscall" : : "i"(SYS_rt_sigreturn));
	}
	child_killed(pid, SIGSEGV);
}

CASE(rt_sigaction, "SA_RESTART: wait4 goes on; without it EINTR")
{
	int status;
	on_signal(SIGALRM, count, SA_RESTART);
	CHILD(pid) sleep_ms(40);
	ualarm(10000, 0);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(handled, 1);
	on_signal(SIGALRM, count, 0);
	CHILD(second) sleep_ms(40);
	ualarm(10000, 0);
	ERR(waitpid(second, &status, 0), EINTR);
	child_ok(second);
}

CASE(rt_sigaction, "SA_NOCLDWAIT or SIG_IGN of SIGCHLD: no zombies, wait says ECHILD")
{
	struct sigaction a = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
	OK(sigaction(SIGCHLD, &a, NULL));
	CHILD(pid) _exit(3);
	ERR(waitpid(pid, NULL, 0), ECHILD);
	signal(SIGCHLD, SIG_IGN);
	CHILD(second) _exit(3);
	ERR(waitpid(second, NULL, 0), ECHILD);
}

CASE(rt_sigaction, "SIGCHLD tells who and how")
{
	catch_info(SIGCHLD);
	CHILD(pid) _exit(9);
	while (!handled)
		sleep_ms(1);
	EQ(info.si_pid, pid);
	EQ(info.si_code, CLD_EXITED);
	EQ(info.si_status, 9);
	child_status(pid);
	handled = 0;
	CHILD(killed) pause();
	OK(kill(killed, SIGKILL));
	while (!handled)
		sleep_ms(1);
	EQ(info.si_code, CLD_KILLED);
	EQ(info.si_status, SIGKILL);
	child_status(killed);
}

static bool told_continued(void) { return info.si_code == CLD_CONTINUED; }

CASE(kill, "SIGSTOP stops, SIGCONT continues; wait and SIGCHLD tell")
{
	int status;
	catch_info(SIGCHLD);
	CHILD(pid)
		for (;;)
			pause();
	OK(kill(pid, SIGSTOP));
	while (waitpid(pid, &status, WUNTRACED) != pid)
		EQ(errno, EINTR);
	CHECK(WIFSTOPPED(status));
	EQ(WSTOPSIG(status), SIGSTOP);
	EQ(info.si_code, CLD_STOPPED);
	OK(kill(pid, SIGCONT));
	while (waitpid(pid, &status, WCONTINUED) != pid)
		EQ(errno, EINTR);
	CHECK(WIFCONTINUED(status));
	CHECK(until(told_continued)); /* the signal may come a moment later */
	OK(kill(pid, SIGTERM));
	while (waitpid(pid, &status, 0) != pid)
		EQ(errno, EINTR);
	EQ(WTERMSIG(status), SIGTERM);
}

CASE(kill, "a stopped process takes no signal but SIGKILL, and makes no progress")
{
	int status;
	volatile int *shared = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	CHILD(pid)
		for (;;)
			(*shared)++;
	while (!*shared)
		sleep_ms(1);
	OK(kill(pid, SIGSTOP));
	EQ(waitpid(pid, &status, WUNTRACED), pid);
	int at = *shared;
	OK(kill(pid, SIGTERM));
	sleep_ms(20);
	EQ(*shared, at);
	EQ(waitpid(pid, &status, WNOHANG), 0);
	OK(kill(pid, SIGKILL));
	child_killed(pid, SIGKILL);
}

CASE(kill, "SIGCONT runs its handler, and forgets a pending SIGTSTP")
{
	on_signal(SIGCONT, count, 0);
	block(SIGTSTP);
	OK(raise(SIGTSTP));
	CHECK(pending(SIGTSTP));
	OK(raise(SIGCONT));
	EQ(handled, 1);
	CHECK(!pending(SIGTSTP));
}

CASE(kill, "SIGSTOP of a process that reads a pipe: the read goes on afterwards")
{
	int p[2], status;
	char c;
	OK(pipe(p));
	CHILD(pid) EQ(read(p[0], &c, 1), 1);
	sleep_ms(10);
	OK(kill(pid, SIGSTOP));
	EQ(waitpid(pid, &status, WUNTRACED), pid);
	OK(kill(pid, SIGCONT));
	EQ(write(p[1], "x", 1), 1);
	child_ok(pid);
}

CASE(rt_sigpending, "fork: none pending in the child; mask, handlers kept; exec: pending and mask kept, handlers gone")
{
	on_signal(SIGUSR1, count, 0);
	signal(SIGUSR2, SIG_IGN);
	block(SIGUSR1);
	OK(raise(SIGUSR1));
	CHILD(pid) {
		struct sigaction a;
		CHECK(!pending(SIGUSR1));
		CHECK(blocked(SIGUSR1));
		OK(sigaction(SIGUSR1, NULL, &a));
		CHECK(a.sa_handler == count);
	}
	child_ok(pid);
	static const char *const what[][2] = { { "blocked", "10" }, { "pending", "10" }, { "default", "10" }, { "ignored", "12" } };
	for (int i = 0; i < 4; i++) {
		CHILD(child) {
			OK(raise(SIGUSR1));
			execl(self_path, "conformance", "--helper", what[i][0], what[i][1], NULL);
		}
		int s = child_status(child);
		if (s)
			FAIL("%s %s: 0x%x", what[i][0], what[i][1], s);
	}
}

CASE(kill, "ten thousand signals between two processes, none lost when answered one by one")
{
	sigset_t s = set_of(SIGUSR1, 0);
	pid_t me = getpid();
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	CHILD(pid)
		for (int i = 0; i < 10000; i++) {
			OK(kill(me, SIGUSR1));
			EQ(sigwaitinfo(&s, NULL), SIGUSR1);
		}
	for (int i = 0; i < 10000; i++) {
		EQ(sigwaitinfo(&s, NULL), SIGUSR1);
		OK(kill(pid, SIGUSR1));
	}
	child_ok(pid);
}
