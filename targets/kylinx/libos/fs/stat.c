/* Looking at files: stat(2) and its kin, statx, statfs, access, readlink. */
#include "fs.h"

/* Descriptors without an inode: pipes, sockets, anonymous ones. */
static void stat_anonymous(const struct file *f, struct stat *st)
{
	static const u32 type[] = { [KX_FILE_PIPE] = S_IFIFO | 0600, [KX_FILE_SOCKET] = S_IFSOCK | 0777,
		[KX_FILE_CONSOLE] = S_IFCHR | 0620 };

	memset(st, 0, sizeof *st);
	st->st_mode = f->kind < ARRAY_SIZE(type) && type[f->kind] ? type[f->kind] : 0600;
	st->st_dev = anon_sb.dev;
	st->st_ino = ((u64)f->data >> 4) & 0xffffffff;
	st->st_nlink = 1;
	st->st_blksize = KX_PAGE;
	if (f->kind == KX_FILE_CONSOLE)
		st->st_rdev = 0x501;
}

long file_stat(struct file *f, struct stat *st)
{
	if (f->path)
		return path_getattr(f->path, st);
	if (f->inode)
		inode_stat(f->inode, st);
	else
		stat_anonymous(f, st);
	return 0;
}

static long stat_fd(int fd, struct stat *st)
{
	struct fd f = fd_get(fd);
	long r;

	if (!f.file)
		return -EBADF;
	r = file_stat(f.file, st);
	fd_put(f);
	return r;
}

static long stat_name(int dirfd, const char __user *name, u32 flags, struct stat *st)
{
	u32 walk = flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
	struct path *p;
	long r = path_lookup_user(dirfd, name, flags, walk, &p);

	if (r)
		return r;
	r = path_getattr(p, st);
	path_put(p);
	return r;
}

long sys_stat(const char __user *name, struct stat __user *to)
{
	struct stat st;
	long r = stat_name(AT_FDCWD, name, 0, &st);

	return r ? r : copy_to_user(to, &st, sizeof st);
}

long sys_lstat(const char __user *name, struct stat __user *to)
{
	struct stat st;
	long r = stat_name(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, &st);

	return r ? r : copy_to_user(to, &st, sizeof st);
}

long sys_fstat(int fd, struct stat __user *to)
{
	struct stat st;
	long r = stat_fd(fd, &st);

	return r ? r : copy_to_user(to, &st, sizeof st);
}

/* glibc's fstat is newfstatat(fd, "", AT_EMPTY_PATH): worth a way around the walk */
static bool is_empty(const char __user *name, u32 flags)
{
	char first = 1;

	return (flags & AT_EMPTY_PATH) && (!name || (!get_user(first, name) && !first));
}

static long stat_any(int dirfd, const char __user *name, u32 flags, struct stat *st)
{
	if (dirfd >= 0 && is_empty(name, flags))
		return stat_fd(dirfd, st);
	return stat_name(dirfd, name, flags, st);
}

long sys_newfstatat(int dirfd, const char __user *name, struct stat __user *to, u32 flags)
{
	struct stat st;
	long r;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	r = stat_any(dirfd, name, flags, &st);
	return r ? r : copy_to_user(to, &st, sizeof st);
}

static struct statx_timestamp statx_time(unsigned long seconds, unsigned long rest)
{
	return (struct statx_timestamp){ .tv_sec = (s64)seconds, .tv_nsec = (u32)rest };
}

