/* Inodes and paths: reference counts, attributes, permissions, and how a path is spelled. */
#include "fs.h"

struct lock rename_lock;
u32 fs_live_inodes;
struct superblock root_sb = { "tmpfs", "kylinx", "rw,noatime", TMPFS_MAGIC, 0x1001, 0 };
struct superblock proc_sb = { "proc", "proc", "rw,nosuid,nodev,noexec,relatime", PROC_SUPER_MAGIC, 0x1002, 0 };
struct superblock sys_sb = { "sysfs", "sysfs", "ro,nosuid,nodev,noexec,relatime", SYSFS_MAGIC, 0x1003, 0 };
struct superblock dev_sb = { "tmpfs", "udev", "rw,nosuid,noatime", TMPFS_MAGIC, 0x1004, 0 };
struct superblock shm_sb = { "tmpfs", "tmpfs", "rw,nosuid,nodev,noatime", TMPFS_MAGIC, 0x1005, 0 };
struct superblock mqueue_sb = { "mqueue", "mqueue", "rw,nosuid,nodev,noexec,relatime", 0x19800202, 0x1006, 0 };
struct superblock anon_sb = { "anon_inodefs", "none", "rw", ANON_INODE_FS_MAGIC, 0x1007, 0 };

u64 superblock_ino(struct superblock *sb)
{
	return __atomic_add_fetch(&sb->last_ino, 1, __ATOMIC_RELAXED);
}

struct inode *inode_create(struct superblock *sb, const struct inode_ops *ops, u32 mode)
{
	struct inode *i = kzalloc(sizeof *i);
	struct task *t = current;

	if (!i)
		return NULL;
	ref_get(&fs_live_inodes);
	i->refs = i->nlink = 1;
	i->mode = mode;
	i->ops = ops;
	i->sb = sb;
	i->ino = superblock_ino(sb);
	i->atime_ns = i->mtime_ns = i->ctime_ns = i->btime_ns = (s64)now_real_ns();
	if (t) {
		i->uid = t->proc->cred.fsuid;
		i->gid = t->proc->cred.fsgid;
	}
	return i;
}

void inode_put(struct inode *i)
{
	if (!i || (i->ops->drop ? !i->ops->drop(i) : ref_put(&i->refs)))
		return;
	if (i->ops->release)
		i->ops->release(i);
	locks_free(i->locks);
	ref_put(&fs_live_inodes);
	kfree(i);
}

void **inode_private(struct inode *i)
{
	return &i->private;
}

static void stat_time(s64 ns, unsigned long *seconds, unsigned long *rest)
{
	s64 s = ns / 1000000000, r = ns % 1000000000;

	if (r < 0) {
		r += 1000000000;
		s--;
	}
	*seconds = (unsigned long)s;
	*rest = (unsigned long)r;
}

void inode_stat(const struct inode *i, struct stat *st)
{
	memset(st, 0, sizeof *st);
	st->st_dev = i->sb->dev;
	st->st_ino = i->ino;
	st->st_nlink = i->nlink;
	st->st_mode = i->mode;
	st->st_uid = i->uid;
	st->st_gid = i->gid;
	st->st_rdev = i->rdev;
	st->st_size = (long)i->size;
	st->st_blksize = KX_PAGE;
	stat_time(i->atime_ns, &st->st_atime, &st->st_atime_nsec);
	stat_time(i->mtime_ns, &st->st_mtime, &st->st_mtime_nsec);
	stat_time(i->ctime_ns, &st->st_ctime, &st->st_ctime_nsec);
}

void inode_set(struct inode *i, const struct attributes *a)
{
	lock(&i->lock);
	if (a->valid & ATTR_MODE)
		i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_ATIME)
		i->atime_ns = a->atime_ns;
	if (a->valid & ATTR_MTIME)
		i->mtime_ns = a->mtime_ns;
	i->ctime_ns = (s64)now_real_ns();
	unlock(&i->lock);
}

long path_getattr(struct path *p, struct stat *st)
{
	if (p->inode->ops->getattr)
		return p->inode->ops->getattr(p, p->inode, st);
	inode_stat(p->inode, st);
	return 0;
}

long path_setattr(struct path *p, const struct attributes *a)
{
	if (p->inode->ops->setattr)
		return p->inode->ops->setattr(p, p->inode, a);
	inode_set(p->inode, a);
	return 0;
}

