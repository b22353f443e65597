/* Generated trees: what /proc and /sys share. A file's text is made when it is read from its beginning. */
#include "fs.h"

bool text_room(struct text *t, size_t more)
{
	size_t capacity = t->capacity ? t->capacity : 512;
	char *s;

	if (t->capacity - t->n >= more)
		return true;
	while (capacity - t->n < more)
		capacity *= 2;
	s = krealloc(t->s, capacity);
	if (!s) {
		t->failed = true;
		return false;
	}
	t->s = s;
	t->capacity = capacity;
	return true;
}

void text_add(struct text *t, const char *s, size_t n)
{
	if (!text_room(t, n))
		return;
	memcpy(t->s + t->n, s, n);
	t->n += n;
}

static const struct gen_node *node_of(const struct inode *i)
{
	return i->gen.node;
}

/* The same number at every look, and in listings. */
u64 gen_ino(const struct gen_node *n, u64 id, u64 id2)
{
	return (((u64)n >> 3) & 0xffffff) + (id << 24) + (id2 << 44);
}

struct inode *gen_inode(struct superblock *sb, const struct gen_node *n, u64 id, u64 id2)
{
	struct inode *i = inode_create(sb, &gen_ops, n->mode);

	if (!i)
		return NULL;
	i->gen.node = n;
	i->gen.id = id;
	i->gen.id2 = id2;
	i->ino = gen_ino(n, id, id2);
	i->uid = i->gid = 0;
	i->nlink = S_ISDIR(n->mode) ? 2 : 1;
	return i;
}

long gen_path(struct path *dir, struct name n, const struct gen_node *node, u64 id, u64 id2, struct path **out)
{
	struct inode *i = gen_inode(dir->inode->sb, node, id, id2);

	if (!i)
		return -ENOMEM;
	*out = path_create(dir, n, i);
	if (!*out)
		return -ENOMEM;
	(*out)->linked = true;
	return 0;
}

static long gen_lookup(struct path *dir, struct name n, struct path **out)
{
	const struct gen_node *node = node_of(dir->inode);

	for (const struct gen_node *c = node->children; c && c->name; c++)
		if (strlen(c->name) == n.n && !memcmp(c->name, n.s, n.n))
			return gen_path(dir, n, c, dir->inode->gen.id, dir->inode->gen.id2, out);
	return node->lookup ? node->lookup(dir, n, out) : -ENOENT;
}

static u64 children_count(const struct gen_node *node)
{
	u64 n = 0;

	while (node->children && node->children[n].name)
		n++;
	return n;
}

static long gen_getdents(struct file *f, struct uio *u)
{
	const struct gen_node *node = node_of(f->inode);
	u64 count = children_count(node);
	long r = 0;

	for (; !r && f->pos < 2 + count; f->pos += !r) {
		if (f->pos < 2) {
			r = dirent_emit(u, f->inode->ino, f->pos + 1, DT_DIR, (struct name){ "..", (u32)f->pos + 1 });
		} else {
			const struct gen_node *c = &node->children[f->pos - 2];

			r = dirent_emit(u, gen_ino(c, f->inode->gen.id, f->inode->gen.id2), f->pos + 1, mode_to_dt(c->mode),
					(struct name){ c->name, (u32)strlen(c->name) });
		}
	}
	return !r && node->list ? node->list(f, u, 2 + count) : r;
}

static long gen_dir_lseek(struct file *f, s64 offset, int whence)
{
	return whence == SEEK_SET || whence == SEEK_CUR ? generic_lseek(f, offset, whence, 0) : -EINVAL;
}

static long gen_dir_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return -EISDIR;
}

static const struct file_ops gen_dir_file_ops = { .read = gen_dir_read, .lseek = gen_dir_lseek, .getdents = gen_getdents };

static void text_free(struct text *t)
{
	if (t)
		kfree(t->s);
	kfree(t);
}

/* A new text takes the old one's place; the show functions take locks of their own, so it is made under none. */
static long gen_generate(struct file *f)
{
	struct text *t = kzalloc(sizeof *t), *old;
	long r = t ? node_of(f->inode)->show(t, f->inode) : -ENOMEM;

	if (!r && t->failed)
		r = -ENOMEM;
	if (r) {
		text_free(t);
		return r;
	}
	lock(&f->inode->lock);
	old = f->data;
	f->data = t;
	unlock(&f->inode->lock);
	text_free(old);
	return 0;
}

