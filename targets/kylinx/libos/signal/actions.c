/* Dispositions and masks, and the calls that wait for signals. */
#include "signal.h"

struct sigactions *sigactions_create(void)
{
	struct sigactions *s = kzalloc(sizeof *s);
	if (s)
		s->refs = 1;
	return s;
}

struct sigactions *sigactions_fork(struct sigactions *from)
{
	struct sigactions *s = sigactions_create();
	if (s) {
		lock(&from->lock);
		memcpy(s->action, from->action, sizeof s->action);
		unlock(&from->lock);
	}
	return s;
}

void sigactions_put(struct sigactions *s)
{
	if (s && !ref_put(&s->refs))
		kfree(s);
}

void sigactions_exec(struct proc *p)
{
	if (p->sig->refs > 1) { /* CLONE_SIGHAND ends at exec */
		struct sigactions *own = sigactions_fork(p->sig);
		if (own) {
			sigactions_put(p->sig);
			p->sig = own;
		}
	}
	lock(&p->sig->lock);
	for (int n = 1; n <= SIG_LAST; n++) {
		struct kx_sigaction *a = &p->sig->action[n];
		*a = (struct kx_sigaction){ .handler = a->handler == HANDLER_IGNORE ? HANDLER_IGNORE : HANDLER_DEFAULT };
	}
	unlock(&p->sig->lock);
	if (current && current->proc == p)
		current->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	posix_timers_exit(p);
}

/* from NULL: the first task of a family. A thread or a forked child has its creator's mask, and nothing pending. */
void signal_task_init(struct task *t, struct task *from)
{
	t->blocked = from ? from->blocked : 0;
	t->restore_blocked = false;
	t->real_blocked = 0;
	t->pending.set = 0;
	list_init(&t->pending.queue);
	t->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	if (from && from->proc != t->proc) /* fork keeps it, a new thread's stack is another */
		t->altstack = from->altstack;
}

static void set_blocked(u64 mask)
{
	struct task *t = current;
	mask &= ~SIGSET_UNBLOCKABLE;
	u64 newly = mask & ~t->blocked;
	lock(&t->proc->siglock);
	t->blocked = mask;
	unlock(&t->proc->siglock);
	signal_retarget(t, newly);
	signal_check_self();
}

long sys_rt_sigprocmask(int how, const u64 __user *set, u64 __user *old, size_t bytes)
{
	u64 before = current->blocked, mask;

	if (bytes != SIGSET_BYTES)
		return -EINVAL;
	if (set) {
		if (get_user(mask, set))
			return -EFAULT;
		if (how == SIG_BLOCK)
			set_blocked(before | mask);
		else if (how == SIG_UNBLOCK)
			set_blocked(before & ~mask);
		else if (how == SIG_SETMASK)
			set_blocked(mask);
		else
			return -EINVAL;
	}
	return old ? put_user(before, old) : 0;
}

/* A signal that becomes ignored is forgotten, for POSIX says so. */
static void drop_ignored(struct proc *p, int signo)
{
	bool entered = tree_enter();
	lock(&p->siglock);
	pending_drop(&p->shared_pending, SIGSET(signo));
	list_for_each(n, &p->tasks)
		pending_drop(&list_entry(n, struct task, proc_node)->pending, SIGSET(signo));
	unlock(&p->siglock);
	tree_leave(entered);
}

long sys_rt_sigaction(int signo, const struct kx_sigaction __user *new, struct kx_sigaction __user *old, size_t bytes)
{
	const u64 known = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND |
		SA_RESTORER | SA_EXPOSE_TAGBITS;
	struct proc *p = current->proc;
	struct kx_sigaction action, before;

	if (bytes != SIGSET_BYTES)
		return -EINVAL;
	if (new && get_user(action, new))
		return -EFAULT;
	if (signo < 1 || signo > SIG_LAST || (new && (SIGSET_UNBLOCKABLE & SIGSET(signo))))
		return -EINVAL;
	lock(&p->sig->lock);
	before = p->sig->action[signo];
	if (new) {
		action.flags &= known; /* so a program can learn which flags exist */
		action.mask &= ~SIGSET_UNBLOCKABLE;
		p->sig->action[signo] = action;
	}
	unlock(&p->sig->lock);
	if (new && (action.handler == HANDLER_IGNORE || (action.handler == HANDLER_DEFAULT && (SIGSET_IGNORED & SIGSET(signo)))))
		drop_ignored(p, signo);
	if (old && copy_to_user(old, &before, sizeof before))
		return -EFAULT;
	return 0;
}

long sys_rt_sigpending(u64 __user *set, size_t bytes)
{
	u64 pending = signal_pending_set(current) & current->blocked;
	if (bytes > SIGSET_BYTES)
		return -EINVAL;
	return copy_to_user(set, &pending, bytes);
}

long sys_pause(void)
{
	while (!signal_due(current)) {
		if (task_sleep(NEVER, true))
			break;
	}
	return -ERESTARTNOHAND;
}

long sys_rt_sigsuspend(const u64 __user *set, size_t bytes)
{
	struct task *t = current;
	u64 mask;

	if (bytes != SIGSET_BYTES)
		return -EINVAL;
	if (get_user(mask, set))
		return -EFAULT;
	t->saved_blocked = t->blocked;
	t->restore_blocked = true;
	set_blocked(mask);
	return sys_pause();
}

/* While it waits the thread does not block what it waits for, so that a sender chooses and wakes it. */
static int wait_for(u64 set, u64 deadline, struct kx_siginfo *info, bool *late)
{
	struct task *t = current;
	int signo = signal_dequeue(t, set, info);
	if (signo || deadline == 0)
		return *late = !signo, signo;
	lock(&t->proc->siglock);
	t->real_blocked = t->blocked;
	t->blocked &= ~set;
	unlock(&t->proc->siglock);
	while (!(signo = signal_dequeue(t, set, info))) {
		long r = signal_due(t) ? -EINTR : task_sleep(deadline, true);
		if (r) {
			signo = signal_dequeue(t, set, info);
			*late = r == -ETIMEDOUT;
			break;
		}
	}
	u64 mask = t->real_blocked;
	t->real_blocked = 0;
	set_blocked(mask);
	return signo;
}

long sys_rt_sigtimedwait(const u64 __user *uset, struct kx_siginfo __user *uinfo, const struct __kernel_timespec __user *utimeout,
	size_t bytes)
{
	struct __kernel_timespec timeout;
	struct kx_siginfo info;
	u64 set, deadline = NEVER;
	bool late = false;

	if (bytes != SIGSET_BYTES)
		return -EINVAL;
	if (get_user(set, uset))
		return -EFAULT;
	if (utimeout) {
		if (get_user(timeout, utimeout))
			return -EFAULT;
		if (!timespec_valid(&timeout))
			return -EINVAL;
		u64 ns = timespec_ns(&timeout);
		deadline = ns ? deadline_after(ns) : 0;
	}
	int signo = wait_for(set & ~SIGSET_UNBLOCKABLE, deadline, &info, &late);
	if (!signo)
		return late ? -EAGAIN : -EINTR;
	if (uinfo && copy_to_user(uinfo, &info, sizeof info))
		return -EFAULT;
	return signo;
}

long sys_restart_syscall(void)
{
	struct task *t = current;
	return t->restart ? t->restart(t) : -EINTR;
}
