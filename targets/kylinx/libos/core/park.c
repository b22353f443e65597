/* Slots that no pVM has yet: they wait in the guest already, so that one that is forked need not be brought in first. */
#include "core.h"

#define SPIN_FIRST_NS 10000
#define SPIN_MAX_NS 500000
#define STOLEN_NS 20000          /* between two looks at the clock: somebody else ran on this CPU */
#define REST_NS 5000000

static u64 spin_ns = SPIN_FIRST_NS, rest_until; /* of the whole family: forks come one after another, whichever slot they get */

static bool to_spare(const struct kx_vcpu *v)
{
	return v->may_spin && (s32)__atomic_load_n(&active_slots, __ATOMIC_RELAXED) < (s32)boot_info->cpus;
}

/* What came so soon that watching would have met it makes the next watch longer, what did not shorter. */
static void adapt(u64 now, u64 idle_ns)
{
	u64 spin = __atomic_load_n(&spin_ns, __ATOMIC_RELAXED);
	if (now < __atomic_load_n(&rest_until, __ATOMIC_RELAXED))
		return;
	if (idle_ns > SPIN_MAX_NS)
		spin = spin > SPIN_FIRST_NS ? spin / 2 : 0;
	else if (idle_ns > spin)
		spin = !spin ? SPIN_FIRST_NS : spin * 2 < SPIN_MAX_NS ? spin * 2 : SPIN_MAX_NS;
	__atomic_store_n(&spin_ns, spin, __ATOMIC_RELAXED);
}

/* Watches for as long as has been worth it of late, then the monitor has it sleep. */
void slot_parked(void)
{
	struct kx_vcpu *v = this_vcpu();
	if (!v->parked)
		return;
	u64 begin = now_mono_ns(), now = begin, before;
	while (__atomic_load_n(&v->parked, __ATOMIC_ACQUIRE)) {
		if (now - begin >= __atomic_load_n(&spin_ns, __ATOMIC_RELAXED) || !to_spare(v)) {
			hypercall(KX_HC_PARK, 0, 0, 0, 0, 0);
			now = now_mono_ns();
			continue;
		}
		for (u32 i = 0; i < 8 && __atomic_load_n(&v->parked, __ATOMIC_RELAXED); i++)
			cpu_pause();
		before = now;
		now = now_mono_ns();
		if (now - before > STOLEN_NS) {
			__atomic_store_n(&spin_ns, 0, __ATOMIC_RELAXED);
			__atomic_store_n(&rest_until, now + REST_NS, __ATOMIC_RELAXED);
		}
	}
	now = now_mono_ns();
	adapt(now, now - begin);
}
