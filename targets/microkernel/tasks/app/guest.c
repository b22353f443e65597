/* An application in the guest: app.h's functions, and the loop that turns the network server's events into calls of run().
 * run() reads from the pages in which the events came and writes into those in which the actions go: nothing is copied here
 * but input that it could not take. */
#include "../lib/net.h"
#include "app.h"
#include "guest.h"

#define ROOM_LEAST 4096u          /* of the area of actions, before run() is called */
#define WAKE_ROOM 16384u          /* of a connection that had none */
#define LOOK_MS 1000u             /* at those that are silent */
#define SLEEP_MS 10000u

uint64_t app_unix_ms;
uint32_t app_seed;

/* Silent: for how long. Held: the server keeps what comes, until what is left of the input here has been taken. */
struct connection {
	struct connection *next, *previous;
	void *of_app;
	uint32_t socket, room;    /* room: for sending */
	unsigned turn, sent;      /* sent: in that turn */
	uint64_t last_ms;
	bool ended, held;         /* ended: the peer sends no more */
	uint8_t *rest;            /* input that waits for room */
	size_t rest_at, rest_bytes;
};

static struct net_batch batch;
static struct connection *connections[NET_SOCKETS];
static struct connection all = { .next = &all, .previous = &all };
static unsigned turn;             /* of events: numbers them */
static bool ready;

void *app_allocate(size_t bytes) { return mk_alloc(bytes); }
void *app_resize(void *memory, size_t bytes) { return mk_resize(memory, bytes); }
void app_release(void *memory) { mk_free(memory); }

/* ---- Connections ---- */

static struct connection *connection_of(uint32_t socket)
{
	struct connection *c = connections[socket % NET_SOCKETS];

	return c && c->socket == socket ? c : NULL;
}

static void forget(struct connection *c)
{
	app.close(c->of_app);
	connections[c->socket % NET_SOCKETS] = NULL;
	c->next->previous = c->previous;
	c->previous->next = c->next;
	mk_free(c->rest);
	mk_free(c);
}

static void end(struct connection *c, unsigned how)
{
	net_put(&batch, how, c->socket, 0);
	forget(c);
}

static void opened(const struct net_record *r)
{
	struct connection *c = mk_alloc(sizeof *c);

	if (c)
		*c = (struct connection){ .socket = r->socket, .room = NET_SEND_MOST, .last_ms = app_unix_ms, .of_app = app.open() };
	if (!c || !c->of_app) {
		mk_free(c);
		net_put(&batch, NET_ABORT, r->socket, 0);
		return;
	}
	connections[c->socket % NET_SOCKETS] = c;
	c->previous = &all;
	c->next = all.next;
	all.next->previous = c;
	all.next = c;
}

/* What the server says of a connection's room was so before anything was sent in this turn. */
static void room_is(struct connection *c, uint32_t room)
{
	uint32_t sent = c->turn == turn ? c->sent : 0;

	c->room = room > sent ? room - sent : 0;
}

static void sent(struct connection *c, uint32_t bytes)
{
	c->sent = (c->turn == turn ? c->sent : 0) + bytes;
	c->turn = turn;
	c->room -= bytes;
}

/* One call of run(), on what there is of input; what it took is gone from there. */
static enum app_next step(struct connection *c, const uint8_t **in, size_t *bytes)
{
	struct net_record *r;
	struct app_io io = { .in = *in, .in_bytes = *bytes, .end = c->ended };
	enum app_next next;
	size_t room;

	if (net_room(&batch) < ROOM_LEAST)
		net_flush(&batch);
	room = net_room(&batch) < c->room ? net_room(&batch) : c->room;
	r = net_put(&batch, NET_SEND, c->socket, (unsigned)room);
	if (!r)
		return APP_CLOSE;
	io.out = (uint8_t *)(r + 1);
	io.room = room;
	next = app.run(c->of_app, &io);
	*in = io.in;
	*bytes = io.in_bytes;
	sent(c, (uint32_t)(room - io.room));
	if (io.room == room)
		net_take_back(&batch, r);
	else
		net_trim(&batch, r, (unsigned)(room - io.room));
	return next;
}

static void put_value(unsigned kind, const struct connection *c, uint32_t value)
{
	struct net_record *r = net_put(&batch, kind, c->socket, 0);

	if (r)
		r->value = value;
}

/* Input that waits for room. The server is to keep what else comes, and to say when there is room. */
static bool keep(struct connection *c, const uint8_t *in, size_t bytes)
{
	if (c->rest) {
		c->rest_at = (size_t)(in - c->rest);
	} else if (bytes) {
		c->rest = mk_alloc(bytes);
		if (!c->rest)
			return false;
		memcpy(c->rest, in, bytes);
		c->rest_at = 0;
	}
	c->rest_bytes = bytes;
	if (!c->held)
		put_value(NET_HOLD, c, 1);
	c->held = true;
	put_value(NET_WANT_ROOM, c, WAKE_ROOM);
	return true;
}

