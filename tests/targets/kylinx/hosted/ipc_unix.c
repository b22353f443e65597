/* AF_UNIX: streams, datagrams, sequenced packets; names; descriptors and credentials that travel. */
#include "ipc_test.h"
#include "ipc/local.h"

long sys_socket(u32, u32, u32);
long sys_socketpair(u32, u32, u32, int *);
long sys_bind(int, const void *, u32);
long sys_connect(int, const void *, u32);
long sys_listen(int, int);
long sys_accept4(int, void *, u32 *, u32);
long sys_sendto(int, const void *, size_t, u32, const void *, u32);
long sys_recvfrom(int, void *, size_t, u32, void *, u32 *);
long sys_sendmsg(int, const struct user_msghdr *, u32);
long sys_recvmsg(int, struct user_msghdr *, u32);
long sys_shutdown(int, int);
long sys_getsockname(int, void *, u32 *);
long sys_getpeername(int, void *, u32 *);
long sys_setsockopt(int, int, int, const void *, int);
long sys_getsockopt(int, int, int, void *, int *);

static u32 name(struct sockaddr_un *a, const char *s)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, s, strlen(s + 1) + 1);
	return (u32)(2 + strlen(s + 1) + 1);
}

static int option(int fd, int which)
{
	int v = -1, n = sizeof v;
	CHECK_EQ(sys_getsockopt(fd, SOL_SOCKET, which, &v, &n), 0);
	return v;
}

static void set(int fd, int which, int v)
{
	CHECK_EQ(sys_setsockopt(fd, SOL_SOCKET, which, &v, sizeof v), 0);
}

