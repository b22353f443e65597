/* Open regular files of the in-memory tree: opening, seeking (holes too), mapping; tmpfs.c moves the bytes. */
#include "fs.h"
#include "ramdir.h"
#include "tmpfs.h"
#include "../mm/mm.h"

long tmpfs_open(struct path *p, u32 flags, struct file **out)
{
	*out = file_create_at(&tmpfs_file_ops, p, flags);
	return *out ? 0 : -ENOMEM;
}

long tmpfs_getattr(struct path *p, struct inode *i, struct stat *st)
{
	(void)p;
	inode_stat(i, st);
	st->st_blocks = (long)tmpfs_blocks(i);
	return 0;
}

long generic_lseek(struct file *f, s64 offset, int whence, u64 size)
{
	s64 to = offset;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		to += (s64)f->pos;
		break;
	case SEEK_END:
		to += (s64)size;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (offset < 0 || (u64)offset >= size)
			return -ENXIO;
		to = whence == SEEK_DATA ? offset : (s64)size;
		break;
	default:
		return -EINVAL;
	}
	if (to < 0)
		return -EINVAL;
	f->pos = (u64)to;
	return to;
}

/* The first byte at or after offset that is data, or a hole; the end of the file is a hole. i's lock is held. */
static u64 next_extent(struct inode *i, u64 offset, bool data)
{
	u64 page = offset / KX_PAGE, last = (i->size + KX_PAGE - 1) / KX_PAGE;

	while (page < last && (i->file.object && object_page(i->file.object, page, false)) != data)
		page++;
	if (page >= last)
		return i->size;
	return page == offset / KX_PAGE ? offset : page * KX_PAGE;
}

static long tmpfs_lseek(struct file *f, s64 offset, int whence)
{
	struct inode *i = f->inode;
	u64 to;

	if ((whence != SEEK_DATA && whence != SEEK_HOLE) || !i->file.written || offset < 0 || (u64)offset >= i->size)
		return generic_lseek(f, offset, whence, i->size);
	lock(&i->lock);
	to = next_extent(i, (u64)offset, whence == SEEK_DATA);
	if (whence == SEEK_DATA && to >= i->size)
		to = NEVER;
	unlock(&i->lock);
	if (to == NEVER)
		return -ENXIO;
	f->pos = to;
	return (long)to;
}

static long map_image(struct inode *i, struct kx_region *r)
{
	u64 at = region_file_offset(r), source = (u64)(i->file.image - (const char *)image_base()) + at;

	if (at >= i->file.image_bytes)
		return -EAGAIN; /* nothing of it in the image: an object tells the end as well */
	r->kind = KX_REGION_IMAGE;
	r->source = source;
	r->offset = i->file.image_bytes - at;
	return 0;
}

/* A mapping that may write to the file takes it out of the image; others show the image as it is mapped. */
static long tmpfs_mmap(struct file *f, struct kx_region *r, u32 flags)
{
	struct inode *i = f->inode;
	bool shared = r->flags & KXR_SHARED;
	long e;

	(void)flags;
	if (shared && (r->prot & KX_PROT_WRITE) && (i->file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return -EPERM;
	if (!i->file.written && (!shared || (r->flags & KXR_NO_WRITE)) && !map_image(i, r))
		return 0;
	lock(&i->lock);
	e = tmpfs_object(i);
	i->file.mapped |= shared;
	unlock(&i->lock);
	if (e)
		return e == -ENOSPC ? -ENOMEM : e;
	r->kind = shared ? KX_REGION_OBJECT : KX_REGION_OBJECT_PRIVATE;
	r->source = (u64)i->file.object;
	r->offset = region_file_offset(r) / KX_PAGE;
	return 0;
}

struct kx_object *shm_file_object(struct file *f)
{
	struct inode *i = f->inode;
	long e;

	if (f->ops != &tmpfs_file_ops)
		return NULL;
	lock(&i->lock);
	e = tmpfs_object(i);
	i->file.mapped = true;
	unlock(&i->lock);
	return e ? NULL : i->file.object;
}

const struct kx_image_exec *file_exec_info(struct file *f)
{
	struct inode *i = f->inode;

	if (f->ops != &tmpfs_file_ops || i->file.written)
		return NULL;
	return image_exec(i->file.exec, i->file.image_bytes);
}

static long tmpfs_fsync(struct file *f)
{
	(void)f;
	return 0;
}

const struct file_ops tmpfs_file_ops = {
	.read = tmpfs_read, .write = tmpfs_write, .lseek = tmpfs_lseek, .mmap = tmpfs_mmap, .fsync = tmpfs_fsync,
};