static long gen_read(struct file *f, struct uio *u, u64 *pos)
{
	struct text *t;
	long r = 0;

	if (!node_of(f->inode)->show)
		return -EINVAL;
	if (!*pos || !f->data)
		r = gen_generate(f);
	if (r)
		return r;
	lock(&f->inode->lock);
	t = f->data;
	if (*pos < t->n)
		r = uio_put(u, t->s + *pos, t->n - *pos < u->resid ? t->n - *pos : u->resid);
	unlock(&f->inode->lock);
	if (r > 0)
		*pos += (u64)r;
	return r;
}

static long gen_write(struct file *f, struct uio *u, u64 *pos)
{
	const struct gen_node *node = node_of(f->inode);
	size_t n = u->resid < 4095 ? u->resid : 4095;
	char *s;
	long r;

	if (!node->store)
		return -EACCES;
	s = kmalloc(n + 1);
	if (!s)
		return -ENOMEM;
	r = n ? uio_get(u, s, n) : 0;
	if (r >= 0) {
		s[r] = 0;
		r = node->store(f->inode, s, (size_t)r);
	}
	if (r > 0)
		*pos += (u64)r;
	kfree(s);
	return r;
}

static long gen_lseek(struct file *f, s64 offset, int whence)
{
	return whence == SEEK_SET || whence == SEEK_CUR ? generic_lseek(f, offset, whence, 0) : -EINVAL;
}

static void gen_release(struct file *f)
{
	text_free(f->data);
}

static const struct file_ops gen_file_ops = { .read = gen_read, .write = gen_write, .lseek = gen_lseek, .release = gen_release };

static long gen_open(struct path *p, u32 flags, struct file **out)
{
	const struct gen_node *node = node_of(p->inode);

	if (!S_ISDIR(node->mode) && (flags & O_ACCMODE) && !node->store)
		return -EACCES;
	*out = file_create_at(S_ISDIR(node->mode) ? &gen_dir_file_ops : &gen_file_ops, p, flags);
	return *out ? 0 : -ENOMEM;
}

static long gen_readlink(struct path *p, char *to, size_t n)
{
	struct text t = { 0 };
	long r;

	if (!S_ISLNK(p->inode->mode) || !node_of(p->inode)->show)
		return -EINVAL;
	r = node_of(p->inode)->show(&t, p->inode);
	if (!r && t.failed)
		r = -ENOMEM;
	if (!r) {
		r = (long)(t.n < n ? t.n : n);
		memcpy(to, t.s, (size_t)r);
	}
	kfree(t.s);
	return r;
}

static long gen_follow(struct path *p, struct path **out)
{
	const struct gen_node *node = node_of(p->inode);

	return node->follow ? node->follow(p, out) : 1; /* 1: its text is to be walked */
}

const struct inode_ops gen_ops = { .lookup = gen_lookup, .open = gen_open, .readlink = gen_readlink, .follow = gen_follow };

/* An open file without a path (a pipe's end, a console) as /proc/self/fd/N: opening it gives the same description again. */
static long reference_open(struct path *p, u32 flags, struct file **out)
{
	struct file *f = p->inode->gen.data;
	u32 want = flags & O_ACCMODE;

	if ((want != O_WRONLY && !file_readable(f)) || (want != O_RDONLY && !file_writable(f)))
		return -EACCES;
	*out = file_ref(f);
	return 0;
}

static long reference_getattr(struct path *p, struct inode *i, struct stat *st)
{
	(void)p;
	return file_stat(i->gen.data, st);
}

static long reference_setattr(struct path *p, struct inode *i, const struct attributes *a)
{
	(void)p;
	(void)i;
	(void)a;
	return 0;
}

static void reference_release(struct inode *i)
{
	file_put(i->gen.data);
}

static const struct inode_ops reference_ops = {
	.open = reference_open, .getattr = reference_getattr, .setattr = reference_setattr, .release = reference_release,
};

struct path *file_reference_path(struct file *f)
{
	struct stat st = { 0 };
	struct inode *i;
	char name[64];

	file_stat(f, &st);
	i = inode_create(&anon_sb, &reference_ops, st.st_mode);
	if (!i)
		return NULL;
	i->gen.data = file_ref(f);
	if (file_path(f, name, sizeof name) < 0)
		name[0] = 0;
	return path_create(NULL, (struct name){ name, (u32)strlen(name) }, i);
}
