/* Locks on files: POSIX (owned by a process's table of descriptors), of an open file description, and flock(2). */
#include "fs.h"

enum { POSIX_LOCK = 1, OFD_LOCK = 2, FLOCK_LOCK = 4 };

struct file_lock {
	struct list node;
	const void *owner;
	u64 start, end;                 /* end inclusive */
	u32 kind, pid;
	bool exclusive;
};

struct file_locks {                     /* under the inode's lock */
	struct list list;
	struct waitq wait;
};

struct blocked { struct list node; const void *owner, *by; }; /* a POSIX lock waited for: to see deadlocks */
static struct list blocked_list = { &blocked_list, &blocked_list };
static struct lock blocked_lock;

static struct file_locks *locks_of(struct inode *i)
{
	struct file_locks *l;

	if (i->locks)
		return i->locks;
	l = kzalloc(sizeof *l);
	if (!l)
		return NULL;
	list_init(&l->list);
	waitq_init(&l->wait);
	lock(&i->lock);
	if (!i->locks)
		__atomic_store_n(&i->locks, l, __ATOMIC_RELEASE);
	else
		kfree(l);
	unlock(&i->lock);
	return i->locks;
}

static void lock_drop(struct file_lock *l)
{
	list_remove(&l->node);
	kfree(l);
}

void locks_free(struct file_locks *l)
{
	if (!l)
		return;
	list_for_each_safe(n, &l->list)
		lock_drop(list_entry(n, struct file_lock, node));
	kfree(l);
}

void locks_release(struct inode *i, const void *owner)
{
	bool any = false;

	lock(&i->lock);
	list_for_each_safe(n, &i->locks->list) {
		struct file_lock *l = list_entry(n, struct file_lock, node);

		if (l->owner == owner) {
			lock_drop(l);
			any = true;
		}
	}
	unlock(&i->lock);
	if (any)
		wake_all(&i->locks->wait);
}

static struct file_lock *conflict(struct file_locks *locks, const struct file_lock *q)
{
	list_for_each(n, &locks->list) {
		struct file_lock *l = list_entry(n, struct file_lock, node);

		if (l->owner != q->owner && (l->kind & FLOCK_LOCK) == (q->kind & FLOCK_LOCK) && (l->exclusive || q->exclusive) &&
		    l->start <= q->end && l->end >= q->start)
			return l;
	}
	return NULL;
}

/* Makes the owner's locks in q's range what q says (release: none). spare: two entries; those not used are freed. */
static void apply(struct file_locks *locks, const struct file_lock *q, bool release, struct file_lock *spare[2])
{
	u64 start = q->start, end = q->end;

	list_for_each_safe(n, &locks->list) {
		struct file_lock *l = list_entry(n, struct file_lock, node);
		u64 before = start ? start - 1 : 0, after = end == NEVER ? end : end + 1;

		if (l->owner != q->owner || l->kind != q->kind || l->end < before || l->start > after)
			continue;
		if (!release && l->exclusive == q->exclusive) {
			start = l->start < start ? l->start : start;
			end = l->end > end ? l->end : end;
			lock_drop(l);
			continue;
		}
		if (l->end < start || l->start > end)
			continue;
		if (l->start < start && l->end > end) {
			*spare[1] = *l;
			spare[1]->start = end + 1;
			list_push_back(&locks->list, &spare[1]->node);
			spare[1] = NULL;
			l->end = start - 1;
		} else if (l->start < start) {
			l->end = start - 1;
		} else if (l->end > end) {
			l->start = end + 1;
		} else {
			lock_drop(l);
		}
	}
	if (!release) {
		*spare[0] = *q;
		spare[0]->start = start;
		spare[0]->end = end;
		list_push_back(&locks->list, &spare[0]->node);
		spare[0] = NULL;
	}
}

/* Would waiting for by close a circle? */
static bool deadlock(const void *owner, const void *by)
{
	bool found = false;

	lock(&blocked_lock);
	for (int depth = 0; depth < 16 && !found; depth++) {
		const void *next = NULL;

		list_for_each(n, &blocked_list) {
			struct blocked *b = list_entry(n, struct blocked, node);

			if (b->owner == by)
				next = b->by;
		}
		if (!next)
			break;
		found = next == owner;
		by = next;
	}
	unlock(&blocked_lock);
	return found;
}

static void blocked_set(struct blocked *b, const void *by)
{
	lock(&blocked_lock);
	if (!b->by && by)
		list_push_back(&blocked_list, &b->node);
	else if (b->by && !by)
		list_remove(&b->node);
	b->by = by;
	unlock(&blocked_lock);
}

static long try_apply(struct inode *i, const struct file_lock *q, bool release, struct file_lock *spare[2], const void **by)
{
	struct file_lock *c;

	lock(&i->lock);
	c = release ? NULL : conflict(i->locks, q);
	*by = c ? c->owner : NULL;
	if (!c)
		apply(i->locks, q, release, spare);
	unlock(&i->lock);
	return c ? -EAGAIN : 0;
}

