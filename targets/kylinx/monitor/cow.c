/* Writes to pages that are shared since a fork (or belong to the image): copied, a window at a time, or on the last reference
 * made writable. */
#include "memory_private.h"

#define COW_WINDOW 4
#define WINDOW_MAX 512
#define PROMOTE_PRESENT 64
#define RENEW_FROM 8

const void *any_host(uint64_t gpa)
{
	if (gpa - memory.image_gpa < memory.image_bytes)
		return memory.image + (gpa - memory.image_gpa);
	if (gpa - memory.commons.gpa < memory.commons.size)
		return memory.commons.host + (gpa - memory.commons.gpa);
	return frame_host(gpa);
}

/* All 4 KiB entries of va's table become one 2 MiB entry: what is present is copied, the rest is zero. */
bool block_promote(struct space *s, uint64_t va, const struct kx_region *r)
{
	uint64_t gpa, *pde, *entries = NULL;
	unsigned present = 0;
	bool fresh, fit = r->kind == KX_REGION_ANON;
	uint32_t table = TABLE_NONE;

	memory_lock();
	pde = walk_own(s, va, 2, &fresh);
	if (pde && *pde & PTE_P && !(*pde & PTE_LARGE)) {
		table = table_of(*pde);
		entries = table_entries(table);
	}
	for (unsigned i = 0; entries && i < TABLE_ENTRIES; i++) {
		fit &= !entries[i] || (entries[i] & PTE_P && !(entries[i] & PTE_FOREIGN));
		present += entries[i] != 0;
	}
	memory_unlock();
	gpa = entries && fit && present >= PROMOTE_PRESENT ? block_alloc(present < TABLE_ENTRIES) : 0;
	if (!gpa)
		return false;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (entries[i])
			memcpy((uint8_t *)frame_host(gpa) + i * KX_PAGE, frame_host(entries[i] & PTE_ADDRESS), KX_PAGE);
	memory_lock();
	*pde = gpa | region_flags(r) | PTE_LARGE | (r->prot & KX_PROT_WRITE ? PTE_W : 0);
	table_put(table, 1);
	space_replaced(s, va, true);
	memory.stats.cow_pages += present;
	memory_unlock();
	return true;
}

/* A shared 2 MiB block is copied whole. *pde is our own table's. */
static bool copy_block(struct space *s, uint64_t va, uint64_t *pde, const struct kx_region *r)
{
	uint64_t old = *pde, gpa = block_alloc(false);

	if (!gpa)
		return false;
	memcpy(frame_host(gpa), frame_host(old & PTE_ADDRESS), BLOCK_BYTES);
	memory_lock();
	*pde = gpa | region_flags(r) | PTE_LARGE | PTE_W;
	block_put(old & PTE_ADDRESS);
	space_replaced(s, va, true);
	memory.stats.cow_copies++;
	memory.stats.cow_pages += BLOCK_FRAMES;
	memory_unlock();
	return true;
}

static bool needs_copy(uint64_t entry)
{
	return entry & PTE_P && !(entry & PTE_W) && (entry & PTE_FOREIGN || !frame_sole(entry & PTE_ADDRESS));
}

/* Copies of the shared pages in entries [from, to) of a table of our own; first of the one at index. */
static enum space_result copy_pages(struct space *s, uint64_t va, uint64_t *entries, unsigned from, unsigned to, const struct kx_region *r)
{
	unsigned index = entry_index(va, 1), list[WINDOW_MAX], count = 0, got;
	uint64_t frames[WINDOW_MAX], flags = region_flags(r) | PTE_W;

	memory_lock();
	list[count++] = index;
	for (unsigned i = from; i < to; i++) {
		if (i != index && needs_copy(entries[i]))
			list[count++] = i;
		else if (i != index && entries[i] & PTE_P && !(entries[i] & PTE_W))
			entries[i] |= PTE_W | PTE_COW | PTE_NX;
	}
	memory_unlock();
	got = frames_alloc(count, frames, false);
	if (!got)
		return SPACE_NO_MEMORY;
	for (unsigned i = 0; i < got; i++)
		memcpy(frame_host(frames[i]), any_host(entries[list[i]] & PTE_ADDRESS), KX_PAGE);
	memory_lock();
	for (unsigned i = 0; i < got; i++) {
		uint64_t old = entries[list[i]];

		entries[list[i]] = frames[i] | flags;
		entry_put(old, 1);
	}
	space_replaced(s, va, got > 1);
	memory.stats.cow_copies++;
	memory.stats.cow_pages += got;
	memory_unlock();
	return SPACE_RESOLVED;
}

/* The page of *entry is ours alone, and so may be those of others in its table, since who shared them is gone: all of them become
 * writable. Many at once do so in a fresh table: a shadow MMU then learns of eight at a time instead of one. Lock held. */
