/* Open files and directories of host shares: bytes go through a buffer in the commons; a mapping is of pages read from the
 * host, written back by fsync and at the last close. */
#include "hostfs.h"
#include "../mm/mm.h"

#define BUFFER_PAGES 16
#define BUFFER_BYTES (BUFFER_PAGES * (u64)KX_PAGE)
#define MAPPED_MAX ((u64)1 << 32)

static struct host_inode *host_of(const struct inode *i)
{
	return i->gen.data;
}

static s32 handle_of(const struct file *f)
{
	return (s32)(s64)f->data;
}

static const struct file_ops hostfs_file_ops, hostfs_dir_ops;

long hostfs_open(struct path *p, u32 flags, struct file **out)
{
	bool directory = S_ISDIR(p->inode->mode);
	struct kx_hostfs *h = host_request(p->inode);
	long r = h ? host_path(p, (struct name){ 0 }, h->path, sizeof h->path) : -ENOMEM;

	if (!r && !directory && !S_ISREG(p->inode->mode))
		r = -ENXIO;
	if (!r) {
		/* appending needs no flag on the host: the position is the LibOS's */
		h->flags = (flags & O_ACCMODE) | (directory ? O_DIRECTORY : 0);
		r = host_call(KX_HOSTFS_OPEN, h);
	}
	if (r >= 0) {
		h->handle = (s32)r;
		*out = file_create_at(directory ? &hostfs_dir_ops : &hostfs_file_ops, p, flags);
		if (*out)
			(*out)->data = (void *)(s64)h->handle;
		else
			host_call(KX_HOSTFS_CLOSE, h);
		r = *out ? 0 : -ENOMEM;
	}
	kfree(h);
	return r;
}

static struct kx_hostfs *request(struct file *f)
{
	struct kx_hostfs *h = host_request(f->inode);

	if (h)
		h->handle = handle_of(f);
	return h;
}

/* n bytes between the host's file at at and a buffer in the commons */
static long move(struct file *f, u32 op, void *buffer, u64 n, u64 at)
{
	struct kx_hostfs *h = request(f);
	long r = -ENOMEM;

	if (h) {
		h->offset = at;
		h->length = n;
		h->buffer = (u64)buffer;
		r = host_call(op, h);
	}
	kfree(h);
	return r > (long)n ? -EIO : r;
}

static u64 piece_of(const struct uio *u)
{
	return u->resid < BUFFER_BYTES ? u->resid : BUFFER_BYTES;
}

static long hostfs_read(struct file *f, struct uio *u, u64 *pos)
{
	u64 pages = (piece_of(u) + KX_PAGE - 1) / KX_PAGE;
	void *buffer = u->resid ? pages_alloc(pages) : NULL;
	long done = 0, r = 0;

	if (!u->resid)
		return 0;
	if (!buffer)
		return -ENOMEM;
	while (u->resid) {
		u64 n = piece_of(u);
		long got = move(f, KX_HOSTFS_READ, buffer, n, *pos);

		r = got > 0 ? uio_put(u, buffer, (size_t)got) : got;
		if (r <= 0)
			break;
		done += r;
		*pos += (u64)r;
		if ((u64)r < n)
			break;
	}
	pages_free(buffer, pages);
	return done ? done : r;
}

static u64 host_size(struct file *f)
{
	struct stat st;

	return f->inode->ops->getattr(f->path, f->inode, &st) ? f->inode->size : (u64)st.st_size;
}

/* What write(2) changed is to be seen in mappings. */
static void refresh_pages(const struct host_inode *k, const char *bytes, u64 n, u64 at)
{
	while (k->object && n) {
		u64 skip = at % KX_PAGE, piece = KX_PAGE - skip < n ? KX_PAGE - skip : n;
		char *page = object_page(k->object, at / KX_PAGE, false);

		if (page)
			memcpy(page + skip, bytes, piece);
		bytes += piece;
		at += piece;
		n -= piece;
	}
}

static long hostfs_write(struct file *f, struct uio *u, u64 *pos)
{
	u64 pages = (piece_of(u) + KX_PAGE - 1) / KX_PAGE;
	void *buffer = u->resid ? pages_alloc(pages) : NULL;
	long done = 0, r = 0;

	if (!u->resid)
		return 0;
	if (!buffer)
		return -ENOMEM;
	if (f->flags & O_APPEND)
		*pos = host_size(f);
	while (u->resid) {
		long got = uio_get(u, buffer, piece_of(u));

		r = got > 0 ? move(f, KX_HOSTFS_WRITE, buffer, (u64)got, *pos) : got;
		if (r <= 0)
			break;
		refresh_pages(host_of(f->inode), buffer, (u64)r, *pos);
		done += r;
		*pos += (u64)r;
		if (r < got)
			break;
	}
	if (*pos > f->inode->size)
		f->inode->size = *pos;
	pages_free(buffer, pages);
	return done ? done : r;
}

static long hostfs_lseek(struct file *f, s64 offset, int whence)
{
	u64 size = whence == SEEK_SET || whence == SEEK_CUR ? 0 : host_size(f);

	return generic_lseek(f, offset, whence, size);
}

/* keep: pages already there may hold what a mapping has written and nobody has put back yet. */
static long read_pages(struct file *f, struct kx_object *o, u64 size, bool keep)
{
	long r = 0;

	for (u64 at = 0; at < size && r >= 0; at += KX_PAGE) {
		void *page = object_page(o, at / KX_PAGE, false);

		if (page && keep)
			continue;
		page = object_page(o, at / KX_PAGE, true);
		r = page ? move(f, KX_HOSTFS_READ, page, size - at < KX_PAGE ? size - at : KX_PAGE, at) : -ENOMEM;
	}
	return r < 0 ? r : 0;
}

