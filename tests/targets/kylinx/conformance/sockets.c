/* Sockets of the family: AF_UNIX with descriptor passing. */
#include "sockets.h"

#define GROUP "sockets"

CALL(socket, "AF_UNIX: SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET; SOCK_CLOEXEC SOCK_NONBLOCK");
CALL(socketpair, "AF_UNIX: SOCK_STREAM SOCK_DGRAM SOCK_SEQPACKET; SOCK_CLOEXEC SOCK_NONBLOCK");
CALL(sendto, "MSG_DONTWAIT MSG_NOSIGNAL");
CALL(recvfrom, "MSG_DONTWAIT MSG_PEEK MSG_TRUNC MSG_WAITALL");
CALL(sendmsg, "SCM_RIGHTS SCM_CREDENTIALS MSG_DONTWAIT MSG_NOSIGNAL");
CALL(recvmsg, "SCM_RIGHTS SCM_CREDENTIALS MSG_CMSG_CLOEXEC MSG_CTRUNC MSG_TRUNC");
CALL(sendmmsg, "");
CALL(recvmmsg, "");

CASE(socket, "flags; unknown family EAFNOSUPPORT, type EINVAL, protocol EPROTONOSUPPORT")
{
	int s = OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(s, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ERR(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	ERR(socket(AF_UNIX, 99, 0), EINVAL);
	ERR(socket(AF_UNIX, SOCK_STREAM, 99), EPROTONOSUPPORT);
}

CASE(socketpair, "both ways; flags; bad address: EFAULT; AF_INET: EOPNOTSUPP")
{
	int s[2];
	char c;
	OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
	EQ(fcntl(s[1], F_GETFD), FD_CLOEXEC);
	EQ(write(s[0], "a", 1), 1);
	EQ(read(s[1], &c, 1), 1);
	EQ(write(s[1], "b", 1), 1);
	EQ(read(s[0], &c, 1), 1);
	EQ(c, 'b');
	EACH_BAD(bad)
		ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, bad), EFAULT);
	ERR(socketpair(AF_INET, SOCK_STREAM, 0, s), EOPNOTSUPP);
}

CASE(socketpair, "SOCK_STREAM: no borders; end of file; EPIPE and SIGPIPE, MSG_NOSIGNAL")
{
	int s[2];
	char b[10];
	pair(SOCK_STREAM, s);
	EQ(write(s[0], "ab", 2), 2);
	EQ(write(s[0], "cd", 2), 2);
	EQ(read(s[1], b, 3), 3);
	EQ(read(s[1], b, 10), 1);
	OK(close(s[0]));
	EQ(read(s[1], b, 10), 0);
	ERR(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHILD(pid) write(s[1], "x", 1);
	child_killed(pid, SIGPIPE);
}

CASE(socketpair, "SOCK_DGRAM and SOCK_SEQPACKET: messages; the rest of a cut one is lost")
{
	for (int type = SOCK_DGRAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_DGRAM) {
		int s[2];
		char b[10];
		pair(type, s);
		EQ(write(s[0], "hello", 5), 5);
		EQ(write(s[0], "you", 3), 3);
		EQ(read(s[1], b, 2), 2);
		EQ(read(s[1], b, 10), 3);
		EQ(memcmp(b, "you", 3), 0);
	}
}

CASE(socketpair, "a stream of a megabyte between processes")
{
	static char out[1 << 20], in[1 << 20];
	int s[2];
	size_t got = 0;
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 7 + i / 999);
	pair(SOCK_STREAM, s);
	CHILD(pid) {
		for (size_t sent = 0; sent < sizeof out; sent += (size_t)OK(write(s[0], out + sent, sizeof out - sent)))
			;
	}
	OK(close(s[0]));
	for (long n; (n = read(s[1], in + got, sizeof in - got)) > 0; got += (size_t)n)
		;
	EQ(got, sizeof in);
	EQ(memcmp(in, out, sizeof in), 0);
	child_ok(pid);
}

CASE(recvfrom, "MSG_DONTWAIT: EAGAIN; MSG_PEEK leaves it; MSG_TRUNC tells the whole length; MSG_WAITALL")
{
	int s[2], d[2];
	char b[10];
	pair(SOCK_STREAM, s);
	pair(SOCK_DGRAM, d);
	ERR(recv(s[0], b, 1, MSG_DONTWAIT), EAGAIN);
	EQ(send(s[1], "hello", 5, 0), 5);
	EQ(recv(s[0], b, 2, MSG_PEEK), 2);
	EQ(recv(s[0], b, 5, MSG_WAITALL), 5);
	EQ(send(d[1], "hello", 5, 0), 5);
	EQ(recv(d[0], b, 2, MSG_TRUNC), 5);
}

