/* Loopback: streams and datagrams between 127.0.0.0/8 and ::1, ports, refusals, connections that are in progress. */
#include "ipc_test.h"
#include "ipc/socket.h"

long sys_socket(u32, u32, u32);
long sys_bind(int, const void *, u32);
long sys_connect(int, const void *, u32);
long sys_listen(int, int);
long sys_accept4(int, void *, u32 *, u32);
long sys_sendto(int, const void *, size_t, u32, const void *, u32);
long sys_recvfrom(int, void *, size_t, u32, void *, u32 *);
long sys_shutdown(int, int);
long sys_getsockname(int, void *, u32 *);
long sys_getpeername(int, void *, u32 *);
long sys_setsockopt(int, int, int, const void *, int);
long sys_getsockopt(int, int, int, void *, int *);

static u16 swap(u16 v) { return (u16)(v << 8 | v >> 8); }

static struct sockaddr_in v4(u8 last, u16 port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = swap(port) };
	a.sin_addr.s_addr = last ? 127u | (u32)last << 24 : 0;
	return a;
}

static struct sockaddr_in6 v6(bool loopback, u16 port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = swap(port) };
	a.sin6_addr.in6_u.u6_addr8[15] = loopback;
	return a;
}

static int get(int fd, int level, int which)
{
	int v = -1, n = sizeof v;
	CHECK_EQ(sys_getsockopt(fd, level, which, &v, &n), 0);
	return v;
}

static void set(int fd, int level, int which, int v)
{
	CHECK_EQ(sys_setsockopt(fd, level, which, &v, sizeof v), 0);
}

static u16 port_of(int fd)
{
	struct sockaddr_in a;
	u32 n = sizeof a;
	CHECK_EQ(sys_getsockname(fd, &a, &n), 0);
	CHECK_EQ(n, sizeof a);
	return swap(a.sin_port);
}

static int bound(u32 type, const void *a, u32 n, bool reuse)
{
	int s = (int)sys_socket(((const struct sockaddr_in *)a)->sin_family, type | O_NONBLOCK, 0);
	set(s, SOL_SOCKET, SO_REUSEADDR, reuse);
	CHECK_EQ(sys_bind(s, a, n), 0);
	return s;
}
#define BOUND(type, a, reuse) bound(type, &(a), sizeof(a), reuse)

