/* Interrupts: the controller gives the most urgent that is pending. Top halves quieten the device and note its work; it is done before
 * a task goes on, one piece at a time, and interrupts that came meanwhile have their turn in between. */
#include "kernel.h"
#include "../boot/board.h"

u32 irq_stamp;
struct link deferred = { &deferred, &deferred };
static struct device *device_of[BOARD_IRQS];

/* The most urgent first, then first come. */
void work_defer(struct work *w)
{
	struct link *before = &deferred;

	if (!list_empty(&w->link))
		return;
	while (before->prev != &deferred && CONTAINER(before->prev, struct work, link)->priority < w->priority)
		before = before->prev;
	list_insert(before, &w->link);
}

void work_run(void)
{
	while (!list_empty(&deferred)) {
		struct work *w = CONTAINER(deferred.next, struct work, link);

		if (w->priority < BEFORE_TASKS && ready_bits && MOST_URGENT > w->priority)
			return;
		list_remove(&w->link);
		w->run(w);
		irq_take();
	}
}

static void arrived(struct work *w)
{
	struct device *d = CONTAINER(w, struct device, arrival);

	if (d->port)
		port_notify(d->port, d->bits);
}

void device_irq_init(struct device *d)
{
	d->arrival = (struct work){ { &d->arrival.link, &d->arrival.link }, arrived, BEFORE_TASKS };
	device_of[d->irq] = d;
}

/* A device's is off until its driver says that it has seen to it: MK_IRQ_ACK. */
void irq_take(void)
{
	for (u32 irq; (irq = irq_begin()) < BOARD_IRQS; irq_end(irq)) {
		irq_stamp = cycles();
		if (irq == BOARD_TIMER_IRQ) {
			alarms_ring();
			continue;
		}
		irq_disable(irq);
		if (device_of[irq])
			work_defer(&device_of[irq]->arrival);
	}
}
