/* Who runs: the first of the highest priority that is ready, found by a bitmap. Real-time priorities run until they block;
 * below MK_REALTIME a task's quantum ends and the next of its priority has its turn. A task that others wait for runs at the
 * highest of their priorities (priority inheritance; Sha, Rajkumar, Lehoczky, IEEE ToC 39(9), 1990). */
#include "kernel.h"

struct task *current, tasks[MK_TASKS];
u32 switches, ready_bits;
static struct link queues[MK_PRIORITIES];
static u64 quantum_end;
static bool quantum_runs;

static void queue_at(struct task *t, struct link *before)
{
	list_insert(before, &t->link);
	ready_bits |= 1u << t->priority;
}

void sched_init(void)
{
	for (u32 i = 0; i < MK_PRIORITIES; i++)
		list_init(&queues[i]);
}

void ready(struct task *t)
{
	t->state = READY;
	queue_at(t, &queues[t->priority]);
}

static void unready(struct task *t)
{
	list_remove(&t->link);
	if (list_empty(&queues[t->priority]))
		ready_bits &= ~(1u << t->priority);
}

/* It waits, is stopped or ends: what was left of its quantum is lost. */
void block(struct task *t, enum state state)
{
	if (t->state == READY)
		unready(t);
	t->state = (u8)state;
	t->left = 0;
	if (t == current)
		quantum_runs = false;
}

void yield(void)
{
	current->left = 0;
	quantum_runs = false;
	list_remove(&current->link);
	list_insert(&queues[current->priority], &current->link);
}

/* ---- Waiting ---- */

static void wait_in(struct link *queue, struct task *t)
{
	struct link *before = queue->prev;

	while (before != queue && CONTAINER(before, struct task, link)->priority < t->priority)
		before = before->prev;
	list_insert(before->next, &t->link);
	t->queue = queue;
}

static void changed(struct task *t, u8 priority)
{
	if (t->state == READY)
		unready(t);
	t->priority = priority;
	if (t->state == READY)
		queue_at(t, t == current ? queues[priority].next : &queues[priority]);
	else if (t->queue) {
		list_remove(&t->link);
		wait_in(t->queue, t);
	}
}

/* As high as its own and its donors'; and so on along the chain, which cannot be longer than there are tasks. */
void priority_update(struct task *t)
{
	for (u32 most = MK_TASKS; t && most; most--, t = t->holder) {
		u8 priority = t->base;

		EACH(struct task, d, &t->donors, donor)
			priority = d->priority > priority ? d->priority : priority;
		if (priority == t->priority)
			return;
		changed(t, priority);
	}
}

void wait_for(struct task *t, struct task *holder)
{
	t->holder = holder;
	if (!holder)
		return;
	list_insert(&holder->donors, &t->donor);
	if (t->priority > holder->priority)
		priority_update(holder);
}

void donor_leave(struct task *t)
{
	struct task *holder = t->holder;

	if (!holder)
		return;
	t->holder = NULL;
	list_remove(&t->donor);
	if (holder->priority != holder->base)
		priority_update(holder);
}

void waiters_follow(struct link *queue, struct task *holder)
{
	EACH(struct task, t, queue, link) {
		donor_leave(t);
		wait_for(t, holder);
	}
}

void wait_end(struct task *t)
{
	donor_leave(t);
	if (t->queue) {
		list_remove(&t->link);
		t->queue = NULL;
	}
	if (t->alarm.when)
		alarm_off(&t->alarm);
}

void wake(struct task *t, int result)
{
	wait_end(t);
	t->frame.r[0] = (u32)result;
	ready(t);
}

void wake_all(struct link *queue, int result)
{
	for (struct task *t; (t = first(queue));)
		wake(t, result);
}

/* Those whose call it had taken get no reply; those still in a queue wait for another. */
void holder_lost(struct task *holder)
{
	while (!list_empty(&holder->donors)) {
		struct task *t = CONTAINER(holder->donors.next, struct task, donor);

		if (t->state == REPLYING)
			wake(t, MK_EDEAD);
		else
			donor_leave(t);
	}
}

static void timed_out(struct alarm *a)
{
	struct task *t = CONTAINER(a, struct task, alarm);

	wake(t, t->state == ASLEEP ? 0 : MK_ETIMEOUT);
}

void timeout_set(struct task *t, u32 us)
{
	if (!us)
		return;
	t->alarm.ring = timed_out;
	alarm_set(&t->alarm, now() + counts_of(us));
}

/* Of a call; no longer than it says. holder: who inherits its priority meanwhile, or NULL. */
int wait_at(struct task *t, enum state state, struct link *queue, struct task *holder)
{
	block(t, state);
	wait_in(queue, t);
	wait_for(t, holder);
	timeout_set(t, t->frame.r[12] >> 8);
	return NO_RESULT;
}

/* ---- The next ---- */

static void quantum_pause(void)
{
	u64 at = now();

	quantum_runs = false;
	current->left = quantum_end > at ? (u32)(quantum_end - at) : 0;
}

void quantum_over(void)
{
	if (!quantum_runs)
		return;
	if (current->priority >= MK_REALTIME) /* raised meanwhile */
		quantum_pause();
	else if (now() < quantum_end)
		time_at_latest(quantum_end);
	else
		yield();
}

/* A time-sharing task with peers has a quantum, of which it keeps what it did not use while a higher one ran. */
static void quantum_begin(struct task *t)
{
	struct link *queue = &queues[t->priority];

	if (queue->next == queue->prev) /* alone */
		return;
	quantum_runs = true;
	quantum_end = now() + (t->left ? t->left : counts_of(MK_QUANTUM_US));
	time_at_latest(quantum_end);
}

struct task *schedule(void)
{
	struct task *next;

	while (!ready_bits) {
		cpu_wait();
		irq_take();
		work_run();
	}
	next = CONTAINER(queues[MOST_URGENT].next, struct task, link);
	if (next != current) {
		if (quantum_runs)
			quantum_pause();
		switches++;
		current = next;
		space_activate(next->space);
	}
	if (next->priority < MK_REALTIME && !quantum_runs)
		quantum_begin(next);
	return next;
}