CASE(recvfrom, "waits for another process; a handler: EINTR; bad addresses: EFAULT")
{
	int s[2];
	char b[10];
	pair(SOCK_STREAM, s);
	CHILD(pid) {
		sleep_ms(20);
		EQ(write(s[1], "x", 1), 1);
	}
	EQ(recv(s[0], b, 1, 0), 1);
	child_ok(pid);
	on_signal(SIGALRM, nothing, 0);
	ualarm(20000, 0);
	ERR(recv(s[0], b, 1, 0), EINTR);
	EQ(write(s[1], "hello", 5), 5);
	EACH_BAD(bad)
		ERR(recv(s[0], bad, 5, 0), EFAULT);
	EACH_BAD(bad)
		ERR(send(s[0], bad, 5, 0), EFAULT);
}

CASE(recvfrom, "no socket: ENOTSOCK; closed: EBADF; not connected: EINVAL or ENOTCONN")
{
	char b[1];
	ERR(recv(open_new("a"), b, 1, 0), ENOTSOCK);
	ERR(recv(999, b, 1, 0), EBADF);
	ERR(recv(OK(socket(AF_UNIX, SOCK_STREAM, 0)), b, 1, 0), EINVAL);
	ERR(recv(OK(socket(AF_UNIX, SOCK_SEQPACKET, 0)), b, 1, 0), ENOTCONN);
}

CASE(sendto, "not connected: ENOTCONN; with an address when connected: EISCONN")
{
	struct sockaddr_un a = named("s");
	int s[2];
	close(listener("s", SOCK_STREAM));
	ERR(send(OK(socket(AF_UNIX, SOCK_STREAM, 0)), "x", 1, 0), ENOTCONN);
	ERR(send(OK(socket(AF_UNIX, SOCK_DGRAM, 0)), "x", 1, 0), ENOTCONN);
	pair(SOCK_STREAM, s);
	ERR(sendto(s[0], "x", 1, 0, (struct sockaddr *)&a, sizeof a), EISCONN);
}

CASE(sendto, "a full queue of datagrams: EAGAIN with MSG_DONTWAIT; too long a one: EMSGSIZE")
{
	static char big[1 << 22];
	int s[2];
	pair(SOCK_DGRAM, s);
	ERR(send(s[0], big, sizeof big, 0), EMSGSIZE);
	while (send(s[0], "x", 1, MSG_DONTWAIT) == 1)
		;
	EQ(errno, EAGAIN);
}

/* a message of one byte with descriptors */
static void send_fds(int s, const int *fds, size_t n)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = "";
	struct iovec v = { "F", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	EQ(sendmsg(s, &m, 0), 1);
}

static int receive_fds(int s, int *fds, size_t most, int flags, int *message_flags)
{
	char control[CMSG_SPACE(64 * sizeof(int))], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_LEN(most * sizeof(int)) };
	EQ(recvmsg(s, &m, flags), 1);
	*message_flags = m.msg_flags;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (!c)
		return 0;
	EQ(c->cmsg_type, SCM_RIGHTS);
	int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
	return n;
}

CASE(sendmsg, "SCM_RIGHTS: descriptors reach another process, offset shared")
{
	int s[2], fd = open_new("a"), flags;
	char b[10];
	EQ(write(fd, "hello", 5), 5);
	EQ(lseek(fd, 0, SEEK_SET), 0);
	pair(SOCK_STREAM, s);
	CHILD(pid) {
		int got;
		OK(close(fd));
		EQ(receive_fds(s[1], &got, 1, 0, &flags), 1);
		EQ(read(got, b, 2), 2);
	}
	send_fds(s[0], &fd, 1);
	child_ok(pid);
	EQ(read(fd, b, 10), 3);
}

CASE(recvmsg, "MSG_CMSG_CLOEXEC; no room: MSG_CTRUNC and no descriptor leaks")
{
	int s[2], p[2], got[4], flags;
	OK(pipe(p));
	pair(SOCK_SEQPACKET, s);
	send_fds(s[0], p, 2);
	EQ(receive_fds(s[1], got, 2, MSG_CMSG_CLOEXEC, &flags), 2);
	EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	EQ(flags & MSG_CTRUNC, 0);
	send_fds(s[0], p, 2);
	EQ(receive_fds(s[1], got, 1, 0, &flags), 1);
	EQ(flags & MSG_CTRUNC, MSG_CTRUNC);
	for (int i = 0; i < 2; i++)
		close(p[i]);
}

CASE(sendmsg, "a descriptor in flight stays open until it is received or the socket goes")
{
	int s[2], p[2], got, flags;
	char c;
	OK(pipe(p));
	pair(SOCK_STREAM, s);
	send_fds(s[0], &p[1], 1);
	OK(close(p[1]));
	OK(fcntl(p[0], F_SETFL, O_NONBLOCK));
	ERR(read(p[0], &c, 1), EAGAIN);
	EQ(receive_fds(s[1], &got, 1, 0, &flags), 1);
	OK(close(got));
	EQ(read(p[0], &c, 1), 0);
	OK(pipe(p));
	send_fds(s[0], &p[1], 1);
	OK(close(p[1]));
	OK(close(s[0]));
	OK(close(s[1]));
	EQ(read(p[0], &c, 1), 0);
}

