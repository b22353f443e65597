/* Job control: a stopped process, its going on, and what its parent hears of either. */
#include "signal.h"

static void tell_parent(struct proc *p, int code, int status)
{
	struct proc *parent = p->parent;
	if (!parent)
		return;
	struct kx_sigaction a = action_of(parent, SIGCHLD);
	if (!(a.flags & SA_NOCLDSTOP) && a.handler != HANDLER_IGNORE) {
		struct kx_siginfo info = siginfo_of(SIGCHLD, code);
		siginfo_sender(&info, p->pid, p->cred.uid);
		info.a[1] = (u32)status;
		signal_send_proc(parent, SIGCHLD, &info);
	}
	wake_all(&parent->child_wait);
}

static void wake_threads(struct proc *p)
{
	list_for_each(n, &p->tasks) {
		struct task *t = list_entry(n, struct task, proc_node);
		if (t == current)
			continue;
		task_wake(t);
		request_attention(t, KX_ATTENTION_SIGNAL);
	}
}

/* tree held; a process that goes on only to be killed has nothing to tell */
void signal_continue(struct proc *p, bool tell)
{
	if (!p->stopped)
		return;
	p->stopped = false;
	wake_threads(p);
	if (!tell)
		return;
	p->continued = true;
	p->stop_reported = false;
	p->exit_status = CLD_STATUS_CONTINUED;
	tell_parent(p, CLD_CONTINUED, SIGCONT);
}

/* A group none of whose members has a parent elsewhere in the session: nobody could continue it. tree held */
bool group_orphaned(u32 pgid)
{
	list_for_each(n, &family.procs) {
		struct proc *p = list_entry(n, struct proc, all_node);
		if (p->pgid == pgid && !p->zombie && p->parent && p->parent->pgid != pgid && p->parent->sid == p->sid)
			return false;
	}
	return true;
}

void signal_stop(struct proc *p, int signo)
{
	bool entered = tree_enter();
	/* SIGCONT or SIGKILL that came after the stop signal was taken undoes it */
	bool undone = p->shared_pending.set & (SIGSET(SIGCONT) | SIGSET_KILL);
	bool ignored = signo != SIGSTOP && group_orphaned(p->pgid);
	if (!undone && !ignored && !p->stopped && !p->group_exiting) {
		p->continued = false;
		p->stop_reported = false;
		p->exit_status = 0x7f | (u32)signo << 8;
		p->stopped = true;
		wake_threads(p);
		tell_parent(p, CLD_STOPPED, signo);
	}
	tree_leave(entered);
}

void signal_stop_wait(void)
{
	struct proc *p = current->proc;
	while (__atomic_load_n(&p->stopped, __ATOMIC_ACQUIRE) && !(signal_pending_set(current) & SIGSET_KILL) && !p->group_exiting)
		task_sleep(NEVER, false);
}
