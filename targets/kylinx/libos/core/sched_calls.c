/* The calls about scheduling: threads of a process share one vCPU in turn, without priorities. */
#include "core.h"

#define SCHED_POLICY_NORMAL 0

long sys_sched_yield(void)
{
	task_yield();
	return 0;
}

static bool exists(int pid)
{
	if (pid == 0)
		return true;
	lock(&family.tree);
	bool found = task_find((u32)pid) != NULL;
	unlock(&family.tree);
	return found;
}

static long check(int pid)
{
	return pid < 0 ? -EINVAL : exists(pid) ? 0 : -ESRCH;
}

static u32 cpus(void)
{
	u32 n = boot_info->cpus;
	return n < 1 ? 1 : n > 1024 ? 1024 : n;
}

static u64 *affinity_of(struct proc *p, u64 *mask)
{
	bool any = false;
	for (u32 i = 0; i < KX_AFFINITY_WORDS; i++)
		any |= (mask[i] = p->affinity[i]) != 0;
	for (u32 i = 0; !any && i < cpus() && i < KX_AFFINITY_WORDS * 64; i++)
		mask[i / 64] |= 1ul << i % 64;
	return mask;
}

/* Of all threads of a process: they share one vCPU. */
long sys_sched_getaffinity(int pid, u32 bytes, u8 __user *to)
{
	u64 mask[16] = { 0 };
	u32 need = (cpus() + 63) / 64 * 8;
	if (bytes % 8 || bytes < need)
		return -EINVAL;
	if (pid < 0)
		return -EINVAL;
	lock(&family.tree);
	struct task *t = pid ? task_find((u32)pid) : current;
	if (t)
		affinity_of(t->proc, mask);
	unlock(&family.tree);
	if (!t)
		return -ESRCH;
	return copy_to_user(to, mask, need) ? -EFAULT : (long)need;
}

static void affinity_tell(u32 slot, const u64 *mask)
{
	hypercall(KX_HC_AFFINITY, slot, mask[0], mask[1], mask[2], mask[3]);
	if (slot == this_slot())
		sched_bound(mask);
}

/* What a process asked for while it ran in its parent's pVM, now that it has its own. */
void affinity_settle(void)
{
	struct proc *p = current->proc;
	u64 mask[KX_AFFINITY_WORDS];
	sched_bound(p->affinity);
	if (!p->affinity_due)
		return;
	p->affinity_due = false;
	affinity_tell(this_slot(), affinity_of(p, mask));
}

/* The pVM's thread keeps to the same CPUs; the last word of any of its threads counts. */
long sys_sched_setaffinity(int pid, u32 bytes, const u8 __user *from)
{
	u64 mask[KX_AFFINITY_WORDS] = { 0 }, any = 0;
	s64 slot = -1;
	if (pid < 0)
		return -EINVAL;
	if (copy_from_user(mask, from, bytes < sizeof mask ? bytes : sizeof mask))
		return -EFAULT;
	for (u32 i = 0; i < KX_AFFINITY_WORDS * 64; i++)
		if (i >= cpus())
			mask[i / 64] &= ~(1ul << i % 64);
	for (u32 i = 0; i < KX_AFFINITY_WORDS; i++)
		any |= mask[i];
	lock(&family.tree);
	struct task *t = pid ? task_find((u32)pid) : current;
	if (t && any) {
		memcpy(t->proc->affinity, mask, sizeof mask);
		t->proc->affinity_due = t->vfork_borrowed;
		slot = t->vfork_borrowed || !t->runq ? -1 : (s64)t->runq->slot;
	}
	unlock(&family.tree);
	if (slot >= 0)
		affinity_tell((u32)slot, mask);
	return !t ? -ESRCH : any ? 0 : -EINVAL;
}

struct kx_sched_param { int priority; };

static long set_policy(int pid, int policy, const struct kx_sched_param __user *from)
{
	struct kx_sched_param p;
	long r = check(pid);
	if (r)
		return r;
	if (get_user(p, from))
		return -EFAULT;
	policy &= ~SCHED_RESET_ON_FORK;
	switch (policy) {
	case SCHED_POLICY_NORMAL: case SCHED_BATCH: case SCHED_IDLE: return p.priority ? -EINVAL : 0;
	case SCHED_FIFO: case SCHED_RR: return p.priority < 1 || p.priority > 99 ? -EINVAL : -EPERM;
	default: return -EINVAL;
	}
}

long sys_sched_setscheduler(int pid, int policy, const struct kx_sched_param __user *from)
{
	return policy < 0 ? -EINVAL : set_policy(pid, policy, from);
}

long sys_sched_setparam(int pid, const struct kx_sched_param __user *from)
{
	return set_policy(pid, SCHED_POLICY_NORMAL, from);
}

long sys_sched_getscheduler(int pid)
{
	return check(pid);
}

long sys_sched_getparam(int pid, struct kx_sched_param __user *to)
{
	long r = check(pid);
	return r ? r : put_user(((struct kx_sched_param){ 0 }), to);
}

long sys_sched_get_priority_max(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR ? 99
		: policy == SCHED_POLICY_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ? 0 : -EINVAL;
}

long sys_sched_get_priority_min(int policy)
{
	long most = sys_sched_get_priority_max(policy);
	return most > 0 ? 1 : most;
}

long sys_sched_rr_get_interval(int pid, struct __kernel_timespec __user *to)
{
	long r = check(pid);
	return r ? r : put_user(((struct __kernel_timespec){ 0, 6000000 }), to);
}

/* One of those it may run on, always the same: per-CPU data of an allocator then has few users. */
long sys_getcpu(u32 __user *cpu, u32 __user *node, void __user *cache)
{
	u64 mask[KX_AFFINITY_WORDS];
	u32 at = 0, zero = 0, count = 0;
	(void)cache;
	affinity_of(current->proc, mask);
	for (u32 i = 0; i < KX_AFFINITY_WORDS; i++)
		for (u64 left = mask[i]; left; left &= left - 1)
			count++;
	for (u32 skip = this_slot() % count; at < KX_AFFINITY_WORDS * 64; at++)
		if (mask[at / 64] & 1ul << at % 64 && !skip--)
			break;
	if ((cpu && copy_to_user(cpu, &at, sizeof at)) || (node && copy_to_user(node, &zero, sizeof zero)))
		return -EFAULT;
	return 0;
}
