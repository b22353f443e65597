/* Spaces: making and ending them, and what takes pages or rights away (munmap, mprotect, mremap).
 *
 * Taking away: all tables on the path to a changed entry are made anew and with them the root, so the next CR3 shows the
 * change to any kind of MMU. Tables beside the path stay, and so does what KVM knows of them. */
#include <errno.h>
#include <stdlib.h>
#include "memory_private.h"

struct space *space_create(void)
{
	struct space *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	memory_lock();
	s->root = table_new(true, true);
	if (s->root != TABLE_NONE)
		for (unsigned i = 0; i < TABLE_ENTRIES; i++)
			if (shared_root_entry(i))
				table_entries(s->root)[i] = table_entries(memory.root_shared)[i];
	memory_unlock();
	if (s->root == TABLE_NONE) {
		free(s);
		return NULL;
	}
	return s;
}

void space_destroy(struct space *s)
{
	memory_lock();
	ahead_review(s, true);
	table_put(s->root, 4);
	memory_unlock();
	free(s);
}

uint64_t space_cr3(const struct space *s)
{
	return table_gpa(s->root) | s->flip;
}

void space_replaced(struct space *s, uint64_t va, bool neighbours)
{
	s->unsettled_va[s->unsettled++ % UNSETTLED] = va;
	if (neighbours)
		s->flip ^= 8;
}

/* lock held */
static void settle(struct space *s)
{
	s->stamp = operation_stamp();
	tables_beyond_limit = true;
	for (uint32_t i = 0; i < s->unsettled && i < UNSETTLED; i++) {
		int level;
		bool writable;

		walk_find(s, s->unsettled_va[i], &level, &writable);
		walk_fresh(s, s->unsettled_va[i], level);
	}
	tables_beyond_limit = false;
	s->unsettled = 0;
}

void space_divert(struct space *s)
{
	if (!s->unsettled)
		return;
	memory_lock();
	settle(s);
	memory_unlock();
}

int space_peek(const struct space *s, uint64_t va)
{
	bool writable;
	int level, byte = -1;

	if (!user_range(va & ~(uint64_t)(KX_PAGE - 1), KX_PAGE))
		return -1; /* not of this space: the image's and supervisor pages are no frames of the arena */
	memory_lock();
	const uint64_t *entry = walk_find(s, va, &level, &writable);
	if (entry && *entry & PTE_P && (level == 1 || *entry & PTE_LARGE)) {
		uint64_t page = *entry & PTE_ADDRESS & ~(level_bytes(level) - 1);
		const uint8_t *host = any_host(page + (va & (level_bytes(level) - 1)));

		byte = host ? *host : -1;
	}
	memory_unlock();
	return byte;
}

/* ---- Taking away ------------------------------------------------------------------------------------------------ */

/* The next address from *va on, below end, that has an entry holding something; its level. Lock held. */
static uint64_t *next_held(struct space *s, uint64_t *va, uint64_t end, int *level)
{
	while (*va < end) {
		bool writable;
		uint64_t *entry, next;

		if (*va >= KX_VA_SHARED && *va < KX_VA_KERNEL_END) {
			*va = KX_VA_KERNEL_END;
			continue;
		}
		entry = walk_find(s, *va, level, &writable);
		if (*entry & PTE_HOLDS)
			return entry;
		next = (*va & ~(level_bytes(*level) - 1)) + level_bytes(*level);
		*va = next;
	}
	return NULL;
}

static bool table_empty(uint32_t table)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		any |= table_entries(table)[i];
	return !any;
}

static int check(uint64_t start, uint64_t length)
{
	return start % KX_PAGE || length % KX_PAGE || start + length < start || start < KX_USER_MIN || start + length > KX_USER_MAX ? -EINVAL : 0;
}

/* The entry for va in fresh tables: the 2 MiB one when all of its block is in [va, end) or it is needed as such, else the 4 KiB one.
 * *level says which. NULL: no memory. Lock held. */
static uint64_t *fresh_entry(struct space *s, uint64_t va, uint64_t end, int *level)
{
	uint64_t *pde = walk_fresh(s, va, 2);
	bool whole = !(va % BLOCK_BYTES) && end - va >= BLOCK_BYTES;

	*level = 2;
	if (!pde || whole)
		return pde;
	if (*pde & PTE_LARGE && walk_split(pde))
		return NULL;
	*level = 1;
	return walk_fresh(s, va, 1);
}

int space_drop(struct space *s, uint64_t start, uint64_t length)
{
	uint64_t va = start, end = start + length;
	int error = check(start, length), level;

	if (error)
		return error;
	memory_lock();
	s->stamp = operation_stamp();
	tables_beyond_limit = true;
	while (next_held(s, &va, end, &level)) {
		uint64_t *entry = fresh_entry(s, va, end, &level), *pde;
		uint64_t stop = (va | (BLOCK_BYTES - 1)) + 1, old;

		if (!entry) {
			error = -ENOMEM;
			break;
		}
		if (stop > end)
			stop = end;
		if (level == 2) {
			old = *entry;
			*entry = 0;
			entry_put(old, 2);
		} else {
			for (uint64_t at = va; at < stop; at += KX_PAGE, entry++) {
				old = *entry;
				*entry = 0;
				entry_put(old, 1);
			}
			pde = walk_fresh(s, va, 2);
			if (table_empty(table_of(*pde))) {
				table_put(table_of(*pde), 1);
				*pde = 0;
			}
		}
		va = stop;
	}
	tables_beyond_limit = false;
	memory_unlock();
	return error;
}

