/* getpriority(2), ioprio_get(2) and their setters: kept and told. Who runs is the host's decision, which takes no advice from
 * a guest. */
#include "mm.h"
#include <linux/ioprio.h>

#define NICE_LEAST (-20)
#define NICE_MOST 19

static bool chosen(const struct proc *p, int which, u32 who)
{
	switch (which) {
	case PRIO_PROCESS: return who ? p->pid == who : p == current->proc;
	case PRIO_PGRP: return p->pgid == (who ? who : current->proc->pgid);
	default: return p->cred.uid == (who ? who : current->proc->cred.uid);
	}
}

static bool mine(const struct proc *p)
{
	u32 me = current->proc->cred.euid;
	return !me || me == p->cred.uid || me == p->cred.euid;
}

long sys_getpriority(int which, int who)
{
	long best = -ESRCH;
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	lock(&family.tree);
	list_for_each(n, &family.procs) {
		const struct proc *p = list_entry(n, struct proc, all_node);
		if (!p->zombie && chosen(p, which, (u32)who) && 20 - p->nice > best)
			best = 20 - p->nice; /* 1 to 40: no result is negative */
	}
	unlock(&family.tree);
	return best;
}

static long set_nice(struct proc *p, int nice)
{
	if (!mine(p))
		return -EPERM;
	if (nice < p->nice && current->proc->cred.euid && 20 - nice > (long)limit_of(p, RLIMIT_NICE))
		return -EACCES;
	p->nice = nice;
	return 0;
}

long sys_setpriority(int which, int who, int nice)
{
	long r = -ESRCH;
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	nice = nice < NICE_LEAST ? NICE_LEAST : nice > NICE_MOST ? NICE_MOST : nice;
	lock(&family.tree);
	list_for_each(n, &family.procs) {
		struct proc *p = list_entry(n, struct proc, all_node);
		if (p->zombie || !chosen(p, which, (u32)who))
			continue;
		long e = set_nice(p, nice);
		r = r == -ESRCH || e ? e : r;
	}
	unlock(&family.tree);
	return r;
}

static int io_which(int which)
{
	return which == IOPRIO_WHO_PROCESS ? PRIO_PROCESS : which == IOPRIO_WHO_PGRP ? PRIO_PGRP : which == IOPRIO_WHO_USER ? PRIO_USER : -1;
}

long sys_ioprio_get(int which, int who)
{
	long r = -ESRCH;
	int by = io_which(which);
	if (by < 0)
		return -EINVAL;
	lock(&family.tree);
	list_for_each(n, &family.procs) {
		const struct proc *p = list_entry(n, struct proc, all_node);
		if (!p->zombie && chosen(p, by, (u32)who))
			r = p->io_priority;
	}
	unlock(&family.tree);
	return r;
}

long sys_ioprio_set(int which, int who, int value)
{
	long r = -ESRCH;
	int by = io_which(which), class = IOPRIO_PRIO_CLASS(value);
	if (by < 0 || class > IOPRIO_CLASS_IDLE || (value & 0x1fff) >= 8 || (class == IOPRIO_CLASS_NONE && (value & 0x1fff)))
		return -EINVAL;
	if (class == IOPRIO_CLASS_RT && current->proc->cred.euid)
		return -EPERM;
	lock(&family.tree);
	list_for_each(n, &family.procs) {
		struct proc *p = list_entry(n, struct proc, all_node);
		if (p->zombie || !chosen(p, by, (u32)who))
			continue;
		r = mine(p) ? 0 : -EPERM;
		if (!r)
			p->io_priority = (u32)value;
	}
	unlock(&family.tree);
	return r;
}
