/* Who a process is and what it may call itself: ids, groups, process groups, sessions. */
#include "mm.h"

#define UNCHANGED (~0u)

long sys_getpid(void) { return current->proc->pid; }
long sys_getuid(void) { return current->proc->cred.uid; }
long sys_geteuid(void) { return current->proc->cred.euid; }
long sys_getgid(void) { return current->proc->cred.gid; }
long sys_getegid(void) { return current->proc->cred.egid; }

long sys_getppid(void)
{
	lock(&family.tree); /* it may be going away */
	struct proc *parent = current->proc->parent;
	u32 pid = parent ? parent->pid : 1;
	unlock(&family.tree);
	return pid;
}

static bool privileged(void)
{
	return current->proc->cred.euid == 0;
}

static bool among_uids(const struct credentials *c, u32 id)
{
	return id == c->uid || id == c->euid || id == c->suid;
}

static bool among_gids(const struct credentials *c, u32 id)
{
	return id == c->gid || id == c->egid || id == c->sgid;
}

long sys_setuid(u32 id)
{
	struct credentials *c = &current->proc->cred;
	if (id == UNCHANGED)
		return -EINVAL;
	if (privileged())
		c->uid = c->suid = id;
	else if (id != c->uid && id != c->suid)
		return -EPERM;
	c->euid = c->fsuid = id;
	return 0;
}

long sys_setgid(u32 id)
{
	struct credentials *c = &current->proc->cred;
	if (id == UNCHANGED)
		return -EINVAL;
	if (privileged())
		c->gid = c->sgid = id;
	else if (id != c->gid && id != c->sgid)
		return -EPERM;
	c->egid = c->fsgid = id;
	return 0;
}

long sys_setreuid(u32 real, u32 effective)
{
	struct credentials *c = &current->proc->cred, n = *c;
	if (real != UNCHANGED) {
		if (!privileged() && real != c->uid && real != c->euid)
			return -EPERM;
		n.uid = real;
	}
	if (effective != UNCHANGED) {
		if (!privileged() && !among_uids(c, effective))
			return -EPERM;
		n.euid = effective;
	}
	if (real != UNCHANGED || (effective != UNCHANGED && effective != c->uid))
		n.suid = n.euid;
	n.fsuid = n.euid;
	*c = n;
	return 0;
}

long sys_setregid(u32 real, u32 effective)
{
	struct credentials *c = &current->proc->cred, n = *c;
	if (real != UNCHANGED) {
		if (!privileged() && real != c->gid && real != c->egid)
			return -EPERM;
		n.gid = real;
	}
	if (effective != UNCHANGED) {
		if (!privileged() && !among_gids(c, effective))
			return -EPERM;
		n.egid = effective;
	}
	if (real != UNCHANGED || (effective != UNCHANGED && effective != c->gid))
		n.sgid = n.egid;
	n.fsgid = n.egid;
	*c = n;
	return 0;
}

long sys_setresuid(u32 real, u32 effective, u32 saved)
{
	struct credentials *c = &current->proc->cred;
	const u32 wanted[] = { real, effective, saved };
	for (u32 i = 0; i < 3; i++)
		if (wanted[i] != UNCHANGED && !privileged() && !among_uids(c, wanted[i]))
			return -EPERM;
	if (real != UNCHANGED)
		c->uid = real;
	if (effective != UNCHANGED)
		c->euid = effective;
	if (saved != UNCHANGED)
		c->suid = saved;
	c->fsuid = c->euid;
	return 0;
}

long sys_setresgid(u32 real, u32 effective, u32 saved)
{
	struct credentials *c = &current->proc->cred;
	const u32 wanted[] = { real, effective, saved };
	for (u32 i = 0; i < 3; i++)
		if (wanted[i] != UNCHANGED && !privileged() && !among_gids(c, wanted[i]))
			return -EPERM;
	if (real != UNCHANGED)
		c->gid = real;
	if (effective != UNCHANGED)
		c->egid = effective;
	if (saved != UNCHANGED)
		c->sgid = saved;
	c->fsgid = c->egid;
	return 0;
}

