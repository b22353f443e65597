/* Pipes: a ring of bytes (ring.h) with counted ends. */
#include "pipe.h"

#define F_SETPIPE_SZ_CMD 1031
#define F_GETPIPE_SZ_CMD 1032

long sys_close(u32 fd);

struct pipe *pipe_create(void)
{
	struct pipe *p = kzalloc(sizeof *p);

	if (!p)
		return NULL;
	ring_init(&p->ring, PIPE_DEFAULT);
	waitq_init(&p->readable);
	waitq_init(&p->writable);
	waitq_init(&p->opened);
	return p;
}

void pipe_free(struct pipe *p)
{
	ring_free(&p->ring);
	kfree(p->packets);
	kfree(p);
}

void signal_sigpipe(void)
{
	struct kx_siginfo info = { .signo = SIGPIPE, .code = SI_USER };

	info.a[0] = current->proc->pid | (u64)current->proc->cred.uid << 32;
	signal_send_task(current, SIGPIPE, &info);
}

/* ---- packets ---------------------------------------------------------------------------------------------------- */

static u32 packets_used(const struct packets *k)
{
	u32 used = __atomic_load_n(&k->head, __ATOMIC_ACQUIRE) - k->tail;

	return used <= PIPE_PACKETS ? used : 0;
}

static bool packets_full(struct pipe *p)
{
	u32 most = p->ring.limit / KX_PAGE;

	return p->packets && packets_used(p->packets) >= (most < PIPE_PACKETS ? most : PIPE_PACKETS);
}

/* read_lock held. How many bytes the next read may take; *drop: how many it removes (0: what it took). */
static u32 packet_limit(struct pipe *p, u32 *drop)
{
	struct packets *k = p->packets;
	u32 start, length;

	*drop = 0;
	if (likely(!k) || !packets_used(k))
		return ~0u;
	start = k->bound[k->tail & (PIPE_PACKETS - 1)].start - p->ring.tail;
	length = k->bound[k->tail & (PIPE_PACKETS - 1)].end - p->ring.tail - start;
	if (start && start <= p->ring.limit)
		return start;
	k->tail++;
	*drop = length <= ring_used(&p->ring) ? length : ring_used(&p->ring);
	return *drop;
}

/* write_lock held. */
static long put_packet(struct pipe *p, struct uio *uio, u32 n)
{
	struct packets *k = p->packets;
	long put;

	if (!k) {
		k = kzalloc(sizeof *k);
		if (!k)
			return -ENOMEM;
		__atomic_store_n(&p->packets, k, __ATOMIC_RELEASE);
	}
	put = ring_fill(&p->ring, uio, n);
	if (put <= 0)
		return put;
	k->bound[k->head & (PIPE_PACKETS - 1)].start = p->ring.head;
	k->bound[k->head & (PIPE_PACKETS - 1)].end = p->ring.head + (u32)put;
	__atomic_store_n(&k->head, k->head + 1, __ATOMIC_RELEASE);
	ring_publish(&p->ring, (u32)put);
	return put;
}

/* ---- data ------------------------------------------------------------------------------------------------------- */

static long pipe_take(struct pipe *p, struct uio *uio)
{
	u32 limit, drop, n = uio->resid < ~0u ? (u32)uio->resid : ~0u;
	long got = 0;

	lock(&p->ring.read_lock);
	if (ring_used(&p->ring)) {
		limit = packet_limit(p, &drop);
		got = ring_peek(&p->ring, uio, 0, n < limit ? n : limit);
		if (drop || got > 0)
			ring_skip(&p->ring, drop ? drop : (u32)got);
	}
	unlock(&p->ring.read_lock);
	return got;
}

static long pipe_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct pipe *p = f->data;

	(void)pos;
	if (!uio->resid)
		return 0;
	for (;;) {
		if (ring_used(&p->ring)) {
			long got = pipe_take(p, uio);

			if (got) {
				if (anyone_waits(&p->writable) && ring_space(&p->ring) >= PIPE_BUF)
					wake_up(&p->writable, OUT_EVENTS, ~0u);
				return got;
			}
			continue;
		}
		if (!__atomic_load_n(&p->writers, __ATOMIC_ACQUIRE)) {
			if (ring_used(&p->ring))
				continue;
			return 0;
		}
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_until(&p->readable, ring_used(&p->ring) || !__atomic_load_n(&p->writers, __ATOMIC_ACQUIRE), NEVER))
			return -ERESTARTSYS;
	}
}

/* What can be written now, of n bytes of which all or none must go when whole. */
static u32 pipe_room(struct pipe *p, size_t n, bool whole)
{
	u32 space = ring_space(&p->ring);

	if (unlikely(packets_full(p)))
		return 0;
	if (whole)
		return space >= n ? (u32)n : 0;
	return space < n ? space : (u32)n;
}

static long pipe_put(struct pipe *p, struct file *f, struct uio *uio, bool whole)
{
	bool packet = f->flags & O_DIRECT;
	long put = 0;
	u32 n;

	lock(&p->ring.write_lock);
	n = packet && uio->resid > PIPE_BUF ? pipe_room(p, PIPE_BUF, true) : pipe_room(p, uio->resid, whole);
	if (n) {
		if (unlikely(packet)) {
			put = put_packet(p, uio, n);
		} else {
			put = ring_fill(&p->ring, uio, n);
			if (put > 0)
				ring_publish(&p->ring, (u32)put);
		}
	}
	unlock(&p->ring.write_lock);
	return put;
}

