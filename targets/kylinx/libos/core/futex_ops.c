/* FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP. */
#include "futex.h"

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b) {
		struct futex_bucket *t = a;
		a = b;
		b = t;
	}
	lock(&a->lock);
	if (a != b)
		lock(&b->lock);
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	unlock(&a->lock);
	if (a != b)
		unlock(&b->lock);
}

static u32 move_waiters(struct futex_bucket *from, const struct futex_key *k, struct futex_bucket *to, const struct futex_key *k2, u32 count)
{
	u32 n = 0;
	list_for_each_safe(node, &from->waiters) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, node);
		if (n == count)
			break;
		if (!futex_same(&w->key, k) || w->pi)
			continue;
		list_remove(&w->node);
		w->key = *k2;
		list_push_back(&to->waiters, &w->node);
		__atomic_store_n(&w->bucket, to, __ATOMIC_RELEASE);
		n++;
	}
	return n;
}

long futex_requeue(u32 __user *word, u32 flags, u32 wake, u32 move, u32 __user *word2, const u32 *expected)
{
	struct futex_key k, k2;
	u32 seen;
	if ((s32)wake < 0 || (s32)move < 0)
		return -EINVAL;
	long r = futex_key(word, flags, &k);
	if (!r)
		r = futex_key(word2, flags, &k2);
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket(&k), *b2 = futex_bucket(&k2);
	futex_lock_two(b, b2);
	if (expected) {
		r = futex_read(&seen, word);
		if (!r && seen != *expected)
			r = -EAGAIN;
	}
	if (!r) {
		r = futex_wake_locked(b, &k, wake, FUTEX_BITSET_MATCH_ANY);
		r += futex_same(&k, &k2) ? 0 : move_waiters(b, &k, b2, &k2, move);
	}
	futex_unlock_two(b, b2);
	return r;
}

static u32 apply(u32 op, u32 old, u32 arg)
{
	switch (op) {
	case FUTEX_OP_SET: return arg;
	case FUTEX_OP_ADD: return old + arg;
	case FUTEX_OP_OR: return old | arg;
	case FUTEX_OP_ANDN: return old & ~arg;
	default: return old ^ arg;
	}
}

static bool compare(u32 op, s32 old, s32 arg)
{
	switch (op) {
	case FUTEX_OP_CMP_EQ: return old == arg;
	case FUTEX_OP_CMP_NE: return old != arg;
	case FUTEX_OP_CMP_LT: return old < arg;
	case FUTEX_OP_CMP_GE: return old >= arg;
	case FUTEX_OP_CMP_LE: return old <= arg;
	default: return old > arg;
	}
}

static s32 field(u32 coded, u32 shift) { return (s32)(coded << (20 - shift)) >> 20; } /* 12 bits, signed */

long futex_wake_op(u32 __user *word, u32 flags, u32 wake, u32 wake2, u32 __user *word2, u32 coded)
{
	struct futex_key k, k2;
	u32 op = coded >> 28 & 7, cmp = coded >> 24 & 15, arg = (u32)field(coded, 12), old, seen;
	if (coded >> 28 & 8 /* FUTEX_OP_OPARG_SHIFT */)
		arg = 1u << (arg & 31);
	if (op > FUTEX_OP_XOR || cmp > FUTEX_OP_CMP_GE)
		return -ENOSYS;
	long r = futex_key(word, flags, &k);
	if (!r)
		r = futex_key(word2, flags, &k2);
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket(&k), *b2 = futex_bucket(&k2);
	futex_lock_two(b, b2);
	r = futex_read(&old, word2);
	while (!r) {
		r = user_cmpxchg32(word2, old, apply(op, old, arg), &seen);
		if (r || seen == old)
			break;
		old = seen;
	}
	if (!r) {
		r = futex_wake_locked(b, &k, wake, FUTEX_BITSET_MATCH_ANY);
		if (compare(cmp, (s32)old, field(coded, 0)))
			r += futex_wake_locked(b2, &k2, wake2, FUTEX_BITSET_MATCH_ANY);
	}
	futex_unlock_two(b, b2);
	return r;
}
