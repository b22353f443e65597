/* Replies: straight into the send buffer while there is room, else into segments that wait for it. */
#include "redis.h"

static uint8_t sink[SEGMENT]; /* where what finds no memory goes */

static struct segment *segment_new(struct client *c, uint32_t capacity)
{
	struct segment *s = app_allocate(sizeof *s + capacity);

	if (!s) {
		c->lost = true;
		return NULL;
	}
	s->next = NULL;
	s->owner = NULL;
	s->at = s->own;
	s->bytes = 0;
	s->capacity = capacity;
	if (c->pending)
		c->pending_last->next = s;
	else
		c->pending = s;
	c->pending_last = s;
	return s;
}

/* So many bytes (SEGMENT at most) in one piece: to be filled, then counted by took(). */
static inline uint8_t *room_for(struct client *c, uint32_t bytes)
{
	struct segment *s = c->pending_last;

	if (!c->pending) {
		if (c->io->room >= bytes)
			return c->io->out;
		s = segment_new(c, SEGMENT);
	} else if (s->capacity - s->bytes < bytes) {
		s = segment_new(c, SEGMENT);
	}
	return s ? s->own + s->bytes : sink;
}

static inline void took(struct client *c, size_t bytes)
{
	if (c->lost)
		return;
	if (c->pending) {
		c->pending_last->bytes += (uint32_t)bytes;
	} else {
		c->io->out += bytes;
		c->io->room -= bytes;
	}
}

static void segment_pop(struct client *c)
{
	struct segment *s = c->pending;

	c->pending = s->next;
	string_drop(s->owner);
	app_release(s);
}

bool reply_drain(struct client *c)
{
	while (c->pending) {
		struct segment *s = c->pending;
		size_t n = s->bytes < c->io->room ? s->bytes : c->io->room;

		memcpy(c->io->out, s->at, n);
		c->io->out += n;
		c->io->room -= n;
		s->at += n;
		s->bytes -= (uint32_t)n;
		if (s->bytes)
			return false;
		segment_pop(c);
	}
	return true;
}

void reply_drop(struct client *c)
{
	while (c->pending)
		segment_pop(c);
}

void reply_raw(struct client *c, const void *bytes, size_t count)
{
	const uint8_t *from = bytes;

	while (count) {
		size_t n = count < SEGMENT ? count : SEGMENT;

		memcpy(room_for(c, (uint32_t)n), from, n);
		took(c, n);
		from += n;
		count -= n;
	}
}

/* integer_put(), quick for what most numbers are. */
static inline size_t small_put(uint8_t *to, int64_t number)
{
	uint32_t small = (uint32_t)number;

	if (number < 0 || number >= 100)
		return integer_put(to, number);
	if (small < 10) {
		to[0] = (uint8_t)('0' + small);
		return 1;
	}
	to[0] = (uint8_t)('0' + small / 10);
	to[1] = (uint8_t)('0' + small % 10);
	return 2;
}

/* A type's letter, a number, the end of the line. */
static void reply_head(struct client *c, char type, int64_t number)
{
	uint8_t *at = room_for(c, NUMBER_MOST + 3);
	size_t n = 1;

	at[0] = (uint8_t)type;
	n += small_put(at + 1, number);
	at[n++] = '\r';
	at[n++] = '\n';
	took(c, n);
}

void reply_simple(struct client *c, const char *text)
{
	reply_raw(c, "+", 1);
	reply_raw(c, text, strlen(text));
	reply_raw(c, "\r\n", 2);
}

void reply_ok(struct client *c)
{
	reply_raw(c, "+OK\r\n", 5);
}

void reply_error(struct client *c, const char *text)
{
	reply_error_about(c, text, TEXT(""), "");
}

void reply_error_about(struct client *c, const char *before, struct span what, const char *after)
{
	reply_raw(c, "-", 1);
	reply_raw(c, before, strlen(before));
	for (size_t i = 0; i < what.bytes; i++) { /* an error is one line */
		uint8_t byte = what.at[i] == '\r' || what.at[i] == '\n' ? ' ' : what.at[i];

		reply_raw(c, &byte, 1);
	}
	reply_raw(c, after, strlen(after));
	reply_raw(c, "\r\n", 2);
}

void reply_integer(struct client *c, int64_t number)
{
	reply_head(c, ':', number);
}

void reply_bulk(struct client *c, struct span bytes)
{
	uint8_t *at = c->io->out;

	if (!c->pending && c->io->room > bytes.bytes + NUMBER_MOST + 5) {
		*at++ = '$';
		at += small_put(at, (int64_t)bytes.bytes);
		*at++ = '\r';
		*at++ = '\n';
		memcpy(at, bytes.at, bytes.bytes);
		at += bytes.bytes;
		*at++ = '\r';
		*at++ = '\n';
		took(c, (size_t)(at - c->io->out));
		return;
	}
	reply_head(c, '$', (int64_t)bytes.bytes);
	reply_raw(c, bytes.at, bytes.bytes);
	reply_raw(c, "\r\n", 2);
}

void reply_string(struct client *c, struct string *s)
{
	struct segment *segment;

	if (s->bytes < BY_REFERENCE || (!c->pending && c->io->room > s->bytes + NUMBER_MOST + 5)) {
		reply_bulk(c, string_span(s));
		return;
	}
	reply_head(c, '$', s->bytes);
	if ((segment = segment_new(c, 0))) {
		segment->owner = string_hold(s);
		segment->at = s->data;
		segment->bytes = segment->capacity = s->bytes;
	}
	reply_raw(c, "\r\n", 2);
}

void reply_verbatim(struct client *c, struct span text)
{
	if (c->protocol == 2) {
		reply_bulk(c, text);
		return;
	}
	reply_head(c, '=', (int64_t)text.bytes + 4);
	reply_raw(c, "txt:", 4);
	reply_raw(c, text.at, text.bytes);
	reply_raw(c, "\r\n", 2);
}

void reply_millionths(struct client *c, int64_t number)
{
	uint8_t text[NUMBER_MOST];
	struct span span = { text, millionths_put(text, number) };

	if (c->protocol == 2) {
		reply_bulk(c, span);
		return;
	}
	reply_raw(c, ",", 1);
	reply_raw(c, span.at, span.bytes);
	reply_raw(c, "\r\n", 2);
}

void reply_null(struct client *c)
{
	if (c->protocol == 2)
		reply_raw(c, "$-1\r\n", 5);
	else
		reply_raw(c, "_\r\n", 3);
}

void reply_null_array(struct client *c)
{
	if (c->protocol == 2)
		reply_raw(c, "*-1\r\n", 5);
	else
		reply_raw(c, "_\r\n", 3);
}

void reply_array(struct client *c, size_t count)
{
	reply_head(c, '*', (int64_t)count);
}

void reply_map(struct client *c, size_t pairs)
{
	reply_head(c, c->protocol == 2 ? '*' : '%', (int64_t)(c->protocol == 2 ? 2 * pairs : pairs));
}

void reply_set(struct client *c, size_t count)
{
	reply_head(c, c->protocol == 2 ? '*' : '~', (int64_t)count);
}
