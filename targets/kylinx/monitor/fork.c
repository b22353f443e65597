/* fork: parent and child get a root of their own each, in which all private memory is read-only; everything below is shared until
 * one of them writes. The cost does not depend on how much memory there is. */
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

/* Both roots from the parent's; lock held. */
static void share_all(struct space *parent, struct space *child, uint32_t root)
{
	uint64_t *from = table_entries(parent->root);
	uint64_t *ours = table_entries(root), *theirs = table_entries(child->root);

	for (unsigned i = 0; i < TABLE_ENTRIES && tables_pressed(); i++)
		if (!shared_root_entry(i))
			evacuate(&from[i], 3);
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t entry = from[i];

		if (entry && !shared_root_entry(i)) {
			entry &= ~PTE_W;
			++*table_refs(table_of(entry));
		}
		ours[i] = theirs[i] = entry;
	}
	table_release(parent->root);
	parent->root = root;
	parent->unsettled = 0;
}

struct space *space_fork(struct space *parent, uint64_t rsp)
{
	struct space *child = calloc(1, sizeof *child);
	uint64_t frames[AHEAD_MAX];
	unsigned got = child ? frames_alloc(ahead_frames(parent), frames, false) : 0, used = 0;
	uint32_t root = TABLE_NONE;

	memory_lock();
	if (child) {
		child->root = table_new(true, false);
		root = child->root ? table_new(true, false) : TABLE_NONE;
	}
	if (root) {
		ahead_review(parent, false);
		share_all(parent, child, root);
		used = ahead_copy(parent, child, rsp, frames, got);
		child->unsettled = parent->unsettled = 0;
	} else if (child && child->root) {
		table_release(child->root);
	}
	for (unsigned i = used; i < got; i++)
		frame_put(frames[i]);
	memory_unlock();
	if (!root) {
		free(child);
		child = NULL;
	}
	return child;
}
