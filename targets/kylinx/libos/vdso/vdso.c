/* The clock for applications without entering the LibOS: linux-vdso.so.1 as libc looks for it (AT_SYSINFO_EHDR).
 * It runs in the application's context and reads the boot page's clock; what it cannot answer it calls the LibOS for. */
#include <asm/unistd_64.h>
#include <linux/errno.h>
#include <linux/time.h>
#include "../../abi/kx_abi.h"

#define NS_PER_S 1000000000u

static long system_call2(long number, long first, long second)
{
	long result;

	__asm__ volatile("lea 1f(%%rip), %%rcx\n\tjmp *%%gs:%c4\n1:"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(second), "i"(KX_GS_SYSCALL_ENTRY)
			 : "rcx", "r11", "cc", "memory");
	return result;
}

static uint64_t ordered_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* Nanoseconds of a clock whose value at the clock page's stamp is *base. */
static uint64_t read_clock(const uint64_t *base)
{
	const struct kx_clock *clock = &((const struct kx_boot *)KX_VA_BOOT)->clock;
	uint32_t seq;
	uint64_t ns, tsc;

	do {
		while ((seq = __atomic_load_n(&clock->seq, __ATOMIC_ACQUIRE)) & 1)
			__builtin_ia32_pause();
		ns = *(const volatile uint64_t *)base;
		tsc = ordered_tsc() - *(const volatile uint64_t *)&clock->tsc;
		if ((int64_t)tsc < 0)
			tsc = 0;
		ns += (uint64_t)((unsigned __int128)tsc * *(const volatile uint64_t *)&clock->mult >> 32);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&clock->seq, __ATOMIC_RELAXED) != seq);
	return ns;
}

static const uint64_t *base_of(int which)
{
	const struct kx_clock *clock = &((const struct kx_boot *)KX_VA_BOOT)->clock;

	switch (which) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return &clock->real_ns;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_MONOTONIC_RAW:
		return &clock->mono_ns;
	case CLOCK_BOOTTIME:
		return &clock->boot_ns;
	default:
		return 0;
	}
}

int __vdso_clock_gettime(int which, struct __kernel_timespec *to)
{
	const uint64_t *base = base_of(which);
	uint64_t ns;

	if (!base)
		return (int)system_call2(__NR_clock_gettime, which, (long)to);
	ns = read_clock(base);
	to->tv_sec = (long long)(ns / NS_PER_S);
	to->tv_nsec = (long long)(ns % NS_PER_S);
	return 0;
}

int __vdso_gettimeofday(struct __kernel_old_timeval *to, struct timezone *zone)
{
	if (zone)
		return (int)system_call2(__NR_gettimeofday, (long)to, (long)zone);
	if (to) {
		uint64_t ns = read_clock(base_of(CLOCK_REALTIME));

		to->tv_sec = (long)(ns / NS_PER_S);
		to->tv_usec = (long)(ns % NS_PER_S / 1000);
	}
	return 0;
}

long __vdso_time(long *to)
{
	long now = (long)(read_clock(base_of(CLOCK_REALTIME)) / NS_PER_S);

	if (to)
		*to = now;
	return now;
}

int __vdso_clock_getres(int which, struct __kernel_timespec *to)
{
	return (int)system_call2(__NR_clock_getres, which, (long)to);
}
