/* epoll. */
#include "suite.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>

#define GROUP "epoll"

static void nothing(int signo) { (void)signo; }
static volatile int handled;
static void count(int signo) { (void)signo; handled++; }

CALL(epoll_create, "");
CALL(epoll_create1, "EPOLL_CLOEXEC");
CALL(epoll_ctl, "EPOLL_CTL_ADD EPOLL_CTL_MOD EPOLL_CTL_DEL; EPOLLIN EPOLLOUT EPOLLRDHUP EPOLLET EPOLLONESHOT EPOLLEXCLUSIVE");
CALL(epoll_wait, "");
CALL(epoll_pwait, "");
CALL(epoll_pwait2, "");

static int watch(int ep, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = (uint64_t)fd | 0x1234567800000000 };
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

CASE(epoll_create1, "EPOLL_CLOEXEC; unknown flags: EINVAL")
{
	EQ(fcntl(OK(epoll_create1(EPOLL_CLOEXEC)), F_GETFD), FD_CLOEXEC);
	ERR(epoll_create1(1), EINVAL);
}

CASE(epoll_create, "size 0: EINVAL")
{
	OK(epoll_create(1));
	ERR(epoll_create(0), EINVAL);
}

CASE(epoll_ctl, "twice: EEXIST; not there: ENOENT; closed: EBADF; itself: EINVAL; a file: EPERM; no epoll: EINVAL")
{
	int ep = OK(epoll_create1(0)), p[2], file = open_new("a");
	struct epoll_event e = { .events = EPOLLIN };
	OK(pipe(p));
	OK(watch(ep, p[0], EPOLLIN));
	ERR(watch(ep, p[0], EPOLLIN), EEXIST);
	ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e), ENOENT);
	ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL), ENOENT);
	ERR(watch(ep, 999, EPOLLIN), EBADF);
	ERR(watch(999, p[1], EPOLLIN), EBADF);
	ERR(watch(ep, ep, EPOLLIN), EINVAL);
	ERR(watch(ep, file, EPOLLIN), EPERM);
	ERR(watch(p[0], p[1], EPOLLIN), EINVAL);
	ERR(epoll_ctl(ep, 99, p[0], &e), EINVAL);
	EACH_BAD(bad)
		ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], (struct epoll_event *)bad), EFAULT);
}

CASE(epoll_ctl, "a loop of epolls: ELOOP; one in another works")
{
	int a = OK(epoll_create1(0)), b = OK(epoll_create1(0)), p[2];
	struct epoll_event e;
	OK(pipe(p));
	OK(watch(a, b, EPOLLIN));
	ERR(watch(b, a, EPOLLIN), ELOOP);
	OK(watch(b, p[0], EPOLLIN));
	EQ(epoll_wait(a, &e, 1, 0), 0);
	EQ(write(p[1], "x", 1), 1);
	EQ(epoll_wait(a, &e, 1, 0), 1);
	EQ((int)e.data.u64, b);
}

CASE(epoll_wait, "level: as long as there is something; the caller's data comes back")
{
	int ep = OK(epoll_create1(0)), p[2];
	struct epoll_event e[2];
	char c;
	OK(pipe(p));
	OK(watch(ep, p[0], EPOLLIN));
	EQ(epoll_wait(ep, e, 2, 0), 0);
	EQ(write(p[1], "x", 1), 1);
	for (int i = 0; i < 2; i++) {
		EQ(epoll_wait(ep, e, 2, 0), 1);
		EQ(e[0].events, EPOLLIN);
		EQ(e[0].data.u64, (uint64_t)p[0] | 0x1234567800000000);
	}
	EQ(read(p[0], &c, 1), 1);
	EQ(epoll_wait(ep, e, 2, 0), 0);
}

CASE(epoll_wait, "EPOLLET: once a change")
{
	int ep = OK(epoll_create1(0)), p[2];
	struct epoll_event e;
	OK(pipe(p));
	OK(watch(ep, p[0], EPOLLIN | EPOLLET));
	EQ(write(p[1], "x", 1), 1);
	EQ(epoll_wait(ep, &e, 1, 0), 1);
	EQ(epoll_wait(ep, &e, 1, 0), 0);
	EQ(write(p[1], "x", 1), 1);
	EQ(epoll_wait(ep, &e, 1, 0), 1);
}

CASE(epoll_wait, "EPOLLONESHOT: once, until EPOLL_CTL_MOD")
{
	int ep = OK(epoll_create1(0)), p[2];
	struct epoll_event e;
	OK(pipe(p));
	OK(watch(ep, p[0], EPOLLIN | EPOLLONESHOT));
	EQ(write(p[1], "x", 1), 1);
	EQ(epoll_wait(ep, &e, 1, 0), 1);
	EQ(epoll_wait(ep, &e, 1, 0), 0);
	e = (struct epoll_event){ .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 5 };
	OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
	EQ(epoll_wait(ep, &e, 1, 0), 1);
	EQ(e.data.u64, 5);
}

