/* The RESP server as an application. */
#include "redis.h"

#define SMALL_REPLY 64 /* most replies fit in this: with less room a command waits, rather than its reply */

struct server server;

uint32_t next_random(void)
{
	server.random ^= server.random << 13; /* xorshift32 (Marsaglia, 2003) */
	server.random ^= server.random >> 17;
	server.random ^= server.random << 5;
	return server.random;
}

static const char *start(const char *argument)
{
	(void)argument;
	server = (struct server){ .random = app_seed | 1, .started_ms = app_unix_ms };
	server.clients.next = server.clients.previous = &server.clients;
	commands_begin();
	return NULL;
}

static void stop(void)
{
	keys_clear();
}

static void *open_client(void)
{
	struct client *c;

	if (server.client_count >= CLIENTS_MOST || !(c = app_allocate(sizeof *c)))
		return NULL;
	memset(c, 0, sizeof *c);
	c->protocol = 2;
	c->id = ++server.clients_ever;
	c->previous = server.clients.previous; /* at the end: CLIENT LIST is in the order of their ids */
	c->next = &server.clients;
	c->previous->next = c;
	server.clients.previous = c;
	server.client_count++;
	return c;
}

static void close_client(void *connection)
{
	struct client *c = connection;

	request_free(c);
	reply_drop(c);
	transaction_forget(c);
	string_drop(c->name);
	string_drop(c->library);
	string_drop(c->library_version);
	c->next->previous = c->previous;
	c->previous->next = c->next;
	server.client_count--;
	app_release(c);
}

/* A reply that found no memory is taken back, and says so instead. */
static void replace_lost(struct client *c, uint8_t *out, size_t room)
{
	for (int attempt = 0; c->lost && attempt < 2; attempt++) {
		reply_drop(c);
		c->io->out = out;
		c->io->room = room;
		c->lost = false;
		reply_error(c, NO_MEMORY);
	}
	if (c->lost) { /* not even for that */
		reply_drop(c);
		c->io->out = out;
		c->io->room = room;
		c->closing = true;
		c->lost = false;
	}
}

static enum app_next run(void *connection, struct app_io *io)
{
	struct client *c = connection;
	const uint8_t *begun = io->out;

	c->io = io;
	for (;;) {
		enum request_state state;
		uint8_t *out;
		size_t room;

		if (c->pending && !reply_drain(c))
			return APP_ROOM;
		if (c->closing) {
			io->in_bytes = 0;
			return APP_CLOSE;
		}
		if (io->room < SMALL_REPLY && io->out != begun)
			return APP_ROOM;
		out = io->out;
		room = io->room;
		state = request_next(c);
		if (state == REQUEST_MORE)
			return io->end ? APP_CLOSE : APP_INPUT;
		if (state == REQUEST_READY)
			command_execute(c);
		if (c->lost)
			replace_lost(c, out, room);
		if (state != REQUEST_BAD)
			request_done(c);
	}
}

static void tick(void)
{
	keys_expire_some();
}

const struct app app = {
	.name = "redis",
	.port = 6379,
	.tick_ms = 100,
	.start = start,
	.stop = stop,
	.open = open_client,
	.run = run,
	.close = close_client,
	.tick = tick,
};
