/* TCP: RESP and HTTP. Answers come in the order of the requests of a connection. */
#include "engine.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_SIZE (256u << 10)
#define PIECES 64 /* requests in one sendmsg */
#define RETRY_NS (10 * NS_PER_MS)

static uint8_t buffer[READ_SIZE];

static void give(struct engine *e, struct conn *c, const struct flight *f)
{
	c->flights[c->next++ & e->mask] = *f;
}

/* Begins to connect: c is CONNECTING, or DOWN with a time to try again. */
static void begin(struct engine *e, struct conn *c, uint64_t at)
{
	const struct options *o = e->options;

	c->link = DOWN;
	c->closing = c->wants_out = false;
	c->written = 0;
	framer_reset(&c->framer);
	c->retry_at = at + RETRY_NS;
	c->fd = engine_socket(e);
	if (c->fd < 0)
		return;
	if (connect(c->fd, (const struct sockaddr *)&o->address, o->address_length) < 0 && errno != EINPROGRESS) {
		e->tally.connect_failures++;
		close(c->fd);
		c->fd = -1;
		return;
	}
	c->link = CONNECTING;
	c->retry_at = at + o->timeout_ns;
	engine_watch(e, c, true);
}

/* Gives the connection up, counts what was in flight on it (`first` for the oldest, `rest` for those behind),
 * and connects again. */
static void drop(struct engine *e, struct conn *c, enum loss first, enum loss rest, uint64_t at)
{
	struct linger now = {.l_onoff = 1}; /* RST: leaves no TIME_WAIT and tells the server at once */
	enum loss loss = first;

	for (; c->oldest != c->next; c->oldest++) {
		struct flight *f = &c->flights[c->oldest & e->mask];

		if (f->sent) {
			tally_loss(&e->tally, f, loss, at);
			e->in_flight--;
		} else {
			e->tally.unsent += tally_inside(&e->tally, f->intended);
		}
		loss = rest;
	}
	c->unsent = c->next;
	c->in_flight = 0;
	if (c->link == READY)
		e->ready_count--;
	else
		e->tally.connect_failures++;
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->fd);
	c->fd = -1;
	if (c->link == READY) {
		e->tally.reconnects++;
		begin(e, c, at);
	} else {
		c->link = DOWN;
		c->retry_at = at + RETRY_NS;
	}
	engine_room(e, c, at);
}

static ssize_t send_some(const struct engine *e, struct conn *c)
{
	struct iovec pieces[PIECES];
	struct msghdr message = {.msg_iov = pieces};
	size_t skip = c->written, n = 0;

	for (uint32_t i = c->unsent; i != c->next && n < PIECES; i++) {
		const struct request *r = &e->requests->list[c->flights[i & e->mask].request];

		pieces[n].iov_base = (void *)(uintptr_t)(r->data + skip);
		pieces[n++].iov_len = r->length - skip;
		skip = 0;
	}
	if (n == 1)
		return send(c->fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
	message.msg_iovlen = n;
	return sendmsg(c->fd, &message, MSG_NOSIGNAL);
}

static void flush(struct engine *e, struct conn *c)
{
	while (c->unsent != c->next) {
		uint64_t at = now_ns();
		ssize_t n = send_some(e, c);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (!c->wants_out) {
				c->wants_out = true;
				engine_watch(e, c, false);
			}
			return;
		}
		if (n < 0) {
			drop(e, c, LOSS_RESET, LOSS_RESET, at);
			return;
		}
		for (size_t left = (size_t)n; left > 0;) {
			struct flight *f = &c->flights[c->unsent & e->mask];
			size_t whole = e->requests->list[f->request].length - c->written;

			if (!f->sent)
				engine_sent(e, f, at);
			if (left < whole) {
				c->written += left;
				break;
			}
			left -= whole;
			c->written = 0;
			c->unsent++;
		}
	}
}

