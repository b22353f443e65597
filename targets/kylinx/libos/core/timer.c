/* Timers of a slot, in order of their deadlines, and the monitor's one timer behind them. */
#include "core.h"

#define SLACK_NS 500 /* expired a moment too early is on time: the monitor's timer is no finer */

void timers_init(struct runq *rq)
{
	list_init(&rq->timers);
	rq->armed = NEVER;
}

u64 timers_next(struct runq *rq)
{
	return list_empty(&rq->timers) ? NEVER : list_entry(rq->timers.next, struct timer, node)->deadline;
}

static void insert(struct runq *rq, struct timer *t)
{
	struct list *at = rq->timers.prev;
	while (at != &rq->timers && list_entry(at, struct timer, node)->deadline > t->deadline)
		at = at->prev;
	list_push_front(at, &t->node);
	t->armed = true;
	t->on = rq;
}

void timer_arm(struct timer *t, u64 deadline)
{
	timer_cancel(t);
	if (deadline == NEVER)
		return;
	struct runq *rq = this_runq();
	lock(&rq->lock);
	t->deadline = deadline;
	insert(rq, t);
	bool sooner = rq->timers.next == &t->node && deadline < rq->armed;
	unlock(&rq->lock);
	if (sooner)
		attention_set(ATTENTION_ARM); /* the monitor's timer is set on the way out, if it comes to that */
}

void timer_cancel(struct timer *t)
{
	struct runq *rq;
	while ((rq = __atomic_load_n(&t->on, __ATOMIC_ACQUIRE))) {
		lock(&rq->lock);
		bool same = t->on == rq;
		if (same) {
			list_remove(&t->node);
			t->armed = false;
			__atomic_store_n(&t->on, NULL, __ATOMIC_RELEASE);
		}
		unlock(&rq->lock);
		if (same)
			return;
	}
}

void timers_run(struct runq *rq, u64 now)
{
	for (;;) {
		lock(&rq->lock);
		if (timers_next(rq) > now + SLACK_NS) {
			unlock(&rq->lock);
			return;
		}
		struct timer *t = list_entry(rq->timers.next, struct timer, node);
		list_remove(&t->node);
		t->armed = false;
		__atomic_store_n(&t->on, NULL, __ATOMIC_RELEASE);
		unlock(&rq->lock);
		t->fire(t);
	}
}

/* A timer that comes too early costs one kick; arming costs a hypercall: so an earlier one that is on is left on. */
void timer_program(struct runq *rq, u64 slice)
{
	u64 next = timers_next(rq);
	if (slice < next)
		next = slice;
	if (next >= rq->armed)
		return;
	rq->armed = next;
	hypercall(KX_HC_TIMER, next, 0, 0, 0, 0);
}
