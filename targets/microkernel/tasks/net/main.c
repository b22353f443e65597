/* The network server: packets and clients' batches in one loop; lwIP between them. README.md describes it. */
#include "sockets.h"
#include "stack.h"

#define INTERRUPT_BIT 1u
#define ENDED_BIT 2u

/* All that can be done now; then the replies that are due, the last of which goes out with the next receive. */
static unsigned turn(struct mk_message *m)
{
	unsigned token;

	do {
		stack_run();
		token = clients_answer(m);
		streams_output(); /* after the answers: acknowledgements of what they took go out with it */
		stack_flush();
	} while (!stack_idle() && !token);
	return token;
}

static void __attribute__((noreturn)) serve(unsigned port)
{
	struct mk_message m = { 0 };
	unsigned reply = 0;

	for (;;) {
		int token = mk_serve(reply, &m, port, clients_sleep_ms(stack_sleep_ms()) * 1000);

		stack_look_at_clock();
		if (token > 0)
			client_call((unsigned)token, &m);
		else if (token == 0 && m.tag & MK_TAG_NOTIFIED) {
			if (m.word[0] & INTERRUPT_BIT)
				stack_interrupt();
			if (m.word[0] & ENDED_BIT)
				clients_ended();
		}
		reply = turn(&m);
	}
}

int main(void)
{
	unsigned port = (unsigned)mk_port_create();
	const char *wrong;
	int error;

	sockets_init();
	clients_init(port);
	wrong = stack_open(port, INTERRUPT_BIT);
	if (wrong)
		mk_fail("net: %s", wrong);
	error = mk_watch(port, ENDED_BIT);
	clients_ended(); /* those of before are nobody's, and their numbers may be others' now */
	if (!error)
		error = mk_name_register("net", port, true);
	if (error)
		mk_fail("net: the name server says %d", error);
	serve(port);
}
