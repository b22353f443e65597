/* Wait queues: who sleeps until something happens to an object. */
#include "core.h"

static bool default_wake(struct waiter *w, u32 key)
{
	bool first = !w->woken; /* an exclusive wake is not spent twice on one that has not yet left the queue */

	(void)key;
	w->woken = 1;
	task_wake(w->task);
	return first;
}

void waitq_init(struct waitq *q)
{
	q->lock.owner = 0;
	list_init(&q->waiters);
}

void waiter_init(struct waiter *w)
{
	list_init(&w->node);
	w->task = current;
	w->wake = default_wake;
	w->data = NULL;
	w->exclusive = w->woken = 0;
}

static void add(struct waitq *q, struct waiter *w, u32 exclusive)
{
	lock(&q->lock);
	if (unlikely(!q->waiters.next))
		list_init(&q->waiters);
	w->exclusive = exclusive;
	w->woken = 0;
	if (exclusive)
		list_push_back(&q->waiters, &w->node); /* first come, first served, behind all that share */
	else
		list_push_front(&q->waiters, &w->node);
	unlock(&q->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* before the caller looks at its condition: see wake_up */
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	add(q, w, 0);
}

void waitq_add_exclusive(struct waitq *q, struct waiter *w)
{
	add(q, w, 1);
}

void waitq_remove(struct waitq *q, struct waiter *w)
{
	lock(&q->lock);
	list_remove(&w->node);
	unlock(&q->lock);
}

void wake_up(struct waitq *q, u32 key, u32 max_exclusive)
{
	/* Nobody there: the usual case. The fence pairs with waitq_add's: either we see the waiter, or it sees the condition
	 * that the caller has made true. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->waiters.next || __atomic_load_n(&q->waiters.next, __ATOMIC_RELAXED) == &q->waiters)
		return;
	lock(&q->lock);
	list_for_each_safe(node, &q->waiters) {
		struct waiter *w = list_entry(node, struct waiter, node);
		u32 exclusive = w->exclusive;
		if (exclusive && !max_exclusive)
			break;
		if (w->wake(w, key) && exclusive)
			max_exclusive--;
	}
	unlock(&q->lock);
}
