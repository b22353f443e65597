/* Pages of the commons: buddies inside blocks of 2 MiB, whole blocks for more. A block's first page describes it. Pages
 * never used since the monitor gave them are known to be zero. */
#include "core.h"
#include "pages.h"

#define BLOCK_PAGES 512
#define ORDERS 9                 /* 1 page .. 256; more goes by whole blocks */
#define NOT_FREE 0xff
#define MAX_BLOCKS (KX_COMMONS_MAX / BLOCK_BYTES)

static struct lock pages_lock;
static struct list free_runs[ORDERS];
static u64 free_pages, blocks;
static s64 direct_pages;
static u64 block_free[MAX_BLOCKS / 64], block_dirty[MAX_BLOCKS / 64]; /* whole blocks nobody uses; not known to be zero */
static u16 block_run[MAX_BLOCKS]; /* of the first of several blocks given out together: how many; 0: split into pages */

static inline bool bit_get(const u64 *map, u64 i) { return map[i / 64] >> i % 64 & 1; }
static inline void bit_set(u64 *map, u64 i) { map[i / 64] |= 1UL << i % 64; }
static inline void bit_clear(u64 *map, u64 i) { map[i / 64] &= ~(1UL << i % 64); }
static inline void *block_address(u64 b) { return (void *)(KX_VA_COMMONS + b * BLOCK_BYTES); }
static inline u64 block_number(const void *p) { return ((u64)p - KX_VA_COMMONS) / BLOCK_BYTES; }
static inline u32 page_in_block(const void *p) { return ((u64)p % BLOCK_BYTES) / KX_PAGE; }

struct block *block_of(const void *p)
{
	u64 b = block_number(p);
	return b < MAX_BLOCKS && !block_run[b] ? block_address(b) : NULL;
}

u64 run_pages(const void *p)
{
	return (u64)block_run[block_number(p)] * BLOCK_PAGES;
}

static void run_insert(struct block *b, u32 page, u32 order)
{
	b->order[page] = (u8)order;
	list_push_front(&free_runs[order], (struct list *)((char *)b + page * KX_PAGE));
}

static void run_remove(struct block *b, u32 page)
{
	struct list *node = (struct list *)((char *)b + page * KX_PAGE);
	b->order[page] = NOT_FREE;
	list_remove(node);
	node->next = node->prev = NULL; /* the page is as zero as it was */
}

/* [page, page + count) becomes free, in the largest aligned runs, each joined with its buddy while that is free. */
static void range_free(struct block *b, u32 page, u32 count)
{
	b->free += count;
	free_pages += count;
	while (count) {
		u32 order = 0;
		while (order < ORDERS - 1 && !(page & ((2u << order) - 1)) && 2u << order <= count)
			order++;
		u32 at = page, top = order;
		for (; top < ORDERS - 1; top++) {
			u32 buddy = at ^ 1u << top;
			if (b->order[buddy] != top)
				break;
			run_remove(b, buddy);
			at &= ~(1u << top);
		}
		run_insert(b, at, top);
		page += 1u << order;
		count -= 1u << order;
	}
}

/* The commons never shrink: a quarter of the family's memory is kept out of them, for its programs. */
static u64 blocks_most(void)
{
	u64 most = boot_info->memory_limit / 4 * 3 / BLOCK_BYTES;
	return most > MAX_BLOCKS ? MAX_BLOCKS : most < 4 ? 4 : most;
}

static bool grow(u64 need)
{
	u64 most = blocks_most(), more = need + blocks / 8;
	if (blocks + need > most)
		return false;
	if (blocks + more > most)
		more = most - blocks;
	long size = hypercall(KX_HC_COMMONS, more, 0, 0, 0, 0);
	if (size < 0 && more > need)
		size = hypercall(KX_HC_COMMONS, need, 0, 0, 0, 0);
	if (size < 0)
		return false;
	for (; blocks < (u64)size; blocks++)
		bit_set(block_free, blocks);
	return true;
}

static s64 blocks_find(u64 count)
{
	for (u64 b = 0, run = 0; b < blocks; b++) {
		run = bit_get(block_free, b) ? run + 1 : 0;
		if (run == count)
			return (s64)(b + 1 - count);
	}
	return -1;
}

static s64 blocks_take(u64 count)
{
	s64 first = blocks_find(count);
	if (first < 0 && grow(count))
		first = blocks_find(count);
	for (u64 i = 0; first >= 0 && i < count; i++)
		bit_clear(block_free, (u64)first + i);
	return first;
}

static bool block_split(void)
{
	s64 n = blocks_take(1);
	if (n < 0)
		return false;
	struct block *b = block_address((u64)n);
	bool dirty = bit_get(block_dirty, (u64)n);
	heap_unpoison(b, KX_PAGE);
	memset(b, 0, sizeof *b);
	memset(b->order, NOT_FREE, sizeof b->order);
	memset(b->dirty, dirty ? 0xff : 0, sizeof b->dirty);
	bit_set(block_dirty, (u64)n);
	range_free(b, 1, BLOCK_PAGES - 1);
	return true;
}

