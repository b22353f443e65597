/* kmalloc: slabs of size classes, with a cache of free objects in each slot's area; large ones are pages. */
#include "core.h"
#include "pages.h"

struct slab {                    /* head of its pages; objects follow at SLAB_HEAD */
	struct list node;            /* in partial[], while some are free */
	void *free;
	u32 count, total;            /* free ones; all */
	u32 class, untouched;        /* objects from this number on were never given out */
};
#define SLAB_HEAD 64
_Static_assert(sizeof(struct slab) <= SLAB_HEAD, "slab head");

static const u16 class_bytes[HEAP_CLASSES] = { 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072 };
static const u8 class_pages[HEAP_CLASSES] = { 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 8 };
static const u8 class_batch[HEAP_CLASSES] = { 32, 32, 32, 32, 16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2 };
static u8 class_table[3072 / 16 + 1]; /* by (size + 15) / 16 */
#define LARGEST 3072

static struct lock heap_lock;
static struct list partial[HEAP_CLASSES];
static s64 ended_live_bytes;     /* of slots that are gone */

void heap_init(void)
{
	pages_init();
	for (u32 c = 0, i = 0; c < HEAP_CLASSES; c++) {
		list_init(&partial[c]);
		for (; i <= class_bytes[c] / 16; i++)
			class_table[i] = (u8)c;
	}
}

static inline struct block *block_at(const void *p) { return (struct block *)((u64)p & ~(BLOCK_BYTES - 1)); }
static inline u32 page_at_block(const void *p) { return ((u64)p & (BLOCK_BYTES - 1)) / KX_PAGE; }

static struct slab *slab_new(u32 class)
{
	struct slab *s = pages_take(class_pages[class], false);
	if (!s)
		return NULL;
	for (u32 i = 0; i < class_pages[class]; i++)
		block_at(s)->class[page_at_block(s) + i] = (u8)(class + 1);
	s->free = NULL;
	s->class = class;
	s->untouched = 0;
	s->total = s->count = (class_pages[class] * KX_PAGE - SLAB_HEAD) / class_bytes[class];
	list_push_front(&partial[class], &s->node);
	return s;
}

static void *slab_take(struct slab *s)
{
	void *p = s->free;
	if (p)
		s->free = *(void **)p;
	else
		p = (char *)s + SLAB_HEAD + (size_t)s->untouched++ * class_bytes[s->class];
	if (--s->count == 0)
		list_remove(&s->node);
	return p;
}

static void slab_give(void *p, u32 class)
{
	struct slab *s = (struct slab *)((u64)p & ~((u64)class_pages[class] * KX_PAGE - 1));
	*(void **)p = s->free;
	s->free = p;
	if (++s->count == 1) {
		list_push_front(&partial[class], &s->node);
	} else if (s->count == s->total && partial[class].next != partial[class].prev) {
		list_remove(&s->node);
		for (u32 i = 0; i < class_pages[class]; i++)
			block_at(s)->class[page_at_block(s) + i] = 0;
		pages_give(s, class_pages[class]);
	}
}

static bool refill(struct heap_cache *cache, u32 class)
{
	lock(&heap_lock);
	for (u32 i = 0; i < class_batch[class]; i++) {
		struct slab *s = list_empty(&partial[class]) ? NULL : list_entry(partial[class].next, struct slab, node);
		if (!s && (i > 0 || !(s = slab_new(class))))
			break;
		void *p = slab_take(s);
		*(void **)p = cache->class[class].head;
		cache->class[class].head = p;
		cache->class[class].count++;
		heap_poison(p, class_bytes[class]);
	}
	unlock(&heap_lock);
	return cache->class[class].head != NULL;
}

static void drain(struct heap_cache *cache, u32 class, u64 keep)
{
	lock(&heap_lock);
	while (cache->class[class].count > keep) {
		void *p = cache->class[class].head;
		cache->class[class].head = *(void **)p;
		cache->class[class].count--;
		slab_give(p, class);
	}
	unlock(&heap_lock);
}

