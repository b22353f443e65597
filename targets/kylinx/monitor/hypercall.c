/* The hypercalls: number and arguments are copied once out of the slot's area, then checked, then used. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/sdt.h>
#include "family.h"

#define REPORT_MOST 65536

struct call { uint64_t a[6]; };

static int64_t hc_exit(struct vcpu *v, const struct call *c)
{
	v->status = (int32_t)(c->a[0] & 0xffff);
	v->ended = true;
	return 0;
}

/* A parked vCPU has its space already. */
static enum space_fork child_space(struct vcpu *v, struct vcpu *child, uint64_t rsp, bool empty, struct space **space)
{
	*space = child->space;
	if (child->parked)
		return empty ? SPACE_FORKED : space_fork_into(v->space, child->space, rsp);
	*space = empty ? space_create() : space_fork(v->space, rsp);
	return *space ? SPACE_FORKED : SPACE_NO_ROOM;
}

/* A pooled vCPU with what the child begins with. 0, -EAGAIN or -ENOMEM. */
static int child_vcpu(struct vcpu *v, uint64_t rsp, bool empty, struct vcpu **child, struct space **space)
{
	const struct space *parent = empty ? NULL : v->space;

	for (;;) {
		*child = pool_take(parent);
		if (!*child)
			return -EAGAIN;
		switch (child_space(v, *child, rsp, empty, space)) {
		case SPACE_FORKED:
			return 0;
		case SPACE_MISFIT:
			parent = NULL;
			pool_misfit(*child);
			break;
		case SPACE_NO_ROOM:
			if ((*child)->parked && space_is_kept((*child)->space))
				pool_misfit(*child);
			else
				pool_call_off(*child);
			return -ENOMEM;
		}
	}
}

/* The pooled thread wakes up while the memory is forked; parent and child both go on with a new CR3. */
static int64_t hc_fork(struct vcpu *v, const struct call *c)
{
	struct pvm_start start = { .parent = v->slot, .console = v->console, .entry = memory_libos()->entry_child,
		.boot_arg = c->a[0], .regions = c->a[3], .region_count = (uint32_t)c->a[4] };
	struct vcpu *child;
	struct space *space;
	int error;

	if (c->a[1] & ~(uint64_t)KX_FORK_EMPTY || c->a[4] > UINT32_MAX)
		return -EINVAL;
	if (c->a[4] && !memory_commons(c->a[3], c->a[4] * sizeof(struct kx_region)))
		return -EFAULT;
	DTRACE_PROBE2(kxmonitor, fork_begin, v->slot, c->a[1]);
	events_look_traced();
	error = child_vcpu(v, c->a[2], c->a[1] & KX_FORK_EMPTY, &child, &space);
	vcpu_reload_cr3(v);
	if (error)
		return error;
	__atomic_fetch_add(&family.forks, 1, __ATOMIC_RELAXED);
	pool_go(child, space, &start);
	DTRACE_PROBE2(kxmonitor, fork_parent, v->slot, child->slot);
	return child->slot;
}

static int64_t hc_wait(struct vcpu *v, const struct call *c)
{
	return c->a[0] > UINT32_MAX ? -EINVAL : events_wait(v, (uint32_t)c->a[0], c->a[1]);
}

static int64_t hc_notify(struct vcpu *v, const struct call *c)
{
	return events_notify(v, c->a[0]);
}

static int64_t hc_kick(struct vcpu *v, const struct call *c)
{
	(void)v;
	return events_kick(c->a[0]);
}

static int64_t hc_timer(struct vcpu *v, const struct call *c)
{
	return events_timer(v, c->a[0]);
}

static bool user_range(uint64_t start, uint64_t length)
{
	return !(start % KX_PAGE) && !(length % KX_PAGE) && start >= KX_USER_MIN && start < KX_USER_MAX && length <= KX_USER_MAX - start;
}

static int64_t hc_memory(struct vcpu *v, const struct call *c)
{
	uint64_t op = c->a[0], start = c->a[1], length = c->a[2], to = c->a[3];
	uint32_t count = __atomic_load_n(&v->area->region_count, __ATOMIC_ACQUIRE);
	const struct kx_region *regions;
	int r = -EINVAL;

	if (!user_range(start, length) || (op == KX_MEMORY_MOVE && !user_range(to, length)))
		return -EINVAL;
	if (op == KX_MEMORY_DROP)
		r = space_drop(v->space, start, length);
	else if (op == KX_MEMORY_PROTECT) {
		regions = count ? memory_commons(__atomic_load_n(&v->area->regions, __ATOMIC_ACQUIRE), (size_t)count * sizeof *regions) : NULL;
		r = space_protect_as(v->space, start, length, regions, regions ? count : 0);
	}
	else if (op == KX_MEMORY_MOVE)
		r = space_move(v->space, start, length, to);
	vcpu_reload_cr3(v);
	return r;
}

