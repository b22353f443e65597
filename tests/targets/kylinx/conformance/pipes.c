/* Pipes and FIFOs. */
#include "suite.h"
#include <pthread.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define GROUP "pipes"

CALL(pipe, "");
CALL(pipe2, "O_CLOEXEC O_NONBLOCK O_DIRECT");

static void nothing(int signo) { (void)signo; }
static volatile int handled;
static void count(int signo) { (void)signo; handled++; }

CASE(pipe, "what is written is read")
{
	int p[2];
	char b[10];
	OK(pipe(p));
	EQ(write(p[1], "hello", 5), 5);
	EQ(read(p[0], b, 3), 3);
	EQ(read(p[0], b + 3, 10), 2);
	EQ(memcmp(b, "hello", 5), 0);
}

CASE(pipe, "a bad address: EFAULT, and no descriptor is left open")
{
	int before = OK(dup(0)), after;
	EACH_BAD(bad)
		ERR(syscall(SYS_pipe, bad), EFAULT);
	OK(close(before));
	after = OK(dup(0));
	EQ(after, before);
}

CASE(pipe, "the ends: reading the writer or writing the reader: EBADF")
{
	int p[2];
	char c;
	OK(pipe(p));
	ERR(read(p[1], &c, 1), EBADF);
	ERR(write(p[0], "x", 1), EBADF);
}

