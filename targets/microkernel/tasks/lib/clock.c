/* Unix time, by the seconds that the board's clock showed when the program was started. */
#include "mk.h"

uint64_t mk_unix_ms(void)
{
	static uint64_t ms, counted_to;
	static uint32_t counts_in_ms;
	uint64_t counter = mk_counter();
	uint32_t past;

	if (!counts_in_ms) {
		counts_in_ms = mk_counter_hz() / 1000;
		ms = (uint64_t)mk_started->unix_s * 1000;
		counted_to = mk_started->unix_counter;
	}
	for (; counter - counted_to > UINT32_MAX; counted_to += (uint64_t)counts_in_ms * 50000)
		ms += 50000;
	past = (uint32_t)(counter - counted_to) / counts_in_ms; /* 32 bits: no call of a library's division */
	ms += past;
	counted_to += (uint64_t)past * counts_in_ms;
	return ms;
}
