/* read(2), write(2) and their vector and positioned kin: the hot path. No lock beyond the description's own position, and
 * none at all for streams. */
#include "fs.h"

#define IOV_SMALL 8
#define RWF_KNOWN (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)

static size_t io_bytes(size_t n)
{
	return n < IO_BYTES_MAX ? n : IO_BYTES_MAX;
}

static long file_io(struct file *f, struct uio *u, u64 *pos, bool write)
{
	if (write)
		return f->ops->write ? f->ops->write(f, u, pos) : -EINVAL;
	return f->ops->read ? f->ops->read(f, u, pos) : -EINVAL;
}

/* At the description's own position, which two processes that share it advance one after the other. */
static long stream_io(struct file *f, struct uio *u, bool write)
{
	long r;

	if (!file_seekable(f))
		return file_io(f, u, NULL, write);
	lock(&f->lock);
	r = file_io(f, u, &f->pos, write);
	unlock(&f->lock);
	return r;
}

static long check_mode(const struct file *f, bool write, bool positioned)
{
	if (positioned && !file_seekable(f) && !(f->flags & O_PATH))
		return -ESPIPE;
	return (write ? file_writable(f) : file_readable(f)) ? 0 : -EBADF;
}

static long rw_one(int fd, void __user *p, size_t n, bool write)
{
	struct fd f = fd_get(fd);
	struct iovec iov;
	struct uio u;
	long r;

	if (unlikely(!f.file))
		return -EBADF;
	r = check_mode(f.file, write, false);
	if (likely(!r)) {
		uio_user(&u, &iov, p, io_bytes(n));
		r = unlikely(!access_ok(p, u.resid)) ? -EFAULT : stream_io(f.file, &u, write);
	}
	fd_put(f);
	return r;
}

long sys_read(int fd, void __user *p, size_t n)
{
	return rw_one(fd, p, n, false);
}

long sys_write(int fd, void __user *p, size_t n)
{
	return rw_one(fd, p, n, true);
}

static long rw_one_at(int fd, void __user *p, size_t n, s64 at, bool write)
{
	struct fd f = fd_get(fd);
	u64 pos = (u64)at;
	struct iovec iov;
	struct uio u;
	long r;

	if (unlikely(at < 0))
		r = -EINVAL;
	else
		r = f.file ? check_mode(f.file, write, true) : -EBADF;
	if (likely(!r)) {
		uio_user(&u, &iov, p, io_bytes(n));
		r = unlikely(!access_ok(p, u.resid)) ? -EFAULT : file_io(f.file, &u, &pos, write);
	}
	fd_put(f);
	return r;
}

long sys_pread64(int fd, void __user *p, size_t n, s64 at)
{
	return rw_one_at(fd, p, n, at, false);
}

long sys_pwrite64(int fd, void __user *p, size_t n, s64 at)
{
	return rw_one_at(fd, p, n, at, true);
}

/* Copies and checks the pieces; small ones live on the caller's stack, else *iov is from the heap. */
static long iov_get(struct uio *u, struct iovec **iov, const struct iovec __user *from, u64 count)
{
	struct iovec *v = *iov;
	size_t total = 0;

	if (count > UIO_MAXIOV)
		return -EINVAL;
	if (count > IOV_SMALL)
		v = kmalloc(count * sizeof *v);
	if (!v)
		return -ENOMEM;
	*iov = v;
	if (copy_from_user(v, from, count * sizeof *v))
		return -EFAULT;
	for (u64 k = 0; k < count; k++) {
		if ((s64)v[k].iov_len < 0)
			return -EINVAL;
		if (!access_ok(v[k].iov_base, v[k].iov_len))
			return -EFAULT;
		if (v[k].iov_len > IO_BYTES_MAX - total)
			v[k].iov_len = IO_BYTES_MAX - total;
		total += v[k].iov_len;
	}
	*u = (struct uio){ .iov = v, .count = (u32)count, .resid = total };
	return 0;
}

/* at: -1 for the description's own position */
static long rw_vector(int fd, const struct iovec __user *from, u64 count, s64 at, bool write)
{
	struct iovec small[IOV_SMALL], *iov = small;
	struct fd f = fd_get(fd);
	u64 pos = (u64)at;
	struct uio u;
	long r;

	if (!f.file)
		return -EBADF;
	r = check_mode(f.file, write, at != -1);
	if (!r)
		r = iov_get(&u, &iov, from, count);
	if (!r)
		r = at == -1 ? stream_io(f.file, &u, write) : file_io(f.file, &u, &pos, write);
	if (iov != small)
		kfree(iov);
	fd_put(f);
	return r;
}

long sys_readv(int fd, const struct iovec __user *iov, u64 count)
{
	return rw_vector(fd, iov, count, -1, false);
}

long sys_writev(int fd, const struct iovec __user *iov, u64 count)
{
	return rw_vector(fd, iov, count, -1, true);
}

/* On x86-64 the low word of the position holds all of it. */
long sys_preadv(int fd, const struct iovec __user *iov, u64 count, s64 low)
{
	return low < 0 ? -EINVAL : rw_vector(fd, iov, count, low, false);
}

long sys_pwritev(int fd, const struct iovec __user *iov, u64 count, s64 low)
{
	return low < 0 ? -EINVAL : rw_vector(fd, iov, count, low, true);
}

static long rw_vector_2(int fd, const struct iovec __user *iov, u64 count, s64 low, u32 flags, bool write)
{
	if (flags & ~(u32)RWF_KNOWN)
		return -EOPNOTSUPP;
	if (low < -1)
		return -EINVAL;
	if (write && (flags & RWF_APPEND)) {
		struct fd f = fd_get(fd);
		s64 end = f.file && f.file->inode ? (s64)f.file->inode->size : -1;

		fd_put(f);
		return rw_vector(fd, iov, count, end, true);
	}
	return rw_vector(fd, iov, count, low, write);
}

long sys_preadv2(int fd, const struct iovec __user *iov, u64 count, s64 low, u64 high, u32 flags)
{
	(void)high;
	return rw_vector_2(fd, iov, count, low, flags, false);
}

long sys_pwritev2(int fd, const struct iovec __user *iov, u64 count, s64 low, u64 high, u32 flags)
{
	(void)high;
	return rw_vector_2(fd, iov, count, low, flags, true);
}

long sys_lseek(int fd, s64 offset, int whence)
{
	struct fd f = fd_get(fd);
	long r;

	if (!f.file)
		return -EBADF;
	if (f.file->flags & O_PATH) {
		r = -EBADF;
	} else if ((u32)whence > SEEK_MAX) {
		r = -EINVAL;
	} else if (!file_seekable(f.file)) {
		r = -ESPIPE;
	} else {
		lock(&f.file->lock);
		r = f.file->ops->lseek(f.file, offset, whence);
		unlock(&f.file->lock);
	}
	fd_put(f);
	return r;
}

long file_read_kernel(struct file *f, void *to, size_t n, u64 pos)
{
	struct iovec iov;
	struct uio u;

	if (!f->ops->read)
		return -EINVAL;
	uio_kernel(&u, &iov, to, n);
	return f->ops->read(f, &u, &pos);
}