static void test_stream_pair(void)
{
	int p[2];
	char b[100];
	static u8 big[600000];
	CHECK_EQ(sys_socketpair(AF_UNIX, SOCK_STREAM | O_NONBLOCK, 0, p), 0);
	CHECK_EQ(sys_recvfrom(p[0], b, 1, 0, NULL, NULL), -EAGAIN);
	CHECK_EQ(sys_sendto(p[0], "hello", 5, 0, NULL, 0), 5);
	CHECK_EQ(sys_recvfrom(p[1], b, 2, MSG_PEEK, NULL, NULL), 2);
	CHECK_EQ(sys_read(p[1], b, 100), 5);
	CHECK(!memcmp(b, "hello", 5));
	CHECK_EQ(ready(p[0], POLLIN | POLLOUT), POLLOUT);
	long put = sys_write(p[0], big, sizeof big);
	CHECK_EQ(put, SOCKET_BUFFER);
	CHECK_EQ(sys_write(p[0], big, 1), -EAGAIN);
	CHECK_EQ(ready(p[0], POLLOUT), 0);
	int n;
	CHECK_EQ(sys_ioctl(p[1], FIONREAD, (u64)&n), 0);
	CHECK_EQ(n, put);
	CHECK_EQ(sys_read(p[1], big, sizeof big), put);
	CHECK_EQ(ready(p[0], POLLOUT), POLLOUT);
	CHECK_EQ(sys_sendto(p[0], "x", 1, 0, "zz", 2), -EISCONN);
	CHECK_EQ(sys_sendto(p[0], "x", 1, MSG_OOB, NULL, 0), -EOPNOTSUPP);
	CHECK_EQ(sys_sendto(p[0], (void *)8, 1, 0, NULL, 0), -EFAULT);
	CHECK_EQ(sys_shutdown(p[0], 1), 0);
	CHECK_EQ(sys_shutdown(p[0], 3), -EINVAL);
	CHECK_EQ(sys_read(p[1], b, 1), 0);
	CHECK_EQ(ready(p[1], POLLIN | 0x2000), POLLIN | 0x2000);
	CHECK_EQ(sys_sendto(p[0], "x", 1, MSG_NOSIGNAL, NULL, 0), -EPIPE);
	CHECK_EQ(sys_write(p[1], "back", 4), 4);
	sys_close(p[1]);
	CHECK_EQ(sys_read(p[0], b, 4), 4);
	CHECK_EQ(sys_read(p[0], b, 4), 0);
	CHECK(ready(p[0], POLLIN) & POLLHUP);
	CHECK_EQ(option(p[0], SO_TYPE), SOCK_STREAM);
	sys_close(p[0]);
	CHECK_EQ(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	CHECK_EQ(sys_write(p[0], "unread", 6), 6);
	sys_close(p[1]);
	CHECK_EQ(sys_read(p[0], b, 1), -ECONNRESET);
	CHECK_EQ(sys_read(p[0], b, 1), 0);
	CHECK_EQ(sys_read(1, b, 1), -EBADF);
	CHECK_EQ(sys_sendto(1, b, 1, 0, NULL, 0), -EBADF);
	sys_close(p[0]);
	int e = (int)sys_eventfd2(0, 0);
	CHECK_EQ(sys_sendto(e, b, 1, 0, NULL, 0), -ENOTSOCK);
	sys_close(e);
	CHECK_EQ(sys_socketpair(AF_UNIX, 77, 0, p), -EINVAL);
	CHECK_EQ(sys_socketpair(AF_UNIX, 4, 0, p), -ESOCKTNOSUPPORT);
	CHECK_EQ(sys_socketpair(AF_INET, SOCK_STREAM, 0, p), -EOPNOTSUPP);
}

static void test_packets(u32 type)
{
	int p[2];
	char b[100];
	CHECK_EQ(sys_socketpair(AF_UNIX, type | O_NONBLOCK, 0, p), 0);
	CHECK_EQ(sys_write(p[0], "one", 3), 3);
	CHECK_EQ(sys_write(p[0], "three", 5), 5);
	CHECK_EQ(sys_recvfrom(p[1], b, 2, MSG_PEEK | MSG_TRUNC, NULL, NULL), 3);
	struct iovec v = { b, 2 };
	struct user_msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };
	CHECK_EQ(sys_recvmsg(p[1], &h, 0), 2);
	CHECK_EQ(h.msg_flags, MSG_TRUNC);
	CHECK_EQ(sys_recvfrom(p[1], b, 100, 0, NULL, NULL), 5);
	CHECK_EQ(sys_recvfrom(p[1], b, 100, 0, NULL, NULL), -EAGAIN);
	static u8 big[300000];
	CHECK_EQ(sys_write(p[0], big, sizeof big), -EMSGSIZE);
	int fits = 0;
	while (sys_write(p[0], big, 1000) == 1000)
		fits++;
	CHECK(fits > 100 && fits < 300);
	CHECK_EQ(ready(p[0], POLLOUT), 0);
	while (fits--)
		CHECK_EQ(sys_read(p[1], big, 2000), 1000);
	CHECK_EQ(ready(p[0], POLLOUT), POLLOUT);
	sys_close(p[1]);
	if (type == SOCK_DGRAM) {
		CHECK_EQ(sys_write(p[0], "x", 1), -ECONNREFUSED);
		CHECK_EQ(sys_write(p[0], "x", 1), -ENOTCONN);
	} else {
		CHECK_EQ(sys_write(p[0], "x", 1), -EPIPE);
		CHECK_EQ(sys_read(p[0], b, 1), 0);
	}
	sys_close(p[0]);
}

