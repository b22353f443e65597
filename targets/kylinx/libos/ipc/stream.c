/* Byte streams: each end receives into its ring; the sender fills the peer's. */
#include "local.h"

static u32 stream_limit(const struct local *s)
{
	u32 most = s->s.family == AF_UNIX || s->s.send_buffer_set ? s->s.send_buffer : STREAM_RING;

	return most < STREAM_RING ? most : STREAM_RING;
}

static u32 stream_room(const struct local *s)
{
	u32 used = ring_used(&s->peer->ring), limit = stream_limit(s);

	return used < limit ? limit - used : 0;
}

/* Enough room to make waking a writer worth it. */
static bool stream_roomy(const struct local *s)
{
	return stream_room(s) >= stream_limit(s) / 4;
}

static bool connected(const struct local *s)
{
	return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == LOCAL_CONNECTED;
}

static bool send_over(const struct local *s)
{
	return (__atomic_load_n(&s->shut, __ATOMIC_ACQUIRE) & SHUT_OUT) || s->peer->closed;
}

bool stream_writable(struct local *s)
{
	if (!connected(s) || send_over(s) || stream_roomy(s))
		return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != LOCAL_CONNECTING;
	s->no_space = true;
	full_barrier();
	return stream_roomy(s);
}

/* ---- sending ----------------------------------------------------------------------------------------------------------- */

static struct mark *put_mark(struct local *p, struct scm *scm)
{
	struct mark *k = kmalloc(sizeof *k);

	if (!k)
		return NULL;
	k->at = p->ring.head;
	k->scm = scm;
	lock(&p->lock);
	list_push_back(&p->marks, &k->node);
	p->mark_count++;
	unlock(&p->lock);
	return k;
}

static void unput_mark(struct local *p, struct mark *k)
{
	lock(&p->lock);
	list_remove(&k->node);
	p->mark_count--;
	unlock(&p->lock);
	kfree(k);
}

/* As many bytes as there is room for, with what the message carries beside them ahead of the first. */
static long stream_put(struct local *s, struct message *m)
{
	struct local *p = s->peer;
	struct mark *k = NULL;
	size_t n = m->data->resid;
	long put = 0;
	u32 room;

	lock(&p->ring.write_lock);
	room = stream_room(s);
	if (room && m->scm) {
		k = put_mark(p, m->scm);
		put = k ? 0 : -ENOMEM;
	}
	if (room && !put)
		put = ring_fill(&p->ring, m->data, n < room ? (u32)n : room);
	if (put > 0) {
		if (k)
			k->length = (u32)put;
		m->scm = NULL;
		ring_publish(&p->ring, (u32)put);
	} else if (k) {
		unput_mark(p, k);
	}
	unlock(&p->ring.write_lock);
	if (put > 0)
		wake_waiters(&p->wait_in, IN_EVENTS);
	return put;
}

static long broken_pipe(const struct message *m, long done)
{
	if (done)
		return done;
	if (!(m->flags & MSG_NOSIGNAL))
		signal_sigpipe();
	return -EPIPE;
}

long stream_send(struct local *s, struct message *m)
{
	long done = 0, err;

	if (m->to && s->s.family == AF_UNIX)
		return connected(s) ? -EISCONN : -EOPNOTSUPP;
	if (!connected(s))
		return s->s.family == AF_UNIX ? -ENOTCONN : broken_pipe(m, 0);
	if ((s->s.passcred || s->peer->s.passcred || (m->scm && !m->scm->has_cred)) && s->s.family == AF_UNIX) {
		struct scm *scm = scm_cred(m->scm);

		if (!scm)
			return -ENOMEM;
		m->scm = scm;
	}
	while (m->data->resid) {
		if (s->s.error && !done)
			return socket_take_error(&s->s);
		if (send_over(s))
			return broken_pipe(m, done);
		err = stream_put(s, m);
		if (err < 0)
			return done ? done : err;
		if (err) {
			done += err;
			continue;
		}
		s->no_space = true;
		full_barrier();
		if (stream_roomy(s))
			continue;
		if (!m->deadline)
			return done ? done : -EAGAIN;
		err = wait_until(&s->wait_out, stream_roomy(s) || send_over(s) || s->s.error, m->deadline);
		if (err)
			return done ? done : wait_error(err, m->deadline);
	}
	return done;
}

/* ---- receiving ----------------------------------------------------------------------------------------------------------- */

