/* Host directories the user shared with the family: names. Each look asks the monitor, as the host may change them at any
 * time; what it refuses (a read-only share, a path that leaves it) comes back as its error. */
#include "hostfs.h"

static struct superblock host_sb[KX_MAX_SHARES];
static struct lock host_lock; /* the list, and counts of its inodes falling to zero */
static struct list host_inodes = { &host_inodes, &host_inodes };

static const struct inode_ops hostfs_ops;

static struct host_inode *host_of(const struct inode *i)
{
	return i->gen.data;
}

struct superblock *host_superblock(u32 share)
{
	return &host_sb[share];
}

struct kx_hostfs *host_request(const struct inode *i)
{
	struct kx_hostfs *h = kzalloc(sizeof *h);

	if (h) {
		h->share = host_of(i)->share;
		h->handle = -1;
	}
	return h;
}

long host_call(u32 op, struct kx_hostfs *h)
{
	return hypercall(KX_HC_HOSTFS, op, (u64)h, 0, 0, 0);
}

/* The share's root is the mount; its own path is "". */
long host_path(struct path *p, struct name last, char *to, size_t n)
{
	size_t at = n;
	long r = -ENAMETOOLONG;

	to[--at] = 0;
	if (last.n) {
		if (last.n + 1 > at)
			return r;
		at -= last.n;
		memcpy(to + at, last.s, last.n);
	}
	lock(&rename_lock);
	for (; p && !p->mount; p = p->parent) {
		if ((size_t)p->length + 1 > at)
			goto out;
		if (to[at])
			to[--at] = '/';
		at -= p->length;
		memcpy(to + at, p->name, p->length);
	}
	memmove(to, to + at, n - at);
	r = 0;
out:
	unlock(&rename_lock);
	return r;
}

void host_attributes(struct inode *i, const struct kx_hostfs *h)
{
	i->mode = (u32)h->mode;
	i->size = h->size;
	i->nlink = (u32)h->nlink;
	i->uid = h->uid;
	i->gid = h->gid;
	i->atime_ns = i->mtime_ns = i->ctime_ns = (s64)h->mtime_ns;
	i->ino = h->ino;
}

static struct host_inode *find(u32 share, const struct kx_hostfs *h) /* host_lock held; referenced */
{
	list_for_each(n, &host_inodes) {
		struct host_inode *k = list_entry(n, struct host_inode, node);

		if (k->share == share && k->number == h->ino && (k->inode->mode & S_IFMT) == (h->mode & S_IFMT)) {
			inode_ref(k->inode);
			return k;
		}
	}
	return NULL;
}

/* The inode for what STAT told. */
static struct inode *host_inode_get(u32 share, const struct kx_hostfs *h)
{
	struct host_inode *k, *fresh = kzalloc(sizeof *fresh);
	struct inode *i = fresh ? inode_create(&host_sb[share], &hostfs_ops, (u32)h->mode) : NULL;

	if (!i) {
		kfree(fresh);
		return NULL;
	}
	lock(&host_lock);
	k = find(share, h);
	if (!k) {
		k = fresh;
		fresh = NULL;
		k->share = share;
		k->number = h->ino;
		k->inode = i;
		i->gen.data = k;
		list_push_back(&host_inodes, &k->node);
		i = NULL;
	}
	host_attributes(k->inode, h);
	unlock(&host_lock);
	kfree(fresh);
	inode_put(i);
	return k->inode;
}

/* The last reference is gone, but a lookup may just have found it in the list: then it lives on. */
static void hostfs_release(struct inode *i)
{
	struct host_inode *k = host_of(i);

	if (!k)
		return;
	if (k->object)
		object_destroy(k->object);
	kfree(k);
}

static bool hostfs_drop(struct inode *i)
{
	bool last;

	lock(&host_lock);
	last = !ref_put(&i->refs);
	if (last && host_of(i))
		list_remove(&host_of(i)->node);
	unlock(&host_lock);
	return last;
}

static long stat_path(struct path *p, struct name n, struct kx_hostfs *h)
{
	long r = host_path(p, n, h->path, sizeof h->path);

	return r ? r : host_call(KX_HOSTFS_STAT, h);
}

static long hostfs_lookup(struct path *dir, struct name n, struct path **out)
{
	struct kx_hostfs *h = host_request(dir->inode);
	struct inode *i = NULL;
	long r = h ? stat_path(dir, n, h) : -ENOMEM;

	if (!r)
		i = host_inode_get(h->share, h);
	kfree(h);
	if (r)
		return r;
	*out = i ? path_create(dir, n, i) : NULL;
	if (!*out)
		return -ENOMEM;
	(*out)->linked = true;
	return 0;
}

