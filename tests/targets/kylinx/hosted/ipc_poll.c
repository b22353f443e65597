/* poll, ppoll, select, epoll: readiness, waiting, edges, nesting, files that close. */
#include "ipc_test.h"

long sys_epoll_pwait2(int, struct epoll_event *, int, const struct timespec *, const u64 *, size_t);
long sys_pselect6(int, u64 *, u64 *, u64 *, struct timespec *, const u64 *);

static int a[2], b[2];

static void open_pipes(void)
{
	CHECK_EQ(sys_pipe2(a, O_NONBLOCK), 0);
	CHECK_EQ(sys_pipe2(b, O_NONBLOCK), 0);
}

static void close_pipes(void)
{
	for (int i = 0; i < 2; i++) {
		sys_close(a[i]);
		sys_close(b[i]);
	}
}

static void put(int fd)
{
	CHECK_EQ(sys_write(fd, "x", 1), 1);
}

static void drain(int fd)
{
	char c[100];
	while (sys_read(fd, c, sizeof c) > 0)
		;
}

static void write_later(void *arg)
{
	hosted_sleep(2 * MS);
	put((int)(u64)arg);
	close_all();
}

static void test_poll(void)
{
	open_pipes();
	struct pollfd p[4] = { { .fd = a[0], .events = POLLIN }, { .fd = -1, .events = POLLIN }, { .fd = b[0], .events = POLLIN },
			       { .fd = b[1], .events = 0 } };
	CHECK_EQ(sys_poll(p, 4, 0), 0);
	u64 t = now_mono_ns();
	CHECK_EQ(sys_poll(p, 4, 3), 0);
	CHECK(now_mono_ns() - t >= 3 * MS);
	hosted_pvm(write_later, (void *)(u64)b[1]);
	CHECK_EQ(sys_poll(p, 4, -1), 1);
	CHECK_EQ(p[2].revents, POLLIN);
	CHECK_EQ(p[0].revents | p[1].revents | p[3].revents, 0);
	hosted_join();
	p[1].fd = 500;
	CHECK_EQ(sys_poll(p, 2, -1), 1);
	CHECK_EQ(p[1].revents, POLLNVAL);
	CHECK_EQ(sys_poll((void *)8, 1, 0), -EFAULT);
	CHECK_EQ(sys_poll(p, 1u << 30, 0), -EINVAL);
	CHECK_EQ(sys_ppoll(p, 1, &(struct timespec){ 0, -1 }, NULL, 0), -EINVAL);
	CHECK_EQ(sys_ppoll(p, 1, NULL, &(u64){ 0 }, 4), -EINVAL);
	close_pipes();
}

/* A great many queues at once, and each of them wakes. */
static void test_poll_many(void)
{
	enum { N = 60 };
	struct pollfd p[N];
	int e[N];
	for (int i = 0; i < N; i++) {
		e[i] = (int)sys_eventfd2(0, 0);
		p[i] = (struct pollfd){ .fd = e[i], .events = POLLIN };
	}
	for (int i = 0; i < N; i += 7) {
		u64 v = 1;
		CHECK_EQ(sys_write(e[i], &v, 8), 8);
		CHECK_EQ(sys_poll(p, N, -1), 1);
		CHECK_EQ(p[i].revents, POLLIN);
		CHECK_EQ(sys_read(e[i], &v, 8), 8);
	}
	for (int i = 0; i < N; i++)
		sys_close(e[i]);
}

static void test_select(void)
{
	open_pipes();
	u64 in[16] = { 0 }, out[16] = { 0 };
	int most = (a[0] > b[0] ? a[0] : b[0]) + 1;
	struct timeval tv = { 0, 2000 };
	in[0] = 1ull << a[0] | 1ull << b[0];
	CHECK_EQ(sys_select(most, in, NULL, NULL, &tv), 0);
	CHECK_EQ(in[0], 0);
	CHECK_EQ(tv.tv_usec, 0);
	in[0] = 1ull << a[0] | 1ull << b[0];
	out[0] = 1ull << a[1];
	most = b[1] + 1;
	CHECK_EQ(sys_select(most, in, out, NULL, NULL), 1);
	CHECK_EQ(in[0], 0);
	CHECK_EQ(out[0], 1ull << a[1]);
	in[0] = 1ull << b[0];
	hosted_pvm(write_later, (void *)(u64)b[1]);
	CHECK_EQ(sys_select(most, in, NULL, NULL, NULL), 1);
	CHECK_EQ(in[0], 1ull << b[0]);
	hosted_join();
	in[0] = 1ull << 60;
	CHECK_EQ(sys_select(61, in, NULL, NULL, NULL), -EBADF);
	CHECK_EQ(sys_select(-1, in, NULL, NULL, NULL), -EINVAL);
	CHECK_EQ(sys_select(most, (void *)8, NULL, NULL, NULL), -EFAULT);
	CHECK_EQ(sys_pselect6(0, NULL, NULL, NULL, &(struct timespec){ 0, 1000 }, NULL), 0);
	close_pipes();
}