bool current_in_group(u32 gid)
{
	const struct credentials *c = &current->proc->cred;

	if (gid == c->fsgid)
		return true;
	for (u32 k = 0; k < c->ngroups && k < ARRAY_SIZE(c->groups); k++)
		if (c->groups[k] == gid)
			return true;
	return false;
}

/* uid 0 may do all but execute what nobody may. */
long inode_permission(const struct inode *i, u32 mask)
{
	u32 granted = i->mode & 7, uid = current->proc->cred.fsuid;

	if (!uid)
		return (mask & 1) && !S_ISDIR(i->mode) && !(i->mode & 0111) ? -EACCES : 0;
	if (uid == i->uid)
		granted = (i->mode >> 6) & 7;
	else if (current_in_group(i->gid))
		granted = (i->mode >> 3) & 7;
	return mask & ~granted ? -EACCES : 0;
}

/* What an ordinary user writes to is no longer set-user-ID. i's lock is held. */
void inode_drop_privileges(struct inode *i)
{
	if (!current->proc->cred.fsuid)
		return;
	i->mode &= ~(u32)S_ISUID;
	if ((i->mode & S_IXGRP) || !current_in_group(i->gid))
		i->mode &= ~(u32)S_ISGID;
}

bool inode_owner_or_root(const struct inode *i)
{
	u32 uid = current->proc->cred.fsuid;

	return !uid || uid == i->uid;
}

u32 name_hash(struct name n)
{
	u32 h = 2166136261u; /* FNV-1a */

	for (u32 k = 0; k < n.n; k++)
		h = (h ^ (u8)n.s[k]) * 16777619u;
	return h;
}

/* The name's bytes are copied, unless they lie in the image, which does not change. */
struct path *path_create(struct path *parent, struct name n, struct inode *i)
{
	struct path *p = kzalloc(sizeof *p);
	char *copy = NULL;

	if (!p) {
		inode_put(i);
		return NULL;
	}
	if (!image_holds(n.s)) {
		copy = kmalloc(n.n + 1);
		if (!copy) {
			kfree(p);
			inode_put(i);
			return NULL;
		}
		memcpy(copy, n.s, n.n);
		copy[n.n] = 0;
	}
	p->refs = 1;
	p->name = copy ? copy : n.s;
	p->name_heap = copy != NULL;
	p->length = n.n;
	p->hash = name_hash(n);
	p->parent = parent ? path_ref(parent) : NULL;
	p->inode = i;
	list_init(&p->sibling);
	return p;
}

void path_put(struct path *p)
{
	while (p && !ref_put(&p->refs)) { /* a loop, not a recursion: trees may be deep */
		struct path *parent = p->parent;

		inode_put(p->inode);
		if (p->name_heap)
			kfree((void *)(u64)p->name);
		kfree(p);
		p = parent;
	}
}

struct path *nameless_path(struct superblock *sb, const char *name, struct inode *i)
{
	(void)sb;
	return path_create(NULL, (struct name){ name, (u32)strlen(name) }, i);
}

bool path_is_below(struct path *p, struct path *top)
{
	for (; p; p = p->parent)
		if (p == top)
			return true;
	return false;
}

/* Written from the end of the buffer forwards, then moved. A removed file's name ends in " (deleted)", as in Linux. */
long path_spell(struct path *p, struct path *root, char *out, size_t size)
{
	static const char deleted[] = " (deleted)", unreachable[] = "(unreachable)";
	size_t at = size;
	bool reached = false;
	long r = -ERANGE;

	lock(&rename_lock);
	if (!size)
		goto out;
	out[--at] = 0;
	if (p != root && p != root_path && !p->linked && !p->mount) {
		if (at < sizeof deleted - 1)
			goto out;
		at -= sizeof deleted - 1;
		memcpy(out + at, deleted, sizeof deleted - 1);
	}
	for (; p; p = p->parent) {
		if (p == root || (!p->parent && p == root_path)) {
			reached = p == root;
			break;
		}
		if (at < (size_t)p->length + 1)
			goto out;
		at -= p->length;
		memcpy(out + at, p->name, p->length);
		out[--at] = '/';
		reached = !p->parent; /* a nameless file: "/memfd:name (deleted)" */
	}
	if (!out[at]) {
		if (!at)
			goto out;
		out[--at] = '/';
	}
	if (!reached) {
		if (at < sizeof unreachable - 1)
			goto out;
		at -= sizeof unreachable - 1;
		memcpy(out + at, unreachable, sizeof unreachable - 1);
	}
	r = (long)(size - at);
	memmove(out, out + at, (size_t)r);
out:
	unlock(&rename_lock);
	return r;
}
