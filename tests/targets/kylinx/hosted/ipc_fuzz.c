/* Random calls on random descriptors, by several pVMs at once: nothing crashes, hangs or is lost. KX_SEED, KX_CALLS change it. */
#include "ipc_test.h"
#include "ipc/socket.h"

char *getenv(const char *);
int atoi(const char *);
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
long sys_getpeername(int, void *, u32 *);
long sys_setsockopt(int, int, int, const void *, int);
long sys_getsockopt(int, int, int, void *, int *);
long sys_timerfd_create(u32, u32);
long sys_timerfd_settime(int, u32, const struct itimerspec *, struct itimerspec *);
long sys_mq_open(const char *, u32, u32, const struct mq_attr *);
long sys_mq_unlink(const char *);
long sys_mq_timedsend(int, const char *, size_t, u32, const struct timespec *);
long sys_mq_timedreceive(int, char *, size_t, u32 *, const struct timespec *);

#define PVMS 4
#define FDS 40

struct fuzzer { u64 seed; u32 calls; bool cycles; char data[9000]; };

static u32 pick(struct fuzzer *z, u32 below)
{
	z->seed ^= z->seed << 13;
	z->seed ^= z->seed >> 7;
	z->seed ^= z->seed << 17;
	return (u32)(z->seed >> 20) % below;
}

static int fd_of(struct fuzzer *z) { return (int)pick(z, FDS); }

static void *memory(struct fuzzer *z)
{
	return pick(z, 40) ? z->data : (void *)(u64)pick(z, 100); /* now and then a bad pointer */
}

static u32 address(struct fuzzer *z, void *to)
{
	struct address *a = to;
	memset(a, 0, sizeof *a);
	switch (pick(z, 3)) {
	case 0:
		a->un.sun_family = AF_UNIX;
		a->un.sun_path[1] = (char)('a' + pick(z, 4));
		return 4 + pick(z, 2);
	case 1:
		a->in.sin_family = AF_INET;
		a->in.sin_port = (u16)pick(z, 3) << 8 | 0x20;
		a->in.sin_addr.s_addr = pick(z, 3) ? 0x0100007f : 0;
		return sizeof a->in;
	default:
		a->in6.sin6_family = (u16)pick(z, 12);
		a->in6.sin6_port = (u16)pick(z, 3) << 8 | 0x20;
		a->in6.sin6_addr.in6_u.u6_addr8[15] = (u8)pick(z, 2);
		return pick(z, 40);
	}
}

static void open_one(struct fuzzer *z)
{
	static const u32 types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	static const u32 domains[] = { AF_UNIX, AF_INET, AF_INET6 };
	int two[2];
	char name[2] = { (char)('a' + pick(z, 3)), 0 };
	switch (pick(z, 8)) {
	case 0: sys_pipe2(two, O_NONBLOCK | (pick(z, 3) ? 0 : O_DIRECT)); break;
	case 1: sys_eventfd2(pick(z, 3), O_NONBLOCK | pick(z, 2)); break;
	case 2: sys_epoll_create1(0); break;
	case 3: sys_socketpair(AF_UNIX, types[pick(z, 3)] | O_NONBLOCK, 0, two); break;
	case 4: sys_socket(domains[pick(z, 3)], types[pick(z, 3)] | O_NONBLOCK, 0); break;
	case 5: sys_timerfd_create(CLOCK_MONOTONIC, O_NONBLOCK); break;
	case 6: sys_mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, NULL); break;
	default: sys_dup(fd_of(z));
	}
}

static bool is_unix(int fd)
{
	int domain = 0, n = sizeof domain;
	return !sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) && domain == AF_UNIX;
}

static void pass(struct fuzzer *z)
{
	struct { struct user_cmsghdr h; int fd[4]; } c = { .h = { sizeof c.h, SOL_SOCKET, 1 } };
	struct iovec v[3] = { { memory(z), pick(z, 200) }, { z->data, pick(z, 3000) }, { z->data, 0 } };
	struct user_msghdr h = { .msg_iov = v, .msg_iovlen = pick(z, 4), .msg_control = &c };
	u32 n = pick(z, 4);
	for (u32 i = 0; i < n; i++) {
		c.fd[i] = fd_of(z);
		if (is_unix(c.fd[i]))
			return; /* sockets inside one another may keep each other alive: known */
	}
	c.h.cmsg_len += n * sizeof(int);
	h.msg_controllen = c.h.cmsg_len;
	sys_sendmsg(fd_of(z), &h, MSG_NOSIGNAL | (pick(z, 9) ? 0 : 1u << pick(z, 16)));
}

