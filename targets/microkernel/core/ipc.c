/* Messages, as a rendezvous: words go from the sender's saved registers to the receiver's, with no buffer in between. */
#include "kernel.h"

#define TAG_FLAGS (0xffffu & ~MK_TAG_WORDS)

/* What is more than words. An error leaves the receiver as it was, but for words, which it does not look at. */
static int __attribute__((noinline)) deliver_more(struct task *from, struct task *to, u32 tag)
{
	struct handle *handle = handle_at(from->space, from->frame.r[11]);
	int there = 0;

	if (tag & MK_TAG_GRANT)
		there = from->calls ? grant_lend(from, to) : MK_EARGUMENT;
	if (there < 0 || !(tag & MK_TAG_HANDLE))
		return there;
	there = handle ? handle_add(to->space, handle->object, handle->rights) : MK_EHANDLE;
	if (there >= 0)
		to->frame.r[11] = (u32)there;
	else if (tag & MK_TAG_GRANT)
		grant_end(to->space, from->token);
	return there < 0 ? there : 0;
}

static inline __attribute__((always_inline)) int deliver(struct task *from, struct task *to)
{
	u32 tag = from->frame.r[1], words = tag & MK_TAG_WORDS;
	int error;

	for (u32 i = 0; i < words; i++)
		to->frame.r[2 + i] = from->frame.r[2 + i];
	if (tag & (MK_TAG_HANDLE | MK_TAG_GRANT) && (error = deliver_more(from, to, tag)))
		return error;
	to->frame.r[1] = tag;
	to->frame.r[12] = from->space->number;
	return 0;
}

/* Bits of a port are received as a message of their own. */
static void deliver_bits(struct port *p, struct task *to)
{
	to->frame.r[0] = to->frame.r[12] = 0;
	to->frame.r[1] = MK_TAG_NOTIFIED | 1;
	to->frame.r[2] = p->bits;
	p->bits = 0;
}

void port_notify(struct port *p, u32 bits)
{
	struct task *to = first(&p->receivers);

	p->bits |= bits;
	if (to && p->bits) {
		wake(to, 0);
		deliver_bits(p, to);
	}
}

/* Who waits in the port's queue now raises this one's priority. */
void port_serve(struct port *p, struct task *server)
{
	p->server = server;
	list_remove(&p->served);
	if (server)
		list_insert(&server->served, &p->served);
	waiters_follow(&p->senders, server);
}

static bool tag_valid(u32 tag)
{
	u32 words = tag & MK_TAG_WORDS, flags = tag & TAG_FLAGS;

	return words <= MK_WORDS && (!flags || (!(flags & ~(MK_TAG_HANDLE | MK_TAG_GRANT)) &&
						(words == MK_WORDS || !(flags & MK_TAG_HANDLE)) && (words >= 9 || !(flags & MK_TAG_GRANT))));
}

int ipc_send(struct task *t, bool calls)
{
	int error = 0;
	struct port *p = handle_get(t->frame.r[0], PORT, MK_RIGHT_SEND, &error);
	struct task *to;

	if (!p)
		return error;
	if (!tag_valid(t->frame.r[1]))
		return MK_EARGUMENT;
	if (t->lent && t->frame.r[1] & MK_TAG_GRANT && grant_revoke(t) == AGAIN)
		return task_repeat(t);
	t->calls = calls;
	if (calls)
		t->token = (t->token + MK_TASKS) & 0x7fffffff;
	to = first(&p->receivers);
	if (!to)
		return wait_at(t, SENDING, &p->senders, p->server);
	error = deliver(t, to);
	if (error)
		return error;
	wake(to, calls ? (int)t->token : 0);
	if (!calls)
		return 0;
	block(t, REPLYING);
	wait_for(t, to);
	timeout_set(t, t->frame.r[12] >> 8);
	return NO_RESULT;
}

/* Out of the port's queue; its time-out still counts. */
static void await_reply(struct task *from, struct task *to)
{
	u64 when = from->alarm.when;

	from->alarm.when = 0;
	wait_end(from);
	from->alarm.when = when;
	from->state = REPLYING;
	wait_for(from, to);
}

/* The senders in their order; one whose message cannot be delivered is told, and the next has its turn. */
static bool __attribute__((noinline)) receive_sender(struct task *t, struct port *p)
{
	for (struct task *from; (from = first(&p->senders));) {
		int error = deliver(from, t);

		t->frame.r[0] = from->calls ? from->token : 0;
		if (!error && from->calls)
			await_reply(from, t);
		else
			wake(from, error);
		if (!error)
			return true;
	}
	return false;
}

int ipc_receive(struct task *t, u32 port)
{
	int error = 0;
	struct port *p = handle_get(port, PORT, MK_RIGHT_RECEIVE, &error);

	if (!p)
		return error;
	if (p->server != t)
		port_serve(p, t);
	if (p->bits)
		deliver_bits(p, t);
	else if (list_empty(&p->senders) || !receive_sender(t, p))
		return wait_at(t, RECEIVING, &p->receivers, NULL);
	return NO_RESULT;
}

/* Only the space that received the call can reply to it, and only once. */
int ipc_reply(struct task *t, u32 token)
{
	struct task *to = &tasks[token % MK_TASKS];
	int error;

	if (!tag_valid(t->frame.r[1]) || t->frame.r[1] & MK_TAG_GRANT)
		return MK_EARGUMENT;
	if (!list_empty(&t->space->grants))
		grant_end(t->space, token);
	if (to->state != REPLYING || to->token != token || to->holder->space != t->space)
		return MK_EDEAD;
	error = deliver(t, to);
	wake(to, error);
	return error;
}

void port_died(struct port *p)
{
	p->object.dead = true;
	port_serve(p, NULL);
	wake_all(&p->senders, MK_EDEAD);
	wake_all(&p->receivers, MK_EDEAD);
}
