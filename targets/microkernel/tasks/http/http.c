/* The HTTP server as an application: requests one after another on a connection, each answered before the next is looked at. */
#include "http.h"

#define HEAD_STEP 1024 /* a head that comes in pieces is gathered in a buffer that doubles from this */

static uint32_t connections;

static const char *start(const char *argument)
{
	(void)argument;
	connections = 0;
	return NULL;
}

static void stop(void)
{
}

static void *open_connection(void)
{
	struct connection *c;

	if (connections >= CONNECTIONS_MOST || !(c = app_allocate(sizeof *c)))
		return NULL;
	memset(c, 0, sizeof *c);
	connections++;
	return c;
}

static void close_connection(void *connection)
{
	struct connection *c = connection;

	if (c->sending)
		app_file_close(&c->file);
	app_release(c->head);
	app_release(c->pending.bytes);
	app_release(c);
	connections--;
}

/* ---- output ---- */

bool connection_put(struct connection *c, struct app_io *io, struct span bytes)
{
	if (pending_put(&c->pending, io, bytes.at, bytes.bytes))
		return true;
	c->closing = true; /* cut off: the end of the connection is all that tells */
	return false;
}

/* As much of the file as there is room for. */
static bool file_put(struct connection *c, struct app_io *io)
{
	size_t n = c->left < io->room ? c->left : io->room, got = n ? app_file_read(&c->file, c->offset, io->out, n) : 0;

	io->out += got;
	io->room -= got;
	c->offset += (uint32_t)got;
	c->left -= (uint32_t)got;
	if (got < n) { /* shorter than it was said to be: nothing but the end of the connection tells */
		c->left = 0;
		c->closing = true;
	}
	if (c->left)
		return false;
	app_file_close(&c->file);
	c->sending = false;
	return true;
}

/* ---- input ---- */

/* Looks for the end of the head: an empty line, even if the lines end wrongly, which is for the parser to refuse. -> its bytes in
 * this piece, or 0: it does not end here. */
static size_t head_end(struct connection *c, struct span piece)
{
	const uint8_t *at = piece.at, *end = at + piece.bytes;
	uint8_t seen = c->end_of_line;

	while (at < end) {
		uint8_t byte = *at++;

		if (byte == '\n') {
			if (seen)
				return (size_t)(at - piece.at);
			seen = 1;
			c->line_over = true;
		} else if (byte == '\r' && seen == 1) {
			seen = 2;
		} else {
			seen = 0;
			while (at < end && *at > '\r')
				at++;
		}
	}
	c->end_of_line = seen;
	return 0;
}

static bool gather(struct connection *c, struct span piece)
{
	uint32_t needed = c->head_bytes + (uint32_t)piece.bytes, capacity = c->head_capacity ? c->head_capacity : HEAD_STEP;
	uint8_t *head;

	while (capacity < needed)
		capacity *= 2;
	if (capacity != c->head_capacity) {
		if (!(head = app_resize(c->head, capacity)))
			return false;
		c->head = head;
		c->head_capacity = capacity;
	}
	memcpy(c->head + c->head_bytes, piece.at, piece.bytes);
	c->head_bytes = needed;
	return true;
}

static void head_over(struct connection *c)
{
	app_release(c->head);
	c->head = NULL;
	c->head_bytes = c->head_capacity = 0;
	c->end_of_line = 0;
	c->line_over = false;
}

/* Empty lines before a request are no part of it (RFC 9112 section 2.2). */
static struct span without_empty_lines(struct span head)
{
	while (head.bytes >= 2 && head.at[0] == '\r' && head.at[1] == '\n') {
		head.at += 2;
		head.bytes -= 2;
	}
	return head;
}

static void handle(struct connection *c, struct app_io *io, struct span head)
{
	struct request request;
	unsigned refused;

	head = without_empty_lines(head);
	if (!head.bytes)
		return;
	refused = request_parse(head, &request);
	if (refused) {
		answer_error(c, io, refused);
	} else {
		answer(c, io, &request);
		body_begin(&c->body, &request);
	}
}

/* Takes what there is of a head; false: it is not whole. */
static bool head_take(struct connection *c, struct app_io *io)
{
	struct span piece = { io->in, io->in_bytes };
	size_t end = head_end(c, piece), whole;
	bool over = end > 0;

	if (over)
		piece.bytes = end;
	whole = c->head_bytes + piece.bytes;
	if (whole > HEAD_MOST || (!c->line_over && whole > TARGET_MOST + 64)) {
		answer_error(c, io, c->line_over ? 431 : 414);
		return true;
	}
	io->in += piece.bytes;
	io->in_bytes -= piece.bytes;
	if (c->head || !over) {
		if (!gather(c, piece)) {
			answer_error(c, io, 500);
			return true;
		}
		piece = (struct span){ c->head, c->head_bytes };
	}
	if (!over)
		return false;
	handle(c, io, piece);
	head_over(c);
	return true;
}

static enum app_next run(void *connection, struct app_io *io)
{
	struct connection *c = connection;

	for (;;) {
		if (!pending_go_on(&c->pending, io) || (c->sending && !file_put(c, io)))
			return APP_ROOM;
		if (c->closing) {
			io->in_bytes = 0;
			return APP_CLOSE;
		}
		if (c->body.state != BODY_NONE && !body_skip(&c->body, io)) {
			c->closing = true; /* answered already; what follows cannot be told from the body */
			continue;
		}
		if (!io->in_bytes)
			return io->end ? APP_CLOSE : APP_INPUT;
		if (!head_take(c, io))
			return io->end ? APP_CLOSE : APP_INPUT;
	}
}

const struct app app = {
	.name = "http",
	.port = 80,
	.idle_s = 75,
	.start = start,
	.stop = stop,
	.open = open_connection,
	.run = run,
	.close = close_connection,
};
