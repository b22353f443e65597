/* The page allocator: free pages are a list through themselves; each page counts its users. */
#include "kernel.h"
#include "../boot/board.h"

u32 pages_free;
static u32 first_free, count;
static u16 *users;                /* of each page of memory; the kernel's own have one for ever */
extern char bss_end[];

static u32 index_of(u32 physical) { return (physical - BOARD_RAM) / MK_PAGE; }

/* NULL: it is a device's, or none. */
static u16 *users_of(u32 physical)
{
	return physical < BOARD_RAM || index_of(physical) >= count ? NULL : &users[index_of(physical)];
}

static void zero(void *page)
{
	for (u64 *p = page, *end = p + MK_PAGE / sizeof *p; p < end; p += 16) {
		p[0] = p[1] = p[2] = p[3] = p[4] = p[5] = p[6] = p[7] = 0;
		p[8] = p[9] = p[10] = p[11] = p[12] = p[13] = p[14] = p[15] = 0;
	}
}

static void set_free(u32 page)
{
	*(u32 *)page = first_free;
	first_free = page;
	pages_free++;
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
	for (u32 p = BOARD_RAM + (count - 1) * MK_PAGE; p >= BOARD_RAM; p -= MK_PAGE) {
		users[index_of(p)] = p < from || (p + MK_PAGE > keep_from && p < keep_to);
		if (!users[index_of(p)])
			set_free(p);
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

bool page_shared(u32 physical) { return *users_of(physical) > 1; }

bool page_share(u32 physical)
{
	u16 *n = users_of(physical);

	return !n || (*n != UINT16_MAX && ++*n);
}

void page_give(u32 physical)
{
	u16 *n = users_of(physical);

	if (n && !*n)
		panic("page %x is given back twice", physical);
	if (!n || --*n)
		return;
	set_free(physical);
}
