/* Nonsense for each server, by a seed, while another task writes over it; and what is the same for all servers. */
#include "trial.h"

#define BATCHES 3000u
#define CALLS 3000u
#define HANDLES 200u              /* more than a space can have */
#define STALE 100u

static uint32_t state;
static volatile bool done;

static uint32_t chance(uint32_t below) /* xorshift: Marsaglia, 2003 */
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return below ? state % below : state;
}

/* ---- The network server ---- */

static void put_record(unsigned kind, unsigned bytes, uint32_t socket)
{
	*(struct net_record *)pages = (struct net_record){ .kind = (uint16_t)kind, .bytes = (uint16_t)bytes, .socket = socket };
}

static void net_wrong_calls(unsigned net)
{
	unsigned lent = MK_TAG(NET_EXCHANGE, 9) | MK_TAG_GRANT;

	expect("no pages", call(net, MK_TAG(NET_EXCHANGE, 9), 0, 0, 0, 0, 0), MK_EARGUMENT);
	expect("another label", call(net, MK_TAG(77, 9) | MK_TAG_GRANT, 0, 0, 0, 0, MK_READ), MK_ECALL);
	expect("pages to read", call(net, lent, 0, 0, SIZE, 0, MK_READ), MK_EARGUMENT);
	expect("more bytes than pages", call(net, lent, SIZE + 1, 0, 0, 0, BOTH), MK_EARGUMENT);
	expect("more room than pages", call(net, lent, 0, 0, 0xffffffff, 0, BOTH), MK_EARGUMENT);
	put_record(NET_SEND, 1000, 1);
	expect("a record cut off", call(net, lent, 500, 0, 0, 0, BOTH), MK_EARGUMENT);
	expect("half a header", call(net, lent, 9, 0, 0, 0, BOTH), MK_EARGUMENT);
	put_record(99, 0, 1);
	expect("a kind that is none", call(net, lent, sizeof(struct net_record), 0, 0, 0, BOTH), MK_EARGUMENT);
	for (uint32_t socket = 0; socket < 8 * NET_SOCKETS; socket++) { /* of others */
		put_record(NET_SEND + chance(7), 0, socket);
		if (call(net, lent, sizeof(struct net_record), 0, 0, 0, BOTH))
			expect("a socket of another", -1, 0);
	}
}

/* The other task's part: what has been checked is not what is there afterwards. */
static void scribble(void *argument)
{
	uint32_t n = 12345;

	(void)argument;
	while (!done) {
		n = n * 1664525 + 1013904223;
		pages[n >> 8 & (SIZE - 1)] = (uint8_t)(n >> 24);
		if (!(n & 0xf0000000))
			mk_yield();
	}
}

/* Most of it well-formed, so that it gets far; sockets are its own, more or less. */
static unsigned nonsense(void)
{
	unsigned at = 0;

	while (at < 2048) {
		struct net_record *r = (struct net_record *)(pages + at);
		unsigned bytes = chance(8) ? chance(64) : chance(4096);

		*r = (struct net_record){ .kind = (uint16_t)(1 + chance(chance(20) ? 10 : 65535)), .bytes = (uint16_t)bytes,
			.socket = NET_SOCKETS * (1 + chance(4)) + chance(64), .value = chance(0), .port = (uint16_t)(20000 + chance(100)) };
		at += (unsigned)NET_RECORD_BYTES(bytes);
	}
	return at < SIZE ? at : SIZE;
}

static void net_nonsense(unsigned net)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		unsigned bytes = nonsense();

		call(net, MK_TAG(NET_EXCHANGE, 9) | MK_TAG_GRANT, bytes, chance(2000), chance(2) ? chance(SIZE) : 0, 0,
		     BOTH);
	}
}

/* ---- The others ---- */

/* Any label, words and pages; with a port of ours now and then, for those that want one. */
static void any_calls(const char *name, unsigned first, unsigned labels)
{
	unsigned port = (unsigned)mk_name_find(name, 0), own = (unsigned)mk_port_create();

	for (unsigned i = 0; i < CALLS; i++) {
		struct mk_message m = { .tag = MK_TAG(first + chance(labels), 10) | (chance(4) ? MK_TAG_GRANT : 0) | (chance(8) ? 0 : MK_TAG_HANDLE) };

		for (unsigned w = 0; w < 7; w++)
			m.word[w] = chance(3) ? chance(4096) : chance(0);
		m.word[7] = (unsigned)pages | MK_READ | (chance(2) ? MK_WRITE : 0);
		m.word[8] = 1 + chance(PAGES);
		m.word[9] = own;
		mk_call(port, &m, 1000);
	}
	mk_drop(own);
	mk_drop(port);
}

