/* Trials on what pVMs of a family share by design: a peer that corrupts a pipe's ring may garble what is read, no more. */
#include "hostile.h"

static int fd[2];
static uint64_t until;
static volatile bool *over;              /* the reader has had enough */

static void corrupt(void)
{
	volatile uint32_t *head, *tail;

	inside_ring(inside_pipe(fd[0]), &head, &tail);
	while (!*over)
		for (int i = 0; i < 200; i++) {
			uint32_t odd = draw() % 2 ? (uint32_t)limits[draw() % limit_count] : (uint32_t)draw();

			*(draw() % 2 ? head : tail) = odd;
			if (i % 50 == 0)
				usleep(10);
		}
	*head = *tail = 0;
}

static void write_on(void)
{
	static uint8_t bytes[20000];

	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	memset(bytes, 0x21, sizeof bytes);
	while (!*over)
		write(fd[1], bytes, draw() % sizeof bytes);
}

static void read_on(void)
{
	static uint8_t bytes[20000 + 64];
	uint64_t calls = 0;

	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	while (now_ns() < until || calls <= 10) { /* the others' turns may be late */
		size_t want = draw() % 20000;

		memset(bytes + want, 0x5a, 64);
		ssize_t got = read(fd[0], bytes, want);
		CHECK(got <= (ssize_t)want);
		for (int i = 0; i < 64; i++)
			CHECK(bytes[want + (size_t)i] == 0x5a);
		calls += got > 0;
	}
}

TRIAL(ring, "ring-indices-that-lie")
{
	pid_t writer, reader, hostile;
	int status;

	over = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(over != MAP_FAILED && !pipe(fd) && write(fd[1], "x", 1) == 1);
	until = now_ns() + 1000000000;
	if (!(writer = fork()))
		write_on(), _exit(0);
	if (!(reader = fork()))
		read_on(), _exit(0);
	if (!(hostile = fork()))
		corrupt(), _exit(0);
	CHECK(waitpid(reader, &status, 0) == reader);
	*over = true;
	CHECK(status == 0);
	CHECK(waitpid(writer, &status, 0) == writer && status == 0);
	CHECK(waitpid(hostile, &status, 0) == hostile && status == 0);
}
