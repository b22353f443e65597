/* Interrupts: the controller gives the most urgent that is pending. Top halves are short: they quieten the device, note its work and
 * return; the work is done before a task goes on, one piece at a time, and interrupts that came meanwhile have their turn in
 * between. */
#include "kernel.h"
#include "../boot/board.h"

u32 irq_stamp;
struct link deferred = { &deferred, &deferred };
static u64 arrived;               /* devices[] whose interrupt came: bits */
_Static_assert(MK_BOOT_DEVICES <= 64, "");
static u8 device_of[BOARD_IRQS];  /* 0: none, for the first device has no interrupt */

void irq_of(u32 irq, u32 device) { device_of[irq] = (u8)device; }

void work_defer(struct work *w)
{
	if (list_empty(&w->link))
		list_insert(&deferred, &w->link);
}

void work_run(void)
{
	while (!list_empty(&deferred)) {
		struct work *w = CONTAINER(deferred.next, struct work, link);

		list_remove(&w->link);
		w->run(w);
		irq_take();
	}
}

static void arrived_run(struct work *w)
{
	(void)w;
	while (arrived) {
		struct device *d = &devices[__builtin_ctzll(arrived)];

		arrived &= arrived - 1;
		if (d->port)
			port_notify(d->port, d->bits);
	}
}

static struct work arrivals = { { &arrivals.link, &arrivals.link }, arrived_run };

/* Off until its driver says that it has seen to the device: MK_IRQ_ACK. */
static void device_irq(u32 irq)
{
	u32 i = device_of[irq];

	irq_disable(irq);
	if (i) {
		arrived |= 1ull << i;
		work_defer(&arrivals);
	}
}

void irq_take(void)
{
	for (u32 irq; (irq = irq_begin()) < BOARD_IRQS; irq_end(irq)) {
		irq_stamp = cycles();
		if (irq == BOARD_TIMER_IRQ)
			alarms_ring();
		else
			device_irq(irq);
	}
}
