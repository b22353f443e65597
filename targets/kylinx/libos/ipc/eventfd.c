/* eventfd: a counter to wait on. */
#include "ipc.h"

#define EFD_SEMAPHORE 1
#define EVENTFD_MOST (NEVER - 1)

struct eventfd {
	struct lock lock;
	u64 count;
	bool semaphore;
	struct waitq wait;
};

static u64 eventfd_count(struct eventfd *e)
{
	return __atomic_load_n(&e->count, __ATOMIC_ACQUIRE);
}

static u64 eventfd_take(struct eventfd *e)
{
	u64 value;

	lock(&e->lock);
	value = e->semaphore && e->count ? 1 : e->count;
	e->count -= value;
	unlock(&e->lock);
	return value;
}

static bool eventfd_add(struct eventfd *e, u64 value)
{
	bool fits;

	lock(&e->lock);
	fits = EVENTFD_MOST - e->count >= value;
	if (fits)
		e->count += value;
	unlock(&e->lock);
	return fits;
}

static long eventfd_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct eventfd *e = f->data;
	u64 value;
	long put;

	(void)pos;
	if (uio->resid < sizeof value)
		return -EINVAL;
	while (!(value = eventfd_count(e) ? eventfd_take(e) : 0)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_until(&e->wait, eventfd_count(e), NEVER))
			return -ERESTARTSYS;
	}
	wake_waiters(&e->wait, EPOLLOUT);
	put = uio_put(uio, &value, sizeof value);
	return put < 0 ? put : (long)sizeof value;
}

static long eventfd_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct eventfd *e = f->data;
	u64 value;

	(void)pos;
	if (uio->resid < sizeof value)
		return -EINVAL;
	if (uio_get(uio, &value, sizeof value) != sizeof value)
		return -EFAULT;
	if (value == NEVER)
		return -EINVAL;
	while (!eventfd_add(e, value)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_until(&e->wait, EVENTFD_MOST - eventfd_count(e) >= value, NEVER))
			return -ERESTARTSYS;
	}
	wake_waiters(&e->wait, EPOLLIN);
	return sizeof value;
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->data;
	u64 count;

	poll_add(pt, &e->wait);
	count = eventfd_count(e);
	return (count ? EPOLLIN : 0) | (count < EVENTFD_MOST ? EPOLLOUT : 0);
}

static void eventfd_release(struct file *f)
{
	kfree(f->data);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

long sys_eventfd2(u32 count, u32 flags)
{
	struct eventfd *e;
	long fd;

	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	e = kzalloc(sizeof *e);
	if (!e)
		return -ENOMEM;
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	waitq_init(&e->wait);
	fd = fd_for(&eventfd_ops, e, KX_FILE_EVENTFD, O_RDWR | (flags & O_NONBLOCK), flags & O_CLOEXEC);
	if (fd == -ENFILE)
		kfree(e);
	return fd;
}

long sys_eventfd(u32 count)
{
	return sys_eventfd2(count, 0);
}
