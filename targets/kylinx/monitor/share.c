/* What becomes of each part of the parent's tables at a fork.
 *
 * A table with few writable pages (a program's data, its stack, memory that both share) is eager: the child gets a copy of the
 * pages in a table of its own, and the parent keeps its own as it is: it neither faults on these pages nor loads a new CR3, and a
 * shadow MMU forgets nothing. One with many is shared: both lose W above it, the parent by a path made anew, and who writes first
 * copies. One with none is plain (text): shared, too, but W above it is only bookkeeping and goes in place. Parts of tables above
 * fall under the same kinds; only those on the way to an eager table are gone into. */
#include "memory_private.h"

#define EAGER_TABLE 48       /* pages: copying them costs what one or two faults do */

enum kind { PLAIN, SHARED, MIXED };

static uint64_t all_of_eight(const uint64_t *e)
{
	return e[0] & e[1] & e[2] & e[3] & e[4] & e[5] & e[6] & e[7];
}

/* The child's own table for va of a former fork. */
static uint32_t kept_table(const struct space *child, uint64_t va)
{
	bool writable;
	int level;
	uint64_t *entry = child && child->kept ? walk_find(child, va, &level, &writable) : NULL;

	return entry && level == 1 ? table_at(entry) : TABLE_NONE;
}

/* Writable private pages of a table, counted to one beyond most. *any: something is writable, if only memory that both share. */
static unsigned writable_pages(const uint64_t *entries, unsigned most, bool *any)
{
	unsigned n = 0;

	*any = false;
	for (unsigned i = 0; i < TABLE_ENTRIES && n <= most; i += 8) {
		if (!(any_of_eight(entries + i) & PTE_W))
			continue;
		*any = true;
		for (unsigned k = i; k < i + 8; k++)
			n += (entries[k] & (PTE_W | PTE_FOREIGN)) == PTE_W;
	}
	return n;
}

static bool below_is_own(uint64_t entry)
{
	return (entry & (PTE_P | PTE_W | PTE_LARGE)) == (PTE_P | PTE_W);
}

/* One that is a candidate for an eager table; its contents are left to the other kinds if it is none. false: the child's does not fit. */
static bool plan_table(struct share_plan *p, const struct space *child, const uint64_t *from, uint64_t va)
{
	uint32_t kept = kept_table(child, va);
	unsigned writable, pages;
	bool any = true;

	if (kept != TABLE_NONE) {
		enum kept_match match = kept_compare(table_entries(kept), from, &writable, &pages);

		if (match == KEPT_DIFFERS)
			return false;
		p->same &= match == KEPT_SAME;
	} else {
		p->same = false;
		pages = writable = writable_pages(from, EAGER_TABLE, &any);
	}
	if (!any || writable > EAGER_TABLE || p->pages + pages > SHARE_FRAMES) {
		p->same = false;
		return true;
	}
	p->kept += kept != TABLE_NONE;
	p->eager[p->tables].placed = false;
	p->eager[p->tables].va = va;
	p->eager[p->tables].kept = kept;
	p->eager[p->tables].pages = pages;
	p->eager[p->tables++].first = p->pages;
	p->pages += pages;
	return true;
}

/* The eager tables of a 1 GiB table, the highest first: stack and libraries lie there. false: the child's table for one of them does not
 * fit. */
static bool plan_block(struct share_plan *p, const struct space *child, const uint64_t *entries, uint64_t base)
{
	for (unsigned i = TABLE_ENTRIES; i-- > 0;) {
		if (i % 8 == 7 && !any_of_eight(entries + i - 7)) {
			i -= 7;
			continue;
		}
		if (!entries[i])
			continue;
		if (!below_is_own(entries[i]) || p->scanned == SHARE_SCANNED || p->tables == SHARE_TABLES) {
			p->same = false;
			continue;
		}
		p->scanned++;
		if (!plan_table(p, child, table_entries(table_of(entries[i])), base + i * level_bytes(2)))
			return false;
	}
	return true;
}

