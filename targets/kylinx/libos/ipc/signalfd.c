/* signalfd: a process's pending signals, read as records. All signalfds of the family wait on one queue: signals are rare, and
 * which process asks is known only when it polls. */
#include "ipc.h"

struct signalfd {
	u64 mask;
};

static struct waitq signal_came;
static u32 signalfds;

void signalfd_notify(struct proc *p)
{
	(void)p;
	if (signalfds)
		wake_waiters(&signal_came, EPOLLIN);
}

static u64 signalfd_pending(const struct signalfd *s)
{
	return signal_pending_set(current) & s->mask;
}

static u32 low32(u64 v) { return (u32)v; }
static u32 high32(u64 v) { return (u32)(v >> 32); }

/* The union of siginfo_t, spread out. */
static void signalfd_record(const struct kx_siginfo *info, struct signalfd_siginfo *to)
{
	memset(to, 0, sizeof *to);
	to->ssi_signo = (u32)info->signo;
	to->ssi_errno = info->error;
	to->ssi_code = info->code;
	switch (info->signo) {
	case SIGCHLD:
		to->ssi_pid = low32(info->a[0]);
		to->ssi_uid = high32(info->a[0]);
		to->ssi_status = (s32)low32(info->a[1]);
		to->ssi_utime = info->a[2];
		to->ssi_stime = info->a[3];
		return;
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP:
		to->ssi_addr = info->a[0];
		return;
	}
	if (info->code == SI_TIMER) {
		to->ssi_tid = low32(info->a[0]);
		to->ssi_overrun = high32(info->a[0]);
	} else {
		to->ssi_pid = low32(info->a[0]);
		to->ssi_uid = high32(info->a[0]);
	}
	to->ssi_ptr = info->a[1];
	to->ssi_int = (s32)low32(info->a[1]);
}

static long signalfd_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct signalfd *s = f->data;
	struct signalfd_siginfo record;
	struct kx_siginfo info;
	long done = 0;

	(void)pos;
	if (uio->resid < sizeof record)
		return -EINVAL;
	while (uio->resid >= sizeof record) {
		if (signal_dequeue(current, s->mask, &info)) {
			signalfd_record(&info, &record);
			if (uio_put(uio, &record, sizeof record) != sizeof record)
				return done ? done : -EFAULT;
			done += (long)sizeof record;
			continue;
		}
		if (done)
			break;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_until(&signal_came, signalfd_pending(s), NEVER))
			return -ERESTARTSYS;
	}
	return done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
	poll_add(pt, &signal_came);
	return signalfd_pending(f->data) ? EPOLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	ref_put(&signalfds);
	kfree(f->data);
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
};

static long signalfd_change(int fd, u64 mask)
{
	struct file *f = file_get(fd);
	long err = -EINVAL;

	if (!f)
		return -EBADF;
	if (f->ops == &signalfd_ops) {
		((struct signalfd *)f->data)->mask = mask;
		wake_waiters(&signal_came, 0);
		err = fd;
	}
	file_put(f);
	return err;
}

long sys_signalfd4(int fd, const u64 __user *from, size_t bytes, u32 flags)
{
	struct signalfd *s;
	u64 mask;
	long r;

	if ((flags & ~(O_NONBLOCK | O_CLOEXEC)) || bytes != sizeof mask)
		return -EINVAL;
	if (get_user(mask, from))
		return -EFAULT;
	mask &= ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
	if (fd != -1)
		return signalfd_change(fd, mask);
	s = kzalloc(sizeof *s);
	if (!s)
		return -ENOMEM;
	s->mask = mask;
	ref_get(&signalfds);
	r = fd_for(&signalfd_ops, s, KX_FILE_SIGNALFD, O_RDWR | (flags & O_NONBLOCK), flags & O_CLOEXEC);
	if (r == -ENFILE) {
		ref_put(&signalfds);
		kfree(s);
	}
	return r;
}

long sys_signalfd(int fd, const u64 __user *from, size_t bytes)
{
	return sys_signalfd4(fd, from, bytes, 0);
}

void signalfd_init(void)
{
	waitq_init(&signal_came);
}