static void test_ports(void)
{
	struct sockaddr_in a = v4(1, 7000), any = v4(0, 7000), other = v4(2, 7000), zero = v4(0, 0);
	int s = BOUND(SOCK_STREAM, a, false), t = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(sys_bind(s, &a, sizeof a), -EINVAL);
	CHECK_EQ(sys_bind(t, &a, sizeof a), -EADDRINUSE);
	CHECK_EQ(sys_bind(t, &any, sizeof any), -EADDRINUSE);
	CHECK_EQ(sys_bind(t, &other, sizeof other), 0);
	sys_close(t);
	t = BOUND(SOCK_DGRAM, a, false); /* another protocol's port */
	sys_close(t);
	t = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
	a.sin_addr.s_addr = 0x08080808;
	CHECK_EQ(sys_bind(t, &a, sizeof a), -EADDRNOTAVAIL);
	CHECK_EQ(sys_connect(t, &a, sizeof a), -ENETUNREACH);
	CHECK_EQ(sys_bind(t, &a, 4), -EINVAL);
	a.sin_family = AF_INET6;
	CHECK_EQ(sys_bind(t, &a, sizeof a), -EAFNOSUPPORT);
	CHECK_EQ(sys_bind(t, &zero, sizeof zero), 0);
	CHECK(port_of(t) >= 32768);
	sys_close(t);
	sys_close(s);
	s = BOUND(SOCK_STREAM, any, true);
	t = BOUND(SOCK_STREAM, any, true); /* both say so, none listens */
	sys_close(s);
	sys_close(t);
	CHECK_EQ(sys_socket(AF_INET, SOCK_RAW, 0), -EPERM);
	CHECK_EQ(sys_socket(AF_INET, SOCK_SEQPACKET, 0), -ESOCKTNOSUPPORT);
	CHECK_EQ(sys_socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
	CHECK_EQ(sys_socket(77, SOCK_STREAM, 0), -EAFNOSUPPORT);
}

static void client(void *arg)
{
	struct sockaddr_in a = v4(1, (u16)(u64)arg), peer;
	u32 n = sizeof peer;
	int c = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
	char b[10];
	CHECK_EQ(sys_connect(c, &a, sizeof a), 0);
	CHECK_EQ(sys_getpeername(c, &peer, &n), 0);
	CHECK(!memcmp(&peer, &a, 8));
	CHECK_EQ(sys_write(c, "ping", 4), 4);
	CHECK_EQ(sys_shutdown(c, 1), 0);
	CHECK_EQ(sys_recvfrom(c, b, 4, MSG_WAITALL, NULL, NULL), 4); /* the other direction goes on */
	CHECK_EQ(sys_read(c, b, 1), 0);
	close_all();
}

static void test_stream(void)
{
	struct sockaddr_in a = v4(1, 0), peer;
	u32 n = sizeof peer;
	int l = BOUND(SOCK_STREAM, a, false), c;
	char b[10];
	CHECK_EQ(sys_listen(l, 8), 0);
	set(l, 6, 1, 1); /* TCP_NODELAY */
	CHECK_EQ(get(l, 6, 1), 1);
	CHECK_EQ(sys_fcntl(l, F_SETFL, 0), 0);
	hosted_pvm(client, (void *)(u64)port_of(l));
	c = (int)sys_accept4(l, &peer, &n, 0);
	CHECK(c >= 0);
	CHECK_EQ(n, sizeof peer);
	CHECK_EQ(peer.sin_addr.s_addr, 0x0100007f);
	CHECK(swap(peer.sin_port) >= 32768);
	CHECK_EQ(port_of(c), port_of(l));
	CHECK_EQ(sys_recvfrom(c, b, 10, 0, NULL, NULL), 4);
	CHECK_EQ(sys_recvfrom(c, b, 10, 0, NULL, NULL), 0);
	CHECK_EQ(ready(c, POLLIN | 0x2000), POLLIN | 0x2000); /* POLLRDHUP, no POLLHUP */
	CHECK_EQ(sys_write(c, "pong", 4), 4);
	sys_close(c);
	hosted_join();
	sys_close(l);
}

static void test_in_progress(void)
{
	struct sockaddr_in a = v4(1, 7100);
	int c = (int)sys_socket(AF_INET, SOCK_STREAM | O_NONBLOCK, 0), l, e;
	CHECK(ready(c, POLLOUT) & POLLHUP);
	CHECK_EQ(sys_connect(c, &a, sizeof a), -EINPROGRESS);
	CHECK(ready(c, POLLOUT) & POLLERR);
	CHECK_EQ(get(c, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	CHECK_EQ(get(c, SOL_SOCKET, SO_ERROR), 0);
	l = BOUND(SOCK_STREAM, a, true);
	CHECK_EQ(sys_listen(l, 8), 0);
	CHECK_EQ(sys_connect(c, &a, sizeof a), -EINPROGRESS);
	CHECK_EQ(ready(c, POLLOUT), POLLOUT);
	CHECK_EQ(get(c, SOL_SOCKET, SO_ERROR), 0);
	CHECK_EQ(sys_connect(c, &a, sizeof a), 0);
	CHECK_EQ(sys_connect(c, &a, sizeof a), -EISCONN);
	e = (int)sys_accept4(l, NULL, NULL, O_NONBLOCK);
	CHECK_EQ(sys_write(e, "x", 1), 1);
	CHECK_EQ(ready(c, POLLIN), POLLIN);
	sys_close(e);
	sys_close(c);
	c = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
	sys_close(l);
	CHECK_EQ(sys_connect(c, &a, sizeof a), -ECONNREFUSED);
	CHECK_EQ(sys_write(c, "x", 1), -EPIPE);
	CHECK_EQ(sys_read(c, &a, 1), -ENOTCONN);
	sys_close(c);
}

static void test_datagrams(void)
{
	struct sockaddr_in a = v4(1, 7200), from, any = v4(0, 0);
	u32 n = sizeof from;
	int s = BOUND(SOCK_DGRAM, a, false), c = BOUND(SOCK_DGRAM, any, false), d = BOUND(SOCK_DGRAM, any, false);
	char b[100];
	CHECK_EQ(sys_sendto(c, "one", 3, 0, &a, sizeof a), 3);
	CHECK_EQ(sys_recvfrom(s, b, 2, MSG_TRUNC, &from, &n), 3);
	CHECK_EQ(swap(from.sin_port), port_of(c));
	CHECK_EQ(from.sin_addr.s_addr, 0x0100007f);
	CHECK_EQ(sys_connect(c, &a, sizeof a), 0);
	CHECK_EQ(sys_connect(s, &from, sizeof from), 0);
	CHECK_EQ(sys_write(c, "two", 3), 3);
	CHECK_EQ(sys_sendto(d, "foreign", 7, 0, &a, sizeof a), 7); /* s hears only its peer */
	CHECK_EQ(sys_read(s, b, 100), 3);
	CHECK_EQ(sys_read(s, b, 100), -EAGAIN);
	CHECK_EQ(sys_write(s, "back", 4), 4);
	CHECK_EQ(sys_read(c, b, 100), 4);
	sys_close(s);
	CHECK_EQ(sys_write(c, "lost", 4), 4);
	CHECK_EQ(sys_write(c, "lost", 4), -ECONNREFUSED);
	CHECK_EQ(sys_write(d, "x", 1), -EDESTADDRREQ);
	static u8 big[70000];
	CHECK_EQ(sys_sendto(d, big, sizeof big, 0, &a, sizeof a), -EMSGSIZE);
	sys_close(c);
	sys_close(d);
}

static void test_v6(void)
{
	struct sockaddr_in6 any = v6(false, 7300), one = v6(true, 7300), from;
	struct sockaddr_in four = v4(1, 7300);
	u32 n = sizeof from;
	int l = BOUND(SOCK_STREAM, any, true), c, e;
	CHECK_EQ(sys_listen(l, 8), 0);
	c = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(sys_connect(c, &one, sizeof one), 0);
	e = (int)sys_accept4(l, &from, &n, 0);
	CHECK_EQ(from.sin6_addr.in6_u.u6_addr8[15], 1);
	sys_close(e);
	sys_close(c);
	c = (int)sys_socket(AF_INET, SOCK_STREAM, 0); /* a socket of IPv6 takes IPv4 too */
	CHECK_EQ(sys_connect(c, &four, sizeof four), 0);
	n = sizeof from;
	e = (int)sys_accept4(l, &from, &n, 0);
	CHECK_EQ(n, sizeof from);
	CHECK_EQ(from.sin6_family, AF_INET6);
	CHECK_EQ(from.sin6_addr.in6_u.u6_addr8[10], 0xff);
	CHECK_EQ(from.sin6_addr.in6_u.u6_addr8[12], 127);
	sys_close(e);
	sys_close(c);
	sys_close(l);
	l = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);
	set(l, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	CHECK_EQ(sys_bind(l, &any, sizeof any), 0);
	CHECK_EQ(sys_listen(l, 1), 0);
	c = BOUND(SOCK_STREAM, four, false);
	sys_close(c);
	c = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(sys_connect(c, &four, sizeof four), -ECONNREFUSED);
	sys_close(c);
	sys_close(l);
}

/* Two listeners on one port: both are used. */
static void test_shared_port(void)
{
	struct sockaddr_in a = v4(1, 7400);
	int l[2], got[2] = { 0 };
	for (int i = 0; i < 2; i++) {
		l[i] = (int)sys_socket(AF_INET, SOCK_STREAM | O_NONBLOCK, 0);
		set(l[i], SOL_SOCKET, SO_REUSEPORT, 1);
		CHECK_EQ(sys_bind(l[i], &a, sizeof a), 0);
		CHECK_EQ(sys_listen(l[i], 64), 0);
	}
	for (int i = 0; i < 10; i++) {
		int c = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
		CHECK_EQ(sys_connect(c, &a, sizeof a), 0);
		for (int k = 0; k < 2; k++) {
			int e = (int)sys_accept4(l[k], NULL, NULL, 0);
			if (e >= 0) {
				got[k]++;
				sys_close(e);
			}
		}
		sys_close(c);
	}
	CHECK_EQ(got[0], 5);
	CHECK_EQ(got[1], 5);
	sys_close(l[0]);
	sys_close(l[1]);
}

void test_main(void)
{
	u64 before = 0;
	current->blocked = 1ull << (SIGPIPE - 1);
	for (int i = 0; i < 2; i++) {
		test_ports();
		test_in_progress();
		test_datagrams();
		test_v6();
		test_shared_port();
		CHECK(!before || heap_bytes_used() == before);
		before = heap_bytes_used();
	}
	test_stream();
}