void stream_drop(struct local *s)
{
	struct list gone;

	list_init(&gone);
	lock(&s->lock);
	while (!list_empty(&s->marks)) {
		struct list *n = s->marks.next;

		list_remove(n);
		list_push_back(&gone, n);
	}
	s->mark_count = 0;
	unlock(&s->lock);
	while (!list_empty(&gone)) {
		struct mark *k = list_entry(gone.next, struct mark, node);

		list_remove(&k->node);
		scm_free(k->scm);
		kfree(k);
	}
}

static bool same_cred(const struct user_ucred *a, const struct user_ucred *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* read_lock held. The mark at the tail belongs to what this call reads? Then it is the message's; false: stop before it. */
static bool take_mark(struct local *s, struct message *m, struct mark *k, bool peek)
{
	struct scm *scm = k->scm;

	if (m->scm && (m->scm->count || scm->count || !same_cred(&m->scm->cred, &scm->cred)))
		return false;
	if (!peek) {
		s->stream_cred = scm->cred;
		s->stream_cred_known = scm->has_cred;
		lock(&s->lock);
		list_remove(&k->node);
		s->mark_count--;
		unlock(&s->lock);
		kfree(k);
	}
	if (m->scm) {
		if (!peek)
			scm_free(scm);
	} else {
		m->scm = peek ? scm_copy(scm) : scm;
	}
	return true;
}

static struct mark *first_mark(struct local *s, struct mark *after)
{
	struct mark *k = NULL;

	lock(&s->lock);
	if (after ? after->node.next != &s->marks : !list_empty(&s->marks))
		k = list_entry(after ? after->node.next : s->marks.next, struct mark, node);
	unlock(&s->lock);
	return k;
}

/* One run of bytes up to the next mark: bytes (0: none, or a mark that this call must not pass), -EFAULT. */
static long stream_take(struct local *s, struct message *m)
{
	bool peek = m->flags & MSG_PEEK;
	u32 n = m->data->resid < ~0u ? (u32)m->data->resid : ~0u;
	struct mark *k;
	long got = 0;

	lock(&s->ring.read_lock);
	if (unlikely(s->mark_count)) {
		k = first_mark(s, NULL);
		if (k && k->at == s->ring.tail) {
			struct mark *next = first_mark(s, k);

			n = k->length < n ? k->length : n;
			if (!take_mark(s, m, k, peek))
				goto out;
			k = next;
		}
		if (k && k->at - s->ring.tail < n)
			n = k->at - s->ring.tail;
	}
	got = peek ? ring_peek(&s->ring, m->data, 0, n) : ring_get(&s->ring, m->data, n);
out:
	unlock(&s->ring.read_lock);
	return got;
}

static void after_take(struct local *s, struct message *m)
{
	struct local *p = s->peer;

	full_barrier();
	if (p->no_space && stream_roomy(p)) {
		p->no_space = false;
		wake_waiters(&p->wait_out, OUT_EVENTS);
	}
	if (unlikely(s->s.passcred) && !m->scm && s->stream_cred_known) {
		m->scm = scm_cred(NULL);
		if (m->scm)
			m->scm->cred = s->stream_cred;
	}
}

static bool receive_over(struct local *s)
{
	return __atomic_load_n(&s->shut, __ATOMIC_ACQUIRE) & SHUT_IN;
}

long stream_receive(struct local *s, struct message *m)
{
	bool more = m->flags & MSG_WAITALL && !(m->flags & MSG_PEEK);
	long done = 0, err;

	if (!connected(s)) {
		err = socket_take_error(&s->s);
		return err ? err : s->s.family == AF_UNIX ? -EINVAL : -ENOTCONN;
	}
	if (m->from && s->s.family == AF_UNIX)
		s->naming->source(s->peer, s, m->from);
	while (m->data->resid) {
		if (ring_used(&s->ring)) {
			err = stream_take(s, m);
			if (err < 0)
				return done ? done : err;
			if (err) {
				done += err;
				after_take(s, m);
				if ((m->flags & MSG_PEEK) || (m->scm && m->scm->count))
					return done; /* descriptors end a call, as on Linux */
			} else if (done) {
				return done; /* before a mark of its own */
			}
			continue;
		}
		if (done && !more)
			return done;
		if (s->s.error)
			return done ? done : socket_take_error(&s->s);
		if (receive_over(s)) {
			if (ring_used(&s->ring))
				continue;
			return done;
		}
		if (!m->deadline)
			return done ? done : -EAGAIN;
		err = wait_until(&s->wait_in, ring_used(&s->ring) || receive_over(s) || s->s.error, m->deadline);
		if (err)
			return done ? done : wait_error(err, m->deadline);
	}
	return done;
}
