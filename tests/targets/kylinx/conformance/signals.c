/* Signals: dispositions, masks, queues, waiting. */
#include "signals.h"

#define GROUP "signals"

CALL(rt_sigaction, "SA_SIGINFO SA_RESTART SA_NODEFER SA_RESETHAND SA_ONSTACK SA_NOCLDSTOP SA_NOCLDWAIT SA_RESTORER");
CALL(rt_sigprocmask, "SIG_BLOCK SIG_UNBLOCK SIG_SETMASK");
CALL(rt_sigpending, "");
CALL(rt_sigsuspend, "");
CALL(rt_sigtimedwait, "");
CALL(rt_sigqueueinfo, "");
CALL(rt_tgsigqueueinfo, "");
CALL(pause, "");

static void unblock(int signo)
{
	sigset_t s = set_of(signo, 0);
	OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
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
