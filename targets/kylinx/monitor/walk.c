/* Walking a space's page tables, and making tables its own.
 *
 * A table may be shared by spaces (refs > 1); then, and until each of them has made a copy of its own, the entry above it has W
 * clear. A table below an entry with W is its space's alone and may be edited. One below an entry without W is never
 * edited and never made writable again, even by its last owner (a shadow MMU may remember it otherwise): it is copied. */
#include "memory_private.h"

uint64_t operation_stamp(void)
{
	static uint64_t last;

	return ++last;
}

void entry_get(uint64_t entry, int level)
{
	if (!(entry & PTE_HOLDS) || entry & PTE_FOREIGN)
		return;
	if (level == 1)
		frame_get(entry & PTE_ADDRESS);
	else if (entry & PTE_LARGE)
		block_get(entry & PTE_ADDRESS);
	else
		++*table_refs(table_of(entry));
}

void entry_put(uint64_t entry, int level)
{
	if (!(entry & PTE_HOLDS) || entry & PTE_FOREIGN)
		return;
	if (level == 1)
		frame_put(entry & PTE_ADDRESS);
	else if (entry & PTE_LARGE)
		block_put(entry & PTE_ADDRESS);
	else
		table_put(table_of(entry), level - 1);
}

void table_put(uint32_t table, int level)
{
	uint64_t *entries = table_entries(table);

	if (--*table_refs(table))
		return;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (entries[i] && !(level == 4 && shared_root_entry(i)))
			entry_put(entries[i], level);
	table_release(table);
	if (level == 1) { /* nobody reaches these tables any more: let others have the lock between them */
		memory_unlock();
		memory_lock();
	}
}

/* Whether a leaf whose region allows writing may be written in place: nobody else has its frame. */
static bool leaf_sole(uint64_t entry, int level)
{
	if (entry & PTE_FOREIGN)
		return false;
	return level == 1 ? frame_sole(entry & PTE_ADDRESS) : block_sole(entry & PTE_ADDRESS);
}

/* An entry as it goes into a copy. share: the original stays with others. demote: the path above had W clear, so W in here means
 * nothing: entries of frames that turned out to be ours alone become writable, tables below are copied at need. */
static uint64_t entry_copy(uint64_t entry, int level, bool share, bool demote)
{
	bool leaf = level == 1 || entry & PTE_LARGE;

	if (!(entry & PTE_HOLDS))
		return 0;
	if (share)
		entry_get(entry, level);
	if (leaf && entry & PTE_FOREIGN)
		return entry;
	if (share)
		return entry & ~PTE_W;
	if (!demote)
		return entry;
	if (!leaf)
		return entry & ~PTE_W;
	return entry & PTE_COW && entry & PTE_P && leaf_sole(entry, level) ? entry | PTE_W : entry & ~PTE_W;
}

uint32_t table_renew(uint32_t old, int level, bool demote)
{
	uint32_t table = table_new(true, false);
	bool share = *table_refs(old) > 1;
	uint64_t *from = table_entries(old), *to = table_entries(table);

	if (table == TABLE_NONE)
		return TABLE_NONE;
	for (unsigned i = 0; i < TABLE_ENTRIES; i += 8) {
		const uint64_t *f = from + i;

		memcpy(to + i, f, 64);
		if (any_of_eight(f))
			for (unsigned k = i; k < i + 8; k++)
				if (from[k] && !(level == 4 && shared_root_entry(k)))
					to[k] = entry_copy(from[k], level, share, demote);
	}
	if (!share && !demote)
		*table_heat(table) = *table_heat(old);
	if (share)
		--*table_refs(old);
	else
		table_release(old);
	return table;
}

uint64_t *walk_find(const struct space *s, uint64_t va, int *level, bool *writable)
{
	uint32_t table = s->root;

	*writable = true;
	for (*level = 4;; --*level) {
		uint64_t *entry = &table_entries(table)[entry_index(va, *level)];

		if (*level == 1 || !(*entry & PTE_P) || *entry & PTE_LARGE)
			return entry;
		*writable &= (*entry & PTE_W) != 0;
		table = table_of(*entry);
	}
}

bool walk_settled(const struct space *s, uint64_t va)
{
	uint32_t table = s->root;

	for (int level = 4; level > 1; level--) {
		uint64_t entry = table_entries(table)[entry_index(va, level)];

		if (!(entry & PTE_P) || entry & PTE_LARGE)
			return false;
		if (!(entry & PTE_W))
			return *table_stamp(table) == s->stamp;
		table = table_of(entry);
	}
	return false;
}

uint64_t *walk_own(struct space *s, uint64_t va, int level, bool *fresh)
{
	uint64_t *entry = &table_entries(s->root)[entry_index(va, 4)];

	*fresh = false;
	for (int at = 4; at > level; at--) {
		if (!(*entry & PTE_HOLDS)) {
			uint32_t table = table_new(false, true);

			if (table == TABLE_NONE)
				return NULL;
			*entry = table_gpa(table) | PTE_TABLE;
			*fresh = true;
		} else if (*entry & PTE_LARGE) {
			return NULL;
		} else if (!(*entry & PTE_W)) {
			uint32_t table = table_renew(table_of(*entry), at - 1, true);

			if (table == TABLE_NONE)
				return NULL;
			*entry = table_gpa(table) | PTE_TABLE;
			*fresh = true;
			space_replaced(s, va, true);
		}
		entry = &table_entries(table_of(*entry))[entry_index(va, at - 1)];
	}
	if (level == 1)
		*table_as_forked(table_at(entry)) = false;
	return entry;
}

uint64_t *walk_fresh(struct space *s, uint64_t va, int level)
{
	uint64_t *entry;

	if (*table_stamp(s->root) != s->stamp) {
		uint32_t root = table_renew(s->root, 4, false);

		if (root == TABLE_NONE)
			return NULL;
		s->root = root;
		*table_stamp(root) = s->stamp;
	}
	entry = &table_entries(s->root)[entry_index(va, 4)];
	for (int at = 4; at > level; at--) {
		uint32_t table = TABLE_NONE;

		if (!(*entry & PTE_HOLDS))
			table = table_new(false, true);
		else if (*entry & PTE_LARGE)
			return NULL;
		else if (!(*entry & PTE_W) || *table_stamp(table_of(*entry)) != s->stamp)
			table = table_renew(table_of(*entry), at - 1, !(*entry & PTE_W));
		else
			table = table_of(*entry);
		if (table == TABLE_NONE)
			return NULL;
		*table_stamp(table) = s->stamp;
		*entry = table_gpa(table) | PTE_TABLE;
		entry = &table_entries(table)[entry_index(va, at - 1)];
	}
	return entry;
}

int walk_split(uint64_t *pde)
{
	uint32_t table = table_new(false, false);
	uint64_t entry = *pde & ~PTE_LARGE, *to = table_entries(table);

	if (table == TABLE_NONE)
		return -1;
	block_split(entry & PTE_ADDRESS);
	/* W stays only when the block was ours alone, and then every frame is */
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		to[i] = entry + i * KX_PAGE;
	*pde = table_gpa(table) | PTE_TABLE;
	return 0;
}
