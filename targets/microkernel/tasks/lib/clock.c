/* Unix time, by the seconds that the board's clock showed when the program was started: less than one behind,
 * and ahead by two milliseconds at most. */
#include "mk.h"

#define SHARP_MS 1
#define NEARLY_MS 10
#define LOOK_MS 1                 /* the second was seen to begin later than it did: not to be behind by that */

static uint64_t ms;

uint64_t mk_unix_ms(void)
{
	static uint64_t counted_to;
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

bool mk_unix_sharpen(void)
{
	static uint32_t behind_ms = 1000; /* at most */
	uint64_t before, after, shown;
	int seconds;

	if (behind_ms <= SHARP_MS)
		return true;
	before = mk_unix_ms();
	seconds = mk_board_seconds();
	after = mk_unix_ms();
	if (seconds <= 0)
		return true; /* there is no clock */
	shown = (uint64_t)(unsigned)seconds * 1000;
	if (shown > after) { /* that second has begun */
		uint32_t late = (uint32_t)(shown - after) + LOOK_MS;

		ms += late;
		before += late;
		behind_ms -= late < behind_ms ? late : behind_ms;
	}
	if (shown + 1000 < before + behind_ms) /* and was not over when we asked */
		behind_ms = shown + 1000 > before ? (uint32_t)(shown + 1000 - before) : 0;
	return behind_ms <= NEARLY_MS;
}
