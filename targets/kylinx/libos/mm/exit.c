/* The end of a process: what it held goes, its children get another parent, its own learns of it. Its memory the monitor
 * frees with the pVM, at the very end. */
#include "../core/core.h"
#include "../signal/signal.h"
#include "mm.h"

static struct kx_siginfo child_info(const struct proc *p)
{
	u32 status = p->exit_status;
	struct kx_siginfo info = { .signo = (s32)p->exit_signal };
	info.code = status & 0x7f ? (status & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED;
	info.a[0] = p->pid | (u64)p->cred.uid << 32;
	info.a[1] = status & 0x7f ? status & 0x7f : status >> 8 & 0xff;
	info.a[2] = p->user_ns / 10000000; /* si_utime in ticks; no time is known to be the LibOS's */
	return info;
}

/* Whether the parent wants no zombies. tree held */
static bool parent_ignores(const struct proc *p)
{
	if (!p->parent)
		return true;
	if (p->exit_signal != SIGCHLD)
		return false;
	struct sigactions *s = p->parent->sig;
	lock(&s->lock);
	bool ignores = s->action[SIGCHLD].handler == (u64)SIG_IGN || (s->action[SIGCHLD].flags & SA_NOCLDWAIT);
	unlock(&s->lock);
	return ignores;
}

static struct proc *new_parent(const struct proc *p)
{
	for (struct proc *a = p->parent; a; a = a->parent)
		if (a->child_subreaper && !a->group_exiting)
			return a;
	return NULL; /* the family's root */
}

/* A group that nobody can continue any more is told, if it has stopped members (POSIX, _exit). tree held */
static void hang_up_orphans(u32 pgid)
{
	bool stopped = false;
	list_for_each(n, &family.procs) {
		const struct proc *p = list_entry(n, struct proc, all_node);
		stopped |= p->pgid == pgid && p->stopped;
	}
	if (!stopped || !group_orphaned(pgid))
		return;
	signal_send_group(pgid, SIGHUP, NULL);
	signal_send_group(pgid, SIGCONT, NULL);
}

/* Returns who has them now, referenced. The dead that nobody is to wait for are listed in *reaped, by pid_next. tree held */
static struct proc *give_children_away(struct proc *p, struct proc **reaped)
{
	struct proc *to = new_parent(p);
	list_for_each_safe(n, &p->children) {
		struct proc *child = list_entry(n, struct proc, sibling);
		list_remove(&child->sibling);
		child->parent = to;
		child->exit_signal = SIGCHLD;
		if (to)
			list_push_back(&to->children, &child->sibling);
		if (child->pdeath_signal)
			signal_send_proc(child, (int)child->pdeath_signal, NULL);
		if (child->zombie && parent_ignores(child)) {
			pid_remove(child);
			child->pid_next = *reaped;
			*reaped = child;
		} else if (child->pgid != p->pgid && child->sid == p->sid) {
			hang_up_orphans(child->pgid);
		}
	}
	if (to)
		proc_ref(to);
	return to;
}

static void put_reaped(struct proc *list)
{
	while (list) {
		struct proc *next = list->pid_next;
		proc_put(list);
		list = next;
	}
}

/* Becomes a zombie, or is gone at once. After this p may be freed by its parent at any moment. */
static void publish(struct proc *p, u32 status)
{
	struct proc *reaped = NULL, *parent;
	lock(&family.tree);
	struct proc *heir = give_children_away(p, &reaped);
	parent = p->parent;
	if (parent)
		proc_ref(parent);
	p->exit_status = status;
	p->stopped = p->continued = false;
	bool gone = parent_ignores(p);
	if (gone)
		pid_remove(p);
	__atomic_store_n(&p->zombie, true, __ATOMIC_RELEASE);
	if (parent && parent->pgid != p->pgid && parent->sid == p->sid)
		hang_up_orphans(p->pgid);
	struct kx_siginfo info = child_info(p);
	if (parent && info.signo) /* pending before wait can return */
		signal_send_proc(parent, info.signo, &info);
	unlock(&family.tree);
	if (parent)
		wake_all(&parent->child_wait);
	if (gone)
		proc_put(p);
	put_reaped(reaped);
	if (heir)
		wake_all(&heir->child_wait);
	proc_put(heir);
	proc_put(parent);
}

/* What only this process's own threads use, or what others look for under family.tree. */
static void give_back(struct proc *p)
{
	ipc_proc_exit(p);
	itimers_exit(p);
	lock(&family.tree);
	struct files *files = p->files;
	struct fs_context *fs = p->fs;
	p->files = NULL;
	p->fs = NULL;
	unlock(&family.tree);
	files_put(files);
	fs_put(fs);
}

/* p's pVM is no more, none of its threads will run. They may stand in queues still, so their stacks stay. */
void proc_gone(struct proc *p)
{
	p->group_exiting = true;
	give_back(p);
	vfork_release(p);
	publish(p, SIGKILL);
}

static void end_slot(void *status)
{
	slot_exit((u32)(u64)status);
}

/* current is the last thread. */
static void __attribute__((noreturn)) process_end(struct proc *p, u32 status)
{
	struct task *t = current;
	t->exiting = p->group_exiting = true; /* no signal is for it any more */
	thread_exit_cleanup(t);
	give_back(p);
	lock(&family.tree);
	list_remove(&t->proc_node);
	p->task_count = 0;
	struct mm *mm = p->mm;
	p->mm = NULL;
	unlock(&family.tree);
	sched_account(t);
	p->user_ns += t->cpu_ns;
	p->voluntary_switches += t->voluntary_switches;
	p->involuntary_switches += t->involuntary_switches;
	signal_flush(&t->pending);
	bool last = !mm || mm->refs == 1; /* nobody else lives on this pVM */
	mm_put(mm);
	vfork_release(p);
	t->proc = NULL; /* what is left to do is the slot's */
	__atomic_store_n(&this_runq()->ending, last, __ATOMIC_RELAXED); /* seen by who sees the zombie */
	publish(p, status);
	if (!last)
		task_exit_thread();
	this_runq()->dead = t;
	run_on_idle_stack(end_slot, (void *)(u64)status);
}

void proc_exit(u32 status)
{
	struct proc *p = current->proc;
	if (!p->group_exiting)
		p->group_exit_code = status;
	if (threads_kill_others()) {
		thread_exit_if_due();
		panic("thread %u of process %u cannot end", current->tid, p->pid);
	}
	process_end(p, p->group_exit_code);
}

long sys_exit_group(u64 code)
{
	proc_exit((u32)(code & 0xff) << 8);
}
