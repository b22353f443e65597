/* kill, tkill, tgkill and the calls that send a signal with information of the sender's choice. */
#include "signal.h"

#define PID_ROOT 1 /* the family's root: there is no program behind it that could take a signal */

static struct kx_siginfo from_self(int signo, int code)
{
	struct kx_siginfo info = siginfo_of(signo, code);
	siginfo_sender(&info, current->proc->pid, current->proc->cred.uid);
	return info;
}

static bool permitted(const struct proc *to, int signo)
{
	const struct credentials *me = &current->proc->cred, *you = &to->cred;
	if (me->euid == 0 || to == current->proc)
		return true;
	if (me->euid == you->suid || me->euid == you->uid || me->uid == you->suid || me->uid == you->uid)
		return true;
	return signo == SIGCONT && to->sid == current->proc->sid;
}

/* tree held */
static long send_checked(struct proc *p, struct task *t, int signo, const struct kx_siginfo *info)
{
	if (!permitted(p, signo))
		return -EPERM;
	if (!signo)
		return 0;
	return t ? signal_send_task(t, signo, info) : signal_send_proc(p, signo, info);
}

/* tree held; any thread's number names its process, as in Linux */
static struct proc *proc_of(u32 pid)
{
	struct proc *p = proc_find(pid);
	if (p)
		return p;
	struct task *t = task_find(pid);
	return t ? t->proc : NULL;
}

static long kill_one(u32 pid, int signo, const struct kx_siginfo *info)
{
	if (pid == PID_ROOT)
		return current->proc->cred.euid ? -EPERM : 0;
	lock(&family.tree);
	struct proc *p = proc_of(pid);
	long r = p ? send_checked(p, NULL, signo, info) : -ESRCH;
	unlock(&family.tree);
	return r;
}

/* pgid 0: every process but the sender's and the root */
static long kill_many(u32 pgid, int signo, const struct kx_siginfo *info)
{
	long result = -ESRCH;
	bool sent = false;

	lock(&family.tree);
	list_for_each_safe(n, &family.procs) {
		struct proc *p = list_entry(n, struct proc, all_node);
		if (pgid ? p->pgid != pgid : p == current->proc || p->pid <= PID_ROOT)
			continue;
		long r = send_checked(p, NULL, signo, info);
		sent |= !r;
		if (r != -ESRCH)
			result = r;
	}
	unlock(&family.tree);
	return sent ? 0 : result;
}

long sys_kill(int pid, int signo)
{
	struct kx_siginfo info = from_self(signo, SI_USER);
	if ((u32)signo > SIG_LAST)
		return -EINVAL;
	if (pid > 0)
		return kill_one((u32)pid, signo, &info);
	if (pid == -1)
		return kill_many(0, signo, &info);
	if (pid == (-2147483647 - 1))
		return -ESRCH;
	return kill_many(pid ? (u32)-pid : current->proc->pgid, signo, &info);
}

/* tgid 0: whichever process the thread is of */
static long send_thread(u32 tgid, u32 tid, int signo, const struct kx_siginfo *info)
{
	lock(&family.tree);
	struct task *t = task_find(tid);
	long r = !t || (tgid && t->proc->pid != tgid) ? -ESRCH : send_checked(t->proc, t, signo, info);
	unlock(&family.tree);
	return r;
}

long sys_tkill(int tid, int signo)
{
	struct kx_siginfo info = from_self(signo, SI_TKILL);
	if (tid <= 0 || (u32)signo > SIG_LAST)
		return -EINVAL;
	return send_thread(0, (u32)tid, signo, &info);
}

long sys_tgkill(int tgid, int tid, int signo)
{
	struct kx_siginfo info = from_self(signo, SI_TKILL);
	if (tgid <= 0 || tid <= 0 || (u32)signo > SIG_LAST)
		return -EINVAL;
	return send_thread((u32)tgid, (u32)tid, signo, &info);
}

static long user_info(struct kx_siginfo *info, const struct kx_siginfo __user *user, int pid, int signo)
{
	_Static_assert(sizeof *info == 128, "siginfo_t");
	if (get_user(*info, user))
		return -EFAULT;
	info->signo = signo;
	/* nobody may pretend to be the kernel or kill(2) towards another process */
	if ((info->code >= 0 || info->code == SI_TKILL) && (u32)pid != current->proc->pid)
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(int pid, int signo, const struct kx_siginfo __user *user)
{
	struct kx_siginfo info;
	long r = user_info(&info, user, pid, signo);
	if (r)
		return r;
	if ((u32)signo > SIG_LAST)
		return -EINVAL;
	return pid > 0 ? kill_one((u32)pid, signo, &info) : -ESRCH;
}

long sys_rt_tgsigqueueinfo(int tgid, int tid, int signo, const struct kx_siginfo __user *user)
{
	struct kx_siginfo info;
	long r = user_info(&info, user, tgid, signo);
	if (r)
		return r;
	if (tgid <= 0 || tid <= 0 || (u32)signo > SIG_LAST)
		return -EINVAL;
	return send_thread((u32)tgid, (u32)tid, signo, &info);
}
