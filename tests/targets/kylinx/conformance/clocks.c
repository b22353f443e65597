/* Clocks, sleeping, times of use. */
#include "suite.h"
#include <pthread.h>
#include <sys/time.h>
#include <sys/times.h>

#define GROUP "clocks"

static volatile int handled;
static void count(int signo) { (void)signo; handled++; }

CALL(clock_gettime, "REALTIME MONOTONIC MONOTONIC_RAW REALTIME_COARSE MONOTONIC_COARSE BOOTTIME TAI PROCESS_CPUTIME_ID THREAD_CPUTIME_ID, clocks of other processes and threads");
CALL(clock_getres, "");
CALL(clock_settime, "EPERM or EINVAL: the host's clock is not the family's to set");
CALL(clock_nanosleep, "TIMER_ABSTIME");
CALL(nanosleep, "");
CALL(gettimeofday, "");
CALL(time, "");
CALL(times, "");

static long long read_clock(clockid_t c)
{
	struct timespec t;
	OK(syscall(SYS_clock_gettime, c, &t));
	CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

CASE(clock_gettime, "every clock; by the C library (vdso) and by the call the same")
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI };
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		struct timespec t;
		OK(clock_gettime(clocks[i], &t));
		long long lib = t.tv_sec * 1000000000LL + t.tv_nsec, call = read_clock(clocks[i]);
		if (call < lib - 10000000 || call > lib + 1000000000)
			FAIL("clock %d: %lld by the library, %lld by the call", clocks[i], lib, call);
	}
}

CASE(clock_gettime, "monotonic: never backwards, in two processes at once")
{
	CHILD(pid)
		for (int i = 0; i < 100000; i++) {
			long long a = mono_ns(), b = mono_ns();
			CHECK(a <= b);
		}
	long long last = mono_ns();
	for (int i = 0; i < 100000; i++) {
		long long now = mono_ns();
		CHECK(now >= last);
		last = now;
	}
	child_ok(pid);
}

CASE(clock_gettime, "a child that starts later has a later time")
{
	long long before = mono_ns();
	CHILD(pid) CHECK(mono_ns() > before);
	child_ok(pid);
}

CASE(clock_gettime, "processor time moves with work, and little with sleep")
{
	long long a = read_clock(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms(50);
	long long b = read_clock(CLOCK_PROCESS_CPUTIME_ID);
	CHECK(b - a < 30000000);
	while (read_clock(CLOCK_PROCESS_CPUTIME_ID) < b + 10000000)
		;
	CHECK(read_clock(CLOCK_THREAD_CPUTIME_ID) > 0);
}

CASE(clock_gettime, "another process's processor time by its number")
{
	clockid_t clock;
	struct timespec t;
	CHILD(pid) pause();
	RET(clock_getcpuclockid(pid, &clock), 0);
	OK(clock_gettime(clock, &t));
	OK(kill(pid, SIGKILL));
	child_status(pid);
	ERR(clock_gettime(clock, &t), EINVAL);
}

CASE(clock_gettime, "unknown: EINVAL; bad address: EFAULT")
{
	struct timespec t;
	ERR(syscall(SYS_clock_gettime, 99, &t), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, bad), EFAULT);
}

CASE(clock_getres, "a nanosecond; NULL is allowed; unknown: EINVAL; bad address: EFAULT")
{
	struct timespec t;
	OK(clock_getres(CLOCK_MONOTONIC, &t));
	EQ(t.tv_sec, 0);
	EQ(t.tv_nsec, 1);
	OK(clock_getres(CLOCK_MONOTONIC, NULL));
	ERR(syscall(SYS_clock_getres, 99, &t), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_clock_getres, CLOCK_MONOTONIC, bad), EFAULT);
}

