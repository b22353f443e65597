/* /dev: null, zero, full, random, the terminal, links to a process's descriptors, and the directories of shared memory and
 * message queues. */
#include "fs.h"
#include "../mm/mm.h"

#define DEV(major, minor) ((u64)(major) << 8 | (minor))

static long nothing_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return 0;
}

static long swallow_write(struct file *f, struct uio *u, u64 *pos)
{
	long n = (long)u->resid;

	(void)f;
	(void)pos;
	u->resid = 0;
	return n;
}

static long zero_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)pos;
	return u->resid ? uio_zero(u, u->resid) : 0;
}

static long full_write(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return -ENOSPC;
}

static long random_read(struct file *f, struct uio *u, u64 *pos)
{
	u8 bytes[256];
	long done = 0;

	(void)f;
	(void)pos;
	while (u->resid) {
		size_t n = u->resid < sizeof bytes ? u->resid : sizeof bytes;
		long r;

		random_bytes(bytes, n);
		r = uio_put(u, bytes, n);
		if (r <= 0)
			return done ? done : r;
		done += r;
	}
	return done;
}

static long device_lseek(struct file *f, s64 offset, int whence)
{
	(void)offset;
	(void)whence;
	return (long)(f->pos = 0);
}

/* Private: memory of one's own. Shared: as /dev/zero is seldom used so, refused. */
static long zero_mmap(struct file *f, struct kx_region *r, u32 flags)
{
	(void)f;
	(void)flags;
	if (r->flags & KXR_SHARED)
		return -ENODEV;
	r->kind = KX_REGION_ANON;
	return 0;
}

static const struct file_ops null_ops = { .read = nothing_read, .write = swallow_write, .lseek = device_lseek };
static const struct file_ops zero_ops = { .read = zero_read, .write = swallow_write, .lseek = device_lseek, .mmap = zero_mmap };
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .lseek = device_lseek };
static const struct file_ops random_ops = { .read = random_read, .write = swallow_write, .lseek = device_lseek };

static const struct device { const char *name; u64 rdev; const struct file_ops *ops; } devices[] = {
	{ "null", DEV(1, 3), &null_ops }, { "zero", DEV(1, 5), &zero_ops }, { "full", DEV(1, 7), &full_ops },
	{ "random", DEV(1, 8), &random_ops }, { "urandom", DEV(1, 9), &random_ops },
	{ "tty", DEV(5, 0), NULL }, { "console", DEV(5, 1), NULL },
};

long device_open(struct path *p, u32 flags, struct file **out)
{
	if (!S_ISCHR(p->inode->mode))
		return -ENXIO;
	for (u32 k = 0; k < ARRAY_SIZE(devices); k++) {
		if (devices[k].rdev != p->inode->rdev)
			continue;
		if (!devices[k].ops) {
			*out = console_tty(current->proc->console, flags);
			return *out ? 0 : -ENXIO;
		}
		*out = file_create_at(devices[k].ops, p, flags);
		return *out ? 0 : -ENOMEM;
	}
	return -ENXIO;
}

static void make(struct path *dir, const char *name, struct new_inode what)
{
	struct path *p;

	if (!dir->inode->ops->create(dir, (struct name){ name, (u32)strlen(name) }, &what, &p))
		path_put(p);
}

static struct path *mount_tree(const char *path, struct superblock *sb, u32 mode)
{
	struct path *p = ramfs_directory(path, mode);
	struct inode *i = p ? ramfs_inode(sb, &(struct new_inode){ .mode = S_IFDIR | mode }) : NULL;

	if (!i)
		panic("no memory for %s", path);
	ramfs_mount(p, i);
	mounts_add(path, sb);
	return p;
}

void devfs_init(void)
{
	static const char *const links[][2] = { { "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" } };
	struct path *dev = mount_tree("/dev", &dev_sb, 0755);

	for (u32 k = 0; k < ARRAY_SIZE(devices); k++)
		make(dev, devices[k].name, (struct new_inode){ .mode = S_IFCHR | 0666, .rdev = devices[k].rdev });
	for (u32 k = 0; k < ARRAY_SIZE(links); k++)
		make(dev, links[k][0], (struct new_inode){ .mode = S_IFLNK | 0777, .target = links[k][1] });
	make(dev, "pts", (struct new_inode){ .mode = S_IFDIR | 0755 });
	path_put(dev);
	path_put(mount_tree("/dev/shm", &shm_sb, 01777));
	path_put(mount_tree("/dev/mqueue", &mqueue_sb, 01777));
}
