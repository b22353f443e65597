/* Open file descriptions and the tables of descriptors. A table is changed under its lock; its own process reads it without,
 * since nothing preempts the LibOS and the threads of a process share one vCPU, unless CLONE_FILES shares it more widely. */
#include "fs.h"
#include <linux/close_range.h>

#define FIRST_CAPACITY 64u
#define NR_OPEN 1048576u

void epoll_file_release(struct file *); /* ipc/epoll.c */

struct file *file_create(const struct file_ops *ops, void *data, u32 flags)
{
	struct file *f = kzalloc(sizeof *f);

	if (!f)
		return NULL;
	f->refs = 1;
	f->flags = flags;
	f->ops = ops;
	f->data = data;
	list_init(&f->epoll_links);
	return f;
}

struct file *file_create_at(const struct file_ops *ops, struct path *p, u32 flags)
{
	struct file *f = file_create(ops, NULL, flags);

	if (f) {
		f->path = path_ref(p);
		f->inode = inode_ref(p->inode);
	}
	return f;
}

void file_put(struct file *f)
{
	if (!f || ref_put(&f->refs))
		return;
	if (!list_empty(&f->epoll_links))
		epoll_file_release(f);
	if (f->inode && f->inode->locks)
		locks_release(f->inode, f);
	if (f->ops->release)
		f->ops->release(f);
	path_put(f->path);
	inode_put(f->inode);
	kfree(f);
}

static struct file *table_get(const struct files *t, u32 fd)
{
	struct file *f;

	if (fd >= t->capacity)
		return NULL;
	f = t->table[fd];
	return f ? file_ref(f) : NULL;
}

struct file *files_file(struct files *t, u32 fd)
{
	struct file *f;

	lock(&t->lock);
	f = table_get(t, fd);
	unlock(&t->lock);
	return f;
}

struct file *file_get(int fd)
{
	struct files *t = current->proc->files;

	return likely(t->refs == 1) ? table_get(t, (u32)fd) : files_file(t, (u32)fd);
}

struct fd fd_get(int fd)
{
	struct proc *p = current->proc;
	struct files *t = p->files;

	/* the only thread with this table cannot close it behind its own back */
	if (likely(t->refs == 1 && p->task_count == 1))
		return (struct fd){ (u32)fd < t->capacity ? t->table[fd] : NULL, false };
	return (struct fd){ file_get(fd), true };
}

static u64 fd_limit(void)
{
	u64 limit = current->proc->rlimit[RLIMIT_NOFILE].rlim_cur;

	return limit < NR_OPEN ? limit : NR_OPEN;
}

/* Room for descriptor fd. The lock is held. */
static long table_grow(struct files *t, u32 fd)
{
	u32 capacity = t->capacity;
	struct file **table;
	u64 *cloexec;

	if (fd < capacity)
		return 0;
	while (capacity <= fd)
		capacity *= 2;
	table = kzalloc(capacity * sizeof *table);
	cloexec = kzalloc(capacity / 8);
	if (!table || !cloexec) {
		kfree(table);
		kfree(cloexec);
		return -ENOMEM;
	}
	memcpy(table, t->table, t->capacity * sizeof *table);
	memcpy(cloexec, t->cloexec, t->capacity / 8);
	kfree(t->table);
	kfree(t->cloexec);
	t->table = table;
	t->cloexec = cloexec;
	t->capacity = capacity;
	return 0;
}

static void set_cloexec(struct files *t, u32 fd, bool on)
{
	u64 bit = (u64)1 << (fd % 64);

	if (on)
		t->cloexec[fd / 64] |= bit;
	else
		t->cloexec[fd / 64] &= ~bit;
}

static bool is_cloexec(const struct files *t, u32 fd)
{
	return t->cloexec[fd / 64] >> (fd % 64) & 1;
}

long fd_install(struct file *f, bool cloexec, u32 from)
{
	struct files *t = current->proc->files;
	u64 limit = fd_limit();
	long r = -EMFILE;
	u32 fd;

	lock(&t->lock);
	fd = from > t->lowest_free ? from : t->lowest_free;
	while (fd < t->capacity && t->table[fd])
		fd++;
	if (fd < limit)
		r = table_grow(t, fd);
	if (!r) {
		t->table[fd] = f;
		set_cloexec(t, fd, cloexec);
		if (from <= t->lowest_free)
			t->lowest_free = fd + 1;
		r = (long)fd;
	}
	unlock(&t->lock);
	if (r < 0)
		file_put(f);
	return r;
}

struct files *files_create(void)
{
	struct files *t = kzalloc(sizeof *t);

	if (!t)
		return NULL;
	t->refs = 1;
	t->capacity = FIRST_CAPACITY;
	t->table = kzalloc(FIRST_CAPACITY * sizeof *t->table);
	t->cloexec = kzalloc(FIRST_CAPACITY / 8);
	if (t->table && t->cloexec)
		return t;
	kfree(t->table);
	kfree(t->cloexec);
	kfree(t);
	return NULL;
}

