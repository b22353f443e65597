/* /proc/PID/maps and smaps. Which pages are really there only the monitor knows, so what could be resident counts as such:
 * all of a mapping that has pages. */
#include "procfs.h"
#include "../mm/mm.h"

struct totals { u64 size, resident, shared, text, data, private_dirty; };

static u64 resident_bytes(const struct kx_region *r)
{
	if (!r->prot || r->kind == KX_REGION_NONE || !(r->flags & KXR_FILLED))
		return 0;
	if (r->kind == KX_REGION_IMAGE)
		return PAGE_UP(r->offset) < region_bytes(r) ? PAGE_UP(r->offset) : region_bytes(r);
	return region_bytes(r);
}

static bool is_private_dirty(const struct kx_region *r)
{
	return (r->prot & KX_PROT_WRITE) && !(r->flags & KXR_SHARED);
}

static void add(struct totals *t, const struct kx_region *r)
{
	u64 resident = resident_bytes(r);

	t->size += region_bytes(r);
	t->resident += resident;
	if (r->flags & KXR_SHARED)
		t->shared += resident;
	if (r->prot & KX_PROT_EXEC)
		t->text += region_bytes(r);
	if (is_private_dirty(r)) {
		t->data += region_bytes(r);
		t->private_dirty += resident;
	}
}

void proc_memory_pages(struct mm *mm, u64 *size, u64 *resident, u64 *shared, u64 *text, u64 *data)
{
	struct totals t = { 0 };

	if (mm) {
		lock(&mm->lock);
		for (u32 k = 0; k < mm->count; k++)
			add(&t, &mm->regions[k]);
		unlock(&mm->lock);
	}
	*size = t.size / KX_PAGE;
	*resident = t.resident / KX_PAGE;
	*shared = t.shared / KX_PAGE;
	*text = t.text / KX_PAGE;
	*data = t.data / KX_PAGE;
}

static void region_name(struct text *t, const struct kx_region *r)
{
	struct file *f = (struct file *)r->file;
	long n;

	if (r->flags & KXR_TRAMPOLINE) {
		text_printf(t, "[kylinx]");
	} else if (r->flags & KXR_HEAP) {
		text_printf(t, "[heap]");
	} else if (r->flags & KXR_STACK) {
		text_printf(t, "[stack]");
	} else if (f && !f->path) {
		text_printf(t, "/dev/zero (deleted)");
	} else if (f && text_room(t, PATH_MAX)) {
		n = file_path(f, t->s + t->n, PATH_MAX);
		if (n > 0)
			t->n += (size_t)n;
	}
}

static void region_line(struct text *t, const struct kx_region *r)
{
	const struct file *f = (const struct file *)r->file;
	const struct inode *i = f ? f->inode : NULL;
	u32 dev = i ? i->sb->dev : 0;
	size_t from = t->n;

	text_printf(t, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", r->start, r->end, r->prot & KX_PROT_READ ? 'r' : '-',
		    r->prot & KX_PROT_WRITE ? 'w' : '-', r->prot & KX_PROT_EXEC ? 'x' : '-', r->flags & KXR_SHARED ? 's' : 'p',
		    i ? region_file_offset(r) : 0, dev >> 8, dev & 0xff, i ? i->ino : 0);
	if (f || (r->flags & (KXR_HEAP | KXR_STACK | KXR_TRAMPOLINE))) {
		while (t->n - from < 73)
			text_add(t, " ", 1);
		region_name(t, r);
	}
	text_add(t, "\n", 1);
}

static void smaps_numbers(struct text *t, u64 resident, u64 shared, u64 dirty)
{
	u64 clean = resident - shared - dirty;

	text_printf(t, "Rss:            %8lu kB\nPss:            %8lu kB\nPss_Dirty:      %8lu kB\nShared_Clean:   %8lu kB\nShared_Dirty:   %8lu kB\n",
		    resident / 1024, resident / 1024, dirty / 1024, 0ul, shared / 1024);
	text_printf(t, "Private_Clean:  %8lu kB\nPrivate_Dirty:  %8lu kB\nReferenced:     %8lu kB\nAnonymous:      %8lu kB\n", clean / 1024,
		    dirty / 1024, resident / 1024, dirty / 1024);
	text_printf(t, "LazyFree:              0 kB\nAnonHugePages:         0 kB\nShmemPmdMapped:        0 kB\nFilePmdMapped:         0 kB\n");
	text_printf(t, "Shared_Hugetlb:        0 kB\nPrivate_Hugetlb:       0 kB\nSwap:                  0 kB\nSwapPss:               0 kB\n");
	text_printf(t, "Locked:                0 kB\n");
}

static void smaps_entry(struct text *t, const struct kx_region *r)
{
	u64 resident = resident_bytes(r);

	region_line(t, r);
	text_printf(t, "Size:           %8lu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n", region_bytes(r) / 1024);
	smaps_numbers(t, resident, r->flags & KXR_SHARED ? resident : 0, is_private_dirty(r) ? resident : 0);
	text_printf(t, "THPeligible:    0\nVmFlags:%s%s%s%s mr mw me \n", r->prot & KX_PROT_READ ? " rd" : "",
		    r->prot & KX_PROT_WRITE ? " wr" : "", r->prot & KX_PROT_EXEC ? " ex" : "", r->flags & KXR_SHARED ? " sh" : "");
}

/* Each mapping of the process through each; family.tree and the table's lock are held meanwhile. */
static long walk(struct text *t, struct inode *i, void (*each)(struct text *, const struct kx_region *))
{
	struct proc *p;
	long r = -ESRCH;

	lock(&family.tree);
	p = proc_of_inode(i);
	if (p) {
		r = text_room(t, 1) ? 0 : -ENOMEM;
		if (p->mm) {
			lock(&p->mm->lock);
			for (u32 k = 0; k < p->mm->count; k++)
				each(t, &p->mm->regions[k]);
			unlock(&p->mm->lock);
		}
	}
	unlock(&family.tree);
	return r;
}

long proc_show_maps(struct text *t, struct inode *i)
{
	return walk(t, i, region_line);
}

long proc_show_smaps(struct text *t, struct inode *i)
{
	return walk(t, i, smaps_entry);
}

long proc_show_smaps_rollup(struct text *t, struct inode *i)
{
	struct totals sum = { 0 };
	struct proc *p;
	u64 low = 0, high = 0;

	lock(&family.tree);
	p = proc_of_inode(i);
	if (p && p->mm) {
		lock(&p->mm->lock);
		for (u32 k = 0; k < p->mm->count; k++)
			add(&sum, &p->mm->regions[k]);
		if (p->mm->count) {
			low = p->mm->regions[0].start;
			high = p->mm->regions[p->mm->count - 1].end;
		}
		unlock(&p->mm->lock);
	}
	unlock(&family.tree);
	if (!p)
		return -ESRCH;
	text_printf(t, "%08lx-%08lx ---p 00000000 00:00 0                                  [rollup]\n", low, high);
	smaps_numbers(t, sum.resident, sum.shared, sum.private_dirty);
	return 0;
}
