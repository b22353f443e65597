/* madvise(2), mincore(2), msync(2), mlock(2) and membarrier(2). */
#include "mm.h"
#include <linux/membarrier.h>

#define FREE_BYTES_MIN 0x10000ul /* MADV_FREE of less is not worth a hypercall */

static bool all_mapped(const struct mm *mm, u64 start, u64 end)
{
	for (u32 i = region_after(mm, start); start < end; i++) {
		if (i == mm->count || mm->regions[i].start > start)
			return false;
		start = mm->regions[i].end;
	}
	return true;
}

static long set_flags(struct mm *mm, u64 start, u64 end, u64 set, u64 clear)
{
	lock(&mm->lock);
	long e = region_room(mm, 2);
	if (!e) {
		region_split(mm, start);
		region_split(mm, end);
		for (u32 i = region_after(mm, start); i < mm->count && mm->regions[i].start < end; i++)
			mm->regions[i].flags = (mm->regions[i].flags & ~clear) | set;
		region_merge_around(mm, start, end);
	}
	unlock(&mm->lock);
	return e;
}

static bool any_file(const struct mm *mm, u64 start, u64 end)
{
	for (u32 i = region_after(mm, start); i < mm->count && mm->regions[i].start < end; i++)
		if (mm->regions[i].file)
			return true;
	return false;
}

/* Forgets the pages there are; a region that loses all of its own has none any more. */
static void drop(struct mm *mm, u64 start, u64 end)
{
	bool filled = false;
	for (u32 i = region_after(mm, start); i < mm->count && mm->regions[i].start < end; i++) {
		struct kx_region *r = &mm->regions[i];
		filled |= (r->flags & KXR_FILLED) != 0;
		if (r->start >= start && r->end <= end)
			r->flags &= ~(u64)KXR_FILLED;
	}
	unmap_pages(mm, start, end, filled);
}

/* MADV_REMOVE: shared pages read as zero from now on, for all that map them. */
static long remove_pages(struct mm *mm, u64 start, u64 end)
{
	for (u32 i = region_after(mm, start); i < mm->count && mm->regions[i].start < end; i++) {
		const struct kx_region *r = &mm->regions[i];
		if (r->kind != KX_REGION_OBJECT || (r->flags & KXR_NO_WRITE))
			return r->kind == KX_REGION_OBJECT ? -EACCES : -EINVAL;
		for (u64 at = start > r->start ? start : r->start; at < end && at < r->end; at += KX_PAGE) {
			void *page = object_page((struct kx_object *)r->source, r->offset + (at - r->start) / KX_PAGE, false);
			if (page)
				memset(page, 0, KX_PAGE);
		}
	}
	return 0;
}

static long populate(u64 start, u64 end, bool write)
{
	for (u64 at = start; at < end; at += KX_PAGE) {
		u32 seen;
		u8 byte;
		/* comparing with itself writes what is there */
		long e = write ? user_cmpxchg32((u32 __user *)at, 0, 0, &seen) : copy_from_user(&byte, (void __user *)at, 1);
		if (e)
			return -EFAULT;
	}
	return 0;
}

static long advise(struct mm *mm, u64 start, u64 end, int advice)
{
	switch (advice) {
	case MADV_NORMAL: case MADV_RANDOM: case MADV_SEQUENTIAL: case MADV_WILLNEED: case MADV_MERGEABLE: case MADV_UNMERGEABLE:
	case MADV_HUGEPAGE: case MADV_NOHUGEPAGE: case MADV_DONTDUMP: case MADV_DODUMP: case MADV_COLD: case MADV_PAGEOUT:
		return 0;
	case MADV_DONTNEED: case MADV_DONTNEED_LOCKED:
		drop(mm, start, end);
		return 0;
	case MADV_FREE:
		if (any_file(mm, start, end))
			return -EINVAL;
		if (end - start >= FREE_BYTES_MIN)
			drop(mm, start, end);
		return 0;
	case MADV_REMOVE: return remove_pages(mm, start, end);
	case MADV_DONTFORK: return set_flags(mm, start, end, KXR_DONTFORK, 0);
	case MADV_DOFORK: return set_flags(mm, start, end, 0, KXR_DONTFORK);
	case MADV_WIPEONFORK: return any_file(mm, start, end) ? -EINVAL : set_flags(mm, start, end, KXR_WIPEONFORK, 0);
	case MADV_KEEPONFORK: return set_flags(mm, start, end, 0, KXR_WIPEONFORK);
	case MADV_POPULATE_READ: return populate(start, end, false);
	case MADV_POPULATE_WRITE: return populate(start, end, true);
	default: return -EINVAL;
	}
}

