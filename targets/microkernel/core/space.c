/* Address spaces: short-descriptor tables (ARM ARM B3.5) for [0, 1 GiB), which TTBR0 holds; the kernel is in TTBR1.
 * One page holds the four second-level tables of 4 MiB. */
#include "kernel.h"
#include "../boot/board.h"

#define SMALL_PAGE 2u
#define XN 1u
#define NORMAL (1u << 6 | 1u << 3 | 1u << 2) /* write-back, write-allocate */
#define DEVICE_MEMORY (1u << 2)
#define USER_READ (2u << 4)       /* AP: the kernel may write */
#define USER_WRITE (3u << 4)
#define SHAREABLE (1u << 10)
#define NOT_GLOBAL (1u << 11)
#define FRAME (~(MK_PAGE - 1))
#define TABLE 1u
#define TABLE_BYTES 1024u
#define TABLES_SPAN 0x400000u

struct space spaces[MK_SPACES];
static struct space *active;

static u32 entry_for(u32 physical, u32 protection, u32 kind)
{
	return (physical & FRAME) | SMALL_PAGE | kind | SHAREABLE | NOT_GLOBAL | (protection & MK_WRITE ? USER_WRITE : USER_READ) |
	       (protection & MK_EXECUTE ? 0 : XN);
}

u32 space_protection(u32 entry)
{
	return MK_READ | ((entry & USER_WRITE) == USER_WRITE ? MK_WRITE : 0) | (entry & XN ? 0 : MK_EXECUTE);
}

static bool protection_valid(u32 p) { return p == MK_READ || p == (MK_READ | MK_WRITE) || p == (MK_READ | MK_EXECUTE); }

bool space_range(u32 va, u32 pages)
{
	return !(va & (MK_PAGE - 1)) && va >= MK_PAGE && va < MK_USER_END && pages && pages <= (MK_USER_END - va) / MK_PAGE;
}

static void end(struct work *w);

struct space *space_make(u32 limit, struct port *watcher, u32 bits, const char *name, int *error)
{
	struct space *s = NULL;

	for (u32 i = 1; i < MK_SPACES && !s; i++)
		if (spaces[i].object.kind == FREE)
			s = &spaces[i];
	*error = MK_EFULL;
	if (!s)
		return NULL;
	*error = MK_EMEMORY;
	*s = (struct space){ .object.kind = SPACE, .number = (u8)(s - spaces), .limit = limit, .watcher = watcher, .watcher_bits = bits };
	s->table = page_take();
	s->handles = page_take();
	if (!s->table || !s->handles) {
		page_give((u32)s->table);
		page_give((u32)s->handles);
		s->object.kind = FREE;
		return NULL;
	}
	s->pages = 2;
	if (watcher)
		watcher->object.handles++; /* it must not go before */
	s->handles[MK_SELF] = (struct handle){ &s->object, MK_RIGHT_ALL };
	for (u32 i = 0; i < 8; i++)
		s->name[i] = name[i] >= ' ' && name[i] < 127 ? name[i] : 0;
	list_init(&s->grants);
	list_init(&s->ending.link);
	s->ending.run = end;
	return s;
}

/* The entry of a page; with make, the tables on the way to it too. NULL: no table. */
u32 *space_entry(struct space *s, u32 va, bool make)
{
	u32 *first = &s->table[va >> 20 & 0xffcu];

	if (!*first) {
		u8 *tables = make && s->pages < s->limit ? page_take() : NULL;

		if (!tables)
			return NULL;
		s->pages++;
		for (u32 i = 0; i < 4; i++)
			first[i] = (u32)(tables + i * TABLE_BYTES) | TABLE;
	}
	return (u32 *)(s->table[va >> 20] & ~(TABLE_BYTES - 1)) + (va >> 12 & 255);
}

/* The first page in [*va, end) that is there; *va is where. NULL: none. Four tables lie side by side, as one. */
static u32 *next_mapped(struct space *s, u32 *va, u32 end)
{
	for (u32 at = *va, stop; at < end; at = stop) {
		u32 *entry = space_entry(s, at, false);

		stop = (at | (TABLES_SPAN - 1)) + 1;
		stop = stop < end ? stop : end;
		for (; entry && at < stop; at += MK_PAGE, entry++)
			if (*entry) {
				*va = at;
				return entry;
			}
	}
	return NULL;
}

bool space_free(struct space *s, u32 va, u32 pages)
{
	return !next_mapped(s, &va, va + pages * MK_PAGE);
}

/* Tables for the range, and whether the limit allows its pages too: before anything else changes. */
static bool prepare(struct space *s, u32 va, u32 pages)
{
	if (pages > s->limit - s->pages)
		return false;
	for (u32 at = va; at < va + pages * MK_PAGE; at = (at | (TABLES_SPAN - 1)) + 1)
		if (!space_entry(s, at, true))
			return false;
	return pages <= s->limit - s->pages;
}

static void put(struct space *s, u32 va, u32 physical, u32 protection, u32 kind)
{
	*space_entry(s, va, false) = entry_for(physical, protection, kind);
	s->pages++;
}

int space_map(struct space *s, u32 va, u32 pages, u32 protection)
{
	if (!space_range(va, pages) || !protection_valid(protection))
		return MK_EARGUMENT;
	if (!space_free(s, va, pages))
		return MK_EADDRESS;
	if (pages > pages_free || !prepare(s, va, pages) || pages > pages_free) /* the tables take some */
		return MK_EMEMORY;
	for (u32 i = 0; i < pages; i++)
		put(s, va + i * MK_PAGE, (u32)page_take(), protection, NORMAL);
	return 0;
}

