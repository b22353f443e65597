/* Opening a pipe that has a name: the inode's private word points at the pipe while anyone has it open. */
#include "pipe.h"

static struct lock fifo_lock; /* the inodes' words, and references of the pipes they point at */

static struct pipe *fifo_get(struct inode *inode)
{
	void **slot = inode_private(inode);
	struct pipe *p;

	lock(&fifo_lock);
	p = *slot;
	if (!p) {
		p = pipe_create();
		if (p) {
			p->slot = slot;
			*slot = p;
		}
	}
	if (p)
		p->refs++;
	unlock(&fifo_lock);
	return p;
}

void fifo_put(struct pipe *p)
{
	bool last;

	lock(&fifo_lock);
	last = !--p->refs;
	if (last)
		*p->slot = NULL;
	unlock(&fifo_lock);
	if (last)
		pipe_free(p);
}

static void count_open(struct pipe *p, u32 flags)
{
	if (reads(flags)) {
		ref_get(&p->readers);
		__atomic_add_fetch(&p->reader_opens, 1, __ATOMIC_RELEASE);
	}
	if (writes(flags)) {
		ref_get(&p->writers);
		__atomic_add_fetch(&p->writer_opens, 1, __ATOMIC_RELEASE);
	}
	wake_waiters(&p->opened, 0);
}

/* The other end, as it was before this one was counted: it may come, or go on and be gone, at any moment since. */
struct peer { u32 here, opens; };

static struct peer peer_now(struct pipe *p, u32 flags)
{
	u32 opens = __atomic_load_n(reads(flags) ? &p->writer_opens : &p->reader_opens, __ATOMIC_ACQUIRE);

	return (struct peer){ __atomic_load_n(reads(flags) ? &p->writers : &p->readers, __ATOMIC_ACQUIRE), opens };
}

/* Wait for the other end, as open(2) of a FIFO does: for one that is here, or was at some time since. */
static long wait_for_peer(struct pipe *p, u32 flags, struct peer before)
{
	if ((flags & O_ACCMODE) == O_RDWR || (flags & O_NONBLOCK) || before.here)
		return 0;
	return wait_until(&p->opened, peer_now(p, flags).opens != before.opens, NEVER) ? -ERESTARTSYS : 0;
}

struct file *fifo_open(struct inode *inode, u32 flags, long *err)
{
	struct pipe *p = fifo_get(inode);
	struct file *f;

	*err = -ENFILE;
	if (!p)
		return NULL;
	if ((flags & (O_ACCMODE | O_NONBLOCK)) == (O_WRONLY | O_NONBLOCK) && !p->readers) {
		fifo_put(p);
		*err = -ENXIO;
		return NULL;
	}
	struct peer before = peer_now(p, flags);
	count_open(p, flags);
	*err = wait_for_peer(p, flags, before);
	f = *err ? NULL : pipe_file(p, flags);
	if (!f) {
		pipe_end_gone(p, flags);
		fifo_put(p);
		if (!*err)
			*err = -ENFILE;
		return NULL;
	}
	/* a reader that did not wait sees no hang-up before a writer has come */
	if (!writes(flags) && (flags & O_NONBLOCK) && !p->writers)
		f->pos = p->writer_opens;
	return f;
}
