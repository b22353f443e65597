/* Pipes: order, atomicity, ends, packets, sizes; between slots; indices that lie. */
#include "ipc_test.h"
#include "ipc/pipe.h"

static int ends[2];
static u8 big[200000];

static void test_errors(void)
{
	char c = 0;
	CHECK_EQ(sys_pipe2(ends, 1), -EINVAL);
	CHECK_EQ(sys_pipe2((int *)8, 0), -EFAULT);
	CHECK_EQ(sys_pipe2(ends, O_NONBLOCK), 0);
	CHECK_EQ(sys_read(ends[1], &c, 1), -EBADF);
	CHECK_EQ(sys_write(ends[0], &c, 1), -EBADF);
	CHECK_EQ(sys_read(ends[0], &c, 1), -EAGAIN);
	CHECK_EQ(sys_read(ends[0], &c, 0), 0);
	CHECK_EQ(sys_write(ends[1], (void *)8, 1), -EFAULT);
	CHECK_EQ(sys_write(ends[1], "xy", 2), 2);
	CHECK_EQ(sys_read(ends[0], (void *)8, 1), -EFAULT);
	CHECK_EQ(sys_read(ends[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(ready(ends[0], POLLIN), POLLIN);
	CHECK_EQ(ready(ends[1], POLLOUT), POLLOUT);
	sys_close(ends[1]);
	CHECK_EQ(ready(ends[0], POLLIN), POLLIN | POLLHUP);
	CHECK_EQ(sys_read(ends[0], &c, 1), 1);
	CHECK_EQ(sys_read(ends[0], &c, 1), 0);
	CHECK_EQ(ready(ends[0], POLLIN), POLLHUP);
	sys_close(ends[0]);
	CHECK_EQ(sys_pipe2(ends, 0), 0);
	sys_close(ends[0]);
	current->blocked = 1ull << (SIGPIPE - 1);
	CHECK_EQ(sys_write(ends[1], &c, 1), -EPIPE);
	CHECK(signal_pending_set(current) & 1ull << (SIGPIPE - 1));
	CHECK_EQ(ready(ends[1], POLLOUT), POLLOUT | POLLERR);
	sys_close(ends[1]);
}

static void test_sizes(void)
{
	CHECK_EQ(sys_pipe2(ends, O_NONBLOCK), 0);
	CHECK_EQ(sys_fcntl(ends[0], 1032, 0), 65536);
	CHECK_EQ(sys_write(ends[1], big, sizeof big), 65536);
	CHECK_EQ(sys_write(ends[1], big, 1), -EAGAIN);
	CHECK_EQ(ready(ends[1], POLLOUT), 0);
	CHECK_EQ(sys_fcntl(ends[0], 1031, 4096), -EBUSY);
	CHECK_EQ(sys_fcntl(ends[0], 1031, 100000), 131072);
	CHECK_EQ(sys_write(ends[1], big, sizeof big), 65536);
	CHECK_EQ(sys_read(ends[0], big, 131072 - 4095), 131072 - 4095);
	CHECK_EQ(sys_fcntl(ends[0], 1031, 1), 4096);
	CHECK_EQ(sys_write(ends[1], big, 2), -EAGAIN); /* one byte fits, two must go together */
	CHECK_EQ(sys_write(ends[1], big, 1), 1);
	CHECK_EQ(sys_fcntl(ends[0], 1031, 1 << 21), -EPERM);
	CHECK_EQ(sys_read(ends[0], big, sizeof big), 4096);
	int n = -1;
	CHECK_EQ(sys_ioctl(ends[0], FIONREAD, (u64)&n), 0);
	CHECK_EQ(n, 0);
	sys_close(ends[0]);
	sys_close(ends[1]);
}

static void test_packets(void)
{
	char b[5000];
	CHECK_EQ(sys_pipe2(ends, O_NONBLOCK | O_DIRECT), 0);
	CHECK_EQ(sys_write(ends[1], "abc", 3), 3);
	CHECK_EQ(sys_write(ends[1], "defgh", 5), 5);
	CHECK_EQ(sys_read(ends[0], b, 2), 2); /* the c is gone */
	CHECK_EQ(sys_read(ends[0], b, sizeof b), 5);
	CHECK(!memcmp(b, "defgh", 5));
	CHECK_EQ(sys_read(ends[0], b, 1), -EAGAIN);
	CHECK_EQ(sys_write(ends[1], big, 5000), 5000); /* two packets */
	CHECK_EQ(sys_read(ends[0], b, sizeof b), 4096);
	CHECK_EQ(sys_read(ends[0], b, sizeof b), 904);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(sys_write(ends[1], "z", 1), 1);
	CHECK_EQ(sys_write(ends[1], "z", 1), -EAGAIN);
	CHECK_EQ(ready(ends[1], POLLOUT), 0);
	sys_close(ends[0]);
	sys_close(ends[1]);
}

#define STREAM (3u << 20)
static void feed(void *arg)
{
	u64 seed = 1;
	(void)arg;
	for (u32 at = 0; at < STREAM;) {
		u8 b[9000];
		seed = seed * 6364136223846793005u + 1;
		u32 n = 1 + (u32)(seed >> 33) % sizeof b;
		if (n > STREAM - at)
			n = STREAM - at;
		for (u32 i = 0; i < n; i++)
			b[i] = (u8)((at + i) * 2654435761u >> 24);
		CHECK_EQ(sys_write(ends[1], b, n), n);
		at += n;
	}
	close_all();
}

static void test_stream(void)
{
	CHECK_EQ(sys_pipe2(ends, 0), 0);
	hosted_pvm(feed, NULL);
	u64 seed = 7;
	for (u32 at = 0; at < STREAM;) {
		u8 b[20000];
		seed = seed * 6364136223846793005u + 1;
		long n = sys_read(ends[0], b, 1 + (seed >> 33) % sizeof b);
		CHECK(n > 0);
		for (u32 i = 0; i < n; i++)
			CHECK_EQ(b[i], (u8)((at + i) * 2654435761u >> 24));
		at += (u32)n;
	}
	hosted_join();
	sys_close(ends[0]);
	sys_close(ends[1]);
}

#define RECORDS 2000
static void record_writer(void *arg)
{
	u8 b[700];
	memset(b, (int)(u64)arg, sizeof b);
	for (int i = 0; i < RECORDS; i++)
		CHECK_EQ(sys_write(ends[1], b, sizeof b), sizeof b);
	close_all();
}

/* Writes of up to PIPE_BUF bytes from several pVMs do not mix. */
static void test_atomic(void)
{
	u8 b[700];
	int seen[4] = { 0 };
	CHECK_EQ(sys_pipe2(ends, 0), 0);
	CHECK_EQ(sys_fcntl(ends[0], 1031, 4096), 4096);
	for (u64 k = 1; k <= 3; k++)
		hosted_pvm(record_writer, (void *)k);
	for (int i = 0; i < 3 * RECORDS; i++) {
		for (u32 n = 0; n < sizeof b;) {
			long got = sys_read(ends[0], b + n, sizeof b - n);
			CHECK(got > 0);
			n += (u32)got;
		}
		for (u32 k = 1; k < sizeof b; k++)
			CHECK_EQ(b[k], b[0]);
		CHECK(b[0] >= 1 && b[0] <= 3);
		seen[b[0]]++;
	}
	for (int k = 1; k <= 3; k++)
		CHECK_EQ(seen[k], RECORDS);
	hosted_join();
	sys_close(ends[0]);
	sys_close(ends[1]);
}

static void close_write_end(void *arg)
{
	(void)arg;
	hosted_sleep(2 * MS);
	close_all();
}

static void test_end_wakes(void)
{
	char c;
	CHECK_EQ(sys_pipe2(ends, 0), 0);
	hosted_pvm(close_write_end, NULL);
	sys_close(ends[1]);
	CHECK_EQ(sys_read(ends[0], &c, 1), 0);
	hosted_join();
	sys_close(ends[0]);
}

/* Another pVM may have written any number into the indices: reads and writes stay inside the ring. */
static void test_lies(void)
{
	static const u32 lies[] = { 0, 1, 4095, 4096, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };
	for (u32 i = 0; i < ARRAY_SIZE(lies); i++)
		for (u32 j = 0; j < ARRAY_SIZE(lies); j++) {
			CHECK_EQ(sys_pipe2(ends, O_NONBLOCK | (j & 1 ? O_DIRECT : 0)), 0);
			struct file *f = file_get(ends[0]);
			struct pipe *p = f->data;
			file_put(f);
			CHECK_EQ(sys_write(ends[1], big, 100), 100);
			p->ring.head = lies[i];
			p->ring.tail = lies[j];
			if (p->packets)
				p->packets->bound[0].start = lies[j] * 3;
			for (int k = 0; k < 4; k++) {
				CHECK(sys_write(ends[1], big, 4000) <= 4000);
				CHECK(sys_read(ends[0], big, sizeof big) <= 65536);
				p->ring.head = lies[(i + k) % ARRAY_SIZE(lies)];
			}
			sys_close(ends[0]);
			sys_close(ends[1]);
		}
}

long sys_mknod(const char *, u32, u64);
long sys_open(const char *, int, u32);
long sys_unlink(const char *);

static void fifo_writer(void *arg)
{
	(void)arg;
	hosted_sleep(2 * MS);
	int fd = (int)sys_open("/fifo", O_WRONLY, 0);
	CHECK(fd >= 0);
	CHECK_EQ(sys_write(fd, "named", 5), 5);
	close_all();
}

static void test_fifo(void)
{
	char b[10];
	CHECK_EQ(sys_mknod("/fifo", S_IFIFO | 0600, 0), 0);
	CHECK_EQ(sys_open("/fifo", O_WRONLY | O_NONBLOCK, 0), -ENXIO);
	int fd = (int)sys_open("/fifo", O_RDONLY | O_NONBLOCK, 0);
	CHECK_EQ(ready(fd, POLLIN), 0); /* no writer yet is no hang-up */
	CHECK_EQ(sys_read(fd, b, 10), 0);
	int w = (int)sys_open("/fifo", O_WRONLY | O_NONBLOCK, 0);
	CHECK_EQ(sys_read(fd, b, 10), -EAGAIN);
	sys_close(w);
	CHECK_EQ(ready(fd, POLLIN), POLLHUP);
	sys_close(fd);
	hosted_pvm(fifo_writer, NULL);
	fd = (int)sys_open("/fifo", O_RDONLY, 0); /* waits for the writer */
	CHECK(fd >= 0);
	CHECK_EQ(sys_read(fd, b, 10), 5);
	CHECK_EQ(sys_read(fd, b, 10), 0);
	sys_close(fd);
	hosted_join();
	fd = (int)sys_open("/fifo", O_RDWR, 0);
	CHECK_EQ(sys_write(fd, "self", 4), 4);
	CHECK_EQ(sys_read(fd, b, 10), 4);
	sys_close(fd);
	CHECK_EQ(sys_unlink("/fifo"), 0);
}

#define ROUNDS 20000
static void echo(void *arg)
{
	int *e = arg;
	char c;
	for (int i = 0; i < ROUNDS; i++) {
		while (sys_read(e[0], &c, 1) != 1)
			;
		CHECK_EQ(sys_write(e[3], &c, 1), 1);
	}
	close_all();
}

static void measure(bool nonblock)
{
	int e[4];
	char c = 'x';
	u64 t = 0;
	CHECK_EQ(sys_pipe2(e, nonblock ? O_NONBLOCK : 0), 0);
	CHECK_EQ(sys_pipe2(e + 2, nonblock ? O_NONBLOCK : 0), 0);
	hosted_pvm(echo, e);
	for (int i = 0; i < ROUNDS; i++) {
		if (i == ROUNDS / 2)
			t = now_mono_ns();
		CHECK_EQ(sys_write(e[1], &c, 1), 1);
		while (sys_read(e[2], &c, 1) != 1)
			;
	}
	printf("pipe %s: %lu ns one way\n", nonblock ? "awake" : "blocking", (unsigned long)((now_mono_ns() - t) / ROUNDS));
	hosted_join();
	for (int i = 0; i < 4; i++)
		sys_close(e[i]);
}

void test_main(void)
{
	u64 before;
	test_errors();
	before = heap_bytes_used();
	test_errors();
	test_sizes();
	test_packets();
	test_lies();
	CHECK_EQ(heap_bytes_used(), before);
	test_stream();
	test_atomic();
	test_end_wakes();
	test_fifo();
	measure(true);
	measure(false);
}
