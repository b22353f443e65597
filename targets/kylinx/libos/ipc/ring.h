/* A ring of bytes between one side that writes and one that reads, for pipes and stream sockets. The two sides take
 * different locks and write different cache lines, so that a pair of awake pVMs passes on little more than the bytes.
 * Both indices lie where any pVM of the family can write: each use masks them and limits what they seem to hold. */
#ifndef KX_RING_H
#define KX_RING_H

#include "ipc.h"

struct ring {
	u8 *data;                     /* NULL until the first write; changed under both locks */
	u32 size, limit;              /* bytes at data, a power of two; most it may hold */
	u8 pad0[48];
	u32 head;                     /* bytes ever written; under write_lock */
	struct lock write_lock;
	u8 pad1[56];
	u32 tail;                     /* bytes ever read; under read_lock */
	struct lock read_lock;
	u8 pad2[56];
};

void ring_init(struct ring *, u32 limit);
void ring_free(struct ring *);
long ring_fill(struct ring *, struct uio *, u32 n);  /* write_lock held: bytes copied behind the head (at most ring_space), -EFAULT, -ENOMEM */
long ring_get(struct ring *, struct uio *, u32 n);   /* read_lock held: bytes (0: empty), -EFAULT */
long ring_peek(struct ring *, struct uio *, u32 skip, u32 n); /* the same, from skip bytes on, kept there */
void ring_skip(struct ring *, u32 n);                /* read_lock held */
long ring_set_limit(struct ring *, u32 limit);       /* -EBUSY: it holds more; -ENOMEM */

static inline u32 ring_used(const struct ring *r)
{
	u32 tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	u32 used = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) - tail;

	return likely(used <= r->limit) ? used : r->limit;
}

/* After ring_fill, still under its lock: let the reader have them. */
static inline void ring_publish(struct ring *r, u32 n)
{
	__atomic_store_n(&r->head, r->head + n, __ATOMIC_RELEASE);
}

static inline u32 ring_space(const struct ring *r)
{
	return r->limit - ring_used(r);
}
#endif
