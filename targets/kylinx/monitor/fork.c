/* fork: parent and child get a root of their own each, in which all private memory is read-only; everything below is shared until
 * one of them writes. The cost does not depend on how much memory there is. */
#include <stdlib.h>
#include "memory_private.h"

#define STACK_BELOW 1  /* pages copied in advance around the stack pointer: both sides are about to write them */
#define STACK_ABOVE 2
#define AHEAD (STACK_BELOW + STACK_ABOVE)

/* Both roots from the parent's; lock held. */
static void share_all(struct space *parent, struct space *child, uint32_t root)
{
	const uint64_t *from = table_entries(parent->root);
	uint64_t *ours = table_entries(root), *theirs = table_entries(child->root);

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
	uint64_t frames[AHEAD], stack = (rsp & ~(uint64_t)(KX_PAGE - 1)) - STACK_BELOW * KX_PAGE;
	unsigned got = child ? frames_alloc(AHEAD, frames, false) : 0, used = 0;
	uint32_t root = TABLE_NONE;

	memory_lock();
	if (child) {
		child->root = table_new(true, false);
		root = child->root ? table_new(true, false) : TABLE_NONE;
	}
	if (root) {
		share_all(parent, child, root);
		/* the child takes copies; that leaves the parent the only one to have the old pages */
		for (unsigned i = 0; i < AHEAD; i++)
			if (user_range(stack + i * KX_PAGE, KX_PAGE))
				used += cow_page(child, stack + i * KX_PAGE, used < got ? frames[used] : 0);
		for (unsigned i = 0; i < AHEAD; i++)
			if (user_range(stack + i * KX_PAGE, KX_PAGE))
				used += cow_page(parent, stack + i * KX_PAGE, used < got ? frames[used] : 0);
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
