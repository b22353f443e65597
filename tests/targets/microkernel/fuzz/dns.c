/* The DNS server's queries: any datagram, and any bytes on a connection. Input: how it is offered (driver.c), the bytes. */
#include "fuzz.h"

#define OUT_MOST (1u << 20)
#define ROOM 4096

static const char zone[] =
	"$TTL 60\n@ SOA ns h 1 2 3 4 5\n NS ns\n MX 10 mail\nns A 192.0.2.1\n AAAA 2001:db8::1\nmail A 192.0.2.2\n"
	"a CNAME b\nb CNAME c\nc TXT one two\nloop CNAME pool\npool CNAME loop\n*.w A 192.0.2.3\n*.v CNAME c\nd NS n.d\nn.d A 192.0.2.4\n"
	"s SRV 1 2 3 mail\nbig TXT 0123456789012345678901234567890123456789012345678901234567890123456789 a b c d e f g h i j k l m n\n"
	"big TXT 1123456789012345678901234567890123456789012345678901234567890123456789 a b c d e f g h i j k l m n\n"
	"big TXT 2123456789012345678901234567890123456789012345678901234567890123456789 a b c d e f g h i j k l m n\n"
	"big TXT 3123456789012345678901234567890123456789012345678901234567890123456789 a b c d e f g h i j k l m n\n"
	"big TXT 4123456789012345678901234567890123456789012345678901234567890123456789 a b c d e f g h i j k l m n\n"
	"big TXT 5123456789012345678901234567890123456789012345678901234567890123456789 a b c d e f g h i j k l m n\n";

static uint8_t out[OUT_MOST];

static unsigned number(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* Over a name, whose pointers must lead back, each further than the one before. */
static const uint8_t *name(const uint8_t *message, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *after = NULL, *before = at;
	unsigned bytes = 1;

	for (;;) {
		FUZZ_CHECK(at < end);
		if (!*at)
			return after ? after : at + 1;
		if (*at >= 0xc0) {
			FUZZ_CHECK(end - at >= 2);
			after = after ? after : at + 2;
			at = message + (number(at) & 0x3fff);
			FUZZ_CHECK(at >= message + 12 && at < before);
			before = at;
		} else {
			FUZZ_CHECK(*at <= 63);
			bytes += 1u + *at;
			FUZZ_CHECK(bytes <= 255);
			at += 1 + *at;
		}
	}
}

static void check_answer(const uint8_t *query, const uint8_t *at, size_t bytes)
{
	const uint8_t *message = at, *end = at + bytes;
	unsigned questions, records;

	FUZZ_CHECK(bytes >= 12 && (!query || !memcmp(at, query, 2)) && at[2] & 0x80);
	questions = number(at + 4);
	records = number(at + 6) + number(at + 8) + number(at + 10);
	FUZZ_CHECK(questions <= 1);
	at += 12;
	if (questions)
		at = name(message, at, end) + 4;
	for (; records; records--) {
		at = name(message, at, end);
		FUZZ_CHECK(end - at >= 10 && end - at - 10 >= (ptrdiff_t)number(at + 8));
		at += 10 + number(at + 8);
	}
	FUZZ_CHECK(at == end);
}

static void one_datagram(const struct offer *offer)
{
	uint8_t *room = __builtin_malloc(ROOM), *in = __builtin_malloc(offer->count + 1);
	size_t n;

	memcpy(in + 1, offer->bytes, offer->count);
	n = app.datagram(in + 1, offer->count, room, ROOM);
	FUZZ_CHECK(n <= 1232);
	if (n)
		check_answer(in + 1, room, n);
	__builtin_free(in);
	__builtin_free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	static bool started;
	struct offer offer;
	size_t total, at = 0;

	if (!started) { /* the zone stays: loading it each time would be what is fuzzed */
		fuzz_offer(NULL, 0);
		fuzz_file("/x.test.zone", zone, sizeof zone - 1, false);
		FUZZ_CHECK(!app.start("/x.test.zone"));
		started = true;
	}
	offer = fuzz_offer(data, count);
	one_datagram(&offer);
	total = fuzz_stream(&offer, out, OUT_MOST);
	while (total - at >= 2 && total - at - 2 >= number(out + at)) {
		check_answer(NULL, out + at + 2, number(out + at));
		at += 2 + number(out + at);
	}
	return 0;
}
