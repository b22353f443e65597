/* The HTTP server: any bytes in any pieces. Input: how it is offered (driver.c), what a client sends. */
#include "fuzz.h"

#define OUT_MOST (1u << 20)
#define BIG 100000

static uint8_t out[OUT_MOST], big[BIG];

static void files(void)
{
	fuzz_file("/", NULL, 0, true);
	fuzz_file("/d", NULL, 0, true);
	fuzz_file("/d/", NULL, 0, true);
	fuzz_file("/f", "file", 4, false);
	fuzz_file("/index.html", "index", 5, false);
	fuzz_file("/d/big.html", big, BIG, false);
	fuzz_file("/empty.txt", "", 0, false);
}

/* A head of printable lines: nothing of the request has put a line end into a field. */
static void check_head(const uint8_t *at, const uint8_t *end)
{
	unsigned lines = 0;

	if (end - at < 13)
		return;
	FUZZ_CHECK(!memcmp(at, "HTTP/1.1 ", 9) && at[9] >= '2' && at[9] <= '5' && at[12] == ' ');
	for (; at < end; lines++) {
		const uint8_t *line = at;

		while (at < end && *at >= ' ' && *at < 0x7f)
			at++;
		if (end - at < 2) /* cut off: no memory */
			return;
		FUZZ_CHECK(at[0] == '\r' && at[1] == '\n');
		if (at == line)
			break;
		FUZZ_CHECK(!lines || memchr(line, ':', (size_t)(at - line)));
		at += 2;
	}
	FUZZ_CHECK(lines >= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct offer offer = fuzz_offer(data, count);

	files();
	FUZZ_CHECK(!app.start(NULL));
	check_head(out, out + fuzz_stream(&offer, out, OUT_MOST));
	app.stop();
	fuzz_all_given_back();
	return 0;
}
