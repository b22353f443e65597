/* poll, ppoll: look at every file; when none is ready, wait on all of them at once. select.c uses the same. */
#include "poll.h"

#define INLINE_ITEMS 16

/* ---- waiting on many queues ------------------------------------------------------------------------------------- */

struct poll_entry {
	struct waiter waiter;
	struct waitq *queue;
	u32 events;
};

#define CHUNK_ENTRIES 24
struct poll_chunk {
	struct poll_chunk *next;
	u32 used;
	struct poll_entry entry[CHUNK_ENTRIES];
};

struct poll_wait {
	struct poll_table table;
	u32 events;             /* of the file being asked */
	bool failed;            /* out of memory */
	u32 used;
	struct poll_entry entry[8];
	struct poll_chunk *chunks;
};

/* key: the events that came, 0 for any. */
static bool poll_wake(struct waiter *w, u32 key)
{
	struct poll_entry *e = container_of(w, struct poll_entry, waiter);

	if (key && !(key & e->events))
		return false;
	w->woken = 1;
	task_wake(w->task);
	return true;
}

static struct poll_entry *poll_entry_new(struct poll_wait *pw)
{
	struct poll_chunk *c = pw->chunks;

	if (pw->used < ARRAY_SIZE(pw->entry))
		return &pw->entry[pw->used++];
	if (!c || c->used == CHUNK_ENTRIES) {
		c = kmalloc(sizeof *c);
		if (!c)
			return NULL;
		c->used = 0;
		c->next = pw->chunks;
		pw->chunks = c;
	}
	return &c->entry[c->used++];
}

static void poll_wait_add(struct poll_table *pt, struct waitq *q)
{
	struct poll_wait *pw = container_of(pt, struct poll_wait, table);
	struct poll_entry *e = poll_entry_new(pw);

	if (!e) {
		pw->failed = true;
		return;
	}
	waiter_init(&e->waiter);
	e->waiter.wake = poll_wake;
	e->queue = q;
	e->events = pw->events;
	waitq_add(q, &e->waiter);
	full_barrier();
}

static void poll_wait_end(struct poll_wait *pw)
{
	for (u32 i = 0; i < pw->used; i++)
		waitq_remove(pw->entry[i].queue, &pw->entry[i].waiter);
	for (struct poll_chunk *c = pw->chunks, *next; c; c = next) {
		for (u32 i = 0; i < c->used; i++)
			waitq_remove(c->entry[i].queue, &c->entry[i].waiter);
		next = c->next;
		kfree(c);
	}
}

/* ---- the common part -------------------------------------------------------------------------------------------- */

static u32 poll_once(struct poll_item *items, u32 count, struct poll_wait *pw)
{
	u32 ready = 0;

	for (u32 i = 0; i < count; i++) {
		struct poll_item *it = &items[i];

		if (it->file) {
			u32 wanted = it->events | EPOLLERR | EPOLLHUP;

			if (pw)
				pw->events = wanted;
			it->revents = file_poll(it->file, ready ? NULL : pw ? &pw->table : NULL) & wanted;
		}
		ready += it->revents != 0;
	}
	return ready;
}

long poll_items(struct poll_item *items, u32 count, u64 deadline)
{
	u32 ready = poll_once(items, count, NULL);
	struct poll_wait pw = { .table.add = poll_wait_add };
	long err = 0;

	if (ready || !deadline)
		return ready;
	ready = poll_once(items, count, &pw);
	if (pw.failed && !ready)
		err = -ENOMEM;
	while (!ready && !err) {
		err = task_sleep(deadline, true);
		ready = poll_once(items, count, NULL);
	}
	poll_wait_end(&pw);
	if (ready || err == -ETIMEDOUT)
		return ready;
	return err == -EINTR ? -ERESTARTNOHAND : err;
}

void poll_items_put(struct poll_item *items, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (items[i].file)
			file_put(items[i].file);
}

/* ---- deadlines and signal masks ---------------------------------------------------------------------------------- */

