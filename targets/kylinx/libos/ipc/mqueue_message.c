/* mq_timedsend and mq_timedreceive. As for pipes, a poll of an empty or full queue takes no lock, and nobody is woken who does
 * not sleep. */
#include "mqueue.h"

/* ---- sending ------------------------------------------------------------------------------------------------------------------- */

/* Locked. Behind those of its priority. */
static void message_insert(struct mqueue *q, struct mq_message *m)
{
	struct list *after = q->messages.prev;

	while (after != &q->messages && list_entry(after, struct mq_message, node)->priority < m->priority)
		after = after->prev;
	list_push_front(after, &m->node);
}

static u32 message_count(const struct mqueue *q)
{
	return __atomic_load_n(&q->count, __ATOMIC_ACQUIRE);
}

static bool try_send(struct mqueue *q, struct mq_message *m)
{
	bool sent, notify = false;

	lock(&q->lock);
	sent = q->count < q->most;
	if (sent) {
		message_insert(q, m);
		q->bytes += m->size;
		notify = !q->count && q->notify_pid && !q->receivers;
		__atomic_store_n(&q->count, q->count + 1, __ATOMIC_RELEASE);
	}
	unlock(&q->lock);
	if (sent)
		wake_waiters(&q->readable, IN_EVENTS);
	if (unlikely(notify))
		mqueue_notify(q);
	return sent;
}

static long message_send(struct mqueue *q, struct mq_message *m, bool nonblock, u64 deadline)
{
	while (message_count(q) >= q->most || !try_send(q, m)) {
		long err;

		if (nonblock)
			return -EAGAIN;
		if (!deadline)
			return -ETIMEDOUT;
		err = wait_until(&q->writable, message_count(q) < q->most, deadline);
		if (err)
			return err == -ETIMEDOUT ? err : -ERESTARTSYS;
	}
	return 0;
}

static long send_to(struct file *f, struct mqueue *q, const char __user *from, size_t size, u32 priority, u64 deadline)
{
	struct mq_message *m;
	long err;

	if (!(f->flags & O_ACCMODE))
		return -EBADF;
	if (size > q->message_bytes)
		return -EMSGSIZE;
	m = kmalloc(sizeof *m + size);
	if (!m)
		return -ENOMEM;
	m->priority = priority;
	m->size = size;
	err = size && copy_from_user(m->data, from, size) ? -EFAULT : message_send(q, m, f->flags & O_NONBLOCK, deadline);
	if (err)
		kfree(m);
	return err;
}

long sys_mq_timedsend(int fd, const char __user *from, size_t size, u32 priority, const struct timespec __user *timeout)
{
	struct mqueue *q;
	u64 deadline;
	struct fd f;
	long err;

	if (priority >= MQ_PRIO_MAX)
		return -EINVAL;
	err = deadline_real_from_user(timeout, &deadline);
	if (err)
		return err;
	f = mqueue_fd(fd, &q);
	if (!f.file)
		return -EBADF;
	err = send_to(f.file, q, from, size, priority, deadline);
	fd_put(f);
	return err;
}

/* ---- receiving ------------------------------------------------------------------------------------------------------------------ */

static struct mq_message *try_receive(struct mqueue *q)
{
	struct mq_message *m = NULL;

	lock(&q->lock);
	if (!list_empty(&q->messages)) {
		m = list_entry(q->messages.next, struct mq_message, node);
		list_remove(&m->node);
		q->bytes -= m->size;
		__atomic_store_n(&q->count, q->count - 1, __ATOMIC_RELEASE);
	}
	unlock(&q->lock);
	if (m)
		wake_waiters(&q->writable, OUT_EVENTS);
	return m;
}

static long message_receive(struct mqueue *q, bool nonblock, u64 deadline, struct mq_message **to)
{
	while (!message_count(q) || !(*to = try_receive(q))) {
		long err;

		if (nonblock)
			return -EAGAIN;
		if (!deadline)
			return -ETIMEDOUT;
		ref_get(&q->receivers);
		err = wait_until(&q->readable, message_count(q), deadline);
		ref_put(&q->receivers);
		if (err)
			return err == -ETIMEDOUT ? err : -ERESTARTSYS;
	}
	return 0;
}

static long receive_from(struct file *f, struct mqueue *q, char __user *to, size_t size, u32 __user *priority, u64 deadline)
{
	struct mq_message *m = NULL;
	long r;

	if ((f->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (size < q->message_bytes)
		return -EMSGSIZE;
	r = message_receive(q, f->flags & O_NONBLOCK, deadline, &m);
	if (r)
		return r;
	r = (long)m->size;
	if ((m->size && copy_to_user(to, m->data, m->size)) || (priority && put_user(m->priority, priority)))
		r = -EFAULT;
	kfree(m);
	return r;
}

long sys_mq_timedreceive(int fd, char __user *to, size_t size, u32 __user *priority, const struct timespec __user *timeout)
{
	struct mqueue *q;
	u64 deadline;
	struct fd f;
	long r = deadline_real_from_user(timeout, &deadline);

	if (r)
		return r;
	f = mqueue_fd(fd, &q);
	if (!f.file)
		return -EBADF;
	r = receive_from(f.file, q, to, size, priority, deadline);
	fd_put(f);
	return r;
}
