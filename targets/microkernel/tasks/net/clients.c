/* Clients: programs, told apart by their spaces. Each has at most one call that waits; where its pages are mapped is a slot of the
 * window, which is moved to a free one before each receive. */
#include "../../include/names.h"
#include "sockets.h"
#include "stack.h"

#define SLOT_BYTES (MK_GRANT_PAGES * MK_PAGE)
#define SLOTS (NET_CLIENTS + 1)

static struct client clients[NET_CLIENTS];
static struct client *waiting[NET_CLIENTS]; /* those with a call that waits */
static unsigned waiting_count, port, window_slot;
static uint8_t *window;

static void window_to(unsigned slot)
{
	int error = mk_window(window + slot * SLOT_BYTES, MK_GRANT_PAGES);

	if (error)
		mk_fail("net: slot %u of the window is not free: %d", slot, error);
	window_slot = slot;
}

void clients_init(unsigned server_port)
{
	port = server_port;
	window = mk_region(SLOTS * MK_GRANT_PAGES);
	if (!window)
		mk_fail("net: no window");
	window_to(0);
}

/* There are more slots than clients, so one is free. answered: the slot of a client that has its answer with the next receive: free by
 * then, but its pages are still there. */
static void window_move(uint64_t answered)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < waiting_count; i++)
		used |= 1ull << waiting[i]->slot;
	if (used & 1ull << window_slot)
		window_to((unsigned)__builtin_ctzll(~(used | answered)));
}

static struct client *client_of(unsigned space)
{
	struct client *c = NULL;

	for (unsigned i = 0; i < NET_CLIENTS; i++) {
		if (clients[i].space == space)
			return &clients[i];
		if (!clients[i].space && !c)
			c = &clients[i];
	}
	if (!c || !mk_is_program(space)) /* whose end nobody would tell */
		return NULL;
	*c = (struct client){ .space = space };
	c->news.next = c->news.previous = &c->news;
	return c;
}

static void stop_waiting(struct client *c)
{
	for (unsigned i = 0; i < waiting_count; i++)
		if (waiting[i] == c) {
			waiting[i] = waiting[--waiting_count];
			break;
		}
	c->token = 0;
}

static struct mk_message answer(int value, unsigned more)
{
	return (struct mk_message){ .tag = MK_TAG(0, 2), .word = { (unsigned)value, more } };
}

/* A call that waited, answered with what there is. */
static unsigned answer_waiting(struct client *c, struct mk_message *m)
{
	unsigned token = c->token, bytes = events_put(c);

	stop_waiting(c);
	*m = answer((int)bytes, c->news.next != &c->news);
	return token;
}

/* -> what to reply at once; MK_ETIMEOUT: the call waits */
static int begin(unsigned token, const struct mk_message *m)
{
	bool lent = m->tag & MK_TAG_GRANT && (m->word[7] & (MK_PAGE - 1)) == (MK_READ | MK_WRITE);
	unsigned bytes = m->word[0], room = m->word[2], size = lent ? m->word[8] * MK_PAGE : 0;
	struct mk_message before;
	struct client *c;
	int error;

	if (MK_LABEL(m->tag) != NET_EXCHANGE)
		return MK_ECALL;
	if (!lent || bytes > size || room > size)
		return MK_EARGUMENT;
	c = client_of(m->sender);
	if (!c)
		return MK_ERIGHT;
	if (c->token) { /* another of its tasks: that one's time is over */
		unsigned other = answer_waiting(c, &before);

		mk_reply(other, &before);
	}
	c->area = (uint8_t *)(m->word[7] & ~(MK_PAGE - 1));
	error = actions_run(c, c->area, bytes);
	if (error || !room)
		return error;
	c->token = token;
	c->slot = window_slot;
	c->event_room = room & ~3u; /* records begin at multiples of 4 */
	c->deadline_ms = stack_ms() + m->word[1] / 1000 + (m->word[1] % 1000 != 0);
	waiting[waiting_count++] = c;
	return MK_ETIMEOUT;
}

void client_call(unsigned token, struct mk_message *m)
{
	int now = begin(token, m);

	if (now == MK_ETIMEOUT)
		return;
	*m = answer(now, 0);
	mk_reply(token, m);
}

uint32_t clients_sleep_ms(uint32_t most)
{
	uint32_t now = stack_ms();

	for (unsigned i = 0; i < waiting_count; i++) {
		int32_t left = (int32_t)(waiting[i]->deadline_ms - now);

		if (left < (int32_t)most)
			most = left > 1 ? (uint32_t)left : 1;
	}
	return most;
}

unsigned clients_answer(struct mk_message *m)
{
	uint64_t answered = 0;
	unsigned token = 0;
	uint32_t now = stack_ms();

	for (unsigned i = 0; i < waiting_count;) {
		struct client *c = waiting[i];

		if (c->news.next == &c->news && (int32_t)(c->deadline_ms - now) > 0) {
			i++;
			continue;
		}
		if (token)
			mk_reply(token, m);
		answered = 1ull << c->slot;
		token = answer_waiting(c, m); /* the last moves to its place */
	}
	window_move(answered);
	return token;
}

void clients_ended(void)
{
	static unsigned sequence;
	unsigned spaces[NAME_ENDED_MOST];
	int n;

	while ((n = mk_ended(&sequence, spaces, MK_COUNT(spaces))) > 0)
		for (int i = 0; i < n; i++)
			for (unsigned k = 0; k < NET_CLIENTS; k++)
				if (clients[k].space == spaces[i]) {
					struct mk_message m = answer(MK_EDEAD, 0);

					if (clients[k].token)
						mk_reply(clients[k].token, &m); /* to nobody, but it empties the slot */
					stop_waiting(&clients[k]);
					sockets_end(&clients[k]);
					clients[k].space = 0;
				}
}
