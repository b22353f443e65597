/* The name server: knows what serves under which name, starts programs, and starts again those that asked for it.
 * run=A,B of the command line is what it starts first; each gets the whole command line as its arguments. */
#include "init.h"

#define NAMES 24                  /* a handle each, as a program and a watcher is; all have room in our table */
#define NAMES_OF_ONE 4            /* a program's */
#define WATCHERS 8
#define ENDED 64
#define RESTARTS 5                /* of one program; then it is left dead, for it will not get better */
#define PROGRAM_PRIORITY 12
#define SERVER_PRIORITY 14        /* of those that others wait for, interrupts too */
#define HIGHEST (MK_PRIORITIES - 1)

/* Servers, and what the programs of run= need of them: those are started first. */
static const char *const servers[] = { "console", "ramfs", "net" };
static const char *const measuring[] = { "bench", "test", "stress" }; /* these may have tasks of any priority */
static const struct { const char *program, *server; } needs[] = {
	{ "redis", "net" }, { "http", "ramfs" }, { "http", "net" }, { "dns", "ramfs" }, { "dns", "net" },
	{ "shell", "console" }, { "shell", "ramfs" }, { "shell", "net" },
};

const struct mk_boot *boot;
struct program programs[PROGRAMS];
unsigned port;

static struct { bool used; char name[NAME_BYTES]; unsigned handle, space; } names[NAMES]; /* space: a number */
static struct { unsigned token; char name[NAME_BYTES]; } waiting[MK_SPACES]; /* by their numbers */
static struct { unsigned handle, bits, space; } watchers[WATCHERS];
static unsigned watcher_count, ended[ENDED], ended_sequence;

static struct program *program_of(unsigned number)
{
	for (unsigned i = 0; i < PROGRAMS; i++)
		if (programs[i].used && programs[i].number == number)
			return &programs[i];
	return NULL;
}

static bool begins_with_word(const char *line, const char *word)
{
	size_t length = strlen(word);

	return strlen(line) >= length && !memcmp(line, word, length) && (!line[length] || line[length] == ' ');
}

/* -> its index, or MK_COUNT(servers) */
static unsigned server_of(const char *line)
{
	unsigned i = 0;

	while (i < MK_COUNT(servers) && !begins_with_word(line, servers[i]))
		i++;
	return i;
}

static bool runs(const char *name)
{
	for (unsigned i = 0; i < PROGRAMS; i++)
		if (programs[i].used && begins_with_word(programs[i].line, name))
			return true;
	return false;
}

static int run(const char *line, unsigned priority, unsigned highest, unsigned starter)
{
	struct program *p = NULL;
	int number;

	for (unsigned i = 0; i < PROGRAMS && !p; i++)
		if (!programs[i].used)
			p = &programs[i];
	if (!p)
		return MK_EFULL;
	*p = (struct program){ .used = true, .priority = priority, .highest = highest, .starter = starter };
	mk_format(p->line, sizeof p->line, "%s", line);
	number = spawn(p);
	p->used = number >= 0;
	return number;
}

/* ---- Names ---- */

static int find(const char *name)
{
	for (int i = 0; i < NAMES; i++)
		if (names[i].used && !memcmp(names[i].name, name, NAME_BYTES))
			return i;
	return -1;
}

static void answer_handle(unsigned token, int n)
{
	struct mk_message m = { .tag = MK_TAG(0, MK_WORDS) | MK_TAG_HANDLE };

	m.word[9] = names[n].handle;
	mk_reply(token, &m);
}

static bool is_server(const struct program *p, unsigned server)
{
	return p->starter == COMMAND_LINE && server_of(p->line) == server;
}

/* A server's name is its own, and has a place of its own. -> the place, or MK_E* */
static int place_for(const struct program *p, const char *name)
{
	char word[NAME_BYTES + 1] = { 0 };
	unsigned server, own = 0;
	int free = MK_EFULL;

	memcpy(word, name, NAME_BYTES);
	server = server_of(word);
	if (!p || (server < MK_COUNT(servers) && !is_server(p, server)))
		return MK_ERIGHT;
	if (find(name) >= 0 || (server < MK_COUNT(servers) && names[server].used))
		return MK_EBUSY;
	if (server < MK_COUNT(servers))
		return (int)server;
	for (unsigned i = NAMES; i-- > MK_COUNT(servers);) {
		own += names[i].used && names[i].space == p->number;
		if (!names[i].used)
			free = (int)i;
	}
	return own < NAMES_OF_ONE ? free : MK_EFULL;
}