bool share_plan(const struct space *parent, const struct space *child, struct share_plan *p)
{
	const uint64_t *root = table_entries(parent->root), *entries;

	p->tables = p->pages = p->scanned = p->kept = 0;
	p->same = true;
	for (unsigned i = TABLE_ENTRIES / 2; i-- > 0;) {
		if (i % 8 == 7 && !any_of_eight(root + i - 7))
			i -= 7;
		if (!root[i] || shared_root_entry(i))
			continue;
		if (!below_is_own(root[i])) {
			p->same = false;
			continue;
		}
		entries = table_entries(table_of(root[i]));
		for (unsigned k = TABLE_ENTRIES; k-- > 0;) {
			if (k % 8 == 7 && !any_of_eight(entries + k - 7))
				k -= 7;
			if (entries[k] && !below_is_own(entries[k]))
				p->same = false;
			else if (entries[k] &&
				 !plan_block(p, child, table_entries(table_of(entries[k])), i * level_bytes(4) + k * level_bytes(3)))
				return false;
		}
	}
	return !child || p->kept == child->kept;
}

void share_copy(const struct space *parent, const struct share_plan *p, const uint64_t *frames)
{
	for (unsigned i = 0; i < p->tables; i++) {
		const uint64_t *entries, *kept = p->eager[i].kept == TABLE_NONE ? NULL : table_entries(p->eager[i].kept);
		unsigned used = p->eager[i].first;
		bool writable;
		int level;

		entries = walk_find(parent, p->eager[i].va, &level, &writable);
		for (unsigned k = 0; k < TABLE_ENTRIES; k++) {
			if (k % 8 == 0 && !(any_of_eight(entries + k) & PTE_W)) {
				k += 7;
				continue;
			}
			if (page_is_private(entries[k])) {
				uint64_t to = kept && kept[k] & PTE_HOLDS ? kept[k] & PTE_ADDRESS : frames[used++];

				memcpy(frame_host(to), frame_host(entries[k] & PTE_ADDRESS), KX_PAGE);
			}
		}
	}
}

static int eager_within(const struct share_plan *p, uint64_t va, int level)
{
	for (unsigned i = 0; i < p->tables; i++)
		if (p->eager[i].va - va < level_bytes(level))
			return (int)i;
	return -1;
}

bool share_known(const struct share_plan *p, uint64_t va)
{
	int i = eager_within(p, va & ~(level_bytes(2) - 1), 2);

	return i >= 0 && p->eager[i].kept != TABLE_NONE;
}

/* Of what an entry of that level, for va on, holds. */
static enum kind kind_of(const struct share_plan *p, uint64_t entry, uint64_t va, int level)
{
	const uint64_t *entries;
	bool any;

	if ((entry & (PTE_P | PTE_W)) != (PTE_P | PTE_W) || (entry & PTE_LARGE && entry & PTE_FOREIGN))
		return PLAIN;
	if (entry & PTE_LARGE)
		return SHARED;
	if (eager_within(p, va, level) >= 0)
		return MIXED;
	entries = table_entries(table_of(entry));
	if (level == 2)
		return writable_pages(entries, 0, &any) ? SHARED : PLAIN;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (entries[i] & PTE_W && kind_of(p, entries[i], va + i * level_bytes(level - 1), level - 1) != PLAIN)
			return SHARED;
	return PLAIN;
}

/* W goes from the parent's entries above what is to be shared, in fresh tables. entry: a copy of the one for va. */
static bool protect(struct space *parent, const struct share_plan *p, uint64_t entry, uint64_t va, int level)
{
	enum kind kind = kind_of(p, entry, va, level);
	const uint64_t *entries; /* of a table that may be replaced by the way: its contents stay as long as the lock is held */

	if (kind == SHARED) {
		uint64_t *fresh = walk_fresh(parent, va, level);

		if (fresh)
			*fresh &= ~PTE_W;
		return fresh;
	}
	if (kind == PLAIN || level == 2)
		return true;
	entries = table_entries(table_of(entry));
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		if (i % 8 == 0 && !any_of_eight(entries + i)) {
			i += 7;
			continue;
		}
		if (entries[i] & PTE_W && !protect(parent, p, entries[i], va + i * level_bytes(level - 1), level - 1))
			return false;
	}
	return true;
}

