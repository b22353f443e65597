/* Messages: call and reply as sel4bench's ipc; send as Zephyr's mailbox and pipe cases, without a buffer in between. */
#include "bench.h"

#define IPC(what) "sel4bench ipc: " what

static _Alignas(MK_PAGE) char lent[MK_PAGE];

static void put_words(struct mk_message *m, unsigned words, bool grant)
{
	*m = (struct mk_message){ .tag = MK_TAG(PEER_ECHO, grant ? 9 : words) | (grant ? MK_TAG_GRANT : 0) };
	if (grant) {
		m->word[7] = (unsigned)lent | MK_READ | MK_WRITE;
		m->word[8] = 1;
	}
}

static void measure_calls(unsigned port, const char *labels, unsigned words, bool grant)
{
	struct series *there = series("one_way", labels, IPC("MK_CALL until the server has the message")),
		      *back = series("one_way_reply", labels, IPC("MK_REPLY_RECEIVE until the caller has the answer")),
		      *round = series("round_trip", labels, IPC("MK_CALL until the caller has the answer of the same length"));

	for (int i = -WARMUP; i < (int)iterations; i++) {
		struct mk_message m, stamps = { .tag = MK_TAG(PEER_STAMPS, 0) };
		unsigned begin, end;

		put_words(&m, words, grant);
		begin = mk_cycles();
		good(mk_call(port, &m, 0));
		end = mk_cycles();
		good(mk_call(port, &stamps, 0));
		sample(there, i, begin, stamps.word[0]);
		sample(back, i, stamps.word[1], end);
		sample(round, i, begin, end);
	}
}

/* ---- A send to a receiver that waits, and is more urgent: from the call to its return there ---- */

static unsigned received_at;

static void receive_stamps(void *port)
{
	struct mk_message m;

	for (;;) {
		good(mk_receive((unsigned)port, &m, 0));
		received_at = mk_cycles();
	}
}

static void measure_send(const char *labels, unsigned words)
{
	struct series *s = series("send_receive", labels, "Zephyr mailbox.sync.put: MK_SEND until the receiver, which waits, has the message");
	unsigned port = good(mk_port_create()), receiver = thread(receive_stamps, (void *)port, HIGHER);

	until_blocked();
	for (int i = -WARMUP; i < (int)iterations; i++) {
		struct mk_message m = { .tag = MK_TAG(0, words) };
		unsigned begin = mk_cycles();

		good(mk_send(port, &m, 0));
		sample(s, i, begin, received_at);
	}
	mk_task_kill(receiver);
}

void measure_ipc(void)
{
	static const char *const labels[2][4] = {
		{ "\"space\": \"same\", \"bytes\": 0", "\"space\": \"same\", \"bytes\": 16", "\"space\": \"same\", \"bytes\": 40",
		  "\"space\": \"same\", \"bytes\": 4096" },
		{ "\"space\": \"other\", \"bytes\": 0", "\"space\": \"other\", \"bytes\": 16", "\"space\": \"other\", \"bytes\": 40",
		  "\"space\": \"other\", \"bytes\": 4096" },
	};
	unsigned port[2] = { good(mk_port_create()), 0 };

	thread(peer_serve, (void *)port[0], PRIORITY);
	port[1] = peer_other();
	for (int other = 0; other < 2; other++) {
		measure_calls(port[other], labels[other][0], 0, false);
		measure_calls(port[other], labels[other][1], 4, false);
		measure_calls(port[other], labels[other][2], 10, false);
		measure_calls(port[other], labels[other][3], 0, true);
	}
	measure_send(labels[0][0], 0);
	measure_send(labels[0][2], 10);
}