static int name_register(struct mk_message *m)
{
	struct program *p = program_of(m->sender);
	int free = place_for(p, (const char *)m->word);

	if (free < 0) {
		mk_drop(m->word[9]);
		return free;
	}
	names[free].used = true;
	names[free].handle = m->word[9];
	names[free].space = m->sender;
	memcpy(names[free].name, m->word, NAME_BYTES);
	if (m->word[2] & NAME_RESTART)
		p->restart = true;
	for (int i = 0; i < MK_SPACES; i++)
		if (waiting[i].token && !memcmp(waiting[i].name, names[free].name, NAME_BYTES)) {
			answer_handle(waiting[i].token, free);
			waiting[i].token = 0;
		}
	return 0;
}

/* No answer now: the caller waits, or has its time-out. Of callers that gave up the token is stale, and harmless. */
static void wait_for_name(unsigned token, unsigned space, const char *name)
{
	unsigned i = space % MK_SPACES;

	if (waiting[i].token) {
		struct mk_message m = { .tag = MK_TAG(0, MK_WORDS) };

		m.word[9] = (unsigned)MK_EBUSY;
		mk_reply(waiting[i].token, &m);
	}
	waiting[i].token = token;
	memcpy(waiting[i].name, name, NAME_BYTES);
}

/* ---- Ends ---- */

static void forget_names(unsigned number)
{
	for (int i = 0; i < NAMES; i++)
		if (names[i].used && names[i].space == number) {
			names[i].used = false;
			mk_drop(names[i].handle);
		}
	for (unsigned i = 0; i < watcher_count; i++)
		if (watchers[i].space == number) {
			mk_drop(watchers[i].handle);
			watchers[i--] = watchers[--watcher_count];
		}
}

static void program_ended(struct program *p, unsigned status)
{
	size_t length = 0;
	bool again = p->restart && p->restarts < RESTARTS;

	while (p->line[length] && p->line[length] != ' ')
		length++;
	ended[ended_sequence++ % ENDED] = p->number;
	forget_names(p->number);
	for (unsigned i = 0; i < PROGRAMS; i++)
		if (programs[i].starter == p->number) /* its number may soon be another's */
			programs[i].starter = MK_NONE;
	for (unsigned i = 0; i < watcher_count; i++)
		mk_notify(watchers[i].handle, watchers[i].bits);
	mk_drop(p->space); /* from now on another may have its number: those who go by it have been told */
	p->line[length] = 0;
	mk_print("init: %s (space %u) ended with %x%s\n", p->line, p->number, status, again ? ", is started again" : "");
	p->line[length] = ' ';
	p->restart = false; /* until it asks again */
	p->restarts++;
	p->used = again && spawn(p) >= 0;
}

static void look_for_ended(void)
{
	struct mk_status status;

	for (unsigned i = 0; i < PROGRAMS; i++)
		if (programs[i].used && mk_space_status(programs[i].space, &status) == 0)
			program_ended(&programs[i], status.ended);
}

/* ---- The server ---- */

/* The last places are for the servers. */
static int watch(const struct mk_message *m)
{
	const struct program *p = program_of(m->sender);
	unsigned most = p && p->starter == COMMAND_LINE && server_of(p->line) < MK_COUNT(servers) ? WATCHERS : WATCHERS - MK_COUNT(servers), i = 0;

	while (i < watcher_count && watchers[i].space != m->sender)
		i++;
	if (!p || (i == watcher_count && i >= most)) {
		mk_drop(m->word[9]);
		return p ? MK_EFULL : MK_ERIGHT;
	}
	if (i == watcher_count)
		watcher_count++;
	else
		mk_drop(watchers[i].handle);
	watchers[i].handle = m->word[9];
	watchers[i].bits = m->word[0];
	watchers[i].space = m->sender;
	return 0;
}

static void tell_ended(struct mk_message *m)
{
	unsigned sequence = m->word[0], n = 0;

	if (ended_sequence - sequence > ENDED)
		sequence = ended_sequence - ENDED;
	while (sequence != ended_sequence && n < NAME_ENDED_MOST)
		m->word[2 + n++] = ended[sequence++ % ENDED];
	m->word[0] = sequence;
	m->word[1] = n;
	m->tag = MK_TAG(0, 9);
}

/* Who sits at the console. Any program may start a shell, but no more than itself may that do. */
static bool is_the_shell(const struct program *p)
{
	return p && p->starter == COMMAND_LINE && begins_with_word(p->line, "shell");
}

/* Who may: the shell, and who had it started. Its end is told as any other. */
static int kill_program(unsigned sender, const char *name)
{
	const struct program *by = program_of(sender);
	char word[NAME_BYTES + 1] = { 0 };
	int error = MK_EARGUMENT;

	memcpy(word, name, NAME_BYTES);
	for (unsigned i = 0; *word && i < PROGRAMS; i++) {
		if (!programs[i].used || !begins_with_word(programs[i].line, word))
			continue;
		if (is_the_shell(by) || (by && programs[i].starter == sender))
			return mk_space_kill(programs[i].space);
		error = MK_ERIGHT;
	}
	return error;
}