/* An entry with the rights of its region; without one (or with none) the page is kept, and the next fault asks. */
static uint64_t protected_entry(uint64_t entry, const struct kx_region *r)
{
	uint64_t keep = entry & (PTE_ADDRESS | PTE_FOREIGN | PTE_LARGE);

	if (!(entry & PTE_HOLDS))
		return entry;
	if (!r || !r->prot)
		return keep | PTE_KEPT;
	if (entry_of_commons(entry))
		return keep | PTE_NX | (r->kind != KX_REGION_OBJECT ? region_flags(r) :
			(region_flags(r) & ~PTE_COW) | (r->prot & KX_PROT_WRITE ? PTE_W : 0));
	return keep | region_flags(r) | (r->prot & KX_PROT_WRITE ? entry & PTE_W : 0);
}

int space_protect_as(struct space *s, uint64_t start, uint64_t length, const struct kx_region *regions, uint32_t count)
{
	uint64_t va = start, end = start + length;
	int error = check(start, length), level;

	if (error)
		return error;
	memory_lock();
	s->stamp = operation_stamp();
	tables_beyond_limit = true;
	while (!error && next_held(s, &va, end, &level)) {
		struct kx_region r = {0};
		uint64_t stop = (va | (BLOCK_BYTES - 1)) + 1, *pde = walk_fresh(s, va, 2), *entry;
		bool found = region_find(regions, count, va, &r), large;

		if (!found)
			memset(&r, 0, sizeof r);
		if (stop > end)
			stop = end;
		large = pde && *pde & PTE_LARGE;
		if (large && !(va % BLOCK_BYTES) && stop - va == BLOCK_BYTES && (!found || r.end >= stop)) {
			*pde = protected_entry(*pde, found ? &r : NULL);
			va = stop;
			continue;
		}
		if (!pde || (large && walk_split(pde)) || !(entry = walk_fresh(s, va, 1))) {
			error = -ENOMEM;
			break;
		}
		for (; va < stop; va += KX_PAGE, entry++) {
			if (!found || va < r.start || va >= r.end)
				found = region_find(regions, count, va, &r);
			*entry = protected_entry(*entry, found ? &r : NULL);
		}
	}
	tables_beyond_limit = false;
	memory_unlock();
	return error;
}

int space_protect(struct space *s, uint64_t start, uint64_t length)
{
	return space_protect_as(s, start, length, NULL, 0);
}

/* One entry (2 MiB or 4 KiB) from va to where; both paths are fresh. Returns bytes moved, 0: no memory. Lock held. */
static uint64_t move_one(struct space *s, uint64_t va, uint64_t end, uint64_t where)
{
	bool block = !(va % BLOCK_BYTES) && !(where % BLOCK_BYTES) && end - va >= BLOCK_BYTES;
	uint64_t *from, *to;
	int level;

	from = fresh_entry(s, va, block ? end : va + KX_PAGE, &level);
	to = from ? walk_fresh(s, where, level) : NULL;
	if (!to)
		return 0;
	entry_put(*to, level); /* at most an empty table */
	*to = *from;
	*from = 0;
	return level_bytes(level);
}

int space_move(struct space *s, uint64_t start, uint64_t length, uint64_t to)
{
	uint64_t va = start, end = start + length;
	int error = check(start, length), level;

	if (!error)
		error = check(to, length);
	if (!error && (!user_range(start, length) || !user_range(to, length) || (start < to + length && to < end)))
		error = -EINVAL;
	if (!error)
		error = space_drop(s, to, length);
	if (error)
		return error;
	memory_lock();
	s->stamp = operation_stamp();
	tables_beyond_limit = true;
	while (next_held(s, &va, end, &level)) {
		uint64_t moved = move_one(s, va, end, to + (va - start));

		if (!moved) {
			error = -ENOMEM;
			break;
		}
		va += moved;
	}
	tables_beyond_limit = false;
	memory_unlock();
	return error;
}

/* ---- Statistics ------------------------------------------------------------------------------------------------- */

static void count_table(uint32_t table, int level, bool shared, struct space_stats *out)
{
	const uint64_t *entries = table_entries(table);

	shared |= *table_refs(table) > 1;
	if (!shared)
		out->table_pages++;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t e = entries[i];

		if (!(e & PTE_HOLDS) || e & PTE_FOREIGN || (level == 4 && shared_root_entry(i)))
			continue;
		if (level > 1 && !(e & PTE_LARGE))
			count_table(table_of(e), level - 1, shared, out);
		else if (!shared && (level == 1 ? frame_sole(e & PTE_ADDRESS) : block_sole(e & PTE_ADDRESS)))
			out->private_bytes += level_bytes(level);
		else
			out->shared_bytes += level_bytes(level);
	}
}

void space_statistics(const struct space *s, struct space_stats *out)
{
	memset(out, 0, sizeof *out);
	memory_lock();
	count_table(s->root, 4, false, out);
	memory_unlock();
}
