/* fork: the child gets a root of its own; share.c has what is copied into it and what both only read until one of them writes. The
 * cost does not depend on how much memory there is. */
#include <stdlib.h>
#include "memory_private.h"

/* Whether table, or one below it that is ours alone, pins a slab that few others use. */
static bool pins_slab(uint32_t table, int level)
{
	const uint64_t *entries = table_entries(table);

	if (*table_refs(table) > 1)
		return false;
	if (table_sparse(table))
		return true;
	for (unsigned i = 0; level > 1 && i < TABLE_ENTRIES; i++)
		if (entries[i] & PTE_P && !(entries[i] & (PTE_LARGE | PTE_FOREIGN)) && pins_slab(table_of(entries[i]), level - 1))
			return true;
	return false;
}

/* Moves such tables to new ones, and those above them, which a shadow MMU would not look at again. entry points to a table of that
 * level and lies in one that is about to be replaced, or was. */
static void evacuate(uint64_t *entry, int level)
{
	uint32_t table;

	if (!(*entry & PTE_P) || *entry & (PTE_LARGE | PTE_FOREIGN) || !pins_slab(table_of(*entry), level))
		return;
	table = table_renew(table_of(*entry), level, !(*entry & PTE_W));
	if (table == TABLE_NONE)
		return;
	*entry = table_gpa(table) | PTE_TABLE;
	for (unsigned i = 0; level > 1 && i < TABLE_ENTRIES; i++)
		evacuate(&table_entries(table)[i], level - 1);
}

/* Slabs that few tables pin get rid of the parent's, by a new root; lock held. */
static void relieve(struct space *parent)
{
	uint32_t root = tables_pressed() ? table_renew(parent->root, 4, false) : TABLE_NONE;

	if (root == TABLE_NONE)
		return;
	parent->root = root;
	parent->unsettled = 0;
	for (unsigned i = 0; i < TABLE_ENTRIES && tables_pressed(); i++)
		if (!shared_root_entry(i))
			evacuate(&table_entries(root)[i], 3);
}

/* What the child got so far goes again; lock held. */
static void undo(struct space *child)
{
	uint64_t *entries = table_entries(child->root);

	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (entries[i] && !shared_root_entry(i)) {
			uint64_t entry = entries[i];

			entries[i] = 0; /* no MMU has seen it: nobody was there */
			entry_put(entry, 4);
		}
}

static void frames_put(const uint64_t *frames, unsigned from, unsigned to)
{
	memory_lock();
	for (unsigned i = from; i < to; i++)
		frame_put(frames[i]);
	memory_unlock();
}

enum space_fork space_fork_into(struct space *parent, struct space *child, uint64_t rsp)
{
	struct share_plan plan;
	uint64_t frames[SHARE_FRAMES + AHEAD_MAX];
	unsigned got, used;
	bool done;

	if (!share_plan(parent, child, &plan))
		return SPACE_MISFIT;
	if (memory.used + plan.pages > memory.limit - memory.limit / 8)
		plan.tables = plan.pages = 0;
	got = frames_alloc(plan.pages + ahead_frames(parent), frames, false);
	if (got < plan.pages)
		plan.tables = plan.pages = 0;
	if (!plan.tables && child->kept) {
		frames_put(frames, 0, got);
		return SPACE_MISFIT;
	}
	share_copy(parent, &plan, frames);
	memory_lock();
	ahead_review(parent, false);
	relieve(parent);
	done = share_tables(parent, child, &plan, frames);
	used = plan.pages;
	if (done)
		used += ahead_copy(parent, child, &plan, rsp, frames + used, got - used);
	else if (!child->kept)
		undo(child);
	child->unsettled = 0;
	child->flip = 0;
	memory_unlock();
	frames_put(frames, used, got);
	return done ? SPACE_FORKED : SPACE_NO_ROOM;
}

struct space *space_fork(struct space *parent, uint64_t rsp)
{
	struct space *child = space_create();

	if (child && space_fork_into(parent, child, rsp) != SPACE_FORKED) {
		space_destroy(child);
		child = NULL;
	}
	return child;
}
