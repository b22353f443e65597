/* A server that faults when it is called: started again by the name server, until that has had enough. */
#include "test.h"

#define RESTARTS 5
#define PATIENCE_US 100000

/* role=frail: in a program of its own. */
void frail_serve(void)
{
	unsigned port = (unsigned)mk_port_create();
	struct mk_message m;

	if (mk_name_register("frail", port, true))
		mk_fail("test: cannot register");
	mk_receive(port, &m, 0);
	*(volatile unsigned *)MK_STACK_TOP = 1;
}

static void restart(void)
{
	CHECK(mk_spawn("test role=frail", 12) > 0);
	for (unsigned i = 0; i <= RESTARTS; i++) {
		int port = mk_name_find("frail", PATIENCE_US);
		struct mk_message m = { 0 };

		CHECK(port >= 0);
		IS(mk_receive((unsigned)port, &m, 1), MK_ERIGHT); /* a client cannot receive what is meant for the server */
		IS(mk_call((unsigned)port, &m, PATIENCE_US), MK_EDEAD);
		mk_drop((unsigned)port);
		mk_sleep(10000);
	}
	IS(mk_name_find("frail", PATIENCE_US), MK_ETIMEOUT);
}

const struct test restart_tests[] = { { "restart", restart }, { 0 } };
