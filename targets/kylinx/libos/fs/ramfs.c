/* The in-memory tree: what lies in the image, and what was made, changed and removed since. Operations on names; ramdir.c
 * keeps the tables, tmpfs.c the bytes of files. */
#include "ramdir.h"

static struct { struct inode *inode; u32 index; } *shared; /* image inodes with several names */
static u32 shared_count, shared_capacity;
static struct lock shared_lock;

static void ramfs_release(struct inode *i)
{
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		if (i->file.object)
			object_destroy(i->file.object);
		break;
	case S_IFDIR:
		ramdir_free(i);
		break;
	case S_IFLNK:
		if (i->link.heap)
			kfree((void *)(u64)i->link.target);
		break;
	}
}

static const struct inode_ops *ops_of(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return &tmpfs_inode_ops;
	case S_IFDIR:
		return &ramfs_dir_ops;
	case S_IFLNK:
		return &ramfs_link_ops;
	}
	return &ramfs_special_ops;
}

struct inode *ramfs_inode(struct superblock *sb, const struct new_inode *n)
{
	struct inode *i = inode_create(sb, ops_of(n->mode), n->mode);

	if (!i)
		return NULL;
	i->private = n->private;
	i->rdev = n->rdev;
	if (S_ISDIR(n->mode)) {
		i->nlink = 2;
		i->dir.loaded = true;
		list_init(&i->dir.children);
	} else if (S_ISREG(n->mode)) {
		i->file.exec = KX_IMAGE_NONE;
		i->file.written = true;
	} else if (S_ISLNK(n->mode)) {
		size_t length = strlen(n->target);
		char *copy = kmalloc(length + 1);

		if (!copy) {
			i->link.heap = false;
			inode_put(i);
			return NULL;
		}
		memcpy(copy, n->target, length + 1);
		i->link.target = copy;
		i->link.heap = true;
		i->link.length = (u32)length;
		i->size = length;
	}
	return i;
}

static struct inode *from_image(struct superblock *sb, u32 index, const struct kx_image_inode *k)
{
	struct inode *i = inode_create(sb, ops_of(k->mode), k->mode & (S_IFMT | 07777));

	if (!i)
		return NULL;
	i->nlink = k->nlink;
	i->uid = k->uid;
	i->gid = k->gid;
	i->ino = ((u64)1 << 32) + index;
	i->size = k->size;
	i->atime_ns = i->mtime_ns = i->ctime_ns = i->btime_ns = k->mtime_ns;
	if (S_ISDIR(k->mode)) {
		list_init(&i->dir.children);
		i->dir.image_first = k->first;
		i->dir.image_count = k->count;
		i->dir.next_seq = k->count;
		i->size = KX_PAGE;
	} else if (S_ISREG(k->mode)) {
		i->file.image = image_bytes_at(k->data);
		i->file.image_bytes = k->size;
		i->file.exec = k->exec;
	} else if (S_ISLNK(k->mode)) {
		i->link.target = image_bytes_at(k->data);
		i->link.length = (u32)k->size;
	}
	return i;
}

static struct inode *shared_inode(struct superblock *sb, u32 index, const struct kx_image_inode *k)
{
	struct inode *i = NULL;

	lock(&shared_lock);
	for (u32 n = 0; n < shared_count && !i; n++)
		if (shared[n].index == index)
			i = inode_ref(shared[n].inode);
	if (!i && shared_count == shared_capacity) {
		void *more = krealloc(shared, (shared_capacity + 64) * sizeof *shared);

		if (!more)
			goto out;
		shared = more;
		shared_capacity += 64;
	}
	if (!i && (i = from_image(sb, index, k))) {
		shared[shared_count].index = index;
		shared[shared_count++].inode = inode_ref(i); /* kept for good: another name may be looked up at any time */
	}
out:
	unlock(&shared_lock);
	return i;
}

/* For tests, which read one image after another. */
void ramfs_forget_shared(void)
{
	lock(&shared_lock);
	while (shared_count)
		inode_put(shared[--shared_count].inode);
	unlock(&shared_lock);
}

struct inode *image_inode_instance(struct superblock *sb, u32 index, long *err)
{
	struct kx_image_inode k;
	struct inode *i;

