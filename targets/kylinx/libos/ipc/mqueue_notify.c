/* mq_notify: one process asks to be told when a message comes to the empty queue. SIGEV_THREAD is glibc's: it hands over a
 * socket and a cookie, and a thread of its own reads the cookie from the socket when the time has come. */
#include "mqueue.h"

static void signal_notify(u32 pid, const struct sigevent *e, const struct proc *sender)
{
	struct kx_siginfo info = { .signo = e->sigev_signo, .code = SI_MESGQ };
	struct proc *p;

	info.a[0] = sender->pid | (u64)sender->cred.uid << 32;
	info.a[1] = (u64)e->sigev_value.sival_ptr;
	lock(&family.tree);
	p = proc_find(pid);
	if (p)
		signal_send_proc(p, e->sigev_signo, &info);
	unlock(&family.tree);
}

void mqueue_notify(struct mqueue *q)
{
	struct sigevent e;
	u32 pid;

	lock(&q->lock);
	pid = q->notify_pid;
	e = q->notify;
	q->notify_pid = 0;
	q->notify_file = NULL;
	unlock(&q->lock);
	if (pid && e.sigev_notify == SIGEV_SIGNAL)
		signal_notify(pid, &e, current->proc);
}

/* The file it was asked through is closed, or (f NULL) the process that asked ends. */
void mqueue_notify_drop(struct mqueue *q, u32 pid, struct file *f)
{
	lock(&q->lock);
	if (q->notify_pid && (f ? q->notify_file == f : q->notify_pid == pid)) {
		q->notify_pid = 0;
		q->notify_file = NULL;
	}
	unlock(&q->lock);
}

static long notify_set(struct mqueue *q, struct file *f, const struct sigevent *e)
{
	u32 pid = current->proc->pid;
	long err = 0;

	lock(&q->lock);
	if (!e) {
		if (q->notify_pid == pid)
			q->notify_pid = 0;
	} else if (q->notify_pid) {
		err = -EBUSY;
	} else {
		q->notify = *e;
		q->notify_pid = pid;
		q->notify_file = f;
	}
	unlock(&q->lock);
	return err;
}

long sys_mq_notify(int fd, const struct sigevent __user *from)
{
	struct sigevent e;
	struct mqueue *q;
	struct fd f;
	long err;

	if (from && get_user(e, from))
		return -EFAULT;
	if (from && e.sigev_notify != SIGEV_NONE && e.sigev_notify != SIGEV_SIGNAL)
		return e.sigev_notify == SIGEV_THREAD ? -ENOSYS : -EINVAL;
	if (from && e.sigev_notify == SIGEV_SIGNAL && (e.sigev_signo < 0 || e.sigev_signo > 64))
		return -EINVAL;
	f = mqueue_fd(fd, &q);
	if (!f.file)
		return -EBADF;
	err = notify_set(q, f.file, from ? &e : NULL);
	fd_put(f);
	return err;
}
