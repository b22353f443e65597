/* POSIX message queues: priorities, limits, waiting, notification. */
#include "ipc_test.h"

long sys_mq_open(const char *, u32, u32, const struct mq_attr *);
long sys_mq_unlink(const char *);
long sys_mq_timedsend(int, const char *, size_t, u32, const struct timespec *);
long sys_mq_timedreceive(int, char *, size_t, u32 *, const struct timespec *);
long sys_mq_notify(int, const struct sigevent *);
long sys_mq_getsetattr(int, const struct mq_attr *, struct mq_attr *);

static char buffer[8192];

static void test_basics(void)
{
	struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 16 };
	u32 priority;
	int q = (int)sys_mq_open("q", O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr), r;
	CHECK(q >= 0);
	CHECK_EQ(sys_mq_open("q", O_CREAT | O_EXCL, 0, NULL), -EEXIST);
	CHECK_EQ(sys_mq_open("no", O_RDWR, 0, NULL), -ENOENT);
	CHECK_EQ(sys_mq_open("a/b", O_CREAT, 0, NULL), -EACCES);
	CHECK_EQ(sys_mq_open("", O_CREAT, 0, NULL), -ENOENT);
	CHECK_EQ(sys_mq_open("bad", O_CREAT, 0, &(struct mq_attr){ .mq_maxmsg = 0, .mq_msgsize = 1 }), -EINVAL);
	CHECK_EQ(sys_mq_timedreceive(q, buffer, 16, NULL, NULL), -EAGAIN);
	CHECK_EQ(ready(q, POLLIN | POLLOUT), POLLOUT);
	CHECK_EQ(sys_mq_timedsend(q, "low", 3, 1, NULL), 0);
	CHECK_EQ(sys_mq_timedsend(q, "high", 4, 9, NULL), 0);
	CHECK_EQ(sys_mq_timedsend(q, "low2", 4, 1, NULL), 0);
	CHECK_EQ(sys_mq_timedsend(q, "full", 4, 1, NULL), -EAGAIN);
	CHECK_EQ(ready(q, POLLIN | POLLOUT), POLLIN);
	CHECK_EQ(sys_mq_timedsend(q, buffer, 17, 1, NULL), -EMSGSIZE);
	CHECK_EQ(sys_mq_timedsend(q, buffer, 1, 32768, NULL), -EINVAL);
	CHECK_EQ(sys_mq_timedreceive(q, buffer, 15, NULL, NULL), -EMSGSIZE);
	CHECK_EQ(sys_mq_timedreceive(q, buffer, 16, &priority, NULL), 4);
	CHECK_EQ(priority, 9);
	CHECK_EQ(sys_mq_timedreceive(q, buffer, 16, &priority, NULL), 3);
	CHECK_EQ(sys_mq_timedreceive(q, buffer, 16, &priority, NULL), 4);
	CHECK(!memcmp(buffer, "low2", 4));
	CHECK_EQ(sys_mq_getsetattr(q, &(struct mq_attr){ .mq_flags = 0 }, &attr), 0);
	CHECK_EQ(attr.mq_flags, O_NONBLOCK);
	CHECK_EQ(attr.mq_msgsize, 16);
	u64 when = now_real_ns() + 3 * MS;
	struct timespec t = { (long)(when / 1000000000), (long)(when % 1000000000) };
	CHECK_EQ(sys_mq_timedreceive(q, buffer, 16, NULL, &t), -ETIMEDOUT);
	CHECK(now_real_ns() >= when);
	t.tv_nsec = -1;
	CHECK_EQ(sys_mq_timedreceive(q, buffer, 16, NULL, &t), -EINVAL);
	r = (int)sys_mq_open("q", O_RDONLY, 0, NULL);
	CHECK_EQ(sys_mq_timedsend(r, "x", 1, 0, NULL), -EBADF);
	CHECK_EQ(sys_mq_unlink("q"), 0);
	CHECK_EQ(sys_mq_unlink("q"), -ENOENT);
	CHECK_EQ(sys_mq_timedsend(q, "x", 1, 0, NULL), 0);
	CHECK_EQ(sys_mq_timedreceive(r, buffer, 16, NULL, NULL), 1);
	sys_close(q);
	sys_close(r);
	CHECK_EQ(sys_mq_timedsend(q, "x", 1, 0, NULL), -EBADF);
}

static void test_notify(void)
{
	int q = (int)sys_mq_open("n", O_CREAT | O_RDWR, 0600, NULL);
	u64 mask = 1ull << (SIGUSR2 - 1);
	struct sigevent e;
	struct kx_siginfo info;
	memset(&e, 0, sizeof e);
	e.sigev_notify = SIGEV_SIGNAL;
	e.sigev_signo = SIGUSR2;
	e.sigev_value.sival_int = 5;
	current->blocked |= mask;
	CHECK_EQ(sys_mq_notify(q, &e), 0);
	CHECK_EQ(sys_mq_notify(q, &e), -EBUSY);
	CHECK_EQ(sys_mq_timedsend(q, "x", 1, 0, NULL), 0);
	CHECK_EQ(signal_dequeue(current, mask, &info), SIGUSR2);
	CHECK_EQ(info.code, SI_MESGQ);
	CHECK_EQ((u32)info.a[1], 5);
	CHECK_EQ(sys_mq_notify(q, &e), 0); /* once told, gone */
	CHECK_EQ(sys_mq_timedsend(q, "x", 1, 0, NULL), 0);
	CHECK_EQ(signal_dequeue(current, mask, &info), 0); /* it was not empty */
	CHECK_EQ(sys_mq_notify(q, NULL), 0);
	CHECK_EQ(sys_mq_unlink("n"), 0);
	sys_close(q);
}

#define MESSAGES 20000
static int there, back;

static void echo(void *arg)
{
	char b[64];
	(void)arg;
	for (int i = 0; i < MESSAGES; i++) {
		while (sys_mq_timedreceive(there, b, 64, NULL, NULL) != 8)
			;
		CHECK_EQ(sys_mq_timedsend(back, b, 8, 0, NULL), 0);
	}
	close_all();
}

static void measure(u32 nonblock)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = 64 };
	char b[64];
	u64 began = 0;
	there = (int)sys_mq_open("there", O_CREAT | O_RDWR | nonblock, 0600, &attr);
	back = (int)sys_mq_open("back", O_CREAT | O_RDWR | nonblock, 0600, &attr);
	hosted_pvm(echo, NULL);
	for (int i = 0; i < MESSAGES; i++) {
		if (i == MESSAGES / 2)
			began = now_mono_ns();
		CHECK_EQ(sys_mq_timedsend(there, (char *)&i, 8, 0, NULL), 0);
		while (sys_mq_timedreceive(back, b, 64, NULL, NULL) != 8)
			;
		CHECK_EQ(*(int *)b, i);
	}
	printf("mq %s: %lu ns one way\n", nonblock ? "awake" : "blocking", (unsigned long)((now_mono_ns() - began) / MESSAGES));
	hosted_join();
	CHECK_EQ(sys_mq_unlink("there"), 0);
	CHECK_EQ(sys_mq_unlink("back"), 0);
	sys_close(there);
	sys_close(back);
}

void test_main(void)
{
	u64 before = 0;
	for (int i = 0; i < 2; i++) {
		test_basics();
		test_notify();
		CHECK(!before || heap_bytes_used() == before);
		before = heap_bytes_used();
	}
	measure(O_NONBLOCK);
	measure(0);
}