CASE(clock_settime, "monotonic: EINVAL; bad address: EFAULT; another user: EPERM")
{
	struct timespec t = { 1000000000, 0 };
	ERR(clock_settime(CLOCK_MONOTONIC, &t), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, bad), EFAULT);
	CHILD(pid) {
		OK(setuid(1000));
		ERR(clock_settime(CLOCK_REALTIME, &t), EPERM);
	}
	child_ok(pid);
}

CASE(nanosleep, "not less than asked; 0 at once; not valid: EINVAL; bad address: EFAULT")
{
	struct timespec t = { 0, 10000000 }, zero = { 0, 0 }, bad_time = { 0, 1000000000 };
	long long start = mono_ns();
	OK(nanosleep(&t, NULL));
	CHECK(mono_ns() - start >= 10000000);
	OK(nanosleep(&zero, NULL));
	ERR(nanosleep(&bad_time, NULL), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_nanosleep, bad, NULL), EFAULT);
}

CASE(nanosleep, "a handler: EINTR and the rest of the time")
{
	struct timespec t = { 10, 0 }, left = { 0, 0 };
	on_signal(SIGALRM, count, SA_RESTART);
	ualarm(20000, 0);
	ERR(nanosleep(&t, &left), EINTR);
	CHECK(left.tv_sec == 9 && left.tv_nsec > 0);
}

CASE(nanosleep, "an ignored signal, or SIGSTOP and SIGCONT, do not cut it")
{
	int status;
	CHILD(pid) {
		long long start = mono_ns();
		signal(SIGUSR1, SIG_IGN);
		struct timespec t = { 0, 80000000 };
		OK(nanosleep(&t, NULL));
		CHECK(mono_ns() - start >= 80000000);
	}
	sleep_ms(10);
	OK(kill(pid, SIGSTOP));
	EQ(waitpid(pid, &status, WUNTRACED), pid);
	OK(kill(pid, SIGCONT));
	child_ok(pid);
}

CASE(clock_nanosleep, "TIMER_ABSTIME; in the past at once; errors are returned, not in errno")
{
	struct timespec t;
	OK(clock_gettime(CLOCK_MONOTONIC, &t));
	t.tv_nsec += 10000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	RET(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
	struct timespec now;
	OK(clock_gettime(CLOCK_MONOTONIC, &now));
	CHECK(now.tv_sec > t.tv_sec || (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec));
	t = (struct timespec){ 1, 0 };
	RET(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL), 0);
	t.tv_nsec = -1;
	RET(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL), EINVAL);
	ERR(syscall(SYS_clock_nanosleep, 99, 0, &now, NULL), EINVAL);
}

CASE(gettimeofday, "near clock_gettime; NULLs; bad address: EFAULT")
{
	struct timeval t;
	struct timezone z;
	OK(syscall(SYS_gettimeofday, &t, &z));
	long long call = t.tv_sec * 1000000LL + t.tv_usec, clock = read_clock(CLOCK_REALTIME) / 1000;
	CHECK(clock - call < 1000000 && clock >= call);
	OK(syscall(SYS_gettimeofday, NULL, NULL));
	EACH_BAD(bad)
		ERR(syscall(SYS_gettimeofday, bad, NULL), EFAULT);
}

CASE(time, "seconds, also stored; bad address: EFAULT")
{
	long t = 0, got = syscall(SYS_time, &t);
	EQ(got, t);
	CHECK(got > 1600000000);
	EACH_BAD(bad)
		ERR(syscall(SYS_time, bad), EFAULT);
}

CASE(times, "ticks of this process and of children waited for; bad address: EFAULT")
{
	struct tms a, b;
	CHILD(pid)
		while (read_clock(CLOCK_PROCESS_CPUTIME_ID) < 60000000)
			;
	OK(times(&a));
	child_ok(pid);
	OK(times(&b));
	CHECK(b.tms_cutime + b.tms_cstime >= a.tms_cutime + a.tms_cstime + 2);
	EACH_BAD(bad)
		ERR(syscall(SYS_times, bad), EFAULT);
}
