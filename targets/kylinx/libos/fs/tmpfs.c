/* Bytes of regular files: read straight from the image until the first change, which copies them into pages of a kx_object;
 * those can be mapped shared. Reading an image's file takes no lock. */
#include "tmpfs.h"
#include <linux/falloc.h>

static u64 pages_of(u64 bytes)
{
	return (bytes + KX_PAGE - 1) / KX_PAGE;
}

static u64 size_now(const struct inode *i)
{
	return __atomic_load_n(&i->size, __ATOMIC_ACQUIRE);
}

/* The object for i's bytes, at least pages long. i's lock is held. */
static long object_reserve(struct inode *i, u64 pages)
{
	if (!i->file.object)
		i->file.object = object_create();
	if (!i->file.object)
		return -ENOSPC;
	if (i->file.object->count < pages)
		object_resize(i->file.object, pages);
	return i->file.object->count < pages ? -ENOSPC : 0;
}

/* The page to write to; pages counts those made here, mapped says that others may come by faults. i's lock is held. */
static char *page_make(struct inode *i, u64 index)
{
	char *page = object_page(i->file.object, index, false);

	if (page)
		return page;
	page = object_page(i->file.object, index, true);
	i->file.pages += page != NULL;
	return page;
}

static u64 pages_there(struct inode *i)
{
	u64 used = 0;

	for (u64 at = 0; i->file.object && at < i->file.object->count; at++)
		used += object_page(i->file.object, at, false) != NULL;
	return used;
}

/* Leaves the image, keeping the first keep bytes. i's lock is held. */
static long copy_up(struct inode *i, u64 keep)
{
	u64 bytes = i->file.image_bytes < keep ? i->file.image_bytes : keep;
	long r;

	if (i->file.written)
		return 0;
	r = object_reserve(i, pages_of(i->size));
	for (u64 at = 0; !r && at < bytes; at += KX_PAGE) {
		void *page = page_make(i, at / KX_PAGE);

		if (!page)
			r = -ENOSPC;
		else
			memcpy(page, i->file.image + at, bytes - at < KX_PAGE ? bytes - at : KX_PAGE);
	}
	if (r) {
		if (i->file.object)
			object_destroy(i->file.object);
		i->file.object = NULL;
		i->file.pages = 0;
		return r;
	}
	i->file.exec = KX_IMAGE_NONE;
	__atomic_store_n(&i->file.written, true, __ATOMIC_RELEASE);
	return 0;
}

long tmpfs_object(struct inode *i)
{
	long r = copy_up(i, ~(u64)0);

	return r ? r : object_reserve(i, pages_of(i->size));
}

static long read_object(struct inode *i, struct uio *u, u64 at)
{
	long done = 0;

	lock(&i->lock);
	while (u->resid && at < i->size) {
		u64 skip = at % KX_PAGE, n = KX_PAGE - skip;
		char *page = i->file.object ? object_page(i->file.object, at / KX_PAGE, false) : NULL;
		long r;

		if (n > u->resid)
			n = u->resid;
		if (n > i->size - at)
			n = i->size - at;
		r = page ? uio_put(u, page + skip, n) : uio_zero(u, n);
		if (r <= 0) {
			done = done ? done : r;
			break;
		}
		done += r;
		at += (u64)r;
		if ((u64)r < n)
			break;
	}
	unlock(&i->lock);
	return done;
}

long tmpfs_read(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *i = f->inode;
	u64 size = size_now(i);
	long r;

	if (*pos >= size || !u->resid)
		return 0;
	if (__atomic_load_n(&i->file.written, __ATOMIC_ACQUIRE)) {
		r = read_object(i, u, *pos);
	} else {
		u64 left = i->file.image_bytes > *pos ? i->file.image_bytes - *pos : 0;

		r = left ? uio_put(u, i->file.image + *pos, left < u->resid ? left : u->resid) : 0;
	}
	if (r > 0)
		*pos += (u64)r;
	return r;
}

