/* UDP: DNS. Answers come in any order or never; an id is unique among those in flight on its socket. */
#include "engine.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCH 32
#define READ_SIZE 4096
#define TRIES 4
#define KNOCK_MS 200

static uint8_t out[BATCH][REQUEST_MAX_DNS], in[BATCH][READ_SIZE];

/* Requests in flight form a list in order of sending, which is the order in which they time out. A member is
 * named by its place in engine.flights. */
static void list_append(struct engine *e, uint32_t place)
{
	struct flight *f = &e->flights[place];

	f->before = e->newest;
	f->after = NONE;
	if (e->newest == NONE)
		e->oldest = place;
	else
		e->flights[e->newest].after = place;
	e->newest = place;
}

static void list_remove(struct engine *e, const struct flight *f)
{
	if (f->before == NONE)
		e->oldest = f->after;
	else
		e->flights[f->before].after = f->after;
	if (f->after == NONE)
		e->newest = f->before;
	else
		e->flights[f->after].before = f->before;
}

static void give(struct engine *e, struct conn *c, const struct flight *f)
{
	c->flights[c->ids[c->next++ & e->mask]] = *f;
}

static void release(struct engine *e, struct conn *c, struct flight *f, uint64_t at)
{
	list_remove(e, f);
	f->sent = 0;
	c->ids[c->oldest++ & e->mask] = (uint32_t)(f - c->flights);
	c->in_flight--;
	e->in_flight--;
	engine_room(e, c, at);
}

/* Copies the request of ids[at] and puts its id in: the place in the low bits, and above them a number that
 * changes with each use, so that a late answer is not taken for a new one. */
static void encode(struct engine *e, struct conn *c, uint32_t at, uint8_t *to, struct iovec *piece)
{
	uint32_t place = c->ids[at & e->mask];
	struct flight *f = &c->flights[place];
	const struct request *r = &e->requests->list[f->request];

	f->id = (uint16_t)(place + (uint32_t)e->generation++ * (e->mask + 1));
	memcpy(to, r->data, r->length);
	to[0] = (uint8_t)(f->id >> 8);
	to[1] = (uint8_t)f->id;
	piece->iov_base = to;
	piece->iov_len = r->length;
}

static int send_some(const struct conn *c, struct iovec *pieces, unsigned int n)
{
	struct mmsghdr messages[BATCH];

	if (n == 1)
		return send(c->fd, pieces[0].iov_base, pieces[0].iov_len, 0) < 0 ? -1 : 1;
	memset(messages, 0, n * sizeof(*messages));
	for (unsigned int i = 0; i < n; i++) {
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	return sendmmsg(c->fd, messages, n, 0);
}

static void flush(struct engine *e, struct conn *c)
{
	int tries = TRIES;

	while (c->unsent != c->next) {
		struct iovec pieces[BATCH];
		unsigned int n = 0;
		uint64_t at;
		int sent;

		for (uint32_t i = c->unsent; i != c->next && n < BATCH; i++, n++)
			encode(e, c, i, out[n], &pieces[n]);
		at = now_ns();
		sent = send_some(c, pieces, n);
		/* ECONNREFUSED tells of an earlier datagram, which will time out */
		if (sent < 0 && (errno == EINTR || errno == ECONNREFUSED) && --tries)
			continue;
		if (sent < 0) { /* no room, or an error: again when epoll says so */
			if (!c->wants_out) {
				c->wants_out = true;
				engine_watch(e, c, false);
			}
			return;
		}
		for (int i = 0; i < sent; i++) {
			uint32_t place = c->ids[c->unsent++ & e->mask];

			engine_sent(e, &c->flights[place], at);
			list_append(e, (uint32_t)(c->flights - e->flights) + place);
		}
	}
}

static void digest(struct engine *e, struct conn *c, const uint8_t *data, size_t length, uint64_t at)
{
	uint16_t id = 0;
	enum frame result = frame_dns(data, length, &id);
	struct flight *f = &c->flights[id & e->mask];

	if (length < 2 || !f->sent || f->id != id) {
		e->tally.unsolicited++; /* late, twice, or not an answer of ours */
		return;
	}
	if (result == FRAME_MALFORMED && length < 12) {
		e->tally.unsolicited++; /* too short to have an id */
		return;
	}
	if (result == FRAME_MALFORMED)
		tally_loss(&e->tally, f, LOSS_MALFORMED, at);
	else
		tally_answer(&e->tally, f, result, at);
	e->active_at = at;
	release(e, c, f, at);
}

static void ready(struct engine *e, struct conn *c, uint32_t events, uint64_t at)
{
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	int n;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){.iov_base = in[i], .iov_len = READ_SIZE};
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(c->fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		digest(e, c, in[i], messages[i].msg_len, at);
	if (events & EPOLLOUT && c->wants_out) {
		c->wants_out = false;
		engine_watch(e, c, false);
		flush(e, c);
	}
}

static void scan(struct engine *e, uint64_t at)
{
	while (e->oldest != NONE) {
		struct flight *f = &e->flights[e->oldest];

		if (at < f->sent + e->options->timeout_ns)
			break;
		tally_loss(&e->tally, f, LOSS_TIMEOUT, at);
		release(e, &e->conns[e->oldest / (e->mask + 1)], f, at);
	}
}

static void abandon(struct engine *e, enum loss loss, uint64_t at)
{
	while (e->oldest != NONE) {
		struct flight *f = &e->flights[e->oldest];

		tally_loss(&e->tally, f, loss, at);
		release(e, &e->conns[e->oldest / (e->mask + 1)], f, at);
	}
	for (uint32_t i = 0; i < e->options->connections; i++) {
		struct conn *c = &e->conns[i];

		for (; c->unsent != c->next; c->unsent++)
			e->tally.unsent += tally_inside(&e->tally, c->flights[c->ids[c->unsent & e->mask]].intended);
	}
}

/* A closed UDP port shows only in the answer to a datagram: one request is sent ahead. Silence is no refusal;
 * the socket is of its own, so that an answer that comes later is met by nobody. */
static void knock(struct engine *e)
{
	const struct request *r = &e->requests->list[0];
	const struct options *o = e->options;
	struct pollfd p = {.fd = engine_socket(e), .events = POLLIN};

	if (p.fd < 0 || connect(p.fd, (const struct sockaddr *)&o->address, o->address_length) < 0 ||
	    send(p.fd, r->data, r->length, 0) < 0 ||
	    (poll(&p, 1, KNOCK_MS) > 0 && recv(p.fd, in[0], READ_SIZE, 0) < 0))
		die(EXIT_REFUSED, "%s port %s (UDP): %s; is the server up?", o->host, o->port, strerror(errno));
	close(p.fd);
}

const struct transport datagram_transport = {
	.name = "udp",
	.type = SOCK_DGRAM,
	.knock = knock,
	.give = give,
	.flush = flush,
	.ready = ready,
	.scan = scan,
	.abandon = abandon,
};
