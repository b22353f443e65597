/* The DNS server's master files. Input: two bytes of it say when memory runs out (driver.c), the file. What is loaded is asked. */
#include "fuzz.h"

#define ROOM 4096

static void ask(const char *label, unsigned type)
{
	uint8_t query[100] = { 0, 1, 0, 0, 0, 1 }, room[ROOM];
	size_t n = 12, length = strlen(label);

	if (length) {
		query[n] = (uint8_t)length;
		memcpy(query + n + 1, label, length);
		n += 1 + length;
	}
	memcpy(query + n, "\1x\4test\0\0\0\0\1", 12);
	query[n + 9] = (uint8_t)type;
	n = app.datagram(query, n + 12, room, ROOM);
	FUZZ_CHECK(n >= 12 && n <= 512);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	static const unsigned types[] = { 1, 2, 5, 6, 15, 16, 28, 33, 43, 255 };
	struct offer offer = fuzz_offer(data, count);
	const char *wrong;

	fuzz_file("/x.test.zone", offer.bytes, offer.count, false);
	wrong = app.start("/x.test.zone");
	FUZZ_CHECK(!wrong || (strlen(wrong) > 5 && strlen(wrong) < 200));
	for (size_t i = 0; !wrong && i < sizeof types / sizeof *types; i++) {
		ask("", types[i]);
		ask("a", types[i]);
		ask("nothing", types[i]);
	}
	app.stop();
	fuzz_all_given_back();
	return 0;
}
