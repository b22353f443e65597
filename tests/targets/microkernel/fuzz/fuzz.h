/* What the fuzz targets share: a check that is kept, and a driver of an application that offers bytes in pieces. */
#ifndef FUZZ_H
#define FUZZ_H
#include "app.h"

void fuzz_failed(const char *file, int line, const char *what);
#define FUZZ_CHECK(x) ((x) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #x))

/* The first four bytes of an input say how the rest is offered. */
struct offer {
	const uint8_t *bytes;
	size_t count;
	size_t piece, room;       /* bytes at a time */
};
struct offer fuzz_offer(const uint8_t *data, size_t count); /* sets the limit of memory too */
size_t fuzz_stream(const struct offer *offer, uint8_t *out, size_t most); /* a whole connection -> what is put, cut off at most */
void fuzz_file(const char *path, const void *bytes, size_t count, bool directory); /* from now on */
void fuzz_all_given_back(void);
#endif
