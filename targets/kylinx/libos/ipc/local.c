/* Life, state and readiness of sockets inside the family: see local.h. */
#include "local.h"
#include <linux/sockios.h>

struct local *local_create(const struct naming *naming, u32 domain, u32 type, u32 protocol)
{
	struct local *l = kzalloc(sizeof *l);

	if (!l)
		return NULL;
	socket_init(&l->s, naming->ops, domain, type, protocol);
	l->refs = 1;
	l->naming = naming;
	ring_init(&l->ring, STREAM_RING);
	waitq_init(&l->wait_in);
	waitq_init(&l->wait_out);
	waitq_init(&l->wait_space);
	list_init(&l->marks);
	list_init(&l->packets);
	list_init(&l->space_watchers);
	list_init(&l->space_node);
	list_init(&l->accepting);
	list_init(&l->accept_node);
	list_init(&l->name_node);
	return l;
}

void local_put(struct local *l)
{
	if (ref_put(&l->refs))
		return;
	stream_drop(l);
	packet_drop(l);
	ring_free(&l->ring);
	socket_fini(&l->s);
	if (l->inode)
		inode_put(l->inode);
	kfree(l);
}

struct local *local_peer(struct local *l)
{
	struct local *p;

	lock(&l->lock);
	p = l->peer ? local_ref(l->peer) : NULL;
	unlock(&l->lock);
	return p;
}

void local_link(struct local *a, struct local *b)
{
	a->peer = local_ref(b);
	b->peer = local_ref(a);
	__atomic_store_n(&a->state, LOCAL_CONNECTED, __ATOMIC_RELEASE);
	__atomic_store_n(&b->state, LOCAL_CONNECTED, __ATOMIC_RELEASE);
}

void local_shut(struct local *l, u32 shut)
{
	__atomic_or_fetch(&l->shut, shut, __ATOMIC_ACQ_REL);
	wake_waiters(&l->wait_in, 0);
	wake_waiters(&l->wait_out, 0);
	wake_waiters(&l->wait_space, 0);
}

static long local_shutdown(struct socket *s, u32 shut)
{
	struct local *l = local_of(s), *p;

	if (l->state == LOCAL_LISTENING && (shut & SHUT_IN)) {
		local_shut(l, shut);
		return 0;
	}
	p = local_peer(l);
	if (!p && s->type != SOCK_DGRAM && s->family != AF_UNIX)
		return -ENOTCONN;
	local_shut(l, shut);
	if (p && s->type != SOCK_DGRAM)
		local_shut(p, (shut & SHUT_OUT ? SHUT_IN : 0) | (shut & SHUT_IN && !l->naming->half_close ? SHUT_OUT : 0));
	if (p)
		local_put(p);
	return 0;
}

/* The other end learns that this one is gone. */
static void leave_peer(struct local *l)
{
	struct local *p;
	bool unread = l->s.type != SOCK_DGRAM && (ring_used(&l->ring) || l->packet_count);

	lock(&l->lock);
	p = l->peer;
	if (l->s.type == SOCK_DGRAM)
		l->peer = NULL;
	unlock(&l->lock);
	if (!p)
		return;
	if (l->s.type != SOCK_DGRAM) {
		if (unread)
			p->s.error = ECONNRESET;
		local_shut(p, l->naming->half_close && !unread ? SHUT_IN : SHUT_IN | SHUT_OUT);
	}
	local_put(p);
}

static void local_release(struct socket *s)
{
	struct local *l = local_of(s);

	l->naming->unbind(l);
	lock(&l->lock);
	l->closed = true;
	unlock(&l->lock);
	if (l->state == LOCAL_LISTENING)
		local_refuse_pending(l);
	packet_unwatch(l);
	leave_peer(l);
	stream_drop(l);
	packet_drop(l);
	wake_waiters(&l->wait_space, 0);
	wake_waiters(&l->wait_out, 0); /* connects that wait for room in the backlog */
	space_available(l);
	local_put(l);
}

static u32 local_poll(struct socket *s, struct poll_table *pt)
{
	struct local *l = local_of(s);
	u32 events = 0, shut, state;

	poll_add(pt, &l->wait_in);
	poll_add(pt, &l->wait_out);
	shut = __atomic_load_n(&l->shut, __ATOMIC_ACQUIRE);
	state = __atomic_load_n(&l->state, __ATOMIC_ACQUIRE);
	if (state == LOCAL_LISTENING)
		return l->accept_count ? IN_EVENTS : 0;
	if (s->error)
		events |= EPOLLERR;
	if (ring_used(&l->ring) || __atomic_load_n(&l->packet_count, __ATOMIC_ACQUIRE))
		events |= IN_EVENTS;
	if (shut & SHUT_IN)
		events |= IN_EVENTS | EPOLLRDHUP;
	if (shut == (SHUT_IN | SHUT_OUT) || (s->type != SOCK_DGRAM && state == LOCAL_IDLE))
		events |= EPOLLHUP;
	if (s->type == SOCK_STREAM ? stream_writable(l) : packet_writable(l))
		events |= OUT_EVENTS | EPOLLWRBAND;
	return events;
}

static long local_send(struct socket *s, struct message *m)
{
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	return s->type == SOCK_STREAM ? stream_send(local_of(s), m) : packet_send(local_of(s), m);
}

static long local_receive(struct socket *s, struct message *m)
{
	if (m->flags & MSG_OOB)
		return s->family == AF_UNIX ? -EOPNOTSUPP : -EINVAL;
	return s->type == SOCK_STREAM ? stream_receive(local_of(s), m) : packet_receive(local_of(s), m);
}

static long local_bind(struct socket *s, const struct address *a)
{
	return local_of(s)->naming->bind(local_of(s), a);
}

static long local_name(struct socket *s, bool peer, struct address *to)
{
	struct local *l = local_of(s), *p;

	if (!peer) {
		lock(&l->lock);
		*to = l->name;
		unlock(&l->lock);
		return 0;
	}
	p = local_peer(l);
	if (!p)
		return -ENOTCONN;
	lock(&p->lock);
	*to = s->family == AF_UNIX ? p->name : l->peer_name;
	unlock(&p->lock);
	local_put(p);
	return 0;
}

static long local_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct local *l = local_of(s), *p;
	u32 n = 0;

	if (l->state == LOCAL_LISTENING)
		return -EINVAL;
	switch (cmd) {
	case SIOCINQ:
		if (s->type == SOCK_STREAM)
			n = ring_used(&l->ring);
		lock(&l->lock);
		if (!list_empty(&l->packets))
			n = list_entry(l->packets.next, struct packet, node)->length;
		unlock(&l->lock);
		return put_user((int)n, (int __user *)arg);
	case SIOCOUTQ:
		p = local_peer(l);
		if (p) {
			n = s->type == SOCK_STREAM ? ring_used(&p->ring) : 0;
			local_put(p);
		}
		return put_user((int)n, (int __user *)arg);
	default:
		return -ENOTTY;
	}
}

const struct socket_ops local_ops = {
	.bind = local_bind,
	.connect = local_connect,
	.listen = local_listen,
	.accept = local_accept,
	.name = local_name,
	.send = local_send,
	.receive = local_receive,
	.shutdown = local_shutdown,
	.poll = local_poll,
	.ioctl = local_ioctl,
	.release = local_release,
};