/* Feeds what was read to the framer. False when the connection was given up. */
static bool digest(struct engine *e, struct conn *c, size_t length, uint64_t at)
{
	size_t from = 0, used;

	while (from < length) {
		enum frame result;
		struct flight *f = &c->flights[c->oldest & e->mask];

		if (c->oldest == c->unsent && !(c->written && c->unsent != c->next)) {
			e->tally.unsolicited++; /* bytes that answer nothing */
			drop(e, c, LOSS_RESET, LOSS_RESET, at);
			return false;
		}
		result = e->requests->protocol == PROTOCOL_RESP
				 ? frame_resp(&c->framer, buffer + from, length - from, &used)
				 : frame_http(&c->framer, buffer + from, length - from, &used);
		from += used;
		if (result == FRAME_MORE)
			return true;
		if (result == FRAME_MALFORMED || c->oldest == c->unsent) {
			/* the latter: answered before it was sent whole */
			drop(e, c, LOSS_MALFORMED, LOSS_RESET, at);
			return false;
		}
		tally_answer(&e->tally, f, result, at);
		e->active_at = at;
		e->in_flight--;
		c->oldest++;
		c->in_flight--;
		if (c->framer.closing) {
			c->closing = true;
			if (c->oldest == c->next) {
				drop(e, c, LOSS_RESET, LOSS_RESET, at);
				return false;
			}
		}
	}
	return true;
}

static void connected(struct engine *e, struct conn *c, uint64_t at)
{
	int error = 0;
	socklen_t length = sizeof(error);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error) {
		drop(e, c, LOSS_RESET, LOSS_RESET, at);
		return;
	}
	c->link = READY;
	c->wants_out = false;
	e->ready_count++;
	e->ready_at = at;
	engine_watch(e, c, false);
	engine_room(e, c, at);
}

static void ready(struct engine *e, struct conn *c, uint32_t events, uint64_t at)
{
	if (c->link == CONNECTING) {
		connected(e, c, at);
		return;
	}
	if (c->link != READY)
		return;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		ssize_t n = recv(c->fd, buffer, sizeof(buffer), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			drop(e, c, LOSS_RESET, LOSS_RESET, at);
			return;
		}
		if (!digest(e, c, (size_t)n, at))
			return;
		engine_room(e, c, at);
	}
	if (events & EPOLLOUT && c->wants_out) {
		c->wants_out = false;
		engine_watch(e, c, false);
		flush(e, c);
	}
}

static void scan(struct engine *e, uint64_t at)
{
	for (uint32_t i = 0; i < e->options->connections; i++) {
		struct conn *c = &e->conns[i];

		if (c->link == DOWN && at >= c->retry_at) {
			begin(e, c, at);
		} else if (c->link == CONNECTING && at >= c->retry_at) {
			drop(e, c, LOSS_TIMEOUT, LOSS_TIMEOUT, at);
		} else if (c->link == READY && c->oldest != c->next) {
			const struct flight *f = &c->flights[c->oldest & e->mask];

			if (f->sent && at > f->sent && at - f->sent > e->options->timeout_ns)
				drop(e, c, LOSS_TIMEOUT, LOSS_TIMEOUT, at);
		}
	}
}

static void abandon(struct engine *e, enum loss loss, uint64_t at)
{
	for (uint32_t i = 0; i < e->options->connections; i++) {
		struct conn *c = &e->conns[i];

		for (; c->oldest != c->next; c->oldest++) {
			struct flight *f = &c->flights[c->oldest & e->mask];

			if (f->sent)
				tally_loss(&e->tally, f, loss, at);
			else
				e->tally.unsent += tally_inside(&e->tally, f->intended);
		}
	}
}

const struct transport stream_transport = {
	.name = "tcp",
	.type = SOCK_STREAM,
	.give = give,
	.flush = flush,
	.ready = ready,
	.scan = scan,
	.abandon = abandon,
};
