/* mq_notify: one process asks to be told when a message comes to the empty queue, by a signal or (SIGEV_THREAD) by a message to
 * a netlink socket: glibc hands over the socket and a cookie, and a thread of its own reads the cookie from it in due time. */
#include "local.h"
#include "mqueue.h"

struct notice { /* what was registered, taken off the queue */
	u32 pid;
	struct sigevent event;
	struct file *socket;
	u8 cookie[32];
};

/* Locked. pid 0: nobody was registered. */
static struct notice notice_take(struct mqueue *q)
{
	struct notice n = { .pid = q->notify_pid, .event = q->notify, .socket = q->notify_socket };

	memcpy(n.cookie, q->cookie, sizeof n.cookie);
	q->notify_pid = 0;
	q->notify_file = q->notify_socket = NULL;
	return n;
}

static void notice_signal(const struct notice *n)
{
	struct kx_siginfo info = { .signo = n->event.sigev_signo, .code = SI_MESGQ };
	struct proc *p;

	info.a[0] = current->proc->pid | (u64)current->proc->cred.uid << 32;
	info.a[1] = (u64)n->event.sigev_value.sival_ptr;
	lock(&family.tree);
	p = proc_find(n->pid);
	if (p)
		signal_send_proc(p, n->event.sigev_signo, &info);
	unlock(&family.tree);
}

/* why: NOTIFY_WOKENUP, NOTIFY_REMOVED. */
static void notice_send(struct notice *n, u8 why)
{
	if (n->pid && n->event.sigev_notify == SIGEV_SIGNAL && why == NOTIFY_WOKENUP)
		notice_signal(n);
	if (!n->socket)
		return;
	n->cookie[sizeof n->cookie - 1] = why;
	packet_push(local_of(n->socket->data), n->cookie, sizeof n->cookie);
	file_put(n->socket);
}

void mqueue_notify(struct mqueue *q)
{
	struct notice n;

	lock(&q->lock);
	n = notice_take(q);
	unlock(&q->lock);
	notice_send(&n, NOTIFY_WOKENUP);
}

/* The file it was asked through is closed, or (f NULL) the process that asked ends. */
void mqueue_notify_drop(struct mqueue *q, u32 pid, struct file *f)
{
	struct notice n = { .pid = 0 };

	lock(&q->lock);
	if (q->notify_pid && (f ? q->notify_file == f : q->notify_pid == pid))
		n = notice_take(q);
	unlock(&q->lock);
	notice_send(&n, NOTIFY_REMOVED);
}

static long notify_set(struct mqueue *q, struct file *f, const struct notice *new)
{
	struct notice old = { .pid = 0 };
	long err = 0;

	lock(&q->lock);
	if (!new) {
		if (q->notify_pid == current->proc->pid)
			old = notice_take(q);
	} else if (q->notify_pid) {
		err = -EBUSY;
	} else {
		q->notify = new->event;
		q->notify_pid = current->proc->pid;
		q->notify_file = f;
		q->notify_socket = new->socket;
		memcpy(q->cookie, new->cookie, sizeof q->cookie);
	}
	unlock(&q->lock);
	notice_send(&old, NOTIFY_REMOVED);
	return err;
}

/* SIGEV_THREAD's socket and cookie. */
static long notice_socket(struct notice *n)
{
	struct socket *s;
	long err;
	struct fd f;

	if (copy_from_user(n->cookie, n->event.sigev_value.sival_ptr, sizeof n->cookie))
		return -EFAULT;
	f = socket_get(n->event.sigev_signo, &s, &err);
	if (!f.file)
		return err;
	if (s->family == AF_NETLINK)
		n->socket = file_ref(f.file);
	fd_put(f);
	return n->socket ? 0 : -EINVAL;
}

static long notice_from_user(struct notice *n, const struct sigevent __user *from)
{
	if (get_user(n->event, from))
		return -EFAULT;
	switch (n->event.sigev_notify) {
	case SIGEV_NONE:
		return 0;
	case SIGEV_SIGNAL:
		return n->event.sigev_signo < 0 || n->event.sigev_signo > 64 ? -EINVAL : 0;
	case SIGEV_THREAD:
		return notice_socket(n);
	default:
		return -EINVAL;
	}
}

long sys_mq_notify(int fd, const struct sigevent __user *from)
{
	struct notice n = { .pid = 0 };
	struct mqueue *q;
	struct fd f;
	long err = from ? notice_from_user(&n, from) : 0;

	if (err)
		return err;
	f = mqueue_fd(fd, &q);
	err = f.file ? notify_set(q, f.file, from ? &n : NULL) : -EBADF;
	if (f.file)
		fd_put(f);
	if (err && n.socket)
		file_put(n.socket);
	return err;
}
