/* mremap(2). */
#include "mm.h"

struct move {
	u64 from, old_length, new_length, to, flags;
};

static bool all_in_one(const struct kx_region *r, u64 start, u64 length)
{
	return r && r->start <= start && r->end - start >= length;
}

/* A mapping like r's, of what would follow it or (at 0) of its first bytes, at a new place. */
static long map_alike(struct mm *mm, const struct kx_region *r, u64 at, u64 length, u64 distance)
{
	struct map_request q = { .addr = at, .length = length, .prot = r->prot, .flags = MAP_FIXED,
		.region_flags = r->flags & (KXR_SHARED | KXR_HEAP | KXR_NO_WRITE | KXR_DONTFORK | KXR_WIPEONFORK) };
	q.flags |= r->flags & KXR_SHARED ? MAP_SHARED : MAP_PRIVATE;
	if (r->file) {
		q.file = (struct file *)r->file;
		q.offset = region_file_offset(r) + distance;
	}
	return map_region(mm, &q);
}

static u64 choose(const struct mm *mm, const struct move *m)
{
	/* keep large pages whole */
	u64 align = m->old_length >= LARGE_PAGE && !(m->from & (LARGE_PAGE - 1)) ? LARGE_PAGE : KX_PAGE;
	u64 to = place_find(mm, m->new_length, align, mm->mmap_top);
	return to ? to : place_find(mm, m->new_length, KX_PAGE, mm->mmap_top);
}

/* Moves what is kept of [from, +old_length) to `to`, and adds what it grows by. */
static long move_region(struct mm *mm, struct move *m)
{
	u64 kept = m->old_length < m->new_length ? m->old_length : m->new_length;
	bool fixed = m->flags & (MREMAP_FIXED);
	if (!fixed && !(m->to = choose(mm, m)))
		return -ENOMEM;
	struct kx_region like = *mm_find(mm, m->from);
	if (m->new_length > kept) {
		/* first what may fail */
		long e = map_alike(mm, &like, m->to + kept, m->new_length - kept, m->from - like.start + kept);
		if (e < 0)
			return e;
	}
	struct region_trash trash;
	lock(&mm->lock);
	long e = region_room(mm, 4);
	if (!e)
		e = region_cut(mm, m->from, m->from + kept, &trash);
	if (e) {
		unlock(&mm->lock);
		return e;
	}
	struct kx_region moved = trash.small[0], left = moved; /* its reference goes with it */
	trash.count = 0;
	moved.start = m->to;
	moved.end = m->to + kept;
	if (m->flags & MREMAP_DONTUNMAP) {
		left.flags &= ~(u64)KXR_FILLED;
		region_ref(&left);
		region_insert(mm, &left);
	}
	region_insert(mm, &moved);
	unlock(&mm->lock);
	if (moved.flags & KXR_FILLED)
		hypercall(KX_HC_MEMORY, KX_MEMORY_MOVE, m->from, kept, m->to, 0);
	region_trash_free(&trash);
	if (m->old_length > kept)
		mm_unmap(mm, m->from + kept, m->old_length - kept);
	return (long)m->to;
}

static bool grow_in_place(struct mm *mm, const struct kx_region *r, const struct move *m)
{
	u64 end = m->from + m->old_length, new_end = m->from + m->new_length;
	if (r->end != end || !range_allowed(end, new_end) || !region_range_free(mm, end, new_end))
		return false;
	struct kx_region like = *r;
	return map_alike(mm, &like, end, new_end - end, end - like.start) >= 0;
}

static long remap_fixed(struct mm *mm, struct move *m)
{
	if ((m->to & (KX_PAGE - 1)) || m->to + m->new_length < m->to || !range_allowed(m->to, m->to + m->new_length))
		return -EINVAL;
	if (m->to < m->from + m->old_length && m->from < m->to + m->new_length)
		return -EINVAL;
	long e = mm_unmap(mm, m->to, m->new_length);
	return e ? e : move_region(mm, m);
}

/* old length 0: a second mapping of shared pages */
static long duplicate(struct mm *mm, const struct kx_region *r, struct move *m)
{
	if (!r || !(r->flags & KXR_SHARED))
		return r ? -EINVAL : -EFAULT;
	if (!(m->flags & MREMAP_FIXED) && !(m->to = choose(mm, m)))
		return -ENOMEM;
	struct kx_region like = *r;
	return map_alike(mm, &like, m->to, m->new_length, m->from - like.start);
}

static long check(const struct move *m)
{
	if (m->flags & ~(u64)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(m->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((m->flags & MREMAP_DONTUNMAP) && m->old_length != m->new_length)
		return -EINVAL;
	if ((m->from & (KX_PAGE - 1)) || !m->new_length || m->from + m->old_length < m->from)
		return -EINVAL;
	return m->new_length > KX_USER_MAX ? -ENOMEM : 0;
}

long sys_mremap(u64 from, u64 old_length, u64 new_length, u64 flags, u64 to)
{
	struct mm *mm = current->proc->mm;
	struct move m = { from, PAGE_UP(old_length), PAGE_UP(new_length), to, flags };
	long e = check(&m);
	if (e)
		return e;
	const struct kx_region *r = mm_find(mm, from);
	if (!m.old_length)
		return flags & MREMAP_MAYMOVE ? duplicate(mm, r, &m) : -EINVAL;
	if (!all_in_one(r, from, m.old_length))
		return -EFAULT;
	if ((flags & MREMAP_DONTUNMAP) && (r->file || (r->flags & KXR_SHARED)))
		return -EINVAL;
	if (flags & MREMAP_FIXED)
		return remap_fixed(mm, &m);
	if (flags & MREMAP_DONTUNMAP)
		return move_region(mm, &m);
	if (m.new_length <= m.old_length) {
		if (m.new_length < m.old_length)
			e = mm_unmap(mm, from + m.new_length, m.old_length - m.new_length);
		return e ? e : (long)from;
	}
	if (grow_in_place(mm, r, &m))
		return (long)from;
	return flags & MREMAP_MAYMOVE ? move_region(mm, &m) : -ENOMEM;
}
