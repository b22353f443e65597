/* Bytes of an answer that had no room in the connection's buffer, kept until there is some. */
#ifndef PENDING_H
#define PENDING_H
#include "app.h"

struct pending { uint8_t *bytes; uint32_t at, count; }; /* bytes NULL: nothing */

static inline size_t pending_copy(struct app_io *io, const uint8_t *bytes, size_t count)
{
	size_t n = count < io->room ? count : io->room;

	memcpy(io->out, bytes, n);
	io->out += n;
	io->room -= n;
	return n;
}

/* Nothing is pending before. false: no memory for what does not fit. */
static inline bool pending_put(struct pending *p, struct app_io *io, const uint8_t *bytes, size_t count)
{
	size_t n = pending_copy(io, bytes, count);

	if (n == count)
		return true;
	p->at = 0;
	p->count = (uint32_t)(count - n);
	p->bytes = app_allocate(p->count);
	if (!p->bytes)
		return false;
	memcpy(p->bytes, bytes + n, p->count);
	return true;
}

/* true: nothing is pending any more */
static inline bool pending_go_on(struct pending *p, struct app_io *io)
{
	if (!p->bytes)
		return true;
	p->at += (uint32_t)pending_copy(io, p->bytes + p->at, p->count - p->at);
	if (p->at < p->count)
		return false;
	app_release(p->bytes);
	p->bytes = NULL;
	return true;
}
#endif
