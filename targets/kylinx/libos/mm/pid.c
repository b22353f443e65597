/* Processes by number, their making and their going. A struct proc lives as long as somebody holds a reference: its own
 * entry in the tree, until it is reaped, is one. */
#include "mm.h"

#define BUCKETS 1024

static struct proc *buckets[BUCKETS]; /* family.tree */

static struct proc **bucket_of(u32 pid)
{
	return &buckets[pid % BUCKETS];
}

void pid_insert(struct proc *p)
{
	struct proc **b = bucket_of(p->pid);
	p->pid_next = *b;
	*b = p;
	list_push_back(&family.procs, &p->all_node);
	family.proc_count++;
	if (p->parent)
		list_push_back(&p->parent->children, &p->sibling);
}

void pid_remove(struct proc *p)
{
	struct proc **b = bucket_of(p->pid);
	while (*b != p)
		b = &(*b)->pid_next;
	*b = p->pid_next;
	list_remove(&p->all_node);
	list_remove(&p->sibling);
	family.proc_count--;
}

struct proc *proc_find(u32 pid)
{
	for (struct proc *p = *bucket_of(pid); p; p = p->pid_next)
		if (p->pid == pid)
			return p;
	return NULL;
}

static struct task *thread_of(struct proc *p, u32 tid)
{
	list_for_each(n, &p->tasks) {
		struct task *t = list_entry(n, struct task, proc_node);
		if (t->tid == tid)
			return t;
	}
	return NULL;
}

struct task *task_find(u32 tid)
{
	/* mostly its own threads are meant, or a process's first */
	struct task *t = current && current->proc ? thread_of(current->proc, tid) : NULL;
	struct proc *p = t ? NULL : proc_find(tid);
	if (p)
		t = thread_of(p, tid);
	if (t)
		return t;
	list_for_each(n, &family.procs) {
		t = thread_of(list_entry(n, struct proc, all_node), tid);
		if (t)
			return t;
	}
	return NULL;
}

struct proc *proc_create(struct proc *parent)
{
	struct proc *p = kzalloc(sizeof *p);
	if (!p)
		return NULL;
	p->refs = 1;
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all_node);
	list_init(&p->tasks);
	list_init(&p->timers);
	list_init(&p->shared_pending.queue);
	waitq_init(&p->child_wait);
	waitq_init(&p->vfork_wait);
	p->exit_signal = SIGCHLD;
	p->dumpable = true;
	p->start_ns = now_mono_ns();
	limits_default(p);
	if (!parent)
		return p;
	p->pgid = parent->pgid;
	p->sid = parent->sid;
	p->cred = parent->cred;
	p->console = parent->console;
	p->no_new_privileges = parent->no_new_privileges;
	p->personality = parent->personality;
	p->io_priority = parent->io_priority;
	p->nice = parent->nice;
	memcpy(p->affinity, parent->affinity, sizeof p->affinity);
	p->affinity_due = parent->affinity_due;
	p->timer_slack_ns = parent->timer_slack_ns;
	p->dumpable = parent->dumpable;
	memcpy(p->rlimit, parent->rlimit, sizeof p->rlimit);
	strlcpy(p->exe, parent->exe, sizeof p->exe);
	p->arg_start = parent->arg_start;
	p->arg_end = parent->arg_end;
	p->env_start = parent->env_start;
	p->env_end = parent->env_end;
	if (parent->cmdline && (p->cmdline = kmalloc(parent->cmdline_bytes ? parent->cmdline_bytes : 1))) {
		memcpy(p->cmdline, parent->cmdline, parent->cmdline_bytes);
		p->cmdline_bytes = parent->cmdline_bytes;
	}
	return p;
}

void proc_put(struct proc *p)
{
	if (!p || ref_put(&p->refs))
		return;
	signal_flush(&p->shared_pending);
	if (p->sig)
		sigactions_put(p->sig);
	kfree(p->cmdline);
	kfree(p);
}
