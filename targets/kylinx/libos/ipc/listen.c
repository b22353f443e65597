/* Connections: connect makes the server's end at once and queues it with the listener; accept takes it from there. */
#include "local.h"

long local_listen(struct socket *s, u32 backlog)
{
	struct local *l = local_of(s);
	long err = 0;

	if (s->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	if (!l->bound) {
		if (s->family == AF_UNIX)
			return -EINVAL;
		err = l->naming->autobind(l, NULL);
		if (err)
			return err;
	}
	lock(&l->lock);
	if (l->state == LOCAL_IDLE || l->state == LOCAL_LISTENING) {
		l->backlog = backlog;
		s->peer_cred = cred_current(); /* what those who connect will see */
		s->listening = true;
		__atomic_store_n(&l->state, LOCAL_LISTENING, __ATOMIC_RELEASE);
	} else {
		err = -EINVAL;
	}
	unlock(&l->lock);
	return err;
}

static bool backlog_room(struct local *l)
{
	return l->closed || (l->shut & SHUT_IN) || __atomic_load_n(&l->accept_count, __ATOMIC_ACQUIRE) <= l->backlog;
}

/* Queue the new end with the listener and join it to s: 0, -EAGAIN (no room), -ECONNREFUSED. */
static long queue_end(struct local *listener, struct local *s, struct local *end)
{
	long err = 0;

	lock(&listener->lock);
	if (listener->closed || listener->state != LOCAL_LISTENING || (listener->shut & SHUT_IN)) {
		err = -ECONNREFUSED;
	} else if (listener->accept_count > listener->backlog) {
		err = -EAGAIN;
	} else {
		s->s.peer_cred = listener->s.peer_cred;
		end->s.peer_cred = cred_current();
		end->s.passcred = listener->s.passcred;
		end->name = listener->name;
		if (s->s.family != AF_UNIX) {
			end->name = s->peer_name;
			end->peer_name = s->name;
			listener->naming->adapt(end, &end->name);
			listener->naming->adapt(end, &end->peer_name);
			end->port = listener->port;
		}
		local_link(s, end);
		list_push_back(&listener->accepting, &end->accept_node);
		__atomic_add_fetch(&listener->accept_count, 1, __ATOMIC_RELEASE);
	}
	unlock(&listener->lock);
	return err;
}

static long connect_to(struct local *s, struct local *listener, bool nonblock)
{
	u64 deadline = timeout_deadline(s->s.send_timeout, nonblock);
	struct local *end = local_create(listener->naming, listener->s.family, s->s.type, s->s.protocol);
	long err;

	if (!end)
		return -ENOMEM;
	while ((err = queue_end(listener, s, end)) == -EAGAIN) {
		if (!deadline)
			break;
		err = wait_until(&listener->wait_out, backlog_room(listener), deadline);
		if (err) {
			err = wait_error(err, deadline);
			break;
		}
	}
	if (err)
		local_put(end);
	else
		wake_waiters(&listener->wait_in, IN_EVENTS);
	return err;
}

/* A state in which connect has nothing (more) to do; 1: go on. */
static long connect_begin(struct local *s)
{
	long r = 1;

	lock(&s->lock);
	switch (s->state) {
	case LOCAL_IDLE:
		s->state = LOCAL_CONNECTING;
		break;
	case LOCAL_CONNECTED:
		r = s->in_progress ? 0 : -EISCONN;
		s->in_progress = false;
		break;
	case LOCAL_CONNECTING:
		r = -EALREADY;
		break;
	default:
		r = s->s.family == AF_UNIX ? -EINVAL : -EISCONN;
	}
	unlock(&s->lock);
	return r;
}

static long connect_stream(struct local *s, const struct address *to, bool nonblock)
{
	struct local *listener;
	long err = connect_begin(s);

	if (err <= 0)
		return err;
	err = socket_take_error(&s->s);
	if (!err)
		err = s->naming->find(s, to, &listener);
	if (!err) {
		err = s->naming->autobind(s, to);
		if (!err)
			err = connect_to(s, listener, nonblock);
		local_put(listener);
	}
	if (err)
		__atomic_store_n(&s->state, LOCAL_IDLE, __ATOMIC_RELEASE);
	if (!nonblock || !s->naming->half_close || (err && err != -ECONNREFUSED))
		return err;
	/* TCP never connects at once: what came of it is in SO_ERROR, or said by the next connect */
	if (err)
		s->s.error = (int)-err;
	else
		s->in_progress = true;
	wake_waiters(&s->wait_out, 0);
	return -EINPROGRESS;
}

static long connect_datagram(struct local *s, const struct address *to)
{
	struct local *p = NULL, *old;
	long err = 0;

	if (to->family != AF_UNSPEC) {
		err = s->naming->autobind(s, to);
		if (!err)
			err = s->naming->find(s, to, &p);
		if (err == -ECONNREFUSED && s->naming->lossy)
			err = 0; /* UDP: whoever is there when something is sent */
		if (err)
			return err;
		if (p && p->peer && p->peer != s && !s->naming->lossy)
			err = -EPERM;
	}
	if (!err) {
		packet_unwatch(s);
		lock(&s->lock);
		old = s->peer;
		s->peer = s->naming->lossy ? NULL : p;
		s->state = to->family == AF_UNSPEC ? LOCAL_IDLE : LOCAL_CONNECTED;
		if (to->family == AF_UNSPEC)
			s->peer_name.length = 0;
		else if (s->naming->lossy)
			s->peer_name = *to;
		unlock(&s->lock);
		p = s->naming->lossy ? p : NULL;
		if (old)
			local_put(old);
		wake_waiters(&s->wait_out, OUT_EVENTS);
	}
	if (p)
		local_put(p);
	return err;
}

long local_connect(struct socket *sk, const struct address *to, bool nonblock)
{
	if (sk->type == SOCK_DGRAM)
		return connect_datagram(local_of(sk), to);
	return connect_stream(local_of(sk), to, nonblock);
}

static struct local *accept_pop(struct local *l)
{
	struct local *end = NULL;

	lock(&l->lock);
	if (!list_empty(&l->accepting)) {
		end = list_entry(l->accepting.next, struct local, accept_node);
		list_remove(&end->accept_node);
		__atomic_sub_fetch(&l->accept_count, 1, __ATOMIC_RELEASE);
	}
	unlock(&l->lock);
	return end;
}

long local_accept(struct socket *s, struct socket **to, bool nonblock)
{
	struct local *l = local_of(s), *end;
	u64 deadline = timeout_deadline(s->receive_timeout, nonblock);

	if (s->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	for (;;) {
		long err;

		if (l->state != LOCAL_LISTENING)
			return -EINVAL;
		end = accept_pop(l);
		if (end)
			break;
		if (l->shut & SHUT_IN)
			return -EINVAL;
		if (!deadline)
			return -EAGAIN;
		err = wait_until_exclusive(&l->wait_in, l->accept_count || (l->shut & SHUT_IN), deadline);
		if (err)
			return wait_error(err, deadline);
	}
	wake_waiters(&l->wait_out, 0);
	*to = &end->s;
	return 0;
}

/* The listener goes: those in its queue find their connection reset. */
void local_refuse_pending(struct local *l)
{
	struct local *end;

	while ((end = accept_pop(l))) {
		end->peer->s.error = ECONNRESET;
		end->s.ops->release(&end->s);
	}
}
