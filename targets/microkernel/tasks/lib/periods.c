#include "periods.h"
#include "mk.h"

void mk_periods_watch(void *periods)
{
	struct mk_periods *p = periods;
	unsigned port = (unsigned)mk_port_create(), timer = (unsigned)mk_timer_create(port, 1);
	uint64_t period = (uint64_t)mk_counter_hz() * p->period_us / 1000000, begin = mk_counter();
	struct mk_message m;

	mk_timer_set(timer, p->period_us, p->period_us);
	while (!p->stop) {
		unsigned at, late;

		mk_receive(port, &m, 0);
		at = (unsigned)((mk_counter() - begin) / period);
		late = (unsigned)(mk_counter() - begin - at * period);
		p->missed += at - p->seen - 1;
		p->seen = at;
		p->latest_counts = late > p->latest_counts ? late : p->latest_counts;
	}
	mk_drop(timer);
	mk_drop(port);
}

unsigned mk_periods_latest_ns(const struct mk_periods *p)
{
	return (unsigned)((uint64_t)p->latest_counts * 1000000000 / mk_counter_hz());
}
