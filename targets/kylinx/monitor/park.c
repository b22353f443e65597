/* Idle vCPUs: how their threads wait for the next pVM. */
#include <errno.h>
#include <sched.h>
#include <sys/sdt.h>
#include "family.h"

#define PREPARE_SPIN_NS 40000

/* A pooled thread is woken before its pVM is ready: it spins for as long as a fork may take, then sleeps. */
void vcpu_wait_for_go(struct vcpu *v)
{
	uint64_t since = 0;

	for (;;) {
		uint32_t phase = __atomic_load_n(&v->phase, __ATOMIC_ACQUIRE);

		if (phase == VCPU_GO || phase == VCPU_ANEW)
			return;
		if (phase == VCPU_PREPARE && !since)
			since = clock_mono_ns();
		if (phase == VCPU_PREPARE && clock_mono_ns() - since < PREPARE_SPIN_NS) {
			for (int i = 0; i < 16; i++)
				__builtin_ia32_pause();
			continue;
		}
		__atomic_store_n(&v->asleep, 1, __ATOMIC_SEQ_CST);
		futex_wait(&v->phase, phase, NEVER);
		__atomic_store_n(&v->asleep, 0, __ATOMIC_SEQ_CST);
		since = 0;
	}
}

void vcpu_phase(struct vcpu *v, enum vcpu_phase phase)
{
	__atomic_store_n(&v->phase, phase, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&v->asleep, __ATOMIC_SEQ_CST))
		futex_wake(&v->phase, 1);
}

/* An idle vCPU goes into the guest and waits there, in the space that its pVM will have: its KVM_RUN, the first touches of what the
 * family shares, and, when it comes soon, waking up are then not part of a fork. */
void park(struct vcpu *v)
{
	v->parked = v->begun = false;
	if (!family.booted || !(memory_libos()->flags & KX_LIBOS_PARKS))
		return;
	if (!v->space)
		v->space = space_create();
	if (!v->space)
		return;
	v->entry = memory_libos()->entry_child;
	v->area->self = KX_VA_VCPUS + (uint64_t)v->slot * KX_VCPU_STRIDE;
	v->area->may_spin = affinity_free(v);
	v->area->parked = 1;
	v->parked = true;
	vcpu_begin(v);
}

/* One that is not parked waits here until it has a pVM, which may be live before its thread comes here. */
void vcpu_await(struct vcpu *v)
{
	if (v->begun)
		return;
	vcpu_wait_for_go(v);
	vcpu_begin(v);
	DTRACE_PROBE1(kxmonitor, fork_child, v->slot);
}

/* Something else than to ask to sleep. Not used again. */
static void stray_end(struct vcpu *v)
{
	while (!pool_forget(v)) {
		if (__atomic_load_n(&v->phase, __ATOMIC_ACQUIRE) == VCPU_GO) {
			vcpu_end(v, "left its place before it was let go");
			return;
		}
		sched_yield();
	}
	log_line("slot %u: left its place before it was let go; not used again", v->slot);
	space_destroy(v->space);
	v->space = NULL;
	v->ended = true;
}

/* What its pVM left is of no use: again, in an empty space. */
static bool parked_anew(struct vcpu *v)
{
	if (__atomic_load_n(&v->phase, __ATOMIC_ACQUIRE) != VCPU_ANEW)
		return false;
	__atomic_store_n(&v->kick, 0, __ATOMIC_RELAXED);
	space_destroy(v->space);
	v->space = NULL;
	park(v);
	pool_put(v);
	return true;
}

/* A parked vCPU came out of the guest and no pVM is on it yet. All it may do is ask to sleep: whatever else is somebody's play with
 * the family's memory, and nothing that follows an exit of a pVM is done for it. Its request is looked at once, here. */
void park_exit(struct vcpu *v, int error)
{
	uint64_t nr = *(const volatile uint64_t *)&v->area->hc_nr;

	if (parked_anew(v))
		return;
	if (error == EINTR || (!error && v->run->exit_reason == KVM_EXIT_INTR))
		__atomic_store_n(&v->kick, 0, __ATOMIC_RELAXED); /* it runs no application */
	else if (error == EAGAIN)
		return;
	else if (!error && v->run->exit_reason == KVM_EXIT_IO && v->run->io.direction == KVM_EXIT_IO_OUT && v->run->io.port == KX_PORT &&
		nr == KX_HC_PARK) {
		__atomic_fetch_add(&family.hypercalls[nr], 1, __ATOMIC_RELAXED);
		vcpu_wait_for_go(v);
		v->area->hc_ret = 0;
		parked_anew(v);
	} else
		stray_end(v);
}
