/* CLOCK_MONOTONIC in nanoseconds: the one clock of the generator (22 ns a read through the vDSO). */
#ifndef KXB_CLOCK_H
#define KXB_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_US 1000ULL
#define NEVER UINT64_MAX

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

#endif
