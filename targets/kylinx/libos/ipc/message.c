/* send, recv and their six relatives: headers, addresses and pieces in, one struct message to the family, results out. */
#include "socket.h"

#define IOV_MOST 1024
#define IOV_INLINE 8
#define MESSAGES_MOST 1024

struct mmsghdr {
	struct user_msghdr header;
	u32 length;
};

long address_from_user(struct address *a, const void __user *from, u32 length)
{
	if (length > sizeof a->bytes)
		return -EINVAL;
	memset(a, 0, sizeof *a);
	a->length = length;
	return length && copy_from_user(a->bytes, from, length) ? -EFAULT : 0;
}

long address_to_user(const struct address *a, void __user *to, u32 __user *length)
{
	int room;
	u32 n;

	if (get_user(room, length))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	n = (u32)room < a->length ? (u32)room : a->length;
	if (n && copy_to_user(to, a->bytes, n))
		return -EFAULT;
	return put_user(a->length, length);
}

/* ---- pieces -------------------------------------------------------------------------------------------------------- */

struct pieces {
	struct uio uio;
	struct iovec few[IOV_INLINE], *many;
};

static long pieces_get(struct pieces *p, const struct iovec __user *from, size_t count)
{
	size_t total = 0;
	struct iovec *iov = p->few;

	p->many = NULL;
	if (count > IOV_MOST)
		return -EMSGSIZE;
	if (count > IOV_INLINE) {
		iov = p->many = kmalloc(count * sizeof *iov);
		if (!iov)
			return -ENOMEM;
	}
	if (count && copy_from_user(iov, from, count * sizeof *iov))
		goto fault;
	for (size_t i = 0; i < count; i++) {
		if ((long)iov[i].iov_len < 0) {
			kfree(p->many);
			return -EINVAL;
		}
		if (iov[i].iov_len && !access_ok(iov[i].iov_base, iov[i].iov_len))
			goto fault;
		if (iov[i].iov_len > 0x7ffff000 - total)
			iov[i].iov_len = 0x7ffff000 - total;
		total += iov[i].iov_len;
	}
	p->uio = (struct uio){ .iov = iov, .count = (u32)count, .resid = total };
	return 0;
fault:
	kfree(p->many);
	return -EFAULT;
}

static bool nonblocking(const struct file *f, u32 flags)
{
	return (f->flags & O_NONBLOCK) || (flags & MSG_DONTWAIT);
}

/* ---- sending --------------------------------------------------------------------------------------------------------- */

static long do_send(struct file *f, struct socket *s, struct message *m)
{
	long put;

	m->deadline = timeout_deadline(s->send_timeout, nonblocking(f, m->flags));
	put = s->ops->send(s, m);
	scm_free(m->scm);
	return put;
}

long sys_sendto(int fd, const void __user *from, size_t n, u32 flags, const void __user *to, u32 length)
{
	struct iovec one;
	struct uio uio;
	struct message m = { .data = &uio, .flags = flags };
	struct address a;
	struct socket *s;
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	uio_user(&uio, &one, (void *)(u64)from, n < 0x7ffff000 ? n : 0x7ffff000);
	if (to) {
		err = address_from_user(&a, to, length);
		m.to = &a;
	}
	if (!err && n && !access_ok(from, uio.resid))
		err = -EFAULT;
	if (!err)
		err = do_send(f.file, s, &m);
	fd_put(f);
	return err;
}

static long send_header(struct file *f, struct socket *s, const struct user_msghdr *h, u32 flags)
{
	struct pieces p;
	struct message m = { .data = &p.uio, .flags = flags };
	struct address a;
	long err;

	if (h->msg_name && h->msg_namelen) {
		if (h->msg_namelen < 0)
			return -EINVAL;
		err = address_from_user(&a, h->msg_name,
					(u32)h->msg_namelen < sizeof a.bytes ? (u32)h->msg_namelen : sizeof a.bytes);
		if (err)
			return err;
		m.to = &a;
	}
	err = pieces_get(&p, h->msg_iov, h->msg_iovlen);
	if (err)
		return err;
	if (h->msg_control && h->msg_controllen)
		err = scm_from_user(&m.scm, h->msg_control, h->msg_controllen);
	if (!err)
		err = do_send(f, s, &m);
	kfree(p.many);
	return err;
}

long sys_sendmsg(int fd, const struct user_msghdr __user *from, u32 flags)
{
	struct user_msghdr h;
	struct socket *s;
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	err = get_user(h, from) ? -EFAULT : send_header(f.file, s, &h, flags);
	fd_put(f);
	return err;
}

