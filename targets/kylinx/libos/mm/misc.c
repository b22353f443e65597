/* What a program may ask of its system and set about itself: uname(2), sysinfo(2), prctl(2), capabilities. */
#include "../core/core.h"
#include "mm.h"
#include <linux/capability.h>
#include <linux/personality.h>

#define NS_PER_S 1000000000ull
#define SLACK_DEFAULT_NS 50000
#define CAPABILITIES_ALL (((u64)1 << (CAP_LAST_CAP + 1)) - 1)

long sys_uname(struct new_utsname __user *to)
{
	struct new_utsname u;
	memset(&u, 0, sizeof u);
	strlcpy(u.sysname, boot_info->sysname, sizeof u.sysname);
	strlcpy(u.nodename, boot_info->nodename, sizeof u.nodename);
	strlcpy(u.release, boot_info->release, sizeof u.release);
	strlcpy(u.version, boot_info->uname_version, sizeof u.version);
	strlcpy(u.machine, boot_info->machine, sizeof u.machine);
	strlcpy(u.domainname, "(none)", sizeof u.domainname);
	return put_user(u, to);
}

/* The host gives the family its name. */
long sys_sethostname(void)
{
	return -EPERM;
}

long sys_setdomainname(void)
{
	return -EPERM;
}

long sys_sysinfo(struct sysinfo __user *to)
{
	struct sysinfo s;
	u64 used = heap_bytes_used();
	memset(&s, 0, sizeof s);
	s.uptime = (long)((now_mono_ns() - family.boot_ns) / NS_PER_S);
	s.totalram = boot_info->memory_limit;
	/* of application memory the monitor alone knows */
	s.freeram = used < s.totalram ? s.totalram - used : 0;
	s.procs = (u16)family.task_count;
	s.mem_unit = 1;
	return put_user(s, to);
}

long sys_personality(u64 persona)
{
	u32 before = current->proc->personality;
	if ((u32)persona != 0xffffffff)
		current->proc->personality = (u32)persona;
	return before;
}

static long get_name(char __user *to)
{
	char name[16];
	strlcpy(name, current->comm, sizeof name);
	return copy_to_user(to, name, sizeof name);
}

static long set_name(const char __user *from)
{
	char name[16];
	long n = strncpy_from_user(name, from, sizeof name - 1);
	if (n < 0)
		return n;
	name[n < 15 ? n : 15] = 0;
	strlcpy(current->comm, name, sizeof current->comm);
	return 0;
}

static long capability_known(u64 cap)
{
	return cap <= CAP_LAST_CAP ? 0 : -EINVAL;
}

static long ambient(u64 op, u64 cap)
{
	if (op == PR_CAP_AMBIENT_CLEAR_ALL)
		return 0;
	if (op == PR_CAP_AMBIENT_IS_SET)
		return capability_known(cap);
	return op == PR_CAP_AMBIENT_LOWER ? capability_known(cap) : op == PR_CAP_AMBIENT_RAISE ? -EPERM : -EINVAL;
}

static long set_slack(u64 ns)
{
	current->proc->timer_slack_ns = ns ? ns : SLACK_DEFAULT_NS;
	return 0;
}

static long prctl_names(struct proc *p, int op, u64 a, bool *known)
{
	*known = true;
	switch (op) {
	case PR_SET_NAME: return set_name((const char __user *)a);
	case PR_GET_NAME: return get_name((char __user *)a);
	case PR_SET_PDEATHSIG:
		if (a > 64)
			return -EINVAL;
		p->pdeath_signal = (u32)a;
		return 0;
	case PR_GET_PDEATHSIG: return put_user((int)p->pdeath_signal, (int __user *)a);
	case PR_SET_CHILD_SUBREAPER:
		p->child_subreaper = a != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER: return put_user((int)p->child_subreaper, (int __user *)a);
	case PR_GET_DUMPABLE: return p->dumpable;
	case PR_SET_DUMPABLE:
		if (a > 1)
			return -EINVAL;
		p->dumpable = a;
		return 0;
	case PR_GET_TID_ADDRESS: return put_user(current->clear_child_tid, (u32 __user *__user *)a);
	default:
		*known = false;
		return 0;
	}
}

