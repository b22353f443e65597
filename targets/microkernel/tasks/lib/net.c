/* Plain sockets over batches: each call exchanges until what it waits for has come; what came for other sockets is kept for them. */
#include "net.h"

#define KEPT_MOST 32768u          /* bytes of a stream, then the server is told to hold it */
#define SLICE_US 10000000u        /* of a long wait */

enum state { UNUSED, BINDING, LISTENING, CONNECTING, OPEN, DATAGRAM_SOCKET, LOST };

struct datagram { struct datagram *next; uint32_t address; uint16_t port, bytes; uint8_t data[]; };

static struct own {
	enum state state;
	uint32_t number, room, address;
	uint16_t port;
	int error;
	bool ended, held;
	unsigned listener;        /* of one that was not accepted yet: its listener's index + 1 */
	uint8_t *kept;
	size_t kept_bytes, kept_room;
	struct datagram *datagrams;
} sockets[NET_OWN_SOCKETS];

static struct net_batch batch;

static struct own *make(enum state state)
{
	for (unsigned i = 0; i < NET_OWN_SOCKETS; i++)
		if (sockets[i].state == UNUSED) {
			sockets[i] = (struct own){ .state = state };
			return &sockets[i];
		}
	return NULL;
}

static struct own *own_of(int socket, enum state state)
{
	struct own *s = socket >= 0 && socket < NET_OWN_SOCKETS ? &sockets[socket] : NULL;

	return s && (s->state == state || s->state == LOST) ? s : NULL;
}

static void put_value(unsigned kind, const struct own *s, uint32_t value)
{
	struct net_record *r = net_put(&batch, kind, s->number, 0);

	if (r)
		r->value = value;
}

/* ---- What events do ---- */

static void opened(const struct net_record *r)
{
	struct own *s = &sockets[(r->tag - 1) % NET_OWN_SOCKETS];

	if (s->state == LISTENING) {
		unsigned listener = r->tag;

		s = make(OPEN);
		if (!s) {
			net_put(&batch, NET_ABORT, r->socket, 0);
			return;
		}
		s->number = r->socket;
		s->listener = listener;
	} else if (s->state != CONNECTING) { /* of a listener closed meanwhile */
		net_put(&batch, NET_ABORT, r->socket, 0);
		return;
	}
	s->state = OPEN;
	s->room = NET_SEND_MOST;
	s->address = r->value;
	s->port = r->port;
}

static void keep(struct own *s, const struct net_record *r)
{
	size_t bytes = s->kept_bytes + r->bytes;

	if (bytes > s->kept_room) {
		uint8_t *more = mk_resize(s->kept, bytes * 2);

		if (!more) {
			put_value(NET_ABORT, s, 0);
			s->state = LOST;
			s->error = MK_EMEMORY;
			return;
		}
		s->kept = more;
		s->kept_room = bytes * 2;
	}
	memcpy(s->kept + s->kept_bytes, r + 1, r->bytes);
	s->kept_bytes = bytes;
	s->room = r->value;
	if (bytes > KEPT_MOST && !s->held) {
		s->held = true;
		put_value(NET_HOLD, s, 1);
	}
}

static void keep_datagram(struct own *s, const struct net_record *r)
{
	struct datagram *d = mk_alloc(sizeof *d + r->bytes), **last = &s->datagrams;

	if (!d)
		return; /* lost, as they may be */
	*d = (struct datagram){ NULL, r->value, r->port, r->bytes };
	memcpy(d->data, r + 1, r->bytes);
	while (*last)
		last = &(*last)->next;
	*last = d;
}

static void bound(struct own *s, const struct net_record *r)
{
	s->number = r->socket;
	s->error = (int)r->value;
	s->port = r->port;
	if (s->error)
		s->state = LOST;
}