static void anything(void)
{
	unsigned net = server("net");

	state = mk_option_number("seed", 1) + 0x9e3779b9;
	expect("the machine's end", mk_stop(), MK_ERIGHT);
	expect("another's end", mk_kill("net"), MK_ERIGHT);
	expect("a priority above its own", mk_thread_make(scribble, NULL, MK_REALTIME), MK_ERIGHT);
	net_wrong_calls(net);
	mk_thread(scribble, NULL, 10);
	net_nonsense(net);
	any_calls("net", 0, 4);
	any_calls("ramfs", 0, 10);
	any_calls("console", CONSOLE_READ, 4); /* not to write what nobody can read */
	done = true;
}

/* ---- What is the same for all ---- */

static const char *const servers[] = { "net", "ramfs", "console" };

static void with_handle(unsigned port, unsigned label, int wanted)
{
	unsigned own = (unsigned)mk_sem_create(0);
	struct mk_message m = { .tag = MK_TAG(label, MK_WORDS) | MK_TAG_HANDLE, .word[0] = 0xffff, .word[9] = own };

	expect("a call with a handle", mk_call(port, &m, wanted ? 100 : CALL_US), wanted);
	m = (struct mk_message){ .tag = MK_TAG(label, MK_WORDS) | MK_TAG_HANDLE, .word[9] = own };
	expect("a send with a handle", mk_send(port, &m, CALL_US), 0);
	mk_drop(own);
}

/* The last handle of a semaphore is dropped, or the semaphore stays. */
static void handles(void)
{
	static const struct { const char *server; unsigned label; int wanted; } asked[] = {
		{ "net", NET_EXCHANGE, 0 }, { "net", 77, 0 }, { "ramfs", FILES_CLOSE, 0 }, { "ramfs", 77, 0 },
		{ "console", CONSOLE_READ, MK_ETIMEOUT }, { "console", 77, 0 },
	};

	for (unsigned i = 0; i < MK_COUNT(asked); i++) {
		unsigned port = server(asked[i].server);
		int before = mk_info(MK_INFO_OBJECTS);

		for (unsigned n = 0; n < HANDLES; n++)
			with_handle(port, asked[i].label, asked[i].wanted);
		expect("objects that a server keeps", mk_info(MK_INFO_OBJECTS) - before, 0);
		mk_drop(port);
	}
}

/* Calls given up while the server has them, and others after them. */
static void stale(void)
{
	static const struct { const char *server; unsigned tag; } asked[] = {
		{ "net", MK_TAG(NET_EXCHANGE, 9) | MK_TAG_GRANT }, { "console", MK_TAG(CONSOLE_READ, 0) },
	};

	for (unsigned i = 0; i < MK_COUNT(asked); i++) {
		unsigned port = server(asked[i].server);

		for (unsigned n = 0; n < STALE; n++) {
			struct mk_message m = { .tag = asked[i].tag, .word = { 0, 10000000, SIZE, [7] = (unsigned)pages | BOTH, [8] = PAGES } };

			expect("a call given up", mk_call(port, &m, 500), MK_ETIMEOUT);
			if (n % 2)
				mk_revoke();
		}
		expect("a call afterwards", call(port, MK_TAG(77, 0), 0, 0, 0, 0, 0), MK_ECALL);
		mk_drop(port);
	}
	expect("an exchange afterwards", call(server("net"), MK_TAG(NET_EXCHANGE, 9) | MK_TAG_GRANT, 0, 0, SIZE, 0, BOTH), 0);
}

/* Who may call may notify too: of an interrupt, of an end, of anything. */
static void notify(void)
{
	for (unsigned i = 0; i <= MK_COUNT(servers); i++) {
		unsigned port = i < MK_COUNT(servers) ? server(servers[i]) : mk_started->names;

		for (unsigned n = 0; n < CALLS; n++)
			expect("a notification", mk_notify(port, n % 33 ? 1u << n % 32 : 0xffffffff), 0);
	}
}

const struct trial any_trials[] = { { "anything", anything }, { "handles", handles }, { "stale", stale }, { "notify", notify }, { 0 } };
