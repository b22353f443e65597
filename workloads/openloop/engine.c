/* The loop of the generator. One thread; nothing is allocated while it runs. */
#include "engine.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS 64	 /* taken from epoll at once: bounds the work between two looks at the schedule */
#define GIVEN_AT_ONCE 64 /* due requests handed out between two looks at the sockets */
#define SPIN_GAP_NS 20000 /* an idle turn of the loop that took longer was not idle: we were descheduled */
#define GONE_NS (2 * NS_PER_S) /* no connection at all for so long: the target is dead */

static void unlink_conn(struct engine *e, struct conn *c)
{
	uint32_t *forward, *backward;

	if (c->bucket == NONE)
		return;
	forward = c->before == NONE ? &e->first[c->bucket] : &e->conns[c->before].after;
	backward = c->after == NONE ? &e->last[c->bucket] : &e->conns[c->after].before;
	*forward = c->after;
	*backward = c->before;
	c->bucket = NONE;
	e->with_room--;
}

static void append_conn(struct engine *e, struct conn *c)
{
	uint32_t index = (uint32_t)(c - e->conns), b = c->in_flight;

	c->bucket = b;
	c->before = e->last[b];
	c->after = NONE;
	if (c->before == NONE)
		e->first[b] = index;
	else
		e->conns[c->before].after = index;
	e->last[b] = index;
	e->with_room++;
	if (b < e->lowest)
		e->lowest = b;
}

void engine_room(struct engine *e, struct conn *c, uint64_t at)
{
	uint32_t had = e->with_room;
	bool room = c->link == READY && !c->closing && c->in_flight < e->depth;

	if (room && c->bucket == c->in_flight)
		return;
	unlink_conn(e, c);
	if (room)
		append_conn(e, c);
	if (had == 0 && e->with_room > 0)
		e->room_at = at;
}

void engine_dirty(struct engine *e, struct conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	e->dirty[e->dirty_count++] = (uint32_t)(c - e->conns);
}

void engine_sent(struct engine *e, struct flight *f, uint64_t at)
{
	/* in the closed loop a request is meant to be sent when it is */
	if (e->options->closed)
		f->intended = f->ready = at;
	if (at < f->ready)
		at = f->ready;
	f->sent = at;
	e->in_flight++;
	e->active_at = at;
	tally_sent(&e->tally, f);
}

/* The connection with the fewest in flight; among equals the one that has waited longest. */
static struct conn *pick(struct engine *e)
{
	while (e->first[e->lowest] == NONE)
		e->lowest++;
	return &e->conns[e->first[e->lowest]];
}

static void hand(struct engine *e, uint64_t intended, uint32_t request, uint64_t at)
{
	struct conn *c = pick(e);
	struct flight f = {.intended = intended, .request = request};

	f.ready = intended > e->room_at ? intended : e->room_at;
	c->in_flight++;
	engine_room(e, c, at);
	e->transport->give(e, c, &f);
	engine_dirty(e, c);
}

static void next_arrival(struct engine *e)
{
	e->arrivals_left = schedule_next(&e->schedule, &e->arrival);
	if (e->arrivals_left)
		e->tally.scheduled += tally_inside(&e->tally, e->started + e->arrival.offset_ns);
}

/* Gives what is due to connections and sends it. Returns how many were given. */
static uint32_t dispatch(struct engine *e, uint64_t at)
{
	uint32_t given = 0;

	if (e->options->closed) {
		for (; at < e->ends && e->with_room && given < GIVEN_AT_ONCE * e->depth; given++)
			hand(e, at, schedule_choose(&e->schedule), at);
	} else {
		while (e->arrivals_left && e->with_room && given < GIVEN_AT_ONCE &&
		       e->started + e->arrival.offset_ns <= at) {
			hand(e, e->started + e->arrival.offset_ns, e->arrival.request, at);
			next_arrival(e);
			given++;
		}
	}
	for (uint32_t i = 0; i < e->dirty_count; i++) {
		struct conn *c = &e->conns[e->dirty[i]];

		c->dirty = false;
		if (c->link == READY && !c->wants_out)
			e->transport->flush(e, c);
	}
	e->dirty_count = 0;
	return given;
}

