/* Frames of a family: 2 MiB blocks, given out whole or as 64 KiB pieces and 4 KiB frames, with reference counts.
 *
 * A block has a count for itself (mappings by a 2 MiB entry) and one for each of its frames (mappings by 4 KiB entries); a frame
 * is free when both are 0. So a block shared after a fork can come apart page by page on one side and stay whole on the other.
 * Blocks of arena_large lie on huge host pages; those of arena_small do not, so that a small pVM stays small. */
#include <errno.h>
#include <sys/mman.h>
#include "memory_private.h"

enum { LIST_FREE_SMALL, LIST_FREE_LARGE, LIST_WHOLE, LIST_SOME, LISTS }; /* blocks: all free; with free pieces; with pieces partly free */
#define NONE UINT32_MAX
#define FREE_KEPT 32 /* free blocks kept populated for the next user; of more, half go at each call of arena_trim() */

struct block {
	uint16_t free[BLOCK_FRAMES / PIECE_FRAMES]; /* a bit per frame */
	uint64_t dirty[BLOCK_FRAMES / 64];          /* frames that may hold bytes of a former owner */
	uint32_t whole, some;                       /* pieces all free; partly free */
	uint32_t large_refs;                        /* of the block as a whole */
	uint32_t used;                              /* frames with references of their own */
	uint32_t next[2], prev[2];                  /* links: 0 for FREE and WHOLE, 1 for SOME */
	int8_t list[2];                             /* where it is linked, -1 nowhere */
};

static struct block *blocks;
static uint32_t *refs;          /* of frames */
static uint32_t heads[LISTS];
static uint32_t small_blocks, free_dirty;

static struct block *block_of(uint64_t gpa) { return &blocks[(gpa - memory.arena_small.gpa) / BLOCK_BYTES]; }
static uint32_t *refs_of(uint64_t gpa) { return &refs[(gpa - memory.arena_small.gpa) / KX_PAGE]; }
static uint64_t gpa_of(const struct block *b) { return memory.arena_small.gpa + (uint64_t)(b - blocks) * BLOCK_BYTES; }

void *frame_host(uint64_t gpa)
{
	return memory.arena_small.host + (gpa - memory.arena_small.gpa);
}

static void link_block(struct block *b, int node, int list)
{
	uint32_t at = (uint32_t)(b - blocks);

	if (b->list[node] == list)
		return;
	if (b->list[node] >= 0) {
		if (b->prev[node] != NONE)
			blocks[b->prev[node]].next[node] = b->next[node];
		else
			heads[b->list[node]] = b->next[node];
		if (b->next[node] != NONE)
			blocks[b->next[node]].prev[node] = b->prev[node];
	}
	b->list[node] = (int8_t)list;
	if (list < 0)
		return;
	b->prev[node] = NONE;
	b->next[node] = heads[list];
	if (heads[list] != NONE)
		blocks[heads[list]].prev[node] = at;
	heads[list] = at;
}

static bool block_dirty(const struct block *b)
{
	uint64_t any = 0;

	for (int i = 0; i < BLOCK_FRAMES / 64; i++)
		any |= b->dirty[i];
	return any != 0;
}

/* Put the block where its counts say. */
static void relist(struct block *b)
{
	int first = -1;
	bool was_free = b->list[0] == LIST_FREE_SMALL || b->list[0] == LIST_FREE_LARGE;

	if (!b->large_refs && !b->used)
		first = b - blocks < small_blocks ? LIST_FREE_SMALL : LIST_FREE_LARGE;
	else if (!b->large_refs && b->whole)
		first = LIST_WHOLE;
	if (first != b->list[0]) {
		bool is_free = first == LIST_FREE_SMALL || first == LIST_FREE_LARGE;

		if (is_free != was_free && block_dirty(b))
			free_dirty += is_free ? 1 : -1;
		link_block(b, 0, first);
	}
	link_block(b, 1, !b->large_refs && b->some ? LIST_SOME : -1);
}

static void block_fresh(struct block *b)
{
	memset(b, 0, sizeof *b);
	b->list[0] = b->list[1] = -1;
	memset(b->free, 0xff, sizeof b->free);
	b->whole = ~0u;
	relist(b);
}