CASE(sendmsg, "a closed descriptor to pass: EBADF; bad control or vector: EFAULT")
{
	int s[2], closed = 999;
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(c), &closed, sizeof closed);
	pair(SOCK_STREAM, s);
	ERR(sendmsg(s[0], &m, 0), EBADF);
	EACH_BAD(bad) {
		m = (struct msghdr){ .msg_iov = bad, .msg_iovlen = 1 };
		ERR(sendmsg(s[0], &m, 0), EFAULT);
		m = (struct msghdr){ .msg_iov = &v, .msg_iovlen = 1, .msg_control = bad, .msg_controllen = sizeof control };
		ERR(sendmsg(s[0], &m, 0), EFAULT);
		ERR(sendmsg(s[0], bad, 0), EFAULT);
		ERR(recvmsg(s[0], bad, 0), EFAULT);
	}
}

CASE(recvmsg, "SO_PASSCRED: SCM_CREDENTIALS of the sender")
{
	int s[2], on = 1;
	char control[CMSG_SPACE(sizeof(struct ucred))], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct ucred u;
	pair(SOCK_DGRAM, s);
	OK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
	CHILD(pid) EQ(send(s[0], "x", 1, 0), 1);
	EQ(recvmsg(s[1], &m, 0), 1);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	CHECK(c);
	EQ(c->cmsg_type, SCM_CREDENTIALS);
	memcpy(&u, CMSG_DATA(c), sizeof u);
	EQ(u.pid, pid);
	EQ(u.uid, getuid());
	child_ok(pid);
}

CASE(sendmsg, "pieces gathered and scattered; a cut datagram: MSG_TRUNC")
{
	int s[2];
	char a[1], b[2];
	struct iovec out[] = { { "he", 2 }, { "llo", 3 } }, in[] = { { a, 1 }, { b, 2 } };
	struct msghdr mo = { .msg_iov = out, .msg_iovlen = 2 }, mi = { .msg_iov = in, .msg_iovlen = 2 };
	pair(SOCK_DGRAM, s);
	EQ(sendmsg(s[0], &mo, 0), 5);
	EQ(recvmsg(s[1], &mi, 0), 3);
	EQ(memcmp(b, "el", 2), 0);
	EQ(mi.msg_flags & MSG_TRUNC, MSG_TRUNC);
}

CASE(sendmmsg, "and recvmmsg: several messages in one call")
{
	int s[2];
	char b[3][4];
	struct iovec v[3], w[3];
	struct mmsghdr out[3] = { 0 }, in[3] = { 0 };
	pair(SOCK_DGRAM, s);
	for (int i = 0; i < 3; i++) {
		v[i] = (struct iovec){ "abc", (size_t)i + 1 };
		w[i] = (struct iovec){ b[i], 4 };
		out[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
		in[i].msg_hdr = (struct msghdr){ .msg_iov = &w[i], .msg_iovlen = 1 };
	}
	EQ(sendmmsg(s[0], out, 3, 0), 3);
	EQ(recvmmsg(s[1], in, 3, MSG_DONTWAIT, NULL), 3);
	EQ(in[2].msg_len, 3);
}

CASE(socketpair, "poll: POLLIN, POLLOUT, POLLHUP; FIONREAD")
{
	int s[2], n;
	pair(SOCK_STREAM, s);
	struct pollfd f = { s[0], POLLIN | POLLOUT, 0 };
	EQ(poll(&f, 1, 0), 1);
	EQ(f.revents, POLLOUT);
	EQ(write(s[1], "hello", 5), 5);
	OK(ioctl(s[0], FIONREAD, &n));
	EQ(n, 5);
	EQ(poll(&f, 1, 0), 1);
	EQ(f.revents, POLLIN | POLLOUT);
	OK(close(s[1]));
	EQ(poll(&f, 1, 0), 1);
	EQ(f.revents, POLLIN | POLLOUT | POLLHUP);
}

CASE(socketpair, "the other end closes with data unread: ECONNRESET")
{
	int s[2];
	char c;
	pair(SOCK_STREAM, s);
	EQ(write(s[0], "x", 1), 1);
	OK(close(s[1]));
	ERR(read(s[0], &c, 1), ECONNRESET);
	EQ(read(s[0], &c, 1), 0);
}

CASE(socketpair, "lseek: ESPIPE; O_NONBLOCK by fcntl: EAGAIN")
{
	int s[2];
	char c;
	pair(SOCK_STREAM, s);
	ERR(lseek(s[0], 0, SEEK_SET), ESPIPE);
	OK(fcntl(s[0], F_SETFL, O_NONBLOCK));
	ERR(read(s[0], &c, 1), EAGAIN);
	static char b[65536];
	while (write(s[0], b, sizeof b) > 0)
		;
	EQ(errno, EAGAIN);
}
