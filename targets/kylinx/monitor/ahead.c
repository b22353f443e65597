/* What a fork copies in advance, because both sides are about to write it and a copy costs 0.3 us where a fault costs 30: pages
 * around the stack pointer, and pieces that were written soon after earlier forks of the same program. Those are learnt: a family
 * of spaces since the last exec (a lineage) has a score for each piece; the dirty bits tell whether a copy was of use. */
#include <stdlib.h>
#include "memory_private.h"

#define PIECES 8
#define PIECE_PAGES 4
#define PIECE_BYTES (PIECE_PAGES * KX_PAGE)
#define STACK_BELOW 1
#define STACK_PAGES 3
#define EARLY 12        /* faults after a fork that count as soon after it */
#define SCORE_FAULT 2
#define SCORE_COPY 4    /* copied from here on: after two forks that would have profited */
#define SCORE_MAX 7

struct lineage {
	uint32_t refs, kept; /* spaces; those of them that wait for the next child */
	struct { uint64_t va; int score; } piece[PIECES];
};

/* A copy-on-write fault that copied; lock held. */
void ahead_note(struct space *s, uint64_t va)
{
	struct lineage *l = s->lineage;
	unsigned at = 0;

	if (!l || s->early >= EARLY)
		return;
	s->early++;
	va &= ~(uint64_t)(PIECE_BYTES - 1);
	for (unsigned i = 0; i < PIECES; i++) {
		if (l->piece[i].va == va) {
			l->piece[i].score += l->piece[i].score < SCORE_MAX - 1 ? SCORE_FAULT : 0;
			return;
		}
		if (l->piece[i].score < l->piece[at].score)
			at = i;
	}
	if (l->piece[at].score < SCORE_COPY) {
		l->piece[at].va = va;
		l->piece[at].score = SCORE_FAULT;
	}
}

/* Whether a page of the piece was written since it was copied. */
static bool piece_written(const struct space *s, uint64_t va)
{
	bool written = false;

	for (unsigned i = 0; i < PIECE_PAGES; i++) {
		bool writable;
		int level;
		uint64_t entry = *walk_find(s, va + i * KX_PAGE, &level, &writable);

		written |= entry & PTE_P && writable && entry & PTE_W && entry & PTE_D;
	}
	return written;
}

unsigned ahead_frames(const struct space *parent)
{
	unsigned n = STACK_PAGES;

	for (unsigned i = 0; parent->lineage && i < PIECES; i++)
		n += parent->lineage->piece[i].score >= SCORE_COPY ? PIECE_PAGES : 0;
	return memory.used < memory.limit - memory.limit / 8 ? n : STACK_PAGES;
}

struct supply { const uint64_t *frames; unsigned count, used; const struct share_plan *plan; };

/* One page on both sides: the child takes the copy, which leaves the parent the only one to have the old page. A parent that keeps
 * its tables has the page writable already, or will fault; so will a child whose table an MMU knows: that would go on reading the
 * parent's page, which the parent, its only owner then, writes in place. */
static void copy_both(struct space *parent, struct space *child, uint64_t va, struct supply *from, bool learn)
{
	struct space *both[] = { child, parent };

	if (!user_range(va, KX_PAGE))
		return;
	for (unsigned i = 0; i < 2; i++) {
		bool writable;
		int level;
		uint64_t *entry;

		if (both[i] == parent ? !walk_settled(parent, va) : share_known(from->plan, va))
			continue;
		from->used += cow_page(both[i], va, from->used < from->count ? from->frames[from->used] : 0);
		entry = walk_find(both[i], va, &level, &writable);
		if (learn && level == 1 && writable && *entry & PTE_W)
			*entry &= ~PTE_D;
	}
}

unsigned ahead_copy(struct space *parent, struct space *child, const struct share_plan *plan, uint64_t rsp, const uint64_t *frames,
	unsigned count)
{
	struct supply from = { frames, count, 0, plan };
	uint64_t stack = (rsp & ~(uint64_t)(KX_PAGE - 1)) - STACK_BELOW * KX_PAGE;
	struct lineage *l = parent->lineage;
	uint64_t entry;
	bool writable;
	int level;

	for (unsigned i = 0; i < STACK_PAGES; i++)
		copy_both(parent, child, stack + i * KX_PAGE, &from, false);
	if (!l) {
		l = parent->lineage = calloc(1, sizeof *l);
		if (l)
			l->refs = 1;
	}
	child->ahead = 0;
	if (child->kept)
		l->kept--;
	else if (l)
		l->refs++;
	child->lineage = l;
	child->kept = 0;
	for (unsigned i = 0; l && i < PIECES; i++) {
		if (l->piece[i].score < SCORE_COPY || count - from.used < PIECE_PAGES)
			continue;
		entry = *walk_find(parent, l->piece[i].va, &level, &writable);
		if (writable && entry & PTE_W) /* it was copied for the child, and the parent keeps it */
			continue;
		if (level != 1) { /* coming apart costs a 2 MiB entry more than a fault */
			l->piece[i].score = 0;
			continue;
		}
		for (unsigned k = 0; k < PIECE_PAGES; k++)
			copy_both(parent, child, l->piece[i].va + k * KX_PAGE, &from, true);
		child->ahead |= 1u << i;
	}
	parent->ahead = child->ahead;
	parent->early = child->early = 0;
	return from.used;
}

/* Before a fork (what did the parent use of the last one's copies?) and at the end of a space (what did the child?). A piece that
 * one side used stays; one that neither did loses its place. */
void ahead_review(struct space *s, bool ends)
{
	struct lineage *l = s->lineage;

	for (unsigned i = 0; l && i < PIECES; i++)
		if (s->ahead >> i & 1 && piece_written(s, l->piece[i].va) == ends && l->piece[i].score > 0)
			l->piece[i].score += !ends ? -1 : l->piece[i].score < SCORE_MAX;
	s->ahead = 0;
	if (!ends || !l)
		return;
	l->kept -= s->kept != 0;
	if (!--l->refs)
		free(l);
}

unsigned lineage_members(const struct space *s)
{
	return s->lineage ? s->lineage->refs - s->lineage->kept : 0;
}

void lineage_keep(struct space *s)
{
	s->lineage->refs++; /* what the review takes */
	ahead_review(s, true);
	s->lineage->kept++;
}
