/* A few words for who sits at the console: files, programs, connections. */
#include "../lib/console.h"
#include "../lib/files.h"
#include "../lib/net.h"
#include "shell.h"

#define WORDS 4
#define PRIORITY 10

struct command { const char *name, *says; void (*run)(char **words); };
static const struct command commands[15];

static void help(char **words)
{
	(void)words;
	for (unsigned i = 0; commands[i].name; i++)
		console_print("%s %s\n", commands[i].name, commands[i].says);
}

static bool told(const char *what, int error)
{
	if (error < 0)
		console_print("%s: error %d\n", what, error);
	return error < 0;
}

/* ---- Files ---- */

static void list(char **words)
{
	const char *path = *words[0] ? words[0] : "/";
	char name[FILES_NAME_MOST + 1];
	struct file_status s;
	int error = 0;

	for (unsigned i = 0; !(error = file_list(path, i, name, &s)); i++)
		console_print("%8u %s%s\n", (unsigned)s.bytes, name, s.directory ? "/" : "");
	if (error != FILES_ENONE || file_status(path, &s))
		told(path, error);
}

static void print_file(char **words)
{
	static char text[4096];
	int file = file_open(words[0], 0, NULL), n;
	uint32_t at = 0;

	if (told(words[0], file))
		return;
	while ((n = file_read(file, at, text, sizeof text)) > 0 && console_write(text, (size_t)n) == n)
		at += (uint32_t)n;
	told(words[0], n);
	console_write("\n", 1);
	file_close(file);
}

static void append(char **words)
{
	struct file_status s;
	int file = file_open(words[0], FILES_WRITE | FILES_MAKE, &s);

	if (told(words[0], file))
		return;
	told(words[0], file_write(file, s.bytes, words[1], strlen(words[1])));
	file_close(file);
}

static void make_folder(char **words) { told(words[0], file_make_folder(words[0])); }
static void remove_file(char **words) { told(words[0], file_remove(words[0])); }

/* ---- Programs ---- */

static void run(char **words)
{
	char line[256];
	int space;

	mk_format(line, sizeof line, "%s %s %s", words[0], words[1], words[2]);
	space = mk_spawn(line, PRIORITY);
	if (!told(words[0], space))
		console_print("space %d\n", space);
}

static void kill_program(char **words) { told(words[0], mk_kill(words[0])); }

static void fault(char **words)
{
	(void)words;
	*(volatile unsigned *)(unsigned)fault = 0; /* code is never writable */
}

static void memory(char **words)
{
	(void)words;
	console_print("%d of %d pages are free\n", mk_info(MK_INFO_FREE_PAGES), mk_info(MK_INFO_PAGES));
}

static void off(char **words)
{
	(void)words;
	told("off", mk_stop());
}

static const struct command commands[15] = {
	{ "help", "", help },
	{ "ls", "[FOLDER]", list },
	{ "cat", "FILE", print_file },
	{ "append", "FILE WORD", append },
	{ "mkdir", "FOLDER", make_folder },
	{ "rm", "FILE", remove_file },
	{ "run", "PROGRAM [WORD [WORD]]", run },
	{ "kill", "PROGRAM", kill_program },
	{ "fault", ": writes to its own code, which ends this shell for good", fault },
	{ "memory", "", memory },
	{ "get", "ADDRESS PORT PATH: a page by HTTP", shell_get },
	{ "echo", "PORT: gives one connection back what it sends", shell_echo },
	{ "datagram", "PORT: gives one datagram back", shell_datagram },
	{ "off", ": switches the machine off", off },
	{ NULL, NULL, NULL },
};

static void obey(char *line)
{
	static char none[] = "";
	char *words[WORDS] = { none, none, none, none };

	for (unsigned n = 0; *line && n < WORDS; n++) {
		while (*line == ' ')
			*line++ = 0;
		words[n] = line;
		while (*line && *line != ' ')
			line++;
	}
	*line = 0;
	for (unsigned i = 0; commands[i].name; i++)
		if (!strcmp(words[0], commands[i].name)) {
			commands[i].run(words + 1);
			return;
		}
	if (*words[0])
		console_print("%s: no such command; see help\n", words[0]);
}

int main(void)
{
	char line[CONSOLE_LINE + 1];

	mk_print("@@MK READY shell@@\n");
	for (;;) {
		console_write("> ", 2);
		if (console_read_line(line, sizeof line, 0) >= 0)
			obey(line);
	}
}
