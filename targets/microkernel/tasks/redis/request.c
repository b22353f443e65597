/* Requests: arrays of bulk strings, or a line of words. A command that is whole in the driver's input is taken from there without
 * a copy; one that is not is gathered in a buffer. */
#include "redis.h"

#define KEPT 16384 /* bytes of buffer that an idle client keeps at most */

static const uint8_t *base(const struct client *c)
{
	return c->request.buffer ? c->request.buffer + c->request.start : c->io->in;
}

static uint32_t available(const struct client *c)
{
	size_t bytes = c->request.buffer ? c->request.bytes - c->request.start : c->io->in_bytes;

	return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

static enum request_state bad(struct client *c, const char *why)
{
	reply_error(c, why);
	c->closing = true;
	return REQUEST_BAD;
}

static bool more_arguments(struct client *c)
{
	struct request *r = &c->request;
	bool inlined = c->argv == r->inline_arguments;
	struct span *more = app_resize(inlined ? NULL : c->argv, 2 * r->argument_capacity * sizeof *more);

	if (!more)
		return false;
	if (inlined)
		memcpy(more, c->argv, c->argc * sizeof *more);
	c->argv = more;
	r->argument_capacity *= 2;
	return true;
}

bool request_argument(struct client *c, struct span argument)
{
	if (c->argc == c->request.argument_capacity && !more_arguments(c))
		return false;
	c->argv[c->argc++] = argument;
	return true;
}

/* The end of a line -> its bytes, or -1 if it has not come. */
static int32_t line_bytes(struct span line)
{
	for (size_t i = 0; i + 1 < line.bytes && i <= LINE_MOST; i++)
		if (line.at[i] == '\r')
			return (int32_t)i;
	return -1;
}

/* What nearly all lengths are: a letter and a few digits, all of the line there. -> its bytes with its end, or 0: it is not so. */
static inline uint32_t short_length(struct span line, uint32_t *number)
{
	const uint8_t *at = line.at + 1, *end = line.at + (line.bytes < 9 ? line.bytes : 9) - 1;
	uint32_t value = 0;

	*number = 0;
	if (line.bytes < 4 || *at == '0')
		return 0;
	for (; at < end && (uint8_t)(*at - '0') <= 9; at++)
		value = value * 10 + *at - '0';
	*number = value;
	return at < end && *at == '\r' && at > line.at + 1 ? (uint32_t)(at + 2 - line.at) : 0;
}

/* A line of a letter and a number. EMPTY: read; its number is in *number, or INT64_MAX if it is none. */
static enum request_state length_line(struct client *c, struct span line, const char *too_long, int64_t *number)
{
	int32_t bytes = line_bytes(line);

	if (bytes < 0)
		return line.bytes > LINE_MOST ? bad(c, too_long) : REQUEST_MORE;
	if (!integer_get((struct span){ line.at + 1, (size_t)bytes - 1 }, number))
		*number = INT64_MAX;
	c->request.at += (uint32_t)bytes + 2;
	return REQUEST_EMPTY;
}

static enum request_state begin(struct client *c, struct span line)
{
	struct request *r = &c->request;
	enum request_state state;
	uint32_t small, taken = short_length(line, &small);
	int64_t count = small;

	r->at += taken;
	if (!taken) {
		state = length_line(c, line, "ERR Protocol error: too big mbulk count string", &count);
		if (state != REQUEST_EMPTY)
			return state;
	}
	if (count > ARGUMENTS_MOST)
		return bad(c, "ERR Protocol error: invalid multibulk length");
	if (count <= 0)
		return REQUEST_EMPTY;
	r->left = (uint32_t)count;
	r->begun = true;
	return REQUEST_READY;
}

static enum request_state not_a_bulk(struct client *c, struct span line)
{
	if (line_bytes(line) < 0 && line.bytes <= LINE_MOST)
		return REQUEST_MORE;
	reply_error_about(c, "ERR Protocol error: expected '$', got '", (struct span){ line.at, 1 }, "'");
	c->closing = true;
	return REQUEST_BAD;
}

static enum request_state next_length(struct client *c, struct span line)
{
	struct request *r = &c->request;
	enum request_state state;
	uint32_t small, taken;
	int64_t bytes;

	if (line.at[0] != '$')
		return not_a_bulk(c, line);
	taken = short_length(line, &small);
	bytes = small;
	r->at += taken;
	if (!taken) {
		state = length_line(c, line, "ERR Protocol error: too big bulk count string", &bytes);
		if (state != REQUEST_EMPTY)
			return state;
	}
	if (bytes < 0 || bytes > BULK_MOST)
		return bad(c, "ERR Protocol error: invalid bulk length");
	if (r->at + (uint32_t)bytes > REQUEST_MOST)
		return bad(c, "ERR Protocol error: too big request");
	r->bulk = (uint32_t)bytes;
	r->has_bulk = true;
	return REQUEST_READY;
}

static enum request_state parse_array(struct client *c, struct span whole)
{
	struct request *r = &c->request;
	enum request_state state;

	if (!r->begun && (state = begin(c, whole)) != REQUEST_READY)
		return state;
	while (r->left) {
		struct span rest = { whole.at + r->at, whole.bytes - r->at };

		if (!r->has_bulk) {
			if (!rest.bytes)
				return REQUEST_MORE;
			if ((state = next_length(c, rest)) != REQUEST_READY)
				return state;
		}
		if (whole.bytes - r->at < r->bulk + 2)
			return REQUEST_MORE;
		if (!request_argument(c, (struct span){ whole.at + r->at, r->bulk }))
			return bad(c, NO_MEMORY);
		r->at += r->bulk + 2; /* as Redis, what stands for the end of the line is not looked at */
		r->has_bulk = false;
		r->left--;
	}
	return REQUEST_READY;
}

/* All of the driver's input goes to the buffer. What is parsed of the command that it begins moves along. */
static bool gather(struct client *c)
{
	struct request *r = &c->request;
	const uint8_t *from = base(c);
	uint32_t had = r->buffer ? r->bytes - r->start : 0, needed;
	uint8_t *to = r->buffer;

	if (c->io->in_bytes > REQUEST_MOST)
		return false;
	needed = had + (uint32_t)c->io->in_bytes;
	if (had && r->start)
		memmove(r->buffer, from, had);
	if (needed > r->capacity) {
		uint32_t capacity = r->capacity > KEPT / 2 ? 2 * r->capacity : KEPT;

		if (capacity < needed)
			capacity = needed;
		if (!(to = app_resize(r->buffer, capacity)))
			return false;
		r->capacity = capacity;
	}
	memcpy(to + had, c->io->in, c->io->in_bytes);
	for (uint32_t i = 0; to != from && i < c->argc; i++)
		c->argv[i].at = to + (c->argv[i].at - from);
	r->buffer = to;
	r->start = 0;
	r->bytes = needed;
	c->io->in += c->io->in_bytes;
	c->io->in_bytes = 0;
	return true;
}

static enum request_state parse_inline(struct client *c)
{
	const uint8_t *line = base(c);
	uint32_t bytes = available(c), end = c->request.at; /* what has been looked at has no end of line */

	while (end < bytes && line[end] != '\n')
		end++;
	c->request.at = end;
	if (end == bytes)
		return end > LINE_MOST ? bad(c, "ERR Protocol error: too big inline request") : REQUEST_MORE;
	if (!c->request.buffer && !gather(c)) /* where quotes may be undone in place */
		return bad(c, NO_MEMORY);
	c->request.at = end + 1;
	switch (inline_split(c, c->request.buffer + c->request.start, end)) {
	case INLINE_UNBALANCED: return bad(c, "ERR Protocol error: unbalanced quotes in request");
	case INLINE_NO_MEMORY: return bad(c, NO_MEMORY);
	default: return c->argc ? REQUEST_READY : REQUEST_EMPTY;
	}
}

enum request_state request_next(struct client *c)
{
	struct request *r = &c->request;
	enum request_state state;

	if (!c->argv) {
		c->argv = r->inline_arguments;
		r->argument_capacity = ARGUMENTS_INLINE;
	}
	if (r->buffer && c->io->in_bytes && !gather(c))
		return bad(c, NO_MEMORY);
	if (!available(c))
		return REQUEST_MORE;
	state = base(c)[0] == '*' ? parse_array(c, (struct span){ base(c), available(c) }) : parse_inline(c);
	if (state == REQUEST_MORE && c->io->in_bytes && !gather(c))
		return bad(c, NO_MEMORY);
	if (state == REQUEST_BAD) /* nothing after it is a request */
		c->io->in_bytes = 0;
	return state;
}

static void buffer_drop(struct request *r)
{
	app_release(r->buffer);
	r->buffer = NULL;
	r->bytes = r->capacity = r->start = 0;
}

void request_done(struct client *c)
{
	struct request *r = &c->request;

	if (r->buffer) {
		r->start += r->at;
		if (r->start >= r->bytes)
			buffer_drop(r);
	} else {
		c->io->in += r->at;
		c->io->in_bytes -= r->at;
	}
	if (r->argument_capacity > ARGUMENTS_INLINE) {
		app_release(c->argv);
		c->argv = r->inline_arguments;
		r->argument_capacity = ARGUMENTS_INLINE;
	}
	c->argc = 0;
	r->at = r->left = 0;
	r->begun = r->has_bulk = false;
}

void request_free(struct client *c)
{
	if (c->request.argument_capacity > ARGUMENTS_INLINE)
		app_release(c->argv);
	buffer_drop(&c->request);
}