CASE(pipe2, "O_CLOEXEC and O_NONBLOCK; unknown flags: EINVAL")
{
	int p[2];
	OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	EQ(fcntl(p[1], F_GETFD), FD_CLOEXEC);
	EQ(fcntl(p[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ERR(pipe2(p, O_TRUNC), EINVAL);
}

CASE(pipe2, "O_NONBLOCK: empty EAGAIN, full EAGAIN")
{
	int p[2];
	char b[4096] = "";
	OK(pipe2(p, O_NONBLOCK));
	ERR(read(p[0], b, 1), EAGAIN);
	long total = 0, n;
	while ((n = write(p[1], b, sizeof b)) > 0)
		total += n;
	EQ(errno, EAGAIN);
	EQ(total, 65536);
}

CASE(pipe2, "O_DIRECT: packets, the rest of one is lost")
{
	int p[2];
	char b[10];
	OK(pipe2(p, O_DIRECT));
	EQ(write(p[1], "hello", 5), 5);
	EQ(write(p[1], "you", 3), 3);
	EQ(read(p[0], b, 2), 2);
	EQ(read(p[0], b, 10), 3);
}

CASE(pipe, "no writer left: the rest, then 0")
{
	int p[2];
	char b[10];
	OK(pipe(p));
	EQ(write(p[1], "x", 1), 1);
	OK(close(p[1]));
	EQ(read(p[0], b, 10), 1);
	EQ(read(p[0], b, 10), 0);
}

CASE(pipe, "no reader left: EPIPE and SIGPIPE")
{
	int p[2];
	OK(pipe(p));
	OK(close(p[0]));
	signal(SIGPIPE, SIG_IGN);
	ERR(write(p[1], "x", 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	CHILD(pid) write(p[1], "x", 1);
	child_killed(pid, SIGPIPE);
}

CASE(pipe, "a reader waits for the writer")
{
	int p[2];
	char c;
	OK(pipe(p));
	CHILD(pid) {
		sleep_ms(20);
		EQ(write(p[1], "x", 1), 1);
	}
	EQ(read(p[0], &c, 1), 1);
	EQ(c, 'x');
	child_ok(pid);
}

CASE(pipe, "a reader that waits sees the last writer go")
{
	int p[2];
	char c;
	OK(pipe(p));
	CHILD(pid) sleep_ms(20);
	OK(close(p[1]));
	EQ(read(p[0], &c, 1), 0);
	child_ok(pid);
}

CASE(pipe, "a writer waits for room, and a write above PIPE_BUF arrives whole")
{
	static char out[300000], in[300000];
	int p[2];
	size_t got = 0;
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (char)(i * 31 + i / 1000);
	OK(pipe(p));
	CHILD(pid) EQ(write(p[1], out, sizeof out), sizeof out);
	OK(close(p[1]));
	for (long n; (n = read(p[0], in + got, 5000)) > 0; got += (size_t)n)
		;
	EQ(got, sizeof in);
	EQ(memcmp(in, out, sizeof in), 0);
	child_ok(pid);
}

CASE(pipe, "writes up to PIPE_BUF are whole among several writers")
{
	int p[2];
	char b[512];
	OK(pipe(p));
	for (int w = 0; w < 4; w++) {
		CHILD(pid) {
			memset(b, 'a' + w, sizeof b);
			for (int i = 0; i < 100; i++)
				EQ(write(p[1], b, sizeof b), sizeof b);
		}
	}
	OK(close(p[1]));
	for (int i = 0; i < 400; i++) {
		for (size_t n = 0; n < sizeof b; n += (size_t)OK(read(p[0], b + n, sizeof b - n)))
			;
		for (size_t k = 1; k < sizeof b; k++)
			EQ(b[k], b[0]);
	}
	EQ(read(p[0], b, 1), 0);
	while (wait(NULL) > 0)
		;
}

CASE(pipe, "a waiting read and a handler: EINTR; with SA_RESTART it goes on")
{
	int p[2];
	char c;
	OK(pipe(p));
	on_signal(SIGALRM, nothing, 0);
	ualarm(20000, 0);
	ERR(read(p[0], &c, 1), EINTR);
	on_signal(SIGALRM, count, SA_RESTART);
	CHILD(pid) {
		sleep_ms(60);
		EQ(write(p[1], "x", 1), 1);
	}
	ualarm(20000, 0);
	EQ(read(p[0], &c, 1), 1);
	EQ(handled, 1);
	child_ok(pid);
}

CASE(pipe, "a waiting write and a handler: EINTR, or what was written so far")
{
	static char b[100000];
	int p[2];
	OK(pipe(p));
	on_signal(SIGALRM, nothing, 0);
	ualarm(20000, 0);
	EQ(write(p[1], b, sizeof b), 65536);
	ualarm(20000, 0);
	ERR(write(p[1], b, 1), EINTR);
}

CASE(pipe, "bad addresses: EFAULT, and nothing is lost")
{
	int p[2];
	char b[10];
	OK(pipe(p));
	EACH_BAD(bad)
		ERR(write(p[1], bad, 5), EFAULT);
	EQ(write(p[1], "hello", 5), 5);
	EACH_BAD(bad)
		ERR(read(p[0], bad, 5), EFAULT);
	EQ(read(p[0], b, 10), 5);
}

CASE(pipe, "readv and writev")
{
	int p[2];
	char a[2], b[5];
	struct iovec out[] = { { "ab", 2 }, { "cde", 3 } }, in[] = { { a, 2 }, { b, 5 } };
	OK(pipe(p));
	EQ(writev(p[1], out, 2), 5);
	EQ(readv(p[0], in, 2), 5);
	EQ(memcmp(b, "cde", 3), 0);
}

CASE(pipe, "F_GETPIPE_SZ, F_SETPIPE_SZ; smaller than what is in it: EBUSY")
{
	static char b[32768];
	int p[2];
	OK(pipe(p));
	EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	EQ(write(p[1], b, sizeof b), sizeof b);
	ERR(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY);
	EQ(fcntl(p[1], F_SETPIPE_SZ, 131072), 131072);
	EQ(fcntl(p[0], F_GETPIPE_SZ), 131072);
}

CASE(pipe, "fstat says FIFO; /proc/self/fd opens it again")
{
	int p[2];
	struct stat s;
	char name[50], c;
	OK(pipe(p));
	OK(fstat(p[0], &s));
	EQ(s.st_mode & S_IFMT, S_IFIFO);
	snprintf(name, sizeof name, "/proc/self/fd/%d", p[0]);
	int again = OK(open(name, O_RDONLY));
	EQ(write(p[1], "x", 1), 1);
	EQ(read(again, &c, 1), 1);
}

static void *reader(void *arg)
{
	char c = 0;
	return read(*(int *)arg, &c, 1) == 1 ? (void *)(long)c : NULL;
}

CASE(pipe, "between threads of a process")
{
	int p[2];
	pthread_t t;
	void *got;
	OK(pipe(p));
	RET(pthread_create(&t, NULL, reader, p), 0);
	EQ(write(p[1], "t", 1), 1);
	RET(pthread_join(t, &got), 0);
	EQ((long)got, 't');
}

CASE(pipe, "a chain of three processes")
{
	int a[2], b[2];
	char c;
	OK(pipe(a));
	OK(pipe(b));
	CHILD(middle) {
		for (int i = 0; i < 50; i++) {
			EQ(read(a[0], &c, 1), 1);
			EQ(write(b[1], &c, 1), 1);
		}
	}
	CHILD(first)
		for (int i = 0; i < 50; i++)
			EQ(write(a[1], &(char){ (char)i }, 1), 1);
	for (int i = 0; i < 50; i++) {
		EQ(read(b[0], &c, 1), 1);
		EQ(c, i);
	}
	child_ok(first);
	child_ok(middle);
}

CASE(openat, "a FIFO: opening for reading waits for a writer")
{
	char c;
	OK(mkfifo("p", 0644));
	CHILD(pid) {
		sleep_ms(10);
		EQ(write(OK(open("p", O_WRONLY)), "x", 1), 1);
	}
	int fd = OK(open("p", O_RDONLY));
	EQ(read(fd, &c, 1), 1);
	child_ok(pid);
	EQ(read(fd, &c, 1), 0);
}

CASE(openat, "a FIFO with O_NONBLOCK: reading at once, writing without reader ENXIO, both ends")
{
	char c;
	OK(mkfifo("p", 0644));
	ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	int in = OK(open("p", O_RDONLY | O_NONBLOCK));
	EQ(read(in, &c, 1), 0);
	int out = OK(open("p", O_WRONLY | O_NONBLOCK));
	ERR(read(in, &c, 1), EAGAIN);
	EQ(write(out, "x", 1), 1);
	EQ(read(in, &c, 1), 1);
	OK(open("p", O_RDWR));
}

CASE(openat, "a FIFO: waiting for the other end is interrupted: EINTR")
{
	OK(mkfifo("p", 0644));
	on_signal(SIGALRM, nothing, 0);
	ualarm(20000, 0);
	ERR(open("p", O_RDONLY), EINTR);
}
