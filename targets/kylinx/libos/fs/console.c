/* Consoles: what a program's descriptors 0, 1 and 2 are at first. Output goes to the monitor within the call that writes it;
 * input is asked for when somebody reads or polls. */
#include "fs.h"
#include "../ipc/ipc.h"

#define INPUT_BYTES 1024u
#define BOUNCE_BYTES 16384u
#define RETRY_NS 1000000ull /* the monitor's buffer is full: try again after */

struct console {
	struct list node;
	u32 refs, number;
	struct lock lock;
	struct waitq wait;
	bool tty;
	s32 foreground;                 /* process group, for tcgetpgrp */
	struct termios termios;
	struct winsize size;
	u32 head, count;                /* input not yet read */
	char input[INPUT_BYTES];
};

static struct lock consoles_lock;
static struct list consoles = { &consoles, &consoles };

static const struct termios cooked = {
	.c_iflag = ICRNL | IXON | IUTF8, .c_oflag = OPOST | ONLCR, .c_cflag = B38400 | CS8 | CREAD,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = { 3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0 },
};

static struct console *find(u32 number) /* lock held */
{
	list_for_each(l, &consoles)
		if (list_entry(l, struct console, node)->number == number)
			return list_entry(l, struct console, node);
	return NULL;
}

static struct console *console_get(u32 number, bool create)
{
	struct console *c, *fresh = create ? kzalloc(sizeof *fresh) : NULL;

	lock(&consoles_lock);
	c = find(number);
	if (!c && fresh) {
		c = fresh;
		fresh = NULL;
		c->number = number;
		c->termios = cooked;
		c->size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
		waitq_init(&c->wait);
		list_push_back(&consoles, &c->node);
	}
	if (c)
		c->refs++;
	unlock(&consoles_lock);
	kfree(fresh);
	return c;
}

static void console_put(struct console *c)
{
	bool last;

	lock(&consoles_lock);
	last = !--c->refs;
	if (last)
		list_remove(&c->node);
	unlock(&consoles_lock);
	if (last)
		kfree(c);
}

void console_wake(void)
{
	lock(&consoles_lock);
	list_for_each(l, &consoles)
		wake_all(&list_entry(l, struct console, node)->wait);
	unlock(&consoles_lock);
}

/* Input for the empty buffer: > 0; 0 at the end of input; -EAGAIN none yet. c's lock is held. */
static long fill(struct console *c)
{
	long r;

	if (c->count)
		return (long)c->count;
	r = hypercall(KX_HC_CONSOLE, KX_CONSOLE_READ, c->number, (u64)c->input, INPUT_BYTES, 0);
	if (r > 0) {
		c->head = 0;
		c->count = r > (long)INPUT_BYTES ? INPUT_BYTES : (u32)r;
	}
	return r;
}

static long take(struct console *c, struct uio *u)
{
	long r;

	lock(&c->lock);
	r = fill(c);
	if (r > 0) {
		r = uio_put(u, c->input + c->head, c->count < u->resid ? c->count : u->resid);
		if (r > 0) {
			c->head += (u32)r;
			c->count -= (u32)r;
		}
	}
	unlock(&c->lock);
	return r;
}

static struct console *console_of(const struct file *f)
{
	return f->data;
}

static long console_read(struct file *f, struct uio *u, u64 *pos)
{
	struct console *c = console_of(f);
	struct waiter w;
	long r;

	(void)pos;
	if (!u->resid)
		return 0;
	r = take(c, u);
	if (r != -EAGAIN || (f->flags & O_NONBLOCK))
		return r;
	waiter_init(&w);
	waitq_add(&c->wait, &w);
	while ((r = take(c, u)) == -EAGAIN) {
		r = task_sleep(NEVER, true);
		if (r) {
			r = -ERESTARTSYS;
			break;
		}
	}
	waitq_remove(&c->wait, &w);
	return r;
}

