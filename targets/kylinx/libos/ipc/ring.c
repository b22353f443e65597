/* The ring of bytes under pipes and stream sockets: see ring.h. */
#include "ring.h"

#define FIRST_SIZE KX_PAGE /* most rings never hold more; the rest comes with the first write that does not fit */

void ring_init(struct ring *r, u32 limit)
{
	memset(r, 0, sizeof *r);
	r->limit = limit;
}

void ring_free(struct ring *r)
{
	if (r->data)
		pages_free(r->data, r->size / KX_PAGE);
	r->data = NULL;
	r->size = 0;
}

/* What lies from index at, at most n bytes, without wrapping. */
static u8 *ring_piece(const struct ring *r, u32 at, u32 *n)
{
	u32 offset = at & (r->size - 1);

	if (*n > r->size - offset)
		*n = r->size - offset;
	return r->data + offset;
}

/* Both locks held; size at least what it holds. */
static long ring_resize(struct ring *r, u32 size)
{
	u32 used = ring_used(r), tail = r->tail;
	u8 *data;

	if (used > r->size)
		used = r->size;
	data = pages_alloc(size / KX_PAGE);
	if (!data)
		return -ENOMEM;
	for (u32 done = 0; done < used;) {
		u32 n = used - done, offset = (tail + done) & (size - 1);
		u8 *from = ring_piece(r, tail + done, &n);

		if (n > size - offset)
			n = size - offset;
		memcpy(data + offset, from, n);
		done += n;
	}
	if (r->data)
		pages_free(r->data, r->size / KX_PAGE);
	r->data = data;
	r->size = size;
	return 0;
}

static long ring_grow(struct ring *r, u32 wanted)
{
	u32 size = r->data ? r->size * 4 : FIRST_SIZE;
	long err;

	while (size < wanted)
		size *= 2;
	if (size > r->limit)
		size = r->limit;
	lock(&r->read_lock);
	err = ring_resize(r, size);
	unlock(&r->read_lock);
	return err;
}

long ring_fill(struct ring *r, struct uio *uio, u32 n)
{
	u32 used = ring_used(r), done = 0;

	if (n > r->limit - used)
		n = r->limit - used;
	if (unlikely(used + n > r->size)) {
		long err = ring_grow(r, used + n);

		if (err)
			return err;
	}
	while (done < n) {
		u32 piece = n - done;
		u8 *to = ring_piece(r, r->head + done, &piece);
		long got = uio_get(uio, to, piece);

		if (got < 0) {
			if (!done)
				return got;
			break;
		}
		done += (u32)got;
		if ((u32)got < piece)
			break;
	}
	return done;
}

long ring_peek(struct ring *r, struct uio *uio, u32 skip, u32 n)
{
	u32 used = ring_used(r), done = 0;

	if (used > r->size)
		used = r->size;
	if (skip >= used)
		return 0;
	if (n > used - skip)
		n = used - skip;
	while (done < n) {
		u32 piece = n - done;
		const u8 *from = ring_piece(r, r->tail + skip + done, &piece);
		long put = uio_put(uio, from, piece);

		if (put < 0) {
			if (!done)
				return put;
			break;
		}
		done += (u32)put;
		if ((u32)put < piece)
			break;
	}
	return done;
}

void ring_skip(struct ring *r, u32 n)
{
	__atomic_store_n(&r->tail, r->tail + n, __ATOMIC_RELEASE);
}

long ring_get(struct ring *r, struct uio *uio, u32 n)
{
	long got = ring_peek(r, uio, 0, n);

	if (got > 0)
		ring_skip(r, (u32)got);
	return got;
}

long ring_set_limit(struct ring *r, u32 limit)
{
	long err = 0;

	lock(&r->write_lock);
	lock(&r->read_lock);
	if (ring_used(r) > limit)
		err = -EBUSY;
	else if (r->size > limit)
		err = ring_resize(r, limit);
	if (!err)
		r->limit = limit;
	unlock(&r->read_lock);
	unlock(&r->write_lock);
	return err;
}
