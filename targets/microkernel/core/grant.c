/* Pages lent with a call: shared by both spaces, in the receiver's window, until its reply. */
#include "kernel.h"
#include "../boot/board.h"

bool grant_in(struct space *borrower, u32 va)
{
	EACH(struct grant, g, &borrower->grants, link)
		if (va - g->va < g->pages * MK_PAGE)
			return true;
	return false;
}

static void grant_free(struct grant *g)
{
	if (g->lender)
		g->lender->lent = NULL;
	list_remove(&g->link);
	object_free(&g->object);
}

/* So few that it is done at once. */
static void unmap(struct space *borrower, u32 va, u32 pages)
{
	for (u32 done = 0; pages && space_unmap(borrower, va, pages, &done) == AGAIN;)
		;
}

static int share_pages(struct task *lender, struct space *borrower, u32 va, u32 window, u32 pages, u32 protection)
{
	for (u32 i = 0; i < pages; i++) {
		u32 at = va + i * MK_PAGE, physical = space_physical(lender->space, at);
		int error = MK_EADDRESS;

		/* a page that is lent to the lender could not be taken back from the next */
		if (physical >= BOARD_RAM && (!(protection & MK_WRITE) || space_writable(lender->space, at)) && !grant_in(lender->space, at))
			error = space_put(borrower, window + i * MK_PAGE, protection, NULL, physical);
		if (error) {
			unmap(borrower, window, i);
			return error;
		}
	}
	return 0;
}

/* Words 7 and 8 of the lender's message; word 7 becomes the address in the borrower's. */
int grant_lend(struct task *lender, struct task *borrower)
{
	u32 protection = lender->frame.r[9] & (MK_PAGE - 1), va = lender->frame.r[9] - protection, pages = lender->frame.r[10];
	struct grant *g;
	int error;

	if ((protection != MK_READ && protection != (MK_READ | MK_WRITE)) || pages > MK_GRANT_PAGES || !space_range(va, pages))
		return MK_EARGUMENT;
	if (pages > borrower->window_pages)
		return MK_EADDRESS;
	if (!space_free(borrower->space, borrower->window, pages))
		return MK_EBUSY;
	g = object_make(FREE);
	if (!g)
		return MK_EMEMORY;
	error = share_pages(lender, borrower->space, va, borrower->window, pages, protection);
	if (error) {
		object_free(&g->object);
		return error;
	}
	*g = (struct grant){ .lender = lender, .borrower = borrower->space, .va = borrower->window, .pages = pages,
			     .token = lender->token, .lent_va = va };
	list_insert(&borrower->space->grants, &g->link);
	lender->lent = g;
	borrower->frame.r[9] = borrower->window | protection;
	return 0;
}

void grant_end(struct space *borrower, u32 token)
{
	EACH(struct grant, g, &borrower->grants, link)
		if (g->token == token) {
			unmap(borrower, g->va, g->pages);
			grant_free(g);
			return;
		}
}

/* The borrower goes on with a copy, so that it cannot be made to fault; where there is no memory for one both go on with the page.
 * false: so it is, or one of the two has the page no more. */
static bool take_back(const struct grant *g, u32 offset)
{
	u32 *entry = space_entry(g->borrower, g->va + offset, false);
	u32 page = space_physical(g->lender->space, g->lent_va + offset), protection = entry ? *entry & (MK_PAGE - 1) : 0;
	void *copy;

	if (!page || !entry || *entry != (page | protection))
		return false;
	copy = page_take();
	if (!copy)
		return false;
	__builtin_memcpy(copy, (void *)page, MK_PAGE);
	*entry = (u32)copy | protection;
	cpu_forget_page(g->va + offset, g->borrower->number);
	page_give(page);
	return true;
}

int grant_revoke(struct task *lender)
{
	struct grant *g = lender->lent;

	if (!g)
		return 0;
	for (u32 i = 0; i < g->pages; i++)
		if (take_back(g, i * MK_PAGE) && ++g->taken && cpu_interrupted())
			return AGAIN;
	g->lender = NULL;
	lender->lent = NULL;
	return (int)g->taken;
}

/* Of a space that ends, which has unmapped them or will. */
void grants_forget(struct space *borrower)
{
	while (!list_empty(&borrower->grants))
		grant_free(CONTAINER(borrower->grants.next, struct grant, link));
}
