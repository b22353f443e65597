/* Spin locks shared by all pVMs of the family. A holder is never preempted by the LibOS, only by the host. */
#include "core.h"

#define SPINS_BEFORE_YIELD 200 /* about 5 us: longer than any section held, shorter than a yield */

static inline bool take(struct lock *l)
{
	u32 free = 0;
	return __atomic_compare_exchange_n(&l->owner, &free, this_slot() + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

bool try_lock(struct lock *l)
{
	if (!take(l))
		return false;
	this_runq()->held++;
	return true;
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
			if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) == 0 && take(l))
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
	if (unlikely(!take(l)))
		lock_slow(l);
	this_runq()->held++;
}

static void call_now(u32 nr, u32 slot)
{
	const struct kx_boot *b = boot_info;
	if (nr == KX_HC_NOTIFY && __atomic_load_n(&b->notify_port[slot / 64], __ATOMIC_RELAXED) >> slot % 64 & 1 &&
		!__atomic_load_n(&b->notify_traced, __ATOMIC_RELAXED)) {
		this_runq()->notified++;
		__asm__ volatile("outl %%eax, %1" : : "a"(slot), "N"(KX_PORT_NOTIFY) : "memory");
		return;
	}
	hypercall(nr, slot, 0, 0, 0, 0);
}

static __attribute__((noinline)) void calls_flush(struct runq *rq)
{
	while (rq->calls_due) {
		u32 i = --rq->calls_due;
		call_now(rq->call_due[i].nr, rq->call_due[i].slot);
	}
}

void call_slot(u32 nr, u32 slot)
{
	struct runq *rq = this_runq();
	if (!rq->held || rq->calls_due == ARRAY_SIZE(rq->call_due)) {
		call_now(nr, slot);
		return;
	}
	rq->call_due[rq->calls_due].nr = nr;
	rq->call_due[rq->calls_due++].slot = slot;
}

void unlock(struct lock *l)
{
	struct runq *rq = this_runq();
	if (HOSTED && l->owner != this_slot() + 1)
		panic("slot %u releases lock %p of %u, from %p", this_slot(), (void *)l, l->owner - 1, __builtin_return_address(0));
	__atomic_store_n(&l->owner, 0, __ATOMIC_RELEASE);
	if (--rq->held == 0 && unlikely(rq->calls_due))
		calls_flush(rq);
}