static void *large_alloc(size_t n)
{
	size_t pages = (n + KX_PAGE - 1) / KX_PAGE;
	if (n > KX_COMMONS_MAX)
		return NULL;
	if (pages > BLOCK_BYTES / KX_PAGE / 2) /* given out by whole blocks, and counted so when freed */
		pages = (n + BLOCK_BYTES - 1) / BLOCK_BYTES * (BLOCK_BYTES / KX_PAGE);
	void *p = pages_alloc_dirty(pages);
	struct block *b = p ? block_of(p) : NULL;
	if (b) {
		b->class[page_at_block(p)] = KMALLOC_PAGES;
		b->span[page_at_block(p)] = (u16)pages;
	}
	return p;
}

void *kmalloc(size_t n)
{
	if (unlikely(n > LARGEST))
		return large_alloc(n);
	u32 class = class_table[(n + 15) / 16];
	struct heap_cache *cache = &this_runq()->heap;
	void *p = cache->class[class].head;
	if (unlikely(!p)) {
		if (!refill(cache, class))
			return NULL;
		p = cache->class[class].head;
	}
	cache->class[class].head = *(void **)p;
	cache->class[class].count--;
	cache->live_bytes += class_bytes[class];
	heap_unpoison(p, n);
	return p;
}

static size_t size_of(void *p)
{
	struct block *b = block_of(p);
	if (!b)
		return run_pages(p) * KX_PAGE;
	u32 class = b->class[page_at_block(p)];
	if (class == KMALLOC_PAGES)
		return (size_t)b->span[page_at_block(p)] * KX_PAGE;
	if (unlikely(class == 0 || class > HEAP_CLASSES))
		panic("kfree of %p: not from kmalloc", p);
	return class_bytes[class - 1];
}

void kfree(void *p)
{
	if (!p)
		return;
	if (heap_poisoned(p))
		panic("kfree of %p, which is free, from %p", p, __builtin_return_address(0));
	struct block *b = block_of(p);
	u32 class = b ? b->class[page_at_block(p)] : KMALLOC_PAGES;
	if (unlikely(class - 1 >= HEAP_CLASSES)) {
		size_t pages = size_of(p) / KX_PAGE;
		if (b)
			b->class[page_at_block(p)] = 0;
		pages_free(p, pages);
		return;
	}
	struct heap_cache *cache = &this_runq()->heap;
	class--;
	*(void **)p = cache->class[class].head;
	cache->class[class].head = p;
	cache->live_bytes -= class_bytes[class];
	heap_poison(p, class_bytes[class]);
	if (unlikely(++cache->class[class].count > 2u * class_batch[class]))
		drain(cache, class, class_batch[class]);
}

void *kzalloc(size_t n)
{
	void *p = kmalloc(n);
	if (p)
		memset(p, 0, n);
	return p;
}

void *krealloc(void *p, size_t n)
{
	if (!p)
		return kmalloc(n);
	size_t room = size_of(p);
	if (n <= room && (n > room / 2 || room <= 64)) {
		heap_unpoison(p, n);
		return p;
	}
	void *to = kmalloc(n);
	if (to) {
		heap_unpoison(p, room);
		memcpy(to, p, n < room ? n : room);
		kfree(p);
	}
	return to;
}

void heap_slot_end(void)
{
	struct heap_cache *cache = &this_runq()->heap;
	for (u32 c = 0; c < HEAP_CLASSES; c++)
		if (cache->class[c].count)
			drain(cache, c, 0);
	__atomic_add_fetch(&ended_live_bytes, cache->live_bytes, __ATOMIC_RELAXED);
	cache->live_bytes = 0;
}

u64 heap_bytes_used(void)
{
	s64 bytes = (s64)(pages_used() * KX_PAGE) + __atomic_load_n(&ended_live_bytes, __ATOMIC_RELAXED);
	for_each_slot(slot)
		bytes += runq_of(slot)->heap.live_bytes;
	return bytes < 0 ? 0 : (u64)bytes;
}