static void release(struct connection *c)
{
	mk_free(c->rest);
	c->rest = NULL;
	c->rest_bytes = 0;
	c->held = false;
	put_value(NET_HOLD, c, 0);
}

/* Runs the application until it wants input, has no room or is done. */
static void pump(struct connection *c, const uint8_t *in, size_t bytes)
{
	enum app_next next = APP_ROOM;

	while (next == APP_ROOM && c->room) /* with room it was the area that was full */
		next = step(c, &in, &bytes);
	if (next == APP_CLOSE)
		end(c, NET_CLOSE);
	else if (next == APP_ROOM && !keep(c, in, bytes))
		end(c, NET_ABORT);
	else if (next == APP_INPUT && c->held)
		release(c);
}

static void with_more(struct connection *c, const struct net_record *r)
{
	c->last_ms = app_unix_ms;
	room_is(c, r->value);
	if (r->kind == NET_ROOM)
		pump(c, c->rest + c->rest_at, c->rest_bytes);
	else if (c->held)
		end(c, NET_ABORT); /* nothing should come */
	else
		pump(c, (const uint8_t *)(r + 1), r->bytes);
}

static void peer_ended(struct connection *c)
{
	c->ended = true;
	if (!c->held)
		pump(c, NULL, 0);
}

/* ---- The loop ---- */

static void answer_datagram(const struct net_record *in)
{
	struct net_record *r;
	size_t bytes;

	if (net_room(&batch) < APP_DATAGRAM)
		net_flush(&batch);
	r = net_put(&batch, NET_SEND_TO, in->socket, APP_DATAGRAM);
	if (!r)
		return;
	r->value = in->value;
	r->port = in->port;
	bytes = app.datagram((const uint8_t *)(in + 1), in->bytes, (uint8_t *)(r + 1), APP_DATAGRAM);
	if (bytes)
		net_trim(&batch, r, (unsigned)bytes);
	else
		net_take_back(&batch, r);
}

static void bound(const struct net_record *r)
{
	static unsigned count;

	if (r->value)
		mk_fail("%s: port %u: %d", app.name, r->port, (int)r->value);
	if (!ready && ++count == (app.datagram ? 2 : 1)) {
		ready = true;
		mk_print("@@MK READY %s@@\n", app.name);
	}
}

static void handle(const struct net_record *r)
{
	struct connection *c = connection_of(r->socket);

	if (r->kind == NET_DATAGRAM)
		answer_datagram(r);
	else if (r->kind == NET_OPENED)
		opened(r);
	else if (r->kind == NET_BOUND)
		bound(r);
	else if (!c)
		return;
	else if (r->kind == NET_DATA || r->kind == NET_ROOM)
		with_more(c, r);
	else if (r->kind == NET_ENDED)
		peer_ended(c);
	else if (r->kind == NET_CLOSED)
		forget(c);
}

static void close_the_idle(void)
{
	for (struct connection *c = all.next, *next; c != &all; c = next) {
		next = c->next;
		if (app_unix_ms - c->last_ms > app.idle_s * 1000u)
			end(c, NET_CLOSE);
	}
}

/* -> how long until there is something to do again */
static uint32_t periodic(void)
{
	static uint64_t tick_ms, look_ms;
	uint32_t sleep = SLEEP_MS;

	if (app.tick_ms) {
		if (app_unix_ms >= tick_ms) {
			app.tick();
			tick_ms = app_unix_ms + app.tick_ms;
		}
		sleep = (uint32_t)(tick_ms - app_unix_ms);
	}
	if (app.idle_s) {
		if (app_unix_ms >= look_ms) {
			close_the_idle();
			look_ms = app_unix_ms + LOOK_MS;
		}
		sleep = sleep < LOOK_MS ? sleep : LOOK_MS;
	}
	return sleep < SLEEP_MS ? sleep : SLEEP_MS;
}

/* Also when the server has gone: then its sockets have, and the next server has none of ours. */
static void listen(void)
{
	struct net_record *r;

	while (all.next != &all)
		forget(all.next);
	if (!net_batch_open(&batch))
		mk_fail("%s: no memory", app.name);
	r = net_put(&batch, NET_LISTEN, 0, 0);
	r->port = app.port;
	if (!app.datagram)
		return;
	r = net_put(&batch, NET_DATAGRAMS, 0, 0);
	r->port = app.port;
}

int main(void)
{
	const char *wrong;

	app_unix_ms = mk_unix_ms();
	app_seed = mk_cycles() ^ (uint32_t)mk_counter() * 2654435761u;
	wrong = app.start(guest_files());
	if (wrong)
		mk_fail("%s: %s", app.name, wrong);
	for (listen();;) {
		uint32_t sleep_ms = periodic();
		int error = net_exchange(&batch, (mk_unix_sharpen() ? sleep_ms : 1) * 1000);

		turn++;
		app_unix_ms = mk_unix_ms();
		if (error)
			listen();
		for (const struct net_record *r; (r = net_next(&batch));)
			handle(r);
	}
}
