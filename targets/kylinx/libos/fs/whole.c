/* Calls about a whole file: truncation, allocation, synchronisation, advice, extended attributes, and mounts, which are fixed. */
#include "fs.h"

static long inode_truncate(struct path *p, struct inode *i, s64 size)
{
	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode) || !i->ops->truncate)
		return -EINVAL;
	return i->ops->truncate(p, i, (u64)size);
}

long sys_truncate(const char __user *name, s64 size)
{
	struct path *p;
	long r = size < 0 ? -EINVAL : path_lookup_user(AT_FDCWD, name, 0, WALK_FOLLOW, &p);

	if (r)
		return r;
	r = S_ISDIR(p->inode->mode) ? -EISDIR : !S_ISREG(p->inode->mode) ? -EINVAL : inode_permission(p->inode, 2);
	if (!r)
		r = inode_truncate(p, p->inode, size);
	path_put(p);
	return r;
}

long sys_ftruncate(int fd, s64 size)
{
	struct fd f;
	long r;

	if (size < 0)
		return -EINVAL;
	f = fd_get(fd);
	if (!f.file)
		return -EBADF;
	r = f.file->flags & O_PATH ? -EBADF : !file_writable(f.file) || !f.file->inode ? -EINVAL :
		inode_truncate(f.file->path, f.file->inode, size);
	if (r == -EISDIR)
		r = -EINVAL;
	fd_put(f);
	return r;
}

static long file_allocate(struct file *f, u32 mode, s64 offset, s64 length)
{
	if (f->flags & O_PATH)
		return -EBADF;
	if (offset < 0 || length <= 0)
		return -EINVAL;
	if (!file_writable(f))
		return -EBADF;
	if (offset > INT64_MAX - length)
		return -EFBIG;
	if (!f->inode || S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	return f->ops == &tmpfs_file_ops ? tmpfs_fallocate(f, mode, (u64)offset, (u64)length) : -EOPNOTSUPP;
}

long sys_fallocate(int fd, u32 mode, s64 offset, s64 length)
{
	struct fd f = fd_get(fd);
	long r;

	if (!f.file)
		return -EBADF;
	r = file_allocate(f.file, mode, offset, length);
	fd_put(f);
	return r;
}

long sys_fsync(int fd)
{
	struct fd f = fd_get(fd);
	long r;

	if (!f.file)
		return -EBADF;
	if (f.file->flags & O_PATH)
		r = -EBADF;
	else if (f.file->ops->fsync)
		r = f.file->ops->fsync(f.file);
	else
		r = f.file->inode && S_ISDIR(f.file->inode->mode) ? 0 : -EINVAL;
	fd_put(f);
	return r;
}

long sys_fdatasync(int fd)
{
	return sys_fsync(fd);
}

long sys_sync(void)
{
	return 0;
}

static long descriptor_known(int fd)
{
	struct fd f = fd_get(fd);
	long r = !f.file || (f.file->flags & O_PATH) ? -EBADF : 0;

	fd_put(f);
	return r;
}

long sys_syncfs(int fd)
{
	return descriptor_known(fd);
}

long sys_sync_file_range(int fd, s64 offset, s64 length, u32 flags)
{
	return (flags & ~7u) || offset < 0 || length < 0 ? -EINVAL : descriptor_known(fd);
}

long sys_fadvise64(int fd, s64 offset, s64 length, int advice)
{
	struct fd f = fd_get(fd);
	long r;

	(void)offset;
	if (!f.file || (f.file->flags & O_PATH))
		r = -EBADF;
	else if (!file_seekable(f.file))
		r = -ESPIPE;
	else
		r = length < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;
	fd_put(f);
	return r;
}

long sys_readahead(int fd)
{
	struct fd f = fd_get(fd);
	long r = !f.file || !file_readable(f.file) ? -EBADF : file_seekable(f.file) ? 0 : -EINVAL;

	fd_put(f);
	return r;
}

/* Extended attributes: none, anywhere; the name must exist all the same. */
static long no_attributes(const char __user *name, u32 flags, long answer)
{
	struct path *p;
	long r = path_lookup_user(AT_FDCWD, name, 0, flags, &p);

	if (r)
		return r;
	path_put(p);
	return answer;
}

static long no_attributes_fd(int fd, long answer)
{
	long r = descriptor_known(fd);

	return r ? r : answer;
}

long sys_setxattr(const char __user *name) { return no_attributes(name, WALK_FOLLOW, -EOPNOTSUPP); }
long sys_lsetxattr(const char __user *name) { return no_attributes(name, 0, -EOPNOTSUPP); }
long sys_fsetxattr(int fd) { return no_attributes_fd(fd, -EOPNOTSUPP); }
long sys_getxattr(const char __user *name) { return no_attributes(name, WALK_FOLLOW, -EOPNOTSUPP); }
long sys_lgetxattr(const char __user *name) { return no_attributes(name, 0, -EOPNOTSUPP); }
long sys_fgetxattr(int fd) { return no_attributes_fd(fd, -EOPNOTSUPP); }
long sys_listxattr(const char __user *name) { return no_attributes(name, WALK_FOLLOW, 0); }
long sys_llistxattr(const char __user *name) { return no_attributes(name, 0, 0); }
long sys_flistxattr(int fd) { return no_attributes_fd(fd, 0); }
long sys_removexattr(const char __user *name) { return no_attributes(name, WALK_FOLLOW, -EOPNOTSUPP); }
long sys_lremovexattr(const char __user *name) { return no_attributes(name, 0, -EOPNOTSUPP); }
long sys_fremovexattr(int fd) { return no_attributes_fd(fd, -EOPNOTSUPP); }

/* What is mounted is decided when the family starts. */
long sys_mount(void) { return -EPERM; }
long sys_umount2(void) { return -EPERM; }
long sys_pivot_root(void) { return -EPERM; }
long sys_swapon(void) { return -EPERM; }
long sys_swapoff(void) { return -EPERM; }