static void take(struct fuzzer *z)
{
	struct { struct user_cmsghdr h; int fd[8]; } c;
	struct address a;
	struct iovec v[2] = { { memory(z), pick(z, 200) }, { z->data, pick(z, 9000) } };
	struct user_msghdr h = { .msg_iov = v, .msg_iovlen = pick(z, 3), .msg_control = &c, .msg_controllen = pick(z, sizeof c),
				 .msg_name = &a, .msg_namelen = (int)pick(z, sizeof a) };
	sys_recvmsg(fd_of(z), &h, pick(z, 3) ? 0 : 1u << pick(z, 9));
}

static void watch(struct fuzzer *z)
{
	struct epoll_event e = { .events = pick(z, 2) ? EPOLLIN : EPOLLOUT, .data = 1 };
	struct epoll_event got[8];
	e.events |= pick(z, 3) ? 0 : pick(z, 2) ? EPOLLET : EPOLLONESHOT;
	e.events |= pick(z, 9) ? 0 : EPOLLEXCLUSIVE;
	if (pick(z, 3))
		sys_epoll_ctl(fd_of(z), (int)pick(z, 4), fd_of(z), &e);
	else
		sys_epoll_wait(fd_of(z), got, 8, (int)pick(z, 2));
}

static void look(struct fuzzer *z)
{
	struct pollfd p[10];
	for (int i = 0; i < 10; i++)
		p[i] = (struct pollfd){ .fd = fd_of(z), .events = (short)(POLLIN | POLLOUT * (int)pick(z, 2)) };
	sys_poll(p, pick(z, 11), (int)pick(z, 2));
}

static void one_call(struct fuzzer *z)
{
	struct address a;
	u32 n = pick(z, 6000), flags = pick(z, 4) ? 0 : 1u << pick(z, 16);
	struct itimerspec t = { .it_value = { .tv_nsec = pick(z, 200000) }, .it_interval = { .tv_nsec = pick(z, 2) * 50000 } };
	int value = (int)pick(z, 10000), size = sizeof value;
	switch (pick(z, 22)) {
	case 0: case 1: case 2: open_one(z); break;
	case 3: case 4: sys_close(fd_of(z)); break;
	case 5: case 6: sys_read(fd_of(z), memory(z), n); break;
	case 7: case 8: sys_write(fd_of(z), memory(z), n); break;
	case 9: pass(z); break;
	case 10: take(z); break;
	case 11: case 12: watch(z); break;
	case 13: look(z); break;
	case 14: sys_bind(fd_of(z), &a, address(z, &a)); break;
	case 15: sys_listen(fd_of(z), (int)pick(z, 3)); break;
	case 16: sys_accept4(fd_of(z), NULL, NULL, O_NONBLOCK); break;
	case 17: n = address(z, &a); sys_connect(fd_of(z), &a, n); break;
	case 18: sys_sendto(fd_of(z), z->data, n, flags | MSG_NOSIGNAL, &a, pick(z, 2) ? address(z, &a) : 0); break;
	case 19: sys_timerfd_settime(fd_of(z), 0, &t, NULL); sys_shutdown(fd_of(z), (int)pick(z, 4)); break;
	case 20: sys_setsockopt(fd_of(z), pick(z, 3) ? SOL_SOCKET : 6, (int)pick(z, 40), &value, size); break;
	default:
		sys_mq_timedsend(fd_of(z), z->data, pick(z, 300), pick(z, 3), NULL);
		sys_mq_timedreceive(fd_of(z), z->data, 8192, NULL, NULL);
		sys_getsockopt(fd_of(z), SOL_SOCKET, (int)pick(z, 70), &value, &size);
	}
}

static void fuzz(void *arg)
{
	struct fuzzer *z = arg;
	current->blocked = ~0ull;
	for (u32 i = 0; i < z->calls; i++) {
		one_call(z);
		if (i % 3000 == 0)
			close_all();
	}
	ipc_proc_exit(current->proc);
	close_all();
}

void test_main(void)
{
	static struct fuzzer z[PVMS];
	const char *seed = getenv("KX_SEED"), *calls = getenv("KX_CALLS");
	u64 before = 0;
	for (int round = 0; round < 3; round++) {
		for (u32 i = 0; i < PVMS; i++) {
			z[i].seed = ((seed ? (u64)atoi(seed) : 1) * 77 + (u64)round * 13 + i) * 0x9e3779b97f4a7c15;
			z[i].calls = calls ? (u32)atoi(calls) : 20000;
			hosted_pvm(fuzz, &z[i]);
		}
		hosted_join();
		for (char name[2] = "a"; name[0] < 'd'; name[0]++)
			sys_mq_unlink(name);
		printf("round %d: %lu bytes\n", round, (unsigned long)heap_bytes_used());
		CHECK(round < 2 || heap_bytes_used() <= before + 65536);
		before = heap_bytes_used();
	}
}
