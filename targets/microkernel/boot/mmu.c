/* The kernel's own map: memory where it is, devices from 0xf8000000 on; nothing of it for user mode. Runs with the MMU off. */
#include "../core/kernel.h"
#include "board.h"

/* First level: sections of 1 MiB (ARM ARM B3.5.1). AP 01: the kernel alone; AP[2]: read only. */
#define SECTION 2u
#define SECTION_NORMAL (1u << 12 | 1u << 3 | 1u << 2 | 1u << 16) /* write-back, write-allocate, shareable */
#define SECTION_DEVICE (1u << 2)
#define SECTION_KERNEL (1u << 10)
#define SECTION_XN (1u << 4)
/* Second level: pages of 4 KiB, for the kernel's own first MiB. */
#define PAGE_NORMAL (2u | 1u << 6 | 1u << 3 | 1u << 2 | 1u << 10)
#define PAGE_KERNEL (1u << 4)
#define PAGE_READ_ONLY (1u << 9)
#define PAGE_XN 1u

#define MIB 0x100000u

u32 kernel_table[4096] __attribute__((aligned(16384)));
u32 empty_table[1024] __attribute__((aligned(4096)));
static u32 first_mib[256] __attribute__((aligned(1024)));

extern char text_start[], text_end[], rodata_end[];

static u32 protection_of(u32 address)
{
	if (address < (u32)text_start || address >= (u32)rodata_end)
		return PAGE_XN;
	return address < (u32)text_end ? PAGE_READ_ONLY : PAGE_READ_ONLY | PAGE_XN;
}

void mmu_map_kernel(void)
{
	for (u32 i = 0, a = BOARD_RAM; i < 256; i++, a += MK_PAGE)
		first_mib[i] = a | PAGE_NORMAL | PAGE_KERNEL | protection_of(a);
	for (u32 mib = BOARD_RAM / MIB; mib < 0xc00; mib++)
		kernel_table[mib] = mib * MIB | SECTION | SECTION_NORMAL | SECTION_KERNEL | SECTION_XN;
	kernel_table[BOARD_RAM / MIB] = (u32)first_mib | 1;
	for (u32 a = BOARD_DEVICES; a < BOARD_DEVICES_END; a += MIB)
		kernel_table[DEVICE_VA(a) / MIB] = a | SECTION | SECTION_DEVICE | SECTION_KERNEL | SECTION_XN;
}
