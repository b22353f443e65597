/* Calls of the RAM file system server. When it has gone the next one is asked; files that were open are not any more. */
#include "files.h"

static unsigned server;
static _Alignas(MK_PAGE) char page[MK_PAGE]; /* of paths and names */

static int ask(struct mk_message *m)
{
	return mk_ask(&server, "ramfs", m, 0);
}

static int ask_path(struct mk_message *m, unsigned label, const char *path)
{
	size_t bytes = strlen(path);

	if (bytes > FILES_PATH_MOST)
		return FILES_EPATH;
	memcpy(page, path, bytes);
	m->tag = MK_TAG(label, 9) | MK_TAG_GRANT;
	m->word[0] = (unsigned)bytes;
	m->word[7] = (unsigned)page | MK_READ | MK_WRITE;
	m->word[8] = 1;
	return ask(m);
}

static void take_status(const struct mk_message *m, struct file_status *s)
{
	if (s)
		*s = (struct file_status){ m->word[1], m->word[3], m->word[2] & FILES_DIRECTORY };
}

int file_open(const char *path, unsigned flags, struct file_status *status)
{
	struct mk_message m = { .word[1] = flags };
	int file = ask_path(&m, FILES_OPEN, path);

	take_status(&m, status);
	return file;
}

int file_close(int file)
{
	struct mk_message m = { .tag = MK_TAG(FILES_CLOSE, 1), .word[0] = (unsigned)file };

	return ask(&m);
}

/* As many bytes as fit into the pages of one call, the first of which may be used from its middle on. */
static int transfer(unsigned label, int file, uint32_t from, unsigned at, size_t bytes, unsigned protection)
{
	unsigned offset = at % MK_PAGE, most = MK_GRANT_PAGES * MK_PAGE - offset;
	struct mk_message m = { .tag = MK_TAG(label, 9) | MK_TAG_GRANT };

	if (bytes > most)
		bytes = most;
	m.word[0] = (unsigned)file;
	m.word[1] = from;
	m.word[2] = (unsigned)bytes;
	m.word[3] = offset;
	m.word[7] = (at - offset) | protection;
	m.word[8] = (unsigned)(offset + bytes + MK_PAGE - 1) / MK_PAGE;
	return ask(&m);
}

static int transfer_all(unsigned label, int file, uint32_t from, unsigned at, size_t bytes, unsigned protection)
{
	size_t done = 0;

	while (done < bytes) {
		int n = transfer(label, file, from + (uint32_t)done, at + (unsigned)done, bytes - done, protection);

		if (n < 0)
			return n;
		done += (size_t)n;
		if (!n)
			break;
	}
	return (int)done;
}

int file_read(int file, uint32_t from, void *to, size_t bytes)
{
	return transfer_all(FILES_READ, file, from, (unsigned)to, bytes, MK_READ | MK_WRITE);
}

int file_write(int file, uint32_t from, const void *data, size_t bytes)
{
	return transfer_all(FILES_CHANGE, file, from, (unsigned)data, bytes, MK_READ);
}

int file_status(const char *path, struct file_status *status)
{
	struct mk_message m = { 0 };
	int error = ask_path(&m, FILES_STATUS, path);

	take_status(&m, status);
	return error;
}

int file_list(const char *path, unsigned index, char name[FILES_NAME_MOST + 1], struct file_status *status)
{
	struct mk_message m = { .word[1] = index };
	int bytes = ask_path(&m, FILES_LIST, path);

	if (bytes < 0)
		return bytes;
	memcpy(name, page, (size_t)bytes);
	name[bytes] = 0;
	take_status(&m, status);
	return 0;
}

int file_make_folder(const char *path)
{
	struct mk_message m = { 0 };

	return ask_path(&m, FILES_FOLDER, path);
}

int file_remove(const char *path)
{
	struct mk_message m = { 0 };

	return ask_path(&m, FILES_REMOVE, path);
}
