/* Hostile bytes for the framers and the requests reader, under ASan and UBSan: fuzz SEED SECONDS.
 * Also holds them to two promises: progress on each call, and the same answer however a stream is split. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "framing.h"
#include "requests.h"

#define MOST 2048
#define RESULTS 4096

typedef enum frame (*framer_fn)(struct framer *, const uint8_t *, size_t, size_t *);

static uint64_t state;

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((state >> 33) % below);
}

static const char *const seeds[] = {
	"+OK\r\n", "-ERR no\r\n", ":-12\r\n", "$5\r\nhello\r\n", "$-1\r\n", "$0\r\n\r\n", "*-1\r\n", "*0\r\n",
	"*2\r\n*2\r\n:1\r\n$-1\r\n+x\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
	"$536870913\r\n", "*1048577\r\n", ":99999999999999999999\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\na;x=1\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "HTTP/1.0 200\r\nContent-Length: 1\r\n\r\nx",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "\r\n", "\n", "0\r\n\r\n", "ffffffffff\r\n",
};

static size_t compose(uint8_t *to)
{
	size_t n = 0, parts = 1 + draw(8);

	while (parts-- && n < MOST - 256) {
		if (draw(4) == 0) {
			for (uint32_t k = draw(200); k; k--)
				to[n++] = (uint8_t)draw(256);
		} else {
			const char *s = seeds[draw(sizeof(seeds) / sizeof(*seeds))];

			memcpy(to + n, s, strlen(s));
			n += strlen(s);
		}
	}
	for (uint32_t k = draw(3) ? 0 : draw(6); k && n; k--)
		to[draw((uint32_t)n)] = (uint8_t)draw(256);
	return n;
}

/* Feeds data in pieces of at most `piece` bytes (in memory of exactly that size, so that ASan sees any reading
 * past it) and notes where each response ended and how. Stops at the first malformed one. */
static size_t feed(framer_fn frame, const uint8_t *data, size_t length, size_t piece, uint64_t *results)
{
	struct framer f;
	size_t at = 0, n = 0;

	memset(&f, 0xa5, sizeof(f));
	framer_reset(&f);
	while (at < length) {
		size_t size = length - at < piece ? length - at : piece, used = 0;
		uint8_t *exact = malloc(size);
		enum frame result;

		memcpy(exact, data + at, size);
		result = frame(&f, exact, size, &used);
		free(exact);
		assert(used >= 1 && used <= size);
		assert(result != FRAME_MORE || used == size);
		at += used;
		if (result == FRAME_MORE)
			continue;
		assert(n < RESULTS);
		if (result == FRAME_MALFORMED) {
			results[n++] = FRAME_MALFORMED; /* where it shows may depend on the split */
			return n;
		}
		results[n++] = (uint64_t)at << 8 | (uint64_t)f.closing << 4 | (uint64_t)result;
	}
	return n;
}

static void fuzz_stream(framer_fn frame, uint64_t *responses)
{
	static uint64_t whole[RESULTS], split[RESULTS];
	uint8_t data[MOST + 256];
	size_t length = compose(data), n = feed(frame, data, length, length ? length : 1, whole);
	size_t m = feed(frame, data, length, 1 + draw(16), split);

	assert(n == m && memcmp(whole, split, n * sizeof(*whole)) == 0);
	*responses += n;
}

static void fuzz_requests(void)
{
	size_t size = draw(200);
	uint8_t *file = malloc(size + 1);
	struct requests r;
	char why[200];
	uint32_t words[] = {REQUESTS_VERSION, 1 + draw(3), draw(6), 12};

	for (size_t i = 0; i < size; i++)
		file[i] = (uint8_t)(draw(4) ? 0 : draw(256));
	if (size >= 24) {
		memcpy(file, REQUESTS_MAGIC, 8);
		memcpy(file + 8, words, sizeof(words));
	}
	if (requests_parse(&r, file, size, why, sizeof(why)) < 0) {
		free(file);
		return;
	}
	for (uint32_t i = 0; i < r.count; i++)
		for (uint32_t k = 0; k < r.list[i].length; k++)
			state += r.list[i].data[k];
	requests_free(&r);
}

static void fuzz_dns(void)
{
	size_t size = draw(40);
	uint8_t *data = malloc(size + 1);
	uint8_t *exact = malloc(size ? size : 1);
	uint16_t id = 0;

	for (size_t i = 0; i < size; i++)
		exact[i] = (uint8_t)draw(256);
	frame_dns(exact, size, &id);
	free(exact);
	free(data);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, responses = 0, rounds = 0;
	uint64_t until = now_ns() + (uint64_t)((argc > 2 ? strtod(argv[2], NULL) : 1) * (double)NS_PER_S);

	state = seed;
	while (now_ns() < until) {
		fuzz_stream(frame_resp, &responses);
		fuzz_stream(frame_http, &responses);
		fuzz_dns();
		fuzz_requests();
		rounds++;
	}
	printf("%llu rounds, %llu responses\n", (unsigned long long)rounds, (unsigned long long)responses);
	return 0;
}
