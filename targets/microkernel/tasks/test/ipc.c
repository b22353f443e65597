/* Messages: who waits for whom, until when, and what becomes of it when one of the two ends. */
#include "test.h"

#define WAIT_US 2000

static unsigned port;
static struct mk_message last;

static void server_once(void *unused)
{
	int token = mk_receive(port, &last, 0);

	(void)unused;
	last.word[0]++;
	if (token > 0)
		mk_reply((unsigned)token, &last);
}

static void words_arrive(void)
{
	struct mk_message m = { .tag = MK_TAG(7, 10) };
	unsigned task;

	port = (unsigned)mk_port_create();
	for (unsigned i = 0; i < 10; i++)
		m.word[i] = 100 + i;
	task = thread(server_once, NULL, PRIORITY);
	IS(mk_call(port, &m, 0), 0);
	IS(m.word[0], 101);
	for (unsigned i = 1; i < 10; i++)
		IS(m.word[i], 100 + i);
	IS(MK_LABEL(m.tag), 7);
	mk_drop(task);
	mk_drop(port);
}

static void only_named_words_arrive(void)
{
	struct mk_message m = { .tag = MK_TAG(1, 2), .word = { 1, 2, 3, 4 } };
	unsigned task;

	port = (unsigned)mk_port_create();
	task = thread(server_once, NULL, PRIORITY + 1);
	IS(mk_call(port, &m, 0), 0);
	IS(m.word[0], 2);
	IS(m.word[2], 3); /* the caller's own */
	mk_drop(task);
	mk_drop(port);
}

/* ---- Time-outs, at each stage ---- */

static void take_and_keep(void *unused)
{
	(void)unused;
	mk_receive(port, &last, 0);
	mk_sleep(10 * WAIT_US);
}

static void time_out(void)
{
	struct mk_message m = { 0 };
	uint64_t begin;
	unsigned task, us;

	port = (unsigned)mk_port_create();
	begin = mk_time_us();
	IS(mk_send(port, &m, WAIT_US), MK_ETIMEOUT); /* nobody receives */
	us = (unsigned)(mk_time_us() - begin);
	CHECK(us >= WAIT_US && us < WAIT_US + 100);
	IS(mk_call(port, &m, WAIT_US), MK_ETIMEOUT);
	IS(mk_receive(port, &last, WAIT_US), MK_ETIMEOUT); /* those that gave up are in the queue no more */
	task = thread(take_and_keep, NULL, PRIORITY + 1);
	IS(mk_call(port, &m, WAIT_US), MK_ETIMEOUT); /* received, but not answered */
	end(task);
	mk_drop(port);
	port = (unsigned)mk_port_create();
	task = thread(server_once, NULL, PRIORITY + 1);
	IS(mk_call(port, &m, WAIT_US), 0);
	mk_drop(task);
	IS(mk_receive(port, &last, 1), MK_ETIMEOUT);
	mk_drop(port);
}

/* ---- The other side ends, at each stage ---- */

static void die_with_call(void *unused)
{
	(void)unused;
	mk_receive(port, &last, 0);
	mk_exit(3);
}

static void drop_port(void *unused)
{
	(void)unused;
	mk_drop(port);
}

static void other_serves(unsigned handle)
{
	struct mk_message m;

	mk_receive(handle, &m, 0);
	mk_exit(0);
}

static void peer_ends(void)
{
	struct mk_message m = { 0 };
	struct other o;
	unsigned task, send;

	port = (unsigned)mk_port_create();
	task = thread(die_with_call, NULL, PRIORITY);
	IS(mk_call(port, &m, 0), MK_EDEAD); /* taken by a task that then ended */
	mk_drop(task);
	task = thread(drop_port, NULL, PRIORITY - 1);
	IS(mk_call(port, &m, 0), MK_EDEAD); /* waited for a port that went */
	IS(mk_call(port, &m, 0), MK_EHANDLE);
	mk_drop(task);

	port = (unsigned)mk_port_create();
	o = other_make(64, HIGHEST);
	other_run(&o, other_serves, other_give(&o, port, MK_RIGHT_RECEIVE), PRIORITY - 1);
	send = (unsigned)mk_give(MK_SELF, port, MK_RIGHT_SEND);
	mk_drop(port); /* now the other space alone can receive */
	IS(mk_call(send, &m, 0), MK_EDEAD);
	IS(other_ended(&o), 0);
	IS(mk_call(send, &m, 0), MK_EDEAD);
	IS(mk_send(send, &m, 0), MK_EDEAD);
	IS(mk_notify(send, 1), MK_EDEAD);
	mk_drop(send);
}

static void call_for_ever(void *unused)
{
	struct mk_message m = { 0 };

	(void)unused;
	for (;;)
		mk_call(port, &m, 0);
}

static void caller_ends(void)
{
	struct mk_message m = { 0 };
	unsigned task;
	int token;

	port = (unsigned)mk_port_create();
	task = thread(call_for_ever, NULL, PRIORITY + 1);
	end(task); /* while it waits to be received */
	IS(mk_receive(port, &m, WAIT_US), MK_ETIMEOUT);
	task = thread(call_for_ever, NULL, PRIORITY + 1);
	token = mk_receive(port, &m, 0);
	CHECK(token > 0);
	end(task); /* while it waits for the answer */
	IS(mk_reply((unsigned)token, &m), MK_EDEAD);
	IS(mk_reply_receive((unsigned)token, &m, port, WAIT_US), MK_ETIMEOUT); /* and is no reason not to go on */
	mk_drop(port);
}

/* ---- Tokens ---- */