int engine_socket(const struct engine *e)
{
	const struct options *o = e->options;
	int on = 1, fd, size = 4 << 20;

	fd = socket(o->address.ss_family, e->transport->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (e->transport->type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	else if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

void engine_watch(struct engine *e, struct conn *c, bool add)
{
	struct epoll_event event = {.data.u32 = (uint32_t)(c - e->conns)};

	c->wants_out = c->wants_out || c->link == CONNECTING;
	event.events = EPOLLIN | EPOLLRDHUP | (c->wants_out ? (uint32_t)EPOLLOUT : 0);
	if (epoll_ctl(e->epoll, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c->fd, &event) < 0)
		die(EXIT_REFUSED, "epoll_ctl: %s", strerror(errno));
}

static void *table(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p)
		die(EXIT_USAGE, "no memory for --connections times --pipeline");
	return p;
}

static void allocate(struct engine *e)
{
	uint32_t n = e->options->connections, places = 1;

	e->depth = e->options->pipeline;
	while (places < e->depth)
		places *= 2;
	e->mask = places - 1;
	e->conns = table(n, sizeof(*e->conns));
	e->flights = table((size_t)n * places, sizeof(*e->flights));
	e->ids = table((size_t)n * places, sizeof(*e->ids));
	e->dirty = table(n, sizeof(*e->dirty));
	e->first = table(e->depth, sizeof(*e->first));
	e->last = table(e->depth, sizeof(*e->last));
	memset(e->first, 0xff, e->depth * sizeof(*e->first));
	memset(e->last, 0xff, e->depth * sizeof(*e->last));
	e->oldest = e->newest = NONE;
	for (uint32_t i = 0; i < n; i++) {
		struct conn *c = &e->conns[i];

		c->fd = -1;
		c->bucket = NONE;
		c->flights = e->flights + (size_t)i * places;
		c->ids = e->ids + (size_t)i * places;
		for (uint32_t k = 0; k < places; k++)
			c->ids[k] = k;
		framer_reset(&c->framer);
	}
	if (e->options->timeline_ns) {
		e->tally.timeline_ns = e->options->timeline_ns;
		e->tally.moments = (e->options->duration_ns - 1) / e->options->timeline_ns + 1;
		e->tally.timeline = table(e->tally.moments, sizeof(*e->tally.timeline));
	}
}

static void room_for_files(uint32_t connections)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < connections + 16) {
		limit.rlim_cur = connections + 16;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_max = limit.rlim_cur;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			die(EXIT_USAGE, "--connections: %u is above the limit of open files", connections);
	}
}

/* Blocking, with a limit: the run starts only when every connection stands. */
static void open_conn(struct engine *e, struct conn *c, uint64_t until)
{
	const struct options *o = e->options;
	int error = 0;
	socklen_t length = sizeof(error);

	c->fd = engine_socket(e);
	if (c->fd < 0)
		die(EXIT_REFUSED, "socket: %s", strerror(errno));
	if (connect(c->fd, (const struct sockaddr *)&o->address, o->address_length) < 0 && errno != EINPROGRESS) {
		error = errno;
	} else {
		struct pollfd p = {.fd = c->fd, .events = POLLOUT};
		uint64_t at = now_ns();

		if (poll(&p, 1, at < until ? (int)((until - at) / NS_PER_MS) + 1 : 0) <= 0)
			error = ETIMEDOUT;
		else
			getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	}
	if (error)
		die(EXIT_REFUSED, "%s port %s: connection %u of %u: %s; is the server up?", o->host, o->port,
		    (uint32_t)(c - e->conns) + 1, o->connections, strerror(error));
	c->link = READY;
	e->ready_count++;
	engine_watch(e, c, true);
}

void engine_open(struct engine *e)
{
	uint64_t at = now_ns(), limit = e->options->timeout_ns;

	room_for_files(e->options->connections);
	allocate(e);
	e->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (e->epoll < 0)
		die(EXIT_REFUSED, "epoll: %s", strerror(errno));
	if (limit < 5 * NS_PER_S)
		limit = 5 * NS_PER_S;
	for (uint32_t i = 0; i < e->options->connections; i++)
		open_conn(e, &e->conns[i], at + limit);
	if (e->transport->knock)
		e->transport->knock(e);
	e->ready_at = now_ns();
	for (uint32_t i = 0; i < e->options->connections; i++)
		engine_room(e, &e->conns[i], e->ready_at);
}

void engine_close(struct engine *e)
{
	for (uint32_t i = 0; i < e->options->connections; i++)
		if (e->conns[i].fd >= 0)
			close(e->conns[i].fd);
	close(e->epoll);
	free(e->conns);
	free(e->flights);
	free(e->ids);
	free(e->dirty);
	free(e->first);
	free(e->last);
	free(e->tally.timeline);
}

static uint64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) * NS_PER_S +
	       ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) * NS_PER_US;
}

/* Time on a run queue without running: second field of schedstat; 0 where the kernel does not keep it. */
static uint64_t run_delay_ns(void)
{
	unsigned long long delay = 0;
	FILE *file = fopen("/proc/self/schedstat", "re");

	if (file && fscanf(file, "%*u %llu", &delay) != 1)
		delay = 0;
	if (file)
		fclose(file);
	return delay;
}

struct window { /* the measured window, and what was used before it */
	bool open, shut;
	uint64_t cpu_ns, run_delay_ns;
};

