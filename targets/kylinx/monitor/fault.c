/* Page faults: what the region table says about an address becomes page-table entries. Everything read from the guest (regions,
 * objects, chunks) is copied once and checked. */
#include <sys/mman.h>
#include "memory_private.h"

#define ZERO_WINDOW 16       /* pages made at a first touch; grows where touches follow one another */
#define WINDOW_MAX 512
#define AROUND_MOST 64       /* regions looked at around a fault in the image */
#define STREAM_GAP (PIECE_FRAMES * KX_PAGE)

/* A checked copy of the region at va; false: there is none, or the table is not sound there. */
bool region_find(const struct kx_region *regions, uint32_t count, uint64_t va, struct kx_region *copy)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		memcpy(copy, &regions[middle], sizeof *copy);
		__asm__ volatile("" : : "r"(copy) : "memory");
		if (va < copy->start)
			high = middle;
		else if (va >= copy->end)
			low = middle + 1;
		else
			return !(copy->start % KX_PAGE) && !(copy->end % KX_PAGE) && user_range(copy->start, copy->end - copy->start) &&
				copy->prot < 8 && copy->kind <= KX_REGION_NONE && copy->kind != KX_REGION_NONE &&
				(copy->prot & (KX_PROT_WRITE | KX_PROT_EXEC)) != (KX_PROT_WRITE | KX_PROT_EXEC);
	}
	return false;
}

/* Index of the first region that ends behind va. */
static uint32_t region_after(const struct kx_region *regions, uint32_t count, uint64_t va)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (regions[middle].end > va)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Tells the LibOS that the region has pages: what never had any needs no KX_MEMORY_DROP. The table is the guest's own memory. */
static void region_filled(const struct kx_region *regions, uint32_t count, uint64_t va)
{
	uint32_t i = region_after(regions, count, va);

	if (i < count)
		((struct kx_region *)regions)[i].flags |= KX_REGION_FILLED;
}

uint64_t region_flags(const struct kx_region *r)
{
	return PTE_P | PTE_U | PTE_A | PTE_D | (r->prot & KX_PROT_EXEC ? 0 : PTE_NX) | (r->prot & KX_PROT_WRITE ? PTE_COW : 0);
}

unsigned stream_window(struct space *s, uint64_t va, unsigned first, unsigned heat)
{
	unsigned oldest = 0, pages = first << (heat < 6 ? heat : 6);

	for (unsigned i = 0; i < STREAMS; i++) {
		struct stream *t = &s->stream[i];

		if (t->pages && ((va >= t->end && va - t->end < STREAM_GAP) || (va < t->start && t->start - va <= STREAM_GAP))) {
			s->stream_at = i;
			if (pages < t->pages * 4)
				pages = t->pages * 4;
			return pages >= WINDOW_MAX / 2 ? WINDOW_MAX : pages;
		}
		if (t->age < s->stream[oldest].age)
			oldest = i;
	}
	s->stream_at = oldest;
	return pages >= WINDOW_MAX / 2 ? WINDOW_MAX : pages;
}

void stream_note(struct space *s, uint64_t start, uint64_t end, unsigned pages)
{
	s->stream[s->stream_at] = (struct stream){ start, end, pages, ++s->age };
}

/* The window of pages (a power of two) around va inside its region and its 2 MiB block. */
static void window_clip(const struct kx_region *r, uint64_t va, unsigned pages, uint64_t *start, uint64_t *end)
{
	uint64_t bytes = (uint64_t)pages * KX_PAGE;

	*start = va & ~(bytes - 1);
	*end = *start + bytes;
	if (*start < r->start)
		*start = r->start;
	if (*end > r->end)
		*end = r->end;
}

/* A 2 MiB entry for zero-filled memory; false: not here, or no such block. */
static bool fill_block(struct space *s, uint64_t va, uint64_t flags)
{
	uint64_t gpa = block_alloc(true), *entry;
	bool fresh;

	if (!gpa)
		return false;
	memory_lock();
	entry = walk_own(s, va, 2, &fresh);
	if (entry)
		*entry = gpa | flags | PTE_LARGE;
	else
		block_put(gpa);
	memory_unlock();
	return entry != NULL;
}

