/* Timers. */
#include "suite.h"
#include <pthread.h>
#include <sys/time.h>
#include <sys/times.h>

#define GROUP "timers"

CALL(alarm, "");
CALL(setitimer, "ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF");
CALL(getitimer, "ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF");
CALL(timer_create, "CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_BOOTTIME CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID; SIGEV_SIGNAL SIGEV_NONE SIGEV_THREAD_ID");
CALL(timer_settime, "TIMER_ABSTIME");
CALL(timer_gettime, "");
CALL(timer_getoverrun, "");
CALL(timer_delete, "");

static volatile int handled;
static siginfo_t info;
static void count(int signo) { (void)signo; handled++; }

static void with_info(int signo, siginfo_t *i, void *context)
{
	(void)signo, (void)context;
	info = *i;
	handled++;
}

static void catch_info(int signo)
{
	struct sigaction a = { .sa_sigaction = with_info, .sa_flags = SA_SIGINFO };
	OK(sigaction(signo, &a, NULL));
}

static bool once(void) { return handled >= 1; }
static bool thrice(void) { return handled >= 3; }

static struct itimerval us(long value, long interval)
{
	return (struct itimerval){ .it_value = { 0, value }, .it_interval = { 0, interval } };
}

static struct itimerspec ns(long value, long interval)
{
	return (struct itimerspec){ .it_value = { 0, value }, .it_interval = { 0, interval } };
}

static timer_t made(clockid_t clock, int notify, int signo)
{
	struct sigevent e = { .sigev_notify = notify, .sigev_signo = signo, .sigev_value.sival_int = 4711 };
	timer_t id;
	OK(timer_create(clock, &e, &id));
	return id;
}

CASE(alarm, "seconds left of the one before; 0 stops")
{
	EQ(alarm(100), 0);
	long left = alarm(50);
	CHECK(left == 99 || left == 100);
	alarm(0);
	EQ(alarm(0), 0);
}

CASE(alarm, "is not inherited by fork, but kept by exec")
{
	alarm(100);
	CHILD(pid) EQ(alarm(0), 0);
	child_ok(pid);
	CHILD(second) {
		alarm(100);
		execl(self_path, "conformance", "--helper", "alarm", NULL);
	}
	child_ok(second);
}

CASE(setitimer, "ITIMER_REAL: SIGALRM once, not too early")
{
	struct itimerval t = us(20000, 0);
	long long start = mono_ns();
	on_signal(SIGALRM, count, 0);
	OK(setitimer(ITIMER_REAL, &t, NULL));
	while (!handled)
		pause();
	CHECK(mono_ns() - start >= 20000000);
	OK(getitimer(ITIMER_REAL, &t));
	EQ(t.it_value.tv_sec + t.it_value.tv_usec, 0);
}

CASE(setitimer, "an interval, and what is left; 0 stops")
{
	struct itimerval t = us(2000, 3000), old;
	on_signal(SIGALRM, count, SA_RESTART);
	OK(setitimer(ITIMER_REAL, &t, NULL));
	CHECK(until(thrice));
	t = us(0, 0);
	OK(setitimer(ITIMER_REAL, &t, &old));
	EQ(old.it_interval.tv_usec, 3000);
	CHECK(old.it_value.tv_usec <= 3000);
	int n = handled;
	sleep_ms(10);
	EQ(handled, n);
}

CASE(setitimer, "in the middle of a computation")
{
	struct itimerval t = us(10000, 0);
	on_signal(SIGALRM, count, 0);
	OK(setitimer(ITIMER_REAL, &t, NULL));
	while (!handled)
		;
}

CASE(setitimer, "ITIMER_VIRTUAL and ITIMER_PROF: processor time used, not time slept")
{
	struct itimerval t = us(20000, 0);
	on_signal(SIGVTALRM, count, SA_RESTART);
	on_signal(SIGPROF, count, SA_RESTART);
	OK(setitimer(ITIMER_VIRTUAL, &t, NULL));
	sleep_ms(40);
	EQ(handled, 0);
	while (!handled)
		;
	handled = 0;
	OK(setitimer(ITIMER_PROF, &t, NULL));
	OK(getitimer(ITIMER_PROF, &t));
	CHECK(t.it_value.tv_usec > 0);
	while (!handled)
		;
}