static void test_names(void)
{
	struct sockaddr_un a, got;
	u32 n = name(&a, "\0pool"), room = sizeof got;
	int s = (int)sys_socket(AF_UNIX, SOCK_DGRAM, 0), c = (int)sys_socket(AF_UNIX, SOCK_DGRAM | O_NONBLOCK, 0);
	char b[10];
	CHECK_EQ(sys_getsockname(s, &got, &room), 0);
	CHECK_EQ(room, 2);
	CHECK_EQ(sys_bind(s, &a, n), 0);
	CHECK_EQ(sys_bind(s, &a, n), -EINVAL);
	CHECK_EQ(sys_bind(c, &a, n), -EADDRINUSE);
	CHECK_EQ(sys_sendto(c, "hi", 2, 0, &a, n), 2);
	room = sizeof got;
	CHECK_EQ(sys_recvfrom(s, b, 10, 0, &got, &room), 2);
	CHECK_EQ(room, 0); /* from nobody in particular */
	CHECK_EQ(sys_bind(c, &a, 2), 0); /* a name of the system's choice */
	room = sizeof got;
	CHECK_EQ(sys_getsockname(c, &got, &room), 0);
	CHECK_EQ(room, 8);
	CHECK_EQ(sys_connect(c, &a, n), 0);
	for (int i = 0; i <= 10; i++)
		CHECK_EQ(sys_write(c, "x", 1), 1);
	CHECK_EQ(sys_write(c, "x", 1), -EAGAIN); /* ten may wait, as Linux' max_dgram_qlen */
	CHECK_EQ(ready(c, POLLOUT), 0);
	struct sockaddr_un from;
	room = sizeof from;
	CHECK_EQ(sys_recvfrom(s, b, 10, 0, &from, &room), 1);
	CHECK_EQ(room, 8);
	CHECK(!memcmp(&from, &got, 8));
	CHECK_EQ(ready(c, POLLOUT), POLLOUT);
	sys_close(s);
	CHECK_EQ(sys_write(c, "x", 1), -ECONNREFUSED);
	CHECK_EQ(sys_sendto(c, "x", 1, 0, &a, n), -ECONNREFUSED);
	CHECK_EQ(sys_bind(c, &a, 1), -EINVAL);
	CHECK_EQ(sys_connect(c, &a, 200), -EINVAL);
	sys_close(c);
}

static void echo_client(void *arg)
{
	struct sockaddr_un a;
	u32 n = name(&a, arg);
	int c = (int)sys_socket(AF_UNIX, SOCK_STREAM, 0);
	char b[10];
	CHECK_EQ(sys_connect(c, &a, n), 0);
	CHECK_EQ(sys_connect(c, &a, n), -EISCONN);
	CHECK_EQ(sys_write(c, "ping", 4), 4);
	CHECK_EQ(sys_recvfrom(c, b, 8, MSG_WAITALL, NULL, NULL), 8);
	CHECK(!memcmp(b, "pongpong", 8));
	close_all();
}

static void test_server(char *path)
{
	struct sockaddr_un a, peer;
	u32 n = name(&a, path), room = sizeof peer;
	int l = (int)sys_socket(AF_UNIX, SOCK_STREAM | O_NONBLOCK, 0), c;
	char b[10];
	CHECK_EQ(sys_listen(l, 5), -EINVAL);
	c = (int)sys_socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(sys_connect(c, &a, n), path[0] ? -ENOENT : -ECONNREFUSED);
	CHECK_EQ(sys_bind(l, &a, n), 0);
	CHECK_EQ(sys_connect(c, &a, n), -ECONNREFUSED);
	CHECK_EQ(sys_listen(l, 5), 0);
	CHECK_EQ(option(l, SO_ACCEPTCONN), 1);
	CHECK_EQ(sys_accept4(l, NULL, NULL, 0), -EAGAIN);
	CHECK_EQ(sys_write(c, "x", 1), -ENOTCONN);
	sys_close(c);
	for (int i = 0; i < 5; i++)
		hosted_pvm(echo_client, path);
	CHECK_EQ(sys_fcntl(l, F_SETFL, 0), 0);
	for (int i = 0; i < 5; i++) {
		c = (int)sys_accept4(l, &peer, &room, 0);
		CHECK(c >= 0);
		struct user_ucred cred;
		int size = sizeof cred;
		CHECK_EQ(sys_getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &size), 0);
		CHECK(cred.pid > 0);
		CHECK_EQ(sys_recvfrom(c, b, 4, MSG_WAITALL, NULL, NULL), 4);
		CHECK_EQ(sys_write(c, "pong", 4), 4);
		hosted_sleep(MS / 2);
		CHECK_EQ(sys_write(c, "pong", 4), 4);
		sys_close(c);
	}
	hosted_join();
	/* a queue that is full, and a listener that goes */
	CHECK_EQ(sys_listen(l, 0), 0);
	c = (int)sys_socket(AF_UNIX, SOCK_STREAM | O_NONBLOCK, 0);
	CHECK_EQ(sys_connect(c, &a, n), 0);
	int late = (int)sys_socket(AF_UNIX, SOCK_STREAM | O_NONBLOCK, 0);
	CHECK_EQ(sys_connect(late, &a, n), -EAGAIN);
	sys_close(l);
	CHECK_EQ(sys_read(c, b, 1), -ECONNRESET);
	CHECK_EQ(sys_connect(late, &a, n), -ECONNREFUSED);
	sys_close(late);
	sys_close(c);
}