/* Frames for the empty entries of [start, end), which lies in one table; first for va. */
static enum space_result fill_frames(struct space *s, uint64_t va, uint64_t start, uint64_t end, uint64_t flags)
{
	uint64_t frames[WINDOW_MAX], *entry;
	unsigned want = 0, got, used = 0, count = (unsigned)((end - start) / KX_PAGE);
	bool fresh;

	memory_lock();
	entry = walk_own(s, start, 1, &fresh);
	if (entry && *table_heat(table_at(entry)) < 255)
		++*table_heat(table_at(entry));
	memory_unlock();
	if (!entry)
		return SPACE_NO_MEMORY;
	for (unsigned i = 0; i < count; i++)
		want += !entry[i];
	got = frames_alloc(want, frames, true);
	if (!got)
		return SPACE_NO_MEMORY;
	memory_lock();
	entry[(va - start) / KX_PAGE] = frames[used++] | flags;
	for (unsigned i = 0; i < count && used < got; i++)
		if (!entry[i])
			entry[i] = frames[used++] | flags;
	memory_unlock();
	return SPACE_RESOLVED;
}

/* Zero-filled memory. The entry at va is empty. */
static enum space_result fill_anonymous(struct space *s, uint64_t va, const struct kx_region *r)
{
	uint64_t flags = region_flags(r) | (r->prot & KX_PROT_WRITE ? PTE_W : 0), start, end, *entry;
	unsigned pages, heat = 0;
	bool writable;
	int level;

	memory_lock();
	entry = walk_find(s, va, &level, &writable);
	if (level == 1)
		heat = *table_heat(table_at(entry));
	pages = memory.used > memory.limit - memory.limit / 8 ? 1 : stream_window(s, va, ZERO_WINDOW, heat);
	memory_unlock();
	if (pages == WINDOW_MAX && region_covers_block(r, va)) {
		if (level == 1 ? block_promote(s, va, r) : fill_block(s, va, flags)) {
			stream_note(s, va & ~(BLOCK_BYTES - 1), (va | (BLOCK_BYTES - 1)) + 1, pages);
			return SPACE_RESOLVED;
		}
	}
	window_clip(r, va, pages, &start, &end);
	stream_note(s, start, end, pages);
	return fill_frames(s, va, start, end, flags);
}

/* ---- Image ------------------------------------------------------------------------------------------------------- */

/* The last page of a file, of which only some bytes are the file's: a page of our own, zero behind them. */
static enum space_result fill_image_tail(struct space *s, uint64_t va, uint64_t from, uint64_t bytes, uint64_t flags)
{
	uint64_t frame, *entry;
	bool fresh;

	if (frames_alloc(1, &frame, false) != 1)
		return SPACE_NO_MEMORY;
	memcpy(frame_host(frame), memory.image + from, bytes);
	memset((uint8_t *)frame_host(frame) + bytes, 0, KX_PAGE - bytes);
	memory_lock();
	entry = walk_own(s, va, 1, &fresh);
	if (entry)
		*entry = frame | flags;
	else
		frame_put(frame);
	memory_unlock();
	return entry ? SPACE_RESOLVED : SPACE_NO_MEMORY;
}

static bool image_sound(const struct kx_region *r)
{
	return !(r->source % KX_PAGE) && r->source <= memory.image_bytes && r->offset <= memory.image_bytes - r->source;
}

/* The other regions of the image around va (a program's and its libraries' segments) are likely to be touched next, each by a
 * fault of its own. Fills the empty entries of those that lie in the table of 4 KiB entries, ours already, that has va. Lock held. */
