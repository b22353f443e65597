/* Pages that several mappings, and the files of tmpfs, share. A page of an object that is mapped somewhere is never given
 * back before the last mapping is gone: another pVM may have it in its page tables. Beyond the end it is only emptied. */
#include "mm.h"

struct retired { struct retired *next; u64 *array; u64 bytes; };
struct object {
	struct kx_object k;       /* what the monitor reads; first */
	struct lock lock;
	u32 maps;                 /* regions that name it */
	u64 capacity;             /* chunk pointers */
	u64 kept;                 /* pages up to here may exist */
	struct retired *retired;  /* earlier arrays: the monitor may be reading one, on another pVM's behalf */
};

static u64 filled; /* pages of all objects */

/* Shared memory and files take half of the family's memory at most, as a tmpfs of Linux does. */
static void *page_new(void)
{
	void *page = NULL;
	if (__atomic_add_fetch(&filled, 1, __ATOMIC_RELAXED) <= boot_info->memory_limit / 2 / KX_PAGE)
		page = pages_alloc(1);
	if (!page)
		__atomic_sub_fetch(&filled, 1, __ATOMIC_RELAXED);
	return page;
}

static void page_free(void *page)
{
	pages_free(page, 1);
	__atomic_sub_fetch(&filled, 1, __ATOMIC_RELAXED);
}

static struct object *object_of(struct kx_object *o)
{
	return container_of(o, struct object, k);
}

struct kx_object *object_create(void)
{
	struct object *o = kzalloc(sizeof *o);
	if (!o)
		return NULL;
	o->k.magic = KX_OBJECT_MAGIC;
	return &o->k;
}

static u64 *array_alloc(u64 bytes)
{
	return bytes >= KX_PAGE ? pages_alloc(PAGE_UP(bytes) / KX_PAGE) : kzalloc(bytes);
}

static void array_free(u64 *array, u64 bytes)
{
	if (bytes >= KX_PAGE)
		pages_free(array, PAGE_UP(bytes) / KX_PAGE);
	else
		kfree(array);
}

/* lock held */
static bool reserve(struct object *o, u64 pages)
{
	u64 chunks = (pages + KX_OBJECT_CHUNK - 1) / KX_OBJECT_CHUNK;
	if (chunks <= o->capacity)
		return true;
	if (pages > KX_COMMONS_MAX / KX_PAGE * 64)
		return false;
	u64 capacity = o->capacity * 2 > chunks ? o->capacity * 2 : chunks;
	struct retired *old = o->capacity ? kmalloc(sizeof *old) : NULL;
	u64 *array = array_alloc(capacity * sizeof *array);
	if (!array || (o->capacity && !old)) {
		if (array)
			array_free(array, capacity * sizeof *array);
		kfree(old);
		return false;
	}
	if (old) {
		memcpy(array, (void *)o->k.chunks, o->capacity * sizeof *array);
		*old = (struct retired){ o->retired, (u64 *)o->k.chunks, o->capacity * sizeof *array };
		o->retired = old;
	}
	__atomic_store_n(&o->k.chunks, (u64)array, __ATOMIC_RELEASE);
	o->capacity = capacity;
	return true;
}

static u32 *entry_of(const struct object *o, u64 index)
{
	if (index / KX_OBJECT_CHUNK >= o->capacity)
		return NULL;
	u32 *chunk = (u32 *)((u64 *)o->k.chunks)[index / KX_OBJECT_CHUNK];
	return chunk ? &chunk[index % KX_OBJECT_CHUNK] : NULL;
}

/* lock held */
static u32 *entry_make(struct object *o, u64 index)
{
	u32 *e = entry_of(o, index);
	if (e)
		return e;
	if (!reserve(o, index + 1))
		return NULL;
	u32 *chunk = pages_alloc(1);
	if (!chunk)
		return NULL;
	__atomic_store_n(&((u64 *)o->k.chunks)[index / KX_OBJECT_CHUNK], (u64)chunk, __ATOMIC_RELEASE);
	return &chunk[index % KX_OBJECT_CHUNK];
}