/* How many of n bytes at at may be written: RLIMIT_FSIZE, the largest file, seals. */
static long write_room(struct inode *i, u64 at, u64 n)
{
	u64 limit = current->proc->rlimit[RLIMIT_FSIZE].rlim_cur;

	if (i->file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if ((i->file.seals & F_SEAL_GROW) && at + n > i->size) {
		if (at >= i->size)
			return -EPERM;
		n = i->size - at;
	}
	if (limit > FILE_BYTES_MAX)
		limit = FILE_BYTES_MAX;
	else if (at >= limit)
		signal_send_proc(current->proc, SIGXFSZ, NULL);
	if (at >= limit)
		return -EFBIG;
	return (long)(n < limit - at ? n : limit - at);
}

static long write_pages(struct inode *i, struct uio *u, u64 at, u64 left)
{
	long done = 0;

	while (left) {
		u64 skip = at % KX_PAGE, n = KX_PAGE - skip < left ? KX_PAGE - skip : left;
		char *page = page_make(i, at / KX_PAGE);
		long r = page ? uio_get(u, page + skip, n) : -ENOSPC;

		if (r <= 0)
			return done ? done : r;
		done += r;
		at += (u64)r;
		left -= (u64)r;
		if (at > i->size)
			__atomic_store_n(&i->size, at, __ATOMIC_RELEASE);
		if ((u64)r < n)
			break;
	}
	return done;
}

long tmpfs_write(struct file *f, struct uio *u, u64 *pos)
{
	struct inode *i = f->inode;
	long r;

	if (!u->resid)
		return 0;
	lock(&i->lock);
	if (f->flags & O_APPEND)
		*pos = i->size;
	r = write_room(i, *pos, u->resid);
	if (r > 0) {
		u64 n = (u64)r;

		r = copy_up(i, ~(u64)0);
		if (!r)
			r = object_reserve(i, pages_of(*pos + n));
		if (!r)
			r = write_pages(i, u, *pos, n);
	}
	if (r > 0) {
		*pos += (u64)r;
		i->mtime_ns = i->ctime_ns = (s64)now_real_ns();
		if (i->mode & (S_ISUID | S_ISGID))
			inode_drop_privileges(i);
	}
	unlock(&i->lock);
	return r;
}

static void zero_range(struct inode *i, u64 from, u64 to)
{
	while (from < to) {
		u64 skip = from % KX_PAGE, n = KX_PAGE - skip < to - from ? KX_PAGE - skip : to - from;
		char *page = i->file.object ? object_page(i->file.object, from / KX_PAGE, false) : NULL;

		if (page)
			memset(page + skip, 0, n);
		from += n;
	}
}

long tmpfs_truncate(struct path *p, struct inode *i, u64 size)
{
	long r = 0;

	(void)p;
	if (size > FILE_BYTES_MAX)
		return -EFBIG;
	if (size > i->size && size > current->proc->rlimit[RLIMIT_FSIZE].rlim_cur) {
		signal_send_proc(current->proc, SIGXFSZ, NULL);
		return -EFBIG;
	}
	lock(&i->lock);
	if ((size < i->size && (i->file.seals & F_SEAL_SHRINK)) || (size > i->size && (i->file.seals & F_SEAL_GROW)))
		r = -EPERM;
	if (!r)
		r = copy_up(i, size);
	if (!r && size > i->size)
		r = object_reserve(i, pages_of(size));
	if (!r) {
		u64 old = i->size;

		__atomic_store_n(&i->size, size, __ATOMIC_RELEASE);
		if (size < old) {
			zero_range(i, size, pages_of(size) * KX_PAGE); /* what grows again reads as zero */
			if (i->file.object)
				object_resize(i->file.object, pages_of(size));
			i->file.pages = pages_there(i);
		}
		if (i->mode & (S_ISUID | S_ISGID))
			inode_drop_privileges(i);
		i->mtime_ns = i->ctime_ns = (s64)now_real_ns();
	}
	unlock(&i->lock);
	return r;
}

long tmpfs_fallocate(struct file *f, u32 mode, u64 offset, u64 length)
{
	struct inode *i = f->inode;
	u64 end = offset + length, size;
	long r = 0;

	if (mode & ~(u32)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (end > FILE_BYTES_MAX)
		return -EFBIG;
	lock(&i->lock);
	size = i->size;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > size) {
		r = write_room(i, size, end - size);
		r = r < 0 ? r : (u64)r < end - size ? -EFBIG : 0;
	} else if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) && (i->file.seals & F_SEAL_WRITE)) {
		r = -EPERM;
	}
	if (!r)
		r = copy_up(i, ~(u64)0);
	if (!r && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
		zero_range(i, offset, end < size ? end : size);
	if (!r && !(mode & FALLOC_FL_PUNCH_HOLE)) {
		/* pages beyond the size belong to nobody (SIGBUS), so KEEP_SIZE promises only what lies before it */
		u64 last = mode & FALLOC_FL_KEEP_SIZE && end > size ? size : end;

		r = object_reserve(i, pages_of(last));
		for (u64 at = offset / KX_PAGE; !r && at < pages_of(last); at++)
			if (!page_make(i, at))
				r = -ENOSPC;
		if (!r && last > size)
			__atomic_store_n(&i->size, last, __ATOMIC_RELEASE);
	}
	if (!r) {
		i->mtime_ns = i->ctime_ns = (s64)now_real_ns();
		if (i->mode & (S_ISUID | S_ISGID))
			inode_drop_privileges(i);
	}
	unlock(&i->lock);
	return r;
}

/* 512-byte blocks, as st_blocks has them. */
u64 tmpfs_blocks(struct inode *i)
{
	u64 used = i->file.written ? i->file.pages : pages_of(i->file.image_bytes);

	if (i->file.mapped) {
		lock(&i->lock);
		used = pages_there(i);
		unlock(&i->lock);
	}
	return used * (KX_PAGE / 512);
}
