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
#define TABLES_PAGES (TABLES_SPAN / MK_PAGE)
#define END_PAGES 16u             /* of a space that ends: so many between looks at interrupts */

struct space spaces[MK_SPACES];
static struct space *active;

static u32 entry_for(u32 physical, u32 protection)
{
	return (physical & FRAME) | SMALL_PAGE | (physical < BOARD_RAM ? DEVICE_MEMORY : NORMAL) | SHAREABLE | NOT_GLOBAL |
	       (protection & MK_WRITE ? USER_WRITE : USER_READ) | (protection & MK_EXECUTE ? 0 : XN);
}

static bool protection_valid(u32 p) { return p == MK_READ || p == (MK_READ | MK_WRITE) || p == (MK_READ | MK_EXECUTE); }

bool space_range(u32 va, u32 pages)
{
	return !(va & (MK_PAGE - 1)) && va >= MK_PAGE && va < MK_USER_END && pages && pages <= (MK_USER_END - va) / MK_PAGE;
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

bool space_free(struct space *s, u32 va, u32 pages)
{
	while (pages && !space_physical(s, va + (pages - 1) * MK_PAGE))
		pages--;
	return !pages;
}

/* ---- Pages come and go ---- */

static void take_out(struct space *s, u32 va, u32 *entry)
{
	u32 old = *entry;

	*entry = 0;
	cpu_forget_page(va, s->number);
	page_give(old & FRAME);
	s->pages--;
}

static int put(struct space *s, u32 va, u32 physical, u32 protection)
{
	u32 *entry = space_entry(s, va, true);

	if (!entry || s->pages == s->limit)
		return MK_EMEMORY;
	if (*entry)
		return MK_EADDRESS;
	*entry = entry_for(physical, protection);
	s->pages++;
	if (protection & MK_EXECUTE)
		cpu_forget_code();
	return 0;
}

/* from: the page at va `at` of that space, which has it no more; NULL: the page at the physical address `at`, of others or a
 * device's; and 0 too: a fresh one. */
int space_put(struct space *s, u32 va, u32 protection, struct space *from, u32 at)
{
	u32 page = from ? space_physical(from, at) : at;
	int error;

	if (!page)
		page = (u32)page_take();
	else if (!page_share(page))
		return MK_EMEMORY;
	error = page ? put(s, va, page, protection) : MK_EMEMORY;
	if (error)
		page_give(page);
	else if (from)
		take_out(from, at, space_entry(from, at, false));
	return error;
}

/* A page that is there. */
bool space_writable(struct space *s, u32 va) { return (*space_entry(s, va, false) & USER_WRITE) == USER_WRITE; }

/* One's own to give away: neither lent nor a device's. */
static bool movable(struct space *s, u32 va)
{
	u32 *entry = space_entry(s, va, false);

	return entry && (*entry & (USER_WRITE | NORMAL)) == (USER_WRITE | NORMAL) && !page_shared(*entry & FRAME);
}

/* Whether limit and memory allow so many more, with the tables for them; fresh: how many of them come from free memory. */
static bool room(struct space *s, u32 va, u32 pages, u32 fresh)
{
	u32 tables = 0;

	if (pages > s->limit - s->pages || fresh > pages_free)
		return false;
	for (u32 at = va; at < va + pages * MK_PAGE; at = (at | (TABLES_SPAN - 1)) + 1)
		tables += !space_entry(s, at, false);
	return pages + tables <= s->limit - s->pages && fresh + tables <= pages_free;
}

/* Pages, as space_put says of each. In two turns, of which *done counts the pages: all is looked at before anything changes. */
int space_fill(struct space *s, u32 va, u32 pages, u32 protection, struct space *from, u32 at, u32 *done)
{
	if (!space_range(va, pages) || (from && !space_range(at, pages)) || !protection_valid(protection) || *done >= 2 * pages)
		return MK_EARGUMENT;
	if (!*done && !room(s, va, pages, from || at ? 0 : pages))
		return MK_EMEMORY;
	do {
		u32 offset = *done % pages * MK_PAGE;
		int error = 0;

		if (from && !movable(from, at + offset))
			error = MK_EADDRESS;
		else if (*done >= pages)
			error = space_put(s, va + offset, protection, from, at ? at + offset : 0);
		else if (space_physical(s, va + offset))
			error = MK_EADDRESS;
		if (error)
			return error;
	} while (++*done < 2 * pages && !cpu_interrupted());
	return *done < 2 * pages ? AGAIN : 0;
}

int space_unmap(struct space *s, u32 va, u32 pages, u32 *done)
{
	if (!space_range(va, pages) || *done >= pages)
		return MK_EARGUMENT;
	do {
		u32 at = va + *done * MK_PAGE, *entry = space_entry(s, at, false);

		if (!entry) /* nor has the rest of that table one */
			*done += TABLES_PAGES - 1 - at / MK_PAGE % TABLES_PAGES;
		else if (*entry)
			take_out(s, at, entry);
	} while (++*done < pages && !cpu_interrupted());
	return *done < pages ? AGAIN : 0;
}

u32 space_physical(struct space *s, u32 va)
{
	u32 *entry = va < MK_USER_END ? space_entry(s, va, false) : NULL;

	return entry && *entry ? (*entry & FRAME) | (va & (MK_PAGE - 1)) : 0;
}

void space_activate(struct space *s)
{
	if (s == active)
		return;
	active = s;
	cpu_space(empty_table, s ? s->table : empty_table, s ? s->number : 0);
}

/* ---- The end, in pieces between which interrupts are looked at; and the beginning ---- */

void space_end(struct space *s)
{
	s->object.dead = true;
	work_defer(&s->ending);
}

static void end_pages(struct work *w)
{
	struct space *s = CONTAINER(w, struct space, ending);
	struct port *watcher = s->watcher;

	while (s->ended < MK_USER_END / MK_PAGE) {
		u32 va = s->ended * MK_PAGE, *tables = &s->table[va >> 20 & 0xffcu], *entry = space_entry(s, va, false);

		s->ended += *tables ? END_PAGES : TABLES_PAGES;
		for (u32 i = 0; *tables && i < END_PAGES; i++)
			if (entry[i])
				take_out(s, va + i * MK_PAGE, &entry[i]);
		if (*tables && s->ended % TABLES_PAGES == 0) {
			page_give(*tables & FRAME);
			*tables = 0;
			s->pages--;
		}
		if (cpu_interrupted()) {
			work_defer(w);
			return;
		}
	}
	if (active == s)
		space_activate(NULL);
	cpu_forget_space(s->number);
	page_give((u32)s->table);
	page_give((u32)s->handles);
	s->table = NULL;
	s->pages = 0;
	if (!s->object.handles)
		s->object.kind = FREE;
	if (watcher) {
		port_notify(watcher, s->watcher_bits);
		object_drop(&watcher->object);
	}
}

/* Before any task goes on, for who waits for what ends here is told; one by one, for it may be the last name of what then ends too.
 * The pages then are as urgent as who ended the space. */
static void end_names(struct work *w)
{
	struct space *s = CONTAINER(w, struct space, ending);
	const struct handle *h = &s->handles[s->ended];

	if (h->object && h->object->kind == DEVICE && h->rights & MK_RIGHT_DMA)
		board_quiet((struct device *)h->object); /* it must not write into pages that are somebody else's next */
	handle_drop(s, s->ended);
	do
		s->ended++;
	while (s->ended < MK_SELF && !s->handles[s->ended].object);
	if (s->ended == MK_SELF) {
		grants_forget(s);
		s->ended = 0;
		w->run = end_pages;
		w->priority = current->priority;
	}
	work_defer(w);
}

int space_make(u32 limit, u32 ceiling, const char *name, struct space **made)
{
	struct space *s = &spaces[1];

	while (s < &spaces[MK_SPACES] && s->object.kind != FREE)
		s++;
	if (s == &spaces[MK_SPACES])
		return MK_EFULL;
	*s = (struct space){ .object.kind = SPACE, .number = (u8)(s - spaces), .limit = limit, .ceiling = (u8)ceiling, .pages = 2 };
	s->table = page_take();
	s->handles = page_take();
	if (!s->handles) {
		page_give((u32)s->table);
		s->object.kind = FREE;
		return MK_EMEMORY;
	}
	s->handles[MK_SELF] = (struct handle){ &s->object, MK_RIGHT_ALL };
	for (u32 i = 0; i < 8; i++)
		s->name[i] = name[i] >= ' ' && name[i] < 127 ? name[i] : 0;
	list_init(&s->grants);
	s->ending = (struct work){ { &s->ending.link, &s->ending.link }, end_names, BEFORE_TASKS };
	*made = s;
	return 0;
}
