/* The page allocator: free pages are a list through themselves; each page counts its users. */
#include "kernel.h"
#include "../boot/board.h"

u32 pages_free;
static u32 first_free, count;
static u16 *users;                /* of each page of memory; the kernel's own have one for ever */
extern char bss_end[];

static u32 index_of(u32 physical) { return (physical - BOARD_RAM) / MK_PAGE; }

static void zero(void *page)
{
	u64 *p = page;

	for (u32 i = 0; i < MK_PAGE / sizeof *p; i += 8) {
		p[i] = p[i + 1] = p[i + 2] = p[i + 3] = 0;
		p[i + 4] = p[i + 5] = p[i + 6] = p[i + 7] = 0;
	}
}

/* All memory up to end, but the kernel, its table of users and [keep_from, keep_to). */
void pages_init(u32 end, u32 keep_from, u32 keep_to)
{
	u32 from;

	count = (end - BOARD_RAM) / MK_PAGE;
	users = (u16 *)bss_end;
	from = ((u32)(users + count) + MK_PAGE - 1) & ~(MK_PAGE - 1);
	if (keep_from < keep_to && keep_from < from)
		panic("the initrd lies in the kernel's memory");
	for (u32 i = 0; i < index_of(from); i++)
		users[i] = 1;
	for (u32 p = BOARD_RAM + (count - 1) * MK_PAGE; p >= from; p -= MK_PAGE) {
		bool kept = p + MK_PAGE > keep_from && p < keep_to;

		users[index_of(p)] = kept;
		if (kept)
			continue;
		*(u32 *)p = first_free;
		first_free = p;
		pages_free++;
	}
}

void *page_take(void)
{
	u32 page = first_free;

	if (!page)
		return NULL;
	first_free = *(u32 *)page;
	pages_free--;
	users[index_of(page)] = 1;
	zero((void *)page);
	return (void *)page;
}

bool page_shared(u32 physical) { return users[index_of(physical)] > 1; }

bool page_share(u32 physical)
{
	u16 *n = &users[index_of(physical)];

	if (*n == UINT16_MAX)
		return false;
	++*n;
	return true;
}

void page_give(u32 physical)
{
	if (physical < BOARD_RAM || index_of(physical) >= count) /* a device's, or none */
		return;
	if (!users[index_of(physical)])
		panic("page %x is given back twice", physical);
	if (--users[index_of(physical)])
		return;
	*(u32 *)physical = first_free;
	first_free = physical;
	pages_free++;
}
