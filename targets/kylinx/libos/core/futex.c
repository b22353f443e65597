/* futex(2): waiting and waking. A private futex is known by memory and address, a shared one by its page's object, so that
 * it works between pVMs. */
#include "futex.h"

static struct futex_bucket buckets[FUTEX_BUCKETS];

struct futex_bucket *futex_bucket(const struct futex_key *k)
{
	u64 h = (k->space ^ k->word >> 2) * 0x9e3779b97f4a7c15;
	struct futex_bucket *b = &buckets[h >> 56];
	if (unlikely(!b->waiters.next)) { /* never used */
		lock(&b->lock);
		if (!b->waiters.next)
			list_init(&b->waiters);
		unlock(&b->lock);
	}
	return b;
}

long futex_key(u32 __user *word, u32 flags, struct futex_key *k)
{
	if ((u64)word & 3)
		return -EINVAL;
	if (!access_ok(word, sizeof *word))
		return -EFAULT;
	struct mm *mm = current->proc->mm;
	*k = (struct futex_key){ (u64)mm, (u64)word };
	if (flags & FUTEX_PRIVATE_FLAG)
		return 0;
	u32 seen;
	if (futex_read(&seen, word))
		return -EFAULT;
	lock(&mm->lock);
	const struct kx_region *r = mm_find(mm, (u64)word);
	if (r && r->kind == KX_REGION_OBJECT) {
		k->space = r->source;
		k->word = r->offset * KX_PAGE + ((u64)word - r->start);
	}
	unlock(&mm->lock);
	return 0;
}

long futex_read(u32 *to, const u32 __user *from)
{
	return copy_from_user(to, from, sizeof *to);
}

void futex_enqueue(struct futex_waiter *w, const struct futex_key *k, struct futex_bucket *b, u32 bitset)
{
	w->key = *k;
	w->task = current;
	w->bitset = bitset;
	w->woken = 0;
	w->pi = false;
	w->bucket = b;
	list_push_back(&b->waiters, &w->node);
}

static struct futex_bucket *lock_bucket(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);
		lock(&b->lock);
		if (b == w->bucket)
			return b;
		unlock(&b->lock);
	}
}

void futex_dequeue(struct futex_waiter *w)
{
	struct futex_bucket *b = lock_bucket(w); /* also waits for a waker that still looks at w */
	list_remove(&w->node);
	unlock(&b->lock);
}

u32 futex_wake_locked(struct futex_bucket *b, const struct futex_key *k, u32 count, u32 bitset)
{
	u32 n = 0;
	list_for_each_safe(node, &b->waiters) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, node);
		if (n == count)
			break;
		if (!futex_same(&w->key, k) || !(w->bitset & bitset) || w->pi)
			continue;
		list_remove(&w->node);
		__atomic_store_n(&w->woken, 1, __ATOMIC_RELEASE);
		task_wake(w->task);
		n++;
	}
	return n;
}

static long futex_wake(u32 __user *word, u32 flags, u32 count, u32 bitset)
{
	struct futex_key k;
	if (!bitset)
		return -EINVAL;
	long r = futex_key(word, flags, &k);
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket(&k);
	lock(&b->lock);
	r = futex_wake_locked(b, &k, count, bitset);
	unlock(&b->lock);
	return r;
}

static long wait_restart(struct task *t);

static long futex_wait(u32 __user *word, u32 flags, u32 expected, u64 deadline, u32 bitset)
{
	struct futex_key k;
	struct futex_waiter w;
	u32 seen;
	if (!bitset)
		return -EINVAL;
	long r = futex_key(word, flags, &k);
	if (r)
		return r;
	struct futex_bucket *b = futex_bucket(&k);
	lock(&b->lock);
	r = futex_read(&seen, word);
	if (!r && seen != expected)
		r = -EAGAIN;
	if (r) {
		unlock(&b->lock);
		return r;
	}
	futex_enqueue(&w, &k, b, bitset);
	unlock(&b->lock);
	r = 0;
	while (!__atomic_load_n(&w.woken, __ATOMIC_ACQUIRE) && !(r = task_sleep(deadline, true)))
		;
	futex_dequeue(&w);
	if (w.woken)
		return 0;
	if (r != -EINTR)
		return r;
	if (deadline == NEVER)
		return -ERESTARTSYS;
	struct task *t = current; /* the time left must not begin anew */
	t->restart = wait_restart;
	t->restart_arg[0] = (u64)word;
	t->restart_arg[1] = flags;
	t->restart_arg[2] = expected;
	t->restart_arg[3] = deadline;
	t->restart_arg[4] = bitset;
	return -ERESTART_RESTARTBLOCK;
}

static long wait_restart(struct task *t)
{
	u64 *a = t->restart_arg;
	return futex_wait((u32 __user *)a[0], (u32)a[1], (u32)a[2], a[3], (u32)a[4]);
}

long futex_wake_address(u32 __user *word, u32 count)
{
	/* who waits may do so by the private or the shared name */
	long n = futex_wake(word, FUTEX_PRIVATE_FLAG, count, FUTEX_BITSET_MATCH_ANY);
	long more = futex_wake(word, 0, count, FUTEX_BITSET_MATCH_ANY);
	return (n > 0 ? n : 0) + (more > 0 ? more : 0);
}

static long read_deadline(const struct __kernel_timespec __user *from, u32 flags, bool relative, u64 *deadline)
{
	struct __kernel_timespec t;
	if (get_user(t, from))
		return -EFAULT;
	if (t.tv_sec < 0 || (u64)t.tv_nsec >= 1000000000)
		return -EINVAL;
	u64 ns = (u64)t.tv_sec > NEVER / 1000000000 - 1 ? NEVER : (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
	if (relative) {
		*deadline = deadline_after(ns);
	} else if (flags & FUTEX_CLOCK_REALTIME) {
		u64 real = now_real_ns();
		*deadline = ns <= real ? 1 : deadline_after(ns - real);
	} else {
		*deadline = ns;
	}
	return 0;
}

long sys_futex(u32 __user *word, u32 op, u32 value, u64 timeout, u32 __user *word2, u32 value3)
{
	u32 command = op & FUTEX_CMD_MASK, flags = op & ~(u32)FUTEX_CMD_MASK;
	u64 deadline = NEVER;
	bool waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2;
	if (command == FUTEX_LOCK_PI) /* its time is always the wall clock's */
		flags |= FUTEX_CLOCK_REALTIME;
	if (waits && timeout) {
		long r = read_deadline((const void __user *)timeout, flags, command == FUTEX_WAIT, &deadline);
		if (r)
			return r;
	}
	switch (command) {
	case FUTEX_WAIT: return futex_wait(word, flags, value, deadline, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAIT_BITSET: return futex_wait(word, flags, value, deadline, value3);
	case FUTEX_WAKE: return futex_wake(word, flags, value, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET: return futex_wake(word, flags, value, value3);
	case FUTEX_REQUEUE: return futex_requeue(word, flags, value, (u32)timeout, word2, NULL);
	case FUTEX_CMP_REQUEUE: return futex_requeue(word, flags, value, (u32)timeout, word2, &value3);
	case FUTEX_WAKE_OP: return futex_wake_op(word, flags, value, (u32)timeout, word2, value3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2: return futex_lock_pi(word, flags, deadline, false);
	case FUTEX_TRYLOCK_PI: return futex_lock_pi(word, flags, NEVER, true);
	case FUTEX_UNLOCK_PI: return futex_unlock_pi(word, flags);
	default: return -ENOSYS;
	}
}