static int wait1(int ep, struct epoll_event *e, int ms)
{
	return (int)sys_epoll_wait(ep, e, 8, ms);
}

static void ctl(int ep, int op, int fd, u32 events, long wanted)
{
	struct epoll_event e = { .events = events, .data = (u64)fd };
	CHECK_EQ(sys_epoll_ctl(ep, op, fd, &e), wanted);
}

static void test_epoll_modes(void)
{
	struct epoll_event e[8];
	int ep = (int)sys_epoll_create1(0);
	open_pipes();
	ctl(ep, EPOLL_CTL_ADD, a[0], EPOLLIN, 0);
	ctl(ep, EPOLL_CTL_ADD, a[0], EPOLLIN, -EEXIST);
	ctl(ep, EPOLL_CTL_MOD, b[0], EPOLLIN, -ENOENT);
	ctl(ep, EPOLL_CTL_DEL, b[0], 0, -ENOENT);
	ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN, -EINVAL);
	ctl(ep, 9, a[0], 0, -EINVAL);
	ctl(a[0], EPOLL_CTL_ADD, b[0], EPOLLIN, -EINVAL);
	CHECK_EQ(sys_epoll_ctl(ep, EPOLL_CTL_ADD, b[0], (void *)8), -EFAULT);
	CHECK_EQ(sys_epoll_wait(ep, e, 0, 0), -EINVAL);
	CHECK_EQ(wait1(ep, e, 0), 0);
	put(a[1]);
	CHECK_EQ(wait1(ep, e, 0), 1); /* level: again and again */
	CHECK_EQ(wait1(ep, e, 0), 1);
	CHECK_EQ(e[0].data, a[0]);
	drain(a[0]);
	CHECK_EQ(wait1(ep, e, 0), 0);
	ctl(ep, EPOLL_CTL_MOD, a[0], EPOLLIN | EPOLLET, 0);
	put(a[1]);
	CHECK_EQ(wait1(ep, e, 0), 1);
	CHECK_EQ(wait1(ep, e, 0), 0); /* edge: once for each write */
	put(a[1]);
	CHECK_EQ(wait1(ep, e, 0), 1);
	CHECK_EQ(wait1(ep, e, 0), 0);
	ctl(ep, EPOLL_CTL_MOD, a[0], EPOLLIN | EPOLLONESHOT, 0);
	CHECK_EQ(wait1(ep, e, 0), 1);
	put(a[1]);
	CHECK_EQ(wait1(ep, e, 0), 0); /* until armed anew */
	ctl(ep, EPOLL_CTL_MOD, a[0], EPOLLIN | EPOLLONESHOT, 0);
	CHECK_EQ(wait1(ep, e, 0), 1);
	ctl(ep, EPOLL_CTL_DEL, a[0], 0, 0);
	ctl(ep, EPOLL_CTL_ADD, a[1], EPOLLOUT, 0);
	CHECK_EQ(wait1(ep, e, 0), 1);
	CHECK_EQ(e[0].events, EPOLLOUT);
	sys_close(a[0]);
	CHECK_EQ(wait1(ep, e, 0), 1);
	CHECK_EQ(e[0].events, EPOLLOUT | EPOLLERR);
	sys_close(a[1]); /* the last reference: out of the set */
	CHECK_EQ(wait1(ep, e, 0), 0);
	ctl(ep, EPOLL_CTL_ADD, b[0], EPOLLIN, 0);
	int copy = (int)sys_dup(b[0]);
	put(b[1]);
	sys_close(b[0]); /* the description lives on, and so does the item */
	CHECK_EQ(wait1(ep, e, 0), 1);
	sys_close(copy);
	CHECK_EQ(wait1(ep, e, 0), 0);
	sys_close(b[1]);
	sys_close(ep);
}

