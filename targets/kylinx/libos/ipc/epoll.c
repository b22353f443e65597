/* epoll: the set of watched files, and what puts them on the ready list. */
#include "epoll.h"

static struct lock links_lock; /* every file's epoll_links */
static struct lock nest_lock;  /* epolls in epolls: no cycle may come about */

bool epoll_ready(struct epoll *ep)
{
	return __atomic_load_n(&ep->ready.next, __ATOMIC_ACQUIRE) != &ep->ready;
}

void epoll_queue(struct epoll *ep, struct item *it)
{
	lock(&ep->ready_lock);
	if (!it->ready) {
		it->ready = true;
		list_push_back(&ep->ready, &it->ready_node);
	}
	unlock(&ep->ready_lock);
	if (anyone_waits(&ep->wait))
		wake_up(&ep->wait, IN_EVENTS, 1);
	if (anyone_waits(&ep->watchers))
		wake_up(&ep->watchers, IN_EVENTS, ~0u);
}

struct item *epoll_pop(struct epoll *ep)
{
	struct item *it = NULL;

	lock(&ep->ready_lock);
	if (!list_empty(&ep->ready)) {
		it = list_entry(ep->ready.next, struct item, ready_node);
		list_remove(&it->ready_node);
		it->ready = false;
	}
	unlock(&ep->ready_lock);
	return it;
}

/* Something happened to a watched file; its queue's lock is held. An exclusive watch counts only if someone takes the event. */
static bool item_wake(struct waiter *w, u32 key)
{
	struct item *it = container_of(w, struct watch, waiter)->item;
	u32 events = it->event.events;
	bool taken;

	if (!(events & ~EPOLL_PRIVATE) || (key && !(key & events)))
		return false;
	taken = !(events & EPOLLEXCLUSIVE) || anyone_waits(&it->ep->wait);
	epoll_queue(it->ep, it);
	return taken;
}

/* ---- items: epoll.ctl held ---------------------------------------------------------------------------------------- */

struct adder {
	struct poll_table table;
	struct item *item;
};

static void item_watch(struct poll_table *pt, struct waitq *q)
{
	struct item *it = container_of(pt, struct adder, table)->item;
	struct watch *w = it->first_used ? kmalloc(sizeof *w) : &it->first;

	if (!w) {
		it->no_memory = true;
		return;
	}
	it->first_used = true;
	w->item = it;
	w->queue = q;
	w->next = it->watches;
	it->watches = w;
	waiter_init(&w->waiter);
	w->waiter.wake = item_wake;
	if (it->event.events & EPOLLEXCLUSIVE)
		waitq_add_exclusive(q, &w->waiter);
	else
		waitq_add(q, &w->waiter);
	full_barrier();
}

static struct item **item_slot(struct epoll *ep, const struct file *f, int fd)
{
	struct item **at = &ep->bucket[(u32)fd & (ep->buckets - 1)];

	while (*at && ((*at)->file != f || (*at)->fd != fd))
		at = &(*at)->next;
	return at;
}

static void item_remove(struct item *it)
{
	struct epoll *ep = it->ep;

	for (struct watch *w = it->watches, *next; w; w = next) {
		next = w->next;
		waitq_remove(w->queue, &w->waiter);
		if (w != &it->first)
			kfree(w);
	}
	lock(&links_lock);
	list_remove(&it->link);
	unlock(&links_lock);
	lock(&ep->ready_lock);
	if (it->ready)
		list_remove(&it->ready_node);
	unlock(&ep->ready_lock);
	*item_slot(ep, it->file, it->fd) = it->next;
	ep->count--;
	kfree(it);
}

static long buckets_grow(struct epoll *ep)
{
	u32 old = ep->buckets, n = old * 4;
	struct item **to, **from = ep->bucket;

	if (ep->count < old)
		return 0;
	to = kzalloc(n * sizeof *to);
	if (!to)
		return -ENOMEM;
	ep->bucket = to;
	ep->buckets = n;
	for (u32 i = 0; i < old; i++)
		for (struct item *it = from[i], *next; it; it = next) {
			next = it->next;
			it->next = to[(u32)it->fd & (n - 1)];
			to[(u32)it->fd & (n - 1)] = it;
		}
	kfree(from);
	return 0;
}

static long item_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *event)
{
	struct item *it = kzalloc(sizeof *it);
	struct adder adder = { { item_watch }, it };
	long err = buckets_grow(ep);
	u32 events;

	if (!it || err) {
		kfree(it);
		return -ENOMEM;
	}
	it->file = f;
	it->fd = fd;
	it->ep = ep;
	it->event = *event;
	list_init(&it->ready_node);
	*item_slot(ep, f, fd) = it;
	ep->count++;
	lock(&links_lock);
	list_push_back(&f->epoll_links, &it->link);
	unlock(&links_lock);
	events = file_poll(f, &adder.table) & it->event.events;
	if (it->no_memory) {
		item_remove(it);
		return -ENOMEM;
	}
	if (events)
		epoll_queue(ep, it);
	return 0;
}

