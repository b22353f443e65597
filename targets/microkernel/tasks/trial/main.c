/* A client that does not behave: wrong calls to each server, and nonsense while another of its tasks writes over it.
 * seed=N. Says what a server answered that it should not have; that the servers live on is seen from outside. */
#include "../../include/console.h"
#include "../../include/files.h"
#include "../../include/names.h"
#include "../../include/net.h"
#include "../lib/mk.h"

#define PAGES 4u
#define BATCHES 3000u
#define CALLS 3000u
#define CALL_US 200000u

static uint32_t state;
static uint8_t *pages;
static volatile bool done;
static unsigned wrong;

static uint32_t chance(uint32_t below) /* xorshift: Marsaglia, 2003 */
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return below ? state % below : state;
}

static int call(unsigned port, unsigned tag, unsigned w0, unsigned w1, unsigned w2, unsigned protection)
{
	struct mk_message m = { .tag = tag, .word = { w0, w1, w2, 0, 0, 0, 0, (unsigned)pages | protection, PAGES } };
	int error = mk_call(port, &m, CALL_US);

	return error ? error : (int)m.word[0];
}

static void expect(const char *what, int got, int wanted)
{
	if (got == wanted)
		return;
	mk_print("trial: %s: %d instead of %d\n", what, got, wanted);
	wrong++;
}

/* ---- The network server ---- */

static void put_record(unsigned kind, unsigned bytes, uint32_t socket)
{
	*(struct net_record *)pages = (struct net_record){ .kind = (uint16_t)kind, .bytes = (uint16_t)bytes, .socket = socket };
}

static void net_wrong_calls(unsigned net)
{
	unsigned lent = MK_TAG(NET_EXCHANGE, 9) | MK_TAG_GRANT, size = PAGES * MK_PAGE;

	expect("no pages", call(net, MK_TAG(NET_EXCHANGE, 9), 0, 0, 0, 0), MK_EARGUMENT);
	expect("another label", call(net, MK_TAG(77, 9) | MK_TAG_GRANT, 0, 0, 0, MK_READ), MK_ECALL);
	expect("pages to read", call(net, lent, 0, 0, size, MK_READ), MK_EARGUMENT);
	expect("more bytes than pages", call(net, lent, size + 1, 0, 0, MK_READ | MK_WRITE), MK_EARGUMENT);
	expect("more room than pages", call(net, lent, 0, 0, 0xffffffff, MK_READ | MK_WRITE), MK_EARGUMENT);
	put_record(NET_SEND, 1000, 1);
	expect("a record cut off", call(net, lent, 500, 0, 0, MK_READ | MK_WRITE), MK_EARGUMENT);
	expect("half a header", call(net, lent, 9, 0, 0, MK_READ | MK_WRITE), MK_EARGUMENT);
	put_record(99, 0, 1);
	expect("a kind that is none", call(net, lent, sizeof(struct net_record), 0, 0, MK_READ | MK_WRITE), MK_EARGUMENT);
	for (uint32_t socket = 0; socket < 8 * NET_SOCKETS; socket++) { /* of others */
		put_record(NET_SEND + chance(7), 0, socket);
		if (call(net, lent, sizeof(struct net_record), 0, 0, MK_READ | MK_WRITE))
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
		pages[n >> 8 & (PAGES * MK_PAGE - 1)] = (uint8_t)(n >> 24);
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
	return at < PAGES * MK_PAGE ? at : PAGES * MK_PAGE;
}

static void net_nonsense(unsigned net)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		unsigned bytes = nonsense();

		call(net, MK_TAG(NET_EXCHANGE, 9) | MK_TAG_GRANT, bytes, chance(2000), chance(2) ? chance(PAGES * MK_PAGE) : 0,
		     MK_READ | MK_WRITE);
	}
}

/* ---- The others ---- */

static void files_wrong_calls(unsigned ramfs)
{
	unsigned tag = MK_TAG_GRANT | MK_TAG(FILES_OPEN, 9);

	memcpy(pages, "/init", 5);
	expect("a path longer than the pages", call(ramfs, tag, 0xffffffff, 0, 0, MK_READ), FILES_EPATH);
	expect("flags that are none", call(ramfs, tag, 5, 0x80, 0, MK_READ), MK_EARGUMENT);
	expect("no file", call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_READ, 9), 511, 0, 5, MK_READ | MK_WRITE), MK_EHANDLE);
	expect("nobody's file", call(ramfs, MK_TAG(FILES_CLOSE, 1), 0xffffffff, 0, 0, 0), MK_EHANDLE);
	for (unsigned i = 0; i < FILES_OPEN_MOST; i++)
		if (call(ramfs, tag, 5, 0, 0, MK_READ) < 0)
			expect("opening", -1, 0);
	expect("one too many", call(ramfs, tag, 5, 0, 0, MK_READ), MK_EFULL);
	expect("writing one opened to read", call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_CHANGE, 9), 0, 0, 5, MK_READ), MK_EHANDLE);
	for (unsigned h = 0; h < 512; h++)
		call(ramfs, MK_TAG(FILES_CLOSE, 1), h, 0, 0, 0);
}

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

int main(void)
{
	unsigned net = (unsigned)mk_name_find("net", 0), ramfs = (unsigned)mk_name_find("ramfs", 0);
	char seed[12] = "1";

	mk_option("seed", seed, sizeof seed);
	for (const char *d = seed; *d; d++)
		state = state * 10 + (uint32_t)(*d - '0');
	state += 0x9e3779b9;
	pages = mk_pages(PAGES);
	expect("the machine's end", mk_stop(), MK_ERIGHT);
	expect("another's end", mk_kill("net"), MK_ERIGHT);
	expect("a priority above its own", mk_thread_make(scribble, NULL, MK_REALTIME), MK_ERIGHT);
	net_wrong_calls(net);
	files_wrong_calls(ramfs);
	mk_thread(scribble, NULL, 10);
	net_nonsense(net);
	any_calls("net", 0, 4);
	any_calls("ramfs", 0, 10);
	any_calls("console", CONSOLE_READ, 4); /* not to write what nobody can read */
	done = true;
	mk_print("trial: %u wrong answers\n", wrong);
	return 0;
}
