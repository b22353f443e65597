/* The network server: what no client may do to it, or have all of. to=ADDRESS, as a number, is the one who is connected to. */
#include "trial.h"

#define TOO_MANY (2 * NET_SOCKETS)
#define AT_ONCE 100u
#define TRIES 600u                /* of 100 ms */
#define LISTENS 7100
#define GIVES 7104                /* the port of who is connected to */
#define EARLY 900u                /* connections with 30,000 bytes each: more than the server has memory for */
#define LATE 200u                 /* with a few bytes each: for what is left of it */
#define UNBOUND 4u                /* sockets that get three datagrams each, of 1, 2, 3, 4 bytes */
#define LEAVERS 60u               /* more than the server has clients */
#define SITTERS 40u
#define TAKEN 512u                /* pages at once */
#define EXCHANGE (MK_TAG(NET_EXCHANGE, 9) | MK_TAG_GRANT)

static unsigned net, put_bytes;

static struct net_record *put(unsigned kind, uint32_t socket, uint32_t value, unsigned port, unsigned bytes)
{
	struct net_record *r = (struct net_record *)(pages + put_bytes);

	*r = (struct net_record){ .kind = (uint16_t)kind, .bytes = (uint16_t)bytes, .socket = socket, .value = value,
		.port = (uint16_t)port };
	put_bytes += (unsigned)NET_RECORD_BYTES(bytes);
	return r;
}

/* -> bytes of events, or MK_E* */
static int exchange(unsigned us, unsigned room, unsigned lent)
{
	struct mk_message m = { .tag = EXCHANGE, .word = { put_bytes, us, room, [7] = (unsigned)pages | BOTH, [8] = lent } };
	int error = mk_call(net, &m, 0);

	put_bytes = 0;
	return error ? error : (int)m.word[0];
}

static const struct net_record *next_event(int bytes, unsigned *at)
{
	const struct net_record *r = (const struct net_record *)(pages + *at);

	if (bytes < 0 || *at + sizeof *r > (unsigned)bytes)
		return NULL;
	*at += (unsigned)NET_RECORD_BYTES(r->bytes);
	return r;
}

/* Waits for one -> its socket */
static uint32_t await(unsigned kind)
{
	for (unsigned tries = 0; tries < TRIES; tries++) {
		int bytes = exchange(100000, SIZE, PAGES);
		unsigned at = 0;

		for (const struct net_record *r; (r = next_event(bytes, &at));)
			if (r->kind == kind)
				return r->socket;
	}
	mk_fail("trial: no event %u came", kind);
}

static uint32_t address(void) { return mk_option_number("to", 0); }

/* ---- Memory ---- */

/* Two connections with data, told of in room that is no multiple of 4. The third says that the data have come. */
static void odd_room(void)
{
	uint32_t small, large;
	int bytes;

	put(NET_LISTEN, 0, 0, LISTENS, 0);
	exchange(0, 0, 1);
	mk_print("trial: listens\n");
	small = await(NET_OPENED);
	put(NET_HOLD, small, 1, 0, 0);
	mk_print("trial: has one\n");
	large = await(NET_OPENED);
	put(NET_HOLD, large, 1, 0, 0);
	exchange(0, 0, 1);
	mk_print("trial: holds\n");
	await(NET_OPENED);
	put(NET_HOLD, small, 0, 0, 0);
	put(NET_HOLD, large, 0, 0, 0);
	bytes = exchange(1000000, 81, 1);
	expect("bytes of events", bytes > 0 && bytes <= 81, 1);
	hold(); /* with its end connections are reset */
}

/* A socket that could not be bound is closed before its client has been told so; then others get what it had. */
static void close_unbound(void)
{
	unsigned seen[UNBOUND] = { 0 }, all = 0;
	uint32_t sockets[UNBOUND];

	put(NET_DATAGRAMS, 0, 0, LISTENS, 0);
	put(NET_DATAGRAMS, 0, 0, LISTENS, 0);
	exchange(0, 0, 1);
	for (uint32_t socket = NET_SOCKETS; socket < 16 * NET_SOCKETS; socket++) {
		put(NET_SEND_TO, socket, address(), LISTENS, 0);
		put(NET_CLOSE, socket, 0, 0, 0);
		if (put_bytes + 2 * sizeof(struct net_record) > SIZE)
			exchange(0, 0, PAGES);
	}
	exchange(0, 0, PAGES);
	for (unsigned i = 0; i < UNBOUND; i++) {
		put(NET_DATAGRAMS, 0, 0, LISTENS + i, 0);
		sockets[i] = await(NET_BOUND);
	}
	mk_print("trial: listens\n");
	for (unsigned tries = 0; all < 3 * UNBOUND && tries < TRIES; tries++) {
		int bytes = exchange(100000, SIZE, PAGES);
		unsigned at = 0;

		for (const struct net_record *r; (r = next_event(bytes, &at));)
			for (unsigned i = 0; i < UNBOUND; i++)
				if (r->kind == NET_DATAGRAM && r->socket == sockets[i]) {
					expect("bytes", r->bytes, (int)i + 1);
					seen[i]++;
					all++;
				}
	}
	for (unsigned i = 0; i < UNBOUND; i++)
		expect("datagrams of a socket", (int)seen[i], 3);
}