static void item_modify(struct item *it, const struct epoll_event *event)
{
	it->event = *event;
	full_barrier(); /* a wake from here on sees the new mask; what came before the poll sees */
	if (item_poll(it))
		epoll_queue(it->ep, it);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void epoll_put(struct epoll *ep)
{
	if (ref_put(&ep->refs))
		return;
	kfree(ep->bucket);
	kfree(ep);
}

/* A watched file's last reference goes: out of every set. */
void epoll_file_release(struct file *f)
{
	for (;;) {
		struct item *it = NULL;
		struct epoll *ep = NULL;

		lock(&links_lock);
		if (!list_empty(&f->epoll_links)) {
			it = list_entry(f->epoll_links.next, struct item, link);
			ep = it->ep;
			ref_get(&ep->refs);
		}
		unlock(&links_lock);
		if (!ep)
			return;
		lock(&ep->ctl);
		lock(&links_lock); /* is it still what it was? under ctl it then stays */
		if (f->epoll_links.next != &it->link || it->ep != ep)
			it = NULL;
		unlock(&links_lock);
		if (it)
			item_remove(it);
		unlock(&ep->ctl);
		epoll_put(ep);
	}
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->data;

	lock(&ep->ctl);
	for (u32 i = 0; i < ep->buckets; i++)
		while (ep->bucket[i])
			item_remove(ep->bucket[i]);
	unlock(&ep->ctl);
	epoll_put(ep);
}

static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->data;
	struct item *it;
	u32 events = 0;

	poll_add(pt, &ep->watchers);
	if (!epoll_ready(ep))
		return 0;
	lock(&ep->ctl);
	while (!events && (it = epoll_pop(ep)))
		if (item_poll(it)) {
			lock(&ep->ready_lock);
			if (!it->ready)
				list_push_front(&ep->ready, &it->ready_node);
			it->ready = true;
			unlock(&ep->ready_lock);
			events = IN_EVENTS;
		}
	unlock(&ep->ctl);
	return events;
}

const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.release = epoll_release,
};

long sys_epoll_create1(u32 flags)
{
	struct epoll *ep;
	long fd;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof *ep);
	if (!ep)
		return -ENOMEM;
	ep->refs = 1;
	ep->buckets = 16;
	ep->bucket = kzalloc(ep->buckets * sizeof *ep->bucket);
	list_init(&ep->ready);
	waitq_init(&ep->wait);
	waitq_init(&ep->watchers);
	fd = ep->bucket ? fd_for(&epoll_ops, ep, KX_FILE_EPOLL, O_RDWR, flags & EPOLL_CLOEXEC) : -ENFILE;
	if (fd == -ENFILE)
		epoll_put(ep);
	return fd;
}

long sys_epoll_create(int size)
{
	return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

/* ---- epoll_ctl ---------------------------------------------------------------------------------------------------- */

/* Depth of epolls below f, or more than EPOLL_NESTS when it is too deep or ep is among them. */
static u32 nest_depth(struct file *f, struct epoll *ep, u32 level)
{
	struct epoll *inner = f->data;
	u32 deepest = 1;

	if (inner == ep || level > EPOLL_NESTS)
		return EPOLL_NESTS + 1;
	lock(&inner->ctl);
	for (u32 i = 0; i < inner->buckets; i++)
		for (struct item *it = inner->bucket[i]; it; it = it->next)
			if (it->file->ops == &epoll_ops) {
				u32 depth = 1 + nest_depth(it->file, ep, level + 1);

				deepest = depth > deepest ? depth : deepest;
			}
	unlock(&inner->ctl);
	return deepest;
}

static bool exclusive_valid(int op, const struct epoll_event *event, const struct file *f)
{
	if (!(event->events & EPOLLEXCLUSIVE))
		return true;
	return op == EPOLL_CTL_ADD && f->ops != &epoll_ops &&
	       !(event->events & ~(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE));
}

static long change(struct epoll *ep, int op, struct file *f, int fd, struct epoll_event *event)
{
	struct item *it = *item_slot(ep, f, fd);

	event->events |= EPOLLERR | EPOLLHUP;
	switch (op) {
	case EPOLL_CTL_ADD:
		return it ? -EEXIST : item_add(ep, f, fd, event);
	case EPOLL_CTL_DEL:
		if (!it)
			return -ENOENT;
		item_remove(it);
		return 0;
	case EPOLL_CTL_MOD:
		if (!it)
			return -ENOENT;
		if (it->event.events & EPOLLEXCLUSIVE)
			return -EINVAL;
		item_modify(it, event);
		return 0;
	default:
		return -EINVAL;
	}
}

static long do_epoll_ctl(struct file *ef, int op, struct file *f, int fd, struct epoll_event *event)
{
	struct epoll *ep = ef->data;
	bool nests = op == EPOLL_CTL_ADD && f->ops == &epoll_ops;
	long err = 0;

	if (!f->ops->poll)
		return -EPERM;
	if (ef->ops != &epoll_ops || ef == f)
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && !exclusive_valid(op, event, f))
		return -EINVAL;
	if (nests) {
		lock(&nest_lock);
		if (nest_depth(f, ep, 1) > EPOLL_NESTS)
			err = -ELOOP;
	}
	if (!err) {
		lock(&ep->ctl);
		err = change(ep, op, f, fd, event);
		unlock(&ep->ctl);
	}
	if (nests)
		unlock(&nest_lock);
	return err;
}

long sys_epoll_ctl(int epfd, int op, int fd, struct epoll_event __user *from)
{
	struct epoll_event event = { 0 };
	struct fd ef, f;
	long err = -EBADF;

	if (op != EPOLL_CTL_DEL && copy_from_user(&event, from, sizeof event))
		return -EFAULT;
	ef = fd_get(epfd);
	if (!ef.file)
		return -EBADF;
	f = fd_get(fd);
	if (f.file) {
		err = do_epoll_ctl(ef.file, op, f.file, fd, &event);
		fd_put(f);
	}
	fd_put(ef);
	return err;
}
