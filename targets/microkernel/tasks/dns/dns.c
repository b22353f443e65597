/* The DNS server as an application: datagrams, and messages with their length in front on a connection (RFC 7766). */
#include "dns.h"
#include "pending.h"

struct connection {
	struct pending pending;
	uint32_t got;                      /* bytes of a message in pieces, with its length */
	uint8_t query[2 + QUERY_MOST];
};

static uint32_t connections;

/* The zone's file: the argument, or the first one of the file tree that ends in ".zone". */
static const char *start(const char *argument)
{
	static char path[APP_NAME + 1];
	const char *wrong = NULL;

	connections = 0;
	if (argument)
		return zone_load(argument);
	path[0] = '/';
	for (unsigned i = 0; app_file_list("/", i, path + 1); i++) {
		size_t n = strlen(path);

		if (n > 6 && !memcmp(path + n - 5, ".zone", 5))
			return zone_load(path);
	}
	wrong = "no file that ends in .zone";
	return wrong;
}

static void stop(void)
{
	zone_clear();
}

static void *open_connection(void)
{
	struct connection *c;

	if (connections >= CONNECTIONS_MOST || !(c = app_allocate(sizeof *c)))
		return NULL;
	c->pending.bytes = NULL;
	c->got = 0;
	connections++;
	return c;
}

static void close_connection(void *connection)
{
	struct connection *c = connection;

	app_release(c->pending.bytes);
	app_release(c);
	connections--;
}

static bool reply(struct connection *c, struct app_io *io, const uint8_t *query, size_t bytes)
{
	static uint8_t message[2 + MESSAGE_MOST];
	size_t n = answer(query, bytes, message + 2, MESSAGE_MOST, false);

	set16(message, (uint32_t)n);
	return !n || pending_put(&c->pending, io, message, 2 + n);
}

/* Takes up to the end of a message -> whether it is whole; more than QUERY_MOST is no query: *bad. */
static bool message_take(struct connection *c, struct app_io *io, bool *bad)
{
	for (;;) {
		size_t whole = c->got < 2 ? 2 : 2u + get16(c->query), n = whole - c->got;

		if (whole > sizeof c->query) {
			*bad = true;
			return false;
		}
		if (!n)
			return true;
		if (n > io->in_bytes)
			n = io->in_bytes;
		if (!n)
			return false;
		memcpy(c->query + c->got, io->in, n);
		c->got += (uint32_t)n;
		io->in += n;
		io->in_bytes -= n;
	}
}

static enum app_next run(void *connection, struct app_io *io)
{
	struct connection *c = connection;
	bool bad = false;

	for (;;) {
		if (!pending_go_on(&c->pending, io))
			return APP_ROOM;
		if (!message_take(c, io, &bad)) {
			if (bad)
				io->in_bytes = 0;
			return bad || io->end ? APP_CLOSE : APP_INPUT;
		}
		c->got = 0;
		if (!reply(c, io, c->query + 2, get16(c->query))) {
			io->in_bytes = 0;
			return APP_CLOSE;
		}
	}
}

static size_t datagram(const uint8_t *in, size_t bytes, uint8_t *out, size_t room)
{
	return answer(in, bytes, out, room, true);
}

const struct app app = {
	.name = "dns",
	.port = 53,
	.idle_s = 30,
	.start = start,
	.stop = stop,
	.open = open_connection,
	.run = run,
	.close = close_connection,
	.datagram = datagram,
};
