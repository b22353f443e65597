/* QEMU's virt machine: all that is of this board. What it has more or less of is in the device tree (boot/fdt.c). */
#ifndef MK_BOARD_H
#define MK_BOARD_H

#define BOARD_RAM 0x40000000u        /* where memory begins; the kernel's image is 64 KiB above */
#define BOARD_DEVICES 0x08000000u    /* [here, +128 MiB): GIC, PL011, virtio */
#define BOARD_DEVICES_END 0x10000000u

/* The kernel sees memory where it is, and devices here. */
#define DEVICE_VA(physical) ((physical) | 0xf0000000u)

#define BOARD_GICD DEVICE_VA(0x08000000u)
#define BOARD_GICC DEVICE_VA(0x08010000u)
#define BOARD_UART DEVICE_VA(0x09000000u)
#define BOARD_TIMER_IRQ 27           /* PPI of the virtual timer */
#define BOARD_SPARE_IRQ 47           /* an SPI that no device of the board has */
#define BOARD_IRQS 288
#endif
