/* From the first C line to the first task: memory, interrupts, time, and the initrd's `init`. */
#include "../core/kernel.h"
#include "board.h"
#include "../include/cpio.h"
#include "../include/elf.h"

struct mk_boot boot_info __attribute__((section(".bss.page"))); /* alone in its page: tasks see it */
struct device devices[MK_BOOT_DEVICES];

#define INIT_STACK (MK_USER_END - 2 * MK_PAGE) /* its top; the page above is empty, then boot_info */
#define INIT_STACK_PAGES 4
#define INIT_BOOT_INFO (MK_USER_END - MK_PAGE)
#define INIT_PRIORITY 15

static void device_set(u32 n, u32 kind, u32 physical, u32 bytes, u32 irq)
{
	u32 pages = (physical % MK_PAGE + bytes + MK_PAGE - 1) / MK_PAGE;

	devices[n] = (struct device){ .object = { .kind = DEVICE }, .type = (u8)kind, .irq = (u16)irq, .physical = physical, .pages = pages };
	device_irq_init(&devices[n]);
	boot_info.device[n] = (struct mk_boot_device){ .kind = kind, .pages = pages, .physical = physical, .bytes = bytes };
}

void boot_device(u32 kind, u32 physical, u32 bytes, u32 irq)
{
	if (boot_info.devices < MK_BOOT_DEVICES && irq < BOARD_IRQS)
		device_set(boot_info.devices++, kind, physical, bytes, irq);
}

/* The machine and the initrd first. */
static void devices_find(const void *tree)
{
	boot_info.devices = 2;
	fdt_parse(tree);
	boot_device(MK_DEVICE_SPARE, 0, 0, BOARD_SPARE_IRQ);
	device_set(0, MK_DEVICE_MACHINE, 0, 0, 0);
	device_set(1, MK_DEVICE_INITRD, boot_memory.initrd, boot_memory.initrd_end - boot_memory.initrd, 0);
}

/* Fresh pages, or those at a physical address. */
static void map(struct space *s, u32 va, u32 pages, u32 protection, u32 physical)
{
	u32 done = 0;

	if (space_fill(s, va, pages, protection, NULL, physical, &done))
		panic("init: %d pages at %x do not fit", pages, va);
}

/* A copy of the segment's bytes, in fresh pages that are then read-only if it is. */
static void load_segment(struct space *s, const u8 *file, const struct elf_segment *g)
{
	u32 from = g->va & ~(MK_PAGE - 1), pages = (g->va + g->memory_bytes - from + MK_PAGE - 1) / MK_PAGE;
	u32 protection = MK_READ | (g->flags & ELF_WRITE ? MK_WRITE : 0) | (g->flags & ELF_EXECUTE ? MK_EXECUTE : 0);

	map(s, from, pages, protection, 0);
	for (u32 i = 0; i < g->file_bytes; i++)
		*(u8 *)space_physical(s, g->va + i) = file[g->offset + i];
}

/* -> where it begins */
static u32 load_init(struct space *s, const u8 *file, u32 bytes)
{
	const struct elf *e = (const struct elf *)file;
	const struct elf_segment *g = (const struct elf_segment *)(file + e->segments);

	if (bytes < sizeof *e || e->magic != ELF_MAGIC || e->segments > bytes || e->segment_count * sizeof *g > bytes - e->segments)
		panic("init is no ELF file");
	for (u32 i = 0; i < e->segment_count; i++)
		if (g[i].type == ELF_LOAD)
			load_segment(s, file, &g[i]);
	return e->entry;
}

static void start_init(void)
{
	const char *archive = (const char *)boot_memory.initrd;
	u32 bytes;
	const u8 *file = archive ? cpio_find(archive, boot_info.device[1].bytes, "init", 4, &bytes) : NULL;
	struct space *s;
	struct task *t;

	if (!file)
		panic("no initrd with init in it");
	if (space_make(0xffffffffu, MK_PRIORITIES - 1, "init", &s))
		panic("no memory for init");
	map(s, INIT_STACK - INIT_STACK_PAGES * MK_PAGE, INIT_STACK_PAGES, MK_READ | MK_WRITE, 0);
	map(s, INIT_BOOT_INFO, 1, MK_READ, (u32)&boot_info);
	for (u32 i = 0; i < boot_info.devices; i++)
		s->handles[i] = (struct handle){ &devices[i].object, MK_RIGHT_ALL };
	task_make(s, load_init(s, file, bytes), INIT_STACK, INIT_BOOT_INFO, INIT_PRIORITY, &t);
	ready(t);
}

struct task *kernel_main(const void *tree)
{
	struct task *first;

	devices_find(tree);
	pages_init(boot_memory.end, boot_memory.initrd, boot_memory.initrd_end);
	irq_init();
	time_init();
	sched_init();
	start_init();
	boot_info.version = MK_ABI_VERSION;
	boot_info.ram_pages = (boot_memory.end - BOARD_RAM) / MK_PAGE;
	boot_info.free_pages = pages_free;
	print("mk: micro kernel, ABI %d: %d of %d pages free, %d devices, %d cycles since power-on\n", (u32)MK_ABI_VERSION, pages_free,
	      boot_info.ram_pages, boot_info.devices, cycles());
	first = schedule();
	boot_info.boot_cycles = cycles();
	return first;
}