static void own_all(struct space *s, uint64_t va, uint64_t *pde, uint64_t *entry)
{
	uint64_t *entries = table_entries(table_of(*pde));
	unsigned n = 0;
	uint32_t table;

	*entry |= PTE_W | PTE_COW | PTE_NX;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if ((entries[i] & (PTE_P | PTE_W | PTE_COW | PTE_FOREIGN)) == (PTE_P | PTE_COW) && frame_sole(entries[i] & PTE_ADDRESS)) {
			entries[i] |= PTE_W | PTE_NX;
			n++;
		}
	table = n < RENEW_FROM ? TABLE_NONE : table_renew(table_of(*pde), 1, false);
	if (table != TABLE_NONE) {
		*pde = table_gpa(table) | PTE_TABLE;
		space_replaced(s, va, true);
	}
}

/* The 4 KiB table of va, our own; made anew when several of its entries are about to be replaced, as a shadow MMU sees only the
 * one that faulted. *done: the page is ours alone already and writable now. Lock held. */
static uint64_t *own_table(struct space *s, uint64_t va, uint64_t *pde, bool several, bool fresh, bool *done)
{
	bool made;
	uint64_t *entry = walk_own(s, va, 1, &made);

	*done = false;
	if (!entry)
		return NULL;
	fresh |= made;
	if (!needs_copy(*entry)) {
		own_all(s, va, pde, entry);
		*done = true;
		memory.stats.cow_reused++;
	} else if (several && !fresh) {
		uint32_t table = table_renew(table_of(*pde), 1, false);

		if (table == TABLE_NONE)
			return NULL;
		*pde = table_gpa(table) | PTE_TABLE;
		space_replaced(s, va, true);
	}
	if (*table_heat(table_of(*pde)) < 255)
		++*table_heat(table_of(*pde));
	return table_entries(table_of(*pde));
}

__thread bool space_cow;

enum space_result cow_fault(struct space *s, uint64_t va, const struct kx_region *r)
{
	unsigned pages, from, to, heat = 0;
	uint64_t *pde, *entries, start = va & ~(BLOCK_BYTES - 1), end = start + BLOCK_BYTES;
	bool fresh, done, large, near_limit;

	space_cow = true;
	memory_lock();
	near_limit = memory.used > memory.limit - memory.limit / 8;
	pde = walk_own(s, va, 2, &fresh);
	large = pde && *pde & PTE_LARGE;
	if (large && block_sole(*pde & PTE_ADDRESS)) {
		*pde |= PTE_W | PTE_COW | PTE_NX;
		memory.stats.cow_reused++;
		memory_unlock();
		return SPACE_RESOLVED;
	}
	if (pde && !large && *pde & PTE_P)
		heat = *table_heat(table_of(*pde));
	pages = near_limit ? 1 : stream_window(s, va, COW_WINDOW, heat);
	memory_unlock();
	if (!pde)
		return SPACE_NO_MEMORY;
	if (pages == WINDOW_MAX && region_covers_block(r, va) && (large ? copy_block(s, va, pde, r) : block_promote(s, va, r))) {
		stream_note(s, start, end, pages);
		return SPACE_RESOLVED;
	}
	memory_lock();
	entries = large && walk_split(pde) ? NULL : own_table(s, va, pde, pages > 1, large, &done);
	if (entries && !done && !large && pages <= COW_WINDOW * 2)
		ahead_note(s, va);
	memory_unlock();
	if (!entries)
		return SPACE_NO_MEMORY;
	if (done)
		return SPACE_RESOLVED;
	start = va & ~((uint64_t)pages * KX_PAGE - 1);
	end = start + (uint64_t)pages * KX_PAGE;
	from = entry_index(start < r->start ? r->start : start, 1);
	to = entry_index((end > r->end ? r->end : end) - KX_PAGE, 1) + 1;
	stream_note(s, start, end, pages);
	return copy_pages(s, va, entries, from, to, r);
}

bool cow_page(struct space *s, uint64_t va, uint64_t frame)
{
	uint64_t *entry, old;
	bool writable, fresh;
	int level;

	entry = walk_find(s, va, &level, &writable);
	if (!(*entry & PTE_P) || !(*entry & PTE_COW) || *entry & PTE_FOREIGN || (writable && *entry & PTE_W))
		return false;
	if (level == 2) {
		entry = walk_own(s, va, 2, &fresh);
		if (!entry || block_sole(*entry & PTE_ADDRESS) || walk_split(entry))
			return false;
	}
	entry = walk_own(s, va, 1, &fresh);
	if (!entry || *entry & PTE_W)
		return false;
	if (!needs_copy(*entry)) {
		*entry |= PTE_W | PTE_D | PTE_NX;
		return false;
	}
	if (!frame)
		return false;
	old = *entry;
	memcpy(frame_host(frame), frame_host(old & PTE_ADDRESS), KX_PAGE);
	*entry = frame | (old & ~PTE_ADDRESS) | PTE_W | PTE_NX;
	entry_put(old, 1);
	return true;
}
