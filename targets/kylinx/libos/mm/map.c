/* Making and removing mappings: mmap(2), munmap(2), brk(2). A new mapping is only a line in the table; the monitor fills in
 * pages at faults. */
#include "mm.h"

#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)
#define LOW_4G_END 0x80000000ul /* MAP_32BIT: below 2 GiB */
#define APART_BYTES 0x40000ul   /* anonymous memory that a fork shares rather than copies: in page tables of its own */

static void shared_anonymous_release(struct file *f)
{
	object_destroy(f->data);
}

static long shared_anonymous_mmap(struct file *f, struct kx_region *r, u32 flags)
{
	(void)flags;
	r->kind = KX_REGION_OBJECT;
	r->source = (u64)f->data;
	r->offset = region_file_offset(r) / KX_PAGE;
	return 0;
}

static const struct file_ops shared_anonymous_ops = { .mmap = shared_anonymous_mmap, .release = shared_anonymous_release };

/* Memory that forked processes go on sharing: a nameless object, its file only for the count of references. */
static struct file *shared_anonymous(u64 length)
{
	struct kx_object *o = object_create();
	if (!o)
		return NULL;
	object_resize(o, length / KX_PAGE);
	struct file *f = o->count == length / KX_PAGE ? file_create(&shared_anonymous_ops, o, O_RDWR) : NULL;
	if (!f)
		object_destroy(o);
	return f;
}

void unmap_pages(struct mm *mm, u64 start, u64 end, bool filled)
{
	if (filled && mm_live(mm))
		hypercall(KX_HC_MEMORY, KX_MEMORY_DROP, start, end - start, 0, 0);
}

/* Linux' heuristic: what could never be filled is refused at once. */
static long charge(const struct mm *mm, const struct map_request *q)
{
	bool private_write = (q->prot & KX_PROT_WRITE) && !(q->region_flags & KXR_SHARED);
	bool shared_anon = !q->file && (q->region_flags & KXR_SHARED);
	if ((private_write || shared_anon) && !(q->flags & MAP_NORESERVE) && q->length > boot_info->memory_limit)
		return -ENOMEM;
	u64 limit = limit_of(current->proc, RLIMIT_AS);
	if (mm->bytes_mapped + q->length > limit)
		return -ENOMEM;
	return 0;
}

static u64 choose_address(const struct mm *mm, const struct map_request *q, u64 length)
{
	u64 hint = PAGE_DOWN(q->addr);
	if (hint && range_allowed(hint, hint + length) && region_range_free(mm, hint, hint + length))
		return hint;
	u64 below = q->flags & MAP_32BIT ? LOW_4G_END : !q->file && q->length >= APART_BYTES ? KX_USER_LARGE_TOP : mm->mmap_top;
	if (!q->file && q->length >= LARGE_PAGE) { /* on large pages */
		u64 start = place_find(mm, length, LARGE_PAGE, below);
		if (start)
			return start;
	}
	return place_find(mm, length, KX_PAGE, below);
}

static long describe(struct kx_region *r, const struct map_request *q, struct file *file, u64 start)
{
	*r = (struct kx_region){ .start = start, .end = start + q->length, .prot = q->prot, .kind = KX_REGION_ANON };
	r->flags = q->region_flags;
	if (!file)
		return 0;
	r->file = (u64)file;
	r->flags |= q->offset;
	if (!file->ops->mmap)
		return -ENODEV;
	long e = file->ops->mmap(file, r, q->flags);
	if (e)
		return e;
	if (r->kind == KX_REGION_IMAGE && r->offset > q->length)
		r->offset = q->length;
	return 0;
}

static long place_region(struct mm *mm, const struct map_request *q, struct file *file)
{
	bool fixed = q->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	u64 extra = file && !fixed ? text_extra(file, q) : 0;
	u64 start = fixed ? q->addr : choose_address(mm, q, q->length + extra);
	if (!start)
		return -ENOMEM;
	u64 end = start + q->length;
	struct kx_region r;
	long e = describe(&r, q, file, start);
	if (!e && r.kind == KX_REGION_OBJECT && (r.prot & KX_PROT_EXEC))
		e = -EACCES; /* the same pages may be writable elsewhere */
	if (e)
		return e;
	struct region_trash trash;
	lock(&mm->lock);
	e = region_room(mm, 3 + TEXT_ROOM);
	if (!e)
		e = region_cut(mm, start, end, &trash);
	if (e) {
		unlock(&mm->lock);
		return e;
	}
	region_ref(&r);
	region_insert(mm, &r);
	if (file && (q->prot & KX_PROT_EXEC) && !(q->region_flags & KXR_SHARED))
		text_mapped(mm, file, start, end);
	unlock(&mm->lock);
	if (trash.count) {
		unmap_pages(mm, start, end, trash.filled);
		region_trash_free(&trash);
	}
	return (long)start;
}

