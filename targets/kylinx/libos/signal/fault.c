/* Signals an instruction of the application's causes. They cannot wait: blocked or ignored, they kill. */
#include "signal.h"

void signal_fault(struct kx_frame *frame, int signo, int code, u64 addr)
{
	struct task *t = current;
	struct proc *p = t->proc;
	struct kx_siginfo info = siginfo_of(signo, code);

	(void)frame;
	if (code != SI_KERNEL)
		info.a[0] = addr;
	lock(&p->siglock);
	lock(&p->sig->lock);
	struct kx_sigaction *a = &p->sig->action[signo];
	if (a->handler == HANDLER_IGNORE || (t->blocked & SIGSET(signo)))
		a->handler = HANDLER_DEFAULT;
	unlock(&p->sig->lock);
	t->blocked &= ~SIGSET(signo);
	pending_drop(&t->pending, SIGSET(signo)); /* an older one would hide this one's address */
	pending_add(p, &t->pending, signo, &info, NULL);
	unlock(&p->siglock);
	signal_check_self();
}
