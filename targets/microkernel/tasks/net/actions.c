/* What a client put into its pages. It may change them while this runs: a record is copied before it is looked at, and its data
 * are read once, into lwIP's memory. */
#include "sockets.h"

static void bound(struct client *c, struct socket *s, const struct net_record *r, int error)
{
	if (!s)
		return;
	(void)c;
	s->tag = r->tag;
	s->error = error;
	socket_tell(s, NEWS_BOUND);
}

/* The three that make a socket. Where not even a socket can be had, the number 0 says so. */
static int make(struct client *c, const struct net_record *r)
{
	enum kind kind = r->kind == NET_LISTEN ? LISTENER : r->kind == NET_CONNECT ? STREAM : DATAGRAMS;
	struct socket *s = socket_make(c, kind);

	if (!s)
		return MK_EFULL;
	if (kind == LISTENER)
		bound(c, s, r, stream_listen(s, r->port));
	else if (kind == STREAM)
		bound(c, s, r, stream_connect(s, r->value, r->port));
	else
		bound(c, s, r, datagrams_open(s, r->port));
	return 0;
}

static void hold(struct socket *s, bool held)
{
	s->held = held;
	if (!held)
		socket_tell(s, 0);
}

static void on_datagrams(struct socket *s, const struct net_record *r, const uint8_t *data)
{
	if (r->kind == NET_SEND_TO)
		datagram_send(s, r->value, r->port, data, r->bytes);
	else if (r->kind == NET_HOLD)
		hold(s, r->value);
	else if (r->kind == NET_CLOSE || r->kind == NET_ABORT)
		datagrams_close(s);
}

static void on_stream(struct socket *s, const struct net_record *r, const uint8_t *data)
{
	switch (r->kind) {
	case NET_SEND: stream_send(s, data, r->bytes); break;
	case NET_WANT_ROOM: stream_want_room(s, r->value); break;
	case NET_HOLD: hold(s, r->value); break;
	case NET_FINISH: stream_finish(s); break;
	case NET_CLOSE: stream_close(s); break;
	case NET_ABORT: stream_abort(s); break;
	default: break;
	}
}

static int run(struct client *c, const struct net_record *r, const uint8_t *data)
{
	struct socket *s;

	if (r->kind < NET_LISTEN || r->kind > NET_FINISH)
		return MK_EARGUMENT;
	if (r->kind <= NET_CONNECT)
		return make(c, r);
	s = socket_of(c, r->socket);
	if (!s)
		return 0;
	if (s->kind == DATAGRAMS)
		on_datagrams(s, r, data);
	else if (s->kind == STREAM)
		on_stream(s, r, data);
	else if (r->kind == NET_CLOSE || r->kind == NET_ABORT)
		stream_abort(s);
	return 0;
}

int actions_run(struct client *c, const uint8_t *area, unsigned bytes)
{
	int error = 0;

	for (unsigned at = 0; at < bytes && !error;) {
		struct net_record r;

		if (bytes - at < sizeof r)
			return MK_EARGUMENT;
		r = *(const struct net_record *)(area + at);
		__asm__ volatile("" ::: "memory"); /* r is not read again from there */
		if (r.bytes > bytes - at - sizeof r)
			return MK_EARGUMENT;
		error = run(c, &r, area + at + sizeof r);
		at += NET_RECORD_BYTES(r.bytes);
	}
	return error;
}
