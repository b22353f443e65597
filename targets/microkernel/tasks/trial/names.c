/* The name server: handles and pages that it does not want, lines without an end, all names; and spaces that it does not know,
 * whose ends it cannot tell the servers. */
#include "trial.h"
#include "../test/test.h"

#define MANY 100u                 /* more than there is room for */
#define SPACES 70u                /* more than there are numbers */
#define PORT 7105
#define ASK_US 500                /* after a name that nobody has: there is no answer */

static int ask(unsigned label, const char *name, unsigned flags, unsigned handle)
{
	struct mk_message m = { .tag = MK_TAG(label, MK_WORDS) | flags };

	if (name)
		memcpy(m.word, name, strlen(name) < 8 ? strlen(name) : 8);
	m.word[7] = (unsigned)pages | MK_READ;
	m.word[8] = 1;
	m.word[9] = handle;
	return mk_call(mk_started->names, &m, label == NAME_FIND && !(flags & MK_TAG_GRANT) ? ASK_US : CALL_US) ?: (int)m.word[0];
}

static void handles(void)
{
	int before = mk_info(MK_INFO_OBJECTS);

	for (unsigned n = 0; n < 2 * MANY; n++) {
		unsigned own = (unsigned)mk_sem_create(0);
		struct mk_message m = { .tag = MK_TAG(NAME_REGISTER, MK_WORDS) | MK_TAG_HANDLE, .word[9] = own };

		expect("time", ask(NAME_TIME, NULL, MK_TAG_HANDLE, own) > 0, 1);
		expect("no such call", ask(77, NULL, MK_TAG_HANDLE, own), MK_ECALL);
		expect("a name", ask(NAME_FIND, "nobody", MK_TAG_HANDLE, own), MK_ETIMEOUT);
		expect("a server's name", ask(NAME_REGISTER, "net", MK_TAG_HANDLE, own), MK_ERIGHT);
		expect("a send", mk_send(mk_started->names, &m, CALL_US), 0);
		mk_drop(own);
	}
	expect("objects that are kept", mk_info(MK_INFO_OBJECTS) - before, 0);
}

static void wrong_pages(void)
{
	expect("a name, with pages", ask(NAME_FIND, "nobody", MK_TAG_GRANT, 0), MK_EARGUMENT);
	memset(pages, 'x', MK_PAGE);
	expect("a line without an end", ask(NAME_SPAWN, NULL, MK_TAG_GRANT, 0), MK_EARGUMENT);
	child_ended(child("names-nothing"));
}

static void nothing(void) { }

static void all(void)
{
	unsigned port = (unsigned)mk_port_create();
	char name[9];

	for (unsigned n = 0; n < MANY; n++) {
		mk_format(name, sizeof name, "many%u", n);
		expect("a name", mk_name_register(name, port, false) == 0, n < 4);
		expect("a watch", mk_watch(port, 1), 0);
		expect("nobody", mk_name_find(name + 1, 100), MK_ETIMEOUT);
	}
	hold();
}

/* ---- Spaces that a program has made ---- */

void check_failed(const char *file, int line, const char *what)
{
	(void)file, (void)line;
	expect(what, 0, 1);
}

void check_is(int found, int wanted, const char *file, int line, const char *what)
{
	(void)file, (void)line;
	expect(what, found, wanted);
}

/* Lends the lower page of its stack -> word 0 of the last answer */
static int ask_often(unsigned port, struct mk_message m, const char *text, unsigned bytes, unsigned times)
{
	char *page = (char *)(((unsigned)&m & ~(MK_PAGE - 1)) - MK_PAGE);

	for (unsigned i = 0; i < bytes; i++)
		page[i] = text[i];
	m.tag |= 9 | MK_TAG_GRANT;
	m.word[7] = (unsigned)page | BOTH;
	m.word[8] = 1;
	for (unsigned n = 0; n < times; n++) {
		struct mk_message answer = m;

		if (mk_call(port, &answer, 0))
			mk_exit(77);
		if (n == times - 1)
			return (int)answer.word[0];
	}
	return 0;
}

static void open_files(unsigned ramfs)
{
	struct mk_message m = { .tag = MK_TAG(FILES_OPEN, 0), .word[0] = 5 };

	mk_exit(-ask_often(ramfs, m, "/init", 5, FILES_OPEN_MOST));
}

static void open_sockets(unsigned net)
{
	struct net_record r = { .kind = NET_LISTEN, .port = PORT };
	struct mk_message m = { .tag = MK_TAG(NET_EXCHANGE, 0), .word[0] = sizeof r };

	mk_exit(-ask_often(net, m, (const char *)&r, sizeof r, 1));
}

static void in_spaces(const char *name, void (*run)(unsigned))
{
	unsigned port = server(name);

	for (unsigned n = 0; n < SPACES; n++) {
		struct other o = other_make(64, 11);
		unsigned there = other_give(&o, port, MK_RIGHT_SEND);

		mk_drop(other_run(&o, run, there, 11));
		expect("the space's call", (int)other_ended(&o), -MK_ERIGHT);
	}
}

static void spaces(void)
{
	in_spaces("ramfs", open_files);
	in_spaces("net", open_sockets);
	for (unsigned n = 0; n < 10; n++)
		child_ended(child("files-leaver"));
	for (unsigned n = 0; n < 10; n++)
		child_ended(child("net-leaver"));
}

const struct trial names_trials[] = {
	{ "names-handles", handles }, { "names-pages", wrong_pages }, { "names-nothing", nothing }, { "names-all", all },
	{ "spaces", spaces }, { 0 },
};