static void disarm(int signo)
{
	struct itimerval off = { 0 };
	(void)signo;
	setitimer(ITIMER_REAL, &off, NULL);
	handled++;
}

CASE(setitimer, "the shortest intervals, ignored or blocked, leave the program its time")
{
	struct itimerval t = us(1, 1);
	struct itimerspec n = ns(1, 1);
	timer_t id = made(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
	sigset_t s;
	signal(SIGUSR1, SIG_IGN);
	on_signal(SIGALRM, disarm, 0);
	sigemptyset(&s);
	sigaddset(&s, SIGALRM);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	OK(setitimer(ITIMER_REAL, &t, NULL));
	OK(timer_settime(id, 0, &n, NULL));
	for (volatile int i = 0; i < 1000000; i++)
		;
	OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
	sleep_ms(5);
	CHECK(handled == 1 || handled == 2); /* it may come again before the handler stops it */
}

CASE(setitimer, "unknown timer or microseconds: EINVAL; bad address: EFAULT")
{
	struct itimerval t = us(1000000, 0);
	ERR(setitimer(ITIMER_REAL, &t, NULL), EINVAL);
	t = us(0, 0);
	ERR(setitimer(9, &t, NULL), EINVAL);
	EACH_BAD(bad) {
		ERR(syscall(SYS_setitimer, ITIMER_REAL, bad, NULL), EFAULT);
		ERR(syscall(SYS_getitimer, ITIMER_REAL, bad), EFAULT);
	}
	ERR(getitimer(9, &t), EINVAL);
}

CASE(timer_create, "SIGEV_SIGNAL: SI_TIMER with the value and the timer's number")
{
	timer_t id = made(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 2);
	struct itimerspec t = ns(5000000, 0);
	catch_info(SIGRTMIN + 2);
	OK(timer_settime(id, 0, &t, NULL));
	CHECK(until(once));
	EQ(info.si_code, SI_TIMER);
	EQ(info.si_value.sival_int, 4711);
	EQ(info.si_overrun, 0);
}

CASE(timer_create, "without an event: SIGALRM; every clock; unknown clock: EINVAL; unknown event: EINVAL; bad address: EFAULT")
{
	struct sigevent e = { .sigev_notify = 99, .sigev_signo = SIGUSR1 };
	struct itimerspec t = ns(1000000, 0);
	timer_t id;
	on_signal(SIGALRM, count, 0);
	OK(timer_create(CLOCK_REALTIME, NULL, &id));
	OK(timer_settime(id, 0, &t, NULL));
	CHECK(until(once));
	OK(timer_create(CLOCK_BOOTTIME, NULL, &id));
	OK(timer_create(CLOCK_PROCESS_CPUTIME_ID, NULL, &id));
	OK(timer_create(CLOCK_THREAD_CPUTIME_ID, NULL, &id));
	ERR(syscall(SYS_timer_create, 999, NULL, &id), EINVAL);
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id), EINVAL);
	e = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99 };
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id), EINVAL);
	EACH_BAD(bad) {
		ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, bad, &id), EFAULT);
		ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, bad), EFAULT);
	}
}

