/* Bytes from one descriptor to another: sendfile(2), copy_file_range(2); splice and its kin refuse, so that programs fall back
 * to read and write. And what concerns a whole file: truncation, allocation, synchronisation. */
#include "fs.h"

#define BOUNCE_PAGES 16
#define BOUNCE_BYTES (BOUNCE_PAGES * KX_PAGE)

struct transfer {
	struct file *in, *out;
	u64 *in_pos, *out_pos;          /* NULL: a stream's */
	void *bounce;
};

static long kernel_io(struct file *f, void *p, size_t n, u64 *pos, bool write)
{
	struct iovec iov;
	struct uio u;

	uio_kernel(&u, &iov, p, n);
	return write ? f->ops->write(f, &u, pos) : f->ops->read(f, &u, pos);
}

/* What the writer did not take is as if it had not been read. */
static long transfer(struct transfer *t, size_t n)
{
	long done = 0;

	while ((size_t)done < n) {
		size_t piece = n - (size_t)done < BOUNCE_BYTES ? n - (size_t)done : BOUNCE_BYTES;
		u64 before = *t->in_pos;
		long got = kernel_io(t->in, t->bounce, piece, t->in_pos, false), put;

		if (got <= 0)
			return done ? done : got;
		put = kernel_io(t->out, t->bounce, (size_t)got, t->out_pos, true);
		*t->in_pos = before + (put > 0 ? (u64)put : 0);
		if (put <= 0)
			return done ? done : put;
		done += put;
		if (put < got)
			break;
	}
	return done;
}

static long transfer_run(struct transfer *t, size_t n)
{
	long r;

	if (n > IO_BYTES_MAX)
		n = IO_BYTES_MAX;
	t->bounce = pages_alloc(BOUNCE_PAGES);
	if (!t->bounce)
		return -ENOMEM;
	r = transfer(t, n);
	pages_free(t->bounce, BOUNCE_PAGES);
	return r;
}

static long do_sendfile(struct file *out, struct file *in, s64 __user *offset, size_t n)
{
	struct transfer t = { .in = in, .out = out };
	u64 in_pos, out_pos;
	long r;

	if (!file_readable(in))
		return -EBADF;
	if (!file_seekable(in))
		return offset ? -ESPIPE : -EINVAL;
	if (!out || !file_writable(out))
		return -EBADF;
	if (S_ISDIR(in->inode->mode) || !in->ops->read || !out->ops->write || (out->flags & O_APPEND))
		return -EINVAL;
	in_pos = in->pos;
	if (offset && get_user(in_pos, (u64 *)offset))
		return -EFAULT;
	if ((s64)in_pos < 0)
		return -EINVAL;
	out_pos = out->pos;
	t.in_pos = &in_pos;
	t.out_pos = file_seekable(out) ? &out_pos : NULL;
	r = transfer_run(&t, n);
	if (r > 0 && t.out_pos)
		out->pos = out_pos;
	if (r > 0 && !offset)
		in->pos = in_pos;
	if (offset && put_user(in_pos, (u64 *)offset))
		r = -EFAULT;
	return r;
}

long sys_sendfile(int out_fd, int in_fd, s64 __user *offset, size_t n)
{
	struct file *in = file_get(in_fd), *out = file_get(out_fd);
	long r = in ? do_sendfile(out, in, offset, n) : -EBADF;

	file_put(in);
	file_put(out);
	return r;
}

static long copy_offset(const struct file *f, const s64 __user *from, u64 *pos)
{
	*pos = f->pos;
	if (from && get_user(*pos, (const u64 *)from))
		return -EFAULT;
	return (s64)*pos < 0 ? -EINVAL : 0;
}

static long do_copy(struct file *in, s64 __user *in_at, struct file *out, s64 __user *out_at, size_t n)
{
	struct transfer t = { .in = in, .out = out };
	u64 in_pos, out_pos;
	long r;

	if ((in->flags | out->flags) & O_PATH)
		return -EBADF;
	if (!in->inode || !out->inode)
		return -EINVAL;
	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode) || !in->ops->read || !out->ops->write)
		return -EINVAL;
	if (!file_readable(in) || !file_writable(out) || (out->flags & O_APPEND))
		return -EBADF;
	if (in->inode->sb->magic == PROC_SUPER_MAGIC || in->inode->sb->magic == SYSFS_MAGIC)
		return -EXDEV; /* their size says 0: a copy must read to the end */
	if ((r = copy_offset(in, in_at, &in_pos)) || (r = copy_offset(out, out_at, &out_pos)))
		return r;
	if (in_pos >= in->inode->size)
		return 0;
	if (n > in->inode->size - in_pos)
		n = in->inode->size - in_pos;
	if (in->inode == out->inode && in_pos < out_pos + n && out_pos < in_pos + n)
		return -EINVAL;
	t.in_pos = &in_pos;
	t.out_pos = &out_pos;
	r = transfer_run(&t, n);
	if (r <= 0)
		return r;
	if (!in_at)
		in->pos = in_pos;
	else if (put_user(in_pos, (u64 *)in_at))
		return -EFAULT;
	if (!out_at)
		out->pos = out_pos;
	else if (put_user(out_pos, (u64 *)out_at))
		return -EFAULT;
	return r;
}

long sys_copy_file_range(int in_fd, s64 __user *in_at, int out_fd, s64 __user *out_at, size_t n, u32 flags)
{
	struct file *in, *out;
	long r;

	if (flags)
		return -EINVAL;
	in = file_get(in_fd);
	out = file_get(out_fd);
	r = in && out ? do_copy(in, in_at, out, out_at, n) : -EBADF;
	file_put(in);
	file_put(out);
	return r;
}

long sys_splice(void)
{
	return -EINVAL;
}

long sys_tee(void)
{
	return -EINVAL;
}

long sys_vmsplice(void)
{
	return -EINVAL;
}
