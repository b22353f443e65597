/* Messages with boundaries: datagrams and sequenced packets, queued whole with the receiver. */
#include "local.h"

static struct lock space_lock; /* every local's space_watchers and space_of */

/* ---- who waits for room in a queue ----------------------------------------------------------------------------------------- */

/* p's lock not needed: a look, or held for the decision. */
static bool queue_full(const struct local *s, const struct local *p)
{
	u32 bytes = __atomic_load_n(&p->packet_bytes, __ATOMIC_ACQUIRE);

	if (p->naming->lossy)
		return bytes >= p->s.receive_buffer;
	if (s->s.type == SOCK_DGRAM && p->peer != s && p != s)
		return __atomic_load_n(&p->packet_count, __ATOMIC_ACQUIRE) > DATAGRAM_QUEUE;
	return bytes >= s->s.send_buffer;
}

static void space_watch(struct local *s, struct local *p)
{
	lock(&space_lock);
	if (!s->space_of) {
		s->space_of = local_ref(p);
		list_push_back(&p->space_watchers, &local_ref(s)->space_node);
	}
	unlock(&space_lock);
	full_barrier();
}

void packet_unwatch(struct local *s)
{
	struct local *p;

	lock(&space_lock);
	p = s->space_of;
	if (p) {
		list_remove(&s->space_node);
		s->space_of = NULL;
	}
	unlock(&space_lock);
	if (p) {
		local_put(p);
		local_put(s);
	}
}

void space_available(struct local *p)
{
	while (!list_empty(&p->space_watchers)) {
		struct local *s = NULL;

		lock(&space_lock);
		if (!list_empty(&p->space_watchers)) {
			s = list_entry(p->space_watchers.next, struct local, space_node);
			list_remove(&s->space_node);
			s->space_of = NULL;
		}
		unlock(&space_lock);
		if (!s)
			return;
		wake_waiters(&s->wait_out, OUT_EVENTS);
		local_put(s);
		local_put(p);
	}
}

bool packet_writable(struct local *s)
{
	struct local *p = local_peer(s);
	bool full;

	if (!p)
		return true;
	full = !p->naming->lossy && !p->closed && queue_full(s, p);
	if (full) {
		space_watch(s, p);
		full = queue_full(s, p);
	}
	local_put(p);
	return !full;
}

/* ---- sending ------------------------------------------------------------------------------------------------------------------ */

static void packet_free(struct packet *k)
{
	scm_free(k->scm);
	kfree(k);
}

static long packet_make(struct local *s, struct local *p, struct message *m, struct packet **out)
{
	u32 length = (u32)m->data->resid;
	struct packet *k;
	struct address from;

	s->naming->source(s, p, &from);
	k = kmalloc(sizeof *k + length + from.length);
	if (!k)
		return -ENOMEM;
	list_init(&k->node);
	k->length = length;
	k->from_length = from.length;
	k->scm = NULL;
	if (length && uio_get(m->data, k->data, length) != length) {
		kfree(k);
		return -EFAULT;
	}
	memcpy(k->data + length, from.bytes, from.length);
	k->scm = m->scm;
	m->scm = NULL;
	*out = k;
	return 0;
}

/* Whom this message is for, referenced. */
static long packet_target(struct local *s, const struct message *m, struct local **p)
{
	bool named = m->to && s->s.type == SOCK_DGRAM;
	const struct address *to = named ? m->to : s->naming->lossy && s->peer_name.length ? &s->peer_name : NULL;
	long err = 0;

	*p = NULL;
	if (to) {
		err = s->naming->autobind(s, to);
		return err ? err : s->naming->find(s, to, p);
	}
	*p = local_peer(s);
	if (*p)
		return 0;
	return s->naming->lossy ? -EDESTADDRREQ : -ENOTCONN;
}

/* 0; -EAGAIN: no room. */
static long packet_queue(struct local *s, struct local *p, struct packet *k)
{
	long err = 0;

	lock(&p->lock);
	if (p->closed)
		err = s->s.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
	else if ((p->shut & SHUT_IN) && !p->naming->lossy)
		err = -EPIPE;
	else if (s->s.type == SOCK_DGRAM && p->peer && p->peer != s && !p->naming->lossy)
		err = -EPERM;
	else if (queue_full(s, p))
		err = -EAGAIN;
	else {
		list_push_back(&p->packets, &k->node);
		__atomic_store_n(&p->packet_bytes, p->packet_bytes + k->length + PACKET_OVERHEAD, __ATOMIC_RELEASE);
		__atomic_store_n(&p->packet_count, p->packet_count + 1, __ATOMIC_RELEASE);
	}
	unlock(&p->lock);
	return err;
}

static long packet_deliver(struct local *s, struct local *p, struct packet *k, struct message *m)
{
	long err;

	for (;;) {
		if (s->shut & SHUT_OUT)
			return -EPIPE;
		err = packet_queue(s, p, k);
		if (err != -EAGAIN || p->naming->lossy)
			return err;
		if (!m->deadline)
			return err;
		err = wait_until(&p->wait_space, !queue_full(s, p) || p->closed || (p->shut & SHUT_IN), m->deadline);
		if (err)
			return wait_error(err, m->deadline);
	}
}

/* UDP's own way with failure: what nobody takes is lost, and a connected socket hears of it later. */
static long lossy_result(struct local *s, const struct message *m, long err, long length)
{
	if (err == -ECONNREFUSED && !m->to) {
		s->s.error = ECONNREFUSED;
		wake_waiters(&s->wait_in, EPOLLERR);
	}
	return err == -ECONNREFUSED || err == -EAGAIN ? length : err;
}

