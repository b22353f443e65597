/* Spin locks shared by all pVMs of the family. A holder is never preempted by the LibOS, only by the host. */
#include "core.h"

#define SPINS_BEFORE_YIELD 200 /* about 5 us: longer than any section held, shorter than a yield */

bool try_lock(struct lock *l)
{
	u32 free = 0;
	return __atomic_compare_exchange_n(&l->owner, &free, this_slot() + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* The holder's pVM was ended by the monitor in the middle: the family goes on, what the lock guards may be half done. */
static bool seize(struct lock *l, u32 owner)
{
	if (owner == 0 || vcpu_of(owner - 1)->state != KX_SLOT_FREE)
		return false;
	return __atomic_compare_exchange_n(&l->owner, &owner, this_slot() + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void lock_slow(struct lock *l)
{
	for (;;) {
		for (u32 i = 0; i < SPINS_BEFORE_YIELD; i++) {
			if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) == 0 && try_lock(l))
				return;
			cpu_pause();
		}
		u32 owner = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);
		if (owner == this_slot() + 1)
			panic("slot %u takes lock %p twice, from %p", owner - 1, (void *)l, __builtin_return_address(0));
		if (seize(l, owner))
			return;
		hypercall(KX_HC_YIELD, 0, 0, 0, 0, 0);
	}
}

void lock(struct lock *l)
{
	if (unlikely(!try_lock(l)))
		lock_slow(l);
}

void unlock(struct lock *l)
{
	if (HOSTED && l->owner != this_slot() + 1)
		panic("slot %u releases lock %p of %u, from %p", this_slot(), (void *)l, l->owner - 1, __builtin_return_address(0));
	__atomic_store_n(&l->owner, 0, __ATOMIC_RELEASE);
}
