/* The table of a process's mappings: sorted, not overlapping, neighbours of one kind merged. */
#include "mm.h"

#define REGIONS_FIRST 64 /* one page of them */

bool mm_live(const struct mm *mm)
{
	return this_vcpu()->regions == (u64)mm->regions;
}

void region_publish(struct mm *mm)
{
	if (mm_live(mm))
		__atomic_store_n(&this_vcpu()->region_count, mm->count, __ATOMIC_RELEASE);
}

static size_t table_pages(u32 capacity)
{
	return PAGE_UP(capacity * sizeof(struct kx_region)) / KX_PAGE;
}

struct mm *mm_create(void)
{
	struct mm *mm = kzalloc(sizeof *mm);
	if (!mm)
		return NULL;
	mm->regions = pages_alloc(table_pages(REGIONS_FIRST));
	if (!mm->regions) {
		kfree(mm);
		return NULL;
	}
	mm->refs = 1;
	mm->capacity = REGIONS_FIRST;
	mm->mmap_top = KX_USER_MMAP_TOP;
	mm->stack_top = KX_USER_STACK_TOP;
	return mm;
}

struct mm *mm_fork(struct mm *from)
{
	struct mm *mm = kmalloc(sizeof *mm);
	if (!mm)
		return NULL;
	*mm = *from;
	mm->refs = 1;
	mm->lock = (struct lock){ 0 };
	mm->capacity = (u32)(table_pages(from->count + 8) * KX_PAGE / sizeof(struct kx_region));
	mm->regions = pages_alloc(table_pages(mm->capacity));
	if (!mm->regions) {
		kfree(mm);
		return NULL;
	}
	mm->count = 0;
	for (u32 i = 0; i < from->count; i++) {
		const struct kx_region *r = &from->regions[i];
		if (r->flags & KXR_DONTFORK) {
			mm->bytes_mapped -= region_bytes(r);
			continue;
		}
		region_ref(r);
		mm->regions[mm->count++] = *r;
	}
	return mm;
}

void mm_put(struct mm *mm)
{
	if (!mm || ref_put(&mm->refs))
		return;
	for (u32 i = 0; i < mm->count; i++)
		region_unref(&mm->regions[i]);
	if (mm_live(mm))
		mm_use(NULL);
	pages_free(mm->regions, table_pages(mm->capacity));
	kfree(mm);
}

void mm_use(struct mm *mm)
{
	struct kx_vcpu *v = this_vcpu();
	v->region_count = 0;
	__atomic_store_n(&v->regions, mm ? (u64)mm->regions : 0, __ATOMIC_RELEASE);
	__atomic_store_n(&v->region_count, mm ? mm->count : 0, __ATOMIC_RELEASE);
}

void region_ref(const struct kx_region *r)
{
	if (r->file)
		file_ref((struct file *)r->file);
	if (region_is_object(r))
		object_map((struct kx_object *)r->source);
}

void region_unref(const struct kx_region *r)
{
	if (region_is_object(r))
		object_unmap((struct kx_object *)r->source);
	if (r->file)
		file_put((struct file *)r->file);
}

