/* Executable pages of the image: what is mapped is the patched copy, whose system calls jump to trampolines behind the ELF's
 * span. The room for them is taken when a loader maps the whole span at first, as ld.so does; where there is none the
 * original text is mapped and its calls go through LSTAR. */
#include "mm.h"

static bool usable(const struct kx_image_exec *x)
{
	return x && x->text_bytes && x->trampoline_bytes && !((x->text | x->text_vaddr | x->patched | x->trampoline) & (KX_PAGE - 1));
}

u64 text_extra(struct file *file, const struct map_request *q)
{
	if (q->region_flags & KXR_SHARED)
		return 0;
	const struct kx_image_exec *x = file_exec_info(file);
	if (!usable(x) || q->offset || q->length < PAGE_UP(x->text_vaddr + x->text_bytes) || q->length > x->trampoline_vaddr)
		return 0;
	return x->trampoline_vaddr - q->length + PAGE_UP(x->trampoline_bytes);
}

static bool trampolines_at(struct mm *mm, struct file *file, const struct kx_image_exec *x, u64 start)
{
	u64 bytes = PAGE_UP(x->trampoline_bytes);
	const struct kx_region *there = mm_find(mm, start);
	if (there)
		return (there->flags & KXR_TRAMPOLINE) && there->source == x->trampoline && there->start == start && there->end == start + bytes;
	if (!range_allowed(start, start + bytes) || !region_range_free(mm, start, start + bytes))
		return false;
	struct kx_region r = { .start = start, .end = start + bytes, .prot = KX_PROT_READ | KX_PROT_EXEC, .kind = KX_REGION_IMAGE,
		.source = x->trampoline, .offset = bytes, .file = (u64)file, .flags = KXR_TRAMPOLINE };
	region_ref(&r);
	region_insert(mm, &r);
	return true;
}

void text_mapped(struct mm *mm, struct file *file, u64 start, u64 end)
{
	const struct kx_image_exec *x = file_exec_info(file);
	const struct kx_region *whole = mm_find(mm, start);
	if (!usable(x) || !whole || whole->kind != KX_REGION_IMAGE || (whole->flags & KXR_PATCHED))
		return;
	/* file offsets of the mapping, and their part in the executable segment */
	u64 from = region_file_offset(whole) + (start - whole->start), to = from + (end - start);
	u64 text_end = x->text + PAGE_UP(x->text_bytes);
	u64 low = from > x->text ? from : x->text, high = to < text_end ? to : text_end;
	if (low >= high)
		return;
	u64 text_start = start - from + low; /* address of file offset low */
	u64 base = text_start - (low - x->text) - x->text_vaddr;
	if (!trampolines_at(mm, file, x, base + x->trampoline_vaddr))
		return;
	region_split(mm, text_start);
	region_split(mm, text_start + (high - low));
	struct kx_region *r = &mm->regions[region_after(mm, text_start)];
	r->source = x->patched + (low - x->text);
	r->flags |= KXR_PATCHED;
}

u64 text_trampolines_behind(const struct mm *mm, u64 start, u64 end)
{
	u32 i = region_after(mm, end);
	if (i == mm->count || !(mm->regions[i].flags & KXR_TRAMPOLINE) || mm->regions[i].start != end)
		return end;
	const struct kx_region *trampolines = &mm->regions[i];
	/* only with what belongs to them: the last of the span goes */
	for (u32 k = i; k-- && mm->regions[k].end > start;)
		if (mm->regions[k].flags & KXR_PATCHED)
			return trampolines->end;
	return end;
}
