/* eventfd, timerfd, signalfd. */
#include "suite.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#define GROUP "eventfd"

CALL(eventfd, "");
CALL(eventfd2, "EFD_CLOEXEC EFD_NONBLOCK EFD_SEMAPHORE");

static void nothing(int signo) { (void)signo; }

static bool ready(int fd, short events)
{
	struct pollfd f = { fd, events, 0 };
	return OK(poll(&f, 1, 0)) == 1 && f.revents == events;
}

CASE(eventfd2, "the sum of what was written, then 0 again")
{
	uint64_t v = 3;
	int fd = OK(eventfd(5, EFD_NONBLOCK));
	EQ(write(fd, &v, 8), 8);
	EQ(read(fd, &v, 8), 8);
	EQ(v, 8);
	ERR(read(fd, &v, 8), EAGAIN);
}

CASE(eventfd2, "EFD_SEMAPHORE: one at a time")
{
	uint64_t v;
	int fd = OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
	EQ(read(fd, &v, 8), 8);
	EQ(v, 1);
	EQ(read(fd, &v, 8), 8);
	ERR(read(fd, &v, 8), EAGAIN);
}

CASE(eventfd2, "the most: writing blocks, or EAGAIN; all ones: EINVAL; short: EINVAL")
{
	uint64_t v = ~0ULL - 1, all = ~0ULL;
	int fd = OK(eventfd(0, EFD_NONBLOCK));
	EQ(write(fd, &v, 8), 8);
	CHECK(!ready(fd, POLLOUT));
	v = 1;
	ERR(write(fd, &v, 8), EAGAIN);
	ERR(write(fd, &all, 8), EINVAL);
	ERR(write(fd, &v, 7), EINVAL);
	ERR(read(fd, &v, 7), EINVAL);
}

CASE(eventfd2, "flags; unknown: EINVAL; bad address: EFAULT")
{
	int fd = OK(eventfd(1, EFD_CLOEXEC));
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ERR(eventfd(0, 64), EINVAL);
	EACH_BAD(bad)
		ERR(write(fd, bad, 8), EFAULT);
	CHECK(ready(fd, POLLIN | POLLOUT));
}

CASE(eventfd2, "a reader waits for another process")
{
	uint64_t v;
	int fd = OK(eventfd(0, 0));
	CHILD(pid) {
		sleep_ms(20);
		OK(eventfd_write(fd, 7));
	}
	EQ(read(fd, &v, 8), 8);
	EQ(v, 7);
	child_ok(pid);
}

CASE(eventfd2, "a waiting read and a handler: EINTR")
{
	uint64_t v;
	on_signal(SIGALRM, nothing, 0);
	ualarm(20000, 0);
	ERR(read(OK(eventfd(0, 0)), &v, 8), EINTR);
}

CASE(eventfd, "the old call")
{
	uint64_t v;
	EQ(read(OK(syscall(SYS_eventfd, 4)), &v, 8), 8);
	EQ(v, 4);
}

#undef GROUP
#define GROUP "timerfd"

CALL(timerfd_create, "CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_BOOTTIME; TFD_CLOEXEC TFD_NONBLOCK");
CALL(timerfd_settime, "TFD_TIMER_ABSTIME");
CALL(timerfd_gettime, "");

static struct itimerspec after(long first_ns, long interval_ns)
{
	return (struct itimerspec){ .it_value = { 0, first_ns }, .it_interval = { 0, interval_ns } };
}

CASE(timerfd_create, "flags; unknown flags or clock: EINVAL")
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	uint64_t v;
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ERR(read(fd, &v, 8), EAGAIN);
	ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	ERR(timerfd_create(99, 0), EINVAL);
	OK(timerfd_create(CLOCK_REALTIME, 0));
	OK(timerfd_create(CLOCK_BOOTTIME, 0));
}

