/* The table of sockets. */
#include "sockets.h"

static struct socket sockets[NET_SOCKETS];
static struct socket *free_sockets;
static unsigned free_count;

static void put_free(struct socket *s)
{
	s->next_free = free_sockets;
	free_sockets = s;
	free_count++;
}

void sockets_init(void)
{
	for (unsigned i = 0; i < NET_SOCKETS; i++) {
		struct socket *s = &sockets[NET_SOCKETS - 1 - i];

		s->number = (uint32_t)(s - sockets);
		put_free(s);
	}
}

static bool binds(enum kind kind) { return kind == LISTENER || kind == DATAGRAMS; }

/* The last sockets are for those who have few: each client can have NET_SOCKETS_SURE, whatever others take. */
static bool may_make(const struct client *c, enum kind kind)
{
	if (binds(kind) && c->bound == NET_BOUND_MOST)
		return false;
	return free_count > (c->sockets < NET_SOCKETS_SURE ? 0 : NET_CLIENTS * NET_SOCKETS_SURE);
}

/* Numbers have the index in their low bits and change with each use, so that a stale one names nothing. */
struct socket *socket_make(struct client *c, enum kind kind)
{
	struct socket *s = free_sockets;
	uint32_t number;

	if (!may_make(c, kind))
		return NULL;
	free_sockets = s->next_free;
	free_count--;
	number = s->number + NET_SOCKETS;
	*s = (struct socket){ .kind = (uint8_t)kind, .number = number < NET_SOCKETS ? number + NET_SOCKETS : number, .client = c };
	s->told.next = s->told.previous = &s->told;
	c->sockets++;
	c->bound += binds(kind);
	return s;
}

struct socket *socket_of(struct client *c, uint32_t number)
{
	struct socket *s = &sockets[number % NET_SOCKETS];

	return s->kind != FREE && s->kind != LINGERING && s->client == c && s->number == number ? s : NULL;
}

static void unlink_told(struct socket *s)
{
	s->told.previous->next = s->told.next;
	s->told.next->previous = s->told.previous;
	s->told.next = s->told.previous = &s->told;
}

void socket_forget(struct socket *s)
{
	unlink_told(s);
	s->news = 0;
}

static void disown(struct socket *s)
{
	if (!s->client)
		return;
	s->client->sockets--;
	s->client->bound -= binds(s->kind);
	s->client = NULL;
}

void socket_free(struct socket *s)
{
	socket_forget(s);
	disown(s);
	if (s->received)
		pbuf_free(s->received);
	s->received = NULL;
	s->kind = FREE;
	if (s->dirty)
		return; /* streams_output takes it out of its list, then it comes back here */
	put_free(s);
}

void socket_tell(struct socket *s, unsigned news)
{
	struct client *c = s->client;

	s->news |= (uint8_t)news;
	if (!c || s->kind == LINGERING || s->told.next != &s->told)
		return;
	s->told.next = &c->news;
	s->told.previous = c->news.previous;
	c->news.previous->next = &s->told;
	c->news.previous = &s->told;
}

void sockets_end(struct client *c)
{
	for (unsigned i = 0; i < NET_SOCKETS && c->sockets; i++) {
		struct socket *s = &sockets[i];

		if (s->kind == FREE || s->client != c)
			continue;
		if (s->kind == LINGERING)
			disown(s);
		else if (s->kind == DATAGRAMS)
			datagrams_close(s);
		else
			stream_abort(s);
	}
}