static void test_epoll_wait(void)
{
	struct epoll_event e[8];
	int ep = (int)sys_epoll_create1(EPOLL_CLOEXEC);
	open_pipes();
	ctl(ep, EPOLL_CTL_ADD, a[0], EPOLLIN, 0);
	ctl(ep, EPOLL_CTL_ADD, b[0], EPOLLIN | EPOLLET, 0);
	u64 t = now_mono_ns();
	CHECK_EQ(wait1(ep, e, 2), 0);
	CHECK(now_mono_ns() - t >= 2 * MS);
	for (int i = 0; i < 20; i++) {
		hosted_pvm(write_later, (void *)(u64)(i & 1 ? a[1] : b[1]));
		CHECK_EQ(sys_epoll_pwait2(ep, e, 8, NULL, NULL, 0), 1);
		CHECK_EQ(e[0].data, i & 1 ? a[0] : b[0]);
		drain(a[0]);
		drain(b[0]);
		hosted_join();
	}
	/* fairness: with room for one event, each comes in turn */
	ctl(ep, EPOLL_CTL_MOD, b[0], EPOLLIN, 0);
	put(a[1]);
	put(b[1]);
	CHECK_EQ(sys_epoll_wait(ep, e, 1, 0), 1);
	CHECK_EQ(sys_epoll_wait(ep, e + 1, 1, 0), 1);
	CHECK(e[0].data != e[1].data);
	close_pipes();
	sys_close(ep);
}

static void test_epoll_nested(void)
{
	struct epoll_event e[8];
	int ep[6];
	open_pipes();
	for (int i = 0; i < 6; i++)
		ep[i] = (int)sys_epoll_create1(0);
	ctl(ep[0], EPOLL_CTL_ADD, a[0], EPOLLIN, 0);
	ctl(ep[1], EPOLL_CTL_ADD, ep[0], EPOLLIN, 0);
	ctl(ep[0], EPOLL_CTL_ADD, ep[1], EPOLLIN, -ELOOP);
	CHECK_EQ(ready(ep[1], POLLIN), 0);
	hosted_pvm(write_later, (void *)(u64)a[1]);
	CHECK_EQ(wait1(ep[1], e, -1), 1);
	CHECK_EQ(e[0].data, ep[0]);
	hosted_join();
	CHECK_EQ(ready(ep[1], POLLIN), POLLIN);
	CHECK_EQ(wait1(ep[0], e, 0), 1);
	drain(a[0]);
	CHECK_EQ(wait1(ep[1], e, 0), 0);
	for (int i = 2; i < 5; i++) {
		struct epoll_event v = { .events = EPOLLIN };
		long r = sys_epoll_ctl(ep[i], EPOLL_CTL_ADD, ep[i - 1], &v);
		CHECK(r == 0 || r == -ELOOP);
	}
	sys_close(ep[0]); /* out of ep[1] */
	CHECK_EQ(wait1(ep[1], e, 0), 0);
	for (int i = 1; i < 6; i++)
		sys_close(ep[i]);
	close_pipes();
}

#define ROUNDS 3000
static int storm[4][2], storm_ep;
static u64 stormed;

static void storm_writer(void *arg)
{
	int *p = storm[(u64)arg];
	for (int i = 0; i < ROUNDS; i++)
		put(p[1]);
	close_all();
}

static void storm_reader(void *arg)
{
	struct epoll_event e[8];
	(void)arg;
	while (__atomic_load_n(&stormed, __ATOMIC_SEQ_CST) < 4 * ROUNDS) {
		long n = sys_epoll_wait(storm_ep, e, 2, 20);
		for (long i = 0; i < n; i++) {
			char c[64];
			long got;
			while ((got = sys_read(storm[e[i].data][0], c, sizeof c)) > 0)
				__atomic_add_fetch(&stormed, (u64)got, __ATOMIC_SEQ_CST);
		}
	}
	close_all();
}

/* Writers and epoll_wait from several pVMs, edge-triggered: no byte is left behind unseen. */
static void test_epoll_storm(void)
{
	storm_ep = (int)sys_epoll_create1(0);
	for (u64 i = 0; i < 4; i++) {
		struct epoll_event e = { .events = EPOLLIN | (i & 1 ? EPOLLET : 0), .data = i };
		CHECK_EQ(sys_pipe2(storm[i], O_NONBLOCK), 0);
		CHECK_EQ(sys_epoll_ctl(storm_ep, EPOLL_CTL_ADD, storm[i][0], &e), 0);
	}
	for (u64 i = 0; i < 4; i++)
		hosted_pvm(storm_writer, (void *)i);
	for (int i = 0; i < 2; i++)
		hosted_pvm(storm_reader, NULL);
	hosted_join();
	CHECK_EQ(stormed, 4 * ROUNDS);
	close_all();
}

void test_main(void)
{
	test_poll();
	test_select();
	test_epoll_modes();
	u64 before = heap_bytes_used();
	test_epoll_modes();
	CHECK_EQ(heap_bytes_used(), before);
	test_poll_many();
	test_epoll_wait();
	test_epoll_nested();
	test_epoll_storm();
}