/* What may be sent before a connection is open. */
static void early(void)
{
	for (unsigned i = 0; i < EARLY + LATE; i++) {
		uint32_t socket;

		put(NET_CONNECT, 0, address(), GIVES, 0);
		socket = await(NET_BOUND);
		for (unsigned n = 0; n < 2; n++) {
			put(NET_SEND, socket, 0, 0, i < EARLY ? 15000 : 400);
			exchange(0, 0, PAGES);
		}
	}
	hold();
}

/* ---- All of them ---- */

static unsigned take(unsigned kind)
{
	for (unsigned taken = 0; taken < TOO_MANY; taken += AT_ONCE) {
		for (unsigned i = 0; i < AT_ONCE; i++)
			put(kind, 0, address(), kind == NET_CONNECT ? GIVES : 0, 0);
		if (exchange(0, 0, PAGES) == MK_EFULL)
			return taken;
	}
	return TOO_MANY;
}

static void all_sockets(void)
{
	expect("sockets with datagrams", take(NET_DATAGRAMS) < TOO_MANY, 1);
	expect("sockets that listen", take(NET_LISTEN) < TOO_MANY, 1);
	expect("connections", take(NET_CONNECT) < TOO_MANY, 1);
	hold();
}

static void sitter(void)
{
	struct mk_message m = { 0 };

	expect("a client", exchange(0, SIZE, PAGES), 0);
	mk_send(server("sitters"), &m, 0);
	exchange(0xfffffff0, SIZE, PAGES);
	hold();
}

static void all_clients(void)
{
	unsigned port = (unsigned)mk_port_create();
	struct mk_message m;

	mk_name_register("sitters", port, false);
	for (unsigned i = 0; i < SITTERS; i++) {
		child("net-sitter");
		mk_receive(port, &m, 0);
	}
	hold();
}

/* ---- Ends ---- */

static void wait_for_ever(void *unused)
{
	(void)unused;
	exchange(100000000, SIZE, PAGES);
}

static void leaver(void)
{
	put(NET_LISTEN, 0, 0, LISTENS, 0);
	put(NET_DATAGRAMS, 0, 0, LISTENS, 0);
	put(NET_DATAGRAMS, 0, 0, LISTENS, 0); /* there is one */
	for (unsigned i = 0; i < AT_ONCE; i++)
		put(NET_CONNECT, 0, address(), GIVES, 0);
	expect("sockets", exchange(0, 0, PAGES), 0);
	mk_thread(wait_for_ever, NULL, 11);
	mk_sleep(1000);
	mk_space_kill(MK_SELF);
}

static void leave(void)
{
	for (unsigned i = 0; i < LEAVERS; i++)
		child_ended(child("net-leaver"));
	put(NET_LISTEN, 0, 0, LISTENS, 0);
	put(NET_DATAGRAMS, 0, 0, LISTENS, 0);
	expect("two ports", exchange(0, SIZE, PAGES), 2 * sizeof(struct net_record));
	for (unsigned i = 0; i < 2; i++)
		expect("a port", (int)((const struct net_record *)pages)[i].value, 0);
}

/* All in one batch: what was sent arrives, and then the end. */
static void finish_and_close(void)
{
	uint32_t socket;

	put(NET_CONNECT, 0, address(), GIVES, 0);
	socket = await(NET_OPENED);
	put(NET_SEND, socket, 0, 0, 15000);
	put(NET_FINISH, socket, 0, 0, 0);
	put(NET_CLOSE, socket, 0, 0, 0);
	exchange(0, 0, PAGES);
	hold();
}

/* With all of the machine's memory taken, pages that are lent are taken back while the server may still write to them. */
static void revoke(void)
{
	struct mk_message m = { .tag = EXCHANGE, .word = { 0, 20000000, SIZE, [7] = (unsigned)pages | BOTH, [8] = PAGES } };
	static void *taken[TAKEN];
	unsigned count = 0, pages_of = TAKEN;

	put(NET_LISTEN, 0, 0, LISTENS, 0);
	await(NET_BOUND);
	for (; pages_of; pages_of /= 2)
		while (count < TAKEN && (taken[count] = mk_pages(pages_of)))
			count++;
	expect("a call given up", mk_call(net, &m, 1000), MK_ETIMEOUT);
	mk_revoke();
	for (unsigned i = 0; i < count; i++)
		mk_unmap(MK_SELF, (unsigned)taken[i], TAKEN);
	mk_print("trial: listens\n");
	hold();
}

#define TRIAL(name) \
	static void name##_trial(void) \
	{ \
		net = server("net"); \
		name(); \
	}
TRIAL(odd_room)
TRIAL(close_unbound)
TRIAL(early)
TRIAL(all_sockets)
TRIAL(sitter)
TRIAL(all_clients)
TRIAL(leaver)
TRIAL(leave)
TRIAL(finish_and_close)
TRIAL(revoke)

const struct trial net_trials[] = {
	{ "net-odd-room", odd_room_trial }, { "net-close-unbound", close_unbound_trial }, { "net-early", early_trial },
	{ "net-sockets", all_sockets_trial }, { "net-sitter", sitter_trial }, { "net-clients", all_clients_trial },
	{ "net-leaver", leaver_trial }, { "net-leave", leave_trial }, { "net-finish", finish_and_close_trial },
	{ "net-revoke", revoke_trial }, { 0 },
};