/* All pages of the block are free: it may serve as a whole again. */
static void block_join(struct block *b)
{
	for (u32 page = 1; page < BLOCK_PAGES; page++)
		if (b->order[page] != NOT_FREE)
			run_remove(b, page);
	free_pages -= BLOCK_PAGES - 1;
	bit_set(block_free, block_number(b));
}

static void *run_take(u32 count)
{
	u32 want = 0, order;
	while (1u << want < count)
		want++;
	for (order = want; order < ORDERS && list_empty(&free_runs[order]); order++)
		;
	if (order == ORDERS)
		return NULL;
	void *p = free_runs[order].next;
	struct block *b = (struct block *)((u64)p & ~(u64)(BLOCK_BYTES - 1));
	run_remove(b, page_in_block(p));
	b->free -= 1u << order;
	free_pages -= 1u << order;
	if (1u << order > count)
		range_free(b, page_in_block(p) + count, (1u << order) - count);
	return p;
}

static void *blocks_alloc(size_t count, bool zero)
{
	u64 n = (count + BLOCK_PAGES - 1) / BLOCK_PAGES;
	if (n > MAX_BLOCKS)
		return NULL;
	lock(&pages_lock);
	s64 first = blocks_take(n);
	if (first >= 0)
		block_run[first] = (u16)n;
	unlock(&pages_lock);
	if (first < 0)
		return NULL;
	for (u64 b = (u64)first; b < (u64)first + n; b++) {
		heap_unpoison(block_address(b), BLOCK_BYTES);
		if (zero && bit_get(block_dirty, b))
			memset(block_address(b), 0, BLOCK_BYTES);
	}
	return block_address((u64)first);
}

static void blocks_release(void *p)
{
	u64 first = block_number(p);
	heap_poison(p, run_pages(p) * KX_PAGE);
	lock(&pages_lock);
	for (u64 b = first; b < first + block_run[first]; b++) {
		bit_set(block_dirty, b);
		bit_set(block_free, b);
	}
	block_run[first] = 0;
	unlock(&pages_lock);
}

void *pages_take(size_t count, bool zero)
{
	if (!count)
		return NULL;
	if (count > 1u << (ORDERS - 1))
		return blocks_alloc(count, zero);
	lock(&pages_lock);
	void *p = run_take((u32)count);
	if (!p && block_split())
		p = run_take((u32)count);
	unlock(&pages_lock);
	if (!p)
		return NULL;
	heap_unpoison(p, count * KX_PAGE);
	struct block *b = block_of(p);
	u32 page = page_in_block(p);
	for (u32 i = page; zero && i < page + count; i++)
		if (bit_get(b->dirty, i))
			memset((char *)b + i * KX_PAGE, 0, KX_PAGE);
	return p;
}

void pages_give(void *p, size_t count)
{
	struct block *b = block_of(p);
	if (!b) {
		blocks_release(p);
		return;
	}
	heap_poison(p, count * KX_PAGE);
	u32 page = page_in_block(p);
	lock(&pages_lock);
	if (unlikely(page == 0 || page + count > BLOCK_PAGES || b->order[page] != NOT_FREE))
		panic("pages_free of %p, %lu pages, from %p", p, (u64)count, __builtin_return_address(0));
	for (u32 i = page; i < page + count; i++)
		bit_set(b->dirty, i);
	range_free(b, page, (u32)count);
	if (b->free == BLOCK_PAGES - 1 && free_pages > 3 * BLOCK_PAGES)
		block_join(b);
	unlock(&pages_lock);
}

void *pages_alloc(size_t count)
{
	void *p = pages_take(count, true);
	if (p)
		__atomic_add_fetch(&direct_pages, (s64)count, __ATOMIC_RELAXED);
	return p;
}

void *pages_alloc_dirty(size_t count)
{
	void *p = pages_take(count, false);
	if (p)
		__atomic_add_fetch(&direct_pages, (s64)count, __ATOMIC_RELAXED);
	return p;
}

void pages_free(void *p, size_t count)
{
	if (!p || !count)
		return;
	__atomic_sub_fetch(&direct_pages, (s64)count, __ATOMIC_RELAXED);
	pages_give(p, count);
}

u64 pages_used(void)
{
	s64 n = __atomic_load_n(&direct_pages, __ATOMIC_RELAXED);
	return n < 0 ? 0 : (u64)n;
}

u64 commons_pages(void)
{
	return blocks * BLOCK_PAGES;
}

void pages_init(void)
{
	for (u32 i = 0; i < ORDERS; i++)
		list_init(&free_runs[i]);
}