/* The child's table for an eager one of the parent's. */
static void fill_kept(uint64_t *to, const uint64_t *from, const uint64_t *frames)
{
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		if (i % 8 == 0 && !any_of_eight(from + i)) {
			i += 7;
			continue;
		}
		if (to[i] & PTE_HOLDS || !(from[i] & PTE_HOLDS))
			continue;
		to[i] = page_is_private(from[i]) ? *frames++ | (from[i] & ~PTE_ADDRESS) : from[i];
		if (to[i] == from[i])
			entry_get(from[i], 1);
	}
}

static void fill_eager(uint64_t *to, const uint64_t *from, const uint64_t *frames)
{
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t entry = from[i];

		if (i % 8 == 0) {
			memcpy(to + i, from + i, 64);
			if (!any_of_eight(from + i) || all_of_eight(from + i) & PTE_FOREIGN) {
				i += 7;
				continue;
			}
		}
		if (!(entry & PTE_HOLDS))
			to[i] = 0;
		else if (entry & PTE_FOREIGN)
			continue;
		else if (entry & PTE_W)
			to[i] = *frames++ | (entry & ~PTE_ADDRESS);
		else
			frame_get(entry & PTE_ADDRESS);
	}
}

static uint64_t share_entry(struct share_plan *, const uint64_t *frames, uint64_t *from, uint64_t kept, uint64_t va, int level, bool *failed);

/* fresh: to is not filled in yet. */
static void share_level(struct share_plan *p, const uint64_t *frames, uint64_t *from, uint64_t *to, bool fresh, uint64_t va, int level,
	bool *failed)
{
	for (unsigned i = 0; i < TABLE_ENTRIES; i += 8)
		if (!any_of_eight(from + i)) {
			if (fresh)
				memset(to + i, 0, 64);
		} else {
			for (unsigned k = i; k < i + 8; k++)
				to[k] = share_entry(p, frames, &from[k], fresh ? 0 : to[k], va + k * level_bytes(level), level, failed);
		}
}

/* The child's entry for va from the parent's; kept: the one it has, which fits. *failed: no memory; what there is so far holds together. */
static uint64_t share_entry(struct share_plan *p, const uint64_t *frames, uint64_t *from, uint64_t kept, uint64_t va, int level, bool *failed)
{
	uint64_t *entries;
	uint32_t table;

	if (!(*from & PTE_HOLDS) || *failed)
		return kept;
	if (kind_of(p, *from, va, level) != MIXED) {
		if (!(*from & PTE_LARGE && *from & PTE_FOREIGN))
			*from &= ~PTE_W;
		entry_get(*from, level);
		return *from;
	}
	table = kept ? table_of(kept) : table_new(true, false);
	if (table == TABLE_NONE) {
		*failed = true;
		return 0;
	}
	entries = table_entries(table_of(*from));
	if (level == 2) {
		int i = eager_within(p, va, 2);

		(kept ? fill_kept : fill_eager)(table_entries(table), entries, frames + p->eager[i].first);
		*table_as_forked(table) = true;
		p->eager[i].placed = true;
	} else {
		share_level(p, frames, entries, table_entries(table), !kept, va, level - 1, failed);
		*table_as_forked(table) = true;
	}
	return kept ? kept : table_gpa(table) | PTE_TABLE;
}

/* Frames of tables that there was no memory for. */
static void put_unplaced(const struct share_plan *p, const uint64_t *frames)
{
	for (unsigned i = 0; i < p->tables; i++) {
		unsigned end = p->eager[i].first + p->eager[i].pages;

		for (unsigned k = p->eager[i].first; k < end && !p->eager[i].placed; k++)
			frame_put(frames[k]);
	}
}

bool share_tables(struct space *parent, struct space *child, struct share_plan *p, const uint64_t *frames)
{
	uint64_t *from = table_entries(parent->root), *to = table_entries(child->root);
	bool failed = false;

	parent->stamp = operation_stamp();
	if (p->same && p->tables)
		return true;
	for (unsigned i = 0; i < TABLE_ENTRIES / 2; i++)
		if (from[i] & PTE_W && !shared_root_entry(i) && !protect(parent, p, from[i], i * level_bytes(4), 4))
			failed = true;
	from = table_entries(parent->root);
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		to[i] = shared_root_entry(i) ? from[i] : share_entry(p, frames, &from[i], to[i], i * level_bytes(4), 4, &failed);
	put_unplaced(p, frames);
	return !failed;
}
