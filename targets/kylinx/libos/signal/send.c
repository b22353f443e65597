/* Sending: whether a signal is dropped, which thread takes it, how that thread learns of it. */
#include "signal.h"

bool tree_enter(void)
{
	/* callers that already walk the tree (exit, wait, kill of a group) send signals too */
	if (__atomic_load_n(&family.tree.owner, __ATOMIC_RELAXED) == this_vcpu()->slot + 1)
		return false;
	lock(&family.tree);
	return true;
}

void tree_leave(bool entered)
{
	if (entered)
		unlock(&family.tree);
}

struct kx_sigaction action_of(struct proc *p, int signo)
{
	lock(&p->sig->lock);
	struct kx_sigaction a = p->sig->action[signo];
	unlock(&p->sig->lock);
	return a;
}

bool signal_ignored(struct task *t, int signo)
{
	if ((t->blocked | t->real_blocked) & SIGSET(signo))
		return false; /* its disposition may have changed when it is unblocked */
	u64 handler = action_of(t->proc, signo).handler;
	return handler == HANDLER_IGNORE || (handler == HANDLER_DEFAULT && (SIGSET_IGNORED & SIGSET(signo)));
}

static bool due_set(const struct task *t)
{
	return ((t->pending.set | t->proc->shared_pending.set) & ~t->blocked) != 0;
}

bool signal_due(struct task *t)
{
	struct proc *p = t->proc;
	return due_set(t) || (p->group_exiting && !t->exiting) || p->stopped;
}

u64 signal_pending_set(struct task *t)
{
	return t->pending.set | t->proc->shared_pending.set;
}

/* Makes a thread look: out of its sleep, or out of its computation by a kick. */
static void notify(struct task *t)
{
	task_wake(t);
	request_attention(t, KX_ATTENTION_SIGNAL);
}

void signal_check_self(void)
{
	if (due_set(current))
		notify(current);
}

static bool wants(const struct task *t, int signo)
{
	return !t->exiting && (signo == SIGKILL || !(t->blocked & SIGSET(signo)));
}

/* The main thread first, as Linux does; else any that does not block it. tree held */
static struct task *choose_thread(struct proc *p, int signo, const struct task *not_this)
{
	struct task *other = NULL;
	if (!p->tasks.next)
		return NULL;
	list_for_each(n, &p->tasks) {
		struct task *t = list_entry(n, struct task, proc_node);
		if (t == not_this || !wants(t, signo))
			continue;
		if (t->tid == p->pid)
			return t;
		if (!other)
			other = t;
	}
	return other;
}

static void notify_all(struct proc *p)
{
	if (!p->tasks.next)
		return;
	list_for_each(n, &p->tasks)
		notify(list_entry(n, struct task, proc_node));
}

void signal_retarget(struct task *t, u64 set)
{
	struct proc *p = t->proc;
	set &= p->shared_pending.set;
	if (!set || p->task_count < (t->exiting ? 1 : 2))
		return;
	bool entered = tree_enter();
	for (; set; set &= set - 1) {
		struct task *other = choose_thread(p, __builtin_ctzl(set) + 1, t);
		if (other)
			notify(other);
	}
	tree_leave(entered);
}

/* What sending does before anything is queued: SIGCONT and stop signals cancel each other, whatever their disposition. */
static void prepare(struct proc *p, int signo)
{
	u64 drop = signo == SIGCONT ? SIGSET_STOP : SIGSET(signo) & SIGSET_STOP ? SIGSET(SIGCONT) : 0;
	if (drop) {
		lock(&p->siglock);
		pending_drop(&p->shared_pending, drop);
		list_for_each(n, &p->tasks)
			pending_drop(&list_entry(n, struct task, proc_node)->pending, drop);
		unlock(&p->siglock);
	}
	if (signo == SIGCONT)
		signal_continue(p, true);
}

static struct task *any_thread(struct proc *p)
{
	struct task *first = NULL;
	list_for_each(n, &p->tasks) {
		struct task *t = list_entry(n, struct task, proc_node);
		if (t->tid == p->pid)
			return t;
		if (!first)
			first = t;
	}
	return first;
}

/* tree held */
static long post(struct proc *p, struct task *to, int signo, const struct kx_siginfo *info, struct queued_signal *own)
{
	struct kx_siginfo kernel = siginfo_of(signo, SI_KERNEL);
	struct task *judge = to ? to : p->tasks.next && !list_empty(&p->tasks) ? any_thread(p) : NULL;

	if (!judge || p->zombie)
		return 0;
	prepare(p, signo);
	lock(&p->siglock);
	if (signal_ignored(judge, signo) && signo != SIGKILL) {
		unlock(&p->siglock);
		return 1;
	}
	long r = pending_add(p, to ? &to->pending : &p->shared_pending, signo, info ? info : &kernel, own);
	unlock(&p->siglock);
	if (r)
		return r;
	if (signo == SIGKILL) {
		p->killed = true;
		signal_continue(p, false); /* now that it is pending: nothing else is taken first */
		notify_all(p);
	} else {
		struct task *t = to ? (wants(to, signo) ? to : NULL) : choose_thread(p, signo, NULL);
		if (t)
			notify(t);
	}
	signalfd_notify(p);
	return 0;
}

long signal_post(struct proc *p, struct task *to, int signo, const struct kx_siginfo *info, struct queued_signal *own)
{
	bool entered = tree_enter();
	long r = post(p, to, signo, info, own);
	tree_leave(entered);
	return r;
}

long signal_send_proc(struct proc *p, int signo, const struct kx_siginfo *info)
{
	long r = signal_post(p, NULL, signo, info, NULL);
	return r < 0 ? r : 0;
}

long signal_send_task(struct task *t, int signo, const struct kx_siginfo *info)
{
	long r = signal_post(t->proc, t, signo, info, NULL);
	return r < 0 ? r : 0;
}

long signal_send_group(u32 pgid, int signo, const struct kx_siginfo *info)
{
	bool entered = tree_enter(), found = false;
	list_for_each_safe(n, &family.procs) {
		struct proc *p = list_entry(n, struct proc, all_node);
		if (p->pgid != pgid || p->zombie)
			continue;
		found = true;
		if (signo)
			post(p, NULL, signo, info, NULL);
	}
	tree_leave(entered);
	return found ? 0 : -ESRCH;
}

/* Takes a pending signal of set: its number; 0: none. */
int signal_dequeue(struct task *t, u64 set, struct kx_siginfo *info)
{
	struct proc *p = t->proc;
	struct posix_timer *timer = NULL;

	if (!(signal_pending_set(t) & set))
		return 0;
	lock(&p->siglock);
	int signo = pending_take(&t->pending, set, info, &timer);
	if (!signo)
		signo = pending_take(&p->shared_pending, set, info, &timer);
	unlock(&p->siglock);
	if (timer)
		posix_timer_taken(timer, info);
	return signo;
}