static long lock_set(struct inode *i, const struct file_lock *q, bool release, bool wait)
{
	struct file_lock *spare[2] = { NULL, NULL };
	struct file_locks *locks = locks_of(i);
	struct blocked b = { .owner = q->owner };
	struct waiter w;
	long r = -ENOLCK;

	spare[0] = kmalloc(sizeof *spare[0]);
	spare[1] = kmalloc(sizeof *spare[1]);
	if (!locks || !spare[0] || !spare[1])
		goto out;
	waiter_init(&w);
	if (wait)
		waitq_add(&locks->wait, &w);
	for (;;) {
		const void *by;

		r = try_apply(i, q, release, spare, &by);
		if (r != -EAGAIN || !wait)
			break;
		if (q->kind == POSIX_LOCK && deadlock(q->owner, by)) {
			r = -EDEADLK;
			break;
		}
		blocked_set(&b, by);
		r = task_sleep(NEVER, true);
		if (r) {
			r = -ERESTARTSYS;
			break;
		}
	}
	blocked_set(&b, NULL);
	if (wait)
		waitq_remove(&locks->wait, &w);
	if (!r) /* less is locked, or a shared lock took an exclusive one's place */
		wake_all(&locks->wait);
out:
	kfree(spare[0]);
	kfree(spare[1]);
	return r;
}

/* The range struct flock asks for, in bytes of the file. */
static long range_of(struct file *f, const struct flock *a, struct file_lock *q)
{
	s64 start = a->l_start, base = 0, length = a->l_len;

	if (a->l_whence == SEEK_CUR)
		base = (s64)f->pos;
	else if (a->l_whence == SEEK_END)
		base = f->inode ? (s64)f->inode->size : 0;
	else if (a->l_whence != SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(start, base, &start))
		return -EOVERFLOW;
	if (length < 0) {
		if (__builtin_add_overflow(start, length, &start))
			return -EINVAL;
		length = -length;
	}
	if (start < 0)
		return -EINVAL;
	q->start = (u64)start;
	q->end = length ? (u64)start + (u64)length - 1 : NEVER;
	return q->end != NEVER && q->end > (u64)INT64_MAX ? -EOVERFLOW : 0;
}

static long lock_test(struct inode *i, const struct file_lock *q, struct flock *a, u64 arg)
{
	struct file_locks *locks = locks_of(i);
	struct file_lock *c;

	if (!locks)
		return -ENOLCK;
	lock(&i->lock);
	c = conflict(locks, q);
	if (c) {
		a->l_type = c->exclusive ? F_WRLCK : F_RDLCK;
		a->l_whence = SEEK_SET;
		a->l_start = (s64)c->start;
		a->l_len = c->end == NEVER ? 0 : (s64)(c->end - c->start + 1);
		a->l_pid = c->kind == OFD_LOCK ? -1 : (s32)c->pid;
	} else {
		a->l_type = F_UNLCK;
	}
	unlock(&i->lock);
	return copy_to_user((void *)arg, a, sizeof *a);
}

long fcntl_lock(struct file *f, u32 cmd, u64 arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	bool test = cmd == F_GETLK || cmd == F_OFD_GETLK;
	struct file_lock q = { .kind = ofd ? OFD_LOCK : POSIX_LOCK, .pid = current->proc->pid };
	struct flock a;
	long r;

	if (get_user(a, (struct flock __user *)arg))
		return -EFAULT;
	if (ofd && a.l_pid)
		return -EINVAL;
	q.owner = ofd ? (const void *)f : current->proc->files;
	q.exclusive = a.l_type == F_WRLCK;
	r = range_of(f, &a, &q);
	if (r)
		return r;
	if (!f->inode)
		return -EINVAL;
	if (test)
		return a.l_type == F_RDLCK || a.l_type == F_WRLCK ? lock_test(f->inode, &q, &a, arg) : -EINVAL;
	if (a.l_type == F_RDLCK ? !file_readable(f) : a.l_type == F_WRLCK ? !file_writable(f) : 0)
		return -EBADF;
	if (a.l_type != F_RDLCK && a.l_type != F_WRLCK && a.l_type != F_UNLCK)
		return -EINVAL;
	return lock_set(f->inode, &q, a.l_type == F_UNLCK, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

long sys_flock(int fd, u32 op)
{
	struct fd f = fd_get(fd);
	struct file_lock q = { .owner = f.file, .kind = FLOCK_LOCK, .end = NEVER, .pid = current->proc->pid };
	u32 what = op & ~(u32)LOCK_NB;
	long r = -EINVAL;

	if (!f.file || (f.file->flags & O_PATH)) {
		r = -EBADF;
	} else if (what == LOCK_SH || what == LOCK_EX || what == LOCK_UN) {
		q.exclusive = what == LOCK_EX;
		r = f.file->inode ? lock_set(f.file->inode, &q, what == LOCK_UN, !(op & LOCK_NB)) : 0;
	}
	fd_put(f);
	return r;
}