static long put_all(const struct file *f, const char *s, size_t n)
{
	u64 op = f->pos == 2 ? KX_CONSOLE_WRITE_ERR : KX_CONSOLE_WRITE_OUT;
	size_t done = 0;

	while (done < n) {
		long r = hypercall(KX_HC_CONSOLE, op, console_of(f)->number, (u64)(s + done), n - done, 0);

		if (r > 0) {
			done += (size_t)r;
			continue;
		}
		if (r == -EPIPE && !done)
			signal_sigpipe(); /* the console is a pipe of the user's that nobody reads any more */
		if (r != -EAGAIN && r)
			return done ? (long)done : r == -EPIPE ? r : -EIO;
		if (f->flags & O_NONBLOCK)
			return done ? (long)done : -EAGAIN;
		if (task_sleep(deadline_after(RETRY_NS), true) == -EINTR)
			return done ? (long)done : -ERESTARTSYS;
	}
	return (long)done;
}

static long console_write(struct file *f, struct uio *u, u64 *pos)
{
	char small[256], *bounce = small; /* the stacks of the LibOS are in the commons, too */
	size_t room = sizeof small;
	long done = 0;

	(void)pos;
	if (u->resid > room) {
		room = u->resid < BOUNCE_BYTES ? u->resid : BOUNCE_BYTES;
		bounce = kmalloc(room);
		if (!bounce)
			return -ENOMEM;
	}
	while (u->resid) {
		long n = uio_get(u, bounce, u->resid < room ? u->resid : room);
		long r = n > 0 ? put_all(f, bounce, (size_t)n) : n;

		if (r > 0)
			done += r;
		else if (!done)
			done = r;
		if (r <= 0 || r < n)
			break;
	}
	if (bounce != small)
		kfree(bounce);
	return done;
}

static u32 console_poll(struct file *f, struct poll_table *pt)
{
	struct console *c = console_of(f);
	u32 events = EPOLLOUT | EPOLLWRNORM;
	long r;

	if (pt)
		pt->add(pt, &c->wait);
	if (file_readable(f)) {
		lock(&c->lock);
		r = fill(c);
		unlock(&c->lock);
		if (r >= 0)
			events |= EPOLLIN | EPOLLRDNORM | (!r && !c->tty ? EPOLLHUP : 0);
	}
	return file_writable(f) ? events : events & ~(u32)(EPOLLOUT | EPOLLWRNORM);
}

static long console_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct console *c = console_of(f);
	s32 value;

	if (!c->tty)
		return -ENOTTY;
	switch (cmd) {
	case TCGETS:
		return copy_to_user((void *)arg, &c->termios, sizeof c->termios);
	case TCSETS: case TCSETSW: case TCSETSF:
		return copy_from_user(&c->termios, (void *)arg, sizeof c->termios);
	case TIOCGWINSZ:
		return copy_to_user((void *)arg, &c->size, sizeof c->size);
	case TIOCSWINSZ:
		return copy_from_user(&c->size, (void *)arg, sizeof c->size);
	case TIOCGPGRP:
		value = c->foreground ? c->foreground : (s32)current->proc->pgid;
		return put_user(value, (s32 *)arg);
	case TIOCSPGRP:
		return get_user(c->foreground, (s32 *)arg);
	case TIOCGSID:
		return put_user((s32)current->proc->sid, (s32 *)arg);
	case TIOCSCTTY: case TIOCNOTTY: case TCFLSH: case TCXONC: case TCSBRK: case TCSBRKP:
		return 0;
	case FIONREAD:
		return put_user((s32)c->count, (s32 *)arg);
	}
	return -ENOTTY;
}

static void console_release(struct file *f)
{
	console_put(console_of(f));
}

static const struct file_ops console_ops = {
	.read = console_read, .write = console_write, .poll = console_poll, .ioctl = console_ioctl, .release = console_release,
};

/* The stream is kept in pos, which a console has no other use for. */
static struct file *console_file(struct console *c, u32 stream, u32 flags)
{
	struct file *f = file_create(&console_ops, c, flags);

	if (!f) {
		console_put(c);
		return NULL;
	}
	f->kind = KX_FILE_CONSOLE;
	f->pos = stream;
	return f;
}

struct file *console_open(u32 number, u32 stream)
{
	struct console *c = console_get(number, true);
	bool tty = stream & CONSOLE_TTY;

	if (!c)
		return NULL;
	if (tty)
		c->tty = true;
	stream &= 3;
	return console_file(c, stream, tty ? O_RDWR : stream ? O_WRONLY : O_RDONLY);
}

struct file *console_tty(u32 number, u32 flags)
{
	struct console *c = console_get(number, false);

	if (c && c->tty)
		return console_file(c, 1, flags);
	if (c)
		console_put(c);
	return NULL;
}