static void handle(const struct net_record *r)
{
	struct own *s = NULL;

	if (r->kind == NET_BOUND)
		bound(&sockets[(r->tag - 1) % NET_OWN_SOCKETS], r);
	else if (r->kind == NET_OPENED)
		opened(r);
	for (unsigned i = 0; i < NET_OWN_SOCKETS && !s; i++)
		if (sockets[i].state != UNUSED && sockets[i].number == r->socket)
			s = &sockets[i];
	if (!s)
		return;
	if (r->kind == NET_DATA) {
		keep(s, r);
	} else if (r->kind == NET_DATAGRAM) {
		keep_datagram(s, r);
	} else if (r->kind == NET_ROOM) {
		s->room = r->value;
	} else if (r->kind == NET_ENDED) {
		s->ended = true;
	} else if (r->kind == NET_CLOSED) {
		s->state = LOST;
		s->error = (int)r->value;
	}
}

/* Without the server there are no sockets. */
static int server_lost(void)
{
	for (unsigned i = 0; i < NET_OWN_SOCKETS; i++)
		if (sockets[i].state != UNUSED) {
			sockets[i].state = LOST;
			sockets[i].error = MK_EDEAD;
		}
	return MK_EDEAD;
}

static int exchange(unsigned us)
{
	int error = net_exchange(&batch, us);

	if (error)
		return error == MK_EDEAD ? server_lost() : error;
	for (const struct net_record *r; (r = net_next(&batch));)
		handle(r);
	return 0;
}

/* Exchanges once, for at most what is left of a wait; MK_ETIMEOUT: nothing is left of it. */
static int wait(unsigned *us)
{
	unsigned slice = *us < SLICE_US ? *us : SLICE_US;
	uint64_t began;
	int error;

	if (!slice)
		return MK_ETIMEOUT;
	began = mk_time_us();
	error = exchange(slice);
	if (*us != NET_FOR_EVER) {
		uint64_t past = mk_time_us() - began;

		*us -= past < *us ? (unsigned)past : *us;
	}
	return error;
}

/* ---- Making and closing ---- */

static int begin(unsigned kind, enum state state, uint32_t address, uint16_t port)
{
	struct own *s;
	struct net_record *r;
	unsigned us = NET_FOR_EVER;
	int error = 0;

	if (!batch.port && !net_batch_open(&batch))
		return MK_EMEMORY;
	s = make(BINDING);
	r = s ? net_put(&batch, kind, 0, 0) : NULL;
	if (!r)
		return s ? (s->state = UNUSED, server_lost()) : MK_EFULL;
	r->value = address;
	r->port = port;
	r->tag = (uint16_t)(s - sockets + 1);
	s->state = state;
	while (!s->number && s->state == state && !error)
		error = wait(&us);
	if (s->state != LOST && !error)
		return (int)(s - sockets);
	error = s->state == LOST ? s->error : error;
	s->state = UNUSED;
	return error;
}

int net_listen(uint16_t port) { return begin(NET_LISTEN, LISTENING, 0, port); }
int net_datagrams(uint16_t port) { return begin(NET_DATAGRAMS, DATAGRAM_SOCKET, 0, port); }

int net_connect(uint32_t address, uint16_t port, unsigned us)
{
	int socket = begin(NET_CONNECT, CONNECTING, address, port), error = 0;

	while (socket >= 0 && sockets[socket].state == CONNECTING && !error)
		error = wait(&us);
	if (socket < 0 || sockets[socket].state == OPEN)
		return socket;
	error = sockets[socket].state == LOST ? sockets[socket].error : error;
	net_close(socket);
	return error;
}

int net_accept(int listener, unsigned us)
{
	struct own *l = own_of(listener, LISTENING);

	if (!l)
		return MK_EHANDLE;
	for (int error = 0;;) {
		for (int i = 0; i < NET_OWN_SOCKETS; i++)
			if (sockets[i].state != UNUSED && sockets[i].listener == (unsigned)listener + 1) {
				sockets[i].listener = 0;
				return i;
			}
		if (error || l->state == LOST)
			return error ? error : l->error;
		error = wait(&us);
	}
}