void *object_page(struct kx_object *k, u64 index, bool create)
{
	struct object *o = object_of(k);
	if (!create) {
		/* chunks and entries only ever appear while somebody may look */
		u32 *e = index < o->k.count ? entry_of(o, index) : NULL;
		u32 page = e ? __atomic_load_n(e, __ATOMIC_ACQUIRE) : 0;
		return page ? page_at(page) : NULL;
	}
	lock(&o->lock);
	u32 *e = entry_make(o, index);
	void *page = NULL;
	if (e && *e) {
		page = page_at(*e);
	} else if (e) {
		page = page_new();
		if (page)
			__atomic_store_n(e, page_index(page), __ATOMIC_RELEASE);
	}
	if (page && index >= o->kept)
		o->kept = index + 1;
	if (page && index >= o->k.count)
		__atomic_store_n(&o->k.count, index + 1, __ATOMIC_RELEASE);
	unlock(&o->lock);
	return page;
}

#define AHEAD_MOST 64

/* A fault on a hole: its page, and as many more behind it as there are before it without a hole, so that memory touched in
 * order costs few faults and memory touched here and there no more than its pages. */
void *object_fill(struct kx_object *k, u64 index, u64 end)
{
	void *page = object_page(k, index, true);
	u64 run = 0;

	end = end < k->count ? end : k->count;
	while (run < AHEAD_MOST && run < index && object_page(k, index - 1 - run, false))
		run++;
	for (u64 i = index + 1; page && i < end && i <= index + run && !object_page(k, i, false); i++)
		if (!object_page(k, i, true))
			break;
	return page;
}

/* lock held: pages [from, kept) go, or are emptied where a mapping may still show them */
static void shrink(struct object *o, u64 from, bool emptied)
{
	for (u64 i = from; i < o->kept; i++) {
		u32 *e = entry_of(o, i);
		if (!e) {
			i |= KX_OBJECT_CHUNK - 1; /* the rest of a chunk that is not there */
			continue;
		}
		if (!*e)
			continue;
		if (emptied) {
			memset(page_at(*e), 0, KX_PAGE);
			continue;
		}
		void *page = page_at(*e);
		__atomic_store_n(e, 0, __ATOMIC_RELEASE);
		page_free(page);
	}
	if (!emptied && from < o->kept)
		o->kept = from;
}

void object_resize(struct kx_object *k, u64 pages)
{
	struct object *o = object_of(k);
	u64 before = o->k.count;
	lock(&o->lock);
	if (pages > o->k.count) {
		if (reserve(o, pages))
			__atomic_store_n(&o->k.count, pages, __ATOMIC_RELEASE);
	} else if (pages < o->k.count) {
		__atomic_store_n(&o->k.count, pages, __ATOMIC_RELEASE);
		shrink(o, pages, o->maps);
	}
	unlock(&o->lock);
	struct mm *mm = current && current->proc ? current->proc->mm : NULL;
	if (pages >= before || !mm || !o->maps)
		return;
	/* the process that cut it is to get SIGBUS there; others keep an empty page */
	for (u32 i = 0; i < mm->count; i++) {
		const struct kx_region *r = &mm->regions[i];
		if (!region_is_object(r) || r->source != (u64)k || r->offset + region_bytes(r) / KX_PAGE <= pages)
			continue;
		u64 start = pages > r->offset ? r->start + (pages - r->offset) * KX_PAGE : r->start;
		unmap_pages(mm, start, r->end, true);
	}
}

void object_map(struct kx_object *k)
{
	struct object *o = object_of(k);
	lock(&o->lock);
	o->maps++;
	unlock(&o->lock);
}

void object_unmap(struct kx_object *k)
{
	struct object *o = object_of(k);
	lock(&o->lock);
	if (!--o->maps)
		shrink(o, o->k.count, false);
	unlock(&o->lock);
}

void object_destroy(struct kx_object *k)
{
	struct object *o = object_of(k);
	shrink(o, 0, false);
	for (u64 i = 0; i < o->capacity; i++)
		if (((u64 *)o->k.chunks)[i])
			pages_free((void *)((u64 *)o->k.chunks)[i], 1);
	if (o->capacity)
		array_free((u64 *)o->k.chunks, o->capacity * sizeof(u64));
	while (o->retired) {
		struct retired *r = o->retired;
		o->retired = r->next;
		array_free(r->array, r->bytes);
		kfree(r);
	}
	o->k.magic = 0;
	kfree(o);
}
