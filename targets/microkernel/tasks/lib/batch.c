/* Exchanges of actions for events with the network server. */
#include "net.h"

#define AREA (MK_GRANT_PAGES * MK_PAGE)
#define DATA_MOST 0xfffcu
#define LEAST_PAGES 2u
#define ANOTHER_TRY_US 1000u

bool net_batch_open(struct net_batch *b)
{
	int port;

	if (!b->put)
		b->put = mk_pages(MK_GRANT_PAGES);
	if (!b->got)
		b->got = mk_pages(MK_GRANT_PAGES);
	if (!b->put || !b->got)
		return false;
	if (b->port)
		mk_drop(b->port);
	b->port = 0;
	while ((port = mk_name_find("net", 0)) < 0)
		mk_sleep(ANOTHER_TRY_US);
	b->port = (unsigned)port;
	b->lent = LEAST_PAGES;
	b->actions = b->events = b->next = 0;
	return true;
}

static unsigned pages_of(unsigned bytes)
{
	return (bytes + MK_PAGE - 1) / MK_PAGE;
}

static int call(struct net_batch *b, unsigned us, unsigned pages, unsigned room, bool *more)
{
	struct mk_message m = { .tag = MK_TAG(NET_EXCHANGE, 9) | MK_TAG_GRANT };
	int error;

	if (!b->port)
		return MK_EDEAD;
	m.word[0] = b->actions;
	m.word[1] = us;
	m.word[2] = room;
	m.word[7] = (unsigned)b->put | MK_READ | MK_WRITE;
	m.word[8] = pages;
	error = mk_call(b->port, &m, 0);
	b->actions = 0;
	*more = m.word[1];
	if (!error)
		return (int)m.word[0];
	mk_drop(b->port);
	b->port = 0;
	return MK_EDEAD;
}

/* As many pages are lent as the events of late took: each costs its mapping. */
int net_exchange(struct net_batch *b, unsigned us)
{
	unsigned pages = pages_of(b->actions);
	uint8_t *area = b->put;
	bool more;
	int bytes;

	if (pages < b->lent)
		pages = b->lent;
	bytes = call(b, us, pages, pages * MK_PAGE, &more);
	b->events = b->next = 0;
	if (bytes < 0)
		return bytes;
	b->put = b->got;
	b->got = area;
	b->events = (unsigned)bytes;
	if (more)
		b->lent = pages * 2 < MK_GRANT_PAGES ? pages * 2 : MK_GRANT_PAGES;
	else if (b->lent > LEAST_PAGES && b->events < b->lent * MK_PAGE / 4)
		b->lent--;
	return 0;
}

int net_flush(struct net_batch *b)
{
	bool more;

	return b->actions ? call(b, 0, pages_of(b->actions), 0, &more) : 0;
}

const struct net_record *net_next(struct net_batch *b)
{
	const struct net_record *r = (const struct net_record *)(b->got + b->next);

	if (b->events - b->next < sizeof *r || r->bytes > b->events - b->next - sizeof *r)
		return NULL;
	b->next += (unsigned)NET_RECORD_BYTES(r->bytes);
	if (b->next > b->events)
		b->next = b->events;
	return r;
}

unsigned net_room(const struct net_batch *b)
{
	unsigned left = AREA - b->actions;

	left = left < sizeof(struct net_record) ? 0 : left - (unsigned)sizeof(struct net_record);
	return left < DATA_MOST ? left : DATA_MOST;
}

struct net_record *net_put(struct net_batch *b, unsigned kind, uint32_t socket, unsigned bytes)
{
	struct net_record *r;

	if (AREA - b->actions < NET_RECORD_BYTES(bytes) && net_flush(b))
		return NULL;
	r = (struct net_record *)(b->put + b->actions);
	*r = (struct net_record){ .kind = (uint16_t)kind, .bytes = (uint16_t)bytes, .socket = socket };
	b->actions += (unsigned)NET_RECORD_BYTES(bytes);
	return r;
}

void net_trim(struct net_batch *b, struct net_record *r, unsigned bytes)
{
	b->actions -= (unsigned)(NET_RECORD_BYTES(r->bytes) - NET_RECORD_BYTES(bytes));
	r->bytes = (uint16_t)bytes;
}

void net_take_back(struct net_batch *b, const struct net_record *last)
{
	b->actions = (unsigned)((const uint8_t *)last - b->put);
}