long deadline_from_user(const struct timespec __user *from, u64 *deadline)
{
	struct timespec t;

	*deadline = NEVER;
	if (!from)
		return 0;
	if (get_user(t, from))
		return -EFAULT;
	if (!timespec_valid(&t))
		return -EINVAL;
	*deadline = timespec_ns(&t) ? deadline_after(timespec_ns(&t)) : 0;
	return 0;
}

long deadline_real_from_user(const struct timespec __user *from, u64 *deadline)
{
	struct timespec t;
	u64 now;

	*deadline = NEVER;
	if (!from)
		return 0;
	if (get_user(t, from))
		return -EFAULT;
	if (!timespec_valid(&t))
		return -EINVAL;
	now = now_real_ns();
	*deadline = timespec_ns(&t) > now ? deadline_after(timespec_ns(&t) - now) : 0;
	return 0;
}

long sigmask_enter(const u64 __user *mask, size_t bytes)
{
	u64 set;

	if (!mask)
		return 0;
	if (bytes != sizeof set)
		return -EINVAL;
	if (get_user(set, mask))
		return -EFAULT;
	current->saved_blocked = current->blocked;
	current->restore_blocked = true;
	current->blocked = set & ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
	return 0;
}

long sigmask_leave(long result)
{
	if (current->restore_blocked && result != -ERESTARTNOHAND && result != -EINTR) {
		current->blocked = current->saved_blocked;
		current->restore_blocked = false;
	}
	return result;
}

/* ---- poll and ppoll ---------------------------------------------------------------------------------------------- */

static u32 items_open(struct poll_item *items, const struct pollfd *fds, u32 count)
{
	u32 bad = 0;

	for (u32 i = 0; i < count; i++) {
		items[i].file = fds[i].fd < 0 ? NULL : file_get(fds[i].fd);
		items[i].events = (u16)fds[i].events;
		items[i].revents = fds[i].fd >= 0 && !items[i].file ? POLLNVAL : 0;
		bad += items[i].revents != 0;
	}
	return bad;
}

static long do_poll(struct pollfd __user *from, u32 count, u64 deadline)
{
	struct { struct pollfd fd; struct poll_item item; } few[INLINE_ITEMS];
	struct pollfd *fds = (void *)few;
	struct poll_item *items = (void *)((char *)few + INLINE_ITEMS * sizeof *fds);
	void *many = NULL;
	long ready;

	if (count > current->proc->rlimit[RLIMIT_NOFILE].rlim_cur)
		return -EINVAL;
	if (count > INLINE_ITEMS) {
		many = kmalloc(count * (sizeof *fds + sizeof *items));
		if (!many)
			return -ENOMEM;
		fds = many;
		items = (void *)(fds + count);
	}
	ready = -EFAULT;
	if (!copy_from_user(fds, from, count * sizeof *fds)) {
		if (items_open(items, fds, count))
			deadline = 0;
		ready = poll_items(items, count, deadline);
		poll_items_put(items, count);
		for (u32 i = 0; i < count && ready >= 0; i++)
			if (put_user((short)items[i].revents, &from[i].revents))
				ready = -EFAULT;
	}
	kfree(many);
	return ready;
}

long sys_poll(struct pollfd __user *fds, u32 count, int timeout_ms)
{
	u64 deadline = timeout_ms < 0 ? NEVER : timeout_ms ? deadline_after((u64)timeout_ms * 1000000) : 0;

	return do_poll(fds, count, deadline);
}

void time_left(struct timespec __user *to, u64 deadline)
{
	u64 now = now_mono_ns();
	struct timespec left = ns_timespec(deadline > now ? deadline - now : 0);

	if (to && deadline != NEVER)
		(void)copy_to_user(to, &left, sizeof left); /* as Linux: a read-only time is no error */
}

long sys_ppoll(struct pollfd __user *fds, u32 count, struct timespec __user *timeout, const u64 __user *mask, size_t bytes)
{
	u64 deadline;
	long err = deadline_from_user(timeout, &deadline);

	if (!err)
		err = sigmask_enter(mask, bytes);
	if (err)
		return err;
	err = do_poll(fds, count, deadline);
	time_left(timeout, deadline);
	return sigmask_leave(err);
}