/* The peer of a connected datagram socket has gone. */
static void forget_peer(struct local *s, struct local *p)
{
	bool was;

	lock(&s->lock);
	was = s->peer == p;
	if (was)
		s->peer = NULL;
	unlock(&s->lock);
	if (was)
		local_put(p);
}

long packet_send(struct local *s, struct message *m)
{
	struct packet *k = NULL;
	struct local *p;
	long length = (long)m->data->resid, err;

	err = socket_take_error(&s->s);
	if (err)
		return err;
	if ((size_t)length > (s->naming->datagram_most ? s->naming->datagram_most : s->s.send_buffer - 32))
		return -EMSGSIZE;
	err = packet_target(s, m, &p);
	if (err)
		return s->naming->lossy ? lossy_result(s, m, err, length) : err;
	if (s->s.family == AF_UNIX && (s->s.passcred || p->s.passcred || m->scm)) {
		struct scm *scm = scm_cred(m->scm);

		err = scm ? 0 : -ENOMEM;
		m->scm = scm ? scm : m->scm;
	}
	if (!err)
		err = packet_make(s, p, m, &k);
	if (!err) {
		err = packet_deliver(s, p, k, m);
		if (err)
			packet_free(k);
		else
			wake_waiters(&p->wait_in, IN_EVENTS);
	}
	if (err == -ECONNREFUSED && !s->naming->lossy && !m->to)
		forget_peer(s, p);
	local_put(p);
	if (s->naming->lossy && err)
		return lossy_result(s, m, err, length);
	return err ? err : length;
}

/* A message of the LibOS's own, from nobody. */
long packet_push(struct local *p, const void *data, u32 length)
{
	struct packet *k = kmalloc(sizeof *k + length);
	long err = -ECONNREFUSED;

	if (!k)
		return -ENOMEM;
	*k = (struct packet){ .length = length };
	memcpy(k->data, data, length);
	lock(&p->lock);
	if (!p->closed) {
		list_push_back(&p->packets, &k->node);
		p->packet_bytes += length + PACKET_OVERHEAD;
		__atomic_store_n(&p->packet_count, p->packet_count + 1, __ATOMIC_RELEASE);
		err = 0;
	}
	unlock(&p->lock);
	if (err)
		kfree(k);
	else
		wake_waiters(&p->wait_in, IN_EVENTS);
	return err;
}

/* ---- receiving ---------------------------------------------------------------------------------------------------------------- */

void packet_drop(struct local *s)
{
	while (s->packet_count) {
		struct packet *k = NULL;

		lock(&s->lock);
		if (!list_empty(&s->packets)) {
			k = list_entry(s->packets.next, struct packet, node);
			list_remove(&k->node);
			s->packet_count--;
		} else {
			s->packet_count = 0;
		}
		unlock(&s->lock);
		if (k)
			packet_free(k);
	}
}

static long packet_out(const struct packet *k, struct message *m)
{
	long got = 0;
	u32 n = k->length < m->data->resid ? k->length : (u32)m->data->resid;

	if (n) {
		got = uio_put(m->data, k->data, n);
		if (got < (long)n)
			return -EFAULT;
	}
	m->whole = k->length;
	if (n < k->length)
		m->flags_out |= MSG_TRUNC;
	if (m->from) {
		m->from->length = k->from_length;
		memcpy(m->from->bytes, k->data + k->length, k->from_length);
	}
	return got;
}

/* The first packet, out of the queue; NULL: none. A look at it is complete on return: *got. */
static struct packet *packet_pop(struct local *s, struct message *m, long *got)
{
	struct packet *k = NULL;

	*got = -EAGAIN;
	lock(&s->lock);
	if (!list_empty(&s->packets)) {
		k = list_entry(s->packets.next, struct packet, node);
		if (m->flags & MSG_PEEK) {
			*got = packet_out(k, m);
			m->scm = scm_copy(k->scm);
			k = NULL;
		} else {
			list_remove(&k->node);
			__atomic_store_n(&s->packet_bytes, s->packet_bytes - k->length - PACKET_OVERHEAD, __ATOMIC_RELEASE);
			__atomic_store_n(&s->packet_count, s->packet_count - 1, __ATOMIC_RELEASE);
		}
	}
	unlock(&s->lock);
	return k;
}

static long receive_one(struct local *s, struct message *m)
{
	struct local *p;
	long got;
	struct packet *k = packet_pop(s, m, &got);

	if (!k)
		return got;
	if (!s->naming->lossy) {
		wake_waiters(&s->wait_space, OUT_EVENTS);
		space_available(s);
	}
	p = s->s.type == SOCK_SEQPACKET ? s->peer : NULL;
	if (p)
		wake_waiters(&p->wait_out, OUT_EVENTS);
	got = packet_out(k, m);
	m->scm = k->scm;
	k->scm = NULL;
	packet_free(k);
	return got;
}

long packet_receive(struct local *s, struct message *m)
{
	for (;;) {
		long err;

		if (__atomic_load_n(&s->packet_count, __ATOMIC_ACQUIRE)) {
			err = receive_one(s, m);
			if (err != -EAGAIN)
				return err;
			continue;
		}
		err = socket_take_error(&s->s);
		if (err)
			return err;
		if (__atomic_load_n(&s->shut, __ATOMIC_ACQUIRE) & SHUT_IN) {
			if (s->packet_count)
				continue;
			return 0;
		}
		if (s->s.type == SOCK_SEQPACKET && s->state != LOCAL_CONNECTED)
			return -ENOTCONN;
		if (!m->deadline)
			return -EAGAIN;
		err = wait_until(&s->wait_in, __atomic_load_n(&s->packet_count, __ATOMIC_ACQUIRE) || (s->shut & SHUT_IN) ||
				 s->s.error, m->deadline);
		if (err)
			return wait_error(err, m->deadline);
	}
}
