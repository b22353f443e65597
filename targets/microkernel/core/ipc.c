/* Messages, as a rendezvous: words go from the sender's saved registers to the receiver's, with no buffer in between. */
#include "kernel.h"

#define TAG_KNOWN (0xffff0000u | MK_TAG_WORDS | MK_TAG_HANDLE | MK_TAG_GRANT)

static int give_handle(struct task *from, struct task *to)
{
	u32 h = from->frame.r[11];
	struct handle *handle = h < MK_HANDLES ? &from->space->handles[h] : NULL;
	int there;

	if (!handle || !handle->object)
		return MK_EHANDLE;
	there = handle_add(to->space, handle->object, handle->rights);
	if (there < 0)
		return there;
	to->frame.r[11] = (u32)there;
	return 0;
}

/* What is more than words. An error leaves the receiver as it was, but for words, which it does not look at. */
static int deliver_more(struct task *from, struct task *to, u32 tag)
{
	int error = 0;

	if (tag & MK_TAG_GRANT)
		error = from->calls ? grant_lend(from, to, from->token) : MK_EARGUMENT;
	if (!error && tag & MK_TAG_HANDLE) {
		error = give_handle(from, to);
		if (error && tag & MK_TAG_GRANT)
			grant_end(to->space, from->token);
	}
	return error;
}

static int deliver(struct task *from, struct task *to)
{
	u32 tag = from->frame.r[1], words = tag & MK_TAG_WORDS;

	for (u32 i = 0; i < words; i++)
		to->frame.r[2 + i] = from->frame.r[2 + i];
	if (tag & (MK_TAG_HANDLE | MK_TAG_GRANT)) {
		int error = deliver_more(from, to, tag);

		if (error)
			return error;
	}
	to->frame.r[1] = tag;
	to->frame.r[12] = from->space->number;
	return 0;
}

/* After delivery: the receiver goes on, the sender too or it waits for the reply. */
static void received(struct task *from, struct task *to)
{
	if (!from->calls)
		return;
	from->state = REPLYING;
	wait_for(from, to);
}

/* Bits of a port are received as a message of their own. */
static void deliver_bits(struct port *p, struct task *to)
{
	to->frame.r[0] = 0;
	to->frame.r[1] = MK_TAG_NOTIFIED | 1;
	to->frame.r[2] = p->bits;
	to->frame.r[12] = 0;
	p->bits = 0;
}

void port_notify(struct port *p, u32 bits)
{
	p->bits |= bits;
	if (!list_empty(&p->receivers) && p->bits) {
		struct task *to = CONTAINER(p->receivers.next, struct task, link);

		wake(to, 0);
		deliver_bits(p, to);
	}
}

static bool tag_valid(u32 tag)
{
	u32 words = tag & MK_TAG_WORDS;

	return words <= MK_WORDS && !(tag & ~TAG_KNOWN) && (words == MK_WORDS || !(tag & MK_TAG_HANDLE)) &&
	       (words >= 9 || !(tag & MK_TAG_GRANT));
}

static int send(struct task *t, bool calls)
{
	int error;
	struct port *p = handle_get(t->frame.r[0], PORT, MK_RIGHT_SEND, &error);

	if (!p)
		return error;
	if (!tag_valid(t->frame.r[1]))
		return MK_EARGUMENT;
	t->calls = calls;
	if (calls)
		t->token = (t->token + MK_TASKS) & 0x7fffffff;
	if (list_empty(&p->receivers)) {
		block(t, SENDING);
		wait_in(&p->senders, t);
		wait_for(t, p->server);
	} else {
		struct task *to = CONTAINER(p->receivers.next, struct task, link);

		error = deliver(t, to);
		if (error)
			return error;
		wake(to, calls ? (int)t->token : 0);
		if (!calls)
			return 0;
		block(t, REPLYING);
		wait_for(t, to);
	}
	timeout_set(t, t->frame.r[12] >> 8);
	return NO_RESULT;
}

int ipc_send(struct task *t) { return send(t, false); }
int ipc_call(struct task *t) { return send(t, true); }

/* The senders in their order; one whose message cannot be delivered is told, and the next has its turn. */
static bool receive_sender(struct task *t, struct port *p)
{
	while (!list_empty(&p->senders)) {
		struct task *from = CONTAINER(p->senders.next, struct task, link);
		int error = deliver(from, t);

		if (error || !from->calls) {
			wake(from, error);
			if (error)
				continue;
			t->frame.r[0] = 0;
		} else {
			struct alarm *a = &from->alarm;
			u64 when = a->when;

			a->when = 0; /* it is still its time-out */
			wait_end(from);
			a->when = when;
			received(from, t);
			t->frame.r[0] = from->token;
		}
		return true;
	}
	return false;
}

static int receive(struct task *t, u32 h)
{
	int error;
	struct port *p = handle_get(h, PORT, MK_RIGHT_RECEIVE, &error);

	if (!p)
		return error;
	p->server = t;
	if (p->bits) {
		deliver_bits(p, t);
	} else if (!receive_sender(t, p)) {
		block(t, RECEIVING);
		wait_in(&p->receivers, t);
		timeout_set(t, t->frame.r[12] >> 8);
	}
	return NO_RESULT;
}

int ipc_receive(struct task *t) { return receive(t, t->frame.r[0]); }

/* Only the space that received the call can reply to it, and only once. */
static int reply(struct task *t, u32 token)
{
	struct task *to = &tasks[token % MK_TASKS];
	int error;

	if (!tag_valid(t->frame.r[1]) || t->frame.r[1] & MK_TAG_GRANT)
		return MK_EARGUMENT;
	grant_end(t->space, token);
	if (to->state != REPLYING || to->token != token || to->holder->space != t->space)
		return MK_EDEAD;
	error = deliver(t, to);
	wake(to, error);
	return error;
}

int ipc_reply(struct task *t) { return reply(t, t->frame.r[0]); }

/* A caller that has gone meanwhile is no reason not to serve the next. */
int ipc_reply_receive(struct task *t)
{
	if (t->frame.r[0])
		reply(t, t->frame.r[0]);
	return receive(t, t->frame.r[14]);
}

void port_died(struct port *p)
{
	p->object.dead = true;
	while (!list_empty(&p->senders))
		wake(CONTAINER(p->senders.next, struct task, link), MK_EDEAD);
	while (!list_empty(&p->receivers))
		wake(CONTAINER(p->receivers.next, struct task, link), MK_EDEAD);
}