long sys_sendmmsg(int fd, struct mmsghdr __user *vector, u32 count, u32 flags)
{
	struct mmsghdr h;
	struct socket *s;
	u32 done = 0;
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	if (count > MESSAGES_MOST)
		count = MESSAGES_MOST;
	for (; done < count; done++) {
		err = get_user(h, &vector[done]) ? -EFAULT : send_header(f.file, s, &h.header, flags);
		if (err < 0)
			break;
		if (put_user((u32)err, &vector[done].length)) {
			err = -EFAULT;
			break;
		}
	}
	fd_put(f);
	return done ? (long)done : err;
}

/* ---- receiving ------------------------------------------------------------------------------------------------------- */

static long do_receive(struct file *f, struct socket *s, struct message *m)
{
	long got;

	m->deadline = timeout_deadline(s->receive_timeout, nonblocking(f, m->flags));
	if (m->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	got = s->ops->receive(s, m);
	if (got >= 0 && (m->flags & MSG_TRUNC) && s->type != SOCK_STREAM && m->whole > (size_t)got)
		got = (long)m->whole;
	return got;
}

long sys_recvfrom(int fd, void __user *to, size_t n, u32 flags, void __user *name, u32 __user *length)
{
	struct iovec one;
	struct uio uio;
	struct address a = { .length = 0 };
	struct message m = { .data = &uio, .from = name ? &a : NULL, .flags = flags };
	struct socket *s;
	long got;
	struct fd f = socket_get(fd, &s, &got);

	if (!f.file)
		return got;
	uio_user(&uio, &one, to, n < 0x7ffff000 ? n : 0x7ffff000);
	got = n && !access_ok(to, uio.resid) ? -EFAULT : do_receive(f.file, s, &m);
	scm_free(m.scm);
	if (got >= 0 && name) {
		long err = address_to_user(&a, name, length);

		got = err ? err : got;
	}
	fd_put(f);
	return got;
}

static long name_out(const struct address *a, struct user_msghdr *h)
{
	u32 n = a->length;

	if (h->msg_namelen < 0)
		return -EINVAL;
	if ((u32)h->msg_namelen < n)
		n = (u32)h->msg_namelen;
	h->msg_namelen = (int)a->length;
	return n && copy_to_user(h->msg_name, a->bytes, n) ? -EFAULT : 0;
}

static long receive_header(struct file *f, struct socket *s, struct user_msghdr *h, u32 flags)
{
	struct pieces p;
	struct address a = { .length = 0 };
	struct message m = { .data = &p.uio, .from = h->msg_name ? &a : NULL, .flags = flags };
	long got = pieces_get(&p, h->msg_iov, h->msg_iovlen), err = 0;

	if (got)
		return got;
	got = do_receive(f, s, &m);
	kfree(p.many);
	if (got < 0) {
		scm_free(m.scm);
		return got;
	}
	h->msg_flags = m.flags_out | (flags & MSG_CMSG_CLOEXEC);
	if (h->msg_name)
		err = name_out(&a, h);
	if (err)
		scm_free(m.scm);
	else
		err = scm_to_user(m.scm, s, h, flags); /* takes it over */
	return err ? err : got;
}

static long header_out(struct user_msghdr __user *to, const struct user_msghdr *h)
{
	if (put_user(h->msg_namelen, &to->msg_namelen) || put_user(h->msg_controllen, &to->msg_controllen) ||
	    put_user(h->msg_flags, &to->msg_flags))
		return -EFAULT;
	return 0;
}

static long receive_one(struct file *f, struct socket *s, struct user_msghdr __user *to, u32 flags)
{
	struct user_msghdr h;
	long got;

	if (get_user(h, to))
		return -EFAULT;
	got = receive_header(f, s, &h, flags);
	if (got >= 0 && header_out(to, &h))
		return -EFAULT;
	return got;
}

long sys_recvmsg(int fd, struct user_msghdr __user *to, u32 flags)
{
	struct socket *s;
	long got;
	struct fd f = socket_get(fd, &s, &got);

	if (!f.file)
		return got;
	got = receive_one(f.file, s, to, flags);
	fd_put(f);
	return got;
}

long sys_recvmmsg(int fd, struct mmsghdr __user *vector, u32 count, u32 flags, const struct timespec __user *timeout)
{
	struct socket *s;
	u64 deadline;
	u32 done = 0;
	long got = deadline_from_user(timeout, &deadline);
	struct fd f;

	if (got)
		return got;
	f = socket_get(fd, &s, &got);
	if (!f.file)
		return got;
	if (count > MESSAGES_MOST)
		count = MESSAGES_MOST;
	while (done < count) {
		got = receive_one(f.file, s, &vector[done].header, flags & ~MSG_WAITFORONE);
		if (got < 0 || put_user((u32)got, &vector[done].length))
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (now_mono_ns() >= deadline)
			break;
	}
	fd_put(f);
	return done || !count ? (long)done : got < 0 ? got : -EFAULT;
}