CASE(epoll_wait, "EPOLLHUP unasked; MOD to 0 events leaves only that")
{
	int ep = OK(epoll_create1(0)), p[2];
	struct epoll_event e = { .events = 0 };
	OK(pipe(p));
	OK(watch(ep, p[0], EPOLLIN));
	OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
	EQ(write(p[1], "x", 1), 1);
	EQ(epoll_wait(ep, &e, 1, 0), 0);
	OK(close(p[1]));
	EQ(epoll_wait(ep, &e, 1, 0), 1);
	EQ(e.events, EPOLLHUP);
}

CASE(epoll_wait, "a closed descriptor is gone; with a copy open it stays")
{
	int ep = OK(epoll_create1(0)), p[2];
	struct epoll_event e;
	OK(pipe(p));
	OK(watch(ep, p[0], EPOLLIN));
	EQ(write(p[1], "x", 1), 1);
	int copy = OK(dup(p[0]));
	OK(close(p[0]));
	EQ(epoll_wait(ep, &e, 1, 0), 1);
	OK(close(copy));
	EQ(epoll_wait(ep, &e, 1, 0), 0);
}

CASE(epoll_wait, "at most so many, each in its turn")
{
	int ep = OK(epoll_create1(0)), seen = 0;
	struct epoll_event e[4];
	for (int i = 0; i < 4; i++)
		OK(watch(ep, OK(eventfd(1, 0)), EPOLLIN));
	for (int round = 0; round < 4; round++) {
		EQ(epoll_wait(ep, e, 1, 0), 1);
		seen |= 1 << ((int)e[0].data.u64 - ep - 1);
	}
	EQ(seen, 15);
	EQ(epoll_wait(ep, e, 4, 0), 4);
}

CASE(epoll_wait, "time-out; woken by another process; a handler: EINTR")
{
	int ep = OK(epoll_create1(0)), p[2];
	struct epoll_event e;
	long long start = mono_ns();
	OK(pipe(p));
	OK(watch(ep, p[0], EPOLLIN));
	EQ(epoll_wait(ep, &e, 1, 20), 0);
	CHECK(mono_ns() - start >= 20000000);
	on_signal(SIGALRM, nothing, SA_RESTART);
	ualarm(20000, 0);
	ERR(epoll_wait(ep, &e, 1, -1), EINTR);
	CHILD(pid) {
		sleep_ms(20);
		EQ(write(p[1], "x", 1), 1);
	}
	EQ(epoll_wait(ep, &e, 1, -1), 1);
	child_ok(pid);
}

CASE(epoll_wait, "count 0: EINVAL; no epoll: EINVAL; closed: EBADF; bad address: EFAULT")
{
	int ep = OK(epoll_create1(0)), p[2];
	struct epoll_event e;
	OK(pipe(p));
	OK(watch(ep, p[1], EPOLLOUT));
	ERR(epoll_wait(ep, &e, 0, 0), EINVAL);
	ERR(epoll_wait(ep, &e, -1, 0), EINVAL);
	ERR(epoll_wait(p[0], &e, 1, 0), EINVAL);
	ERR(epoll_wait(999, &e, 1, 0), EBADF);
	EACH_BAD(bad)
		ERR(epoll_wait(ep, (struct epoll_event *)bad, 1, 0), EFAULT);
	EQ(epoll_wait(ep, &e, 1, 0), 1);
}

CASE(epoll_wait, "EPOLLRDHUP of a socket whose other end shut down writing")
{
	int ep = OK(epoll_create1(0)), s[2];
	struct epoll_event e;
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	OK(watch(ep, s[0], EPOLLIN | EPOLLRDHUP));
	OK(shutdown(s[1], SHUT_WR));
	EQ(epoll_wait(ep, &e, 1, 0), 1);
	EQ(e.events, EPOLLIN | EPOLLRDHUP);
}

CASE(epoll_pwait, "its mask lets a pending signal in")
{
	int ep = OK(epoll_create1(0));
	struct epoll_event e;
	sigset_t none, set;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	on_signal(SIGUSR1, count, 0);
	OK(raise(SIGUSR1));
	ERR(epoll_pwait(ep, &e, 1, -1, &none), EINTR);
	EQ(handled, 1);
}

CASE(epoll_pwait2, "a time-out of nanoseconds")
{
	int ep = OK(epoll_create1(0));
	struct epoll_event e;
	struct timespec t = { 0, 5000000 };
	long long start = mono_ns();
	EQ(syscall(SYS_epoll_pwait2, ep, &e, 1, &t, NULL, 8), 0);
	CHECK(mono_ns() - start >= 5000000);
	t.tv_nsec = -1;
	ERR(syscall(SYS_epoll_pwait2, ep, &e, 1, &t, NULL, 8), EINVAL);
}

CASE(epoll_wait, "after fork the child sees the same set")
{
	int ep = OK(epoll_create1(0)), fd = OK(eventfd(0, 0));
	struct epoll_event e;
	OK(watch(ep, fd, EPOLLIN));
	CHILD(pid) EQ(epoll_wait(ep, &e, 1, 5000), 1);
	sleep_ms(10);
	EQ(eventfd_write(fd, 1), 0);
	child_ok(pid);
}
