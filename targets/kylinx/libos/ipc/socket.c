/* Sockets as files, and the calls that make, name and connect them. */
#include "socket.h"
#include <linux/sockios.h>

long sys_close(u32 fd);

void socket_init(struct socket *s, const struct socket_ops *ops, u32 domain, u32 type, u32 protocol)
{
	s->ops = ops;
	s->family = domain;
	s->type = type;
	s->protocol = protocol;
	s->send_buffer = s->receive_buffer = SOCKET_BUFFER;
	s->send_timeout = s->receive_timeout = NEVER;
	s->low_water = 1;
}

void socket_fini(struct socket *s)
{
	kfree(s->options);
}

int socket_take_error(struct socket *s)
{
	return s->error ? -__atomic_exchange_n(&s->error, 0, __ATOMIC_ACQ_REL) : 0;
}

/* ---- as a file --------------------------------------------------------------------------------------------------- */

static long socket_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct socket *s = f->data;
	struct message m = { .data = uio, .deadline = timeout_deadline(s->receive_timeout, f->flags & O_NONBLOCK) };
	long got;

	(void)pos;
	if (!uio->resid)
		return 0;
	got = s->ops->receive(s, &m);
	scm_free(m.scm);
	return got;
}

static long socket_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct socket *s = f->data;
	struct message m = { .data = uio, .deadline = timeout_deadline(s->send_timeout, f->flags & O_NONBLOCK) };
	long put;

	(void)pos;
	put = s->ops->send(s, &m);
	scm_free(m.scm);
	return put;
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->data;

	return s->ops->poll(s, pt);
}

static long socket_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct socket *s = f->data;
	int value;

	switch (cmd) {
	case FIONBIO:
		if (get_user(value, (int __user *)arg))
			return -EFAULT;
		f->flags = value ? f->flags | O_NONBLOCK : f->flags & ~(u32)O_NONBLOCK;
		return 0;
	case FIOASYNC:
	case FIOSETOWN:
	case SIOCSPGRP:
		return get_user(value, (int __user *)arg) ? -EFAULT : 0;
	default:
		return s->ops->ioctl ? s->ops->ioctl(s, cmd, arg) : -ENOTTY;
	}
}

static void socket_release(struct file *f)
{
	struct socket *s = f->data;

	s->ops->release(s);
}

const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
};

long socket_fd(struct socket *s, u32 flags)
{
	long fd = fd_for(&socket_file_ops, s, KX_FILE_SOCKET, O_RDWR | (flags & O_NONBLOCK), flags & O_CLOEXEC);

	if (fd == -ENFILE)
		s->ops->release(s);
	return fd;
}

struct fd socket_get(int fd, struct socket **s, long *err)
{
	struct fd f = fd_get(fd);

	*err = -EBADF;
	if (!f.file)
		return f;
	if (f.file->ops != &socket_file_ops) {
		*err = f.file->flags & O_PATH ? -EBADF : -ENOTSOCK;
		fd_put(f);
		f.file = NULL;
		return f;
	}
	*err = 0;
	*s = f.file->data;
	return f;
}

/* ---- socket, socketpair ------------------------------------------------------------------------------------------- */

long sys_socket(u32 domain, u32 type, u32 protocol)
{
	struct socket *s;
	long err;

	if (type & ~(SOCK_TYPE_MASK | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	switch (domain) {
	case AF_UNIX:
		err = unix_create(type & SOCK_TYPE_MASK, protocol, &s);
		break;
	case AF_INET:
	case AF_INET6:
		err = inet_create(domain, type & SOCK_TYPE_MASK, protocol, &s);
		break;
	case AF_NETLINK:
		err = netlink_create(type & SOCK_TYPE_MASK, protocol, &s);
		break;
	default:
		return -EAFNOSUPPORT;
	}
	return err ? err : socket_fd(s, type);
}

long sys_socketpair(u32 domain, u32 type, u32 protocol, int __user *to)
{
	struct socket *pair[2];
	int fd[2];
	long err;

	if (type & ~(SOCK_TYPE_MASK | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (domain != AF_UNIX)
		return domain == AF_INET || domain == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
	err = unix_pair(type & SOCK_TYPE_MASK, protocol, pair);
	if (err)
		return err;
	fd[0] = (int)socket_fd(pair[0], type);
	if (fd[0] < 0) {
		pair[1]->ops->release(pair[1]);
		return fd[0];
	}
	fd[1] = (int)socket_fd(pair[1], type);
	if (fd[1] >= 0 && !copy_to_user(to, fd, sizeof fd))
		return 0;
	sys_close((u32)fd[0]);
	if (fd[1] < 0)
		return fd[1];
	sys_close((u32)fd[1]);
	return -EFAULT;
}

/* ---- names and connections ----------------------------------------------------------------------------------------- */

long sys_bind(int fd, const void __user *from, u32 length)
{
	struct socket *s;
	struct address a;
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	err = address_from_user(&a, from, length);
	if (!err)
		err = s->ops->bind(s, &a);
	fd_put(f);
	return err;
}

long sys_connect(int fd, const void __user *from, u32 length)
{
	struct socket *s;
	struct address a;
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	err = address_from_user(&a, from, length);
	if (!err)
		err = a.length < sizeof a.family ? -EINVAL : s->ops->connect(s, &a, f.file->flags & O_NONBLOCK);
	fd_put(f);
	return err;
}

long sys_listen(int fd, int backlog)
{
	struct socket *s;
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	err = s->ops->listen(s, (u32)backlog < SOMAXCONN ? (u32)backlog : SOMAXCONN);
	fd_put(f);
	return err;
}

static long do_accept(struct file *f, struct socket *s, void __user *to, u32 __user *length, u32 flags)
{
	struct socket *new;
	struct address a = { .length = 0 };
	long err = s->ops->accept(s, &new, f->flags & O_NONBLOCK), fd;

	if (err)
		return err;
	if (to)
		err = new->ops->name(new, true, &a);
	fd = socket_fd(new, flags);
	if (fd < 0 || !to)
		return fd;
	if (err)
		a.length = sizeof a.family; /* the peer has gone already */
	err = address_to_user(&a, to, length);
	if (err)
		sys_close((u32)fd);
	return err ? err : fd;
}

long sys_accept4(int fd, void __user *to, u32 __user *length, u32 flags)
{
	struct socket *s;
	long err;
	struct fd f;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	f = socket_get(fd, &s, &err);
	if (!f.file)
		return err;
	err = do_accept(f.file, s, to, length, flags);
	fd_put(f);
	return err;
}

long sys_accept(int fd, void __user *to, u32 __user *length)
{
	return sys_accept4(fd, to, length, 0);
}

static long get_name(int fd, void __user *to, u32 __user *length, bool peer)
{
	struct socket *s;
	struct address a = { .length = 0 };
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	err = s->ops->name(s, peer, &a);
	if (!err)
		err = address_to_user(&a, to, length);
	fd_put(f);
	return err;
}

long sys_getsockname(int fd, void __user *to, u32 __user *length)
{
	return get_name(fd, to, length, false);
}

long sys_getpeername(int fd, void __user *to, u32 __user *length)
{
	return get_name(fd, to, length, true);
}

long sys_shutdown(int fd, int how)
{
	struct socket *s;
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	err = how < 0 || how > 2 ? -EINVAL : s->ops->shutdown(s, (u32)how + 1); /* SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2 */
	fd_put(f);
	return err;
}
