/* On which of the host's CPUs a pVM runs: its processes' sched_setaffinity, within what the family may use. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include "family.h"

#define CPUS (KX_AFFINITY_WORDS * 64)
#define MASK_BYTES (KX_AFFINITY_WORDS * 8)

static cpu_set_t all;                    /* the family's */
static int host_cpu[CPUS];               /* of each of its CPUs as the guest counts them */
static uint64_t exist[KX_AFFINITY_WORDS];

void affinity_begin(void)
{
	int n = 0;

	if (sched_getaffinity(0, sizeof all, &all))
		die("sched_getaffinity: %s", strerror(errno));
	for (int cpu = 0; cpu < CPU_SETSIZE && n < CPUS; cpu++)
		if (CPU_ISSET(cpu, &all)) {
			exist[n / 64] |= 1ull << n % 64;
			host_cpu[n++] = cpu;
		}
}

static bool any(const uint64_t *mask)
{
	for (int i = 0; i < KX_AFFINITY_WORDS; i++)
		if (mask[i])
			return true;
	return false;
}

/* Only a thread itself may change its affinity (seccomp.c): another is asked to, as soon as it is out of the guest. */
int64_t affinity_set(uint64_t slot, const uint64_t *mask)
{
	struct vcpu *v = family_live(slot);
	uint64_t wanted[KX_AFFINITY_WORDS];

	for (int i = 0; i < KX_AFFINITY_WORDS; i++)
		wanted[i] = mask[i] & exist[i];
	if (!v || !any(wanted))
		return -EINVAL;
	if (!memcmp(wanted, exist, MASK_BYTES))
		memset(wanted, 0, MASK_BYTES);
	for (int i = 0; i < KX_AFFINITY_WORDS; i++)
		__atomic_store_n(&v->affinity[i], wanted[i], __ATOMIC_RELAXED);
	__atomic_store_n(&v->affinity_due, 1, __ATOMIC_RELEASE);
	return 0;
}

/* Before it runs: by its starter. */
void affinity_inherit(struct vcpu *v, const struct vcpu *parent)
{
	for (int i = 0; i < KX_AFFINITY_WORDS; i++)
		v->affinity[i] = parent ? __atomic_load_n(&parent->affinity[i], __ATOMIC_RELAXED) : 0;
	v->affinity_due = memcmp(v->affinity, v->affinity_now, MASK_BYTES) != 0;
}

/* Nobody has said where it is to run. */
bool affinity_free(const struct vcpu *v)
{
	return !any(v->affinity_now);
}

void affinity_apply(struct vcpu *v)
{
	cpu_set_t set;

	__atomic_store_n(&v->affinity_due, 0, __ATOMIC_SEQ_CST);
	for (int i = 0; i < KX_AFFINITY_WORDS; i++)
		v->affinity_now[i] = __atomic_load_n(&v->affinity[i], __ATOMIC_RELAXED);
	CPU_ZERO(&set);
	for (int i = 0; i < CPUS; i++)
		if (v->affinity_now[i / 64] & 1ull << i % 64)
			CPU_SET(host_cpu[i], &set);
	if (sched_setaffinity(0, sizeof set, CPU_COUNT(&set) ? &set : &all))
		log_line("slot %u: sched_setaffinity: %s", v->slot, strerror(errno));
}
