/* Semaphores, mutexes, notifications: with nobody waiting, and until one who waits, and is more urgent, has gone on. */
#include "bench.h"

static unsigned object, woken_at;

static void measure_alone(void)
{
	struct series *semaphore = series("semaphore", NULL, "Zephyr semaphore.give and take.immediate: up and down, nobody waits"),
		      *mutex = series("mutex", NULL, "Zephyr mutex.lock and unlock.immediate: nobody waits"),
		      *notify = series("notify", NULL, "sel4bench signal: MK_NOTIFY, nobody waits");
	unsigned s = good(mk_sem_create(0)), m = good(mk_mutex_create()), port = good(mk_port_create());

	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin = mk_cycles();

		mk_sem_up(s);
		mk_sem_down(s, 0);
		sample(semaphore, i, begin, mk_cycles());
		begin = mk_cycles();
		mk_mutex_lock(m, 0);
		mk_mutex_unlock(m);
		sample(mutex, i, begin, mk_cycles());
		begin = mk_cycles();
		mk_notify(port, 1);
		sample(notify, i, begin, mk_cycles());
	}
}

static void wait_semaphore(void *unused)
{
	(void)unused;
	for (;;) {
		good(mk_sem_down(object, 0));
		woken_at = mk_cycles();
	}
}

static void wait_notified(void *unused)
{
	struct mk_message m;

	(void)unused;
	for (;;) {
		good(mk_receive(object, &m, 0));
		woken_at = mk_cycles();
	}
}

static void measure_wake(struct series *s, void (*waiter)(void *), int (*wake)(unsigned))
{
	unsigned task = thread(waiter, NULL, HIGHER);

	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin = mk_cycles();

		good(wake(object));
		sample(s, i, begin, woken_at);
	}
	mk_task_kill(task);
}

static int notify_object(unsigned port) { return mk_notify(port, 1); }

/* It waits for the mutex that the other holds, which therefore runs at its priority. */
static void wait_mutex(void *begin)
{
	for (;;) {
		good(mk_sem_down((unsigned)begin, 0));
		good(mk_mutex_lock(object, 0));
		woken_at = mk_cycles();
		good(mk_mutex_unlock(object));
	}
}

static void measure_mutex(void)
{
	struct series *s = series("mutex_switch", NULL, "MK_MUTEX_UNLOCK, with the priority inherited given back, until the waiter has it");
	unsigned begin_waiting = good(mk_sem_create(0)), task;

	object = good(mk_mutex_create());
	task = thread(wait_mutex, (void *)begin_waiting, HIGHER);
	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin;

		good(mk_mutex_lock(object, 0));
		good(mk_sem_up(begin_waiting));
		begin = mk_cycles();
		good(mk_mutex_unlock(object));
		sample(s, i, begin, woken_at);
	}
	mk_task_kill(task);
}

void measure_sync(void)
{
	measure_alone();
	object = good(mk_sem_create(0));
	measure_wake(series("semaphore_switch", NULL, "Zephyr semaphore.give.wake+ctx: up until the waiter has gone on"), wait_semaphore, mk_sem_up);
	object = good(mk_port_create());
	measure_wake(series("notify_switch", NULL, "sel4bench signal to a higher priority: MK_NOTIFY until the waiter has gone on"), wait_notified,
		     notify_object);
	measure_mutex();
}
