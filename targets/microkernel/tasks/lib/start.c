/* A program's beginning, and its words with the name server. */
#include "mk.h"
#include "../../include/names.h"

const struct mk_start *mk_started;

void task_start(const struct mk_start *s);
void __attribute__((weak)) task_start(const struct mk_start *s)
{
	mk_started = s;
	mk_exit(main());
}

bool mk_option(const char *name, char *value, size_t size)
{
	size_t length = strlen(name), n = 0;

	for (const char *p = mk_started->line; *p; p++)
		if ((p == mk_started->line || p[-1] == ' ') && !memcmp(p, name, length) && p[length] == '=') {
			for (p += length + 1; *p && *p != ' ' && n + 1 < size; p++)
				value[n++] = *p;
			value[n] = 0;
			return true;
		}
	return false;
}

static void put_name(struct mk_message *m, const char *name)
{
	char *to = (char *)m->word;

	memset(to, 0, 8);
	memcpy(to, name, strlen(name) < 8 ? strlen(name) : 8);
}

static int ask(struct mk_message *m, unsigned us)
{
	int error = mk_call(mk_started->names, m, us);

	return error ? error : (int)m->word[0];
}

/* Sends a port for sending alone: who could receive from it could take what is meant for us, and keep it alive after our end. */
static int ask_with_port(struct mk_message *m, unsigned port)
{
	int handle = mk_give(MK_SELF, port, MK_RIGHT_SEND), error;

	if (handle < 0)
		return handle;
	m->tag |= MK_TAG(0, MK_WORDS) | MK_TAG_HANDLE;
	m->word[9] = (unsigned)handle;
	error = ask(m, 0);
	mk_drop((unsigned)handle);
	return error;
}

int mk_name_register(const char *name, unsigned port, bool restart)
{
	struct mk_message m = { .tag = MK_TAG(NAME_REGISTER, 0) };

	put_name(&m, name);
	m.word[2] = restart ? NAME_RESTART : 0;
	return ask_with_port(&m, port);
}

int mk_board_seconds(void)
{
	struct mk_message m = { .tag = MK_TAG(NAME_TIME, 0) };

	return ask(&m, 0);
}

int mk_name_find(const char *name, unsigned us)
{
	struct mk_message m = { .tag = MK_TAG(NAME_FIND, 2) };
	int error;

	put_name(&m, name);
	error = ask(&m, us);
	return error ? error : (int)m.word[9];
}

int mk_spawn(const char *line, unsigned priority)
{
	static _Alignas(MK_PAGE) char page[MK_PAGE];
	struct mk_message m = { .tag = MK_TAG(NAME_SPAWN, MK_WORDS) | MK_TAG_GRANT };

	mk_format(page, sizeof ((struct mk_start *)0)->line, "%s", line);
	m.word[0] = priority;
	m.word[7] = (unsigned)page | MK_READ;
	m.word[8] = 1;
	m.tag = MK_TAG(NAME_SPAWN, 9) | MK_TAG_GRANT;
	return ask(&m, 0);
}

int mk_kill(const char *name)
{
	struct mk_message m = { .tag = MK_TAG(NAME_KILL, 2) };

	put_name(&m, name);
	return ask(&m, 0);
}

int mk_stop(void)
{
	struct mk_message m = { .tag = MK_TAG(NAME_STOP, 0) };

	return ask(&m, 0);
}

int mk_watch(unsigned port, unsigned bits)
{
	struct mk_message m = { .tag = MK_TAG(NAME_WATCH, 0) };

	m.word[0] = bits;
	return ask_with_port(&m, port);
}

bool mk_is_program(unsigned number)
{
	struct mk_message m = { .tag = MK_TAG(NAME_PROGRAM, 1), .word[0] = number };

	return ask(&m, 0) > 0;
}

int mk_ended(unsigned *sequence, unsigned *numbers, unsigned most)
{
	struct mk_message m = { .tag = MK_TAG(NAME_ENDED, 1) };
	int error;

	m.word[0] = *sequence;
	error = mk_call(mk_started->names, &m, 0);
	if (error)
		return error;
	*sequence = m.word[0];
	for (unsigned i = 0; i < m.word[1] && i < most; i++)
		numbers[i] = m.word[2 + i];
	return (int)(m.word[1] < most ? m.word[1] : most);
}

unsigned mk_option_number(const char *name, unsigned otherwise)
{
	char digits[12];
	unsigned value = 0;

	if (!mk_option(name, digits, sizeof digits))
		return otherwise;
	for (const char *d = digits; *d >= '0' && *d <= '9'; d++)
		value = value * 10 + (unsigned)(*d - '0');
	return value;
}

int mk_ask(unsigned *server, const char *name, struct mk_message *m, unsigned us)
{
	for (unsigned tries = 0;; tries++) {
		int found = *server ? (int)*server : mk_name_find(name, us), error;

		if (found < 0)
			return found;
		*server = (unsigned)found;
		error = mk_call(*server, m, us);
		if (!error)
			return (int)m->word[0];
		if (error != MK_EDEAD || tries)
			return error;
		mk_drop(*server);
		*server = 0;
	}
}
