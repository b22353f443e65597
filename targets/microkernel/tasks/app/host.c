/* An application on the host, for tests and for trying it by hand: epoll, and app.h's functions.
 *
 *   mk-NAME --port N [--address A] [--root DIR] [--argument TEXT | --zone FILE] [--memory BYTES] [--in BYTES] [--out BYTES]
 *
 * --in and --out bound what run() is offered at a time, down to 1 byte: how a slow network would. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "host.h"

#define BUFFER 16384
#define EVENTS 256
#define WAITING 4194304 /* bytes of datagrams, while it has no processor: else they are lost */
#define LINGER_MS 2000 /* how long what still comes on a closed connection is taken */
#define IDLE_LOOK_MS 500

struct connection {
	struct connection *next, *previous;
	void *of_app;             /* NULL: run() said APP_CLOSE, what comes is dropped */
	uint64_t last_ms;
	int fd;
	uint32_t wanted;          /* what epoll watches */
	bool end, closing;
	size_t in_bytes, out_start, out_bytes;
	uint8_t in[BUFFER], out[BUFFER];
};

uint64_t app_unix_ms;
uint32_t app_seed;

static size_t in_most = BUFFER, out_most = BUFFER;
static struct connection all = { .next = &all, .previous = &all };
static int epoll_fd, listener, datagrams = -1;
static volatile sig_atomic_t ended;

static void fail(const char *what)
{
	fprintf(stderr, "mk-%s: %s: %s\n", app.name, what, strerror(errno));
	exit(1);
}

static void read_clock(void)
{
	struct timespec now;
	uint64_t ms;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (ms > app_unix_ms)
		app_unix_ms = ms;
}

static void watch(struct connection *c, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	if (events == c->wanted)
		return;
	c->wanted = events;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void drop(struct connection *c)
{
	if (c->of_app)
		app.close(c->of_app);
	close(c->fd);
	c->next->previous = c->previous;
	c->previous->next = c->next;
	free(c);
}

/* Sends; false: the connection is broken. */
static bool flush(struct connection *c)
{
	while (c->out_bytes) {
		ssize_t n = send(c->fd, c->out + c->out_start, c->out_bytes, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		c->out_start += (size_t)n;
		c->out_bytes -= (size_t)n;
	}
	c->out_start = 0;
	return true;
}

static enum app_next step(struct connection *c)
{
	struct app_io io = { .in = c->in, .in_bytes = c->in_bytes, .out = c->out, .room = out_most, .end = c->end };
	enum app_next next = app.run(c->of_app, &io);

	memmove(c->in, io.in, io.in_bytes);
	c->in_bytes = io.in_bytes;
	c->out_bytes = out_most - io.room;
	return next;
}

/* Runs the application until it waits for input or the socket is full; false: the connection is gone. */
static bool pump(struct connection *c)
{
	for (;;) {
		enum app_next next;

		if (!flush(c))
			return false;
		if (c->out_bytes) {
			watch(c, EPOLLOUT);
			return true;
		}
		if (c->closing)
			break;
		next = step(c);
		if (next == APP_CLOSE) {
			app.close(c->of_app);
			c->of_app = NULL;
			c->closing = true;
		} else if (next == APP_INPUT && !c->out_bytes) {
			watch(c, c->end ? 0 : EPOLLIN);
			return true;
		}
	}
	shutdown(c->fd, SHUT_WR);
	watch(c, EPOLLIN);
	return !c->end;
}

/* More has come; false: the connection is gone. */
static bool receive(struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_bytes, (c->closing ? BUFFER : in_most) - c->in_bytes, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		c->end = true;
	if (c->closing)
		return n;
	c->in_bytes += (size_t)n;
	c->last_ms = app_unix_ms;
	return pump(c);
}

static void accept_all(void)
{
	int fd, one = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *c = malloc(sizeof *c);
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (c)
			memset(c, 0, offsetof(struct connection, in));
		if (!c || !(c->of_app = app.open())) {
			free(c);
			close(fd);
			continue;
		}
		c->fd = fd;
		c->wanted = EPOLLIN;
		c->last_ms = app_unix_ms;
		c->previous = &all;
		c->next = all.next;
		all.next->previous = c;
		all.next = c;
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	}
}

static void answer_datagrams(void)
{
	static uint8_t in[65536], out[65536];
	struct sockaddr_storage peer;
	socklen_t length = sizeof peer;
	ssize_t n;

	while ((n = recvfrom(datagrams, in, sizeof in, 0, (struct sockaddr *)&peer, &length)) >= 0) {
		size_t answer = app.datagram(in, (size_t)n, out, sizeof out);

		if (answer)
			sendto(datagrams, out, answer, 0, (struct sockaddr *)&peer, length);
		length = sizeof peer;
	}
}

static void close_the_idle(void)
{
	for (struct connection *c = all.next, *next; c != &all; c = next) {
		uint64_t silent_ms = app_unix_ms - c->last_ms;

		next = c->next;
		if (c->closing ? silent_ms > LINGER_MS : app.idle_s && silent_ms > app.idle_s * 1000u)
			drop(c);
	}
}

static void serve(void)
{
	struct epoll_event events[EVENTS];
	uint64_t ticked_ms = app_unix_ms, looked_ms = app_unix_ms;

	while (!ended) {
		int n = epoll_wait(epoll_fd, events, EVENTS, app.tick_ms ? (int)app.tick_ms : IDLE_LOOK_MS);

		read_clock();
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (events[i].data.ptr == &listener)
				accept_all();
			else if (events[i].data.ptr == &datagrams)
				answer_datagrams();
			else if (events[i].events & EPOLLERR || (c->wanted == EPOLLIN ? !receive(c) : !pump(c)) ||
				 (!c->wanted && events[i].events & EPOLLHUP))
				drop(c);
		}
		if (app.tick_ms && app_unix_ms - ticked_ms >= app.tick_ms) {
			ticked_ms = app_unix_ms;
			app.tick();
		}
		if (app_unix_ms - looked_ms >= IDLE_LOOK_MS) {
			looked_ms = app_unix_ms;
			close_the_idle();
		}
	}
	while (all.next != &all)
		drop(all.next);
}

