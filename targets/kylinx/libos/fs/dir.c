/* Calls that change or list directories: getdents64, mkdir, rmdir, unlink, rename, link, symlink, mknod. */
#include "fs.h"
#include "ramdir.h"

/* A name to be made, changed or removed: walked to its directory. The caller ends with target_end. */
struct target { struct user_name text; struct walk walk; };

static long target_walk(struct target *t, int dirfd, const char *name)
{
	long r = walk_begin(&t->walk, dirfd, name, WALK_PARENT);

	if (r)
		return r;
	r = walk_step(&t->walk);
	if (r)
		walk_end(&t->walk);
	return r;
}

static long target_begin(struct target *t, int dirfd, const char __user *name)
{
	long r = user_name_get(&t->text, name, false);

	if (r)
		return r;
	r = target_walk(t, dirfd, t->text.s);
	if (r)
		user_name_put(&t->text);
	return r;
}

static void target_end(struct target *t)
{
	walk_end(&t->walk);
	user_name_put(&t->text);
}

static u32 dots(struct name n) /* 1: ".", 2: "..", 0: neither */
{
	return n.n == 1 && n.s[0] == '.' ? 1 : n.n == 2 && n.s[0] == '.' && n.s[1] == '.' ? 2 : 0;
}

/* May a name be made in the directory? -EEXIST comes before the question of permission, as in Linux. */
static long may_create(struct target *t, bool directory)
{
	struct path *there;
	long r;

	if (!t->walk.last.n || dots(t->walk.last))
		return -EEXIST;
	r = path_lookup_child(t->walk.at, t->walk.last, &there);
	if (!r) {
		path_put(there);
		return -EEXIST;
	}
	if (r != -ENOENT)
		return r;
	if ((t->walk.trailing && !directory) || !t->walk.at->inode->nlink) /* in a removed directory nothing is made */
		return -ENOENT;
	return inode_permission(t->walk.at->inode, 3);
}

static long create_target(struct target *t, const struct new_inode *what, struct path **out)
{
	const struct inode_ops *ops = t->walk.at->inode->ops;
	long r = may_create(t, S_ISDIR(what->mode));

	if (r)
		return r;
	return ops->create ? ops->create(t->walk.at, t->walk.last, what, out) : -EPERM;
}

static long create_at(int dirfd, const char __user *name, const struct new_inode *what)
{
	struct target t;
	struct path *p;
	long r = target_begin(&t, dirfd, name);

	if (r)
		return r;
	r = create_target(&t, what, &p);
	if (!r)
		path_put(p);
	target_end(&t);
	return r;
}

/* A socket's name: bind(2) of AF_UNIX. */
long inode_create_socket(const char *name, void *socket, struct inode **out)
{
	struct new_inode what = { .mode = S_IFSOCK | (0777 & ~current->proc->fs->umask), .private = socket };
	struct target t;
	struct path *p;
	long r = target_walk(&t, AT_FDCWD, name);

	if (r)
		return r;
	r = create_target(&t, &what, &p);
	if (!r) {
		*out = inode_ref(p->inode);
		path_put(p);
	}
	walk_end(&t.walk);
	return r == -EEXIST ? -EADDRINUSE : r;
}

struct inode *inode_lookup_socket(const char *name, long *err)
{
	struct inode *i = NULL;
	struct path *p;

	*err = path_lookup(AT_FDCWD, name, WALK_FOLLOW, &p);
	if (*err)
		return NULL;
	*err = S_ISSOCK(p->inode->mode) ? inode_permission(p->inode, 2) : -ECONNREFUSED;
	if (!*err)
		i = inode_ref(p->inode);
	path_put(p);
	return i;
}

void *inode_socket(struct inode *i)
{
	return S_ISSOCK(i->mode) ? i->private : NULL;
}

long sys_mkdirat(int dirfd, const char __user *name, u32 mode)
{
	struct new_inode what = { .mode = S_IFDIR | (mode & 01777 & ~current->proc->fs->umask) };

	return create_at(dirfd, name, &what);
}

long sys_mkdir(const char __user *name, u32 mode)
{
	return sys_mkdirat(AT_FDCWD, name, mode);
}

