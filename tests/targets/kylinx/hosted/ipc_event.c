/* eventfd, timerfd, signalfd. */
#include "ipc_test.h"

long sys_timerfd_create(u32, u32);
long sys_timerfd_settime(int, u32, const struct itimerspec *, struct itimerspec *);
long sys_timerfd_gettime(int, struct itimerspec *);
long sys_signalfd4(int, const u64 *, size_t, u32);

static u64 count_of(int fd)
{
	u64 v = 0;
	long r = sys_read(fd, &v, 8);
	return r == 8 ? v : (u64)r;
}

static void add(int fd, u64 v)
{
	CHECK_EQ(sys_write(fd, &v, 8), 8);
}

static void test_eventfd(void)
{
	u64 v = NEVER;
	int fd = (int)sys_eventfd2(5, O_NONBLOCK);
	CHECK_EQ(sys_eventfd2(0, 2), -EINVAL);
	CHECK_EQ(ready(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	CHECK_EQ(count_of(fd), 5);
	CHECK_EQ(count_of(fd), (u64)-EAGAIN);
	CHECK_EQ(ready(fd, POLLIN), 0);
	CHECK_EQ(sys_read(fd, &v, 7), -EINVAL);
	CHECK_EQ(sys_write(fd, &v, 8), -EINVAL);
	CHECK_EQ(sys_write(fd, (void *)8, 8), -EFAULT);
	add(fd, NEVER - 1);
	CHECK_EQ(ready(fd, POLLIN | POLLOUT), POLLIN);
	v = 1;
	CHECK_EQ(sys_write(fd, &v, 8), -EAGAIN);
	CHECK_EQ(count_of(fd), NEVER - 1);
	sys_close(fd);
	fd = (int)sys_eventfd2(3, 1 | O_NONBLOCK);
	CHECK_EQ(count_of(fd), 1);
	CHECK_EQ(count_of(fd), 1);
	CHECK_EQ(count_of(fd), 1);
	CHECK_EQ(count_of(fd), (u64)-EAGAIN);
	sys_close(fd);
}

static void adder(void *arg)
{
	for (u64 i = 0; i < 5000; i++)
		add((int)(u64)arg, i % 3 + 1);
	close_all();
}

/* Adders in several pVMs, one reader: the sum arrives. */
static void test_eventfd_sum(void)
{
	int fd = (int)sys_eventfd2(0, 0);
	u64 sum = 0, wanted = 0;
	for (u64 i = 0; i < 5000; i++)
		wanted += 3 * (i % 3 + 1);
	for (int k = 0; k < 3; k++)
		hosted_pvm(adder, (void *)(u64)fd);
	while (sum < wanted)
		sum += count_of(fd);
	CHECK_EQ(sum, wanted);
	hosted_join();
	sys_close(fd);
}

static void test_timerfd(void)
{
	struct itimerspec t = { .it_value = { .tv_nsec = 2 * MS }, .it_interval = { .tv_nsec = MS } }, now;
	int fd = (int)sys_timerfd_create(CLOCK_MONOTONIC, O_NONBLOCK);
	CHECK_EQ(sys_timerfd_create(99, 0), -EINVAL);
	CHECK_EQ(count_of(fd), (u64)-EAGAIN);
	CHECK_EQ(sys_timerfd_settime(fd, 0, &t, &now), 0);
	CHECK_EQ(now.it_value.tv_nsec, 0);
	CHECK_EQ(sys_timerfd_gettime(fd, &now), 0);
	CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= (long)(2 * MS));
	CHECK_EQ(now.it_interval.tv_nsec, MS);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	u64 began = now_mono_ns();
	CHECK_EQ(sys_poll(&p, 1, 60000), 1);
	CHECK(now_mono_ns() - began < 50000 * MS);
	hosted_sleep(5 * MS);
	CHECK(count_of(fd) >= 4);
	CHECK_EQ(sys_fcntl(fd, F_SETFL, 0), 0);
	CHECK(count_of(fd) >= 1); /* blocking */
	t.it_value.tv_nsec = t.it_interval.tv_nsec = 0;
	CHECK_EQ(sys_timerfd_settime(fd, 0, &t, NULL), 0);
	CHECK_EQ(ready(fd, POLLIN), 0);
	t.it_value.tv_nsec = -1;
	CHECK_EQ(sys_timerfd_settime(fd, 0, &t, NULL), -EINVAL);
	CHECK_EQ(sys_timerfd_settime(fd, 8, &t, NULL), -EINVAL);
	t.it_value.tv_nsec = 0;
	CHECK_EQ(sys_timerfd_settime(0x7fff, 0, &t, NULL), -EBADF);
	sys_close(fd);
	fd = (int)sys_timerfd_create(CLOCK_REALTIME, 0);
	u64 when = now_real_ns() + 3 * MS;
	t = (struct itimerspec){ .it_value = { (long)(when / 1000000000), (long)(when % 1000000000) } };
	CHECK_EQ(sys_timerfd_settime(fd, 1, &t, NULL), 0);
	CHECK_EQ(count_of(fd), 1);
	CHECK(now_real_ns() >= when);
	sys_close(fd);
}

static void armer(void *arg)
{
	struct itimerspec t = { .it_value = { .tv_nsec = 20 * MS } };
	CHECK_EQ(sys_timerfd_settime((int)(u64)arg, 0, &t, NULL), 0);
	ipc_proc_exit(current->proc); /* as a process does that ends */
	close_all();
}

/* Armed by a pVM that ends before it expires: who polls it is woken all the same. */
static void test_timerfd_orphan(void)
{
	int fd = (int)sys_timerfd_create(CLOCK_MONOTONIC, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	hosted_pvm(armer, (void *)(u64)fd);
	CHECK_EQ(sys_poll(&p, 1, 60000), 1);
	CHECK_EQ(count_of(fd), 1);
	hosted_join();
	sys_close(fd);
}

static void kill_parent(void *arg)
{
	struct kx_siginfo info = { .signo = SIGUSR1, .code = SI_QUEUE };
	info.a[0] = 77 | 88ull << 32;
	info.a[1] = 99;
	hosted_sleep(3 * MS);
	signal_send_proc(arg, SIGUSR1, &info);
	close_all();
}

static void test_signalfd(void)
{
	u64 mask = 1ull << (SIGUSR1 - 1);
	struct signalfd_siginfo record[2];
	current->blocked |= mask;
	int fd = (int)sys_signalfd4(-1, &mask, 8, 0);
	CHECK_EQ(sys_signalfd4(-1, &mask, 4, 0), -EINVAL);
	CHECK_EQ(sys_read(fd, record, 64), -EINVAL);
	hosted_pvm(kill_parent, current->proc);
	CHECK_EQ(sys_read(fd, record, sizeof record), sizeof record[0]);
	CHECK_EQ(record[0].ssi_signo, SIGUSR1);
	CHECK_EQ(record[0].ssi_pid, 77);
	CHECK_EQ(record[0].ssi_uid, 88);
	CHECK_EQ(record[0].ssi_int, 99);
	CHECK_EQ(ready(fd, POLLIN), 0);
	hosted_join();
	hosted_pvm(kill_parent, current->proc);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	CHECK_EQ(sys_poll(&p, 1, 60000), 1);
	CHECK_EQ(sys_read(fd, record, sizeof record), sizeof record[0]);
	hosted_join();
	mask = 0;
	CHECK_EQ(sys_signalfd4(fd, &mask, 8, 0), fd);
	sys_close(fd);
}

void test_main(void)
{
	test_eventfd();
	u64 before = heap_bytes_used();
	test_eventfd();
	CHECK_EQ(heap_bytes_used(), before);
	test_eventfd_sum();
	test_timerfd();
	test_timerfd_orphan();
	test_signalfd();
}
