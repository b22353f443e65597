/* Listing directories: getdents64(2), getdents(2), and the listing of the in-memory tree. */
#include "ramdir.h"

#define LISTING_BYTES 32768u

/* An entry as getdents64 returns it; -EINVAL when it does not fit any more. */
long dirent_emit(struct uio *u, u64 ino, u64 next, u32 type, struct name n)
{
	static const char zeros[8];
	struct linux_dirent64 head = { .d_ino = ino, .d_off = (long long)next, .d_type = (u8)type };
	size_t fixed = offsetof(struct linux_dirent64, d_name), bytes = (fixed + n.n + 1 + 7) & ~(size_t)7;

	if (bytes > u->resid)
		return -EINVAL;
	head.d_reclen = (u16)bytes;
	if (uio_put(u, &head, fixed) != (long)fixed || uio_put(u, n.s, n.n) != (long)n.n ||
	    uio_put(u, zeros, bytes - fixed - n.n) != (long)(bytes - fixed - n.n))
		return -EFAULT;
	return 0;
}

static long emit_dots(struct file *f, struct uio *u)
{
	struct path *parent = f->path->parent;

	if (f->pos == 0) {
		if (dirent_emit(u, f->inode->ino, 1, DT_DIR, (struct name){ ".", 1 }))
			return -EINVAL;
		f->pos = 1;
	}
	if (f->pos == 1) {
		u64 ino;

		lock(&rename_lock);
		parent = f->path->parent;
		ino = parent ? parent->inode->ino : f->inode->ino;
		unlock(&rename_lock);
		if (dirent_emit(u, ino, 2, DT_DIR, (struct name){ "..", 2 }))
			return -EINVAL;
		f->pos = 2;
	}
	return 0;
}

/* pos: 0 ".", 1 "..", then 2 + the entry's seq. The kernel buffer in u cannot fault, so the lock may be held. */
long ramfs_getdents(struct file *f, struct uio *u)
{
	struct inode *d = f->inode;
	long r = emit_dots(f, u);

	if (r)
		return r;
	lock(&d->lock);
	r = ramdir_load(d);
	list_for_each(l, &d->dir.children) {
		struct path *p = list_entry(l, struct path, sibling);

		if (r)
			break;
		if (p->seq + 2 < f->pos)
			continue;
		r = dirent_emit(u, p->inode->ino, p->seq + 3, mode_to_dt(p->inode->mode), (struct name){ p->name, p->length });
		if (!r)
			f->pos = p->seq + 3;
	}
	unlock(&d->lock);
	return r;
}

static long ramfs_dir_lseek(struct file *f, s64 offset, int whence)
{
	return whence == SEEK_SET || whence == SEEK_CUR ? generic_lseek(f, offset, whence, 0) : -EINVAL;
}

static long dir_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return -EISDIR;
}

static long dir_fsync(struct file *f)
{
	(void)f;
	return 0;
}

const struct file_ops ramfs_dir_file_ops = {
	.read = dir_read, .lseek = ramfs_dir_lseek, .getdents = ramfs_getdents, .fsync = dir_fsync,
};

/* Lists into a buffer of the LibOS's: entries filled; *bytes has their size. */
static long list_into(struct file *f, void *buffer, size_t room, size_t *bytes)
{
	struct iovec iov;
	struct uio u;
	long r;

	uio_kernel(&u, &iov, buffer, room);
	lock(&f->lock);
	r = f->ops->getdents(f, &u);
	unlock(&f->lock);
	*bytes = room - u.resid;
	return *bytes ? 0 : r;
}

static long listing(int fd, void __user *to, size_t n, long (*give)(void __user *, const char *, size_t, size_t))
{
	struct file *f = file_get(fd);
	char *buffer;
	size_t bytes;
	u64 before;
	long r;

	if (!f)
		return -EBADF;
	before = f->pos;
	r = f->flags & O_PATH ? -EBADF : !f->ops->getdents ? -ENOTDIR : 0;
	if (!r && f->inode && S_ISDIR(f->inode->mode) && !f->inode->nlink)
		r = -ENOENT;
	if (n > LISTING_BYTES)
		n = LISTING_BYTES;
	buffer = r ? NULL : kmalloc(n);
	if (!r && !buffer)
		r = -ENOMEM;
	if (!r) {
		r = list_into(f, buffer, n, &bytes);
		if (!r)
			r = give(to, buffer, bytes, n);
		if (r < 0)
			f->pos = before; /* nothing was listed */
	}
	kfree(buffer);
	file_put(f);
	return r;
}

static long give_64(void __user *to, const char *from, size_t bytes, size_t room)
{
	(void)room;
	return copy_to_user(to, from, bytes) ? -EFAULT : (long)bytes;
}

/* The old record has the type behind the name and is never longer than the new one. */
static long give_old(void __user *to, const char *from, size_t bytes, size_t room)
{
	struct old { unsigned long ino, off; unsigned short reclen; } head;
	size_t fixed = 18, out = 0;

	(void)room;
	for (size_t at = 0; at < bytes;) {
		const struct linux_dirent64 *d = (const void *)(from + at);
		char name[NAME_BYTES + 16] = { 0 };
		size_t length = strlen(d->d_name), size = (fixed + length + 2 + 7) & ~(size_t)7;

		head = (struct old){ d->d_ino, (unsigned long)d->d_off, (unsigned short)size };
		memcpy(name, d->d_name, length);
		name[size - fixed - 1] = (char)d->d_type;
		if (copy_to_user((char *)to + out, &head, fixed) || copy_to_user((char *)to + out + fixed, name, size - fixed))
			return -EFAULT;
		out += size;
		at += d->d_reclen;
	}
	return (long)out;
}

long sys_getdents64(int fd, void __user *to, u32 n)
{
	return listing(fd, to, n, give_64);
}

long sys_getdents(int fd, void __user *to, u32 n)
{
	return listing(fd, to, n, give_old);
}
