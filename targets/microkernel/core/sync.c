/* Semaphores and mutexes: first the highest priority, then first come. */
#include "kernel.h"

int semaphore_down(struct task *t, struct semaphore *s)
{
	if (!s->count)
		return wait_at(t, WAITING, &s->waiters, NULL);
	s->count--;
	return 0;
}

int semaphore_up(struct semaphore *s)
{
	struct task *next = first(&s->waiters);

	if (next)
		wake(next, 0);
	else if (s->count == INT32_MAX)
		return MK_EFULL;
	else
		s->count++;
	return 0;
}

static void own(struct mutex *m, struct task *t)
{
	m->owner = t;
	list_insert(&t->held, &m->held);
}

int mutex_lock(struct task *t, struct mutex *m)
{
	if (m->owner == t)
		return MK_EBUSY;
	if (m->owner)
		return wait_at(t, WAITING, &m->waiters, m->owner);
	own(m, t);
	return 0;
}

/* Handed to the first who waits; the others now wait for that one. */
static void hand_over(struct mutex *m, int result)
{
	struct task *next = first(&m->waiters);

	list_remove(&m->held);
	m->owner = NULL;
	if (!next)
		return;
	wake(next, result);
	own(m, next);
	waiters_follow(&m->waiters, next);
}

int mutex_unlock(struct task *t, struct mutex *m)
{
	if (m->owner != t)
		return MK_EBUSY;
	hand_over(m, 0);
	return 0;
}

/* Whoever gets it next is told that what it protects may be half done. */
void mutexes_release(struct task *t)
{
	while (!list_empty(&t->held))
		hand_over(CONTAINER(t->held.next, struct mutex, held), MK_EDEAD);
}

void mutex_died(struct mutex *m)
{
	if (m->owner)
		list_remove(&m->held);
	wake_all(&m->waiters, MK_EDEAD);
}
