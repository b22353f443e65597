/* The first task: name server, and parent of all others. Its parts. */
#ifndef INIT_H
#define INIT_H
#include "../lib/mk.h"
#include "../../include/names.h"

#define PROGRAMS 48
#define NAME_BYTES 8

#define COMMAND_LINE 0u           /* as a starter */

/* A program that runs, or ran. */
struct program {
	bool used, restart;
	unsigned space, number, restarts; /* space: our handle of it */
	unsigned priority, highest; /* of its first task; that its tasks may have */
	unsigned starter;        /* number of the space of who asked for it; MK_NONE: that one is gone */
	char line[sizeof ((struct mk_start *)0)->line];
};

extern const struct mk_boot *boot;
extern struct program programs[PROGRAMS];
extern unsigned port;

/* initrd.c */
void initrd_open(void);
const void *initrd_find(const char *name, size_t name_bytes, unsigned *bytes);

/* spawn.c */
int spawn(struct program *p); /* runs its line -> number of its space, or MK_E* */
bool option(const char *line, const char *name, char *value, size_t size);

/* clock.c: for a program's first page, and who asks */
void clock_open(void);
uint32_t clock_seconds(void);
void clock_read(struct mk_start *s);

/* main.c: bits of notifications to the port */
#define ENDED_BIT 1u
#endif
