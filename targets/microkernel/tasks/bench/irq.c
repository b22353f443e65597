/* Interrupts. As sel4bench's irq: a spinner of low priority takes stamps without end; the last one is when the interrupt came. */
#include "bench.h"

#define PERIOD_US 1000
#define SPREAD_US 7               /* prime: interrupts come at different points of the spinner's loop */

static volatile unsigned spun;

static void spin(void *unused)
{
	(void)unused;
	for (;;)
		spun = mk_cycles();
}

static void measure_timer_irq(unsigned port)
{
	struct series *handler = series("irq_to_handler", "\"source\": \"timer\"", "sel4bench irq: the interrupted instruction until the kernel's handler"),
		      *task = series("irq_to_task", "\"source\": \"timer\"", "sel4bench irquser: the interrupted instruction until the task that waited has gone on");
	unsigned spinner = thread(spin, NULL, LOWER), timer = good(mk_timer_create(port, 1));
	struct mk_message m;

	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned end;

		mk_timer_set(timer, 50 + (unsigned)(i + WARMUP) % SPREAD_US, 0);
		good(mk_receive(port, &m, 0));
		end = mk_cycles();
		sample(handler, i, spun, (unsigned)mk_info(MK_INFO_IRQ_STAMP));
		sample(task, i, spun, end);
	}
	mk_task_kill(spinner);
	mk_drop(timer);
}

/* ---- A device's: raised by a task of low priority, so that the one that waits preempts it ---- */

static volatile unsigned raised_at;

static void raise_for_ever(void *device)
{
	for (;;) {
		raised_at = mk_cycles();
		mk_irq_raise((unsigned)device);
	}
}

static void measure_device_irq(unsigned port)
{
	static const char device_label[] = "\"source\": \"device\"";
	struct series *handler = series("irq_to_handler", device_label, "MK_IRQ_RAISE, with the call itself, until the kernel's handler"),
		      *task = series("irq_to_task", device_label, "MK_IRQ_RAISE, with the call itself, until the driver has gone on");
	unsigned spare = device(MK_DEVICE_SPARE), raiser;
	struct mk_message m;

	good(mk_irq_bind(spare, port, 2));
	raiser = thread(raise_for_ever, (void *)spare, LOWER);
	for (int i = -WARMUP; i < (int)iterations; i++) {
		unsigned end;

		good(mk_receive(port, &m, 0));
		end = mk_cycles();
		sample(handler, i, raised_at, (unsigned)mk_info(MK_INFO_IRQ_STAMP));
		sample(task, i, raised_at, end);
		mk_irq_ack(spare);
	}
	mk_task_kill(raiser);
}

/* The counter goes in steps of some instructions (62.5 MHz: 16), and so does the figure. When the timer is due is known from
 * before the call that set it. */
static void measure_jitter(unsigned port)
{
	struct series *late = series("timer_jitter", NULL, "a timer each millisecond: expiry until its task has gone on; in steps of 16");
	unsigned timer = good(mk_timer_create(port, 4)), hz = mk_counter_hz();
	uint64_t due = mk_counter();
	struct mk_message m;

	mk_timer_set(timer, PERIOD_US, PERIOD_US);
	for (int i = -WARMUP; i < (int)iterations; i++) {
		good(mk_receive(port, &m, 0));
		due += hz / (1000000 / PERIOD_US);
		if (i >= 0)
			sample_value(late, (unsigned)(mk_counter() - due) * (1000000000u / hz));
	}
	mk_drop(timer);
}

void measure_irq(void)
{
	unsigned port = good(mk_port_create());

	measure_timer_irq(port);
	measure_device_irq(port);
	measure_jitter(port);
}