static void look(struct engine *e, struct window *w, uint64_t at, bool stop)
{
	struct tally *t = &e->tally;

	if (!w->open && at >= t->from_ns) {
		w->open = true;
		w->cpu_ns = cpu_ns();
		w->run_delay_ns = run_delay_ns();
		t->idle_ns = 0;
	}
	if (w->open && !w->shut && (at >= t->to_ns || stop)) {
		w->shut = true;
		t->cpu_ns = cpu_ns() - w->cpu_ns;
		t->run_delay_ns = run_delay_ns() - w->run_delay_ns;
		t->stopped_ns = at < t->to_ns ? at : t->to_ns;
	}
}

/* How long to sleep; 0 is to poll. Spins when the next send is near or the last one is recent. */
static uint64_t sleep_ns(const struct engine *e, uint64_t at, uint64_t next_scan)
{
	uint64_t wake = next_scan, spin = e->options->spin_ns;

	if (e->options->closed && e->with_room && at < e->ends)
		return 0;
	if (e->in_flight && at < e->active_at + spin)
		return 0;
	if (e->arrivals_left && e->with_room && e->started + e->arrival.offset_ns < wake)
		wake = e->started + e->arrival.offset_ns;
	return wake > at + spin ? wake - at - spin : 0;
}

/* Waits for events or `sleep` and handles them; what was due meanwhile is sent between two of them. */
static uint64_t wait_and_read(struct engine *e, uint64_t at, uint64_t sleep, bool gave, const struct window *w)
{
	struct epoll_event events[EVENTS];
	struct timespec limit = {.tv_sec = (time_t)(sleep / NS_PER_S), .tv_nsec = (long)(sleep % NS_PER_S)};
	int n = sleep ? epoll_pwait2(e->epoll, events, EVENTS, &limit, NULL) : epoll_wait(e->epoll, events, EVENTS, 0);
	uint64_t after = now_ns();

	if (n < 0 && errno != EINTR)
		die(EXIT_REFUSED, "epoll: %s", strerror(errno));
	if (!w->shut && (sleep || (n <= 0 && !gave && after - at < SPIN_GAP_NS)))
		e->tally.idle_ns += after - at;
	for (int i = 0; i < n; i++) {
		e->transport->ready(e, &e->conns[events[i].data.u32], events[i].events, after);
		if (e->with_room && i + 1 < n)
			dispatch(e, now_ns());
	}
	return after;
}

static void plan(struct engine *e)
{
	const struct options *o = e->options;

	e->schedule = (struct schedule){.arrivals = o->arrivals, .choice = o->choice,
					.gap_ns = o->rate > 0 ? (double)NS_PER_S / o->rate : 1,
					.end_ns = o->warmup_ns + o->duration_ns, .requests = e->requests->count};
	schedule_start(&e->schedule, o->seed);
	e->started = now_ns() + 5 * NS_PER_MS;
	e->tally.from_ns = e->started + o->warmup_ns;
	e->tally.to_ns = e->ends = e->tally.from_ns + o->duration_ns;
	e->tally.stopped_ns = e->tally.from_ns;
	e->deadline = e->ends + o->drain_ns;
	if (!o->closed)
		next_arrival(e);
}

static bool over(const struct engine *e, uint64_t at)
{
	if (at >= e->deadline)
		return true;
	return at >= e->ends && !e->arrivals_left && !e->in_flight;
}

int engine_run(struct engine *e, const volatile int *stop)
{
	struct window w = {0};
	uint64_t at, period = e->options->timeout_ns / 16, next_scan;
	int code = 0;

	period = period < NS_PER_MS ? NS_PER_MS : period > 20 * NS_PER_MS ? 20 * NS_PER_MS : period;
	plan(e);
	while (now_ns() < e->started && !*stop)
		;
	at = now_ns();
	next_scan = at + period;
	while (!*stop && !over(e, at)) {
		bool gave;

		look(e, &w, at, false);
		if (at >= next_scan) {
			e->transport->scan(e, at);
			/* what this look was late by is our machine's time, not the server's */
			e->ready_at += at - next_scan;
			if (e->ready_count || e->ready_at > at)
				e->ready_at = at;
			next_scan = at + period;
			if (at - e->ready_at > GONE_NS && (code = EXIT_REFUSED))
				break;
		}
		gave = dispatch(e, at) > 0;
		if (gave)
			at = now_ns();
		at = wait_and_read(e, at, sleep_ns(e, at, next_scan), gave, &w);
	}
	at = now_ns();
	look(e, &w, at, true);
	e->transport->abandon(e, *stop || code ? LOSS_UNANSWERED : LOSS_TIMEOUT, at);
	while (e->arrivals_left && (!*stop || e->started + e->arrival.offset_ns < at)) {
		e->tally.unsent += tally_inside(&e->tally, e->started + e->arrival.offset_ns);
		next_arrival(e);
	}
	e->tally.schedule_hash = e->schedule.hash;
	return code;
}