static long prctl_rights(struct proc *p, int op, u64 a, u64 b, u64 c)
{
	switch (op) {
	case PR_SET_NO_NEW_PRIVS:
		if (a != 1 || b || c)
			return -EINVAL;
		p->no_new_privileges = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS: return a || b || c ? -EINVAL : p->no_new_privileges;
	case PR_GET_KEEPCAPS: return p->keep_capabilities;
	case PR_SET_KEEPCAPS:
		if (a > 1)
			return -EINVAL;
		p->keep_capabilities = a;
		return 0;
	case PR_CAPBSET_READ: return capability_known(a) ? -EINVAL : 1;
	case PR_CAPBSET_DROP: return p->cred.euid ? -EPERM : capability_known(a);
	case PR_CAP_AMBIENT: return ambient(a, b);
	case PR_GET_SECUREBITS: return 0;
	case PR_GET_SECCOMP: return 0;
	case PR_SET_TIMERSLACK: return set_slack(a);
	case PR_GET_TIMERSLACK: return (long)(p->timer_slack_ns ? p->timer_slack_ns : SLACK_DEFAULT_NS);
	case PR_GET_TIMING: return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING: return a == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_SET_THP_DISABLE: return 0;
	case PR_GET_THP_DISABLE: return 0;
	default: return -EINVAL;
	}
}

long sys_prctl(int op, u64 a, u64 b, u64 c)
{
	bool known;
	long r = prctl_names(current->proc, op, a, &known);
	return known ? r : prctl_rights(current->proc, op, a, b, c);
}

static u32 sets_of(u32 version)
{
	return version == _LINUX_CAPABILITY_VERSION_1 ? 1 : version == _LINUX_CAPABILITY_VERSION_2 || version == _LINUX_CAPABILITY_VERSION_3 ? 2 : 0;
}

/* header's version checked; an unknown one is answered with ours */
static long capability_header(struct __user_cap_header_struct __user *header, struct __user_cap_header_struct *h)
{
	if (get_user(*h, header))
		return -EFAULT;
	if (sets_of(h->version))
		return 0;
	u32 ours = _LINUX_CAPABILITY_VERSION_3;
	return copy_to_user(&header->version, &ours, sizeof ours) ? -EFAULT : -EINVAL;
}

/* Root has all, others none; which is all that this system knows. */
long sys_capget(struct __user_cap_header_struct __user *header, struct __user_cap_data_struct __user *data)
{
	struct __user_cap_header_struct h;
	long e = capability_header(header, &h);
	if (e)
		return e == -EINVAL && !data ? 0 : e;
	if (h.pid < 0)
		return -EINVAL;
	lock(&family.tree);
	const struct proc *p = h.pid ? proc_find((u32)h.pid) : current->proc;
	u64 has = p && !p->cred.euid ? CAPABILITIES_ALL : 0;
	unlock(&family.tree);
	if (!p)
		return -ESRCH;
	struct __user_cap_data_struct d[2] = { { (u32)has, (u32)has, 0 }, { (u32)(has >> 32), (u32)(has >> 32), 0 } };
	return data && copy_to_user(data, d, sets_of(h.version) * sizeof *d) ? -EFAULT : 0;
}

long sys_capset(struct __user_cap_header_struct __user *header, const struct __user_cap_data_struct __user *data)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2] = { 0 };
	long e = capability_header(header, &h);
	if (e)
		return e;
	if (h.pid && (u32)h.pid != current->proc->pid)
		return -EPERM;
	if (copy_from_user(d, data, sets_of(h.version) * sizeof *d))
		return -EFAULT;
	bool any = d[0].effective | d[0].permitted | d[1].effective | d[1].permitted;
	return any && current->proc->cred.euid ? -EPERM : 0;
}

long sys_seccomp(void)
{
	return -EINVAL;
}
