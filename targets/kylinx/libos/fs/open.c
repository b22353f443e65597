/* Opening: open(2) and its kin with all their flags, memfd_create(2), and how the LibOS itself opens files. */
#include "fs.h"
#include <linux/openat2.h>
#include <linux/memfd.h>

#define OPEN_KNOWN (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | FASYNC | O_DIRECT | \
	O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_SYNC | O_PATH | O_TMPFILE)
#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)
#define NOT_KEPT (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC) /* not part of the description */

static const struct file_ops path_only_ops;

long path_open(struct path *p, u32 flags, struct file **out)
{
	if (flags & O_PATH) {
		*out = file_create_at(&path_only_ops, p, flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW));
		return *out ? 0 : -ENOMEM;
	}
	return p->inode->ops->open ? p->inode->ops->open(p, flags & ~(u32)NOT_KEPT, out) : -ENXIO;
}

static u32 access_mask(u32 flags)
{
	static const u8 mask[4] = { 4, 2, 6, 6 };

	return mask[flags & O_ACCMODE] | (flags & O_TRUNC ? 2u : 0);
}

/* Opens what the walk came to. */
static long open_found(struct path *p, u32 flags, bool created, struct file **out)
{
	u32 mode = p->inode->mode;
	long r = 0;

	if ((flags & O_DIRECTORY) && !S_ISDIR(mode))
		return -ENOTDIR;
	if (S_ISLNK(mode) && !(flags & O_PATH))
		return -ELOOP;
	if (flags & O_PATH)
		return path_open(p, flags, out);
	if (S_ISDIR(mode) && ((flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE)))
		return -EISDIR;
	if (!created)
		r = inode_permission(p->inode, access_mask(flags));
	if (r)
		return r;
	if ((flags & O_NOATIME) && !inode_owner_or_root(p->inode))
		return -EPERM;
	if ((flags & O_TRUNC) && !created && S_ISREG(mode) && p->inode->ops->truncate)
		r = p->inode->ops->truncate(p, p->inode, 0);
	return r ? r : path_open(p, flags, out);
}

static u32 creation_mode(u32 mode)
{
	return mode & 07777 & ~current->proc->fs->umask;
}

static long create_child(struct path *dir, struct name n, u32 mode, struct path **out)
{
	struct new_inode what = { .mode = S_IFREG | creation_mode(mode) };
	long r = inode_permission(dir->inode, 3);

	if (r)
		return r;
	return dir->inode->ops->create ? dir->inode->ops->create(dir, n, &what, out) : -EACCES;
}

static bool is_dots(struct name n)
{
	return (n.n == 1 && n.s[0] == '.') || (n.n == 2 && n.s[0] == '.' && n.s[1] == '.');
}

/* The last component of an open with O_CREAT: there already, made now, or (*again) a link that the walk must follow. */
static long open_last(struct walk *w, u32 flags, u32 mode, struct file **out, bool *again)
{
	struct path *p = NULL;
	bool created = false;
	long r;

	if (!w->last.n) /* "/", or where a magic link led */
		return flags & O_EXCL ? -EEXIST : open_found(w->at, flags, false, out);
	if (is_dots(w->last))
		return flags & O_EXCL ? -EEXIST : -EISDIR;
	if (w->trailing)
		return -EISDIR;
	r = path_lookup_child(w->at, w->last, &p);
	if (r == -ENOENT) {
		r = create_child(w->at, w->last, mode, &p);
		created = !r;
		*again = r == -EEXIST && !(flags & O_EXCL) && ++w->links < 40; /* somebody was quicker */
		if (*again)
			w->rest = w->last.s;
	} else if (!r && (flags & O_EXCL)) {
		r = -EEXIST;
	} else if (!r && S_ISLNK(p->inode->mode) && !(flags & O_NOFOLLOW)) {
		r = walk_symlink(w, p);
		*again = !r;
	}
	if (!r && !*again)
		r = open_found(p, flags, created, out);
	path_put(p);
	return r;
}

static long open_create(int dirfd, const char *name, u32 flags, u32 mode, u32 walk_flags, struct file **out)
{
	struct walk w;
	bool again;
	long r = walk_begin(&w, dirfd, name, walk_flags | WALK_PARENT);

	if (r)
		return r;
	do {
		again = false;
		r = walk_step(&w);
		if (!r)
			r = open_last(&w, flags, mode, out, &again);
	} while (again);
	walk_end(&w);
	return r;
}

/* A file without a name in the file system of the directory; linkat(2) may give it one. */
static long open_tmpfile(struct path *dir, u32 flags, u32 mode, struct file **out)
{
	struct new_inode what = { .mode = S_IFREG | creation_mode(mode) };
	struct inode *i;
	struct path *p;
	char name[32];
	long r;

	if (!S_ISDIR(dir->inode->mode))
		return -ENOTDIR;
	if (dir->inode->ops != &ramfs_dir_ops)
		return -EOPNOTSUPP;
	r = inode_permission(dir->inode, 3);
	if (r)
		return r;
	i = ramfs_inode(dir->inode->sb, &what);
	if (!i)
		return -ENOMEM;
	i->nlink = 0;
	ramfs_inherit(dir->inode, i);
	snprintf(name, sizeof name, "#%lu", i->ino);
	p = path_create(dir, (struct name){ name, (u32)strlen(name) }, i);
	if (!p)
		return -ENOMEM;
	r = path_open(p, flags, out);
	path_put(p);
	return r;
}