struct files *files_fork(struct files *old)
{
	struct files *t = files_create();
	u32 last;

	if (!t)
		return NULL;
	lock(&old->lock);
	for (last = old->capacity; last > FIRST_CAPACITY && !old->table[last - 1]; last--)
		;
	if (table_grow(t, last - 1)) {
		unlock(&old->lock);
		files_put(t);
		return NULL;
	}
	for (u32 fd = 0; fd < last; fd++)
		if (old->table[fd])
			t->table[fd] = file_ref(old->table[fd]);
	memcpy(t->cloexec, old->cloexec, (last + 63) / 64 * sizeof *t->cloexec);
	t->lowest_free = old->lowest_free;
	unlock(&old->lock);
	return t;
}

/* Takes fd out of t: its file, with the table's reference; NULL: not open. */
static struct file *table_take(struct files *t, u32 fd)
{
	struct file *f = NULL;

	lock(&t->lock);
	if (fd < t->capacity && t->table[fd]) {
		f = t->table[fd];
		t->table[fd] = NULL;
		set_cloexec(t, fd, false);
		if (fd < t->lowest_free)
			t->lowest_free = fd;
	}
	unlock(&t->lock);
	return f;
}

/* A process's POSIX locks on a file go at its first close of any descriptor of it. */
static void file_close(struct files *t, struct file *f)
{
	if (f->inode && f->inode->locks)
		locks_release(f->inode, t);
	file_put(f);
}

void files_put(struct files *t)
{
	if (!t || ref_put(&t->refs))
		return;
	for (u32 fd = 0; fd < t->capacity; fd++)
		if (t->table[fd])
			file_close(t, t->table[fd]);
	kfree(t->table);
	kfree(t->cloexec);
	kfree(t);
}

void files_close_on_exec(struct files *t)
{
	for (u32 word = 0; word < t->capacity / 64; word++)
		while (t->cloexec[word]) {
			struct file *f = table_take(t, word * 64 + (u32)__builtin_ctzll(t->cloexec[word]));

			if (f)
				file_close(t, f);
		}
}

long sys_close(int fd)
{
	struct files *t = current->proc->files;
	struct file *f = table_take(t, (u32)fd);

	if (!f)
		return -EBADF;
	file_close(t, f);
	return 0;
}

long sys_close_range(u32 first, u32 last, u32 flags)
{
	struct files *t = current->proc->files;

	if (first > last || (flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
		return -EINVAL;
	if ((flags & CLOSE_RANGE_UNSHARE) && t->refs > 1) {
		struct files *own = files_fork(t);

		if (!own)
			return -ENOMEM;
		current->proc->files = own;
		files_put(t);
		t = own;
	}
	for (u32 fd = first; fd <= last && fd < t->capacity; fd++) {
		struct file *f;

		if (flags & CLOSE_RANGE_CLOEXEC) {
			lock(&t->lock);
			if (t->table[fd])
				set_cloexec(t, fd, true);
			unlock(&t->lock);
		} else if ((f = table_take(t, fd))) {
			file_close(t, f);
		}
	}
	return 0;
}

long fd_cloexec(int fd, int set)
{
	struct files *t = current->proc->files;
	long r = -EBADF;

	lock(&t->lock);
	if ((u32)fd < t->capacity && t->table[fd]) {
		r = set < 0 ? is_cloexec(t, (u32)fd) : 0;
		if (set >= 0)
			set_cloexec(t, (u32)fd, set);
	}
	unlock(&t->lock);
	return r;
}

static long dup_to(int old, int new, bool cloexec)
{
	struct files *t = current->proc->files;
	struct file *f = file_get(old), *before;
	long r;

	if (!f || (u32)new >= fd_limit()) {
		file_put(f);
		return -EBADF;
	}
	lock(&t->lock);
	r = table_grow(t, (u32)new);
	if (r) {
		unlock(&t->lock);
		file_put(f);
		return r;
	}
	before = t->table[new];
	t->table[new] = f;
	set_cloexec(t, (u32)new, cloexec);
	unlock(&t->lock);
	if (before)
		file_close(t, before);
	return new;
}

long sys_dup(int fd)
{
	struct file *f = file_get(fd);

	return f ? fd_install(f, false, 0) : -EBADF;
}

long sys_dup2(int old, int new)
{
	if (old == new) {
		long r = fd_cloexec(old, -1);

		return r < 0 ? r : new;
	}
	return dup_to(old, new, false);
}

long sys_dup3(int old, int new, u32 flags)
{
	if (old == new || (flags & ~(u32)O_CLOEXEC))
		return -EINVAL;
	return dup_to(old, new, flags & O_CLOEXEC);
}