CASE(timerfd_settime, "once, not too early")
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	uint64_t v;
	struct itimerspec t = after(20000000, 0);
	long long start = mono_ns();
	OK(timerfd_settime(fd, 0, &t, NULL));
	CHECK(!ready(fd, POLLIN));
	EQ(read(fd, &v, 8), 8);
	EQ(v, 1);
	CHECK(mono_ns() - start >= 20000000);
	OK(timerfd_gettime(fd, &t));
	EQ(t.it_value.tv_sec + t.it_value.tv_nsec, 0);
}

CASE(timerfd_settime, "an interval: expiries are counted")
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	uint64_t v;
	struct itimerspec t = after(1000000, 2000000);
	OK(timerfd_settime(fd, 0, &t, NULL));
	sleep_ms(20);
	EQ(read(fd, &v, 8), 8);
	CHECK(v >= 8);
	EQ(read(fd, &v, 8), 8);
	CHECK(v >= 1);
}

CASE(timerfd_settime, "absolute, also in the past")
{
	int fd = OK(timerfd_create(CLOCK_REALTIME, 0));
	struct itimerspec t = { .it_value = { 1000, 0 } };
	uint64_t v;
	OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
	EQ(read(fd, &v, 8), 8);
	EQ(v, 1);
}

CASE(timerfd_settime, "gives the setting before; 0 stops; setting forgets what expired")
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec t = { { 7, 0 }, { 100, 0 } }, old, off = after(0, 0);
	uint64_t v;
	OK(timerfd_settime(fd, 0, &t, NULL));
	OK(timerfd_settime(fd, 0, &off, &old));
	EQ(old.it_interval.tv_sec, 7);
	CHECK(old.it_value.tv_sec == 99 || old.it_value.tv_sec == 100);
	t = after(1000, 0);
	OK(timerfd_settime(fd, 0, &t, NULL));
	sleep_ms(5);
	OK(timerfd_settime(fd, 0, &off, NULL));
	ERR(read(fd, &v, 8), EAGAIN);
}

CASE(timerfd_settime, "not valid: EINVAL; no timerfd: EINVAL; closed: EBADF; bad address: EFAULT")
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec t = after(1000000000, 0);
	ERR(timerfd_settime(fd, 0, &t, NULL), EINVAL);
	t = after(1000, 0);
	ERR(timerfd_settime(fd, 64, &t, NULL), EINVAL);
	ERR(timerfd_settime(open_new("a"), 0, &t, NULL), EINVAL);
	ERR(timerfd_settime(999, 0, &t, NULL), EBADF);
	EACH_BAD(bad) {
		ERR(timerfd_settime(fd, 0, bad, NULL), EFAULT);
		ERR(timerfd_gettime(fd, bad), EFAULT);
	}
}

CASE(timerfd_gettime, "what is left, and the interval")
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec t = { { 3, 0 }, { 50, 0 } };
	OK(timerfd_settime(fd, 0, &t, NULL));
	OK(timerfd_gettime(fd, &t));
	CHECK(t.it_value.tv_sec == 49);
	EQ(t.it_interval.tv_sec, 3);
}

CASE(timerfd_settime, "the shortest interval leaves the program its time")
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec t = after(1, 1);
	uint64_t v;
	OK(timerfd_settime(fd, 0, &t, NULL));
	for (volatile int i = 0; i < 1000000; i++)
		;
	EQ(read(fd, &v, 8), 8);
	CHECK(v > 1000);
	struct pollfd f = { fd, POLLIN, 0 };
	EQ(poll(&f, 1, 1000), 1);
}

CASE(timerfd_create, "poll waits for it; reading fewer than 8 bytes: EINVAL")
{
	int fd = OK(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec t = after(10000000, 0);
	struct pollfd f = { fd, POLLIN, 0 };
	uint64_t v;
	OK(timerfd_settime(fd, 0, &t, NULL));
	EQ(poll(&f, 1, 5000), 1);
	ERR(read(fd, &v, 4), EINVAL);
}

#undef GROUP
#define GROUP "signalfd"

CALL(signalfd, "");
CALL(signalfd4, "SFD_CLOEXEC SFD_NONBLOCK");

static int signals_of(int a, int b, int flags)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, a);
	sigaddset(&set, b);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	return OK(signalfd(-1, &set, flags));
}