static int64_t hc_commons(struct vcpu *v, const struct call *c)
{
	(void)v;
	if (c->a[0] > KX_COMMONS_MAX >> 21)
		return -ENOMEM;
	return memory_commons_grow(c->a[0]);
}

static int64_t hc_console(struct vcpu *v, const struct call *c)
{
	return console_io(v, c->a[0], c->a[1], c->a[2], c->a[3]);
}

static int64_t hc_hostfs(struct vcpu *v, const struct call *c)
{
	(void)v;
	return hostfs_call(c->a[0], c->a[1]);
}

static int64_t report(struct vcpu *v, uint64_t kind, const char *text, uint32_t length)
{
	switch (kind) {
	case KX_REPORT_LOG:
		log_line("slot %u: %s", v->slot, text);
		return 0;
	case KX_REPORT_FAULT:
		control_fault(v->slot, v->console, text, length);
		return 0;
	case KX_REPORT_STATS:
		control_stats_answer(text, length);
		return 0;
	case KX_REPORT_PANIC:
		log_user("the LibOS cannot go on (slot %u): %s", v->slot, text);
		control_panic(text);
		family_exit(EXIT_MONITOR);
	default:
		return -EINVAL;
	}
}

static int64_t hc_report(struct vcpu *v, const struct call *c)
{
	static _Alignas(8) char text[REPORT_MOST + 1]; /* a struct kx_fault_report may be in it */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	uint64_t length = c->a[2] > REPORT_MOST ? REPORT_MOST : c->a[2];
	const void *host = memory_commons(c->a[1], length);

	if (!host)
		return -EFAULT;
	pthread_mutex_lock(&lock);
	memcpy(text, host, length);
	text[length] = 0;
	int64_t r = report(v, c->a[0], text, (uint32_t)length);
	pthread_mutex_unlock(&lock);
	return r;
}

static int64_t hc_yield(struct vcpu *v, const struct call *c)
{
	uint64_t before = clock_mono_ns();

	(void)v;
	(void)c;
	sched_yield();
	return (int64_t)(clock_mono_ns() - before);
}

/* Another slot's thread comes out of the guest, or out of its sleep, to do it. */
static int64_t hc_affinity(struct vcpu *v, const struct call *c)
{
	int64_t r = affinity_set(c->a[0], c->a + 1);

	if (!r && c->a[0] != v->slot) {
		vcpu_kick(family_vcpu(c->a[0]));
		events_bump(family_vcpu(c->a[0]));
	}
	return r;
}

static int64_t hc_park(struct vcpu *v, const struct call *c)
{
	(void)c;
	vcpu_wait_for_go(v);
	return 0;
}

static const struct { const char *name; int64_t (*call)(struct vcpu *, const struct call *); } table[KX_HC_COUNT] = {
	[KX_HC_EXIT] = { "exit", hc_exit }, [KX_HC_FORK] = { "fork", hc_fork }, [KX_HC_WAIT] = { "wait", hc_wait },
	[KX_HC_NOTIFY] = { "notify", hc_notify }, [KX_HC_KICK] = { "kick", hc_kick }, [KX_HC_TIMER] = { "timer", hc_timer },
	[KX_HC_MEMORY] = { "memory", hc_memory }, [KX_HC_COMMONS] = { "commons", hc_commons },
	[KX_HC_CONSOLE] = { "console", hc_console }, [KX_HC_HOSTFS] = { "hostfs", hc_hostfs },
	[KX_HC_REPORT] = { "report", hc_report }, [KX_HC_YIELD] = { "yield", hc_yield },
	[KX_HC_AFFINITY] = { "affinity", hc_affinity }, [KX_HC_PARK] = { "park", hc_park },
};

const char *hypercall_name(uint32_t nr)
{
	return nr < KX_HC_COUNT ? table[nr].name : "unknown";
}

void hypercall_dispatch(struct vcpu *v)
{
	const volatile struct kx_vcpu *area = v->area;
	uint64_t nr = area->hc_nr;
	struct call c;
	int64_t result;

	for (int i = 0; i < 6; i++)
		c.a[i] = area->hc_arg[i];
	if (!trap_in_libos(vcpu_regs(v)->rip)) { /* the application's own: as any other port would do */
		trap_general_protection(v);
		return;
	}
	v->hypercalls++;
	DTRACE_PROBE2(kxmonitor, hypercall, v->slot, nr);
	if (nr >= KX_HC_COUNT) {
		v->area->hc_ret = -ENOSYS;
		return;
	}
	__atomic_fetch_add(&family.hypercalls[nr], 1, __ATOMIC_RELAXED);
	result = table[nr].call(v, &c);
	v->area->hc_ret = result;
	if (log_debug && nr != KX_HC_YIELD && nr != KX_HC_REPORT)
		log_line("slot %u: %s(%llx, %llx, %llx, %llx) = %lld", v->slot, table[nr].name, (unsigned long long)c.a[0],
			(unsigned long long)c.a[1], (unsigned long long)c.a[2], (unsigned long long)c.a[3], (long long)result);
}