struct carried { struct user_cmsghdr h; int fd[4]; };

static long send_fds(int to, const char *text, const int *fd, u32 count)
{
	struct carried c = { .h = { sizeof c.h + count * sizeof(int), SOL_SOCKET, 1 } };
	struct iovec v = { (void *)(u64)text, strlen(text) };
	struct user_msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };
	memcpy(c.fd, fd, count * sizeof(int));
	h.msg_controllen = c.h.cmsg_len;
	return sys_sendmsg(to, &h, 0);
}

static long receive_fds(int from, char *text, size_t n, struct carried *c, size_t room, u32 *flags)
{
	struct iovec v = { text, n };
	struct user_msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = room };
	memset(c, 0, sizeof *c);
	long r = sys_recvmsg(from, &h, 0);
	*flags = h.msg_flags;
	return r;
}

static void test_rights(u32 type)
{
	int p[2], e = (int)sys_eventfd2(7, 0);
	u64 v;
	u32 flags;
	char b[20];
	struct carried c;
	CHECK_EQ(sys_socketpair(AF_UNIX, type, 0, p), 0);
	CHECK_EQ(send_fds(p[0], "fd", &e, 1), 2);
	CHECK_EQ(send_fds(p[0], "x", (int[]){ 4000 }, 1), -EBADF);
	CHECK_EQ(sys_write(p[0], "plain", 5), 5);
	sys_close(e);
	CHECK_EQ(receive_fds(p[1], b, 20, &c, sizeof c, &flags), 2); /* not the bytes behind them */
	CHECK_EQ(c.h.cmsg_len, sizeof c.h + 4);
	CHECK_EQ(sys_read(c.fd[0], &v, 8), 8);
	CHECK_EQ(v, 7);
	e = c.fd[0];
	CHECK_EQ(receive_fds(p[1], b, 20, &c, sizeof c, &flags), 5);
	CHECK_EQ(c.h.cmsg_len, 0);
	/* room for one of two: truncated, the other is closed */
	CHECK_EQ(send_fds(p[0], "2", (int[]){ e, e }, 2), 1);
	CHECK_EQ(receive_fds(p[1], b, 20, &c, sizeof c.h + 4, &flags), 1);
	CHECK(flags & MSG_CTRUNC);
	CHECK_EQ(c.h.cmsg_len, sizeof c.h + 4);
	sys_close(c.fd[0]);
	/* sent and never received: given back with the socket */
	CHECK_EQ(send_fds(p[0], "2", (int[]){ e, e }, 2), 1);
	struct file *f = file_get(e);
	CHECK_EQ(f->refs, 4);
	sys_close(p[0]);
	sys_close(p[1]);
	CHECK_EQ(f->refs, 2);
	file_put(f);
	sys_close(e);
}