static bool known(int advice)
{
	return (advice >= 0 && advice <= MADV_WILLNEED + 1) || (advice >= MADV_FREE && advice <= MADV_POPULATE_WRITE + 1);
}

long sys_madvise(u64 start, u64 length, u64 advice)
{
	struct mm *mm = current->proc->mm;
	u64 end = start + PAGE_UP(length);
	if (!known((int)advice) || (start & (KX_PAGE - 1)) || (length && PAGE_UP(length) < length) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (end > KX_USER_MAX)
		return -ENOMEM;
	long e = advise(mm, start, end, (int)advice);
	return !e && !all_mapped(mm, start, end) ? -ENOMEM : e;
}

long sys_mincore(u64 start, u64 length, u8 __user *vector)
{
	struct mm *mm = current->proc->mm;
	u64 pages = PAGE_UP(length) / KX_PAGE;
	if (start & (KX_PAGE - 1))
		return -EINVAL;
	if (length && (start + length < start || !all_mapped(mm, start, start + pages * KX_PAGE)))
		return -ENOMEM;
	u8 resident[64];
	memset(resident, 1, sizeof resident);
	for (u64 done = 0; done < pages;) {
		u64 n = pages - done < sizeof resident ? pages - done : sizeof resident;
		/* a region without pages is known; in another the LibOS does not know which there are */
		for (u64 i = 0; i < n; i++) {
			const struct kx_region *r = mm_find(mm, start + (done + i) * KX_PAGE);
			resident[i] = (r->flags & KXR_FILLED) != 0;
		}
		if (copy_to_user(vector + done, resident, n))
			return -EFAULT;
		done += n;
	}
	return 0;
}

long sys_msync(u64 start, u64 length, u64 flags)
{
	u64 end = start + PAGE_UP(length);
	if ((flags & ~(u64)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & (KX_PAGE - 1)))
		return -EINVAL;
	if ((flags & MS_ASYNC) && (flags & MS_SYNC))
		return -EINVAL;
	if (end < start)
		return -ENOMEM;
	return all_mapped(current->proc->mm, start, end) ? 0 : -ENOMEM;
}

/* Guest memory is never paged out by the LibOS: locking has only its errors. */
static long lock_range(u64 start, u64 length)
{
	u64 from = PAGE_DOWN(start), end = PAGE_UP(start + length);
	if (end < from)
		return -EINVAL;
	return all_mapped(current->proc->mm, from, end) ? 0 : -ENOMEM;
}

long sys_mlock(u64 start, u64 length)
{
	return lock_range(start, length);
}

long sys_mlock2(u64 start, u64 length, u64 flags)
{
	return flags & ~(u64)MLOCK_ONFAULT ? -EINVAL : lock_range(start, length);
}

long sys_munlock(u64 start, u64 length)
{
	return lock_range(start, length);
}

long sys_mlockall(u64 flags)
{
	return !flags || (flags & ~(u64)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT ? -EINVAL : 0;
}

long sys_munlockall(void)
{
	return 0;
}

/* The threads of a process take turns on one vCPU: its own barriers are always done. Those across processes are not offered. */
long sys_membarrier(u64 command, u64 flags)
{
	const u32 offered = MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
		MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE;
	if (flags)
		return -EINVAL;
	if (command == MEMBARRIER_CMD_QUERY)
		return offered;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return command & ~(u64)offered || !command ? -EINVAL : 0;
}
