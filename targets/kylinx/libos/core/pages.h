/* What the page allocator and the heap above it share. */
#ifndef KX_PAGES_H
#define KX_PAGES_H
#include "../libos.h"

#define BLOCK_BYTES 0x200000UL

/* First page of a block that is split into pages. */
struct block {
	u8 order[512];           /* of a free run's first page; else 0xff */
	u8 class[512];           /* pages of a slab: size class + 1; KMALLOC_PAGES: first of a large kmalloc; else 0 */
	u16 span[512];           /* KMALLOC_PAGES: how many */
	u64 dirty[8];            /* a bit a page: not known to be zero when free */
	u32 free;
};
#define KMALLOC_PAGES 0xfe

void pages_init(void);
void *pages_take(size_t count, bool zero); /* as pages_alloc, not counted as used */
void pages_give(void *, size_t count);
u64 run_pages(const void *);               /* of an allocation of whole blocks */
u64 commons_pages(void);

#ifdef KX_ASAN
void __asan_poison_memory_region(void const volatile *, size_t);
void __asan_unpoison_memory_region(void const volatile *, size_t);
int __asan_address_is_poisoned(void const volatile *);
#define heap_poison __asan_poison_memory_region
#define heap_unpoison __asan_unpoison_memory_region
#define heap_poisoned __asan_address_is_poisoned
#else
static inline void heap_poison(const void *p, size_t n) { (void)p; (void)n; }
static inline void heap_unpoison(const void *p, size_t n) { (void)p; (void)n; }
static inline int heap_poisoned(const void *p) { (void)p; return 0; }
#endif

/* marks that AddressSanitizer left on frames the idle stack never returned from */
static inline void idle_stack_clear(void) { heap_unpoison((char *)this_vcpu() + KX_PAGE, KX_VCPU_IDLE_STACK_TOP - KX_PAGE); }
#endif