static long hostfs_getattr(struct path *p, struct inode *i, struct stat *st)
{
	struct kx_hostfs *h = host_request(i);
	u64 blocks = 0;

	if (!h)
		return -ENOMEM;
	if (!stat_path(p, (struct name){ 0 }, h) && h->ino == host_of(i)->number) {
		host_attributes(i, h);
		blocks = h->blocks;
	}
	kfree(h);
	inode_stat(i, st);
	st->st_blocks = (long)blocks;
	return 0;
}

static long hostfs_readlink(struct path *p, char *to, size_t n)
{
	struct kx_hostfs *h = host_request(p->inode);
	long r = h ? host_path(p, (struct name){ 0 }, h->path, sizeof h->path) : -ENOMEM;

	if (!S_ISLNK(p->inode->mode))
		r = -EINVAL;
	if (!r) {
		h->buffer = (u64)to; /* from the heap, as all buffers of the walk */
		h->length = n;
		r = host_call(KX_HOSTFS_READLINK, h);
	}
	kfree(h);
	return r > (long)n ? -EIO : r;
}

static long create_file(struct path *dir, struct name n, const struct new_inode *what, struct kx_hostfs *h)
{
	long r = host_path(dir, n, h->path, sizeof h->path);

	if (r)
		return r;
	h->mode = what->mode & 07777;
	if (S_ISDIR(what->mode))
		return host_call(KX_HOSTFS_MKDIR, h);
	if (!S_ISREG(what->mode))
		return -EPERM;
	h->flags = O_CREAT | O_EXCL | O_WRONLY;
	r = host_call(KX_HOSTFS_OPEN, h);
	if (r < 0)
		return r;
	h->handle = (s32)r;
	host_call(KX_HOSTFS_CLOSE, h);
	return 0;
}

static long hostfs_create(struct path *dir, struct name n, const struct new_inode *what, struct path **out)
{
	struct kx_hostfs *h = host_request(dir->inode);
	long r = h ? create_file(dir, n, what, h) : -ENOMEM;

	kfree(h);
	return r < 0 ? r : hostfs_lookup(dir, n, out);
}

static long hostfs_remove(struct path *dir, struct name n, bool directory)
{
	struct kx_hostfs *h = host_request(dir->inode);
	long r = h ? host_path(dir, n, h->path, sizeof h->path) : -ENOMEM;

	if (!r) {
		h->flags = directory ? AT_REMOVEDIR : 0;
		r = host_call(KX_HOSTFS_UNLINK, h);
	}
	kfree(h);
	return r;
}

static long hostfs_rename(struct path *from, struct name old, struct path *to, struct name new, u32 flags)
{
	struct kx_hostfs *h = host_request(from->inode);
	long r = h ? host_path(from, old, h->path, sizeof h->path) : -ENOMEM;

	if (!r)
		r = host_path(to, new, h->path2, sizeof h->path2);
	if (!r) {
		h->flags = flags;
		r = host_call(KX_HOSTFS_RENAME, h);
	}
	kfree(h);
	return r;
}

/* Owners, modes and times of the host's files are not the family's to change. */
static long hostfs_setattr(struct path *p, struct inode *i, const struct attributes *a)
{
	(void)p;
	(void)i;
	return a->valid & ~(u32)(ATTR_ATIME | ATTR_MTIME) ? -EPERM : 0;
}

static const struct inode_ops hostfs_ops = {
	.lookup = hostfs_lookup, .create = hostfs_create, .remove = hostfs_remove, .rename = hostfs_rename, .open = hostfs_open,
	.readlink = hostfs_readlink, .getattr = hostfs_getattr, .setattr = hostfs_setattr, .truncate = hostfs_truncate,
	.drop = hostfs_drop, .release = hostfs_release,
};

static void mount_share(u32 k, const char *at)
{
	struct kx_hostfs *h = kzalloc(sizeof *h);
	struct inode *i = NULL;
	struct path *p;

	host_sb[k] = (struct superblock){ "hostfs", "host", boot_info->share[k].writable ? "rw,relatime" : "ro,relatime", V9FS_MAGIC,
		0x1100 + k, 0 };
	if (!h)
		panic("no memory for the shares");
	h->share = k;
	h->handle = -1;
	if (host_call(KX_HOSTFS_STAT, h))
		klog("share %s is not there", at);
	else
		i = host_inode_get(k, h);
	kfree(h);
	p = i ? ramfs_directory(at, 0755) : NULL;
	if (!p || p == root_path) {
		inode_put(i);
		path_put(p);
		return;
	}
	ramfs_mount(p, i);
	mounts_add(at, &host_sb[k]);
	path_put(p);
}

void hostfs_init(void)
{
	for (u32 k = 0; k < boot_info->shares && k < KX_MAX_SHARES; k++) {
		char at[sizeof boot_info->share[0].path];

		strlcpy(at, boot_info->share[k].path, sizeof at);
		if (at[0] == '/')
			mount_share(k, at);
	}
}
