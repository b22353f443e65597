/* Alarms on the virtual timer of the ARM generic timer (ARM ARM B8): one comparator, set for the earliest. */
#include "kernel.h"
#include "../boot/board.h"

static struct link alarms = { &alarms, &alarms };
static u64 programmed;            /* what the comparator is set to */
static u32 counts_in_us;         /* times 65536, so that no call divides */

static void program(u64 when)
{
	programmed = when;
	cpu_timer_set(when);
}

void time_init(void)
{
	program(UINT64_MAX);
	boot_info.counter_hz = cpu_timer_start();
	counts_in_us = (u32)(((u64)boot_info.counter_hz << 16) / 1000000u);
	irq_enable(BOARD_TIMER_IRQ);
}

u64 counts_of(u32 us) { return (u64)us * counts_in_us >> 16; }

void time_at_latest(u64 when)
{
	if (when < programmed)
		program(when);
}

void alarm_set(struct alarm *a, u64 when)
{
	struct link *before = &alarms;

	while (before->prev != &alarms && CONTAINER(before->prev, struct alarm, link)->when > when)
		before = before->prev;
	a->when = when;
	list_insert(before, &a->link);
	time_at_latest(when);
}

void alarm_off(struct alarm *a)
{
	a->when = 0;
	list_remove(&a->link);
}

static struct alarm *earliest(void) { return list_empty(&alarms) ? NULL : CONTAINER(alarms.next, struct alarm, link); }

static void ring(struct work *w)
{
	struct alarm *a = earliest();

	if (a && a->when <= now()) {
		alarm_off(a);
		a->ring(a);
		a = earliest();
	}
	if (a && a->when <= now()) {
		work_defer(w); /* one at a time: interrupts are looked at in between */
		return;
	}
	if (a)
		time_at_latest(a->when);
	quantum_over();
}

static struct work ringing = { { &ringing.link, &ringing.link }, ring, BEFORE_TASKS };

/* Top half of the interrupt: quiet until there is a new time. */
void alarms_ring(void)
{
	program(UINT64_MAX);
	work_defer(&ringing);
}

/* ---- Timers: an alarm that notifies a port, once or again and again ---- */

static void timer_ring(struct alarm *a)
{
	struct timer *timer = CONTAINER(a, struct timer, alarm);
	u64 at = now();

	if (timer->period) {
		timer->due += timer->period; /* from when it was due, so that periods do not drift */
		if (timer->due <= at)        /* those missed are one, and the next is in step */
			timer->due += ((at - timer->due) / timer->period + 1) * timer->period;
		alarm_set(a, timer->due);
	}
	port_notify(timer->port, timer->bits);
}

void timer_init(struct timer *timer, struct port *p, u32 bits)
{
	list_init(&timer->alarm.link);
	timer->alarm.ring = timer_ring;
	timer->port = p;
	timer->bits = bits;
	p->object.handles++; /* it must not go before */
}

int timer_set(struct timer *timer, u32 first_us, u32 period_us)
{
	if (period_us > MK_TIMEOUT_MAX_US || (period_us && period_us < MK_PERIOD_MIN_US))
		return MK_EARGUMENT;
	alarm_off(&timer->alarm);
	timer->period = (u32)counts_of(period_us);
	timer->due = now() + counts_of(first_us);
	if (first_us)
		alarm_set(&timer->alarm, timer->due);
	return 0;
}