int space_unmap(struct space *s, u32 va, u32 pages)
{
	u32 end = va + pages * MK_PAGE, *entry;

	if (!space_range(va, pages))
		return MK_EARGUMENT;
	for (; (entry = next_mapped(s, &va, end)); va += MK_PAGE) {
		u32 old = *entry;

		*entry = 0;
		cpu_forget_page(va, s->number);
		page_give(old & FRAME);
		s->pages--;
	}
	return 0;
}

int space_move(struct space *to, u32 to_va, struct space *from, u32 va, u32 pages, u32 protection)
{
	if (!space_range(va, pages) || !space_range(to_va, pages) || !protection_valid(protection))
		return MK_EARGUMENT;
	for (u32 i = 0; i < pages; i++) {
		u32 *entry = space_entry(from, va + i * MK_PAGE, false);

		/* a page that is lent, or a device's, is not one's own to give */
		if (!entry || (*entry & (USER_WRITE | NORMAL)) != (USER_WRITE | NORMAL) || page_shared(*entry & FRAME))
			return MK_EADDRESS;
	}
	if (!space_free(to, to_va, pages)) /* so they do not overlap either */
		return MK_EADDRESS;
	if (!prepare(to, to_va, pages))
		return MK_EMEMORY;
	for (u32 i = 0; i < pages; i++) {
		u32 *entry = space_entry(from, va + i * MK_PAGE, false);

		put(to, to_va + i * MK_PAGE, *entry, protection, NORMAL);
		*entry = 0;
		cpu_forget_page(va + i * MK_PAGE, from->number);
		from->pages--;
	}
	if (protection & MK_EXECUTE)
		cpu_forget_code();
	return 0;
}

/* One that is there already: memory of others, or a device's registers. */
int space_put(struct space *s, u32 va, u32 physical, u32 protection)
{
	bool memory = physical >= BOARD_RAM;

	if (!prepare(s, va, 1))
		return MK_EMEMORY;
	if (!space_free(s, va, 1))
		return MK_EADDRESS;
	if (memory && !page_share(physical & FRAME))
		return MK_EMEMORY;
	put(s, va, physical, protection, memory ? NORMAL : DEVICE_MEMORY);
	return 0;
}

int space_map_device(struct space *s, u32 va, u32 physical, u32 bytes, u32 protection)
{
	u32 from = physical & FRAME, pages = (physical - from + bytes + MK_PAGE - 1) / MK_PAGE;
	int error = space_range(va, pages) ? space_free(s, va, pages) ? 0 : MK_EADDRESS : MK_EARGUMENT;

	for (u32 i = 0; i < pages && !error; i++) {
		error = space_put(s, va + i * MK_PAGE, from + i * MK_PAGE, protection);
		if (error)
			space_unmap(s, va, i);
	}
	return error;
}

u32 space_physical(struct space *s, u32 va)
{
	u32 *entry = va < MK_USER_END ? space_entry(s, va, false) : NULL;

	return entry && *entry ? (*entry & FRAME) | (va & (MK_PAGE - 1)) : 0;
}

int space_copy_in(struct space *s, void *to, u32 va, u32 bytes)
{
	u8 *out = to;

	while (bytes) {
		u32 from = space_physical(s, va), n = MK_PAGE - (va & (MK_PAGE - 1));

		if (from < BOARD_RAM) /* nothing, or a device */
			return MK_EADDRESS;
		n = n < bytes ? n : bytes;
		__builtin_memcpy(out, (void *)from, n);
		out += n;
		va += n;
		bytes -= n;
	}
	return 0;
}

void space_activate(struct space *s)
{
	if (s == active)
		return;
	active = s;
	cpu_space(empty_table, s ? s->table : empty_table, s ? s->number : 0);
}

/* Not at once: what ends may hold the last handle of what then ends, and so on, and the kernel's stack is small. */
void space_end(struct space *s)
{
	s->object.dead = true;
	work_defer(&s->ending);
}

void __attribute__((weak)) board_quiet(const struct device *d) { (void)d; }

/* A driver's devices must not write into pages that are somebody else's next. */
static void devices_quiet(struct space *s)
{
	for (u32 h = 0; h < MK_SELF; h++)
		if (s->handles[h].object && s->handles[h].object->kind == DEVICE && s->handles[h].rights & MK_RIGHT_DMA)
			board_quiet((struct device *)s->handles[h].object);
}

static void end(struct work *w)
{
	struct space *s = CONTAINER(w, struct space, ending);

	devices_quiet(s);
	grants_forget(s);
	handles_drop_all(s);
	for (u32 mib = 0; mib < MK_USER_END >> 20; mib += 4) {
		u32 *entries = (u32 *)(s->table[mib] & ~(TABLE_BYTES - 1));

		if (!entries)
			continue;
		for (u32 i = 0; i < MK_PAGE / sizeof(u32); i++)
			if (entries[i])
				page_give(entries[i] & FRAME);
		page_give((u32)entries);
	}
	cpu_forget_space(s->number);
	if (active == s)
		space_activate(NULL);
	page_give((u32)s->table);
	page_give((u32)s->handles);
	s->pages = 0;
	if (s->watcher) {
		struct port *p = s->watcher;

		s->watcher = NULL;
		port_notify(p, s->watcher_bits);
		object_drop(&p->object);
	}
	if (!s->object.handles)
		s->object.kind = FREE;
}
