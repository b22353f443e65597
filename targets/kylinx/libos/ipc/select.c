/* select and pselect6: poll's machinery over bit sets. */
#include "poll.h"

#define SELECT_IN (EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR)
#define SELECT_OUT (EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR)
#define SELECT_EX EPOLLPRI
#define SETS 3

static const u32 set_events[SETS] = { SELECT_IN, SELECT_OUT, SELECT_EX };

struct select {
	u32 count;              /* descriptors looked at: below this */
	u32 words;
	u64 __user *user[SETS];
	u64 *in[SETS], *out[SETS];
	struct poll_item *items;
	int *fds;
	u32 used;
};

static bool set_has(const u64 *set, u32 fd)
{
	return set[fd / 64] >> (fd % 64) & 1;
}

static long select_open(struct select *s)
{
	for (u32 fd = 0; fd < s->count; fd++) {
		u32 events = 0;

		for (u32 k = 0; k < SETS; k++)
			if (set_has(s->in[k], fd))
				events |= set_events[k];
		if (!events)
			continue;
		s->items[s->used] = (struct poll_item){ .file = file_get((int)fd), .events = events };
		if (!s->items[s->used].file)
			return -EBADF;
		s->fds[s->used++] = (int)fd;
	}
	return 0;
}

static long select_result(struct select *s)
{
	long bits = 0;

	for (u32 i = 0; i < s->used; i++) {
		u32 fd = (u32)s->fds[i];

		for (u32 k = 0; k < SETS; k++)
			if (set_has(s->in[k], fd) && (s->items[i].revents & set_events[k])) {
				s->out[k][fd / 64] |= 1ull << (fd % 64);
				bits++;
			}
	}
	return bits;
}

static long select_run(struct select *s, u64 deadline)
{
	size_t bytes = s->words * sizeof(u64);
	long ready;

	for (u32 k = 0; k < SETS; k++)
		if (s->user[k] && copy_from_user(s->in[k], s->user[k], bytes))
			return -EFAULT;
	ready = select_open(s);
	if (!ready)
		ready = poll_items(s->items, s->used, deadline);
	if (ready >= 0)
		ready = select_result(s);
	poll_items_put(s->items, s->used);
	for (u32 k = 0; k < SETS && ready >= 0; k++)
		if (s->user[k] && copy_to_user(s->user[k], s->out[k], bytes))
			return -EFAULT;
	return ready;
}

static long do_select(int count, u64 __user *const sets[SETS], u64 deadline)
{
	struct select s = { .count = (u32)count };
	struct files *files = current->proc->files;
	size_t set_bytes;
	long ready;
	char *memory;

	if (count < 0)
		return -EINVAL;
	if (s.count > files->capacity)
		s.count = files->capacity;
	s.words = (s.count + 63) / 64;
	set_bytes = s.words * sizeof(u64);
	memory = kzalloc(2 * SETS * set_bytes + s.count * (sizeof *s.items + sizeof *s.fds) + 1);
	if (!memory)
		return -ENOMEM;
	for (u32 k = 0; k < SETS; k++) {
		s.user[k] = sets[k];
		s.in[k] = (u64 *)(memory + k * set_bytes);
		s.out[k] = (u64 *)(memory + (SETS + k) * set_bytes);
	}
	s.items = (struct poll_item *)(memory + 2 * SETS * set_bytes);
	s.fds = (int *)(s.items + s.count);
	ready = select_run(&s, deadline);
	kfree(memory);
	return ready;
}

long sys_select(int count, u64 __user *in, u64 __user *out, u64 __user *ex, struct timeval __user *timeout)
{
	u64 deadline = NEVER, now;
	struct timeval t;
	long ready;

	if (timeout) {
		if (get_user(t, timeout))
			return -EFAULT;
		if (t.tv_sec < 0 || t.tv_usec < 0)
			return -EINVAL;
		if ((u64)t.tv_sec < NEVER / NS_PER_S - 1 && (u64)t.tv_usec < NEVER / NS_PER_S)
			deadline = deadline_after((u64)t.tv_sec * NS_PER_S + (u64)t.tv_usec * 1000);
		if (!t.tv_sec && !t.tv_usec)
			deadline = 0;
	}
	ready = do_select(count, (u64 __user *[]){ in, out, ex }, deadline);
	if (timeout && deadline != NEVER) {
		now = now_mono_ns();
		now = deadline > now ? deadline - now : 0;
		t = (struct timeval){ .tv_sec = (long)(now / NS_PER_S), .tv_usec = (long)(now % NS_PER_S / 1000) };
		(void)copy_to_user(timeout, &t, sizeof t);
	}
	return ready;
}

long sys_pselect6(int count, u64 __user *in, u64 __user *out, u64 __user *ex, struct timespec __user *timeout,
		  const u64 __user *packed)
{
	struct { const u64 __user *mask; size_t bytes; } sig = { NULL, 0 };
	u64 deadline;
	long err = deadline_from_user(timeout, &deadline);

	if (err)
		return err;
	if (packed && copy_from_user(&sig, packed, sizeof sig))
		return -EFAULT;
	err = sigmask_enter(sig.mask, sig.bytes);
	if (err)
		return err;
	err = do_select(count, (u64 __user *[]){ in, out, ex }, deadline);
	time_left(timeout, deadline);
	return sigmask_leave(err);
}
