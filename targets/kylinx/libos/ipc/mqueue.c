/* POSIX message queues: named queues of messages by priority; a descriptor is a file that can be polled. */
#include "mqueue.h"

#define DEFAULT_MESSAGES 10     /* fs.mqueue.msg_default, msg_max */
#define DEFAULT_BYTES 8192      /* msgsize_default, msgsize_max */
#define HARD_MESSAGES 65536     /* for root */
#define HARD_BYTES 16777216
#define QUEUES_MOST 256u        /* queues_max */
#define NAME_MOST 255

static struct lock names_lock;  /* the list, and every queue's linked */
static struct list queues;
static u32 queue_count;

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

static void mqueue_put(struct mqueue *q)
{
	if (ref_put(&q->refs))
		return;
	while (!list_empty(&q->messages)) {
		struct mq_message *m = list_entry(q->messages.next, struct mq_message, node);

		list_remove(&m->node);
		kfree(m);
	}
	kfree(q);
}

static bool attr_valid(const struct mq_attr *a)
{
	bool root = !current->proc->cred.euid;

	if (a->mq_maxmsg <= 0 || a->mq_msgsize <= 0)
		return false;
	return a->mq_maxmsg <= (root ? HARD_MESSAGES : DEFAULT_MESSAGES) && a->mq_msgsize <= (root ? HARD_BYTES : DEFAULT_BYTES);
}

static struct mqueue *mqueue_create(const char *name, u32 mode, const struct mq_attr *attr)
{
	struct mqueue *q = kzalloc(sizeof *q);

	if (!q)
		return NULL;
	q->refs = 1; /* the name's */
	q->linked = true;
	q->most = attr ? (u32)attr->mq_maxmsg : DEFAULT_MESSAGES;
	q->message_bytes = attr ? (u32)attr->mq_msgsize : DEFAULT_BYTES;
	q->mode = mode & 07777 & ~current->proc->fs->umask;
	q->uid = current->proc->cred.fsuid;
	q->gid = current->proc->cred.fsgid;
	list_init(&q->messages);
	waitq_init(&q->readable);
	waitq_init(&q->writable);
	strlcpy(q->name, name, sizeof q->name);
	return q;
}

/* names_lock held. */
static struct mqueue *mqueue_find(const char *name)
{
	list_for_each(n, &queues) {
		struct mqueue *q = list_entry(n, struct mqueue, node);

		if (!strcmp(q->name, name))
			return q;
	}
	return NULL;
}

static long mqueue_permission(const struct mqueue *q, u32 flags)
{
	static const u8 wanted[] = { [O_RDONLY] = 4, [O_WRONLY] = 2, [O_RDWR] = 6 };
	const struct credentials *c = &current->proc->cred;
	u32 granted = q->mode;

	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (!c->fsuid)
		return 0;
	if (c->fsuid == q->uid)
		granted >>= 6;
	else if (c->fsgid == q->gid)
		granted >>= 3;
	return wanted[flags & O_ACCMODE] & ~granted & 7 ? -EACCES : 0;
}

static long name_get(const char __user *from, char *name)
{
	long n = strncpy_from_user(name, from, NAME_MOST + 1);

	if (n < 0)
		return n;
	if (n > NAME_MOST)
		return -ENAMETOOLONG;
	if (!n)
		return -ENOENT;
	return strchr(name, '/') ? -EACCES : 0;
}

/* The queue of that name, referenced; made if need be. */
static long mqueue_get(const char *name, u32 flags, u32 mode, const struct mq_attr *attr, struct mqueue **to)
{
	struct mqueue *q;
	long err = 0;

	lock(&names_lock);
	q = mqueue_find(name);
	if (q) {
		err = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) ? -EEXIST : mqueue_permission(q, flags);
	} else if (!(flags & O_CREAT)) {
		err = -ENOENT;
	} else if (attr && !attr_valid(attr)) {
		err = -EINVAL;
	} else if (queue_count >= QUEUES_MOST && current->proc->cred.euid) {
		err = -ENOSPC;
	} else {
		q = mqueue_create(name, mode, attr);
		if (q) {
			list_push_back(&queues, &q->node);
			queue_count++;
		} else {
			err = -ENOMEM;
		}
	}
	if (!err)
		ref_get(&q->refs);
	unlock(&names_lock);
	*to = q;
	return err;
}

