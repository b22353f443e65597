/* Thread-Metric's eight tests: how often in an interval, told as in its 30 seconds. The interval is interval_ms of virtual time,
 * in which an instruction takes a nanosecond. Threads as there; what this kernel has not is said in the summaries. */
#include "bench.h"

#define THREADS 5
#define ARRAY 1024
#define BLOCK_BYTES 128

static volatile unsigned counts[THREADS];
static unsigned semaphores[THREADS], port;

static void basic(void *unused)
{
	static volatile unsigned cells[ARRAY];

	(void)unused;
	for (;; counts[0]++)
		for (unsigned i = 0; i < ARRAY; i++)
			cells[i] = (cells[i] + counts[0]) ^ cells[i];
}

static void cooperative(void *n)
{
	for (;; counts[(unsigned)n]++)
		mk_yield();
}

/* Each wakes the next, which is more urgent, counts, and waits to be woken again; the first only wakes. */
static void preemptive(void *number)
{
	unsigned n = (unsigned)number;

	for (;; counts[n]++) {
		if (n)
			mk_sem_down(semaphores[n], 0);
		if (n + 1 < THREADS)
			mk_sem_up(semaphores[n + 1]);
	}
}

static void interrupt(void *unused)
{
	unsigned spare = device(MK_DEVICE_SPARE);
	struct mk_message m;

	(void)unused;
	for (;; counts[0]++) {
		mk_irq_raise(spare);
		mk_receive(port, &m, 0);
		mk_irq_ack(spare);
	}
}

static void interrupt_handler(void *unused)
{
	unsigned spare = device(MK_DEVICE_SPARE);
	struct mk_message m;

	(void)unused;
	for (;; counts[1]++) {
		mk_receive(port, &m, 0);
		mk_irq_ack(spare);
	}
}

static void interrupt_raiser(void *unused)
{
	unsigned spare = device(MK_DEVICE_SPARE);

	(void)unused;
	for (;; counts[0]++)
		mk_irq_raise(spare);
}

static void message(void *to)
{
	struct mk_message m = { .tag = MK_TAG(PEER_ECHO, 4) };

	for (;; counts[0]++)
		mk_call((unsigned)to, &m, 0);
}

static void synchronization(void *unused)
{
	(void)unused;
	for (;; counts[0]++) {
		mk_sem_down(semaphores[0], 0);
		mk_sem_up(semaphores[0]);
	}
}

static void allocation(void *unused)
{
	(void)unused;
	for (;; counts[0]++)
		mk_free(mk_alloc(BLOCK_BYTES));
}

/* ---- The tests ---- */

enum { ONE, FIVE_ALIKE, FIVE_RISING };

static void count(const char *name, void (*run)(void *), void *argument, unsigned how, const char *summary)
{
	struct series *s = series_count(name, summary);
	unsigned tasks[THREADS], n = how == ONE ? 1 : THREADS;
	uint64_t sum = 0;

	for (unsigned i = 0; i < THREADS; i++)
		counts[i] = 0;
	for (unsigned i = n; i-- > 0;) /* the most urgent first: it is to wait when the others begin */
		tasks[i] = thread(run, how == ONE ? argument : (void *)i, how == FIVE_RISING ? LOWER + i : LOWER);
	mk_sleep(interval_ms * 1000);
	for (unsigned i = 0; i < n; i++) {
		sum += counts[i];
		good(mk_task_kill(tasks[i]));
		good(mk_drop(tasks[i]));
	}
	sample_value(s, (unsigned)(sum * 30000 / interval_ms));
}

static void count_interrupts(void)
{
	unsigned spare = device(MK_DEVICE_SPARE), handler;

	port = good(mk_port_create());
	good(mk_irq_bind(spare, port, 1));
	count("interrupt_processing", interrupt, NULL, ONE, "Thread-Metric 4: a task raises an interrupt and waits for its notification");
	handler = thread(interrupt_handler, NULL, HIGHER);
	count("interrupt_preemption_processing", interrupt_raiser, NULL, ONE,
	      "Thread-Metric 5: a task raises an interrupt, whose driver preempts it");
	mk_task_kill(handler);
}

void measure_thread_metric(void)
{
	unsigned echo = good(mk_port_create());

	thread(peer_serve, (void *)echo, LOWER);
	for (unsigned i = 0; i < THREADS; i++)
		semaphores[i] = good(mk_sem_create(i == 0));
	count("basic_processing", basic, NULL, ONE, "Thread-Metric 1: an array of 1024 numbers worked through");
	count("cooperative_scheduling", cooperative, NULL, FIVE_ALIKE, "Thread-Metric 2: turns of five tasks that yield");
	count("preemptive_scheduling", preemptive, NULL, FIVE_RISING,
	      "Thread-Metric 3: turns of five tasks, each waking the next, which is more urgent; by semaphores, for there is no suspend");
	count_interrupts();
	count("message_processing", message, (void *)echo, ONE,
	      "Thread-Metric 6: four words to a second task and back, for no message waits in a queue");
	count("synchronization", synchronization, NULL, ONE, "Thread-Metric 7: a semaphore taken and given");
	count("memory_allocation", allocation, NULL, ONE, "Thread-Metric 8: 128 bytes of the program's heap, and back");
}
