/* POSIX message queues. */
#include "suite.h"
#include <mqueue.h>
#include <poll.h>
#include <sys/stat.h>

#define GROUP "posix mq"

CALL(mq_open, "O_RDONLY O_WRONLY O_RDWR O_CREAT O_EXCL O_NONBLOCK O_CLOEXEC");
CALL(mq_unlink, "");
CALL(mq_timedsend, "");
CALL(mq_timedreceive, "");
CALL(mq_notify, "SIGEV_SIGNAL SIGEV_NONE");
CALL(mq_getsetattr, "O_NONBLOCK");

static void nothing(int signo) { (void)signo; }
static volatile int handled;
static void count(int signo) { (void)signo; handled++; }

static char name[64];

static mqd_t queue(int flags)
{
	struct mq_attr a = { .mq_maxmsg = 4, .mq_msgsize = 32 };
	snprintf(name, sizeof name, "/conformance.%d", (int)getpid());
	mq_unlink(name);
	return OK(mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &a));
}

CASE(mq_open, "made, found again, O_EXCL: EEXIST, none: ENOENT, unlinked: gone")
{
	mqd_t q = queue(0);
	EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
	OK(mq_close(OK(mq_open(name, O_RDONLY))));
	ERR(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
	OK(mq_unlink(name));
	ERR(mq_open(name, O_RDWR), ENOENT);
	ERR(mq_unlink(name), ENOENT);
	OK(mq_send(q, "x", 1, 0));
}

CASE(mq_open, "wrong attributes: EINVAL; a slash in the name: EACCES; bad address: EFAULT")
{
	struct mq_attr a = { .mq_maxmsg = 0, .mq_msgsize = 10 };
	ERR(mq_open("/conformance.x", O_CREAT | O_RDWR, 0600, &a), EINVAL);
	ERR(mq_open("/a/b", O_RDWR), EACCES);
	EACH_BAD(bad)
		ERR(syscall(SYS_mq_open, bad, O_RDWR, 0, NULL), EFAULT);
}

CASE(mq_timedsend, "the highest priority first, in order among equals")
{
	mqd_t q = queue(0);
	char b[32];
	unsigned prio;
	OK(mq_send(q, "low", 3, 1));
	OK(mq_send(q, "high", 4, 9));
	OK(mq_send(q, "high2", 5, 9));
	EQ(mq_receive(q, b, 32, &prio), 4);
	EQ(prio, 9);
	EQ(mq_receive(q, b, 32, &prio), 5);
	EQ(mq_receive(q, b, 32, &prio), 3);
	EQ(prio, 1);
	OK(mq_unlink(name));
}

CASE(mq_timedsend, "too long: EMSGSIZE; priority too high: EINVAL; for reading only: EBADF; full: EAGAIN")
{
	mqd_t q = queue(O_NONBLOCK), r = OK(mq_open(name, O_RDONLY));
	char b[33] = "";
	ERR(mq_send(q, b, 33, 0), EMSGSIZE);
	ERR(mq_send(q, b, 1, 32768), EINVAL);
	ERR(mq_send(r, b, 1, 0), EBADF);
	for (int i = 0; i < 4; i++)
		OK(mq_send(q, b, 1, 0));
	ERR(mq_send(q, b, 1, 0), EAGAIN);
	ERR(mq_send(open_new("a"), b, 1, 0), EBADF);
	OK(mq_unlink(name));
}

CASE(mq_timedsend, "a time-out: ETIMEDOUT; not valid: EINVAL; bad address: EFAULT")
{
	mqd_t q = queue(0);
	struct timespec past = { 1, 0 }, wrong = { 1, -1 };
	for (int i = 0; i < 4; i++)
		OK(mq_send(q, "x", 1, 0));
	ERR(mq_timedsend(q, "x", 1, 0, &past), ETIMEDOUT);
	ERR(mq_timedsend(q, "x", 1, 0, &wrong), EINVAL);
	mqd_t other = OK(mq_open(name, O_RDWR));
	char b[32];
	EQ(mq_receive(other, b, 32, NULL), 1);
	EACH_BAD(bad)
		ERR(syscall(SYS_mq_timedsend, q, bad, 1L, 0, NULL), EFAULT);
	OK(mq_unlink(name));
}

CASE(mq_timedreceive, "buffer shorter than mq_msgsize: EMSGSIZE; empty: EAGAIN; time-out: ETIMEDOUT; bad address: EFAULT")
{
	mqd_t q = queue(O_NONBLOCK), w = OK(mq_open(name, O_RDWR));
	char b[32];
	struct timespec past = { 1, 0 };
	ERR(mq_receive(q, b, 31, NULL), EMSGSIZE);
	ERR(mq_receive(q, b, 32, NULL), EAGAIN);
	ERR(mq_timedreceive(w, b, 32, NULL, &past), ETIMEDOUT);
	OK(mq_send(q, "x", 1, 0));
	ERR(syscall(SYS_mq_timedreceive, q, (void *)8, 32L, NULL, NULL), EFAULT);
	OK(mq_unlink(name));
}

CASE(mq_timedreceive, "waits for another process; a handler: EINTR")
{
	mqd_t q = queue(0);
	char b[32];
	CHILD(pid) {
		sleep_ms(20);
		OK(mq_send(q, "hello", 5, 0));
	}
	EQ(mq_receive(q, b, 32, NULL), 5);
	child_ok(pid);
	on_signal(SIGALRM, nothing, 0);
	ualarm(20000, 0);
	ERR(mq_receive(q, b, 32, NULL), EINTR);
	OK(mq_unlink(name));
}

CASE(mq_timedsend, "waits for room")
{
	mqd_t q = queue(0);
	char b[32];
	for (int i = 0; i < 4; i++)
		OK(mq_send(q, "x", 1, 0));
	CHILD(pid) OK(mq_send(q, "last", 4, 0));
	sleep_ms(20);
	for (int i = 0; i < 4; i++)
		EQ(mq_receive(q, b, 32, NULL), 1);
	EQ(mq_receive(q, b, 32, NULL), 4);
	child_ok(pid);
	OK(mq_unlink(name));
}

CASE(mq_getsetattr, "counts; only O_NONBLOCK is set; bad address: EFAULT")
{
	mqd_t q = queue(0);
	struct mq_attr a, set = { .mq_flags = O_NONBLOCK, .mq_maxmsg = 99 };
	OK(mq_send(q, "x", 1, 0));
	OK(mq_setattr(q, &set, &a));
	EQ(a.mq_flags, 0);
	EQ(a.mq_curmsgs, 1);
	OK(mq_getattr(q, &a));
	EQ(a.mq_flags, O_NONBLOCK);
	EQ(a.mq_maxmsg, 4);
	EQ(a.mq_msgsize, 32);
	EACH_BAD(bad)
		ERR(syscall(SYS_mq_getsetattr, q, NULL, bad), EFAULT);
	OK(mq_unlink(name));
}

CASE(mq_open, "poll: POLLIN when there is a message, POLLOUT when there is room")
{
	mqd_t q = queue(0);
	struct pollfd f = { q, POLLIN | POLLOUT, 0 };
	EQ(poll(&f, 1, 0), 1);
	EQ(f.revents, POLLOUT);
	for (int i = 0; i < 4; i++)
		OK(mq_send(q, "x", 1, 0));
	EQ(poll(&f, 1, 0), 1);
	EQ(f.revents, POLLIN);
	OK(mq_unlink(name));
}

CASE(mq_notify, "a signal when a message comes to an empty queue, once; a second asker: EBUSY")
{
	mqd_t q = queue(0);
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	on_signal(SIGUSR1, count, 0);
	OK(mq_notify(q, &e));
	CHILD(pid) ERR(mq_notify(q, &e), EBUSY);
	child_ok(pid);
	OK(mq_send(q, "x", 1, 0));
	EQ(handled, 1);
	OK(mq_send(q, "x", 1, 0));
	EQ(handled, 1);
	OK(mq_notify(q, &e));
	OK(mq_notify(q, NULL));
	e.sigev_signo = 99;
	ERR(mq_notify(q, &e), EINVAL);
	OK(mq_unlink(name));
}
