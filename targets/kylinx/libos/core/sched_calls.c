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

long sys_sched_getaffinity(int pid, u32 bytes, u8 __user *to)
{
	u8 mask[128] = { 0 };
	u32 need = (cpus() + 63) / 64 * 8;
	long r = check(pid);
	if (bytes % 8 || bytes < need)
		return -EINVAL;
	if (r)
		return r;
	for (u32 i = 0; i < cpus(); i++)
		mask[i / 8] |= (u8)(1u << i % 8);
	return copy_to_user(to, mask, need) ? -EFAULT : (long)need;
}

long sys_sched_setaffinity(int pid, u32 bytes, const u8 __user *from)
{
	u8 mask[128] = { 0 };
	u32 take = bytes < sizeof mask ? bytes : sizeof mask;
	long r = check(pid);
	if (r)
		return r;
	if (copy_from_user(mask, from, take))
		return -EFAULT;
	for (u32 i = 0; i < cpus(); i++)
		if (mask[i / 8] & 1u << i % 8)
			return 0; /* where a pVM runs is the host's business */
	return -EINVAL;
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

long sys_getcpu(u32 __user *cpu, u32 __user *node, void __user *cache)
{
	u32 at = this_slot() % cpus(), zero = 0; /* a number that stays: per-CPU data of an allocator then has few users */
	(void)cache;
	if ((cpu && copy_to_user(cpu, &at, sizeof at)) || (node && copy_to_user(node, &zero, sizeof zero)))
		return -EFAULT;
	return 0;
}
