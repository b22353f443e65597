/* The RESP server: any bytes in any pieces; what it answers is RESP. Input: how it is offered (driver.c), what a client sends. */
#include "fuzz.h"

#define OUT_MOST (1u << 20)

static uint8_t out[OUT_MOST];

struct reader {
	const uint8_t *at, *end;
};

/* The number of a line; false: the output was cut off. */
static bool line(struct reader *r, long long *number)
{
	bool negative = false;

	*number = 0;
	for (; r->end - r->at >= 2; r->at++) {
		if (*r->at == '\r') {
			FUZZ_CHECK(r->at[1] == '\n');
			r->at += 2;
			*number = negative ? -*number : *number;
			return true;
		}
		FUZZ_CHECK(*r->at != '\n');
		negative |= *r->at == '-';
		if (*r->at >= '0' && *r->at <= '9')
			*number = *number % 100000000 * 10 + (*r->at - '0');
	}
	return false;
}

/* One reply; false: cut off. Arrays are gone through by counting, not by recursion. */
static bool reply(struct reader *r)
{
	long long number;

	for (unsigned long long wanted = 1; wanted; wanted--) {
		uint8_t type;

		if (r->at == r->end)
			return false;
		type = *r->at++;
		FUZZ_CHECK(strchr("+-:$*_%~,=", type));
		if (!line(r, &number))
			return false;
		if ((type == '*' || type == '~') && number > 0)
			wanted += (unsigned long long)number;
		if (type == '%')
			wanted += 2 * (unsigned long long)number;
		if ((type == '$' || type == '=') && number >= 0) {
			if (r->end - r->at < number + 2)
				return false;
			r->at += number;
			FUZZ_CHECK(r->at[0] == '\r' && r->at[1] == '\n');
			r->at += 2;
		}
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct offer offer = fuzz_offer(data, count);
	struct reader r = { out, out };

	FUZZ_CHECK(!app.start(NULL));
	r.end += fuzz_stream(&offer, out, OUT_MOST);
	app.tick();
	while (reply(&r))
		;
	if (r.end < out + OUT_MOST) /* cut off by nobody: it ends with a reply */
		FUZZ_CHECK(r.at == r.end);
	app.stop();
	fuzz_all_given_back();
	return 0;
}
