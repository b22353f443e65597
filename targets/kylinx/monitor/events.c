/* Event channels: a slot sleeps on the events word of its area, others change the word and wake it; kicks; timers. */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sdt.h>
#include <unistd.h>
#include "family.h"

#define NOTIFY_PORT_AFTER 8              /* waits: those that live shortly need none */
#define NOTIFY_PORT_DONE UINT32_MAX
#define NOTIFY_PORTS_OWN 128             /* in a pVM's own VM: KVM looks through them one by one */
#define NOP 0x90
#define BREAKPOINT 0xcc

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

int events_open(struct vcpu *v)
{
	v->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return v->wake_fd < 0 ? -errno : 0;
}

static void wake(struct vcpu *v)
{
	uint64_t one = 1;

	if (write(v->wake_fd, &one, sizeof one) < 0)
		return;                          /* as full as can be: it wakes anyway */
}

/* By which those in that VM notify v. */
static int make_port(int vm_fd, const struct vcpu *v)
{
	struct kvm_ioeventfd port = { .addr = KX_PORT_NOTIFY, .len = 4, .fd = v->wake_fd, .datamatch = v->slot,
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH };

	return ioctl(vm_fd, KVM_IOEVENTFD, &port);
}

/* A pVM that has waited a few times gets a port: KVM itself then writes its eventfd, which costs the notifier a tenth of a
 * hypercall. KVM has room for some hundreds; the rest are notified by hypercall. Where each pVM has a VM of its own, the port is
 * made in the VM of who writes to it, when that first comes out to the monitor. */
static void take_port(struct vcpu *v)
{
	if (v->waits == NOTIFY_PORT_DONE || ++v->waits < NOTIFY_PORT_AFTER)
		return;
	v->waits = NOTIFY_PORT_DONE;
	if (family.settings->vm_per_pvm || !make_port(family.vm_fd, v))
		__atomic_fetch_or(&memory_boot()->notify_port[v->slot / 64], 1ull << v->slot % 64, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) void told(uint32_t slot, uint32_t target)
{
	DTRACE_PROBE2(kxmonitor, ipc_notify, slot, target);
}

/* A probe that is watched has a breakpoint in place of its nop, the first in told(). What KVM does by itself would not be seen
 * there, so nothing goes past the monitor as long as somebody watches. */
void events_look_traced(void)
{
	const volatile uint8_t *at = (const volatile uint8_t *)told, *end = at + 16;
	struct kx_boot *boot = memory_boot();

	while (at < end && *at != NOP && *at != BREAKPOINT)
		at++;
	uint32_t traced = at == end || *at != NOP;
	if (boot->notify_traced != traced)
		__atomic_store_n(&boot->notify_traced, traced, __ATOMIC_RELEASE);
}

static void sleep_until(struct vcpu *v, uint64_t until)
{
	struct pollfd p = { .fd = v->wake_fd, .events = POLLIN };
	struct timespec left, *timeout = NULL;
	uint64_t now;

	if (until != NEVER) {
		now = clock_mono_ns();
		left.tv_sec = until > now ? (time_t)((until - now) / NS_PER_SECOND) : 0;
		left.tv_nsec = until > now ? (long)((until - now) % NS_PER_SECOND) : 0;
		timeout = &left;
	}
	ppoll(&p, 1, timeout, NULL);
}

/* The word lies in guest memory: a guest that writes it at will only wakes itself. Who wakes changes the word, then writes the
 * eventfd; here the eventfd is emptied before the word is looked at. The timer's signal and kicks interrupt the sleep; the guest
 * looks at why, a wake without reason is allowed. */
int64_t events_wait(struct vcpu *v, uint32_t seen, uint64_t deadline)
{
	int64_t result = 0;
	uint64_t count;

	take_port(v);
	events_look_traced();
	__atomic_store_n(&v->waiting, 1, __ATOMIC_SEQ_CST);
	if (events_of(v) == seen && read(v->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		result = -errno;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!result && events_of(v) == seen && !__atomic_load_n(&v->ending, __ATOMIC_ACQUIRE)) {
		sleep_until(v, deadline < v->timer_deadline ? deadline : v->timer_deadline);
		if (!events_timer_due(v) && deadline != NEVER && events_of(v) == seen && clock_mono_ns() >= deadline)
			result = -ETIMEDOUT;
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
	told(v->slot, target->slot);
	wake(target);
	return 0;
}

void events_notify_port(struct vcpu *v, uint32_t slot)
{
	const struct vcpu *target = family_vcpu(slot);

	if (target && family.settings->vm_per_pvm && v->ports < NOTIFY_PORTS_OWN && !make_port(v->vm_fd, target))
		v->ports++;
	events_notify(v, slot);
}

int64_t events_kick(uint64_t slot)
{
	struct vcpu *target = family_vcpu(slot);

	if (!target)
		return -EINVAL;
	vcpu_kick(target);
	if (__atomic_load_n(&target->waiting, __ATOMIC_SEQ_CST)) /* an application that called WAIT past the LibOS is asleep "in user mode" */
		wake(target);
	return 0;
}

void events_bump(struct vcpu *v)
{
	__atomic_fetch_add(&v->area->events, 1, __ATOMIC_RELEASE);
	wake(v);
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
