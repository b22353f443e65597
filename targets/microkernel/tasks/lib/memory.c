/* Memory: pages by the kernel, and blocks: powers of two up to half a page from pages cut up, more as whole pages. One user at a
 * time: a program whose tasks share it locks around it. */
#include "mk.h"

#define FIRST 0x10000000u
#define LAST 0x38000000u
#define SMALLEST 16u
#define CLASSES 8                 /* 16 .. 2048 bytes */
#define RUN_CLASSES 24

/* Every block is preceded by its size, so that it can be given back; 8 bytes keep it aligned. */
struct head { unsigned bytes, pages; };
union free { union free *next; struct head head; };

static unsigned next_va = FIRST;
static union free *small[CLASSES], *runs[RUN_CLASSES]; /* runs: of 2^n pages, given back */

void *mk_region(unsigned pages)
{
	unsigned va = next_va + MK_PAGE;

	if (pages > (LAST - va) / MK_PAGE)
		return NULL;
	next_va = va + pages * MK_PAGE;
	return (void *)va;
}

void *mk_pages(unsigned pages)
{
	unsigned before = next_va;
	void *p = mk_region(pages);

	if (!p || mk_map(MK_SELF, (unsigned)p, pages, MK_READ | MK_WRITE)) {
		next_va = before;
		return NULL;
	}
	return p;
}

void mk_pages_free(void *p, unsigned pages)
{
	mk_unmap(MK_SELF, (unsigned)p, pages);
}

static unsigned log2_up(unsigned n)
{
	return n <= 1 ? 0 : 32 - (unsigned)__builtin_clz(n - 1);
}

static void *large(size_t bytes)
{
	unsigned order = log2_up((unsigned)((bytes + sizeof(struct head) + MK_PAGE - 1) / MK_PAGE));
	struct head *h;

	if (order >= RUN_CLASSES)
		return NULL;
	h = (struct head *)runs[order];
	if (h)
		runs[order] = runs[order]->next;
	else
		h = mk_pages(1u << order);
	if (!h)
		return NULL;
	h->pages = 1u << order;
	h->bytes = (MK_PAGE << order) - (unsigned)sizeof *h;
	return h + 1;
}

static bool refill(unsigned class)
{
	unsigned step = SMALLEST << class;
	char *page = mk_pages(1);

	for (unsigned at = 0; page && at + step <= MK_PAGE; at += step) {
		union free *f = (union free *)(page + at);

		f->next = small[class];
		small[class] = f;
	}
	return page;
}

void *mk_alloc(size_t bytes)
{
	unsigned whole = (unsigned)bytes + (unsigned)sizeof(struct head), class;
	union free *f;

	if (bytes > LAST - FIRST)
		return NULL;
	if (whole > SMALLEST << (CLASSES - 1))
		return large(bytes);
	class = whole <= SMALLEST ? 0 : log2_up(whole) - 4;
	if (!small[class] && !refill(class))
		return NULL;
	f = small[class];
	small[class] = f->next;
	f->head = (struct head){ (SMALLEST << class) - (unsigned)sizeof(struct head), 0 };
	return &f->head + 1;
}

void mk_free(void *p)
{
	union free *f = (union free *)((struct head *)p - 1), **list;

	if (!p)
		return;
	list = f->head.pages ? &runs[log2_up(f->head.pages)] : &small[log2_up(f->head.bytes + (unsigned)sizeof(struct head)) - 4];
	f->next = *list;
	*list = f;
}

void *mk_resize(void *p, size_t bytes)
{
	unsigned before = p ? ((struct head *)p - 1)->bytes : 0;
	void *q;

	if (p && bytes <= before)
		return p;
	q = mk_alloc(bytes);
	if (q && p) {
		memcpy(q, p, before);
		mk_free(p);
	}
	return q;
}