u32 region_after(const struct mm *mm, u64 addr)
{
	u32 low = 0, high = mm->count;
	while (low < high) {
		u32 middle = low + (high - low) / 2;
		if (mm->regions[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct kx_region *mm_find(struct mm *mm, u64 addr)
{
	u32 i = region_after(mm, addr);
	return i < mm->count && mm->regions[i].start <= addr ? &mm->regions[i] : NULL;
}

bool region_range_free(const struct mm *mm, u64 start, u64 end)
{
	u32 i = region_after(mm, start);
	return i == mm->count || mm->regions[i].start >= end;
}

long region_room(struct mm *mm, u32 more)
{
	u32 need = mm->count + more;
	if (need > MAP_COUNT_MAX + 8)
		return -ENOMEM;
	if (need <= mm->capacity)
		return 0;
	u32 capacity = mm->capacity * 2 > need ? mm->capacity * 2 : need;
	struct kx_region *table = pages_alloc(table_pages(capacity));
	if (!table)
		return -ENOMEM;
	memcpy(table, mm->regions, mm->count * sizeof *table);
	struct kx_region *old = mm->regions;
	u32 old_capacity = mm->capacity;
	if (mm_live(mm))
		__atomic_store_n(&this_vcpu()->regions, (u64)table, __ATOMIC_RELEASE);
	mm->regions = table;
	mm->capacity = capacity;
	pages_free(old, table_pages(old_capacity));
	return 0;
}

static void table_open(struct mm *mm, u32 at)
{
	BUG_ON(mm->count >= mm->capacity);
	memmove(&mm->regions[at + 1], &mm->regions[at], (mm->count - at) * sizeof *mm->regions);
	mm->count++;
}

static void table_close(struct mm *mm, u32 at, u32 n)
{
	memmove(&mm->regions[at], &mm->regions[at + n], (mm->count - at - n) * sizeof *mm->regions);
	mm->count -= n;
}

/* Makes r begin later, at the same contents. */
static void region_advance(struct kx_region *r, u64 to)
{
	u64 by = to - r->start;
	if (r->kind == KX_REGION_IMAGE) {
		r->source += by;
		r->offset = r->offset > by ? r->offset - by : 0;
	} else if (region_is_object(r)) {
		r->offset += by / KX_PAGE;
	}
	if (r->file)
		r->flags += by;
	r->start = to;
}

void region_split(struct mm *mm, u64 at)
{
	u32 i = region_after(mm, at);
	if (i == mm->count || mm->regions[i].start >= at)
		return;
	table_open(mm, i);
	struct kx_region *left = &mm->regions[i], *right = left + 1;
	region_ref(right);
	left->end = at;
	region_advance(right, at);
	if (left->kind == KX_REGION_IMAGE && left->offset > region_bytes(left))
		left->offset = region_bytes(left);
	region_publish(mm);
}

static bool mergeable(const struct kx_region *a, const struct kx_region *b)
{
	u64 bytes = region_bytes(a);
	if (a->end != b->start || a->prot != b->prot || a->kind != b->kind || a->file != b->file || (a->flags & KXR_TRAMPOLINE))
		return false;
	u64 follows = (a->flags & ~(u64)KXR_FILLED) + (a->file ? bytes : 0);
	if (follows != (b->flags & ~(u64)KXR_FILLED))
		return false;
	if (a->kind == KX_REGION_IMAGE)
		return a->source + bytes == b->source && (a->offset == bytes || !b->offset);
	if (region_is_object(a))
		return a->source == b->source && a->offset + bytes / KX_PAGE == b->offset;
	return true;
}

static bool merge_at(struct mm *mm, u32 i)
{
	if (i + 1 >= mm->count || !mergeable(&mm->regions[i], &mm->regions[i + 1]))
		return false;
	struct kx_region *a = &mm->regions[i], *b = a + 1;
	if (a->kind == KX_REGION_IMAGE)
		a->offset += b->offset;
	a->end = b->end;
	a->flags |= b->flags & KXR_FILLED;
	region_unref(b); /* never the last reference: a has one */
	table_close(mm, i + 1, 1);
	return true;
}

void region_merge_around(struct mm *mm, u64 start, u64 end)
{
	u32 i = region_after(mm, start);
	if (i)
		i--;
	while (i < mm->count && mm->regions[i].start <= end)
		if (!merge_at(mm, i))
			i++;
	region_publish(mm);
}

void region_insert(struct mm *mm, const struct kx_region *r)
{
	u32 i = region_after(mm, r->start);
	BUG_ON(i < mm->count && mm->regions[i].start < r->end);
	table_open(mm, i);
	mm->regions[i] = *r;
	mm->bytes_mapped += region_bytes(r);
	merge_at(mm, i);
	if (i)
		merge_at(mm, i - 1);
	region_publish(mm);
}

long region_cut(struct mm *mm, u64 start, u64 end, struct region_trash *trash)
{
	trash->list = trash->small;
	trash->count = 0;
	trash->filled = false;
	u32 first = region_after(mm, start), last = first;
	while (last < mm->count && mm->regions[last].start < end)
		last++;
	if (first == last)
		return 0;
	if (last - first > ARRAY_SIZE(trash->small)) {
		trash->list = kmalloc((last - first) * sizeof *trash->list);
		if (!trash->list)
			return -ENOMEM;
	}
	if (region_room(mm, 2)) {
		region_trash_free(trash);
		return -ENOMEM;
	}
	region_split(mm, start);
	region_split(mm, end);
	first = region_after(mm, start);
	u32 n = 0;
	for (; first + n < mm->count && mm->regions[first + n].start < end; n++) {
		const struct kx_region *r = &mm->regions[first + n];
		mm->bytes_mapped -= region_bytes(r);
		trash->filled |= (r->flags & KXR_FILLED) != 0;
		trash->list[n] = *r;
	}
	trash->count = n;
	table_close(mm, first, n);
	region_publish(mm);
	return 0;
}

void region_trash_free(struct region_trash *trash)
{
	for (u32 i = 0; i < trash->count; i++)
		region_unref(&trash->list[i]);
	if (trash->list != trash->small)
		kfree(trash->list);
	trash->list = trash->small;
	trash->count = 0;
}
