/* Interrupts: the GICv2 gives the most urgent that is pending. Top halves are short: they quieten the device, note its work and
 * return; the work is done before a task goes on, one piece at a time, and interrupts that came meanwhile have their turn in
 * between. */
#include "kernel.h"
#include "../boot/board.h"

#define GICD(offset) (*(volatile u32 *)(BOARD_GICD + (offset)))
#define GICC(offset) (*(volatile u32 *)(BOARD_GICC + (offset)))
#define GICD_BYTE(offset) (*(volatile u8 *)(BOARD_GICD + (offset)))
#define GICD_CTLR 0x000
#define GICD_SET_ENABLE 0x100
#define GICD_CLEAR_ENABLE 0x180
#define GICD_SET_PENDING 0x200
#define GICD_PRIORITY 0x400
#define GICD_TARGETS 0x800
#define GICC_CTLR 0x00
#define GICC_PMR 0x04
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10
#define IAR_NONE 1020

u32 irq_stamp;
struct link deferred = { &deferred, &deferred };
static u64 arrived;               /* devices[] whose interrupt came: bits */
_Static_assert(MK_BOOT_DEVICES <= 64, "");
static u8 device_of[BOARD_IRQS];  /* 0: none, for the first device has no interrupt */

void irq_of(u32 irq, u32 device) { device_of[irq] = (u8)device; }

void irq_init(void)
{
	GICD(GICD_CTLR) = 1;
	GICC(GICC_PMR) = 0xff;
	GICC(GICC_CTLR) = 1;
}

void irq_enable(u32 irq, u32 priority)
{
	GICD_BYTE(GICD_PRIORITY + irq) = (u8)priority;
	if (irq >= 32)
		GICD_BYTE(GICD_TARGETS + irq) = 1;
	GICD(GICD_SET_ENABLE + irq / 32 * 4) = 1u << irq % 32;
}

void irq_disable(u32 irq) { GICD(GICD_CLEAR_ENABLE + irq / 32 * 4) = 1u << irq % 32; }
void irq_raise(u32 irq) { GICD(GICD_SET_PENDING + irq / 32 * 4) = 1u << irq % 32; }

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
	u32 i = irq < BOARD_IRQS ? device_of[irq] : 0;

	irq_disable(irq);
	if (i) {
		arrived |= 1ull << i;
		work_defer(&arrivals);
	}
}

void irq_take(void)
{
	for (;;) {
		u32 iar = GICC(GICC_IAR), irq = iar & 0x3ff;

		if (irq >= IAR_NONE)
			return;
		irq_stamp = cycles();
		if (irq == BOARD_TIMER_IRQ)
			alarms_ring();
		else
			device_irq(irq);
		GICC(GICC_EOIR) = iar;
	}
}
