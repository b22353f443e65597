/* The file server: numbers, lengths and places that are wrong, others' files, all files. */
#include "trial.h"

#define OPENERS 12u               /* as many as once had all the places that there were */
#define MADE "/trial"

static unsigned ramfs;

static unsigned path(const char *text)
{
	memcpy(pages, text, strlen(text));
	return strlen(text);
}

static int open_file(const char *text, unsigned flags)
{
	return call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_OPEN, 9), path(text), flags, 0, 0, MK_READ);
}

static int close_file(unsigned file)
{
	return call(ramfs, MK_TAG(FILES_CLOSE, 1), file, 0, 0, 0, 0);
}

static int transfer(unsigned label, unsigned file, unsigned from, unsigned bytes, unsigned at)
{
	return call(ramfs, MK_TAG_GRANT | MK_TAG(label, 9), file, from, bytes, at, BOTH);
}

static void lengths(unsigned label, unsigned file)
{
	expect("beyond the pages", transfer(label, file, 0, 1, SIZE), MK_EARGUMENT);
	expect("more than the pages", transfer(label, file, 0, SIZE + 1, 0), MK_EARGUMENT);
	expect("a length that wraps", transfer(label, file, 0, 0xffffffff, 1), MK_EARGUMENT);
	expect("a place that wraps", transfer(label, file, 0, 2, 0xffffffff), MK_EARGUMENT);
	expect("no pages", call(ramfs, MK_TAG(label, 4), file, 0, 1, 0, 0), MK_EARGUMENT);
	for (unsigned bit = 0; bit < 32; bit++)
		expect("no file", transfer(label, file ^ 1u << bit, 0, 1, 0), MK_EHANDLE);
}

static void wrong_calls(void)
{
	unsigned file, other;

	ramfs = server("ramfs");
	expect("a path longer than the pages", call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_OPEN, 9), 0xffffffff, 0, 0, 0, MK_READ), FILES_EPATH);
	expect("a path without pages", call(ramfs, MK_TAG(FILES_STATUS, 1), 5, 0, 0, 0, 0), FILES_EPATH);
	expect("a name without pages to write", call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_LIST, 9), path("/"), 0, 0, 0, MK_READ), MK_EARGUMENT);
	expect("flags that are none", open_file("/init", 0x80), MK_EARGUMENT);
	file = (unsigned)open_file(MADE, FILES_WRITE | FILES_MAKE);
	other = (unsigned)open_file("/init", 0);
	lengths(FILES_READ, file);
	lengths(FILES_CHANGE, file);
	expect("pages that cannot be written", call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_READ, 9), file, 0, 1, 0, MK_READ), MK_EARGUMENT);
	expect("beyond the end", transfer(FILES_READ, file, 0xffffffff, 1, 0), 0);
	expect("too large", transfer(FILES_CHANGE, file, FILES_BYTES_MOST - 1, 2, 0), MK_EARGUMENT);
	expect("much too large", transfer(FILES_CHANGE, file, 0xffffffff, 16, 0), MK_EARGUMENT);
	expect("one opened to read", transfer(FILES_CHANGE, other, 0, 1, 0), MK_EHANDLE);
	expect("opening again", close_file((unsigned)open_file("/init", 0)), 0);
	open_file("/none", 0);
	call(ramfs, MK_TAG(FILES_CLOSE, 0), 0, 0, 0, 0, 0); /* of no file: not of one that an earlier answer named */
	expect("closing", close_file(other), 0);
	expect("closing again", close_file(other), MK_EHANDLE);
	close_file(file);
	expect("removing", call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_REMOVE, 9), path(MADE), 0, 0, 0, MK_READ), 0);
}

/* ---- Others' ---- */

#define NUMBER 1
#define LOOK 2