static void reply_elsewhere(unsigned token)
{
	struct mk_message m = { .tag = 0 };

	mk_exit(mk_reply(token, &m) == MK_EDEAD ? 11 : 12);
}

static void tokens(void)
{
	struct mk_message m = { 0 };
	unsigned task = 0;
	struct other o;
	int token, again;

	port = (unsigned)mk_port_create();
	task = thread(call_for_ever, NULL, PRIORITY + 1);
	token = mk_receive(port, &m, 0);
	o = other_make(64, HIGHEST); /* a space that has not received the call cannot answer it */
	other_run(&o, reply_elsewhere, (unsigned)token, PRIORITY + 1);
	IS(other_ended(&o), 11);
	IS(mk_reply((unsigned)token, &m), 0);
	IS(mk_reply((unsigned)token, &m), MK_EDEAD); /* once */
	again = mk_receive(port, &m, 0);
	CHECK(again > 0 && again != token);
	IS(mk_reply((unsigned)token, &m), MK_EDEAD); /* of the call before */
	IS(mk_reply((unsigned)again, &m), 0);
	end(task);
	mk_drop(port);
}

/* ---- Order ---- */

static void send_number(void *number)
{
	struct mk_message m = { .tag = MK_TAG(0, 1) };

	m.word[0] = (unsigned)number;
	mk_send(port, &m, 0);
}

static void by_priority_then_first_come(void)
{
	static const unsigned priorities[] = { 21, 23, 22, 23, 21, 25 }, wanted[] = { 5, 1, 3, 2, 0, 4 };
	struct mk_message m;
	unsigned tasks[6];

	port = (unsigned)mk_port_create();
	for (unsigned i = 0; i < 6; i++)
		tasks[i] = thread(send_number, (void *)i, priorities[i]);
	for (unsigned i = 0; i < 6; i++) {
		IS(mk_receive(port, &m, WAIT_US), 0);
		IS(m.word[0], wanted[i]);
	}
	for (unsigned i = 0; i < 6; i++)
		mk_drop(tasks[i]);
	mk_drop(port);
}

/* ---- Notifications ---- */

static void notifications_merge(void)
{
	struct mk_message m;
	unsigned task;

	port = (unsigned)mk_port_create();
	IS(mk_notify(port, 1), 0);
	IS(mk_notify(port, 4), 0);
	IS(mk_notify(port, 1), 0);
	task = thread(send_number, (void *)8, PRIORITY + 1);
	IS(mk_receive(port, &m, 0), 0);
	IS(m.tag, MK_TAG_NOTIFIED | 1); /* before messages */
	IS(m.word[0], 5);
	IS(mk_receive(port, &m, 0), 0);
	IS(m.word[0], 8);
	IS(mk_notify(port, 0), 0);
	IS(mk_receive(port, &m, WAIT_US), MK_ETIMEOUT);
	mk_drop(task);
	mk_drop(port);
}

/* ---- Handles ---- */

static void receive_handle(void *unused)
{
	int token = mk_receive(port, &last, 0);
	struct mk_message m = { 0 };

	(void)unused;
	mk_reply((unsigned)token, &m);
}

static void handles_go_along(void)
{
	struct mk_message m = { .tag = MK_TAG(0, 10) | MK_TAG_HANDLE };
	unsigned semaphore = (unsigned)mk_sem_create(1), only_down = (unsigned)mk_give(MK_SELF, semaphore, MK_RIGHT_RECEIVE), task;

	port = (unsigned)mk_port_create();
	task = thread(receive_handle, NULL, PRIORITY + 1);
	m.word[9] = only_down;
	IS(mk_call(port, &m, 0), 0);
	CHECK(last.word[9] != only_down);
	IS(mk_sem_down(last.word[9], 0), 0);
	IS(mk_sem_up(last.word[9]), MK_ERIGHT); /* with the rights that it had */
	mk_drop(last.word[9]);
	mk_drop(task);
	task = thread(receive_handle, NULL, PRIORITY + 1);
	m.tag = MK_TAG(0, 10) | MK_TAG_HANDLE;
	m.word[9] = 100;
	IS(mk_call(port, &m, WAIT_US), MK_EHANDLE); /* that one has none: nothing is delivered */
	end(task);
	mk_drop(only_down);
	mk_drop(semaphore);
	mk_drop(port);
}

static void no_room_for_the_handle(void)
{
	struct mk_message m = { .tag = MK_TAG(0, 10) | MK_TAG_HANDLE };
	unsigned task, taken[MK_HANDLES], count = 0;
	int h;

	port = (unsigned)mk_port_create();
	task = thread(receive_handle, NULL, PRIORITY + 1);
	while ((h = mk_give(MK_SELF, port, 0)) >= 0)
		taken[count++] = (unsigned)h;
	IS(h, MK_EFULL);
	m.word[9] = port;
	IS(mk_call(port, &m, WAIT_US), MK_EFULL);
	IS(mk_port_create(), MK_EFULL);
	IS(mk_sem_create(0), MK_EFULL);
	while (count)
		mk_drop(taken[--count]);
	end(task);
	mk_drop(port);
}

const struct test ipc_tests[] = {
	{ "words_arrive", words_arrive }, { "only_named_words_arrive", only_named_words_arrive }, { "time_out", time_out },
	{ "peer_ends", peer_ends }, { "caller_ends", caller_ends }, { "tokens", tokens },
	{ "by_priority_then_first_come", by_priority_then_first_come }, { "notifications_merge", notifications_merge },
	{ "handles_go_along", handles_go_along }, { "no_room_for_the_handle", no_room_for_the_handle }, { 0 },
};