static void test_credentials(u32 type)
{
	struct { struct user_cmsghdr h; struct user_ucred cred; u32 pad; } c;
	int p[2];
	char b[20];
	CHECK_EQ(sys_socketpair(AF_UNIX, type, 0, p), 0);
	set(p[1], SO_PASSCRED, 1);
	CHECK_EQ(sys_write(p[0], "a", 1), 1);
	struct iovec v = { b, 20 };
	struct user_msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };
	CHECK_EQ(sys_recvmsg(p[1], &h, 0), 1);
	CHECK_EQ(c.h.cmsg_type, 2);
	CHECK_EQ(c.cred.pid, current->proc->pid);
	CHECK_EQ(h.msg_controllen, 32);
	sys_close(p[0]);
	sys_close(p[1]);
}

static int flood[2];
static void flood_writer(void *arg)
{
	u8 b[3000];
	(void)arg;
	for (u32 i = 0; i < 2000; i++) {
		memset(b, (int)(i & 255), sizeof b);
		CHECK_EQ(sys_write(flood[0], b, sizeof b), sizeof b);
	}
	close_all();
}

static void test_flood(u32 type)
{
	u8 b[3000];
	CHECK_EQ(sys_socketpair(AF_UNIX, type, 0, flood), 0);
	hosted_pvm(flood_writer, NULL);
	for (u32 i = 0; i < 2000; i++) {
		CHECK_EQ(sys_recvfrom(flood[1], b, sizeof b, MSG_WAITALL, NULL, NULL), sizeof b);
		CHECK(b[0] == (u8)i && b[2999] == (u8)i);
	}
	hosted_join();
	close_all();
}

static void test_timeout(void)
{
	int p[2];
	char c;
	struct timeval t = { 0, 3000 };
	CHECK_EQ(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	CHECK_EQ(sys_setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO_OLD, &t, sizeof t), 0);
	u64 began = now_mono_ns();
	CHECK_EQ(sys_read(p[0], &c, 1), -EAGAIN);
	CHECK(now_mono_ns() - began >= 3 * MS);
	sys_close(p[0]);
	sys_close(p[1]);
}

static void echo(void *arg)
{
	int *p = arg;
	char c;
	for (int i = 0; i < 20000; i++) {
		CHECK_EQ(sys_read(p[1], &c, 1), 1);
		CHECK_EQ(sys_write(p[1], &c, 1), 1);
	}
	close_all();
}

static void measure(u32 type)
{
	int p[2];
	char c = 0;
	CHECK_EQ(sys_socketpair(AF_UNIX, type, 0, p), 0);
	hosted_pvm(echo, p);
	u64 t = now_mono_ns();
	for (int i = 0; i < 20000; i++) {
		CHECK_EQ(sys_write(p[0], &c, 1), 1);
		CHECK_EQ(sys_read(p[0], &c, 1), 1);
	}
	printf("socketpair type %u: %lu ns one way\n", type, (unsigned long)((now_mono_ns() - t) / 40000));
	hosted_join();
	close_all();
}

void test_main(void)
{
	u64 before = 0;
	current->blocked = 1ull << (SIGPIPE - 1);
	for (int i = 0; i < 2; i++) {
		test_stream_pair();
		test_packets(SOCK_DGRAM);
		test_packets(SOCK_SEQPACKET);
		test_names();
		test_rights(SOCK_STREAM);
		test_rights(SOCK_DGRAM);
		test_rights(SOCK_SEQPACKET);
		test_credentials(SOCK_STREAM);
		test_credentials(SOCK_DGRAM);
		CHECK(!before || heap_bytes_used() == before);
		before = heap_bytes_used();
	}
	test_server("\0server");
	test_server("/server");
	test_flood(SOCK_STREAM);
	test_flood(SOCK_SEQPACKET);
	test_flood(SOCK_DGRAM);
	test_timeout();
	measure(SOCK_STREAM);
	measure(SOCK_SEQPACKET);
}