	*err = -EINVAL;
	if (!image_inode(index, &k))
		return NULL;
	i = k.nlink > 1 && !S_ISDIR(k.mode) ? shared_inode(sb, index, &k) : from_image(sb, index, &k);
	*err = i ? 0 : -ENOMEM;
	return i;
}

static long ramfs_lookup(struct path *dir, struct name n, struct path **out)
{
	struct inode *d = dir->inode;
	struct path *p;

	lock(&d->lock);
	p = ramdir_find(d, n);
	if (p)
		path_ref(p);
	unlock(&d->lock);
	*out = p;
	return p ? 0 : -ENOENT;
}

void ramfs_touch(struct inode *dir)
{
	dir->mtime_ns = dir->ctime_ns = (s64)now_real_ns();
}

/* A new name for inode in dir, whose lock is held; takes the inode's reference over. */
static long add_name(struct path *dir, struct name n, struct inode *i, struct path **out)
{
	struct inode *d = dir->inode;
	long r = d->dir.dead ? -ENOENT : ramdir_find(d, n) ? -EEXIST : ramdir_load(d);
	struct path *p;

	if (r) {
		inode_put(i);
		return r;
	}
	p = path_create(dir, n, i);
	if (!p)
		return -ENOMEM;
	r = ramdir_insert(d, p);
	if (r) {
		path_put(p);
		return r;
	}
	if (S_ISDIR(i->mode)) {
		i->dir.self = p;
		d->nlink++;
	}
	ramfs_touch(d);
	*out = p;
	return 0;
}

/* A directory with S_ISGID gives its group to what is made in it. */
void ramfs_inherit(const struct inode *dir, struct inode *i)
{
	if (!(dir->mode & S_ISGID))
		return;
	i->gid = dir->gid;
	if (S_ISDIR(i->mode))
		i->mode |= S_ISGID;
}

static long ramfs_create(struct path *dir, struct name n, const struct new_inode *what, struct path **out)
{
	struct inode *i = ramfs_inode(dir->inode->sb, what);
	long r;

	if (!i)
		return -ENOMEM;
	ramfs_inherit(dir->inode, i);
	lock(&dir->inode->lock);
	r = add_name(dir, n, i, out);
	unlock(&dir->inode->lock);
	return r;
}

static long ramfs_link(struct path *dir, struct name n, struct path *old)
{
	struct inode *i = old->inode;
	struct path *made;
	long r;

	if (i->sb != dir->inode->sb)
		return -EXDEV;
	lock(&dir->inode->lock);
	r = add_name(dir, n, inode_ref(i), &made);
	if (!r) {
		lock(&i->lock);
		i->nlink++;
		i->ctime_ns = (s64)now_real_ns();
		unlock(&i->lock);
	}
	unlock(&dir->inode->lock);
	if (!r)
		path_put(made);
	return r;
}

bool ramfs_sticky_forbids(const struct inode *dir, const struct inode *i)
{
	u32 uid = current->proc->cred.fsuid;

	return (dir->mode & S_ISVTX) && uid && uid != dir->uid && uid != i->uid;
}

static void drop_link(struct inode *i)
{
	lock(&i->lock);
	if (i->nlink)
		i->nlink--;
	i->ctime_ns = (s64)now_real_ns();
	unlock(&i->lock);
}

/* May p go? For a directory: it must be empty, and is dead on 0. Both directories' locks are held, rename_lock too. */
long ramfs_bury(struct inode *dir, struct path *p, bool directory)
{
	struct inode *i = p->inode;
	long r;

	if (p->mount)
		return -EBUSY;
	if (ramfs_sticky_forbids(dir, i))
		return -EPERM;
	if (S_ISDIR(i->mode) != directory)
		return directory ? -ENOTDIR : -EISDIR;
	if (!directory) {
		drop_link(i);
		return 0;
	}
	r = ramdir_load(i);
	if (!r && i->dir.count)
		r = -ENOTEMPTY;
	if (r)
		return r;
	i->dir.dead = true;
	i->nlink = 0;
	if (dir->nlink)
		dir->nlink--;
	return 0;
}

