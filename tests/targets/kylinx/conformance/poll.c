/* poll and select. */
#include "suite.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>

#define GROUP "poll"

CALL(poll, "POLLIN POLLOUT POLLHUP POLLERR POLLNVAL POLLRDHUP");
CALL(ppoll, "");
CALL(select, "");
CALL(pselect6, "");

static void nothing(int signo) { (void)signo; }
static volatile int handled;
static void count(int signo) { (void)signo; handled++; }

CASE(poll, "a pipe: empty nothing, full POLLIN, writer gone POLLHUP, reader gone POLLERR")
{
	int p[2], q[2];
	OK(pipe(p));
	OK(pipe(q));
	struct pollfd f[] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 } };
	EQ(poll(f, 2, 0), 1);
	EQ(f[0].revents, 0);
	EQ(f[1].revents, POLLOUT);
	EQ(write(p[1], "x", 1), 1);
	EQ(poll(f, 2, 0), 2);
	EQ(f[0].revents, POLLIN);
	OK(close(p[1]));
	EQ(poll(f, 1, 0), 1);
	EQ(f[0].revents, POLLIN | POLLHUP);
	OK(close(q[0]));
	f[0] = (struct pollfd){ q[1], POLLOUT, 0 };
	EQ(poll(f, 1, 0), 1);
	EQ(f[0].revents, POLLOUT | POLLERR);
}

CASE(poll, "closed: POLLNVAL; negative: passed over; a file: always ready")
{
	struct pollfd f[] = { { 999, POLLIN, 0 }, { -1, POLLIN, 7 }, { open_new("a"), POLLIN | POLLOUT, 0 } };
	EQ(poll(f, 3, 0), 2);
	EQ(f[0].revents, POLLNVAL);
	EQ(f[1].revents, 0);
	EQ(f[2].revents, POLLIN | POLLOUT);
}

CASE(poll, "waits for its time-out, not less")
{
	long long start = mono_ns();
	EQ(poll(NULL, 0, 20), 0);
	CHECK(mono_ns() - start >= 20000000);
}

CASE(poll, "is woken by what another process writes")
{
	int p[2];
	OK(pipe(p));
	struct pollfd f = { p[0], POLLIN, 0 };
	CHILD(pid) {
		sleep_ms(20);
		EQ(write(p[1], "x", 1), 1);
	}
	EQ(poll(&f, 1, 10000), 1);
	child_ok(pid);
}

CASE(poll, "a handler: EINTR, SA_RESTART or not")
{
	on_signal(SIGALRM, nothing, SA_RESTART);
	ualarm(20000, 0);
	ERR(poll(NULL, 0, 10000), EINTR);
}

CASE(poll, "bad address: EFAULT; more than RLIMIT_NOFILE: EINVAL")
{
	EACH_BAD(bad)
		ERR(poll((struct pollfd *)bad, 1, 0), EFAULT);
	ERR(poll(NULL, 1 << 30, 0), EINVAL);
}

CASE(ppoll, "a time-out of nanoseconds; a negative one: EINVAL")
{
	struct timespec t = { 0, 5000000 }, bad = { -1, 0 };
	long long start = mono_ns();
	EQ(ppoll(NULL, 0, &t, NULL), 0);
	CHECK(mono_ns() - start >= 5000000);
	ERR(ppoll(NULL, 0, &bad, NULL), EINVAL);
	EACH_BAD(address)
		ERR(syscall(SYS_ppoll, NULL, 0, address, NULL, 8), EFAULT);
}

CASE(ppoll, "its mask lets a pending signal in, and is taken back")
{
	sigset_t none, set, now;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	on_signal(SIGUSR1, count, 0);
	OK(raise(SIGUSR1));
	EQ(handled, 0);
	struct timespec t = { 5, 0 };
	ERR(ppoll(NULL, 0, &t, &none), EINTR);
	EQ(handled, 1);
	OK(sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGUSR1));
}

CASE(select, "reading and writing sets, and the rest of the time")
{
	int p[2];
	fd_set r, w;
	OK(pipe(p));
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	struct timeval t = { 5, 0 };
	EQ(select(20, &r, &w, NULL, &t), 1);
	CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
	CHECK(t.tv_sec == 4 || (t.tv_sec == 5 && t.tv_usec == 0));
}

CASE(select, "closed: EBADF; negative count or time: EINVAL; bad address: EFAULT")
{
	fd_set r;
	struct timeval t = { 0, 0 }, bad_time = { -1, 0 };
	FD_ZERO(&r);
	FD_SET(30, &r);
	ERR(select(31, &r, NULL, NULL, &t), EBADF);
	ERR(select(-1, NULL, NULL, NULL, &t), EINVAL);
	ERR(select(0, NULL, NULL, NULL, &bad_time), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_select, 10, bad, NULL, NULL, &t), EFAULT);
}

CASE(select, "a time-out empties the sets")
{
	int p[2];
	fd_set r;
	OK(pipe(p));
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	struct timeval t = { 0, 10000 };
	EQ(select(20, &r, NULL, NULL, &t), 0);
	CHECK(!FD_ISSET(p[0], &r));
	EQ(t.tv_sec + t.tv_usec, 0);
}

CASE(pselect6, "its mask lets a pending signal in")
{
	sigset_t none, set;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	on_signal(SIGUSR1, count, 0);
	OK(raise(SIGUSR1));
	ERR(pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
	EQ(handled, 1);
}
