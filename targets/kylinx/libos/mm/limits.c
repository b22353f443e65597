/* Resource limits: prlimit64(2) and its elders. */
#include "mm.h"

#define MOST_FILES (1u << 20)

u64 limit_of(const struct proc *p, u32 which)
{
	return p->rlimit[which].rlim_cur;
}

/* What Linux gives its first process, but for the files: what services of today are started with. */
void limits_default(struct proc *p)
{
	static const struct { u64 soft, hard; } given[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = { RLIM_INFINITY, RLIM_INFINITY }, [RLIMIT_FSIZE] = { RLIM_INFINITY, RLIM_INFINITY },
		[RLIMIT_DATA] = { RLIM_INFINITY, RLIM_INFINITY }, [RLIMIT_STACK] = { 8 << 20, RLIM_INFINITY },
		[RLIMIT_CORE] = { 0, RLIM_INFINITY }, [RLIMIT_RSS] = { RLIM_INFINITY, RLIM_INFINITY },
		[RLIMIT_NPROC] = { 0, 0 }, [RLIMIT_NOFILE] = { 1024, MOST_FILES },
		[RLIMIT_MEMLOCK] = { 8 << 20, 8 << 20 }, [RLIMIT_AS] = { RLIM_INFINITY, RLIM_INFINITY },
		[RLIMIT_LOCKS] = { RLIM_INFINITY, RLIM_INFINITY }, [RLIMIT_SIGPENDING] = { 0, 0 },
		[RLIMIT_MSGQUEUE] = { 819200, 819200 }, [RLIMIT_RTTIME] = { RLIM_INFINITY, RLIM_INFINITY },
	};
	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		p->rlimit[i] = (struct rlimit){ given[i].soft, given[i].hard };
	/* Linux: as many threads, and queued signals, as fit an eighth of memory */
	u64 threads = boot_info->memory_limit / 8 / 16384;
	p->rlimit[RLIMIT_NPROC] = p->rlimit[RLIMIT_SIGPENDING] = (struct rlimit){ threads, threads };
}

static bool may_change(const struct proc *p)
{
	const struct credentials *me = &current->proc->cred, *it = &p->cred;
	return p == current->proc || !me->euid ||
		(me->uid == it->uid && me->uid == it->euid && me->uid == it->suid && me->gid == it->gid && me->gid == it->egid);
}

static long check_new(const struct rlimit *now, const struct rlimit *new, u32 which)
{
	if (new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (which == RLIMIT_NOFILE && new->rlim_max > MOST_FILES)
		return -EPERM;
	return new->rlim_max > now->rlim_max && current->proc->cred.euid ? -EPERM : 0;
}

static long limit_swap(u32 pid, u32 which, const struct rlimit *new, struct rlimit *old)
{
	long e = -ESRCH;
	lock(&family.tree);
	struct proc *p = pid ? proc_find(pid) : current->proc;
	if (p && !p->zombie) {
		*old = p->rlimit[which];
		e = may_change(p) ? 0 : -EPERM;
		if (!e && new)
			e = check_new(old, new, which);
		if (!e && new)
			p->rlimit[which] = *new;
	}
	unlock(&family.tree);
	return e;
}

long sys_prlimit64(int pid, u32 which, const struct rlimit __user *new, struct rlimit __user *old)
{
	struct rlimit set, was;
	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	if (new && get_user(set, new))
		return -EFAULT;
	long e = limit_swap((u32)pid, which, new ? &set : NULL, &was);
	if (!e && old && put_user(was, old))
		return -EFAULT;
	return e;
}

long sys_getrlimit(u32 which, struct rlimit __user *old)
{
	return old ? sys_prlimit64(0, which, NULL, old) : which < RLIM_NLIMITS ? -EFAULT : -EINVAL;
}

long sys_setrlimit(u32 which, const struct rlimit __user *new)
{
	return new ? sys_prlimit64(0, which, new, NULL) : which < RLIM_NLIMITS ? -EFAULT : -EINVAL;
}
