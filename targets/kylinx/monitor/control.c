/* The main thread: the control socket (PROTOCOL.md), the consoles' input, the clock page. */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "control.h"

#define QUEUED_MOST 16384                /* packets: a connection that does not read gets no more */
#define SENT_WITHIN_NS (10 * NS_PER_SECOND)
#define REPORTS_MOST (1u << 20)          /* bytes that wait: beyond, what pVMs report is lost, not what the toolstack waits for */

struct message { struct message *next; uint64_t serial; size_t length; bool report; char text[]; };

static int wake_fd = -1, listen_fd = -1;
static struct connection connections[CONNECTIONS];
static uint64_t serials;
static pthread_mutex_t inbox_lock = PTHREAD_MUTEX_INITIALIZER;
static struct message *inbox, **inbox_end = &inbox; /* from other threads, not yet given to a connection */
static size_t inbox_bytes;
static uint64_t queued, handed_out; /* messages ever; the first under inbox_lock */
static uint32_t unsent;             /* that wait for room in a connection; changed by the main thread */

static int listen_at(const char *path, const char **why)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;

	*why = path;
	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof a.sun_path)
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	/* a socket nobody listens at is left over from a monitor that was killed */
	if (connect(fd, (struct sockaddr *)&a, sizeof a) && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	int r = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 64) ? -errno : 0;
	umask(mask);
	listen_fd = fd;
	return r;
}

static void add_connection(int fd)
{
	for (int i = 0; i < CONNECTIONS; i++)
		if (connections[i].fd < 0) {
			connections[i] = (struct connection){ .fd = fd, .serial = ++serials };
			return;
		}
	close(fd);
}

static int take_descriptor(int fd, const char **why)
{
	int listening = 0, type = 0;
	socklen_t length = sizeof listening, type_length = sizeof type;

	*why = "--control-fd";
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length))
		return -errno;
	if (type != SOCK_SEQPACKET)
		return -EPROTOTYPE;
	if (listening)
		listen_fd = fd;
	else
		add_connection(fd);
	return 0;
}

int control_open(struct settings *s, const char **why)
{
	int r = 0;

	for (int i = 0; i < CONNECTIONS; i++)
		connections[i].fd = -1;
	*why = "eventfd";
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return -errno;
	if (s->control)
		r = listen_at(s->control, why);
	if (!r && s->control_fd >= 0)
		r = take_descriptor(s->control_fd, why);
	return r;
}

void control_wake(void)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, sizeof one) < 0)
		return; /* it is awake already */
}

static struct message *message_make(uint64_t serial, const char *text, size_t length)
{
	struct message *m = malloc(sizeof *m + length);

	if (m) {
		*m = (struct message){ .serial = serial, .length = length };
		memcpy(m->text, text, length);
	}
	return m;
}

static void queue(uint64_t serial, const char *text, size_t length, bool report)
{
	struct message *m = report && __atomic_load_n(&inbox_bytes, __ATOMIC_RELAXED) > REPORTS_MOST ? NULL : message_make(serial, text, length);

	if (!m)
		return;
	m->report = report;
	pthread_mutex_lock(&inbox_lock);
	*inbox_end = m;
	inbox_end = &m->next;
	inbox_bytes += length;
	queued++;
	pthread_mutex_unlock(&inbox_lock);
	control_wake();
}

void control_queue(uint64_t serial, const char *text, size_t length)
{
	queue(serial, text, length, false);
}

void control_queue_report(uint64_t serial, const char *text, size_t length)
{
	queue(serial, text, length, true);
}

static void hang_up(struct connection *c)
{
	uint64_t serial = c->serial;

	close(c->fd);
	while (c->head) {
		struct message *m = c->head;

		c->head = m->next;
		__atomic_fetch_sub(&unsent, 1, __ATOMIC_RELAXED);
		free(m);
	}
	*c = (struct connection){ .fd = -1 };
	control_hangup(serial);
	/* without a socket to listen at nobody can come back: the toolstack has gone */
	for (int i = 0; i < CONNECTIONS; i++)
		if (connections[i].fd >= 0)
			return;
	if (listen_fd < 0 && family.settings->keep)
		family_exit(0);
}

