/* What happens to a due signal on the way back to the application: a handler's frame, the default action, or the restart
 * of the call it interrupted. */
#include "../core/core.h"
#include "signal.h"

static bool in_call(const struct kx_frame *f)
{
	return f->orig_rax != ~0UL;
}

static bool restartable(const struct kx_frame *f)
{
	return in_call(f) && f->rax >= (u64)-ERESTART_RESTARTBLOCK && f->rax <= (u64)-ERESTARTSYS;
}

static void __attribute__((noreturn)) die(struct kx_frame *f, int signo, const struct kx_siginfo *info)
{
	if (SIGSET_CORE & SIGSET(signo))
		fault_report(f, info);
	proc_exit((u32)signo); /* no core file is written, so wait's word is without 0x80 */
}

static void default_action(struct kx_frame *f, int signo, const struct kx_siginfo *info)
{
	u64 set = SIGSET(signo);
	if (set & SIGSET_IGNORED)
		return;
	if (set & SIGSET_STOP)
		signal_stop(current->proc, signo);
	else
		die(f, signo, info);
}

/* The mask a handler's frame gives back: the one from before rt_sigsuspend when that is what was interrupted. */
static u64 mask_to_return(struct task *t)
{
	u64 mask = t->restore_blocked ? t->saved_blocked : t->blocked;
	t->restore_blocked = false;
	return mask;
}

static void run_handler(struct kx_frame *f, int signo, const struct kx_siginfo *info, const struct kx_sigaction *a)
{
	struct task *t = current;
	struct proc *p = t->proc;
	u64 mask = mask_to_return(t);

	if (frame_push(f, signo, info, a, mask)) {
		if (signo == SIGSEGV) { /* its own handler cannot run: no second try */
			lock(&p->sig->lock);
			p->sig->action[SIGSEGV].handler = HANDLER_DEFAULT;
			unlock(&p->sig->lock);
		}
		if (restartable(f))
			f->rax = (u64)-EINTR;
		signal_fault(f, SIGSEGV, SI_KERNEL, 0);
		return;
	}
	lock(&p->siglock);
	t->blocked |= a->mask | (a->flags & SA_NODEFER ? 0 : SIGSET(signo));
	t->blocked &= ~SIGSET_UNBLOCKABLE;
	unlock(&p->siglock);
	if (a->flags & SA_RESETHAND) {
		lock(&p->sig->lock);
		p->sig->action[signo].handler = HANDLER_DEFAULT;
		unlock(&p->sig->lock);
	}
}

/* Deals with all that is due now. */
static void take_signals(struct kx_frame *f)
{
	struct task *t = current;
	struct proc *p = t->proc;
	struct kx_siginfo info;
	int signo;

	for (;;) {
		thread_exit_if_due();
		if (signal_pending_set(t) & SIGSET_KILL)
			die(f, SIGKILL, NULL);
		if (p->stopped) {
			signal_stop_wait();
			continue;
		}
		signo = signal_dequeue(t, ~t->blocked, &info);
		if (!signo)
			return;
		struct kx_sigaction a = action_of(p, signo);
		if (a.handler == HANDLER_DEFAULT)
			default_action(f, signo, &info);
		else if (a.handler != HANDLER_IGNORE)
			run_handler(f, signo, &info, &a);
	}
}

/* The interrupted call once more; no handler ran. */
static void restart(struct kx_frame *f)
{
	struct task *t = current;
	if (f->rax == (u64)-ERESTART_RESTARTBLOCK)
		f->rax = (u64)(t->restart ? t->restart(t) : -EINTR);
	else
		f->rax = (u64)syscall_dispatch(f);
}

void signal_deliver(struct kx_frame *f)
{
	struct task *t = current;

	for (;;) {
		take_signals(f);
		if (t->restore_blocked) { /* no handler: the mask of before rt_sigsuspend, which may let more through */
			t->restore_blocked = false;
			lock(&t->proc->siglock);
			t->blocked = t->saved_blocked;
			unlock(&t->proc->siglock);
			if (restartable(f) && f->rax != (u64)-ERESTART_RESTARTBLOCK)
				f->rax = (u64)-ERESTARTNOINTR;
			continue;
		}
		if (!restartable(f))
			return;
		restart(f);
		if (!restartable(f) && !signal_due(t))
			return;
	}
}