/* Pages of the whole file, shared by all its mappings; read again for a new mapping when the host has changed the file. */
static long load_object(struct file *f, struct host_inode *k)
{
	u64 size = host_size(f);
	struct kx_object *o = k->object;
	long r;

	if (o && k->loaded_bytes == size && k->loaded_mtime_ns == f->inode->mtime_ns)
		return 0;
	if (size > MAPPED_MAX)
		return -ENOMEM;
	if (!o)
		o = object_create();
	if (!o)
		return -ENOMEM;
	object_resize(o, PAGE_UP(size) / KX_PAGE);
	r = read_pages(f, o, size, k->written);
	lock(&f->inode->lock);
	if (!r && !k->object)
		k->object = o;
	if (!r) {
		k->loaded_bytes = size;
		k->loaded_mtime_ns = f->inode->mtime_ns;
	}
	unlock(&f->inode->lock);
	if (o != k->object)
		object_destroy(o);
	return r;
}

static long hostfs_mmap(struct file *f, struct kx_region *r, u32 flags)
{
	struct host_inode *k = host_of(f->inode);
	long e = load_object(f, k);

	(void)flags;
	if (e)
		return e;
	if ((r->flags & KXR_SHARED) && !(r->flags & KXR_NO_WRITE))
		k->written = true;
	r->kind = r->flags & KXR_SHARED ? KX_REGION_OBJECT : KX_REGION_OBJECT_PRIVATE;
	r->source = (u64)k->object;
	r->offset = region_file_offset(r) / KX_PAGE;
	return 0;
}

static void write_back(struct file *f)
{
	struct host_inode *k = host_of(f->inode);
	u64 size = f->inode->size;

	if (!k->written || !k->object || !file_writable(f))
		return;
	for (u64 at = 0; at < size; at += KX_PAGE) {
		void *page = object_page(k->object, at / KX_PAGE, false);

		if (page && move(f, KX_HOSTFS_WRITE, page, size - at < KX_PAGE ? size - at : KX_PAGE, at) < 0)
			return;
	}
}

static long simple(struct file *f, u32 op)
{
	struct kx_hostfs *h = request(f);
	long r = h ? host_call(op, h) : -ENOMEM;

	kfree(h);
	return r;
}

static long hostfs_fsync(struct file *f)
{
	write_back(f);
	return simple(f, KX_HOSTFS_SYNC);
}

static void hostfs_file_release(struct file *f)
{
	if (f->ops == &hostfs_file_ops)
		write_back(f);
	simple(f, KX_HOSTFS_CLOSE);
}

long hostfs_truncate(struct path *p, struct inode *i, u64 size)
{
	struct kx_hostfs *h = host_request(i);
	long r = h ? host_path(p, (struct name){ 0 }, h->path, sizeof h->path) : -ENOMEM;

	if (!r) {
		h->length = h->size = size;
		r = host_call(KX_HOSTFS_TRUNCATE, h);
	}
	if (!r)
		i->size = size;
	kfree(h);
	return r;
}

/* The monitor keeps the place in the listing; going back to the beginning opens it anew. */
static long dir_rewind(struct file *f)
{
	struct file *again;
	long r = hostfs_open(f->path, f->flags, &again);
	void *handle;

	if (r)
		return r;
	handle = again->data;
	again->data = f->data;
	f->data = handle;
	file_put(again);
	f->pos = 0;
	return 0;
}

static long hostfs_dir_lseek(struct file *f, s64 offset, int whence)
{
	if (whence == SEEK_CUR && !offset)
		return (long)f->pos;
	if (whence != SEEK_SET)
		return -EINVAL;
	if (!offset)
		return dir_rewind(f);
	return (u64)offset == f->pos ? offset : -EINVAL;
}

/* The host's listing, "." and ".." included, checked entry by entry. */
static long hostfs_getdents(struct file *f, struct uio *u)
{
	size_t room = u->resid < BUFFER_BYTES ? u->resid : BUFFER_BYTES;
	char *buffer = pages_alloc(BUFFER_PAGES);
	long n, r = 0;

	if (!buffer)
		return -ENOMEM;
	n = move(f, KX_HOSTFS_READDIR, buffer, room, f->pos);
	for (long at = 0; at < n && !r;) {
		const struct linux_dirent64 *d = (const void *)(buffer + at);
		size_t fixed = offsetof(struct linux_dirent64, d_name);
		struct name name;

		if ((size_t)(n - at) < fixed || d->d_reclen < fixed || d->d_reclen > n - at || (d->d_reclen & 7)) {
			r = -EIO;
			break;
		}
		name = (struct name){ d->d_name, (u32)strnlen(d->d_name, d->d_reclen - fixed) };
		r = dirent_emit(u, d->d_ino, ++f->pos, d->d_type, name);
		at += d->d_reclen;
	}
	pages_free(buffer, BUFFER_PAGES);
	return n < 0 ? n : r;
}

static long hostfs_dir_read(struct file *f, struct uio *u, u64 *pos)
{
	(void)f;
	(void)u;
	(void)pos;
	return -EISDIR;
}

static const struct file_ops hostfs_file_ops = {
	.read = hostfs_read, .write = hostfs_write, .lseek = hostfs_lseek, .mmap = hostfs_mmap, .fsync = hostfs_fsync,
	.release = hostfs_file_release,
};
static const struct file_ops hostfs_dir_ops = {
	.read = hostfs_dir_read, .lseek = hostfs_dir_lseek, .getdents = hostfs_getdents, .fsync = hostfs_fsync,
	.release = hostfs_file_release,
};