long sys_mq_open(const char __user *from, u32 flags, u32 mode, const struct mq_attr __user *attr_from)
{
	char name[NAME_MOST + 1];
	struct mq_attr attr;
	struct mqueue *q;
	long r = name_get(from, name), fd;

	if (r)
		return r;
	if (attr_from && (flags & O_CREAT) && get_user(attr, attr_from))
		return -EFAULT;
	r = mqueue_get(name, flags, mode, attr_from && (flags & O_CREAT) ? &attr : NULL, &q);
	if (r)
		return r;
	/* glibc's descriptors of queues are closed on exec, as mq_open(3) has it */
	fd = fd_for(&mqueue_file_ops, q, KX_FILE_MQUEUE, flags & (O_ACCMODE | O_NONBLOCK), true);
	if (fd == -ENFILE)
		mqueue_put(q);
	return fd;
}

long sys_mq_unlink(const char __user *from)
{
	char name[NAME_MOST + 1];
	struct mqueue *q;
	long err = name_get(from, name);

	if (err)
		return err;
	lock(&names_lock);
	q = mqueue_find(name);
	if (!q)
		err = -ENOENT;
	else if (current->proc->cred.fsuid && current->proc->cred.fsuid != q->uid)
		err = -EACCES;
	if (!err) {
		list_remove(&q->node);
		q->linked = false;
		queue_count--;
	}
	unlock(&names_lock);
	if (!err)
		mqueue_put(q);
	return err;
}

/* ---- as a file ---------------------------------------------------------------------------------------------------------------- */

static u32 mqueue_poll(struct file *f, struct poll_table *pt)
{
	struct mqueue *q = f->data;
	u32 count;

	poll_add(pt, &q->readable);
	poll_add(pt, &q->writable);
	count = __atomic_load_n(&q->count, __ATOMIC_ACQUIRE);
	return (count ? IN_EVENTS : 0) | (count < q->most ? OUT_EVENTS : 0);
}

/* read(2) of a queue gives its state, as in /dev/mqueue. */
static long mqueue_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct mqueue *q = f->data;
	char text[128];
	size_t n, skip;
	long put;

	lock(&q->lock);
	n = (size_t)snprintf(text, sizeof text, "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q->bytes,
			     q->notify_pid ? q->notify.sigev_notify : 0,
			     q->notify_pid && q->notify.sigev_notify == SIGEV_SIGNAL ? q->notify.sigev_signo : 0,
			     (int)q->notify_pid);
	unlock(&q->lock);
	skip = pos ? *pos : f->pos;
	if (skip >= n)
		return 0;
	put = uio_put(uio, text + skip, n - skip);
	if (put > 0)
		*(pos ? pos : &f->pos) += (u64)put;
	return put;
}

static void mqueue_release(struct file *f)
{
	struct mqueue *q = f->data;

	mqueue_notify_drop(q, 0, f);
	mqueue_put(q);
}

const struct file_ops mqueue_file_ops = {
	.read = mqueue_read,
	.poll = mqueue_poll,
	.release = mqueue_release,
};

struct fd mqueue_fd(int fd, struct mqueue **q)
{
	struct fd f = fd_get(fd);

	if (f.file && f.file->ops != &mqueue_file_ops) {
		fd_put(f);
		f.file = NULL;
	}
	if (f.file)
		*q = f.file->data;
	return f;
}

long sys_mq_getsetattr(int fd, const struct mq_attr __user *from, struct mq_attr __user *to)
{
	struct mq_attr new, attr = { .mq_flags = 0 };
	struct mqueue *q;
	struct fd f;

	if (from && get_user(new, from))
		return -EFAULT;
	if (from && (new.mq_flags & ~O_NONBLOCK))
		return -EINVAL;
	f = mqueue_fd(fd, &q);
	if (!f.file)
		return -EBADF;
	attr.mq_flags = f.file->flags & O_NONBLOCK;
	attr.mq_maxmsg = q->most;
	attr.mq_msgsize = q->message_bytes;
	attr.mq_curmsgs = q->count;
	if (from)
		f.file->flags = (f.file->flags & ~(u32)O_NONBLOCK) | (new.mq_flags & O_NONBLOCK);
	fd_put(f);
	return to && put_user(attr, to) ? -EFAULT : 0;
}

void mqueue_proc_exit(struct proc *p)
{
	if (list_empty(&queues))
		return;
	lock(&names_lock);
	list_for_each(n, &queues)
		mqueue_notify_drop(list_entry(n, struct mqueue, node), p->pid, NULL);
	unlock(&names_lock);
}

void mqueue_init(void)
{
	list_init(&queues);
}
