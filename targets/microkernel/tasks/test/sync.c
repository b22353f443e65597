/* Semaphores, mutexes, and that a high priority waits for a low one no longer than that one needs: priority inheritance. */
#include "test.h"

#define WORK_US 3000
#define MIDDLE_US 50000           /* what would be waited for, were there no inheritance */

static unsigned mutexes[3], port, semaphore;
static uint64_t high_done;

static void busy(unsigned us)
{
	for (unsigned turns = us * 500; turns; turns--)
		__asm__ volatile("");
}

static void semaphores(void)
{
	unsigned s = (unsigned)mk_sem_create(2);

	IS(mk_sem_down(s, 0), 0);
	IS(mk_sem_down(s, 0), 0);
	IS(mk_sem_down(s, 1000), MK_ETIMEOUT);
	IS(mk_sem_up(s), 0);
	IS(mk_sem_down(s, 1000), 0);
	mk_drop(s);
	s = (unsigned)mk_sem_create(0x7fffffff);
	IS(mk_sem_up(s), MK_EFULL);
	mk_drop(s);
}

static void wait_semaphore(void *unused)
{
	(void)unused;
	mk_exit(mk_sem_down(semaphore, 0) == MK_EDEAD);
}

static void semaphore_goes(void)
{
	unsigned task;

	semaphore = (unsigned)mk_sem_create(0);
	task = thread(wait_semaphore, NULL, PRIORITY + 1);
	IS(mk_task_priority(task, MK_NONE), PRIORITY + 1);
	mk_drop(semaphore); /* woken, it ends at once */
	IS(mk_task_priority(task, MK_NONE), MK_EDEAD);
	mk_drop(task);
}

static void lock_and_end(void *unused)
{
	(void)unused;
	mk_mutex_lock(mutexes[0], 0);
}

static void unlock_not_mine(void *result)
{
	*(int *)result = mk_mutex_unlock(mutexes[0]);
}

static void mutex_rules(void)
{
	int result = 1;
	unsigned task;

	mutexes[0] = (unsigned)mk_mutex_create();
	IS(mk_mutex_unlock(mutexes[0]), MK_EBUSY);
	IS(mk_mutex_lock(mutexes[0], 0), 0);
	IS(mk_mutex_lock(mutexes[0], 0), MK_EBUSY);
	task = thread(unlock_not_mine, &result, PRIORITY + 1);
	mk_drop(task);
	IS(result, MK_EBUSY);
	IS(mk_mutex_unlock(mutexes[0]), 0);
	task = thread(lock_and_end, NULL, PRIORITY + 1);
	mk_drop(task);
	IS(mk_mutex_lock(mutexes[0], 0), 0); /* its owner ended when nobody waited */
	IS(mk_mutex_unlock(mutexes[0]), 0);
	mk_drop(mutexes[0]);
}

static void lock_wait_and_end(void *unused)
{
	(void)unused;
	mk_mutex_lock(mutexes[0], 0);
	mk_sleep(1000);
}

static void owner_ends(void)
{
	unsigned task;

	mutexes[0] = (unsigned)mk_mutex_create();
	task = thread(lock_wait_and_end, NULL, PRIORITY + 1);
	IS(mk_mutex_lock(mutexes[0], 0), MK_EDEAD); /* one has it, and is told what it may be like */
	IS(mk_mutex_unlock(mutexes[0]), 0);
	mk_drop(task);
	mk_drop(mutexes[0]);
}

/* ---- Inversion: low works while it holds what high wants, and middle would keep it from that ---- */

static void middle(void *unused)
{
	(void)unused;
	busy(MIDDLE_US);
}

static void low_locks(void *which)
{
	unsigned n = (unsigned)which;

	mk_mutex_lock(mutexes[n], 0);
	if (n)
		mk_mutex_lock(mutexes[n - 1], 0); /* held by the one before: a chain */
	busy(WORK_US);
	if (n)
		mk_mutex_unlock(mutexes[n - 1]);
	mk_mutex_unlock(mutexes[n]);
}

static void high_locks(void *which)
{
	mk_mutex_lock(mutexes[(unsigned)which], 0);
	high_done = mk_time_us();
	mk_mutex_unlock(mutexes[(unsigned)which]);
}

static void inverted(unsigned links)
{
	unsigned lows[3], between, high;
	uint64_t begin;

	for (unsigned i = 0; i < links; i++) {
		mutexes[i] = (unsigned)mk_mutex_create();
		lows[i] = thread(low_locks, (void *)i, 2 + i);
		mk_sleep(200); /* it has its own mutex, and works or waits for the one before */
	}
	begin = mk_time_us();
	high_done = 0;
	between = thread(middle, NULL, 10);
	high = thread(high_locks, (void *)(links - 1), 18);
	mk_sleep(MIDDLE_US + (links + 2) * WORK_US);
	CHECK(high_done);
	CHECK(high_done - begin < links * WORK_US + 1000);
	end(high);
	end(between);
	for (unsigned i = 0; i < links; i++) {
		end(lows[i]);
		mk_drop(mutexes[i]);
	}
}

static void inversion_by_mutex(void) { inverted(1); }
static void inversion_by_chain(void) { inverted(3); }

static void low_serves(void *unused)
{
	struct mk_message m = { 0 };
	unsigned token = 0;

	(void)unused;
	for (;;) {
		token = (unsigned)mk_reply_receive(token, &m, port, 0);
		busy(WORK_US);
	}
}

static void high_calls(void *unused)
{
	struct mk_message m = { 0 };

	(void)unused;
	mk_call(port, &m, 0);
	high_done = mk_time_us();
}

static void low_calls(void *unused)
{
	struct mk_message m = { 0 };

	(void)unused;
	mk_call(port, &m, 0);
}

/* The server is at work for a low caller when high calls: it serves both at high's priority. */
static void inversion_by_call(void)
{
	unsigned server, low, between, high;
	uint64_t begin;

	port = (unsigned)mk_port_create();
	server = thread(low_serves, NULL, 3);
	low = thread(low_calls, NULL, 2);
	mk_sleep(500);
	begin = mk_time_us();
	high_done = 0;
	between = thread(middle, NULL, 10);
	high = thread(high_calls, NULL, 18);
	mk_sleep(MIDDLE_US + 4 * WORK_US);
	CHECK(high_done);
	CHECK(high_done - begin < 2 * WORK_US + 1000);
	IS(mk_task_priority(server, MK_NONE), 3);
	end(high);
	end(between);
	end(low);
	end(server);
	mk_drop(port);
}

const struct test sync_tests[] = {
	{ "semaphores", semaphores }, { "semaphore_goes", semaphore_goes }, { "mutex_rules", mutex_rules }, { "owner_ends", owner_ends },
	{ "inversion_by_mutex", inversion_by_mutex }, { "inversion_by_chain", inversion_by_chain }, { "inversion_by_call", inversion_by_call },
	{ 0 },
};
