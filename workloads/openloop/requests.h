/* The requests file: little-endian, no padding.
 *   8 bytes   magic "KXBREQ\r\n"
 *   u32       version, 1
 *   u32       protocol, enum protocol
 *   u32       count, at least 1
 *   count x { u32 length, at least 1; length bytes: one request that gets exactly one response }
 * and nothing after. DNS requests are 12 to REQUEST_MAX_DNS bytes; their id is overwritten. */
#ifndef KXB_REQUESTS_H
#define KXB_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#define REQUESTS_MAGIC "KXBREQ\r\n"
#define REQUESTS_VERSION 1
#define REQUESTS_MAX_FILE (1ULL << 30)
#define REQUEST_MAX_DNS 1232

enum protocol { PROTOCOL_RESP = 1, PROTOCOL_HTTP = 2, PROTOCOL_DNS = 3 };

struct request {
	const uint8_t *data;
	uint32_t length;
};

struct requests {
	enum protocol protocol;
	uint32_t count;
	struct request *list;
	uint8_t *file;
};

/* 0, or -1 with the reason in why. The file is read whole, so that editing it later harms nothing. */
int requests_load(struct requests *r, const char *path, char *why, size_t why_size);
/* The same on `size` bytes at `file`, which r owns (malloc) if it succeeds. */
int requests_parse(struct requests *r, uint8_t *file, size_t size, char *why, size_t why_size);
void requests_free(struct requests *r);

#endif
