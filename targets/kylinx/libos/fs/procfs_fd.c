/* /proc/PID/fd and fdinfo: a process's descriptors. */
#include "procfs.h"

static struct file *descriptor(const struct inode *i, u32 fd)
{
	struct files *t = NULL;
	struct file *f;
	struct proc *p;

	lock(&family.tree);
	p = proc_of_inode(i);
	if (p && p->files) {
		t = p->files;
		ref_get(&t->refs);
	}
	unlock(&family.tree);
	if (!t)
		return NULL;
	f = files_file(t, fd);
	files_put(t);
	return f;
}

static long link_show(struct text *t, struct inode *i)
{
	struct file *f = descriptor(i, (u32)i->gen.id2);
	long r = f ? -ENOMEM : -ENOENT;

	if (f && text_room(t, PATH_MAX)) {
		r = file_path(f, t->s, PATH_MAX);
		if (r > 0)
			t->n = (size_t)r;
	}
	file_put(f);
	return r < 0 ? r : 0;
}

static long link_follow(struct path *p, struct path **out)
{
	struct file *f = descriptor(p->inode, (u32)p->inode->gen.id2);

	if (!f)
		return -ENOENT;
	*out = f->path ? path_ref(f->path) : file_reference_path(f);
	file_put(f);
	return *out ? 0 : -ENOMEM;
}

static long info_show(struct text *t, struct inode *i)
{
	struct file *f = descriptor(i, (u32)i->gen.id2);

	if (!f)
		return -ENOENT;
	text_printf(t, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t20\nino:\t%lu\n", f->pos, f->flags, f->inode ? f->inode->ino : 0);
	file_put(f);
	return 0;
}

static const struct gen_node link_node = { .name = "link", .mode = S_IFLNK | 0700, .show = link_show, .follow = link_follow };
static const struct gen_node info_node = { .name = "info", .mode = S_IFREG | 0400, .show = info_show };

static long lookup(struct path *dir, struct name n, const struct gen_node *node, struct path **out)
{
	struct file *f;
	u32 fd, mode;
	long r;

	if (!proc_number(n, &fd) || !(f = descriptor(dir->inode, fd)))
		return -ENOENT;
	mode = (file_readable(f) ? 0500 : 0) | (file_writable(f) ? 0300 : 0);
	file_put(f);
	r = gen_path(dir, n, node, dir->inode->gen.id, fd, out);
	if (!r && node == &link_node)
		(*out)->inode->mode = S_IFLNK | mode;
	return r;
}

long proc_fd_lookup(struct path *dir, struct name n, struct path **out) { return lookup(dir, n, &link_node, out); }
long proc_fdinfo_lookup(struct path *dir, struct name n, struct path **out) { return lookup(dir, n, &info_node, out); }

static u32 capacity_of(const struct inode *i)
{
	struct proc *p;
	u32 n = 0;

	lock(&family.tree);
	p = proc_of_inode(i);
	if (p && p->files)
		n = p->files->capacity;
	unlock(&family.tree);
	return n;
}

static long list(struct file *f, struct uio *u, u64 base, const struct gen_node *node)
{
	u32 capacity = capacity_of(f->inode);

	while (f->pos - base < capacity) {
		u32 fd = (u32)(f->pos - base);
		struct file *open = descriptor(f->inode, fd);
		long r = open ? proc_emit_number(f, u, base, fd, node) : 0;

		file_put(open);
		if (r)
			return r;
		f->pos = base + fd + 1;
	}
	return 0;
}

long proc_fd_list(struct file *f, struct uio *u, u64 base) { return list(f, u, base, &link_node); }
long proc_fdinfo_list(struct file *f, struct uio *u, u64 base) { return list(f, u, base, &info_node); }
