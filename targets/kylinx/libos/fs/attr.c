/* Changing what a file is like: chmod, chown, utimensat and their kin. */
#include "fs.h"

#define NS 1000000000ll

static long set_mode(struct path *p, u32 mode)
{
	struct attributes a = { .valid = ATTR_MODE, .mode = mode & 07777 };

	if (S_ISLNK(p->inode->mode))
		return -EOPNOTSUPP;
	if (current->proc->cred.fsuid && !current_in_group(p->inode->gid))
		a.mode &= ~(u32)S_ISGID;
	return inode_owner_or_root(p->inode) ? path_setattr(p, &a) : -EPERM;
}

static long set_owner(struct path *p, u32 uid, u32 gid)
{
	struct attributes a = { .uid = uid, .gid = gid };
	u32 mode = p->inode->mode, who = current->proc->cred.fsuid;

	if (who && uid != ~0u && (who != p->inode->uid || uid != who))
		return -EPERM;
	if (who && gid != ~0u && (who != p->inode->uid || (gid != p->inode->gid && !current_in_group(gid))))
		return -EPERM;
	a.valid = (uid != ~0u ? ATTR_UID : 0) | (gid != ~0u ? ATTR_GID : 0);
	if (!S_ISDIR(mode) && (mode & (S_ISUID | S_ISGID))) {
		a.mode = mode & 07777 & ~(u32)S_ISUID;
		if ((mode & S_IXGRP) || (who && !current_in_group(p->inode->gid)))
			a.mode &= ~(u32)S_ISGID;
		if (a.mode != (mode & 07777))
			a.valid |= ATTR_MODE;
		if ((a.valid & ATTR_MODE) && !inode_owner_or_root(p->inode))
			return -EPERM;
	}
	return path_setattr(p, &a);
}

static long with_name(int dirfd, const char __user *name, u32 flags, struct path **p)
{
	return path_lookup_user(dirfd, name, flags, flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, p);
}

/* A path for a descriptor: its own, or one that stands for it. */
static long with_fd(int fd, struct path **p)
{
	struct fd f = fd_get(fd);
	long r = 0;

	if (!f.file || (f.file->flags & O_PATH)) {
		fd_put(f);
		return -EBADF;
	}
	*p = f.file->path ? path_ref(f.file->path) : file_reference_path(f.file);
	if (!*p)
		r = -ENOMEM;
	fd_put(f);
	return r;
}

long sys_fchmodat2(int dirfd, const char __user *name, u32 mode, u32 flags)
{
	struct path *p;
	long r;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = with_name(dirfd, name, flags, &p);
	if (r)
		return r;
	r = set_mode(p, mode);
	path_put(p);
	return r;
}

long sys_fchmodat(int dirfd, const char __user *name, u32 mode)
{
	return sys_fchmodat2(dirfd, name, mode, 0);
}

long sys_chmod(const char __user *name, u32 mode)
{
	return sys_fchmodat2(AT_FDCWD, name, mode, 0);
}

long sys_fchmod(int fd, u32 mode)
{
	struct path *p;
	long r = with_fd(fd, &p);

	if (r)
		return r;
	r = set_mode(p, mode);
	path_put(p);
	return r;
}

long sys_fchownat(int dirfd, const char __user *name, u32 uid, u32 gid, u32 flags)
{
	struct path *p;
	long r;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = with_name(dirfd, name, flags, &p);
	if (r)
		return r;
	r = set_owner(p, uid, gid);
	path_put(p);
	return r;
}

long sys_chown(const char __user *name, u32 uid, u32 gid)
{
	return sys_fchownat(AT_FDCWD, name, uid, gid, 0);
}

long sys_lchown(const char __user *name, u32 uid, u32 gid)
{
	return sys_fchownat(AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, u32 uid, u32 gid)
{
	struct path *p;
	long r = with_fd(fd, &p);

	if (r)
		return r;
	r = set_owner(p, uid, gid);
	path_put(p);
	return r;
}

static long set_times(int dirfd, const char __user *name, u32 flags, struct attributes *a, bool any_writer, long bad)
{
	struct path *p;
	long r = name ? with_name(dirfd, name, flags, &p) : with_fd(dirfd, &p);

	if (r)
		return r;
	if (bad)
		r = bad;
	else if (!inode_owner_or_root(p->inode))
		r = any_writer ? inode_permission(p->inode, 2) : -EPERM;
	if (!r && a->valid)
		r = path_setattr(p, a);
	path_put(p);
	return r;
}

/* One of the two times; -EINVAL for what is no time (asked only after the file was found). */
static long time_of(const struct timespec *t, u32 bit, s64 *ns, struct attributes *a)
{
	if (t->tv_nsec == UTIME_OMIT)
		a->valid &= ~bit;
	else if (t->tv_nsec == UTIME_NOW)
		*ns = (s64)now_real_ns();
	else if (t->tv_nsec < 0 || t->tv_nsec >= NS)
		return -EINVAL;
	else
		*ns = t->tv_sec * NS + t->tv_nsec;
	return 0;
}

/* times NULL: now. A NULL name means the descriptor itself. */
long sys_utimensat(int dirfd, const char __user *name, const struct timespec __user *times, u32 flags)
{
	struct attributes a = { .valid = ATTR_ATIME | ATTR_MTIME };
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	long bad;

	if (times && copy_from_user(t, times, sizeof t))
		return -EFAULT;
	if (t[0].tv_nsec == UTIME_OMIT && t[1].tv_nsec == UTIME_OMIT)
		return 0;
	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) || (!name && flags))
		return -EINVAL;
	if (!name && dirfd == AT_FDCWD)
		return -EFAULT;
	bad = time_of(&t[0], ATTR_ATIME, &a.atime_ns, &a);
	if (!bad)
		bad = time_of(&t[1], ATTR_MTIME, &a.mtime_ns, &a);
	return set_times(dirfd, name, flags, &a, t[0].tv_nsec == UTIME_NOW && t[1].tv_nsec == UTIME_NOW, bad);
}

struct user_timeval { s64 sec, usec; };

long sys_futimesat(int dirfd, const char __user *name, const struct user_timeval __user *times)
{
	struct attributes a = { .valid = ATTR_ATIME | ATTR_MTIME };
	struct user_timeval t[2];

	a.atime_ns = a.mtime_ns = (s64)now_real_ns();
	if (times) {
		if (copy_from_user(t, times, sizeof t))
			return -EFAULT;
		if (t[0].usec < 0 || t[0].usec >= 1000000 || t[1].usec < 0 || t[1].usec >= 1000000)
			return -EINVAL;
		a.atime_ns = t[0].sec * NS + t[0].usec * 1000;
		a.mtime_ns = t[1].sec * NS + t[1].usec * 1000;
	}
	return set_times(dirfd, name, 0, &a, !times, 0);
}

long sys_utimes(const char __user *name, const struct user_timeval __user *times)
{
	return name ? sys_futimesat(AT_FDCWD, name, times) : -EFAULT;
}

long sys_utime(const char __user *name, const s64 __user *times)
{
	struct attributes a = { .valid = ATTR_ATIME | ATTR_MTIME };
	s64 t[2];

	a.atime_ns = a.mtime_ns = (s64)now_real_ns();
	if (times) {
		if (copy_from_user(t, times, sizeof t))
			return -EFAULT;
		a.atime_ns = t[0] * NS;
		a.mtime_ns = t[1] * NS;
	}
	return name ? set_times(AT_FDCWD, name, 0, &a, !times, 0) : -EFAULT;
}
