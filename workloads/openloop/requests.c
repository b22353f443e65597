/* Reads and checks the requests file. */
#include "requests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD 20

static uint32_t u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int requests_parse(struct requests *r, uint8_t *file, size_t size, char *why, size_t why_size)
{
	size_t at = HEAD;

	if (size < HEAD || memcmp(file, REQUESTS_MAGIC, 8) != 0) {
		snprintf(why, why_size, "not a requests file (bad magic)");
		return -1;
	}
	if (u32(file + 8) != REQUESTS_VERSION) {
		snprintf(why, why_size, "version %u, wanted %u", u32(file + 8), REQUESTS_VERSION);
		return -1;
	}
	if (u32(file + 12) < PROTOCOL_RESP || u32(file + 12) > PROTOCOL_DNS) {
		snprintf(why, why_size, "unknown protocol %u", u32(file + 12));
		return -1;
	}
	r->protocol = (enum protocol)u32(file + 12);
	r->count = u32(file + 16);
	/* a request takes 5 bytes or more: checked before the count is believed */
	if (r->count == 0 || r->count > (size - HEAD) / 5) {
		snprintf(why, why_size, "count %u does not fit a file of %zu bytes", r->count, size);
		return -1;
	}
	r->list = calloc(r->count, sizeof(*r->list));
	if (!r->list) {
		snprintf(why, why_size, "no memory for %u requests", r->count);
		return -1;
	}
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t n = size - at >= 4 ? u32(file + at) : 0;

		if (n == 0 || n > size - at - 4 ||
		    (r->protocol == PROTOCOL_DNS && (n < 12 || n > REQUEST_MAX_DNS))) {
			snprintf(why, why_size, "request %u at byte %zu has a bad length %u", i, at, n);
			free(r->list);
			return -1;
		}
		r->list[i] = (struct request){.data = file + at + 4, .length = n};
		at += 4 + (size_t)n;
	}
	if (at != size) {
		snprintf(why, why_size, "%zu bytes after the last request", size - at);
		free(r->list);
		return -1;
	}
	r->file = file;
	return 0;
}

int requests_load(struct requests *r, const char *path, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *file = NULL;
	size_t got = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, why_size, "%s", strerror(errno));
		goto bad;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > REQUESTS_MAX_FILE) {
		snprintf(why, why_size, "not a regular file of at most %llu bytes", REQUESTS_MAX_FILE);
		goto bad;
	}
	file = malloc((size_t)st.st_size + 1);
	while (file && got < (size_t)st.st_size) {
		ssize_t n = read(fd, file + got, (size_t)st.st_size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (!file) {
		snprintf(why, why_size, "no memory for its %lld bytes", (long long)st.st_size);
		goto bad;
	}
	if (requests_parse(r, file, got, why, why_size) < 0)
		goto bad;
	close(fd);
	return 0;
bad:
	if (fd >= 0)
		close(fd);
	free(file);
	return -1;
}

void requests_free(struct requests *r)
{
	free(r->list);
	free(r->file);
}