static void fill_image_around(uint64_t va, uint64_t *entries, const struct kx_region *regions, uint32_t count)
{
	uint64_t block = va & ~(BLOCK_BYTES - 1);
	uint32_t first = region_after(regions, count, block);

	for (uint32_t i = first; i < count && i - first < AROUND_MOST; i++) {
		struct kx_region r;
		uint64_t start, end;

		if (regions[i].start >= block + BLOCK_BYTES || regions[i].kind != KX_REGION_IMAGE)
			continue;
		if (!region_find(regions + i, 1, regions[i].start, &r) || r.kind != KX_REGION_IMAGE || !r.prot || !image_sound(&r))
			continue;
		start = r.start < block ? block : r.start;
		end = r.start + (r.offset & ~(uint64_t)(KX_PAGE - 1));
		if (end > r.end)
			end = r.end;
		if (end > block + BLOCK_BYTES)
			end = block + BLOCK_BYTES;
		if (start < end)
			((struct kx_region *)regions)[i].flags |= KX_REGION_FILLED;
		for (uint64_t at = start; at < end; at += KX_PAGE)
			if (!entries[entry_index(at, 1)])
				entries[entry_index(at, 1)] = (memory.image_gpa + r.source + (at - r.start)) | region_flags(&r) | PTE_FOREIGN;
	}
}

/* KVM looks at eight entries at a time where it may write the host's pages behind them, and at one elsewhere: what is mapped of the
 * image becomes the monitor's own copy (its mapping is private). Guests still only read it, and pVMs of the family share it. */
static void own_image(uint64_t from, uint64_t bytes)
{
	for (uint64_t chunk = from / IMAGE_OWN_BYTES; chunk <= (from + bytes - 1) / IMAGE_OWN_BYTES; chunk++) {
		uint64_t at = chunk * IMAGE_OWN_BYTES, most = memory.image_bytes - at;

		if (!__atomic_exchange_n(&memory.image_owned[chunk], 1, __ATOMIC_RELAXED)) /* what cannot be is only slower */
			madvise((uint8_t *)memory.image + at, most < IMAGE_OWN_BYTES ? most : IMAGE_OWN_BYTES, MADV_POPULATE_WRITE);
	}
}

/* Bytes of the image, mapped where they are: all empty entries of the table that the region has. A write copies later. */
static enum space_result fill_image(struct space *s, uint64_t va, const struct kx_region *r, const struct kx_region *regions, uint32_t count)
{
	uint64_t flags = region_flags(r), in = va - r->start, start, end, *entry;
	bool fresh;

	if (!image_sound(r) || in >= r->offset)
		return SPACE_UPCALL;
	if (r->offset - in < KX_PAGE)
		return fill_image_tail(s, va, r->source + in, r->offset - in, flags | (r->prot & KX_PROT_WRITE ? PTE_W : 0));
	window_clip(r, va, WINDOW_MAX, &start, &end);
	if (end > r->start + r->offset / KX_PAGE * KX_PAGE)
		end = r->start + r->offset / KX_PAGE * KX_PAGE;
	if (start < end)
		own_image(r->source + (start - r->start), end - start);
	memory_lock();
	entry = walk_own(s, start, 1, &fresh);
	if (entry)
		fill_image_around(va, entry - entry_index(start, 1), regions, count);
	for (uint64_t at = start; entry && at < end; at += KX_PAGE, entry++)
		if (!*entry)
			*entry = (memory.image_gpa + r->source + (at - r->start)) | flags | PTE_FOREIGN;
	memory_unlock();
	return entry ? SPACE_RESOLVED : SPACE_NO_MEMORY;
}

/* ---- Objects ----------------------------------------------------------------------------------------------------- */

/* Guest-physical address of an object's page, 0 for a hole or nonsense. */
static uint64_t object_page_gpa(const struct kx_object *o, uint64_t index)
{
	const uint64_t *chunk_at;
	const uint32_t *page_at;
	uint64_t chunk, page;

	if (index >= o->count)
		return 0;
	chunk_at = o->chunks % 8 ? NULL : memory_commons(o->chunks + index / KX_OBJECT_CHUNK * 8, 8);
	chunk = chunk_at ? __atomic_load_n(chunk_at, __ATOMIC_ACQUIRE) : 0;
	page_at = !chunk || chunk % 4 ? NULL : memory_commons(chunk + index % KX_OBJECT_CHUNK * 4, 4);
	page = page_at ? (uint64_t)__atomic_load_n(page_at, __ATOMIC_ACQUIRE) * KX_PAGE : 0;
	return page && page < __atomic_load_n(&memory.commons_bytes, __ATOMIC_ACQUIRE) ? memory.commons.gpa + page : 0;
}