void net_close(int socket)
{
	struct own *s = socket >= 0 && socket < NET_OWN_SOCKETS ? &sockets[socket] : NULL;

	if (!s || s->state == UNUSED)
		return;
	if (s->state != LOST) {
		put_value(NET_CLOSE, s, 0);
		net_flush(&batch);
	}
	mk_free(s->kept);
	for (struct datagram *d = s->datagrams, *next; d; d = next) {
		next = d->next;
		mk_free(d);
	}
	s->state = UNUSED;
}

int net_peer(int socket, uint32_t *address, uint16_t *port)
{
	const struct own *s = own_of(socket, OPEN);

	if (!s)
		return MK_EHANDLE;
	*address = s->address;
	*port = s->port;
	return 0;
}

/* ---- Data ---- */

int net_receive(int socket, void *to, size_t bytes, unsigned us)
{
	struct own *s = own_of(socket, OPEN);
	int error = 0;

	while (s && !s->kept_bytes && !s->ended && s->state != LOST && !error)
		error = wait(&us);
	if (!s)
		return MK_EHANDLE;
	if (!s->kept_bytes)
		return s->ended ? 0 : s->state == LOST ? s->error : error;
	if (bytes > s->kept_bytes)
		bytes = s->kept_bytes;
	memcpy(to, s->kept, bytes);
	s->kept_bytes -= bytes;
	memmove(s->kept, s->kept + bytes, s->kept_bytes);
	if (s->held && s->kept_bytes <= KEPT_MOST / 2 && s->state == OPEN) {
		s->held = false;
		put_value(NET_HOLD, s, 0);
	}
	return (int)bytes;
}

int net_send(int socket, const void *data, size_t bytes, unsigned us)
{
	struct own *s = own_of(socket, OPEN);
	const uint8_t *from = data;
	int error = 0;

	if (!s)
		return MK_EHANDLE;
	while (bytes && s->state != LOST && !error) {
		size_t piece = bytes < s->room ? bytes : s->room;
		struct net_record *r = piece ? net_put(&batch, NET_SEND, s->number, (unsigned)piece) : NULL;

		if (piece && !r)
			return server_lost();
		if (piece)
			memcpy(r + 1, from, piece);
		from += piece;
		bytes -= piece;
		s->room -= (uint32_t)piece;
		if (bytes && !s->room) {
			put_value(NET_WANT_ROOM, s, NET_SEND_MOST / 2);
			error = wait(&us);
		}
	}
	if (s->state != LOST && !error)
		error = net_flush(&batch) ? server_lost() : 0;
	return s->state == LOST ? s->error : error;
}

int net_send_to(int socket, uint32_t address, uint16_t port, const void *data, size_t bytes)
{
	struct own *s = own_of(socket, DATAGRAM_SOCKET);
	struct net_record *r;

	if (!s || s->state == LOST)
		return s ? s->error : MK_EHANDLE;
	if (bytes > NET_DATAGRAM_MOST)
		return MK_EARGUMENT;
	r = net_put(&batch, NET_SEND_TO, s->number, (unsigned)bytes);
	if (!r)
		return server_lost();
	r->value = address;
	r->port = port;
	memcpy(r + 1, data, bytes);
	return net_flush(&batch) ? server_lost() : 0;
}

int net_receive_from(int socket, uint32_t *address, uint16_t *port, void *to, size_t bytes, unsigned us)
{
	struct own *s = own_of(socket, DATAGRAM_SOCKET);
	struct datagram *d;
	int error = 0, whole;

	while (s && !s->datagrams && s->state != LOST && !error)
		error = wait(&us);
	if (!s || !s->datagrams)
		return !s ? MK_EHANDLE : s->state == LOST ? s->error : error;
	d = s->datagrams;
	s->datagrams = d->next;
	*address = d->address;
	*port = d->port;
	whole = d->bytes;
	memcpy(to, d->data, d->bytes < bytes ? d->bytes : bytes);
	mk_free(d);
	return whole;
}
