/* The name server, asked by a program that is not the shell: what it may end. */
#include "test.h"
#include "../../include/console.h"

#define PATIENCE_US 100000

/* role=child: in a program of its own, which may end neither the machine nor who started it. */
void child_serve(void)
{
	unsigned port = (unsigned)mk_port_create();
	struct mk_message m = { 0 };
	int token;

	if (mk_name_register("child", port, false))
		mk_fail("test: cannot register");
	token = mk_receive(port, &m, 0);
	m.tag = MK_TAG(0, 3);
	m.word[0] = (unsigned)mk_stop();
	m.word[1] = (unsigned)mk_kill("test");
	m.word[2] = (unsigned)mk_thread_make(NULL, NULL, HIGHEST); /* as whoever asked for it may */
	mk_reply((unsigned)token, &m);
	mk_receive(port, &m, 0);
}

static void only_the_shell_stops_the_machine(void)
{
	IS(mk_stop(), MK_ERIGHT);
}

static void who_started_a_program_may_end_it(void)
{
	struct mk_message m = { 0 };
	int port;

	IS(mk_kill("test"), MK_ERIGHT); /* itself: started by the command line */
	IS(mk_kill("nothing"), MK_EARGUMENT);
	CHECK(mk_spawn("test role=child", 12) > 0);
	port = mk_name_find("child", PATIENCE_US);
	CHECK(port >= 0);
	IS(mk_call((unsigned)port, &m, PATIENCE_US), 0);
	IS(m.word[0], MK_ERIGHT);
	IS(m.word[1], MK_ERIGHT);
	CHECK((int)m.word[2] >= 0);
	IS(mk_kill("test"), 0); /* the other one */
	IS(mk_call((unsigned)port, &m, PATIENCE_US), MK_EDEAD);
	mk_drop((unsigned)port);
}

/* Or whoever came first would be told what is meant for the server. */
static void servers_names_are_theirs(void)
{
	static const char *const names[] = { "console", "ramfs", "net" };
	unsigned port = (unsigned)mk_port_create();

	for (unsigned i = 0; i < MK_COUNT(names); i++)
		IS(mk_name_register(names[i], port, false), MK_ERIGHT);
	mk_drop(port);
}

const struct test names_tests[] = {
	{ "only_the_shell_stops_the_machine", only_the_shell_stops_the_machine },
	{ "who_started_a_program_may_end_it", who_started_a_program_may_end_it },
	{ "servers_names_are_theirs", servers_names_are_theirs }, { 0 },
};
