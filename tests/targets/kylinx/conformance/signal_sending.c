/* Sending signals; stopping and going on. */
#include "signals.h"

#define GROUP "signals"

CALL(kill, "a process, a group, all");
CALL(tkill, "");
CALL(tgkill, "");

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
