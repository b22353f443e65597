/* From the first C line to the first task: memory, interrupts, time, and the initrd's `init`. */
#include "../core/kernel.h"
#include "board.h"
#include "boot.h"
#include "../include/cpio.h"
#include "../include/elf.h"

struct mk_boot boot_info __attribute__((section(".bss.page"))); /* alone in its page: tasks see it */
struct device devices[MK_BOOT_DEVICES];

#define INIT_STACK (MK_USER_END - 2 * MK_PAGE) /* its top; the page above is empty, then boot_info */
#define INIT_STACK_PAGES 4
#define INIT_BOOT_INFO (MK_USER_END - MK_PAGE)
#define INIT_PRIORITY 15

void boot_device(u32 kind, u32 physical, u32 bytes, u32 irq)
{
	u32 n = boot_info.devices;

	if (n == MK_BOOT_DEVICES || irq >= BOARD_IRQS)
		return;
	irq_of(irq, n);
	devices[n] = (struct device){ .object = { .kind = DEVICE }, .type = (u8)kind, .irq = (u16)irq, .physical = physical, .bytes = bytes };
	boot_info.device[n].kind = kind;
	boot_info.device[n].physical = physical;
	boot_info.device[n].bytes = bytes;
	boot_info.device[n].pages = ((physical & (MK_PAGE - 1)) + bytes + MK_PAGE - 1) / MK_PAGE;
	boot_info.devices++;
}

static void devices_find(const void *tree)
{
	boot_device(MK_DEVICE_MACHINE, 0, 0, 0);
	boot_device(MK_DEVICE_INITRD, 0, 0, 0);
	fdt_parse(tree);
	boot_device(MK_DEVICE_SPARE, 0, 0, BOARD_SPARE_IRQ);
	devices[1].physical = boot_info.device[1].physical = boot_memory.initrd;
	devices[1].bytes = boot_info.device[1].bytes = boot_memory.initrd_end - boot_memory.initrd;
	boot_info.device[1].pages = (boot_info.device[1].bytes + MK_PAGE - 1) / MK_PAGE;
}

/* A copy of the segment's bytes, in fresh pages that are then read-only if it is. */
static void load_segment(struct space *s, const u8 *file, const struct elf_segment *g)
{
	u32 from = g->va & ~(MK_PAGE - 1), pages = (g->va + g->memory_bytes - from + MK_PAGE - 1) / MK_PAGE;
	u32 protection = MK_READ | (g->flags & ELF_WRITE ? MK_WRITE : 0) | (g->flags & ELF_EXECUTE ? MK_EXECUTE : 0);

	if (space_map(s, from, pages, protection))
		panic("init: a segment at %x does not fit", (u32)g->va);
	for (u32 i = 0; i < g->file_bytes; i++)
		*(u8 *)space_physical(s, g->va + i) = file[g->offset + i];
}

static void load_init(struct space *s, const u8 *file, u32 bytes, u32 *entry)
{
	const struct elf *e = (const struct elf *)file;
	const struct elf_segment *g = (const struct elf_segment *)(file + e->segments);

	if (bytes < sizeof *e || e->magic != ELF_MAGIC || e->segments > bytes || e->segment_count * sizeof *g > bytes - e->segments)
		panic("init is no ELF file");
	for (u32 i = 0; i < e->segment_count; i++)
		if (g[i].type == ELF_LOAD)
			load_segment(s, file, &g[i]);
	*entry = e->entry;
}

static void start_init(void)
{
	const char *archive = (const char *)boot_memory.initrd;
	const u8 *file;
	struct space *s;
	struct task *t;
	int error;
	u32 entry, bytes;

	file = archive ? cpio_find(archive, boot_info.device[1].bytes, "init", 4, &bytes) : NULL;
	if (!file)
		panic("no initrd with init in it");
	s = space_make(0xffffffffu, NULL, 0, "init", &error);
	if (!s || space_map(s, INIT_STACK - INIT_STACK_PAGES * MK_PAGE, INIT_STACK_PAGES, MK_READ | MK_WRITE))
		panic("no memory for init");
	load_init(s, file, bytes, &entry);
	for (u32 i = 0; i < boot_info.devices; i++)
		s->handles[i] = (struct handle){ &devices[i].object, MK_RIGHT_ALL };
	space_map_device(s, INIT_BOOT_INFO, (u32)&boot_info, sizeof boot_info, MK_READ);
	task_make(s, entry, INIT_STACK, INIT_BOOT_INFO, INIT_PRIORITY, &t);
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
