/* The board's clock (PL031): what unix time it is when a program starts; programs count on from there. */
#include "init.h"

static const volatile uint32_t *clock; /* NULL: the board has none, and it is 1970 */

void clock_open(void)
{
	for (unsigned d = 0; d < boot->devices; d++)
		if (boot->device[d].kind == MK_DEVICE_PL031) {
			void *at = mk_region(boot->device[d].pages);

			if (at && !mk_device_map(d, (unsigned)at))
				clock = at;
		}
}

uint32_t clock_seconds(void)
{
	return clock ? *clock : 0;
}

void clock_read(struct mk_start *s)
{
	s->unix_s = clock_seconds();
	s->unix_counter = mk_counter();
}