static long put_three(u32 __user *const to[3], u32 a, u32 b, u32 c)
{
	return put_user(a, to[0]) || put_user(b, to[1]) || put_user(c, to[2]) ? -EFAULT : 0;
}

long sys_getresuid(u32 __user *real, u32 __user *effective, u32 __user *saved)
{
	const struct credentials *c = &current->proc->cred;
	return put_three((u32 __user *const[3]){ real, effective, saved }, c->uid, c->euid, c->suid);
}

long sys_getresgid(u32 __user *real, u32 __user *effective, u32 __user *saved)
{
	const struct credentials *c = &current->proc->cred;
	return put_three((u32 __user *const[3]){ real, effective, saved }, c->gid, c->egid, c->sgid);
}

/* setfsuid and setfsgid return what was, and say nothing of errors. */
long sys_setfsuid(u32 id)
{
	struct credentials *c = &current->proc->cred;
	u32 before = c->fsuid;
	if (id != UNCHANGED && (privileged() || among_uids(c, id) || id == before))
		c->fsuid = id;
	return before;
}

long sys_setfsgid(u32 id)
{
	struct credentials *c = &current->proc->cred;
	u32 before = c->fsgid;
	if (id != UNCHANGED && (privileged() || among_gids(c, id) || id == before))
		c->fsgid = id;
	return before;
}

long sys_getgroups(int size, u32 __user *list)
{
	const struct credentials *c = &current->proc->cred;
	if (size < 0 || (size && (u32)size < c->ngroups))
		return -EINVAL;
	if (size && copy_to_user(list, c->groups, c->ngroups * sizeof *list))
		return -EFAULT;
	return c->ngroups;
}

long sys_setgroups(u64 size, const u32 __user *list)
{
	struct credentials *c = &current->proc->cred;
	u32 groups[ARRAY_SIZE(c->groups)];
	if (!privileged())
		return -EPERM;
	if (size > ARRAY_SIZE(groups))
		return -EINVAL;
	if (copy_from_user(groups, list, size * sizeof *list))
		return -EFAULT;
	memcpy(c->groups, groups, size * sizeof *groups);
	c->ngroups = (u32)size;
	return 0;
}

/* tree held */
static bool group_in_session(u32 pgid, u32 sid)
{
	list_for_each(n, &family.procs) {
		const struct proc *p = list_entry(n, struct proc, all_node);
		if (p->pgid == pgid && p->sid == sid)
			return true;
	}
	return false;
}

static long set_group(u32 pid, u32 pgid)
{
	struct proc *me = current->proc, *p = proc_find(pid);
	if (!p || (p != me && p->parent != me))
		return -ESRCH;
	if (p != me && p->sid != me->sid)
		return -EPERM;
	if (p != me && p->execed)
		return -EACCES;
	if (p->sid == p->pid)
		return -EPERM;
	if (pgid != pid && !group_in_session(pgid, me->sid))
		return -EPERM;
	p->pgid = pgid;
	return 0;
}

long sys_setpgid(int pid, int pgid)
{
	if (pgid < 0)
		return -EINVAL;
	u32 who = pid ? (u32)pid : current->proc->pid;
	lock(&family.tree);
	long e = set_group(who, pgid ? (u32)pgid : who);
	unlock(&family.tree);
	return e;
}

static long id_of(int pid, bool session)
{
	long r = -ESRCH;
	lock(&family.tree);
	const struct proc *p = pid ? proc_find((u32)pid) : current->proc;
	if (p)
		r = session ? p->sid : p->pgid;
	unlock(&family.tree);
	return r;
}

long sys_getpgid(int pid) { return id_of(pid, false); }
long sys_getpgrp(void) { return id_of(0, false); }
long sys_getsid(int pid) { return id_of(pid, true); }

long sys_setsid(void)
{
	struct proc *me = current->proc;
	long r = -EPERM;
	lock(&family.tree);
	bool taken = me->pgid == me->pid;
	list_for_each(n, &family.procs)
		taken |= list_entry(n, struct proc, all_node)->pgid == me->pid;
	if (!taken)
		r = me->sid = me->pgid = me->pid;
	unlock(&family.tree);
	return r;
}
