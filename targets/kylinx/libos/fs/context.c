/* A process's place in the tree: working directory, root, umask; and how the whole is put together when the family starts. */
#include "fs.h"

struct path *root_path;

struct fs_context *fs_create(void)
{
	struct fs_context *c = kzalloc(sizeof *c);

	if (!c)
		return NULL;
	c->refs = 1;
	c->cwd = path_ref(root_path);
	c->root = path_ref(root_path);
	c->umask = 022;
	return c;
}

struct fs_context *fs_fork(struct fs_context *old)
{
	struct fs_context *c = kzalloc(sizeof *c);

	if (!c)
		return NULL;
	c->refs = 1;
	lock(&old->lock);
	c->cwd = path_ref(old->cwd);
	c->root = path_ref(old->root);
	c->umask = old->umask;
	unlock(&old->lock);
	return c;
}

void fs_put(struct fs_context *c)
{
	if (!c || ref_put(&c->refs))
		return;
	path_put(c->cwd);
	path_put(c->root);
	kfree(c);
}

long sys_umask(u32 mask)
{
	return (long)__atomic_exchange_n(&current->proc->fs->umask, mask & 0777, __ATOMIC_RELAXED);
}

long sys_getcwd(char __user *to, size_t n)
{
	struct path *cwd = current_cwd(), *root = current_root();
	char *text = kmalloc(PATH_MAX);
	long r = -ENOMEM;

	if (text && !cwd->linked && cwd != root)
		r = -ENOENT;
	else if (text)
		r = path_spell(cwd, root, text, PATH_MAX);
	if (r == -ERANGE)
		r = -ENAMETOOLONG;
	if (r > 0)
		r = (size_t)r > n ? -ERANGE : copy_to_user(to, text, (size_t)r) ? -EFAULT : r;
	kfree(text);
	path_put(cwd);
	path_put(root);
	return r;
}

/* Takes p's reference over. */
static long place_set(struct path *p, bool root)
{
	struct fs_context *c = current->proc->fs;
	struct path **slot = root ? &c->root : &c->cwd, *old;
	long r = S_ISDIR(p->inode->mode) ? inode_permission(p->inode, 1) : -ENOTDIR;

	if (!r && root && current->proc->cred.fsuid)
		r = -EPERM;
	if (r) {
		path_put(p);
		return r;
	}
	lock(&c->lock);
	old = *slot;
	*slot = p;
	unlock(&c->lock);
	path_put(old);
	return 0;
}

long sys_chdir(const char __user *name)
{
	struct path *p;
	long r = path_lookup_user(AT_FDCWD, name, 0, WALK_FOLLOW | WALK_DIRECTORY, &p);

	return r ? r : place_set(p, false);
}

long sys_fchdir(int fd)
{
	struct fd f = fd_get(fd);
	struct path *p = f.file && f.file->path ? path_ref(f.file->path) : NULL;
	long r = f.file ? -ENOTDIR : -EBADF;

	fd_put(f);
	return p ? place_set(p, false) : r;
}

long sys_chroot(const char __user *name)
{
	struct path *p;
	long r = path_lookup_user(AT_FDCWD, name, 0, WALK_FOLLOW | WALK_DIRECTORY, &p);

	return r ? r : place_set(p, true);
}

/* Absolute path of an open file, or what Linux' /proc/PID/fd shows for one without. */
long file_path(struct file *f, char *to, size_t n)
{
	static const char *const anonymous[] = { [KX_FILE_EPOLL] = "[eventpoll]", [KX_FILE_EVENTFD] = "[eventfd]",
		[KX_FILE_TIMERFD] = "[timerfd]", [KX_FILE_SIGNALFD] = "[signalfd]" };
	u64 number = ((u64)f->data >> 4) & 0xffffffff;
	long r;

	if (f->path && (f->kind == KX_FILE_PLAIN || !S_ISSOCK(f->inode->mode))) {
		r = path_spell(f->path, root_path, to, n);
		return r < 0 ? r : r - 1;
	}
	if (f->kind == KX_FILE_PIPE)
		r = snprintf(to, n, "pipe:[%lu]", number);
	else if (f->kind == KX_FILE_SOCKET)
		r = snprintf(to, n, "socket:[%lu]", number);
	else if (f->kind == KX_FILE_CONSOLE)
		r = snprintf(to, n, "/dev/console");
	else
		r = snprintf(to, n, "anon_inode:%s", f->kind < ARRAY_SIZE(anonymous) && anonymous[f->kind] ? anonymous[f->kind] : "[file]");
	return (size_t)r < n ? r : -ERANGE;
}

static struct { char path[128]; struct superblock *sb; } mounts[8 + KX_MAX_SHARES];
static u32 mount_count;

void mounts_add(const char *path, struct superblock *sb)
{
	if (mount_count == ARRAY_SIZE(mounts))
		return;
	strlcpy(mounts[mount_count].path, path, sizeof mounts[0].path);
	mounts[mount_count++].sb = sb;
}

void mounts_show(struct text *t, bool info)
{
	for (u32 k = 0; k < mount_count; k++) {
		const struct superblock *sb = mounts[k].sb;

		if (info)
			text_printf(t, "%u %u %u:%u / %s %s - %s %s %s\n", 20 + k, k ? 20 : 1, sb->dev >> 8, sb->dev & 0xff,
				    mounts[k].path, sb->options, sb->type, sb->source, sb->options);
		else
			text_printf(t, "%s %s %s %s 0 0\n", sb->source, mounts[k].path, sb->type, sb->options);
	}
}

static void standard_directory(const char *path, u32 mode)
{
	struct path *p = ramfs_directory(path, mode);

	if (!p)
		klog("no directory %s in the file tree", path);
	path_put(p);
}

/* The tree as the first program finds it: the image, with /dev, /proc, /sys and what must be writable. */
void fs_init(void)
{
	image_init(boot_info->image_bytes ? (const void *)KX_VA_IMAGE : NULL, boot_info->image_bytes);
	if (ramfs_root(&root_sb, image_present(), &root_path))
		panic("no memory for the file tree");
	root_path->mount = true;
	mounts_add("/", &root_sb);
	standard_directory("/tmp", 01777);
	standard_directory("/run", 0755);
	standard_directory("/var/tmp", 01777);
	standard_directory("/root", 0700);
	devfs_init();
	procfs_init();
	sysfs_init();
	hostfs_init();
}
