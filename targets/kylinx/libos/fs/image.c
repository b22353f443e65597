/* Reader of the image file. The family's monitor maps what the user gave it, so nothing in it is believed: every offset and
 * count is checked against the mapping's size each time it is used, and a bad entry is as if it were not there. */
#include "fs.h"

static struct {
	const char *base;
	u64 bytes;
	const struct kx_image_inode *inodes;
	const struct kx_image_dirent *dirents;
	const struct kx_image_exec *execs;
	const char *strings;
	u32 inode_count, dirent_count, exec_count;
	u64 string_bytes;
} image;

static bool inside(u64 offset, u64 length)
{
	return offset <= image.bytes && length <= image.bytes - offset;
}

static const void *array_at(u64 offset, u64 count, u64 size)
{
	/* eight bytes of alignment, because the structures are read in place */
	return count <= image.bytes / size && inside(offset, count * size) && !(offset & 7) ? image.base + offset : NULL;
}

/* An image that is absent or not one leaves the tree empty. */
void image_init(const void *base, u64 bytes)
{
	static const char magic[8] = { 'K', 'X', 'I', 'M', 'A', 'G', 'E', '1' };
	const struct kx_image_header *header = base;

	memset(&image, 0, sizeof image);
	if (!base || bytes < sizeof *header || memcmp(header->magic, magic, 8) || header->version != KX_IMAGE_VERSION)
		return;
	image.base = base;
	image.bytes = bytes;
	image.inodes = array_at(header->inode_off, header->inodes, sizeof *image.inodes);
	if (!image.inodes)
		return;
	image.inode_count = header->inodes;
	image.dirents = array_at(header->dirent_off, header->dirents, sizeof *image.dirents);
	image.dirent_count = image.dirents ? header->dirents : 0;
	image.execs = array_at(header->exec_off, header->execs, sizeof *image.execs);
	image.exec_count = image.execs ? header->execs : 0;
	if (inside(header->string_off, header->string_bytes)) {
		image.strings = image.base + header->string_off;
		image.string_bytes = header->string_bytes;
	}
}

bool image_present(void)
{
	return image.inode_count != 0;
}

const void *image_base(void)
{
	return image.base;
}

bool image_holds(const char *p)
{
	return image.base && p >= image.base && p < image.base + image.bytes;
}

const char *image_bytes_at(u64 offset)
{
	return image.base + offset;
}

static bool name_is_sound(struct name n)
{
	if (!n.n || n.n > NAME_BYTES || (n.n == 1 && n.s[0] == '.') || (n.n == 2 && n.s[0] == '.' && n.s[1] == '.'))
		return false;
	for (u32 i = 0; i < n.n; i++)
		if (!n.s[i] || n.s[i] == '/')
			return false;
	return true;
}

long image_dirent(u32 first, u32 count, u32 i, struct name *n, u32 *inode)
{
	const struct kx_image_dirent *d;

	if (i >= count || first >= image.dirent_count || i >= image.dirent_count - first)
		return -EINVAL;
	d = &image.dirents[first + i];
	if (!d->length || d->inode >= image.inode_count || d->name > image.string_bytes || d->length > image.string_bytes - d->name)
		return -EINVAL;
	*n = (struct name){ image.strings + d->name, d->length };
	*inode = d->inode;
	return name_is_sound(*n) ? 0 : -EINVAL;
}

static int name_compare(struct name a, struct name b)
{
	int order = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* By halves: the entries of a directory are sorted. An unsorted one merely hides names. */
bool image_find(u32 first, u32 count, struct name wanted, struct name *stored, u32 *inode, u32 *place)
{
	u32 low = 0, high = count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		int order;

		if (image_dirent(first, count, middle, stored, inode))
			return false;
		order = name_compare(wanted, *stored);
		*place = middle;
		if (!order)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

bool image_inode(u32 index, struct kx_image_inode *out)
{
	if (index >= image.inode_count)
		return false;
	*out = image.inodes[index];
	switch (out->mode & S_IFMT) {
	case S_IFREG:
		if (out->size > FILE_BYTES_MAX || (out->data & (KX_PAGE - 1)) || !inside(out->data, out->size))
			out->size = out->data = 0;
		return true;
	case S_IFLNK:
		if (out->size >= PATH_MAX || !inside(out->data, out->size))
			out->size = out->data = 0;
		return true;
	case S_IFDIR:
		if (out->first > image.dirent_count)
			out->first = out->count = 0;
		if (out->count > image.dirent_count - out->first)
			out->count = image.dirent_count - out->first;
		return true;
	case S_IFIFO: case S_IFSOCK: case S_IFCHR: case S_IFBLK:
		out->size = 0;
		return true;
	}
	return false;
}

/* The record of an ELF file of size bytes, when all that it points at lies in the image. */
const struct kx_image_exec *image_exec(u32 index, u64 size)
{
	const struct kx_image_exec *e;
	u64 pages = (size + KX_PAGE - 1) & ~(u64)(KX_PAGE - 1);

	if (index >= image.exec_count)
		return NULL;
	e = &image.execs[index];
	if ((e->text | e->text_bytes | e->text_vaddr | e->patched | e->span | e->trampoline_vaddr | e->trampoline |
	     e->trampoline_bytes) & (KX_PAGE - 1))
		return NULL;
	if (e->text > pages || e->text_bytes > pages - e->text || !inside(e->patched, e->text_bytes) ||
	    !inside(e->trampoline, e->trampoline_bytes) || e->span > KX_USER_MAX || e->trampoline_vaddr > KX_USER_MAX)
		return NULL;
	return e;
}
