/* epoll_wait and its kin: taking events from the ready list. */
#include "epoll.h"

/* ctl held. One item's event for the user: 1, 0 (not ready after all), -EFAULT. Level-triggered items go to again. */
static long deliver(struct epoll *ep, struct item *it, struct epoll_event __user *to, struct list *again)
{
	struct epoll_event event = { .events = item_poll(it), .data = it->event.data };
	bool keep;
	long err = 0;

	if (!event.events)
		return 0;
	err = copy_to_user(to, &event, sizeof event);
	keep = err || !(it->event.events & (EPOLLET | EPOLLONESHOT));
	if (!err && (it->event.events & EPOLLONESHOT))
		it->event.events &= EPOLL_PRIVATE;
	if (keep) {
		lock(&ep->ready_lock);
		if (it->ready)
			list_remove(&it->ready_node);
		it->ready = true;
		list_push_back(again, &it->ready_node);
		unlock(&ep->ready_lock);
	}
	return err ? err : 1;
}

static long take_events(struct epoll *ep, struct epoll_event __user *to, int most)
{
	struct list again;
	struct item *it;
	long taken = 0;

	list_init(&again);
	lock(&ep->ctl);
	while (taken < most && (it = epoll_pop(ep))) {
		long r = deliver(ep, it, to + taken, &again);

		if (r < 0) {
			taken = taken ? taken : r;
			break;
		}
		taken += r;
	}
	if (!list_empty(&again)) {
		lock(&ep->ready_lock);
		again.next->prev = ep->ready.prev;
		ep->ready.prev->next = again.next;
		again.prev->next = &ep->ready;
		ep->ready.prev = again.prev;
		unlock(&ep->ready_lock);
	}
	unlock(&ep->ctl);
	if (epoll_ready(ep) && anyone_waits(&ep->wait))
		wake_one(&ep->wait);
	return taken;
}

static long wait_events(struct epoll *ep, struct epoll_event __user *to, int most, u64 deadline)
{
	for (;;) {
		long r = epoll_ready(ep) ? take_events(ep, to, most) : 0;

		if (r || !deadline)
			return r;
		r = wait_until_exclusive(&ep->wait, epoll_ready(ep), deadline);
		if (r)
			return r == -ETIMEDOUT ? 0 : r;
	}
}

static long do_epoll_wait(int epfd, struct epoll_event __user *to, int most, u64 deadline)
{
	struct fd f;
	long r = -EINVAL;

	if (most <= 0 || (size_t)most > 0x7fffffff / sizeof *to)
		return -EINVAL;
	if (!access_ok(to, (size_t)most * sizeof *to))
		return -EFAULT;
	f = fd_get(epfd);
	if (!f.file)
		return -EBADF;
	if (f.file->ops == &epoll_ops)
		r = wait_events(f.file->data, to, most, deadline);
	fd_put(f);
	return r;
}

static u64 deadline_ms(int timeout_ms)
{
	if (timeout_ms <= 0)
		return timeout_ms ? NEVER : 0;
	return deadline_after((u64)timeout_ms * 1000000);
}

long sys_epoll_wait(int epfd, struct epoll_event __user *to, int most, int timeout_ms)
{
	return do_epoll_wait(epfd, to, most, deadline_ms(timeout_ms));
}

long sys_epoll_pwait(int epfd, struct epoll_event __user *to, int most, int timeout_ms, const u64 __user *mask, size_t bytes)
{
	long err = sigmask_enter(mask, bytes);

	return err ? err : sigmask_leave(do_epoll_wait(epfd, to, most, deadline_ms(timeout_ms)));
}

long sys_epoll_pwait2(int epfd, struct epoll_event __user *to, int most, const struct timespec __user *timeout,
		      const u64 __user *mask, size_t bytes)
{
	u64 deadline;
	long err = deadline_from_user(timeout, &deadline);

	if (!err)
		err = sigmask_enter(mask, bytes);
	return err ? err : sigmask_leave(do_epoll_wait(epfd, to, most, deadline));
}
