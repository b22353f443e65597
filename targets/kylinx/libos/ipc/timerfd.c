/* timerfd. How often it expired is computed from the clock when asked; a timer is armed only to wake those who wait, by the
 * slot that set or polled it. When that slot's process exits first, whoever waits is woken, polls again, and so arms anew. */
#include "ipc.h"

#define TFD_ABSTIME 1
#define TFD_CANCEL_ON_SET 2

struct timerfd {
	struct lock lock;
	u64 next, interval;     /* next: monotonic ns of the first expiry not yet read; NEVER: disarmed */
	u32 clock;
	struct waitq wait;
	struct timer timer;
	u32 armed_by;           /* slot, while timer is armed */
	struct list all;
};

static struct lock all_lock;
static struct list all;

static u64 timerfd_due(const struct timerfd *t)
{
	u64 next = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE);

	return next != NEVER && next <= now_mono_ns();
}

static void timerfd_fire(struct timer *timer)
{
	struct timerfd *t = timer->data;

	wake_waiters(&t->wait, EPOLLIN);
}

static void timerfd_arm(struct timerfd *t)
{
	u64 next = __atomic_load_n(&t->next, __ATOMIC_ACQUIRE);

	if (next == NEVER || t->timer.armed || next <= now_mono_ns())
		return;
	t->armed_by = current->proc->slot;
	timer_arm(&t->timer, next);
}

void timerfd_proc_exit(struct proc *p)
{
	if (list_empty(&all))
		return;
	lock(&all_lock);
	list_for_each(n, &all) {
		struct timerfd *t = list_entry(n, struct timerfd, all);

		if (t->timer.armed && t->armed_by == p->slot) {
			timer_cancel(&t->timer);
			wake_waiters(&t->wait, 0);
		}
	}
	unlock(&all_lock);
}

/* Expirations so far, which are then forgotten. */
static u64 timerfd_take(struct timerfd *t)
{
	u64 count = 0, now = now_mono_ns();

	lock(&t->lock);
	if (t->next <= now) {
		count = t->interval ? (now - t->next) / t->interval + 1 : 1;
		t->next = t->interval ? t->next + count * t->interval : NEVER;
	}
	unlock(&t->lock);
	return count;
}

static long timerfd_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct timerfd *t = f->data;
	u64 count;
	long err;

	(void)pos;
	if (uio->resid < sizeof count)
		return -EINVAL;
	while (!(count = timerfd_take(t))) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_until(&t->wait, timerfd_due(t), t->next);
		if (err && err != -ETIMEDOUT)
			return -ERESTARTSYS;
	}
	timerfd_arm(t);
	err = uio_put(uio, &count, sizeof count);
	return err < 0 ? err : (long)sizeof count;
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->data;

	poll_add(pt, &t->wait);
	if (timerfd_due(t))
		return EPOLLIN;
	timerfd_arm(t);
	return 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->data;

	lock(&all_lock);
	list_remove(&t->all);
	unlock(&all_lock);
	timer_cancel(&t->timer);
	kfree(t);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
};

static bool clock_known(u32 clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
	       clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

long sys_timerfd_create(u32 clock, u32 flags)
{
	struct timerfd *t;
	long fd;

	if ((flags & ~(O_NONBLOCK | O_CLOEXEC)) || !clock_known(clock))
		return -EINVAL;
	t = kzalloc(sizeof *t);
	if (!t)
		return -ENOMEM;
	t->next = NEVER;
	t->clock = clock;
	t->timer.fire = timerfd_fire;
	t->timer.data = t;
	waitq_init(&t->wait);
	lock(&all_lock);
	list_push_back(&all, &t->all);
	unlock(&all_lock);
	fd = fd_for(&timerfd_ops, t, KX_FILE_TIMERFD, O_RDWR | (flags & O_NONBLOCK), flags & O_CLOEXEC);
	if (fd == -ENFILE) {
		lock(&all_lock);
		list_remove(&t->all);
		unlock(&all_lock);
		kfree(t);
	}
	return fd;
}

/* ---- set and get ------------------------------------------------------------------------------------------------------- */

static struct file *timerfd_get(int fd, struct timerfd **t, long *err)
{
	struct file *f = file_get(fd);

	*err = f ? -EINVAL : -EBADF;
	if (f && f->ops != &timerfd_ops) {
		file_put(f);
		f = NULL;
	}
	if (f)
		*t = f->data;
	return f;
}

/* Lock held. */
static void timerfd_value(struct timerfd *t, struct itimerspec *to)
{
	u64 now = now_mono_ns(), next = t->next;

	if (next <= now && t->interval)
		next += ((now - next) / t->interval + 1) * t->interval;
	to->it_interval = ns_timespec(t->interval);
	to->it_value = ns_timespec(next == NEVER || next <= now ? 0 : next - now);
}

static u64 first_expiry(const struct timerfd *t, const struct itimerspec *value, u32 flags)
{
	u64 ns = timespec_ns(&value->it_value), now;

	if (!ns)
		return NEVER;
	if (!(flags & TFD_ABSTIME))
		return deadline_after(ns);
	if (t->clock != CLOCK_REALTIME && t->clock != CLOCK_REALTIME_ALARM)
		return ns;
	now = now_real_ns();
	return ns > now ? deadline_after(ns - now) : now_mono_ns();
}

long sys_timerfd_settime(int fd, u32 flags, const struct itimerspec __user *from, struct itimerspec __user *old)
{
	struct itimerspec value, was;
	struct timerfd *t;
	struct file *f;
	long err;

	if (get_user(value, from))
		return -EFAULT;
	if ((flags & ~(TFD_ABSTIME | TFD_CANCEL_ON_SET)) || !timespec_valid(&value.it_value) ||
	    !timespec_valid(&value.it_interval))
		return -EINVAL;
	f = timerfd_get(fd, &t, &err);
	if (!f)
		return err;
	timer_cancel(&t->timer);
	lock(&t->lock);
	timerfd_value(t, &was);
	t->interval = timespec_ns(&value.it_interval);
	t->next = first_expiry(t, &value, flags);
	unlock(&t->lock);
	timerfd_arm(t);
	wake_waiters(&t->wait, 0); /* who sleeps until the old time looks at the new one */
	file_put(f);
	return old && put_user(was, old) ? -EFAULT : 0;
}

long sys_timerfd_gettime(int fd, struct itimerspec __user *to)
{
	struct itimerspec value;
	struct timerfd *t;
	long err;
	struct file *f = timerfd_get(fd, &t, &err);

	if (!f)
		return err;
	lock(&t->lock);
	timerfd_value(t, &value);
	unlock(&t->lock);
	file_put(f);
	return put_user(value, to);
}

void timerfd_init(void)
{
	list_init(&all);
}