void control_send(struct connection *c, const char *text, size_t length)
{
	if (!c->head && send(c->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return;
	struct message *m = message_make(c->serial, text, length);

	if (!m || ++c->queued > QUEUED_MOST) {
		free(m);
		return; /* it gets no more: poll's POLLHUP, or its own patience, ends it */
	}
	if (c->head)
		c->tail->next = m;
	else
		c->head = m;
	c->tail = m;
	c->queued_bytes += length;
	__atomic_fetch_add(&unsent, 1, __ATOMIC_RELAXED);
}

static void flush(struct connection *c)
{
	while (c->head) {
		struct message *m = c->head;

		if (send(c->fd, m->text, m->length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		c->head = m->next;
		c->queued--;
		c->queued_bytes -= m->length;
		__atomic_fetch_sub(&unsent, 1, __ATOMIC_RELAXED);
		free(m);
	}
}

static void hand_out_inbox(void)
{
	struct message *m;
	uint64_t upto;

	pthread_mutex_lock(&inbox_lock);
	m = inbox;
	inbox = NULL;
	inbox_end = &inbox;
	inbox_bytes = 0;
	upto = queued;
	pthread_mutex_unlock(&inbox_lock);
	while (m) {
		struct message *next = m->next;

		for (int i = 0; i < CONNECTIONS; i++)
			if (connections[i].fd >= 0 && (!m->serial || connections[i].serial == m->serial) &&
			    !(m->report && connections[i].queued_bytes > REPORTS_MOST))
				control_send(&connections[i], m->text, m->length);
		free(m);
		m = next;
	}
	__atomic_store_n(&handed_out, upto, __ATOMIC_RELEASE);
}

void control_await_sent(void)
{
	struct timespec moment = { 0, 1000000 };
	uint64_t give_up = clock_mono_ns() + SENT_WITHIN_NS, upto;

	pthread_mutex_lock(&inbox_lock);
	upto = queued;
	pthread_mutex_unlock(&inbox_lock);
	while ((__atomic_load_n(&handed_out, __ATOMIC_ACQUIRE) < upto || __atomic_load_n(&unsent, __ATOMIC_RELAXED)) &&
		clock_mono_ns() < give_up)
		nanosleep(&moment, NULL);
}

/* Splits a packet of NUL-ended strings; false: it is not one. */
static bool parse(struct request *q, char *packet, size_t length)
{
	q->verb = packet;
	if (!length || packet[length - 1])
		return false;
	for (char *p = packet + strlen(packet) + 1; p < packet + length; p += strlen(p) + 1) {
		if (q->fields == FIELDS_MOST)
			return false;
		if (!strncmp(p, "id=", 3))
			q->id = strtoull(p + 3, NULL, 10) & ((1ull << 53) - 1);
		else
			q->field[q->fields++] = p;
	}
	return true;
}

static void receive(struct connection *c)
{
	static char packet[REQUEST_MOST + 1];
	static struct request q;
	union { char bytes[CMSG_SPACE(sizeof(int) * 8)]; struct cmsghdr align; } space;
	struct iovec iov = { packet, REQUEST_MOST };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space };
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			hang_up(c);
		return;
	}
	memset(&q, 0, offsetof(struct request, field));
	q.fields = q.fds = 0;
	q.from = c;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (h->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (q.fds < 3)
				q.fd[q.fds++] = fd;
			else
				close(fd);
		}
	}
	if (m.msg_flags & MSG_TRUNC || !parse(&q, packet, (size_t)n))
		q.verb = "";
	if (n)
		control_request(&q);
	else
		hang_up(c); /* it did, or sent nothing, but maybe descriptors */
	for (uint32_t i = 0; i < q.fds; i++) /* those nobody took over */
		if (q.fd[i] >= 0)
			close(q.fd[i]);
}

static void accept_one(void)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		add_connection(fd);
}

void control_loop(void)
{
	enum { WAKE, LISTEN, FIRST };
	static struct pollfd set[FIRST + CONNECTIONS + SPAWNS];
	uint64_t last_clock = clock_mono_ns(), count;

	for (;;) {
		set[WAKE] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
		set[LISTEN] = (struct pollfd){ .fd = listen_fd, .events = POLLIN };
		for (int i = 0; i < CONNECTIONS; i++)
			set[FIRST + i] = (struct pollfd){ .fd = connections[i].fd, .events = (short)(POLLIN | (connections[i].head ? POLLOUT : 0)) };
		uint32_t n = console_poll_set(set + FIRST + CONNECTIONS, SPAWNS);
		int r = poll(set, FIRST + CONNECTIONS + n, control_stats_pending() ? 50 : 1000);

		if (clock_mono_ns() - last_clock > 900000000) {
			clock_update(&memory_boot()->clock);
			last_clock = clock_mono_ns();
		}
		control_stats_tick();
		if (r > 0 && set[WAKE].revents && read(wake_fd, &count, sizeof count) < 0)
			log_line("eventfd: %s", strerror(errno));
		hand_out_inbox();
		if (r <= 0)
			continue;
		if (set[LISTEN].revents)
			accept_one();
		for (int i = 0; i < CONNECTIONS; i++) {
			struct connection *c = &connections[i];

			if (c->fd < 0 || c->fd != set[FIRST + i].fd)
				continue;
			if (set[FIRST + i].revents & POLLOUT)
				flush(c);
			if (set[FIRST + i].revents & (POLLIN | POLLHUP | POLLERR))
				receive(c);
		}
		console_poll_done(set + FIRST + CONNECTIONS, n);
	}
}