static long ramfs_remove(struct path *dir, struct name n, bool directory)
{
	struct inode *d = dir->inode;
	struct path *p;
	long r;

	if (directory)
		lock(&rename_lock);
	lock(&d->lock);
	r = ramdir_load(d);
	p = r ? NULL : ramdir_find(d, n);
	if (!p) {
		r = r ? r : -ENOENT;
		goto out;
	}
	path_ref(p);
	if (directory && S_ISDIR(p->inode->mode)) {
		lock(&p->inode->lock);
		r = ramfs_bury(d, p, true);
		unlock(&p->inode->lock);
	} else {
		r = ramfs_bury(d, p, directory);
	}
	if (!r) {
		ramdir_remove(d, p);
		ramfs_touch(d);
	}
out:
	unlock(&d->lock);
	if (directory)
		unlock(&rename_lock);
	path_put(p);
	return r;
}

void ramfs_mount(struct path *at, struct inode *root)
{
	struct inode *old = at->inode;

	at->inode = root;
	at->mount = true;
	if (S_ISDIR(root->mode) && root->ops == &ramfs_dir_ops)
		root->dir.self = at;
	inode_put(old);
}

/* The directory at an absolute path, made with all that is missing above it. */
struct path *ramfs_directory(const char *absolute, u32 mode)
{
	struct path *at = path_ref(root_path), *next;

	while (at) {
		struct name n = { absolute, 0 };
		long r;

		while (*n.s == '/')
			n.s++;
		while (n.s[n.n] && n.s[n.n] != '/')
			n.n++;
		if (!n.n)
			break;
		absolute = n.s + n.n;
		if (!S_ISDIR(at->inode->mode) || at->inode->ops != &ramfs_dir_ops) {
			path_put(at);
			return NULL;
		}
		r = ramfs_lookup(at, n, &next);
		if (r)
			r = ramfs_create(at, n, &(struct new_inode){ .mode = S_IFDIR | (*absolute ? 0755 : mode) }, &next);
		path_put(at);
		at = r ? NULL : next;
	}
	return at;
}

long ramfs_root(struct superblock *sb, bool image, struct path **out)
{
	struct kx_image_inode k;
	struct inode *i;

	if (image && image_inode(0, &k) && S_ISDIR(k.mode))
		i = from_image(sb, 0, &k);
	else
		i = ramfs_inode(sb, &(struct new_inode){ .mode = S_IFDIR | 0755 });
	if (!i)
		return -ENOMEM;
	*out = path_create(NULL, (struct name){ "", 0 }, i);
	if (!*out)
		return -ENOMEM;
	(*out)->linked = true;
	i->dir.self = *out;
	return 0;
}

static long ramfs_readlink(struct path *p, char *to, size_t n)
{
	u32 length = p->inode->link.length;

	if (n > length)
		n = length;
	memcpy(to, p->inode->link.target, n);
	return (long)n;
}

static long ramfs_dir_open(struct path *p, u32 flags, struct file **out)
{
	*out = file_create_at(&ramfs_dir_file_ops, p, flags);
	return *out ? 0 : -ENOMEM;
}

static long special_open(struct path *p, u32 flags, struct file **out)
{
	long err = 0;

	if (S_ISSOCK(p->inode->mode))
		return -ENXIO;
	if (!S_ISFIFO(p->inode->mode))
		return device_open(p, flags, out);
	*out = fifo_open(p->inode, flags, &err);
	if (!*out)
		return err ? err : -ENXIO;
	if (!(*out)->inode)
		(*out)->inode = inode_ref(p->inode);
	if (!(*out)->path)
		(*out)->path = path_ref(p);
	return 0;
}

const struct inode_ops ramfs_dir_ops = {
	.lookup = ramfs_lookup, .create = ramfs_create, .link = ramfs_link, .remove = ramfs_remove, .rename = ramfs_rename,
	.open = ramfs_dir_open, .release = ramfs_release,
};
const struct inode_ops ramfs_link_ops = { .readlink = ramfs_readlink, .release = ramfs_release };
const struct inode_ops ramfs_special_ops = { .open = special_open };
const struct inode_ops tmpfs_inode_ops = {
	.open = tmpfs_open, .truncate = tmpfs_truncate, .getattr = tmpfs_getattr, .release = ramfs_release,
};