/* More blocks on the list; false when the range is used up or the host refuses. */
static bool arena_grow(bool large)
{
	struct range *r = large ? &memory.arena_large : &memory.arena_small;
	uint64_t from = r->mapped, extra = r->mapped / 4 > r->step ? r->mapped / 4 / BLOCK_BYTES * BLOCK_BYTES : r->step;

	if (from + extra > r->size)
		extra = r->size - from;
	if (!extra || range_grow(r, from + extra))
		return false;
	if (large)
		madvise(r->host + from, r->mapped - from, MADV_HUGEPAGE);
	for (uint64_t at = r->mapped; at > from; at -= BLOCK_BYTES)
		block_fresh(block_of(r->gpa + at - BLOCK_BYTES));
	return true;
}

static struct block *block_take(bool large)
{
	int list = large ? LIST_FREE_LARGE : LIST_FREE_SMALL;

	if (heads[list] == NONE && !arena_grow(large))
		return NULL;
	return &blocks[heads[list]];
}

int arena_init(void)
{
	uint64_t size = (memory.limit * KX_PAGE + 64 * MIB + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
	struct range all = {0};
	int error = range_reserve(&all, 2 * size, 8 * MIB);

	if (error)
		return error;
	memory.arena_small = memory.arena_large = all;
	memory.arena_small.size = memory.arena_large.size = size;
	memory.arena_large.gpa += size;
	memory.arena_large.host += size;
	memory.arena_large.step = 32 * MIB;
	madvise(memory.arena_small.host, size, MADV_NOHUGEPAGE);
	small_blocks = (uint32_t)(size / BLOCK_BYTES);
	blocks = host_reserve(2 * size / BLOCK_BYTES * sizeof *blocks, KX_PAGE);
	refs = host_reserve(2 * size / KX_PAGE * sizeof *refs, KX_PAGE);
	if (!blocks || !refs)
		return -ENOMEM;
	for (int i = 0; i < LISTS; i++)
		heads[i] = NONE;
	free_dirty = 0;
	return 0;
}

/* Up to want frames of one piece of b; dirty: those that must be zeroed. Returns how many. */
static unsigned piece_take(struct block *b, unsigned piece, unsigned want, uint64_t *out, uint32_t *dirty)
{
	unsigned got = 0;

	*dirty = 0;
	while (got < want && b->free[piece]) {
		unsigned bit = (unsigned)__builtin_ctz(b->free[piece]), frame = piece * PIECE_FRAMES + bit;

		b->free[piece] &= (uint16_t)~(1u << bit);
		out[got] = gpa_of(b) + frame * KX_PAGE;
		*refs_of(out[got]) = 1;
		if (b->dirty[frame / 64] >> (frame % 64) & 1)
			*dirty |= 1u << got;
		b->dirty[frame / 64] |= 1ull << (frame % 64);
		b->used++;
		got++;
	}
	b->whole &= ~(1u << piece);
	b->some = b->free[piece] ? b->some | 1u << piece : b->some & ~(1u << piece);
	return got;
}

unsigned frames_alloc(unsigned want, uint64_t *out, bool zero)
{
	unsigned got = 0;

	while (got < want) {
		unsigned ask = want - got < PIECE_FRAMES ? want - got : PIECE_FRAMES, n;
		uint32_t dirty;
		struct block *b = NULL;
		bool whole;

		memory_lock();
		if (!memory_charge(ask)) {
			ask = 1;
			if (got || !memory_charge(1)) {
				memory_unlock();
				break;
			}
		}
		if (ask < PIECE_FRAMES && heads[LIST_SOME] != NONE)
			b = &blocks[heads[LIST_SOME]];
		whole = !b;
		if (!b && heads[LIST_WHOLE] != NONE)
			b = &blocks[heads[LIST_WHOLE]];
		if (!b)
			b = block_take(false);
		if (!b)
			b = block_take(true);
		if (!b && heads[LIST_SOME] != NONE) { /* no piece is left: single frames */
			b = &blocks[heads[LIST_SOME]];
			whole = false;
		}
		if (!b) {
			memory_uncharge(ask);
			memory_unlock();
			break;
		}
		/* relist() counts a free block's dirt before it is taken from the list */
		if (b->list[0] == LIST_FREE_SMALL || b->list[0] == LIST_FREE_LARGE) {
			free_dirty -= block_dirty(b);
			link_block(b, 0, -1);
		}
		n = piece_take(b, (unsigned)__builtin_ctz(whole ? b->whole : b->some), ask, out + got, &dirty);
		memory_uncharge(ask - n);
		relist(b);
		memory_unlock();
		if (zero)
			for (unsigned i = 0; i < n; i++)
				if (dirty >> i & 1)
					memset(frame_host(out[got + i]), 0, KX_PAGE);
		got += n;
	}
	return got;
}

uint64_t block_alloc(bool zero)
{
	uint64_t dirty[BLOCK_FRAMES / 64], gpa = 0;
	struct block *b = NULL;

	memory_lock();
	if (memory_charge(BLOCK_FRAMES)) {
		b = block_take(true);
		if (!b)
			memory_uncharge(BLOCK_FRAMES);
	}
	if (b) {
		free_dirty -= block_dirty(b);
		link_block(b, 0, -1);
		gpa = gpa_of(b);
		memcpy(dirty, b->dirty, sizeof dirty);
		memset(b->dirty, 0xff, sizeof b->dirty);
		memset(b->free, 0, sizeof b->free);
		b->whole = b->some = 0;
		b->large_refs = 1;
		relist(b);
	}
	memory_unlock();
	if (gpa && zero)
		for (unsigned i = 0; i < BLOCK_FRAMES; i++)
			if (dirty[i / 64] >> (i % 64) & 1)
				memset(frame_host(gpa + i * KX_PAGE), 0, KX_PAGE);
	return gpa;
}

void frame_get(uint64_t gpa)
{
	++*refs_of(gpa);
}

static void frame_free(struct block *b, unsigned frame)
{
	unsigned piece = frame / PIECE_FRAMES;

	b->free[piece] |= (uint16_t)(1u << frame % PIECE_FRAMES);
	if (b->free[piece] == 0xffff) {
		b->whole |= 1u << piece;
		b->some &= ~(1u << piece);
	} else {
		b->some |= 1u << piece;
	}
}

void frame_put(uint64_t gpa)
{
	struct block *b = block_of(gpa);

	if (--*refs_of(gpa))
		return;
	b->used--;
	if (b->large_refs)
		return;
	frame_free(b, gpa / KX_PAGE % BLOCK_FRAMES);
	memory_uncharge(1);
	relist(b);
}

bool frame_sole(uint64_t gpa)
{
	return *refs_of(gpa) == 1 && !block_of(gpa)->large_refs;
}

void block_get(uint64_t gpa)
{
	block_of(gpa)->large_refs++;
}

void block_put(uint64_t gpa)
{
	struct block *b = block_of(gpa);
	uint32_t *count = refs_of(gpa);

	if (--b->large_refs)
		return;
	for (unsigned i = 0; i < BLOCK_FRAMES; i++)
		if (!count[i])
			frame_free(b, i);
	memory_uncharge(BLOCK_FRAMES - b->used);
	relist(b);
}

bool block_sole(uint64_t gpa)
{
	struct block *b = block_of(gpa);

	return b->large_refs == 1 && !b->used;
}

void block_split(uint64_t gpa)
{
	struct block *b = block_of(gpa);
	uint32_t *count = refs_of(gpa), added = 0;

	for (unsigned i = 0; i < BLOCK_FRAMES; i++)
		added += !count[i]++;
	b->used += added;
	block_put(gpa);
}

uint64_t arena_idle(void)
{
	return free_dirty > FREE_KEPT ? free_dirty - FREE_KEPT : 0;
}

/* Of the populated free blocks beyond those kept, half go back to the host; they read as zero then. */
void arena_trim(void)
{
	for (uint64_t n = (arena_idle() + 1) / 2; n; n--) {
		struct block *b = NULL;

		memory_lock();
		for (int list = LIST_FREE_SMALL; list <= LIST_FREE_LARGE && !b; list++)
			for (uint32_t at = heads[list]; at != NONE && !b; at = blocks[at].next[0])
				if (block_dirty(&blocks[at]))
					b = &blocks[at];
		if (b) {
			free_dirty--;
			link_block(b, 0, -1);
		}
		memory_unlock();
		if (!b)
			return;
		madvise(frame_host(gpa_of(b)), BLOCK_BYTES, MADV_DONTNEED);
		memory_lock();
		memset(b->dirty, 0, sizeof b->dirty);
		relist(b);
		memory_unlock();
	}
}