static long pipe_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct pipe *p = f->data;
	bool whole = uio->resid <= PIPE_BUF || (f->flags & O_DIRECT);
	long done = 0;

	(void)pos;
	while (uio->resid) {
		long put;

		if (unlikely(!__atomic_load_n(&p->readers, __ATOMIC_ACQUIRE))) {
			signal_sigpipe();
			return done ? done : -EPIPE;
		}
		put = pipe_put(p, f, uio, whole);
		if (put < 0)
			return done ? done : put;
		if (put) {
			done += put;
			wake_waiters(&p->readable, IN_EVENTS);
			continue;
		}
		if (f->flags & O_NONBLOCK)
			return done ? done : -EAGAIN;
		if (wait_until(&p->writable,
			       pipe_room(p, whole && uio->resid > PIPE_BUF ? PIPE_BUF : uio->resid, whole) ||
				       !__atomic_load_n(&p->readers, __ATOMIC_ACQUIRE),
			       NEVER))
			return done ? done : -ERESTARTSYS;
	}
	return done;
}

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->data;
	u32 events = 0;

	if (reads(f->flags)) {
		poll_add(pt, &p->readable);
		if (ring_used(&p->ring))
			events |= IN_EVENTS;
		if (!__atomic_load_n(&p->writers, __ATOMIC_ACQUIRE) && f->pos != p->writer_opens)
			events |= EPOLLHUP;
	}
	if (writes(f->flags)) {
		poll_add(pt, &p->writable);
		if (ring_space(&p->ring) >= PIPE_BUF && !packets_full(p))
			events |= OUT_EVENTS;
		if (!__atomic_load_n(&p->readers, __ATOMIC_ACQUIRE))
			events |= EPOLLERR;
	}
	return events;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->data;

	if (cmd == FIONREAD)
		return put_user((int)ring_used(&p->ring), (int __user *)arg);
	return -ENOTTY;
}

/* fcntl's F_SETPIPE_SZ and F_GETPIPE_SZ. */
long pipe_fcntl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->data;
	u32 size = KX_PAGE;
	long err;

	if (f->ops != &pipe_ops)
		return -EBADF;
	if (cmd == F_GETPIPE_SZ_CMD)
		return p->ring.limit;
	if (cmd != F_SETPIPE_SZ_CMD)
		return -EINVAL;
	arg = (u32)arg;
	if (arg > 1u << 31)
		return -EINVAL;
	while (size < arg)
		size *= 2;
	if (size > PIPE_MOST)
		return -EPERM;
	err = ring_set_limit(&p->ring, size);
	if (err)
		return err;
	wake_waiters(&p->writable, OUT_EVENTS);
	return size;
}

/* ---- ends ------------------------------------------------------------------------------------------------------- */

void pipe_end_gone(struct pipe *p, u32 flags)
{
	if (reads(flags) && !ref_put(&p->readers))
		wake_waiters(&p->writable, OUT_EVENTS | EPOLLERR);
	if (writes(flags) && !ref_put(&p->writers))
		wake_waiters(&p->readable, IN_EVENTS | EPOLLHUP);
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->data;

	pipe_end_gone(p, f->flags);
	if (p->slot)
		fifo_put(p);
	else if (!ref_put(&p->refs))
		pipe_free(p);
}

const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

struct file *pipe_file(struct pipe *p, u32 flags)
{
	struct file *f = file_create(&pipe_ops, p, flags);

	if (!f)
		return NULL;
	f->kind = KX_FILE_PIPE;
	f->pos = NEVER; /* unlike any count of opens: see fifo_open */
	return f;
}

long fd_for(const struct file_ops *ops, void *data, u32 kind, u32 flags, bool cloexec)
{
	struct file *f = file_create(ops, data, flags);

	if (!f)
		return -ENFILE;
	f->kind = kind;
	return fd_install(f, cloexec, 0);
}

long sys_pipe2(int __user *ends, u32 flags)
{
	struct pipe *p;
	struct file *f[2];
	int fd[2];

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	p = pipe_create();
	if (!p)
		return -ENFILE;
	p->refs = 2;
	p->readers = p->writers = 1;
	f[0] = pipe_file(p, O_RDONLY | (flags & O_NONBLOCK));
	f[1] = f[0] ? pipe_file(p, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT))) : NULL;
	if (!f[1]) {
		p->refs = 1;
		if (f[0])
			file_put(f[0]);
		else
			pipe_free(p);
		return -ENFILE;
	}
	fd[0] = (int)fd_install(f[0], flags & O_CLOEXEC, 0);
	if (fd[0] < 0) {
		file_put(f[1]);
		return fd[0];
	}
	fd[1] = (int)fd_install(f[1], flags & O_CLOEXEC, 0);
	if (fd[1] < 0 || copy_to_user(ends, fd, sizeof fd)) {
		sys_close((u32)fd[0]);
		if (fd[1] < 0)
			return fd[1];
		sys_close((u32)fd[1]);
		return -EFAULT;
	}
	return 0;
}

long sys_pipe(int __user *ends)
{
	return sys_pipe2(ends, 0);
}
