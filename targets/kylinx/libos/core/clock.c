/* Time from the TSC and the figures the monitor keeps in the boot page. */
#include "core.h"

struct reading { u64 mono, real, boot; };

static inline struct reading read_clock(void)
{
	const struct kx_clock *c = &boot_info->clock;
	struct reading r;
	u32 seq;
	do {
		while ((seq = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE)) & 1)
			cpu_pause();
		s64 ticks = (s64)(rdtsc() - c->tsc);
		u64 passed = ticks < 0 ? 0 : (u64)((unsigned __int128)(u64)ticks * c->mult >> 32);
		r.mono = c->mono_ns + passed;
		r.real = c->real_ns + passed;
		r.boot = c->boot_ns + passed;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (unlikely(__atomic_load_n(&c->seq, __ATOMIC_RELAXED) != seq));
	return r;
}

u64 now_mono_ns(void) { return read_clock().mono; }
u64 now_real_ns(void) { return read_clock().real; }
u64 now_boot_ns(void) { return read_clock().boot; }

u64 deadline_after(u64 ns)
{
	u64 now = now_mono_ns();
	return ns > NEVER - now ? NEVER : now + ns;
}
