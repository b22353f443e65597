/* Event channels: a slot sleeps on the events word of its area, others change the word and wake it; kicks; timers. */
#include <errno.h>
#include <sys/sdt.h>
#include "family.h"

static uint32_t events_of(const struct vcpu *v)
{
	return __atomic_load_n(&v->area->events, __ATOMIC_ACQUIRE);
}

bool events_timer_due(struct vcpu *v)
{
	if (v->timer_deadline == NEVER || clock_mono_ns() < v->timer_deadline)
		return false;
	v->timer_deadline = NEVER;
	__atomic_fetch_or(&v->area->attention, KX_ATTENTION_TIMER, __ATOMIC_RELEASE);
	__atomic_fetch_add(&v->area->events, 1, __ATOMIC_RELEASE);
	return true;
}

/* The word lies in guest memory: a guest that writes it at will only wakes itself. The timer's signal and kicks interrupt
 * the sleep; the guest looks at why, a wake without reason is allowed. */
int64_t events_wait(struct vcpu *v, uint32_t seen, uint64_t deadline)
{
	int64_t result = 0;

	__atomic_store_n(&v->waiting, 1, __ATOMIC_SEQ_CST);
	while (events_of(v) == seen && !__atomic_load_n(&v->ending, __ATOMIC_ACQUIRE)) {
		uint64_t until = deadline < v->timer_deadline ? deadline : v->timer_deadline;
		long r = futex_wait(&v->area->events, seen, until);

		if (events_timer_due(v))
			break;
		if (r == -ETIMEDOUT && deadline != NEVER && clock_mono_ns() >= deadline) {
			result = -ETIMEDOUT;
			break;
		}
		if (r == -EINTR)
			break;
	}
	__atomic_store_n(&v->waiting, 0, __ATOMIC_RELEASE);
	DTRACE_PROBE1(kxmonitor, ipc_wake, v->slot);
	return result;
}

int64_t events_notify(struct vcpu *v, uint64_t slot)
{
	struct vcpu *target = family_vcpu(slot);

	if (!target)
		return -EINVAL;
	DTRACE_PROBE2(kxmonitor, ipc_notify, v->slot, target->slot);
	futex_wake(&target->area->events, 1);
	return 0;
}

int64_t events_kick(uint64_t slot)
{
	struct vcpu *target = family_vcpu(slot);

	if (!target)
		return -EINVAL;
	vcpu_kick(target);
	return 0;
}

void events_bump(struct vcpu *v)
{
	__atomic_fetch_add(&v->area->events, 1, __ATOMIC_RELEASE);
	futex_wake(&v->area->events, 1);
}

/* The timer's signal goes to the vCPU's thread: it interrupts KVM_RUN or the sleep. */
int64_t events_timer(struct vcpu *v, uint64_t deadline)
{
	struct itimerspec at = { 0 };

	v->timer_deadline = deadline;
	if (deadline != NEVER) {
		at.it_value.tv_sec = (time_t)(deadline / NS_PER_SECOND);
		at.it_value.tv_nsec = (long)(deadline % NS_PER_SECOND);
		if (!deadline)
			at.it_value.tv_nsec = 1;
	}
	return timer_settime(v->timer, TIMER_ABSTIME, &at, NULL) ? -errno : 0;
}
