/* What stands between an application and what drives it. An application is a protocol core (redis/, http/, dns/): bytes in, bytes
 * out, no system call. In the guest an event loop over the network server drives it, on the host one over epoll (host.c).
 *
 * A connection works as a zlib stream does. The driver offers bytes that came and room for bytes to send; run() takes from the
 * one, puts into the other, and says which of the two it lacks:
 *
 *   received, room again, or the peer is done:  io = { what came and was not taken yet, room in the send buffer }
 *   run() -> APP_INPUT  all input is taken: call again when there is more (or io.end)
 *            APP_ROOM   call again, with the rest of the input, when bytes in front have been sent
 *            APP_CLOSE  send what is in the buffer, say that no more will come, take and drop what still comes, close
 *
 * Any room from 1 byte on will do; the more, the fewer calls. A core keeps no pointer into io after it returns.
 * There is one instance of a core in a program, and one thread. */
#ifndef APP_H
#define APP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app_io {
	const uint8_t *in;         /* moved on by what is taken */
	size_t in_bytes;
	uint8_t *out;              /* moved on by what is put */
	size_t room;
	bool end;                  /* the peer sends no more */
};

enum app_next { APP_INPUT, APP_ROOM, APP_CLOSE };

struct app {
	const char *name;
	uint16_t port;
	uint16_t idle_s;           /* a connection that is silent for so long may be closed; 0: never */
	uint32_t tick_ms;          /* how often tick() wants to be called; 0: not at all */
	const char *(*start)(const char *argument); /* NULL, or in one line why it cannot serve; the argument may be NULL */
	void (*stop)(void);        /* gives all memory back: for tests */
	void *(*open)(void);       /* a connection, or NULL: no memory, or too many */
	enum app_next (*run)(void *connection, struct app_io *io);
	void (*close)(void *connection);
	void (*tick)(void);
	/* One datagram's answer -> its bytes; 0: none. NULL: it has no datagrams. The room must be APP_DATAGRAM or more. */
	size_t (*datagram)(const uint8_t *in, size_t bytes, uint8_t *out, size_t room);
};
#define APP_DATAGRAM 4096

extern const struct app app;   /* a core defines this one name */

/* ---- What a driver defines ---- */

/* Set before each batch of events, not read from the device by each request: a batch has one time. */
extern uint64_t app_unix_ms;   /* never goes back */
extern uint32_t app_seed;      /* of hash tables: what clients cannot guess, set before start() */

void *app_allocate(size_t bytes);            /* aligned for uint64_t; NULL: none left */
void *app_resize(void *memory, size_t bytes); /* as realloc: NULL leaves the old as it is */
void app_release(void *memory);              /* NULL does nothing */

/* Files in memory, by path from "/" on, without "." and "..". They do not change while the application runs. */
struct app_file {
	uintptr_t handle;          /* the driver's */
	uint32_t bytes;
	bool directory;
	int64_t modified_s;        /* unix time */
};
#define APP_NAME 256           /* bytes of a file's name at most, with its 0 */

bool app_file_open(const char *path, struct app_file *file);
size_t app_file_read(const struct app_file *file, uint32_t offset, void *to, size_t bytes); /* fewer: it ends there, or failed */
void app_file_close(const struct app_file *file);
bool app_file_list(const char *path, unsigned index, char name[APP_NAME]); /* false: the folder has no more */

/* ---- What the C library gives on the host, tasks/lib in the guest ---- */
#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);
#endif
#endif
