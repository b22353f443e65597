/* The family's clock page: wall and monotonic time from the TSC, which the guest reads itself (its offset is 0). */
#include <x86intrin.h>
#include "family.h"

static uint64_t read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

/* TSC and CLOCK_MONOTONIC at the same moment, as nearly as five tries allow. */
static void sample(uint64_t *tsc, uint64_t *ns)
{
	uint64_t best = NEVER;

	for (int i = 0; i < 5; i++) {
		uint64_t before = __rdtsc(), t = clock_mono_ns(), after = __rdtsc();

		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*ns = t;
		}
	}
}

static uint64_t base_tsc, base_ns;       /* first sample: the rate is taken over all the time since then */

static uint64_t at(const struct kx_clock *c, uint64_t tsc)
{
	return c->mono_ns + (uint64_t)((unsigned __int128)(tsc - c->tsc) * c->mult >> 32);
}

/* What the other clocks are ahead of CLOCK_MONOTONIC, all read at the same moment, as nearly as five tries allow: guests would see
 * their wall clock leap by what passes in between. */
static void ahead(uint64_t *real, uint64_t *boot)
{
	uint64_t best = NEVER;

	for (int i = 0; i < 5; i++) {
		uint64_t before = clock_mono_ns();
		uint64_t r = read_ns(CLOCK_REALTIME), b = read_ns(CLOCK_BOOTTIME), after = clock_mono_ns();

		if (after - before < best) {
			best = after - before;
			*real = r - before - best / 2;
			*boot = b - before - best / 2;
		}
	}
}

static void publish(struct kx_clock *c, uint64_t tsc, uint64_t ns, uint64_t mult)
{
	uint64_t real = 0, boot = 0;

	ahead(&real, &boot);
	__atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	c->tsc = tsc;
	c->mult = mult;
	c->mono_ns = ns;
	c->real_ns = ns + real;
	c->boot_ns = ns + boot;
	__atomic_store_n(&c->seq, c->seq + 1, __ATOMIC_RELEASE);
}

/* At the monitor's start: some time passes until the guest runs. */
void clock_begin(void)
{
	sample(&base_tsc, &base_ns);
}

/* The rate to begin with is KVM's, in kHz; without one it is measured since clock_begin(). */
void clock_start(struct kx_clock *c, uint32_t khz)
{
	uint64_t tsc, ns;

	do
		sample(&tsc, &ns);
	while (!khz && ns - base_ns < 2000000);
	publish(c, tsc, ns, khz ? (1000000ull << 32) / khz : (uint64_t)(((unsigned __int128)(ns - base_ns) << 32) / (tsc - base_tsc)));
}

/* About once a second. The new line goes on where the old one stands now, so time never jumps or goes back; its slope makes
 * it meet CLOCK_MONOTONIC a second later (at most 1 part in 16 off the true rate). */
void clock_update(struct kx_clock *c)
{
	uint64_t tsc, ns;

	sample(&tsc, &ns);
	if (ns <= base_ns || tsc <= base_tsc)
		return;
	uint64_t rate = (uint64_t)(((unsigned __int128)(ns - base_ns) << 32) / (tsc - base_tsc));
	uint64_t shown = at(c, tsc);
	int64_t behind = (int64_t)(ns - shown), most = (int64_t)(NS_PER_SECOND / 16);

	behind = behind > most ? most : behind < -most ? -most : behind;
	publish(c, tsc, shown, rate + (uint64_t)((__int128)rate * behind / (int64_t)NS_PER_SECOND));
}
