/* Consoles: three descriptors of the user's each. Reading never blocks: a vCPU that finds nothing leaves the descriptor to the
 * main thread's poll, and all pVMs are told when there is something. The descriptors are not made non-blocking, since their
 * open files belong to the user's shell as well: poll(2) says what will not block. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "family.h"

#define CONSOLES 1024
#define MOST_AT_ONCE 65536
#define OUTPUT_WAIT_MS 100

static struct console {
	int fd[3];
	uint32_t id;                         /* index + CONSOLES * generation: an old number does not reach a new console */
	uint32_t refs;                       /* 0: free */
	uint32_t want_input;
	uint32_t rows, cols;
} consoles[CONSOLES];
static pthread_mutex_t console_lock = PTHREAD_MUTEX_INITIALIZER;

static struct console *get(uint64_t id)
{
	struct console *c = &consoles[id % CONSOLES];

	pthread_mutex_lock(&console_lock);
	if (id > UINT32_MAX || !c->refs || c->id != id)
		c = NULL;
	else
		c->refs++;
	pthread_mutex_unlock(&console_lock);
	return c;
}

static void put(struct console *c)
{
	int close_these[3] = { -1, -1, -1 };

	pthread_mutex_lock(&console_lock);
	if (!--c->refs) {
		memcpy(close_these, c->fd, sizeof close_these);
		c->id += CONSOLES;
		c->want_input = 0;
	}
	pthread_mutex_unlock(&console_lock);
	for (int i = 0; i < 3; i++)
		if (close_these[i] > STDERR_FILENO)
			close(close_these[i]);
}

int console_create(int in, int out, int err)
{
	int id = -EAGAIN;

	pthread_mutex_lock(&console_lock);
	for (uint32_t i = 0; i < CONSOLES; i++) {
		struct console *c = &consoles[i];

		if (c->refs)
			continue;
		if (c->id % CONSOLES != i || c->id > INT32_MAX - CONSOLES)
			c->id = i;
		c->refs = 1;
		c->fd[0] = in;
		c->fd[1] = out;
		c->fd[2] = err;
		c->rows = c->cols = 0;
		id = (int)c->id;
		break;
	}
	pthread_mutex_unlock(&console_lock);
	return id;
}

void console_hold(uint32_t id)
{
	get(id);
}

void console_release(uint32_t id)
{
	struct console *c = get(id);

	if (!c)
		return;
	put(c); /* this function's */
	put(c); /* the holder's */
}

void console_window(uint32_t id, uint32_t rows, uint32_t cols)
{
	struct console *c = get(id);

	if (!c)
		return;
	c->rows = rows;
	c->cols = cols;
	put(c);
}

static bool ready(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) > 0;
}

static int64_t input(struct console *c, void *to, size_t length)
{
	if (!ready(c->fd[0], POLLIN, 0)) {
		__atomic_store_n(&c->want_input, 1, __ATOMIC_RELEASE);
		control_wake();
		return -EAGAIN;
	}
	if (!length)
		return 0;
	ssize_t n = read(c->fd[0], to, length);
	return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : n;
}

/* Back-pressure: a full pipe holds up this pVM for a moment, then the LibOS tries again. A pipe that poll calls writable takes
 * at least PIPE_BUF bytes without blocking. */
static int64_t output(int fd, const void *from, size_t length)
{
	size_t done = 0;

	while (done < length) {
		size_t piece = length - done < 4096 ? length - done : 4096;

		if (!ready(fd, POLLOUT, done ? 0 : OUTPUT_WAIT_MS))
			break;
		ssize_t n = write(fd, (const char *)from + done, piece);
		if (n < 0 && !done && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done || !length ? (int64_t)done : -EAGAIN;
}

int64_t console_io(struct vcpu *v, uint64_t op, uint64_t id, uint64_t va, uint64_t length)
{
	size_t n = length < MOST_AT_ONCE ? length : MOST_AT_ONCE;
	void *host = memory_commons(va, n);
	struct console *c;
	int64_t r = -EINVAL;

	(void)v;
	if (op > KX_CONSOLE_READ)
		return -EINVAL;
	if (n && !host)
		return -EFAULT;
	c = get(id);
	if (!c)
		return -EIO;
	if (op == KX_CONSOLE_READ)
		r = input(c, host, n);
	else
		r = output(c->fd[op == KX_CONSOLE_WRITE_OUT ? 1 : 2], host, n);
	put(c);
	return r;
}

uint32_t console_poll_set(struct pollfd *set, uint32_t room)
{
	uint32_t n = 0;

	pthread_mutex_lock(&console_lock);
	for (uint32_t i = 0; i < CONSOLES && n < room; i++)
		if (consoles[i].refs && __atomic_load_n(&consoles[i].want_input, __ATOMIC_ACQUIRE))
			set[n++] = (struct pollfd){ .fd = consoles[i].fd[0], .events = POLLIN };
	pthread_mutex_unlock(&console_lock);
	return n;
}

/* Input has come, or its end: whoever waits for it, in whichever pVM, looks again. */
void console_poll_done(const struct pollfd *set, uint32_t count)
{
	bool any = false;

	pthread_mutex_lock(&console_lock);
	for (uint32_t k = 0; k < count; k++)
		for (uint32_t i = 0; set[k].revents && i < CONSOLES; i++)
			if (consoles[i].refs && consoles[i].fd[0] == set[k].fd) {
				__atomic_store_n(&consoles[i].want_input, 0, __ATOMIC_RELEASE);
				any = true;
			}
	pthread_mutex_unlock(&console_lock);
	for (uint32_t slot = 0; any && slot < family.vcpu_count; slot++) {
		struct vcpu *v = family_live(slot);

		if (v)
			vcpu_attention(v, KX_ATTENTION_CONSOLE);
	}
}