/* Pages of an object around va; a hole at va is the LibOS's to fill. They can be written through the commons, so they are never
 * executed in place: exec_present() copies. */
static enum space_result fill_object(struct space *s, uint64_t va, const struct kx_region *r)
{
	uint64_t flags = region_flags(r) | PTE_FOREIGN | PTE_NX, start, end, first, *entry;
	const void *at_host = r->source % 8 ? NULL : memory_commons(r->source, sizeof(struct kx_object));
	struct kx_object o;
	bool fresh;

	if (!at_host)
		return SPACE_UPCALL;
	memcpy(&o, at_host, sizeof o);
	__asm__ volatile("" : : "r"(&o) : "memory");
	first = r->offset + (va - r->start) / KX_PAGE;
	if (o.magic != KX_OBJECT_MAGIC || o.count > KX_COMMONS_MAX / KX_PAGE || first < r->offset || !object_page_gpa(&o, first))
		return SPACE_UPCALL;
	if (r->kind == KX_REGION_OBJECT)
		flags = (flags & ~PTE_COW) | (r->prot & KX_PROT_WRITE ? PTE_W : 0);
	window_clip(r, va, ZERO_WINDOW * 4, &start, &end);
	memory_lock();
	entry = walk_own(s, start, 1, &fresh);
	for (uint64_t at = start; entry && at < end; at += KX_PAGE, entry++) {
		uint64_t gpa = *entry ? 0 : object_page_gpa(&o, r->offset + (at - r->start) / KX_PAGE);

		if (gpa)
			*entry = gpa | flags;
	}
	memory_unlock();
	return entry ? SPACE_RESOLVED : SPACE_NO_MEMORY;
}

/* ---- The fault --------------------------------------------------------------------------------------------------- */

/* Pages kept while they had no rights: those of the region in this table get its rights now. */
static enum space_result restore_kept(struct space *s, uint64_t va, const struct kx_region *r)
{
	uint64_t start, end, *entry, flags = region_flags(r);
	bool fresh;

	window_clip(r, va, WINDOW_MAX, &start, &end);
	memory_lock();
	entry = walk_own(s, va, 2, &fresh);
	if (entry && *entry & PTE_LARGE && *entry & PTE_KEPT) {
		if (end - start == BLOCK_BYTES)
			*entry = (*entry & (PTE_ADDRESS | PTE_FOREIGN)) | PTE_LARGE | flags;
		else if (walk_split(entry))
			entry = NULL;
	}
	if (entry && !(*entry & PTE_LARGE)) {
		entry = walk_own(s, start, 1, &fresh);
		for (uint64_t at = start; entry && at < end; at += KX_PAGE, entry++)
			if (*entry & PTE_KEPT)
				*entry = (*entry & (PTE_ADDRESS | PTE_FOREIGN)) | flags | (entry_of_commons(*entry) ? PTE_NX : 0);
	}
	memory_unlock();
	return entry ? SPACE_RESOLVED : SPACE_NO_MEMORY;
}

/* Writing became allowed, or always was and the page is shared. The table's word on what kind of region this is does not make a
 * page the object's: only one of the commons is written in place. */
static enum space_result write_present(struct space *s, uint64_t va, const struct kx_region *r)
{
	bool fresh, ours = false;
	uint64_t *entry, old;

	if (r->kind != KX_REGION_OBJECT)
		return cow_fault(s, va, r);
	memory_lock();
	entry = walk_own(s, va, 1, &fresh);
	if (entry && entry_of_commons(*entry)) {
		*entry |= PTE_W | PTE_NX;
	} else if (entry) { /* a copy made for executing, or a lie: the object's page in its place */
		old = *entry;
		*entry = 0;
		entry_put(old, 1);
		space_replaced(s, va, false);
		ours = true;
	}
	memory_unlock();
	return !entry ? SPACE_NO_MEMORY : ours ? fill_object(s, va, r) : SPACE_RESOLVED;
}

