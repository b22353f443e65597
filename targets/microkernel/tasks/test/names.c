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

/* A shell of one's own, that is told to switch off by a console of one's own, has no more rights than oneself. */
static void a_name_gives_no_right(void)
{
	static const char refused[] = "off: error -3\n";
	unsigned port = (unsigned)mk_port_create(), reads = 0, told = 0;
	struct mk_message m = { 0 };
	int token = 0;

	mk_window(mk_region(1), 1);
	IS(mk_name_register("console", port, false), 0);
	CHECK(mk_spawn("shell", 12) > 0);
	while (reads < 2 && (token = mk_reply_receive((unsigned)token, &m, port, PATIENCE_US)) > 0) {
		if (MK_LABEL(m.tag) == CONSOLE_WRITE) {
			told += m.word[0] == sizeof refused - 1 && !memcmp((const char *)(m.word[7] & ~(MK_PAGE - 1)), refused, m.word[0]);
			m.tag = MK_TAG(0, 1);
		} else {
			reads++;
			m.word[0] = 4;
			memcpy(&m.word[1], "off\n", 4);
			m.tag = MK_TAG(0, 2);
		}
	}
	IS(reads, 2);
	IS(told, 1);
	IS(mk_kill("shell"), 0);
	mk_window(NULL, 0);
	mk_drop(port);
}

const struct test names_tests[] = {
	{ "only_the_shell_stops_the_machine", only_the_shell_stops_the_machine },
	{ "who_started_a_program_may_end_it", who_started_a_program_may_end_it },
	{ "a_name_gives_no_right", a_name_gives_no_right }, { 0 },
};