long sys_mknodat(int dirfd, const char __user *name, u32 mode, u64 rdev)
{
	struct new_inode what = { .mode = (mode & S_IFMT) | (mode & 07777 & ~current->proc->fs->umask), .rdev = rdev };

	if (!(mode & S_IFMT))
		what.mode |= S_IFREG;
	switch (what.mode & S_IFMT) {
	case S_IFCHR: case S_IFBLK:
		if (current->proc->cred.fsuid)
			return -EPERM;
		break;
	case S_IFREG: case S_IFIFO: case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return create_at(dirfd, name, &what);
}

long sys_mknod(const char __user *name, u32 mode, u64 rdev)
{
	return sys_mknodat(AT_FDCWD, name, mode, rdev);
}

long sys_symlinkat(const char __user *target, int dirfd, const char __user *name)
{
	struct new_inode what = { .mode = S_IFLNK | 0777 };
	struct user_name text;
	long r = user_name_get(&text, target, false);

	if (r)
		return r;
	what.target = text.s;
	r = create_at(dirfd, name, &what);
	user_name_put(&text);
	return r;
}

long sys_symlink(const char __user *target, const char __user *name)
{
	return sys_symlinkat(target, AT_FDCWD, name);
}

static long do_link(struct path *old, struct target *t)
{
	long r = may_create(t, false);

	if (r)
		return r;
	if (old->inode->sb != t->walk.at->inode->sb)
		return -EXDEV;
	if (S_ISDIR(old->inode->mode))
		return -EPERM;
	if (!old->inode->nlink && old->linked)
		return -ENOENT;
	return t->walk.at->inode->ops->link ? t->walk.at->inode->ops->link(t->walk.at, t->walk.last, old) : -EPERM;
}

long sys_linkat(int old_dirfd, const char __user *old_name, int dirfd, const char __user *name, u32 flags)
{
	struct target t;
	struct path *old;
	long r;

	if (flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = path_lookup_user(old_dirfd, old_name, flags, flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0, &old);
	if (r)
		return r;
	r = target_begin(&t, dirfd, name);
	if (!r) {
		r = do_link(old, &t);
		target_end(&t);
	}
	path_put(old);
	return r;
}

long sys_link(const char __user *old, const char __user *name)
{
	return sys_linkat(AT_FDCWD, old, AT_FDCWD, name, 0);
}

static long do_remove(struct target *t, bool directory)
{
	struct path *dir = t->walk.at, *p;
	long r;

	if (!t->walk.last.n)
		return directory ? -EBUSY : -EISDIR; /* "/" */
	if (dots(t->walk.last))
		return !directory ? -EISDIR : dots(t->walk.last) == 1 ? -EINVAL : -ENOTEMPTY;
	r = path_lookup_child(dir, t->walk.last, &p);
	if (r)
		return r;
	if (t->walk.trailing && !directory)
		r = S_ISDIR(p->inode->mode) ? -EISDIR : -ENOTDIR;
	path_put(p);
	if (!r)
		r = inode_permission(dir->inode, 3);
	if (r)
		return r;
	return dir->inode->ops->remove ? dir->inode->ops->remove(dir, t->walk.last, directory) : -EPERM;
}

long sys_unlinkat(int dirfd, const char __user *name, u32 flags)
{
	struct target t;
	long r;

	if (flags & ~(u32)AT_REMOVEDIR)
		return -EINVAL;
	r = target_begin(&t, dirfd, name);
	if (r)
		return r;
	r = do_remove(&t, flags & AT_REMOVEDIR);
	target_end(&t);
	return r;
}

long sys_unlink(const char __user *name)
{
	return sys_unlinkat(AT_FDCWD, name, 0);
}

long sys_rmdir(const char __user *name)
{
	return sys_unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

/* Linux' questions in Linux' order, as far as they are of names; the file system asks the rest. */
static long rename_names(const struct target *from, struct path *old, const struct target *to, struct path *new, u32 flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	long r = 0;

	if (new && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (exchange && !new)
		return -ENOENT;
	if (exchange && !S_ISDIR(new->inode->mode) && to->walk.trailing)
		return -ENOTDIR;
	if (!S_ISDIR(old->inode->mode) && (from->walk.trailing || (!exchange && to->walk.trailing)))
		return -ENOTDIR;
	lock(&rename_lock); /* asked again when the directories are locked */
	if (path_is_below(to->walk.at, old))
		r = -EINVAL;
	else if (new && path_is_below(from->walk.at, new))
		r = exchange ? -EINVAL : -ENOTEMPTY;
	unlock(&rename_lock);
	return r;
}

static long do_rename(struct target *from, struct target *to, u32 flags)
{
	struct path *dir = from->walk.at, *to_dir = to->walk.at, *old = NULL, *new = NULL;
	bool same;
	long r;

	if (dir->inode->sb != to_dir->inode->sb)
		return -EXDEV;
	if (!from->walk.last.n || dots(from->walk.last))
		return -EBUSY;
	if (!to->walk.last.n || dots(to->walk.last))
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	r = path_lookup_child(dir, from->walk.last, &old);
	if (r)
		return r;
	r = path_lookup_child(to_dir, to->walk.last, &new);
	if (!r || r == -ENOENT)
		r = rename_names(from, old, to, new, flags);
	same = !r && new && new->inode == old->inode;
	path_put(old);
	path_put(new);
	if (same) /* two names of one file: nothing to do, and nothing asked */
		return 0;
	if (r || (r = inode_permission(dir->inode, 3)) || (r = inode_permission(to_dir->inode, 3)))
		return r;
	return dir->inode->ops->rename ? dir->inode->ops->rename(dir, from->walk.last, to_dir, to->walk.last, flags) : -EPERM;
}

long sys_renameat2(int from_fd, const char __user *from_name, int to_fd, const char __user *to_name, u32 flags)
{
	struct target from, to;
	long r;

	if ((flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE)) || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	r = target_begin(&from, from_fd, from_name);
	if (r)
		return r;
	r = target_begin(&to, to_fd, to_name);
	if (!r) {
		r = do_rename(&from, &to, flags);
		target_end(&to);
	}
	target_end(&from);
	return r;
}

long sys_renameat(int from_fd, const char __user *from, int to_fd, const char __user *to)
{
	return sys_renameat2(from_fd, from, to_fd, to, 0);
}

long sys_rename(const char __user *from, const char __user *to)
{
	return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
