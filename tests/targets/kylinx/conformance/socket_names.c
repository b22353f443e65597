/* Addresses of sockets, connecting. */
#include "sockets.h"

#define GROUP "sockets"

CALL(bind, "AF_UNIX: paths, abstract names, autobind");
CALL(listen, "");
CALL(connect, "");
CALL(accept, "");
CALL(accept4, "SOCK_CLOEXEC SOCK_NONBLOCK");
CALL(shutdown, "SHUT_RD SHUT_WR SHUT_RDWR");
CALL(getsockname, "");
CALL(getpeername, "");
CALL(getsockopt, "SO_TYPE SO_ERROR SO_ACCEPTCONN SO_PEERCRED SO_SNDBUF SO_RCVBUF SO_DOMAIN SO_PROTOCOL SO_PASSCRED SO_RCVTIMEO SO_SNDTIMEO");
CALL(setsockopt, "SO_SNDBUF SO_RCVBUF SO_PASSCRED SO_REUSEADDR SO_RCVTIMEO SO_SNDTIMEO");

CASE(bind, "a path: a file of its own; again: EADDRINUSE; twice: EINVAL; unlink frees it")
{
	struct sockaddr_un a = named("s");
	struct stat st;
	int s = OK(socket(AF_UNIX, SOCK_STREAM, 0)), other = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(bind(s, (struct sockaddr *)&a, sizeof a));
	OK(stat("s", &st));
	EQ(st.st_mode & S_IFMT, S_IFSOCK);
	ERR(bind(other, (struct sockaddr *)&a, sizeof a), EADDRINUSE);
	a = named("second");
	ERR(bind(s, (struct sockaddr *)&a, sizeof a), EINVAL);
	a = named("s");
	OK(unlink("s"));
	OK(bind(other, (struct sockaddr *)&a, sizeof a));
	a = named("none/s");
	ERR(bind(OK(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&a, sizeof a), ENOENT);
}

CASE(bind, "another family's address or a short one: EINVAL; bad address: EFAULT; no socket: ENOTSOCK")
{
	struct sockaddr_un a = named("s");
	int s = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	ERR(bind(s, (struct sockaddr *)&a, 1), EINVAL);
	ERR(bind(s, (struct sockaddr *)&a, 1000), EINVAL);
	a.sun_family = AF_INET;
	ERR(bind(s, (struct sockaddr *)&a, sizeof a), EINVAL);
	EACH_BAD(bad)
		ERR(bind(s, bad, sizeof a), EFAULT);
	ERR(bind(open_new("f"), (struct sockaddr *)&a, sizeof a), ENOTSOCK);
}

CASE(bind, "an abstract name: no file, gone with the socket; autobind gives one")
{
	struct sockaddr_un a = { .sun_family = AF_UNIX }, got;
	socklen_t size = sizeof got;
	snprintf(a.sun_path + 1, 50, "conformance%d", (int)getpid());
	socklen_t length = (socklen_t)(sizeof(sa_family_t) + 1 + strlen(a.sun_path + 1));
	int s = OK(socket(AF_UNIX, SOCK_STREAM, 0)), other = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(bind(s, (struct sockaddr *)&a, length));
	OK(listen(s, 1));
	OK(connect(OK(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&a, length));
	ERR(bind(other, (struct sockaddr *)&a, length), EADDRINUSE);
	OK(close(s));
	OK(bind(other, (struct sockaddr *)&a, length));
	int third = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	OK(bind(third, (struct sockaddr *)&a, sizeof(sa_family_t)));
	OK(getsockname(third, (struct sockaddr *)&got, &size));
	EQ(size, sizeof(sa_family_t) + 6);
	EQ(got.sun_path[0], 0);
}

CASE(listen, "not bound: EINVAL; a datagram socket: EOPNOTSUPP; closed: EBADF")
{
	ERR(listen(OK(socket(AF_UNIX, SOCK_STREAM, 0)), 1), EINVAL);
	ERR(listen(OK(socket(AF_UNIX, SOCK_DGRAM, 0)), 1), EOPNOTSUPP);
	ERR(listen(999, 1), EBADF);
}

CASE(connect, "nobody listens: ECONNREFUSED; no such path: ENOENT; no socket there: ECONNREFUSED; another type: EPROTOTYPE")
{
	struct sockaddr_un a = named("s");
	int s = OK(socket(AF_UNIX, SOCK_STREAM, 0)), bound = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	ERR(connect(s, (struct sockaddr *)&a, sizeof a), ENOENT);
	OK(bind(bound, (struct sockaddr *)&a, sizeof a));
	ERR(connect(s, (struct sockaddr *)&a, sizeof a), ECONNREFUSED);
	OK(close(bound));
	ERR(connect(s, (struct sockaddr *)&a, sizeof a), ECONNREFUSED);
	close(open_new("f"));
	a = named("f");
	ERR(connect(s, (struct sockaddr *)&a, sizeof a), ECONNREFUSED);
	close(OK(dup(listener("l", SOCK_STREAM))));
	a = named("l");
	ERR(connect(OK(socket(AF_UNIX, SOCK_DGRAM, 0)), (struct sockaddr *)&a, sizeof a), EPROTOTYPE);
	OK(connect(s, (struct sockaddr *)&a, sizeof a));
	ERR(connect(s, (struct sockaddr *)&a, sizeof a), EISCONN);
	EACH_BAD(bad)
		ERR(connect(OK(socket(AF_UNIX, SOCK_STREAM, 0)), bad, sizeof a), EFAULT);
}

CASE(connect, "a full queue of a listener: EAGAIN when it does not block")
{
	struct sockaddr_un a = named("s");
	int s = OK(socket(AF_UNIX, SOCK_STREAM, 0)), last = 0;
	OK(bind(s, (struct sockaddr *)&a, sizeof a));
	OK(listen(s, 1));
	for (int i = 0; i < 10 && !last; i++)
		last = connect(OK(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)), (struct sockaddr *)&a, sizeof a);
	EQ(last, -1);
	EQ(errno, EAGAIN);
}

CASE(connect, "before accept: what is sent waits")
{
	int l = listener("s", SOCK_STREAM), c = connected("s", SOCK_STREAM);
	char b[10];
	EQ(write(c, "early", 5), 5);
	int s = OK(accept(l, NULL, NULL));
	EQ(read(s, b, 10), 5);
	EQ(write(s, "late", 4), 4);
	EQ(read(c, b, 10), 4);
}

CASE(connect, "a datagram socket: its peer's path is where send goes; connect to another end")
{
	struct sockaddr_un a = named("a"), from;
	socklen_t size = sizeof from;
	int in = OK(socket(AF_UNIX, SOCK_DGRAM, 0)), out = OK(socket(AF_UNIX, SOCK_DGRAM, 0));
	char b[10];
	OK(bind(in, (struct sockaddr *)&a, sizeof a));
	a = named("b");
	OK(bind(out, (struct sockaddr *)&a, sizeof a));
	a = named("a");
	OK(connect(out, (struct sockaddr *)&a, sizeof a));
	EQ(send(out, "hi", 2, 0), 2);
	EQ(recvfrom(in, b, 10, 0, (struct sockaddr *)&from, &size), 2);
	EQ(strcmp(from.sun_path, "b"), 0);
	EQ(sendto(in, "yo", 2, 0, (struct sockaddr *)&from, size), 2);
	EQ(recv(out, b, 10, 0), 2);
}

CASE(accept, "peer without a name; not listening: EINVAL; nothing there: EAGAIN; no socket: ENOTSOCK")
{
	struct sockaddr_un from;
	socklen_t size = sizeof from;
	int l = listener("s", SOCK_STREAM), p[2];
	connected("s", SOCK_STREAM);
	OK(accept(l, (struct sockaddr *)&from, &size));
	EQ(size, sizeof(sa_family_t));
	OK(fcntl(l, F_SETFL, O_NONBLOCK));
	ERR(accept(l, NULL, NULL), EAGAIN);
	ERR(accept(OK(socket(AF_UNIX, SOCK_STREAM, 0)), NULL, NULL), EINVAL);
	OK(pipe(p));
	ERR(accept(p[0], NULL, NULL), ENOTSOCK);
}

CASE(accept, "waits for a client of another process; a handler: EINTR")
{
	int l = listener("s", SOCK_STREAM);
	char c;
	CHILD(pid) {
		sleep_ms(20);
		EQ(write(connected("s", SOCK_STREAM), "x", 1), 1);
	}
	EQ(read(OK(accept(l, NULL, NULL)), &c, 1), 1);
	child_ok(pid);
	on_signal(SIGALRM, nothing, 0);
	ualarm(20000, 0);
	ERR(accept(l, NULL, NULL), EINTR);
}

CASE(accept4, "SOCK_CLOEXEC and SOCK_NONBLOCK; unknown flags: EINVAL")
{
	int l = listener("s", SOCK_STREAM);
	connected("s", SOCK_STREAM);
	ERR(accept4(l, NULL, NULL, 1), EINVAL);
	int s = OK(accept4(l, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
	EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(s, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

CASE(shutdown, "SHUT_WR: the other end reads the rest, then 0; here EPIPE")
{
	int s[2];
	char b[10];
	pair(SOCK_STREAM, s);
	EQ(write(s[0], "x", 1), 1);
	OK(shutdown(s[0], SHUT_WR));
	EQ(read(s[1], b, 10), 1);
	EQ(read(s[1], b, 10), 0);
	ERR(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	EQ(write(s[1], "y", 1), 1);
	EQ(read(s[0], b, 10), 1);
}

CASE(shutdown, "SHUT_RD: 0 here, EPIPE there; wrong how: EINVAL; closed: EBADF")
{
	int s[2];
	char b[10];
	pair(SOCK_STREAM, s);
	OK(shutdown(s[0], SHUT_RD));
	EQ(read(s[0], b, 10), 0);
	ERR(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	ERR(shutdown(s[0], 9), EINVAL);
	ERR(shutdown(999, SHUT_RD), EBADF);
}

CASE(shutdown, "of a listener: accept says EINVAL, connect ECONNREFUSED")
{
	struct sockaddr_un a = named("s");
	int l = listener("s", SOCK_STREAM);
	OK(shutdown(l, SHUT_RDWR));
	ERR(accept(l, NULL, NULL), EINVAL);
	ERR(connect(OK(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&a, sizeof a), ECONNREFUSED);
}

CASE(getsockname, "the bound path; cut to the room given; getpeername of the other side; unconnected: ENOTCONN")
{
	struct sockaddr_un a;
	socklen_t size = sizeof a;
	int l = listener("s", SOCK_STREAM), c = connected("s", SOCK_STREAM);
	OK(getsockname(l, (struct sockaddr *)&a, &size));
	EQ(strcmp(a.sun_path, "s"), 0);
	EQ(size, sizeof(sa_family_t) + 2);
	size = sizeof a;
	OK(getpeername(c, (struct sockaddr *)&a, &size));
	EQ(strcmp(a.sun_path, "s"), 0);
	ERR(getpeername(l, (struct sockaddr *)&a, &size), ENOTCONN);
	EACH_BAD(bad)
		ERR(getsockname(l, bad, &size), EFAULT);
}

CASE(getpeername, "of a pair: a family without a name")
{
	struct sockaddr_un a;
	socklen_t size = sizeof a;
	int s[2];
	pair(SOCK_STREAM, s);
	OK(getpeername(s[0], (struct sockaddr *)&a, &size));
	EQ(size, sizeof(sa_family_t));
	EQ(a.sun_family, AF_UNIX);
}

static int option(int s, int name)
{
	int v = -1;
	socklen_t size = sizeof v;
	OK(getsockopt(s, SOL_SOCKET, name, &v, &size));
	return v;
}

CASE(getsockopt, "SO_TYPE SO_DOMAIN SO_PROTOCOL SO_ACCEPTCONN SO_ERROR")
{
	int l = listener("s", SOCK_SEQPACKET);
	EQ(option(l, SO_TYPE), SOCK_SEQPACKET);
	EQ(option(l, SO_DOMAIN), AF_UNIX);
	EQ(option(l, SO_PROTOCOL), 0);
	EQ(option(l, SO_ACCEPTCONN), 1);
	EQ(option(l, SO_ERROR), 0);
}

CASE(getsockopt, "SO_PEERCRED: who made the pair, or connected")
{
	struct ucred u;
	socklen_t size = sizeof u;
	int l = listener("s", SOCK_STREAM);
	CHILD(pid) {
		char c;
		EQ(read(connected("s", SOCK_STREAM), &c, 1), 1);
	}
	int s = OK(accept(l, NULL, NULL));
	OK(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &u, &size));
	EQ(u.pid, pid);
	EQ(u.uid, geteuid());
	EQ(write(s, "x", 1), 1);
	child_ok(pid);
}

CASE(getsockopt, "unknown option: ENOPROTOOPT; no socket: ENOTSOCK; bad address: EFAULT")
{
	int s[2], v;
	socklen_t size = sizeof v;
	pair(SOCK_STREAM, s);
	ERR(getsockopt(s[0], SOL_SOCKET, 9999, &v, &size), ENOPROTOOPT);
	ERR(getsockopt(open_new("a"), SOL_SOCKET, SO_TYPE, &v, &size), ENOTSOCK);
	EACH_BAD(bad) {
		ERR(getsockopt(s[0], SOL_SOCKET, SO_TYPE, bad, &size), EFAULT);
		ERR(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, bad), EFAULT);
	}
}

CASE(setsockopt, "SO_RCVTIMEO: a waiting receive ends with EAGAIN")
{
	int s[2];
	char c;
	struct timeval t = { 0, 20000 };
	pair(SOCK_STREAM, s);
	OK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
	long long start = mono_ns();
	ERR(recv(s[0], &c, 1, 0), EAGAIN);
	CHECK(mono_ns() - start >= 19000000);
}

CASE(setsockopt, "SO_SNDBUF and SO_RCVBUF are accepted; too short a value: EINVAL; bad address: EFAULT")
{
	int s[2], v = 65536;
	pair(SOCK_STREAM, s);
	OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof v));
	CHECK(option(s[0], SO_SNDBUF) >= 65536);
	OK(setsockopt(s[0], SOL_SOCKET, SO_RCVBUF, &v, sizeof v));
	ERR(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, 1), EINVAL);
	EACH_BAD(bad)
		ERR(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, bad, sizeof v), EFAULT);
}