/* Flags that go together; O_PATH makes most of them void. */
static long open_flags(u32 *flags)
{
	if (*flags & O_PATH)
		*flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((*flags & TMPFILE) && ((*flags & (O_TMPFILE | O_CREAT)) != O_TMPFILE || !(*flags & O_ACCMODE)))
		return -EINVAL;
	return (*flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY) ? -EINVAL : 0;
}

static long open_at(int dirfd, const char *name, u32 flags, u32 mode, u32 walk_flags, struct file **out)
{
	bool tmpfile = flags & TMPFILE;
	struct path *p;
	long r;

	if (!*name)
		return -ENOENT;
	if (flags & O_CREAT)
		return open_create(dirfd, name, flags, mode, walk_flags, out);
	if (!(flags & O_NOFOLLOW))
		walk_flags |= WALK_FOLLOW;
	r = path_lookup(dirfd, name, walk_flags, &p);
	if (r)
		return r;
	r = tmpfile ? open_tmpfile(p, flags, mode, out) : open_found(p, flags, false, out);
	path_put(p);
	return r;
}

static long open_user(int dirfd, const char __user *name, u32 flags, u32 mode, u32 walk_flags)
{
	struct user_name n;
	struct file *f;
	long r = open_flags(&flags);

	if (!r)
		r = user_name_get(&n, name, false);
	if (r)
		return r;
	r = open_at(dirfd, n.s, flags, mode, walk_flags, &f);
	user_name_put(&n);
	return r ? r : fd_install(f, flags & O_CLOEXEC, 0);
}

long sys_openat(int dirfd, const char __user *name, u32 flags, u32 mode)
{
	return open_user(dirfd, name, (flags & OPEN_KNOWN) | (flags & O_PATH ? 0 : O_LARGEFILE), mode, 0);
}

long sys_open(const char __user *name, u32 flags, u32 mode)
{
	return sys_openat(AT_FDCWD, name, flags, mode);
}

long sys_creat(const char __user *name, u32 mode)
{
	return sys_openat(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_openat2(int dirfd, const char __user *name, const struct open_how __user *from, size_t size)
{
	static const struct { u64 resolve; u32 walk; } map[] = {
		{ RESOLVE_NO_XDEV, WALK_NO_XDEV }, { RESOLVE_NO_MAGICLINKS, WALK_NO_MAGIC },
		{ RESOLVE_NO_SYMLINKS, WALK_NO_SYMLINKS | WALK_NO_MAGIC }, { RESOLVE_BENEATH, WALK_BENEATH },
		{ RESOLVE_IN_ROOT, WALK_IN_ROOT },
	};
	u32 walk = 0;
	struct open_how how;

	if (size < sizeof how)
		return -EINVAL;
	if (size > sizeof how)
		return -E2BIG;
	if (get_user(how, from))
		return -EFAULT;
	for (u32 k = 0; k < ARRAY_SIZE(map); k++)
		if (how.resolve & map[k].resolve) {
			walk |= map[k].walk;
			how.resolve &= ~map[k].resolve;
		}
	if ((walk & WALK_BENEATH) && (walk & WALK_IN_ROOT))
		return -EINVAL;
	if (how.resolve || (how.flags & ~(u64)OPEN_KNOWN) || (how.mode & ~07777ull))
		return -EINVAL;
	if (how.mode && !(how.flags & (O_CREAT | TMPFILE)))
		return -EINVAL;
	return open_user(dirfd, name, (u32)how.flags | (how.flags & O_PATH ? 0 : O_LARGEFILE), (u32)how.mode, walk);
}

struct file *open_kernel(const char *path, u32 flags, u32 mode, long *err)
{
	struct file *f = NULL;

	*err = open_flags(&flags);
	if (!*err)
		*err = open_at(AT_FDCWD, path, flags, mode, 0, &f);
	return *err ? NULL : f;
}

long sys_memfd_create(const char __user *name, u32 flags)
{
	char full[7 + 249 + 1] = "memfd:";
	struct inode *i;
	struct path *p;
	struct file *f;
	long r;

	if (flags & ~(u32)(MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x8u /* NOEXEC_SEAL */ | 0x10u /* EXEC */))
		return -EINVAL;
	r = strncpy_from_user(full + 6, name, 250);
	if (r < 0 || r == 250)
		return r < 0 ? r : -EINVAL;
	i = ramfs_inode(&shm_sb, &(struct new_inode){ .mode = S_IFREG | 0777 });
	if (!i)
		return -ENOMEM;
	i->nlink = 0;
	i->file.seals = flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
	p = nameless_path(&shm_sb, full, i);
	if (!p)
		return -ENOMEM;
	r = path_open(p, O_RDWR | O_LARGEFILE, &f);
	path_put(p);
	return r ? r : fd_install(f, flags & MFD_CLOEXEC, 0);
}