CASE(signalfd4, "a blocked signal is read, with its sender")
{
	int fd = signals_of(SIGUSR1, SIGUSR2, SFD_NONBLOCK);
	struct signalfd_siginfo i;
	ERR(read(fd, &i, sizeof i), EAGAIN);
	OK(kill(getpid(), SIGUSR2));
	CHECK(ready(fd, POLLIN));
	EQ(read(fd, &i, sizeof i), sizeof i);
	EQ(i.ssi_signo, SIGUSR2);
	EQ(i.ssi_pid, getpid());
	EQ(i.ssi_uid, getuid());
	EQ(i.ssi_code, SI_USER);
	ERR(read(fd, &i, sizeof i), EAGAIN);
}

CASE(signalfd4, "several at once; a queued one carries its value")
{
	int fd = signals_of(SIGUSR1, SIGRTMIN + 1, 0);
	struct signalfd_siginfo i[4];
	OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 11 }));
	OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 12 }));
	OK(raise(SIGUSR1));
	EQ(read(fd, i, sizeof i), 3 * sizeof *i);
	EQ(i[0].ssi_signo, SIGUSR1);
	EQ(i[1].ssi_int, 11);
	EQ(i[2].ssi_int, 12);
	EQ(i[1].ssi_code, SI_QUEUE);
}

CASE(signalfd4, "a reader waits for another process's kill")
{
	int fd = signals_of(SIGUSR1, SIGUSR2, 0);
	struct signalfd_siginfo i;
	pid_t me = getpid();
	CHILD(pid) {
		sleep_ms(20);
		OK(kill(me, SIGUSR1));
	}
	struct pollfd f = { fd, POLLIN, 0 };
	EQ(poll(&f, 1, 5000), 1);
	EQ(read(fd, &i, sizeof i), sizeof i);
	EQ(i.ssi_pid, pid);
	child_ok(pid);
}

CASE(signalfd4, "a child's end: SIGCHLD with its status")
{
	int fd = signals_of(SIGCHLD, SIGUSR2, 0);
	struct signalfd_siginfo i;
	CHILD(pid) _exit(7);
	EQ(read(fd, &i, sizeof i), sizeof i);
	EQ(i.ssi_signo, SIGCHLD);
	EQ(i.ssi_pid, pid);
	EQ(i.ssi_status, 7);
	EQ(i.ssi_code, CLD_EXITED);
	child_status(pid);
}

CASE(signalfd4, "a new set for an old descriptor; another descriptor: EINVAL; closed: EBADF")
{
	int fd = signals_of(SIGUSR1, SIGUSR1, SFD_NONBLOCK);
	struct signalfd_siginfo i;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	EQ(signalfd(fd, &set, 0), fd);
	OK(raise(SIGUSR1));
	ERR(read(fd, &i, sizeof i), EAGAIN);
	OK(raise(SIGUSR2));
	EQ(read(fd, &i, sizeof i), sizeof i);
	ERR(signalfd(open_new("a"), &set, 0), EINVAL);
	ERR(signalfd(999, &set, 0), EBADF);
	ERR(signalfd(-1, &set, 64), EINVAL);
}

CASE(signalfd4, "wrong size of set: EINVAL; short buffer: EINVAL; bad address: EFAULT")
{
	int fd = signals_of(SIGUSR1, SIGUSR1, 0);
	struct signalfd_siginfo i;
	sigset_t set;
	sigemptyset(&set);
	ERR(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	OK(raise(SIGUSR1));
	ERR(read(fd, &i, 10), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_signalfd4, -1, bad, 8, 0), EFAULT);
}

CASE(signalfd, "the old call")
{
	sigset_t set;
	sigemptyset(&set);
	OK(syscall(SYS_signalfd, -1, &set, 8));
}