long sys_statx(int dirfd, const char __user *name, u32 flags, u32 mask, struct statx __user *to)
{
	struct statx x = { 0 };
	struct stat st;
	long r;

	if ((flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) || (mask & STATX__RESERVED) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	r = stat_any(dirfd, name, flags, &st);
	if (r)
		return r;
	x.stx_mask = STATX_BASIC_STATS;
	x.stx_blksize = (u32)st.st_blksize;
	x.stx_nlink = (u32)st.st_nlink;
	x.stx_uid = st.st_uid;
	x.stx_gid = st.st_gid;
	x.stx_mode = (u16)st.st_mode;
	x.stx_ino = st.st_ino;
	x.stx_size = (u64)st.st_size;
	x.stx_blocks = (u64)st.st_blocks;
	x.stx_atime = statx_time(st.st_atime, st.st_atime_nsec);
	x.stx_mtime = statx_time(st.st_mtime, st.st_mtime_nsec);
	x.stx_ctime = statx_time(st.st_ctime, st.st_ctime_nsec);
	x.stx_rdev_major = (u32)(st.st_rdev >> 8 & 0xfff);
	x.stx_rdev_minor = (u32)(st.st_rdev & 0xff);
	x.stx_dev_major = (u32)(st.st_dev >> 8 & 0xfff);
	x.stx_dev_minor = (u32)(st.st_dev & 0xff);
	return copy_to_user(to, &x, sizeof x);
}

static long give_statfs(const struct superblock *sb, struct statfs __user *to)
{
	struct statfs s = { .f_type = sb->magic, .f_bsize = KX_PAGE, .f_frsize = KX_PAGE, .f_namelen = NAME_BYTES,
		.f_flags = 0x20 | 0x400 }; /* ST_VALID, ST_NOATIME */

	s.f_fsid.val[0] = (int)sb->dev;
	if (sb->magic == TMPFS_MAGIC) {
		u64 used = heap_bytes_used();

		s.f_blocks = (long)(boot_info->memory_limit / KX_PAGE);
		s.f_bfree = s.f_bavail = used < boot_info->memory_limit ? (long)((boot_info->memory_limit - used) / KX_PAGE) : 0;
		s.f_files = 1 << 20;
		s.f_ffree = (1 << 20) - (long)(sb->last_ino < 1 << 20 ? sb->last_ino : 1 << 20);
	}
	return copy_to_user(to, &s, sizeof s);
}

long sys_statfs(const char __user *name, struct statfs __user *to)
{
	struct path *p;
	long r = path_lookup_user(AT_FDCWD, name, 0, WALK_FOLLOW, &p);

	if (r)
		return r;
	r = give_statfs(p->inode->sb, to);
	path_put(p);
	return r;
}

long sys_fstatfs(int fd, struct statfs __user *to)
{
	struct fd f = fd_get(fd);
	long r;

	if (!f.file)
		return -EBADF;
	r = give_statfs(f.file->inode ? f.file->inode->sb : &anon_sb, to);
	fd_put(f);
	return r;
}

static long access_as_fsuid(int dirfd, const char __user *name, u32 mode, u32 flags)
{
	u32 walk = flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW;
	struct path *p;
	long r = path_lookup_user(dirfd, name, flags, walk, &p);

	if (r)
		return r;
	if (mode)
		r = inode_permission(p->inode, mode);
	if (!r && (mode & 2) && superblock_read_only(p->inode->sb) && (S_ISREG(p->inode->mode) || S_ISDIR(p->inode->mode)))
		r = -EROFS;
	path_put(p);
	return r;
}

/* The question is of the real user, the walk included; nothing else runs in this process meanwhile. */
long sys_faccessat2(int dirfd, const char __user *name, u32 mode, u32 flags)
{
	struct credentials *c = &current->proc->cred;
	u32 uid = c->fsuid, gid = c->fsgid;
	long r;

	if ((mode & ~7u) || (flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	if (!(flags & AT_EACCESS)) {
		c->fsuid = c->uid;
		c->fsgid = c->gid;
	}
	r = access_as_fsuid(dirfd, name, mode, flags);
	c->fsuid = uid;
	c->fsgid = gid;
	return r;
}

long sys_faccessat(int dirfd, const char __user *name, u32 mode)
{
	return sys_faccessat2(dirfd, name, mode, 0);
}

long sys_access(const char __user *name, u32 mode)
{
	return sys_faccessat2(AT_FDCWD, name, mode, 0);
}

long sys_readlinkat(int dirfd, const char __user *name, char __user *to, s32 n)
{
	struct path *p;
	char *text;
	long r;

	if (n <= 0)
		return -EINVAL;
	r = path_lookup_user(dirfd, name, AT_EMPTY_PATH, 0, &p);
	if (r)
		return r;
	r = p->inode->ops->readlink ? 0 : -EINVAL;
	text = r ? NULL : kmalloc(PATH_MAX);
	if (text) {
		r = p->inode->ops->readlink(p, text, PATH_MAX);
		if (r > n)
			r = n;
		if (r > 0 && copy_to_user(to, text, (size_t)r))
			r = -EFAULT;
		kfree(text);
	} else if (!r) {
		r = -ENOMEM;
	}
	path_put(p);
	return r;
}

long sys_readlink(const char __user *name, char __user *to, s32 n)
{
	char first = 1;

	if (n > 0 && !get_user(first, name) && !first)
		return -ENOENT;
	return sys_readlinkat(AT_FDCWD, name, to, n);
}