CASE(timer_settime, "an interval fires again and again; what a blocked signal missed is its overrun")
{
	timer_t id = made(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
	struct itimerspec t = ns(1000000, 1000000), off = ns(0, 0);
	sigset_t s;
	catch_info(SIGUSR1);
	OK(timer_settime(id, 0, &t, NULL));
	CHECK(until(thrice));
	OK(timer_settime(id, 0, &off, NULL));
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	handled = 0;
	OK(timer_settime(id, 0, &t, NULL));
	sleep_ms(20);
	OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
	CHECK(handled >= 1);
	OK(timer_settime(id, 0, &off, NULL));
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	OK(timer_settime(id, 0, &t, NULL));
	sleep_ms(20);
	EQ(sigwaitinfo(&s, &info), SIGUSR1);
	CHECK(info.si_overrun >= 10);
	EQ(timer_getoverrun(id), info.si_overrun);
}

CASE(timer_settime, "TIMER_ABSTIME in the past fires at once; the setting before comes back")
{
	timer_t id = made(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1);
	struct itimerspec t = { { 7, 0 }, { 100, 0 } }, old;
	on_signal(SIGUSR1, count, 0);
	OK(timer_settime(id, 0, &t, NULL));
	t = (struct itimerspec){ .it_value = { 1, 0 } };
	OK(timer_settime(id, TIMER_ABSTIME, &t, &old));
	EQ(old.it_interval.tv_sec, 7);
	CHECK(old.it_value.tv_sec == 99 || old.it_value.tv_sec == 100);
	CHECK(until(once));
}

CASE(timer_settime, "not valid: EINVAL; unknown timer: EINVAL; bad address: EFAULT")
{
	timer_t id = made(CLOCK_MONOTONIC, SIGEV_NONE, 0);
	struct itimerspec t = ns(1000000000, 0);
	ERR(timer_settime(id, 0, &t, NULL), EINVAL);
	t = ns(1000, 0);
	ERR(syscall(SYS_timer_settime, 12345, 0, &t, NULL), EINVAL);
	ERR(syscall(SYS_timer_gettime, 12345, &t), EINVAL);
	ERR(syscall(SYS_timer_getoverrun, 12345), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_timer_settime, 0, 0, bad, NULL), EFAULT);
}

CASE(timer_gettime, "what is left; SIGEV_NONE sends nothing; 0 once it has expired")
{
	timer_t id = made(CLOCK_MONOTONIC, SIGEV_NONE, 0);
	struct itimerspec t = { { 5, 0 }, { 100, 0 } };
	OK(timer_settime(id, 0, &t, NULL));
	OK(timer_gettime(id, &t));
	EQ(t.it_interval.tv_sec, 5);
	EQ(t.it_value.tv_sec, 99);
	t = ns(1000, 0);
	OK(timer_settime(id, 0, &t, NULL));
	sleep_ms(2);
	OK(timer_gettime(id, &t));
	EQ(t.it_value.tv_sec + t.it_value.tv_nsec, 0);
}

CASE(timer_create, "SIGEV_THREAD_ID: that thread's signal; another process's thread: EINVAL")
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec t = ns(1000000, 0);
	timer_t id;
	e._sigev_un._tid = gettid();
	on_signal(SIGUSR1, count, 0);
	OK(timer_create(CLOCK_MONOTONIC, &e, &id));
	OK(timer_settime(id, 0, &t, NULL));
	CHECK(until(once));
	e._sigev_un._tid = getppid();
	ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id), EINVAL);
}

static volatile int called;
static void by_thread(union sigval v) { called = v.sival_int; }
static bool was_called(void) { return called == 4711; }

CASE(timer_create, "SIGEV_THREAD, as the C library makes it")
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 4711, .sigev_notify_function = by_thread };
	struct itimerspec t = ns(1000000, 0);
	timer_t id;
	OK(timer_create(CLOCK_MONOTONIC, &e, &id));
	OK(timer_settime(id, 0, &t, NULL));
	CHECK(until(was_called));
}

CASE(timer_create, "a processor-time clock: fires after work, not after sleep")
{
	timer_t id = made(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1);
	struct itimerspec t = ns(20000000, 0);
	on_signal(SIGUSR1, count, SA_RESTART);
	OK(timer_settime(id, 0, &t, NULL));
	sleep_ms(40);
	EQ(handled, 0);
	while (!handled)
		;
}

CASE(timer_delete, "its pending signal goes with it; then EINVAL; fork has no timers")
{
	timer_t id = made(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
	struct itimerspec t = ns(1000, 0);
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	CHILD(pid) ERR(syscall(SYS_timer_gettime, 0, &t), EINVAL);
	child_ok(pid);
	OK(timer_delete(id));
	ERR(syscall(SYS_timer_delete, 0), EINVAL);
}
