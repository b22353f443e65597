/* Requests to an application and how many instructions each takes. */
#ifndef COUNT_H
#define COUNT_H
#include "app.h"

struct request {
	const char *name;
	const void *bytes;
	size_t count;
	unsigned at_once;         /* so many in one piece of input; 0: a datagram */
};
#define LITERAL(text) text, sizeof(text) - 1

extern const struct request requests[]; /* the last one has no name */
const char *prepare(void);               /* -> the argument of app.start() */

struct memory_file {
	const char *path;
	const void *bytes;
	size_t count;
};
extern struct memory_file file;
#endif