/* The program may have what the one has that asks. The line is in that one's page, which it may change meanwhile, and need not end. */
static int run_for(unsigned sender, const char *lent, unsigned priority)
{
	const struct program *by = program_of(sender);
	char line[sizeof programs[0].line];
	size_t n = 0;

	while (n + 1 < sizeof line && (line[n] = lent[n]))
		n++;
	line[n] = 0;
	return run(line, priority, by ? by->highest : PROGRAM_PRIORITY, by ? sender : MK_NONE);
}

/* false: the answer comes later */
static bool serve(unsigned token, struct mk_message *m)
{
	unsigned tag = m->tag;
	int n;

	m->tag = MK_TAG(0, 1);
	if (tag & MK_TAG_HANDLE && MK_LABEL(tag) != NAME_REGISTER && MK_LABEL(tag) != NAME_WATCH)
		mk_drop(m->word[9]);
	switch (MK_LABEL(tag)) {
	case NAME_REGISTER:
		m->word[0] = (unsigned)(tag & MK_TAG_HANDLE ? name_register(m) : MK_EARGUMENT);
		return true;
	case NAME_FIND:
		if (tag & MK_TAG_GRANT) { /* the window is for those who spawn */
			m->word[0] = (unsigned)MK_EARGUMENT;
			return true;
		}
		n = find((const char *)m->word);
		if (n < 0) {
			wait_for_name(token, m->sender, (const char *)m->word);
			return false;
		}
		answer_handle(token, n);
		return false;
	case NAME_SPAWN:
		m->word[0] = (unsigned)(tag & MK_TAG_GRANT && m->word[0] <= PROGRAM_PRIORITY ?
						run_for(m->sender, (const char *)(m->word[7] & ~(MK_PAGE - 1)), m->word[0]) :
						MK_EARGUMENT);
		return true;
	case NAME_WATCH:
		m->word[0] = (unsigned)(tag & MK_TAG_HANDLE ? watch(m) : MK_EARGUMENT);
		return true;
	case NAME_ENDED:
		tell_ended(m);
		return true;
	case NAME_KILL:
		m->word[0] = (unsigned)kill_program(m->sender, (const char *)m->word);
		return true;
	case NAME_PROGRAM:
		m->word[0] = program_of(m->word[0]) != NULL;
		return true;
	case NAME_TIME:
		m->word[0] = clock_seconds();
		return true;
	case NAME_STOP:
		m->word[0] = (unsigned)(is_the_shell(program_of(m->sender)) ? mk_shutdown(0) : MK_ERIGHT);
		return true;
	default:
		m->word[0] = (unsigned)MK_ECALL;
		return true;
	}
}

/* With the whole command line as its arguments; a server once. */
static void start_program(const char *name)
{
	char line[sizeof programs[0].line];
	unsigned priority = PROGRAM_PRIORITY, highest;
	int error;

	if (server_of(name) < MK_COUNT(servers))
		priority = SERVER_PRIORITY;
	if (priority == SERVER_PRIORITY && runs(name))
		return;
	highest = priority;
	for (unsigned i = 0; i < MK_COUNT(measuring); i++)
		if (!strcmp(name, measuring[i]))
			highest = HIGHEST;
	mk_format(line, sizeof line, "%s %s", name, boot->arguments);
	error = run(line, priority, highest, COMMAND_LINE);
	if (error < 0)
		mk_print("init: %s cannot be started: %d\n", name, error);
}

static void start_programs(void)
{
	char list[128];

	if (!option(boot->arguments, "run", list, sizeof list))
		mk_format(list, sizeof list, "hello");
	for (char *name = list, *end; *name; name = end) {
		for (end = name; *end && *end != ','; end++)
			;
		if (*end)
			*end++ = 0;
		for (unsigned i = 0; i < MK_COUNT(needs); i++)
			if (!strcmp(name, needs[i].program))
				start_program(needs[i].server);
		start_program(name);
	}
}

void task_start(const struct mk_boot *b);
void task_start(const struct mk_boot *b)
{
	struct mk_message m = { 0 };
	unsigned window = (unsigned)mk_region(1);
	int token = 0;

	boot = b;
	port = (unsigned)mk_port_create();
	mk_window((void *)window, 1);
	initrd_open();
	clock_open();
	start_programs();
	for (bool answer = false;; ) {
		token = mk_reply_receive(answer ? (unsigned)token : 0, &m, port, 0);
		if (token == 0) {
			if (m.tag & MK_TAG_NOTIFIED)
				look_for_ended();
			else if (m.tag & MK_TAG_HANDLE)
				mk_drop(m.word[9]);
			answer = false;
		} else {
			answer = token > 0 && serve((unsigned)token, &m);
		}
	}
}
