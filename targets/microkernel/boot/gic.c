/* The board's interrupt controller, GICv2 (Arm IHI 0048B), and its devices' reset. */
#include "../core/kernel.h"
#include "board.h"

#define GICD(offset) (*(volatile u32 *)(BOARD_GICD + (offset)))
#define GICC(offset) (*(volatile u32 *)(BOARD_GICC + (offset)))
#define GICD_BYTE(offset) (*(volatile u8 *)(BOARD_GICD + (offset)))
enum { GICD_CTLR = 0x000, GICD_SET_ENABLE = 0x100, GICD_CLEAR_ENABLE = 0x180, GICD_SET_PENDING = 0x200 };
enum { GICD_PRIORITY = 0x400, GICD_TARGETS = 0x800 }; /* a byte each */
enum { GICC_CTLR = 0x00, GICC_PMR = 0x04, GICC_IAR = 0x0c, GICC_EOIR = 0x10 };

void irq_init(void)
{
	GICD(GICD_CTLR) = 1;
	GICC(GICC_PMR) = 0xff;
	GICC(GICC_CTLR) = 1;
}

/* Time before devices. Of the timer's own kind, which are of one processor, the target cannot be set (4.3.12). */
void irq_enable(u32 irq)
{
	GICD_BYTE(GICD_PRIORITY + irq) = irq == BOARD_TIMER_IRQ ? 0x40 : 0x80;
	GICD_BYTE(GICD_TARGETS + irq) = 1;
	GICD(GICD_SET_ENABLE + irq / 32 * 4) = 1u << irq % 32;
}

void irq_disable(u32 irq) { GICD(GICD_CLEAR_ENABLE + irq / 32 * 4) = 1u << irq % 32; }
void irq_raise(u32 irq) { GICD(GICD_SET_PENDING + irq / 32 * 4) = 1u << irq % 32; }

void board_quiet(const struct device *d)
{
	if (d->type == MK_DEVICE_VIRTIO) /* its Status register: reset (Virtio 1.1, 4.2.2) */
		*(volatile u32 *)DEVICE_VA(d->physical + 0x70) = 0;
}

u32 irq_begin(void) { return GICC(GICC_IAR); }
void irq_end(u32 irq) { GICC(GICC_EOIR) = irq; }