/* A page that others can write through the commons is executed as a copy. *entry is our own table's. */
static enum space_result exec_copy(struct space *s, uint64_t va, uint64_t *entry, const struct kx_region *r)
{
	uint64_t frame;

	if (frames_alloc(1, &frame, false) != 1)
		return SPACE_NO_MEMORY;
	memcpy(frame_host(frame), any_host(*entry & PTE_ADDRESS), KX_PAGE);
	memory_lock();
	*entry = frame | region_flags(r);
	space_replaced(s, va, false);
	memory_unlock();
	return SPACE_RESOLVED;
}

/* Executing became allowed. An entry that is writable stays as it is: LibOS has to take that right away first. */
static enum space_result exec_present(struct space *s, uint64_t va, const struct kx_region *r)
{
	enum space_result result = SPACE_RESOLVED;
	uint64_t *entry;
	bool fresh, writable, copy = false;
	int level;

	memory_lock();
	entry = walk_find(s, va, &level, &writable);
	if (*entry & PTE_W && !entry_of_commons(*entry)) {
		result = SPACE_UPCALL;
	} else if (*entry & PTE_NX) {
		entry = walk_own(s, va, level, &fresh);
		copy = entry && entry_of_commons(*entry);
		if (entry && !copy)
			*entry &= ~(PTE_NX | PTE_COW);
		else if (!entry)
			result = SPACE_NO_MEMORY;
	}
	memory_unlock();
	return copy ? exec_copy(s, va, entry, r) : result;
}

static enum space_result fill(struct space *s, uint64_t va, const struct kx_region *r, bool write, const struct kx_region *regions, uint32_t count)
{
	enum space_result result;

	if (r->kind == KX_REGION_ANON)
		return fill_anonymous(s, va, r);
	result = r->kind == KX_REGION_IMAGE ? fill_image(s, va, r, regions, count) : fill_object(s, va, r);
	/* a write would come back at once */
	if (result == SPACE_RESOLVED && write && r->kind != KX_REGION_OBJECT)
		result = cow_fault(s, va, r);
	return result;
}

enum space_result space_fault(struct space *s, const struct space_fault *f, const struct kx_region *regions, uint32_t count)
{
	uint64_t va = f->address & ~(uint64_t)(KX_PAGE - 1), entry;
	/* of an unknown access to a page that is not there, data that may be written is expected to be */
	bool write = f->write && !f->unknown, exec = f->exec && !f->unknown, writable;
	enum space_result result = SPACE_UPCALL;
	struct kx_region r;
	int level;

	memory_lock();
	memory.stats.faults++;
	entry = user_range(va, KX_PAGE) ? *walk_find(s, va, &level, &writable) : 0;
	memory_unlock();
	if (!user_range(va, KX_PAGE) || !region_find(regions, count, va, &r) || !r.prot || (write && !(r.prot & KX_PROT_WRITE)) ||
	    (exec && !(r.prot & KX_PROT_EXEC)))
		goto done;
	if (entry & PTE_P) {
		bool can_write = writable && entry & PTE_W;

		if (f->unknown) {
			write = !can_write && r.prot & KX_PROT_WRITE;
			exec = !write && entry & PTE_NX && r.prot & KX_PROT_EXEC;
			if (!write && !exec)
				goto done;
		}
		if (write)
			result = can_write ? SPACE_RESOLVED : write_present(s, va, &r);
		else
			result = exec ? exec_present(s, va, &r) : SPACE_RESOLVED;
	} else if (entry & PTE_KEPT) {
		result = restore_kept(s, va, &r);
	} else {
		region_filled(regions, count, va);
		result = fill(s, va, &r, write || (f->unknown && r.prot & KX_PROT_WRITE), regions, count);
	}
done:
	if (result != SPACE_RESOLVED)
		space_divert(s);
	return result;
}