/* Tells its file's number, then whether that file is as it was: then it has 4 bytes. */
static void keeper(void)
{
	unsigned port = (unsigned)mk_port_create();
	struct mk_message m = { 0 };
	int file, token;

	ramfs = server("ramfs");
	file = open_file("/kept", FILES_WRITE | FILES_MAKE);
	memcpy(pages, "kept", 4);
	expect("writing", transfer(FILES_CHANGE, (unsigned)file, 0, 4, 0), 4);
	mk_name_register("keeper", port, false);
	token = mk_receive(port, &m, 0);
	m = (struct mk_message){ .tag = MK_TAG(0, 1), .word[0] = (unsigned)file };
	token = mk_reply_receive((unsigned)token, &m, port, 0);
	memset(pages, 0, 4);
	m = (struct mk_message){ .tag = MK_TAG(0, 1), .word[0] = (unsigned)transfer(FILES_READ, (unsigned)file, 0, SIZE, 0) };
	if (memcmp(pages, "kept", 4))
		m.word[0] = 0;
	mk_reply((unsigned)token, &m);
}

static void others(void)
{
	unsigned keeping = child("files-keeper"), port = server("keeper");
	unsigned file = (unsigned)call(port, MK_TAG(NUMBER, 0), 0, 0, 0, 0, 0);

	ramfs = server("ramfs");
	expect("reading another's", transfer(FILES_READ, file, 0, 4, 0), MK_EHANDLE);
	expect("writing another's", transfer(FILES_CHANGE, file, 0, 4, 0), MK_EHANDLE);
	expect("closing another's", close_file(file), MK_EHANDLE);
	expect("the other's file", call(port, MK_TAG(LOOK, 0), 0, 0, 0, 0, 0), 4);
	child_ended(keeping);
}

/* ---- All of them ---- */

static void open_all(void)
{
	ramfs = server("ramfs");
	for (unsigned i = 0; i < FILES_OPEN_MOST; i++)
		expect("opening", open_file("/init", 0) < 0, 0);
	expect("one too many", open_file("/init", 0), MK_EFULL);
	expect("one too many, made", open_file("/too-many", FILES_WRITE | FILES_MAKE), MK_EFULL);
	expect("which is not there", open_file("/too-many", 0), MK_EFULL);
}

static void opener(void)
{
	struct mk_message m = { 0 };

	open_all();
	mk_send(server("openers"), &m, 0);
	hold();
}

static void leaver(void)
{
	open_all();
}

static void open_by_all(void)
{
	unsigned port = (unsigned)mk_port_create();
	struct mk_message m;

	for (unsigned i = 0; i < 2 * OPENERS; i++)
		child_ended(child("files-leaver"));
	mk_name_register("openers", port, false);
	for (unsigned i = 0; i < OPENERS; i++)
		child("files-opener");
	for (unsigned i = 0; i < OPENERS; i++)
		mk_receive(port, &m, 0);
	open_all();
	hold();
}

/* All names and all bytes; then they are given back. */
static void full(void)
{
	char name[24];
	unsigned made = 0, file;
	int error = 0;

	ramfs = server("ramfs");
	for (unsigned n = 0; n < 3; n++) {
		mk_format(name, sizeof name, "/large%u", n);
		file = (unsigned)open_file(name, FILES_WRITE | FILES_MAKE);
		for (unsigned at = 0; at < FILES_BYTES_MOST && error >= 0; at += SIZE)
			error = transfer(FILES_CHANGE, file, at, SIZE, 0);
		close_file(file);
	}
	expect("too many bytes", error, MK_EMEMORY);
	for (error = 0; error >= 0; made++) {
		mk_format(name, sizeof name, "/many%u", made);
		error = open_file(name, FILES_WRITE | FILES_MAKE);
		if (error >= 0)
			close_file((unsigned)error);
	}
	expect("too many files", error, MK_EMEMORY);
	mk_print("trial: full\n");
	mk_sleep(1000000);
	while (made--) {
		mk_format(name, sizeof name, "/many%u", made);
		call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_REMOVE, 9), path(name), 0, 0, 0, MK_READ);
	}
	for (unsigned n = 0; n < 3; n++) {
		mk_format(name, sizeof name, "/large%u", n);
		expect("removing", call(ramfs, MK_TAG_GRANT | MK_TAG(FILES_REMOVE, 9), path(name), 0, 0, 0, MK_READ), 0);
	}
}

const struct trial files_trials[] = {
	{ "files-wrong", wrong_calls }, { "files-keeper", keeper }, { "files-others", others }, { "files-opener", opener },
	{ "files-leaver", leaver }, { "files-open", open_by_all }, { "files-full", full }, { 0 },
};
