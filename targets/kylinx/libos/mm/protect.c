/* mprotect(2): only taking rights away concerns the monitor; it learns of new ones at the next fault. */
#include "mm.h"

#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)

/* -ENOMEM: a hole; -EACCES: a mapping that may not have these rights */
static long check_range(const struct mm *mm, u64 start, u64 end, u32 prot)
{
	u64 at = start;
	for (u32 i = region_after(mm, start); at < end; i++) {
		if (i == mm->count || mm->regions[i].start > at)
			return -ENOMEM;
		if ((prot & KX_PROT_WRITE) && (mm->regions[i].flags & KXR_NO_WRITE))
			return -EACCES;
		if ((prot & KX_PROT_EXEC) && mm->regions[i].kind == KX_REGION_OBJECT)
			return -EACCES; /* it may be writable elsewhere */
		at = mm->regions[i].end;
	}
	return 0;
}

/* True when pages that may be present must be entered anew. Adding execution counts: a shadow-paging host does not look
 * at a present entry again for it. */
static bool change(struct kx_region *r, u32 prot)
{
	bool anew = (r->flags & KXR_FILLED) && ((r->prot & ~prot) || (prot & ~r->prot & KX_PROT_EXEC && r->prot));
	r->prot = prot;
	return anew;
}

static long protect(struct mm *mm, u64 start, u64 end, u32 prot)
{
	bool anew = false;
	lock(&mm->lock);
	long e = check_range(mm, start, end, prot);
	if (!e)
		e = region_room(mm, 2);
	if (!e) {
		region_split(mm, start);
		region_split(mm, end);
		for (u32 i = region_after(mm, start); i < mm->count && mm->regions[i].start < end; i++)
			anew |= change(&mm->regions[i], prot);
		region_merge_around(mm, start, end);
	}
	unlock(&mm->lock);
	if (anew && mm_live(mm))
		hypercall(KX_HC_MEMORY, KX_MEMORY_PROTECT, start, end - start, 0, 0);
	return e;
}

long sys_mprotect(u64 start, u64 length, u64 prot)
{
	u64 end = start + PAGE_UP(length);
	if ((start & (KX_PAGE - 1)) || (prot & ~(u64)(PROT_KNOWN | PROT_GROWSDOWN | PROT_GROWSUP)))
		return -EINVAL;
	if ((prot & PROT_GROWSDOWN) && (prot & PROT_GROWSUP))
		return -EINVAL;
	if (!length)
		return 0;
	if (end <= start)
		return -ENOMEM;
	struct mm *mm = current->proc->mm;
	u32 p = prot & 7 ? (u32)(prot & 7) | KX_PROT_READ : 0;
	if ((p & KX_PROT_WRITE) && (p & KX_PROT_EXEC))
		return -EACCES;
	if (prot & PROT_GROWSDOWN) {
		const struct kx_region *r = mm_find(mm, start);
		if (!r || !(r->flags & KXR_STACK))
			return -EINVAL;
		start = r->start;
	}
	return protect(mm, start, end, p);
}

long sys_pkey_mprotect(u64 start, u64 length, u64 prot, u64 key)
{
	return (int)key == -1 ? sys_mprotect(start, length, prot) : -EINVAL;
}

long sys_pkey_alloc(void)
{
	return -ENOSPC;
}

long sys_pkey_free(void)
{
	return -EINVAL;
}