long map_region(struct mm *mm, const struct map_request *q)
{
	long e = charge(mm, q);
	if (e)
		return e;
	if (q->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (q->addr & (KX_PAGE - 1))
			return -EINVAL;
		if (q->addr < KX_USER_MIN)
			return -EPERM;
		if (!range_allowed(q->addr, q->addr + q->length))
			return -ENOMEM;
		if ((q->flags & MAP_FIXED_NOREPLACE) && !region_range_free(mm, q->addr, q->addr + q->length))
			return -EEXIST;
	}
	struct file *file = q->file, *anonymous = NULL;
	if (!file && (q->region_flags & KXR_SHARED)) {
		file = anonymous = shared_anonymous(q->length);
		if (!file)
			return -ENOMEM;
	}
	long r = place_region(mm, q, file);
	if (anonymous)
		file_put(anonymous); /* the region holds its own reference */
	return r;
}

static long check_file(const struct file *f, u32 prot, bool shared)
{
	u32 mode = f->flags & O_ACCMODE;
	if (f->flags & O_PATH)
		return -EBADF;
	if (mode == O_WRONLY)
		return -EACCES;
	if (shared && (prot & KX_PROT_WRITE) && mode != O_RDWR)
		return -EACCES;
	return 0;
}

long mm_map(struct mm *mm, u64 addr, u64 length, u32 prot, u32 flags, struct file *file, u64 offset)
{
	u32 type = flags & MAP_TYPE;
	if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (!length || (offset & (KX_PAGE - 1)))
		return -EINVAL;
	if (!file && type == MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (length > KX_USER_MAX)
		return -ENOMEM;
	if (offset + length < offset)
		return -EOVERFLOW;
	if (type == MAP_SHARED_VALIDATE && (flags & (MAP_SYNC | 0xfe000000u)))
		return -EOPNOTSUPP;
	struct map_request q = { .addr = addr, .length = PAGE_UP(length), .flags = flags, .file = file };
	/* memory that can be written or executed can be read, as on Linux' x86 */
	q.prot = prot & 7 ? (prot & 7) | KX_PROT_READ : 0;
	if ((q.prot & (KX_PROT_WRITE | KX_PROT_EXEC)) == (KX_PROT_WRITE | KX_PROT_EXEC))
		return -EACCES; /* memory is writable or executable, never both */
	if (type != MAP_PRIVATE)
		q.region_flags = KXR_SHARED;
	if (flags & MAP_HUGETLB)
		return -ENOMEM; /* the pool of reserved huge pages is empty */
	if (file) {
		long e = check_file(file, q.prot, q.region_flags & KXR_SHARED);
		if (e)
			return e;
		if ((q.region_flags & KXR_SHARED) && (file->flags & O_ACCMODE) != O_RDWR)
			q.region_flags |= KXR_NO_WRITE;
		q.offset = offset;
	}
	return map_region(mm, &q);
}

long mm_unmap(struct mm *mm, u64 start, u64 length)
{
	u64 end = start + PAGE_UP(length);
	if ((start & (KX_PAGE - 1)) || !length || end <= start || end > KX_USER_MAX)
		return -EINVAL;
	struct region_trash trash;
	lock(&mm->lock);
	end = text_trampolines_behind(mm, start, end);
	long e = region_cut(mm, start, end, &trash);
	unlock(&mm->lock);
	if (e)
		return e;
	unmap_pages(mm, start, end, trash.filled);
	region_trash_free(&trash);
	return 0;
}

long sys_mmap(u64 addr, u64 length, u64 prot, u64 flags, u64 fd, u64 offset)
{
	if (flags & MAP_ANONYMOUS)
		return mm_map(current->proc->mm, addr, length, (u32)prot, (u32)flags, NULL, 0);
	struct file *f = file_get((int)fd);
	if (!f)
		return -EBADF;
	long r = mm_map(current->proc->mm, addr, length, (u32)prot, (u32)flags, f, offset);
	file_put(f);
	return r;
}

long sys_munmap(u64 start, u64 length)
{
	return mm_unmap(current->proc->mm, start, length);
}

static bool grow_heap(struct mm *mm, u64 from, u64 to)
{
	u64 data = limit_of(current->proc, RLIMIT_DATA);
	if (to - mm->brk_start > data || !range_allowed(from, to) || !region_range_free(mm, from, to))
		return false;
	struct map_request q = { .addr = from, .length = to - from, .prot = KX_PROT_READ | KX_PROT_WRITE,
		.flags = MAP_FIXED | MAP_PRIVATE, .region_flags = KXR_HEAP };
	return map_region(mm, &q) >= 0;
}

long sys_brk(u64 to)
{
	struct mm *mm = current->proc->mm;
	if (to < mm->brk_start || to > KX_USER_MAX)
		return (long)mm->brk;
	u64 old_end = PAGE_UP(mm->brk), new_end = PAGE_UP(to);
	if (new_end > old_end && !grow_heap(mm, old_end, new_end))
		return (long)mm->brk;
	if (new_end < old_end && mm_unmap(mm, new_end, old_end - new_end))
		return (long)mm->brk;
	mm->brk = to;
	return (long)to;
}
