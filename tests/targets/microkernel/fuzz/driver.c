/* app.h's functions for fuzzing: memory that runs out where the input says so and must all be given back, a few files. */
#include <stdio.h>
#include <stdlib.h>
#include "fuzz.h"

#define HEAD 16
#define FILES 16
#define TURNS_MOST 1000000 /* of run(): more is a loop without an end */

uint64_t app_unix_ms = 1767225600000;
uint32_t app_seed = 1;

static size_t left = SIZE_MAX, blocks;
static struct { const char *path; const uint8_t *bytes; size_t count; bool directory; } files[FILES];
static size_t file_count, open_files;

void fuzz_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/* ---- memory ---- */

void *app_resize(void *memory, size_t bytes)
{
	size_t *head = memory ? (size_t *)((char *)memory - HEAD) : NULL, had = head ? *head : 0, *new;

	if (bytes > had && bytes - had > left)
		return NULL;
	new = malloc(bytes + HEAD); /* always elsewhere: what keeps a pointer to the old place is found */
	if (!new)
		return NULL;
	memcpy((char *)new + HEAD, memory ? memory : "", had < bytes ? had : bytes);
	blocks += !memory;
	left -= bytes - had;
	*new = bytes;
	free(head);
	return (char *)new + HEAD;
}

void *app_allocate(size_t bytes)
{
	return app_resize(NULL, bytes);
}

void app_release(void *memory)
{
	size_t *head = memory ? (size_t *)((char *)memory - HEAD) : NULL;

	if (!head)
		return;
	left += *head;
	blocks--;
	free(head);
}

void fuzz_all_given_back(void)
{
	FUZZ_CHECK(!blocks);
	FUZZ_CHECK(!open_files);
}

/* ---- files ---- */

void fuzz_file(const char *path, const void *bytes, size_t count, bool directory)
{
	size_t i = 0;

	while (i < file_count && strcmp(files[i].path, path))
		i++;
	FUZZ_CHECK(i < FILES);
	file_count += i == file_count;
	files[i].path = path;
	files[i].bytes = bytes;
	files[i].count = count;
	files[i].directory = directory;
}

bool app_file_open(const char *path, struct app_file *file)
{
	FUZZ_CHECK(path[0] == '/' && !strstr(path, "/../") && !strstr(path, "/./") && !strstr(path, "//"));
	for (size_t i = 0; i < file_count; i++)
		if (!strcmp(files[i].path, path)) {
			*file = (struct app_file){ .handle = i, .bytes = (uint32_t)files[i].count, .directory = files[i].directory,
				.modified_s = 1767225600 };
			open_files++;
			return true;
		}
	return false;
}

size_t app_file_read(const struct app_file *file, uint32_t offset, void *to, size_t bytes)
{
	size_t there = files[file->handle].count;

	FUZZ_CHECK(offset <= there);
	if (bytes > there - offset)
		bytes = there - offset;
	if (bytes)
		memcpy(to, files[file->handle].bytes + offset, bytes);
	return bytes;
}

void app_file_close(const struct app_file *file)
{
	(void)file;
	FUZZ_CHECK(open_files);
	open_files--;
}

bool app_file_list(const char *path, unsigned index, char name[APP_NAME])
{
	(void)path, (void)index, (void)name;
	return false;
}

/* ---- a connection ---- */

struct offer fuzz_offer(const uint8_t *data, size_t count)
{
	static const size_t limits[] = { SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, 65536, 20000, 8192, 4096 };
	static const size_t sizes[] = { 1, 2, 3, 7, 16, 100, 1000, 16384 };
	struct offer offer = { data, 0, 0, 0 };

	left = SIZE_MAX / 2;
	if (count < 4)
		return offer;
	offer.bytes = data + 4;
	offer.count = count - 4;
	offer.piece = sizes[data[0] % 8] + data[0] / 8;
	offer.room = sizes[data[1] % 8] + data[1] / 8;
	if (limits[data[2] % 8] != SIZE_MAX)
		left = limits[data[2] % 8] + 64u * data[3];
	return offer;
}

size_t fuzz_stream(const struct offer *offer, uint8_t *out, size_t most)
{
	void *connection = app.open();
	size_t offered = 0, total = 0;
	enum app_next next = APP_INPUT;

	for (unsigned turn = 0; connection && next != APP_CLOSE; turn++) {
		size_t there = offer->count - offered < offer->piece ? offer->count - offered : offer->piece, put;
		uint8_t *in = malloc(there + 1), *room = malloc(offer->room); /* exact: what reads beyond is found */
		struct app_io io = { in, there, room, offer->room, there == offer->count - offered };

		FUZZ_CHECK(turn < TURNS_MOST);
		memcpy(in, offer->bytes + offered, there);
		in = realloc(in, there ? there : 1);
		io.in = in;
		next = app.run(connection, &io);
		FUZZ_CHECK(io.in_bytes <= there && io.room <= offer->room);
		FUZZ_CHECK(next == APP_ROOM || !io.in_bytes || next == APP_CLOSE);
		put = offer->room - io.room;
		FUZZ_CHECK(next != APP_ROOM || put || !io.in_bytes || there != io.in_bytes); /* it gets on */
		FUZZ_CHECK(next != APP_INPUT || !io.end || there > io.in_bytes || put);
		if (put > most - total)
			put = most - total;
		memcpy(out + total, room, put);
		total += put;
		offered += there - io.in_bytes;
		free(in);
		free(room);
		app_unix_ms += 1;
	}
	if (connection)
		app.close(connection);
	return total;
}