static int bound(int type, const char *address, uint16_t port, void *mark)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = mark };
	int one = 1, waiting = WAITING, fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1) {
		errno = EINVAL;
		fail(address);
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, (struct sockaddr *)&at, sizeof at) ||
	    (type == SOCK_STREAM && listen(fd, 4096)) || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		fail("socket");
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &waiting, sizeof waiting); /* root's; others have what there is */
	return fd;
}

static size_t offered(const char *text)
{
	size_t bytes = strtoul(text, NULL, 0);

	return bytes < 1 ? 1 : bytes > BUFFER ? BUFFER : bytes;
}

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "port", 1, NULL, 'p' }, { "address", 1, NULL, 'a' }, { "root", 1, NULL, 'r' },
		{ "argument", 1, NULL, 'g' }, { "zone", 1, NULL, 'z' }, { "memory", 1, NULL, 'm' }, { "in", 1, NULL, 'i' },
		{ "out", 1, NULL, 'o' }, { 0 } };
	const char *address = "127.0.0.1", *argument = NULL, *wrong;
	char *path = NULL;
	uint16_t port = app.port;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'p': port = (uint16_t)strtoul(optarg, NULL, 0); break;
		case 'a': address = optarg; break;
		case 'r': host_files(optarg); break;
		case 'g': argument = optarg; break;
		case 'z':
			host_files("");
			if (!(argument = path = realpath(optarg, NULL)))
				fail(optarg);
			break;
		case 'm': host_memory(strtoul(optarg, NULL, 0)); break;
		case 'i': in_most = offered(optarg); break;
		case 'o': out_most = offered(optarg); break;
		default: return 2;
		}
	read_clock();
	app_seed = (uint32_t)(app_unix_ms * 2654435761u) ^ (uint32_t)getpid();
	if ((wrong = app.start(argument))) {
		fprintf(stderr, "mk-%s: %s\n", app.name, wrong);
		return 1;
	}
	if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		fail("epoll");
	signal(SIGTERM, end);
	signal(SIGINT, end);
	if (app.datagram)
		datagrams = bound(SOCK_DGRAM, address, port, &datagrams);
	listener = bound(SOCK_STREAM, address, port, &listener); /* last: who can connect can do all else */
	serve();
	app.stop();
	free(path);
	return 0;
}
