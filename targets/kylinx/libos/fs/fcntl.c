/* fcntl(2), and the ioctl(2) that every descriptor knows. */
#include "fs.h"
#include "../ipc/ipc.h"
#include <linux/memfd.h>

#define SETFL_MASK (O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME)

static long set_owner(struct file *f, u32 cmd, u64 arg)
{
	struct f_owner_ex o;

	if (cmd == F_SETOWN) {
		s32 who = (s32)arg;

		if (who == INT32_MIN)
			return -EINVAL;
		o = (struct f_owner_ex){ who < 0 ? F_OWNER_PGRP : F_OWNER_PID, who < 0 ? -who : who };
	} else if (get_user(o, (struct f_owner_ex __user *)arg)) {
		return -EFAULT;
	}
	if (o.type != F_OWNER_TID && o.type != F_OWNER_PID && o.type != F_OWNER_PGRP)
		return -EINVAL;
	f->owner = o.pid;
	f->owner_type = (u32)o.type;
	return 0;
}

static long get_owner(struct file *f, u32 cmd, u64 arg)
{
	struct f_owner_ex o = { (int)f->owner_type, f->owner };

	if (cmd == F_GETOWN)
		return f->owner_type == F_OWNER_PGRP ? -f->owner : f->owner;
	return copy_to_user((void *)arg, &o, sizeof o);
}

static long seals(struct file *f, u32 cmd, u64 arg)
{
	struct inode *i = f->inode;
	long r = 0;

	if (f->ops != &tmpfs_file_ops || i->sb != &shm_sb)
		return -EINVAL;
	if (cmd == F_GET_SEALS)
		return (long)i->file.seals;
	if (!file_writable(f))
		return -EPERM;
	if (arg & ~(u64)(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EINVAL;
	lock(&i->lock);
	if (i->file.seals & F_SEAL_SEAL)
		r = -EPERM;
	else
		i->file.seals |= (u32)arg;
	unlock(&i->lock);
	return r;
}

static long do_fcntl(struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_SETFL:
		f->flags = (f->flags & ~(u32)SETFL_MASK) | ((u32)arg & SETFL_MASK);
		return 0;
	case F_SETOWN: case F_SETOWN_EX:
		return set_owner(f, cmd, arg);
	case F_GETOWN: case F_GETOWN_EX:
		return get_owner(f, cmd, arg);
	case F_SETSIG:
		if (arg > 64)
			return -EINVAL;
		f->signal = (u32)arg;
		return 0;
	case F_GETSIG:
		return (long)f->signal;
	case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
		return fcntl_lock(f, cmd, arg);
	case F_ADD_SEALS: case F_GET_SEALS:
		return seals(f, cmd, arg);
	case F_SETPIPE_SZ: case F_GETPIPE_SZ:
		return f->kind == KX_FILE_PIPE ? pipe_fcntl(f, cmd, arg) : -EBADF;
	case F_GETLEASE:
		return F_UNLCK;
	}
	return -EINVAL;
}

long sys_fcntl(int fd, u32 cmd, u64 arg)
{
	struct fd f = fd_get(fd);
	long r;

	if (!f.file)
		return -EBADF;
	switch (cmd) {
	case F_DUPFD: case F_DUPFD_CLOEXEC:
		r = arg >= current->proc->rlimit[RLIMIT_NOFILE].rlim_cur ? -EINVAL :
			fd_install(file_ref(f.file), cmd == F_DUPFD_CLOEXEC, (u32)arg);
		break;
	case F_GETFD:
		r = fd_cloexec(fd, -1);
		break;
	case F_SETFD:
		r = fd_cloexec(fd, arg & FD_CLOEXEC);
		break;
	case F_GETFL:
		r = (long)(f.file->flags & ~(u32)(O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC));
		break;
	default:
		r = f.file->flags & O_PATH ? -EBADF : do_fcntl(f.file, cmd, arg);
	}
	fd_put(f);
	return r;
}

static long do_ioctl(int fd, struct file *f, u32 cmd, u64 arg)
{
	int value = 0;
	long r;

	switch (cmd) {
	case FIOCLEX: case FIONCLEX:
		return fd_cloexec(fd, cmd == FIOCLEX);
	case FIONBIO: case FIOASYNC:
		if (get_user(value, (int __user *)arg))
			return -EFAULT;
		if (value)
			f->flags |= cmd == FIONBIO ? O_NONBLOCK : FASYNC;
		else
			f->flags &= ~(u32)(cmd == FIONBIO ? O_NONBLOCK : FASYNC);
		if (cmd == FIONBIO || !f->ops->ioctl)
			return 0;
		r = f->ops->ioctl(f, cmd, arg); /* a socket may want to know */
		return r == -ENOTTY ? 0 : r;
	case FIONREAD:
		if (f->ops == &tmpfs_file_ops) {
			value = f->inode->size > f->pos ? (int)(f->inode->size - f->pos) : 0;
			return copy_to_user((void *)arg, &value, sizeof value);
		}
		break;
	}
	return f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
}

long sys_ioctl(int fd, u32 cmd, u64 arg)
{
	struct fd f = fd_get(fd);
	long r;

	if (!f.file)
		return -EBADF;
	r = f.file->flags & O_PATH ? -EBADF : do_ioctl(fd, f.file, cmd, arg);
	fd_put(f);
	return r;
}
