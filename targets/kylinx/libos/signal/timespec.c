/* Times as the application writes them, and back. */
#include "signal.h"

#define NS 1000000000UL

bool timespec_valid(const struct __kernel_timespec *t)
{
	return t->tv_sec >= 0 && t->tv_nsec >= 0 && (u64)t->tv_nsec < NS;
}

u64 timespec_ns(const struct __kernel_timespec *t)
{
	if ((u64)t->tv_sec >= (NEVER >> 1) / NS)
		return NEVER >> 1;
	return (u64)t->tv_sec * NS + (u64)t->tv_nsec;
}

struct __kernel_timespec ns_timespec(u64 ns)
{
	return (struct __kernel_timespec){ .tv_sec = (s64)(ns / NS), .tv_nsec = (s64)(ns % NS) };
}
