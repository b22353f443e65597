/* A task that a timer wakes each period, and how late it is. */
#ifndef MK_LIB_PERIODS_H
#define MK_LIB_PERIODS_H
#include <stdbool.h>

struct mk_periods {
	unsigned period_us;
	volatile bool stop;
	volatile unsigned seen;          /* up to the last that was */
	volatile unsigned missed;        /* not seen before the next was due */
	volatile unsigned latest_counts; /* longest from a period's begin until the task went on, in counts of CNTVCT */
};

void mk_periods_watch(void *periods); /* a task's, until it is to stop */
unsigned mk_periods_latest_ns(const struct mk_periods *);
#endif
