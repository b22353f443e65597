/* A server of two tasks, one of which faults: what its clients see until it is started again, and then. */
#include "trial.h"

#define LOOK 1
#define FAULT 2
#define NOBODY_US 5000000u        /* after an answer that does not come */

static unsigned second;

static void serve(unsigned port)
{
	struct mk_message m = { 0 };
	unsigned token = 0;

	for (;;) {
		token = (unsigned)mk_reply_receive(token, &m, port, 0);
		if (MK_LABEL(m.tag) == FAULT)
			*(volatile unsigned *)MK_STACK_TOP = 1;
		m.tag = MK_TAG(0, 1);
		m.word[0] = LOOK;
	}
}

static void serve_second(void *unused)
{
	(void)unused;
	serve(second);
}

static void server_of_two(void)
{
	unsigned first = (unsigned)mk_port_create();

	second = (unsigned)mk_port_create();
	mk_thread(serve_second, NULL, 10);
	mk_name_register("second", second, false);
	mk_name_register("first", first, true);
	serve(first);
}

static int ask(const char *name, unsigned label)
{
	unsigned port = server(name);
	int answer = call(port, MK_TAG(label, 0), 0, 0, 0, 0, 0);

	mk_drop(port);
	return answer;
}

static void faults(void)
{
	struct mk_message m = { .tag = MK_TAG(LOOK, 0) };
	unsigned number = child("server-of-two");

	expect("the first", ask("first", LOOK), LOOK);
	expect("the second", ask("second", LOOK), LOOK);
	expect("whose task faults", ask("first", FAULT), MK_EDEAD);
	expect("nobody is left to answer", mk_call(server("first"), &m, NOBODY_US), MK_ETIMEOUT);
	expect("the other task goes on", ask("second", LOOK), LOOK);
	expect("the last task", ask("second", FAULT), MK_EDEAD);
	child_ended(number);
	expect("the first, again", ask("first", LOOK), LOOK);
	expect("the second, again", ask("second", LOOK), LOOK);
}

const struct trial fault_trials[] = { { "server-of-two", server_of_two }, { "faults", faults }, { 0 } };
