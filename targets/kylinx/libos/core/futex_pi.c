/* Futexes that hold their owner's thread number (FUTEX_LOCK_PI). There are no priorities to inherit: the lock goes to whoever
 * waits longest. */
#include "futex.h"

static bool alive(u32 tid)
{
	lock(&family.tree);
	bool found = task_find(tid) != NULL;
	unlock(&family.tree);
	return found;
}

static u32 waiting(struct futex_bucket *b, const struct futex_key *k)
{
	u32 n = 0;
	list_for_each(node, &b->waiters) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, node);
		n += w->pi && futex_same(&w->key, k);
	}
	return n;
}

/* Bucket locked: take the word if nobody owns it, else mark that somebody waits. 1: taken; 0: wait. */
static long try_take(u32 __user *word, struct futex_bucket *b, const struct futex_key *k, bool mark, u32 *owner)
{
	u32 tid = current->tid, old, seen;
	long r = futex_read(&old, word);
	for (; !r; old = seen) {
		u32 to = old | FUTEX_WAITERS;
		*owner = old & FUTEX_TID_MASK;
		if (*owner == tid)
			return -EDEADLK;
		if (!*owner)
			to = tid | (old & FUTEX_OWNER_DIED) | (waiting(b, k) ? FUTEX_WAITERS : 0);
		else if (!mark)
			return 0;
		r = user_cmpxchg32(word, old, to, &seen);
		if (!r && seen == old)
			return !*owner;
	}
	return r;
}

long futex_lock_pi(u32 __user *word, u32 flags, u64 deadline, bool try)
{
	struct futex_key k;
	struct futex_waiter w;
	u32 owner;
	long r = futex_key(word, flags, &k);
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket(&k);
	lock(&b->lock);
	r = try_take(word, b, &k, !try, &owner);
	if (r || try) {
		unlock(&b->lock);
		return r < 0 ? r : r ? 0 : -EAGAIN;
	}
	futex_enqueue(&w, &k, b, FUTEX_BITSET_MATCH_ANY);
	w.pi = true;
	unlock(&b->lock);
	r = alive(owner) ? 0 : -ESRCH;
	while (!r && !__atomic_load_n(&w.woken, __ATOMIC_ACQUIRE))
		r = task_sleep(deadline, true);
	futex_dequeue(&w);
	if (w.woken)
		return 0; /* unlock has written our number already */
	return r == -EINTR ? -ERESTARTNOINTR : r;
}

/* Bucket locked: the longest waiter becomes the owner. */
static long hand_over(u32 __user *word, struct futex_bucket *b, const struct futex_key *k, u32 keep)
{
	struct futex_waiter *next = NULL;
	u32 old, seen;
	list_for_each(node, &b->waiters) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, node);
		if (w->pi && futex_same(&w->key, k)) {
			next = w;
			break;
		}
	}
	u32 to = (next ? next->task->tid : 0) | keep | (waiting(b, k) > 1 ? FUTEX_WAITERS : 0);
	long r = futex_read(&old, word);
	while (!r && !(r = user_cmpxchg32(word, old, to, &seen)) && seen != old)
		old = seen;
	if (!r && next) {
		list_remove(&next->node);
		__atomic_store_n(&next->woken, 1, __ATOMIC_RELEASE);
		task_wake(next->task);
	}
	return r;
}

long futex_unlock_pi(u32 __user *word, u32 flags)
{
	struct futex_key k;
	u32 old;
	long r = futex_key(word, flags, &k);
	if (!r)
		r = futex_read(&old, word);
	if (r)
		return r;
	if ((old & FUTEX_TID_MASK) != current->tid)
		return -EPERM;
	struct futex_bucket *b = futex_bucket(&k);
	lock(&b->lock);
	r = hand_over(word, b, &k, 0);
	unlock(&b->lock);
	return r;
}

/* The owner has ended with the lock held. */
void futex_owner_died(u32 __user *word)
{
	struct futex_key k[2];
	if (futex_key(word, FUTEX_PRIVATE_FLAG, &k[0]) || futex_key(word, 0, &k[1]))
		return;
	for (u32 i = 0; i < 2; i++) {
		struct futex_bucket *b = futex_bucket(&k[i]);
		lock(&b->lock);
		if (waiting(b, &k[i]))
			hand_over(word, b, &k[i], FUTEX_OWNER_DIED);
		unlock(&b->lock);
	}
}
