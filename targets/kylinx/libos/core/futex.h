/* Futexes: words of application memory that threads wait on. futex.c waits and wakes, futex_ops.c the rest, futex_pi.c locks
 * that know their owner, robust.c what a thread leaves locked when it ends. */
#ifndef KX_FUTEX_H
#define KX_FUTEX_H
#include "core.h"

#define FUTEX_BUCKETS 256

struct futex_key { u64 space, word; }; /* private: mm and address; shared: object and byte in it */

struct futex_bucket { struct lock lock; struct list waiters; } __attribute__((aligned(64)));

struct futex_waiter {            /* on the sleeper's LibOS stack */
	struct list node;            /* in bucket; in none once woken */
	struct futex_bucket *bucket; /* changes by requeue: lock, then look again */
	struct futex_key key;
	struct task *task;
	u32 bitset;
	u32 woken;
	bool pi;
};

long futex_key(u32 __user *, u32 flags, struct futex_key *); /* -EINVAL, -EFAULT */
struct futex_bucket *futex_bucket(const struct futex_key *);
void futex_lock_two(struct futex_bucket *, struct futex_bucket *);
void futex_unlock_two(struct futex_bucket *, struct futex_bucket *);
u32 futex_wake_locked(struct futex_bucket *, const struct futex_key *, u32 count, u32 bitset);
void futex_enqueue(struct futex_waiter *, const struct futex_key *, struct futex_bucket *, u32 bitset); /* bucket locked */
void futex_dequeue(struct futex_waiter *);
long futex_read(u32 *to, const u32 __user *);  /* with faults resolved; 0 or -EFAULT */
long futex_lock_pi(u32 __user *, u32 flags, u64 deadline, bool try);
long futex_unlock_pi(u32 __user *, u32 flags);
long futex_wake_op(u32 __user *, u32 flags, u32 wake, u32 wake2, u32 __user *, u32 op);
long futex_requeue(u32 __user *, u32 flags, u32 wake, u32 move, u32 __user *, const u32 *expected);
static inline bool futex_same(const struct futex_key *a, const struct futex_key *b) { return a->space == b->space && a->word == b->word; }
#endif
