/* The turn goes from task to task: by yield, by semaphore, to another space. And the shortest call. */
#include "bench.h"

void measure_syscall(void)
{
	struct series *s = series("null_call", NULL, "sel4bench hardware: a system call that does nothing");

	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin = mk_cycles();

		mk_null();
		sample(s, i, begin, mk_cycles());
	}
}

static volatile unsigned yielded_at;

static void yield_for_ever(void *unused)
{
	(void)unused;
	for (;;) {
		yielded_at = mk_cycles();
		mk_yield();
	}
}

static void measure_yield(void)
{
	struct series *s = series("yield", NULL, "Zephyr thread.yield.preemptive.ctx: MK_YIELD until the other of two tasks has gone on");
	unsigned other = thread(yield_for_ever, NULL, PRIORITY);

	for (int i = -WARMUP; i < (int)iterations; i++) {
		mk_yield();
		sample(s, i, yielded_at, mk_cycles());
	}
	mk_task_kill(other);
}

/* Half of there and back. */
static void measure_answers(struct series *s, const unsigned *semaphores)
{
	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned begin = mk_cycles();

		mk_sem_up(semaphores[0]);
		mk_sem_down(semaphores[1], 0);
		sample(s, i, begin, begin + (mk_cycles() - begin + stamp_cost) / 2);
	}
}

static void give_semaphore(unsigned port, unsigned semaphore)
{
	struct mk_message m = { .tag = MK_TAG(PEER_SEMAPHORE, MK_WORDS) | MK_TAG_HANDLE };

	m.word[9] = semaphore;
	good(mk_call(port, &m, 0));
}

void measure_scheduling(void)
{
	unsigned here[2] = { good(mk_sem_create(0)), good(mk_sem_create(0)) };
	unsigned there[2] = { good(mk_sem_create(0)), good(mk_sem_create(0)) };
	unsigned answerer, peer;

	measure_yield();
	answerer = thread(peer_answer, here, PRIORITY);
	until_blocked();
	measure_answers(series("thread_switch", NULL, "a semaphore from task to task of a space: half of the way there and back"), here);
	mk_task_kill(answerer);
	peer = peer_other();
	give_semaphore(peer, there[0]);
	give_semaphore(peer, there[1]);
	until_blocked();
	measure_answers(series("space_switch", NULL, "a semaphore from task to task of another space: half of the way there and back"), there);
}
