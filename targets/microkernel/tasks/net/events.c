/* What became of a client's sockets, as records in its pages. A socket with more to tell than there is room for stays in the list. */
#include "sockets.h"

#define LEAST_DATA 64u            /* bytes of a piece of a stream that are worth a record */

struct room { uint8_t *at; unsigned left; };

static struct net_record *record(struct room *room, unsigned kind, const struct socket *s, unsigned bytes)
{
	struct net_record *r = (struct net_record *)room->at;

	*r = (struct net_record){ .kind = (uint16_t)kind, .bytes = (uint16_t)bytes, .socket = s->number, .port = s->port, .tag = s->tag };
	room->at += NET_RECORD_BYTES(bytes);
	room->left -= NET_RECORD_BYTES(bytes);
	return r;
}

static void put_opened(struct room *room, const struct socket *s)
{
	struct net_record *r = record(room, NET_OPENED, s, 0);

	if (!s->tcp)
		return;
	r->value = lwip_ntohl(ip_2_ip4(&s->tcp->remote_ip)->addr);
	r->port = s->tcp->remote_port;
}

/* false: there is more */
static bool put_data(struct room *room, struct socket *s)
{
	while (s->received) {
		unsigned total = s->received->tot_len, bytes = total;
		struct net_record *r;

		if (room->left < sizeof *r + (total < LEAST_DATA ? (total + 3u) & ~3u : LEAST_DATA))
			return false;
		if (bytes > room->left - sizeof *r)
			bytes = (room->left - (unsigned)sizeof *r) & ~3u;
		r = record(room, NET_DATA, s, bytes);
		pbuf_copy_partial(s->received, r + 1, (uint16_t)bytes, 0);
		s->received = pbuf_free_header(s->received, (uint16_t)bytes);
		stream_consumed(s, (uint16_t)bytes);
		r->value = stream_room(s);
	}
	return true;
}

static bool put_datagrams(struct room *room, struct socket *s)
{
	for (; s->count; s->count--, s->first = (s->first + 1) % NET_DATAGRAMS_WAITING) {
		const struct datagram *d = &s->waiting[s->first];
		unsigned bytes = d->data->tot_len;
		struct net_record *r;

		if (room->left < NET_RECORD_BYTES(bytes))
			return false;
		r = record(room, NET_DATAGRAM, s, bytes);
		r->value = d->address;
		r->port = d->port;
		pbuf_copy_partial(d->data, r + 1, (uint16_t)bytes, 0);
		pbuf_free(d->data);
	}
	return true;
}

static bool put_value(struct room *room, struct socket *s, unsigned news, unsigned kind, uint32_t value)
{
	if (!(s->news & news))
		return true;
	if (room->left < sizeof(struct net_record))
		return false;
	record(room, kind, s, 0)->value = value;
	s->news &= (uint8_t)~news;
	return true;
}

static bool put_opening(struct room *room, struct socket *s)
{
	if (!put_value(room, s, NEWS_BOUND, NET_BOUND, (uint32_t)s->error))
		return false;
	if (!(s->news & NEWS_OPENED))
		return true;
	if (room->left < sizeof(struct net_record))
		return false;
	put_opened(room, s);
	s->news &= (uint8_t)~NEWS_OPENED;
	return true;
}

/* All of one socket -> false: there is more of it. One that is over is gone afterwards. */
static bool put_socket(struct room *room, struct socket *s)
{
	int failed = s->news & NEWS_BOUND && s->error;

	if (s->news & (NEWS_BOUND | NEWS_OPENED) && !put_opening(room, s))
		return false;
	if (failed) {
		socket_free(s);
		return true;
	}
	if (!s->held && !(s->kind == DATAGRAMS ? put_datagrams(room, s) : put_data(room, s)))
		return false;
	if (s->news && (!put_value(room, s, NEWS_ROOM, NET_ROOM, stream_room(s)) ||
			(!s->received && !put_value(room, s, NEWS_ENDED, NET_ENDED, 0))))
		return false;
	if (!(s->news & NEWS_CLOSED))
		return true;
	if (!put_value(room, s, NEWS_CLOSED, NET_CLOSED, (uint32_t)s->error))
		return false;
	socket_free(s);
	return true;
}

unsigned events_put(struct client *c)
{
	struct room room = { c->area, c->event_room };

	while (c->news.next != &c->news) {
		struct socket *s = (struct socket *)c->news.next;

		if (!put_socket(&room, s))
			break;
		if (s->told.next == &s->told)
			continue; /* freed */
		s->told.previous->next = s->told.next;
		s->told.next->previous = s->told.previous;
		s->told.next = s->told.previous = &s->told;
	}
	return c->event_room - room.left;
}
