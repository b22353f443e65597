/* Threads of a process: clone, their end, the end of all but one. */
#include "core.h"

static struct lock gather_lock; /* who ends the others: one thread of a process at a time */

static struct task *thread_new(u64 flags, u64 stack, u64 tls)
{
	struct task *me = current, *t = task_create(me->proc, me->runq);
	if (!t)
		return NULL;
	struct kx_frame f = *me->frame;
	f.rax = 0;
	if (stack)
		f.rsp = stack;
	*t->frame = f;
	fpu_save(t->fpu);
	t->fsbase = flags & CLONE_SETTLS ? tls : me->fsbase;
	if (!HOSTED && !(flags & CLONE_SETTLS))
		__asm__ volatile("rdfsbase %0" : "=r"(t->fsbase));
	t->vfork_borrowed = me->vfork_borrowed;
	memcpy(t->comm, me->comm, sizeof t->comm);
	signal_task_init(t, me);
	return t;
}

long thread_clone(u64 flags, u64 stack, u32 __user *ptid, u32 __user *ctid, u64 tls)
{
	struct proc *p = current->proc;
	if (!(flags & CLONE_VM) || !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if (flags & CLONE_SETTLS && tls >= KX_USER_MAX)
		return -EPERM;
	if (p->cred.euid && __atomic_load_n(&family.task_count, __ATOMIC_RELAXED) >= p->rlimit[RLIMIT_NPROC].rlim_cur)
		return -EAGAIN; /* Linux counts a user's threads; root may have as many as the family */
	struct task *t = thread_new(flags, stack, tls);
	if (!t)
		return -EAGAIN;
	u32 tid = t->tid;
	if (flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = ctid;
	if ((flags & CLONE_PARENT_SETTID && put_user(tid, ptid)) || (flags & CLONE_CHILD_SETTID && put_user(tid, ctid))) {
		task_free(t);
		return -EFAULT;
	}
	lock(&family.tree);
	bool ending = p->group_exiting || p->killed;
	if (!ending) {
		list_push_back(&p->tasks, &t->proc_node);
		p->task_count++;
	}
	unlock(&family.tree);
	if (ending) {
		task_free(t);
		return -EAGAIN;
	}
	task_start_user(t, t->frame);
	return tid;
}

long sys_clone(u64 flags, u64 stack, u32 __user *ptid, u32 __user *ctid, u64 tls); /* mm/fork.c */

long sys_clone3(const struct clone_args __user *from, size_t bytes)
{
	struct clone_args a;
	memset(&a, 0, sizeof a);
	if (bytes < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (bytes > sizeof a)
		return bytes > KX_PAGE ? -E2BIG : -EINVAL;
	if (copy_from_user(&a, from, bytes))
		return -EFAULT;
	if (a.flags & (CSIGNAL | CLONE_DETACHED) || a.flags >> 32 || a.exit_signal > CSIGNAL || a.set_tid || a.set_tid_size)
		return -EINVAL;
	if (!a.stack != !a.stack_size || (a.flags & CLONE_THREAD && a.exit_signal))
		return -EINVAL;
	return sys_clone(a.flags | a.exit_signal, a.stack + a.stack_size, (u32 __user *)a.parent_tid, (u32 __user *)a.child_tid, a.tls);
}

/* Current is not the last of its process: it leaves the others. */
static void thread_exit(void) __attribute__((noreturn));
static void thread_exit(void)
{
	struct task *t = current;
	struct proc *p = t->proc;
	t->exiting = true;
	thread_exit_cleanup(t);
	sched_account(t);
	lock(&family.tree);
	list_remove(&t->proc_node);
	p->task_count--;
	p->user_ns += t->cpu_ns;
	t->cpu_ns = 0;
	bool last = p->task_count == 0;
	if (last) { /* another went at the same moment: the process ends with this one */
		list_push_back(&p->tasks, &t->proc_node);
		p->task_count++;
	}
	unlock(&family.tree);
	if (last)
		proc_exit(p->group_exiting ? p->group_exit_code : 0);
	signal_retarget(t, NEVER); /* one that was woken for it, perhaps */
	signal_flush(&t->pending);
	wake_all(&p->vfork_wait); /* threads_kill_others waits there too */
	task_exit_thread();
}

long sys_exit(int code)
{
	struct proc *p = current->proc;
	if (__atomic_load_n(&p->task_count, __ATOMIC_RELAXED) == 1)
		proc_exit(p->group_exiting ? p->group_exit_code : (u32)(code & 0xff) << 8);
	thread_exit();
}

void thread_exit_if_due(void)
{
	struct task *t = current;
	if (likely(!t->proc || !t->proc->group_exiting) || t->exiting)
		return;
	if (__atomic_load_n(&t->proc->task_count, __ATOMIC_RELAXED) == 1)
		proc_exit(t->proc->group_exit_code);
	thread_exit();
}

long threads_kill_others(void)
{
	struct task *me = current;
	struct proc *p = me->proc;
	lock(&gather_lock);
	bool mine = !p->group_exiting;
	if (mine) {
		me->exiting = true; /* not this one */
		p->group_exiting = true;
	}
	unlock(&gather_lock);
	if (!mine)
		return -EAGAIN;
	struct waiter w;
	waiter_init(&w);
	waitq_add(&p->vfork_wait, &w);
	for (;;) {
		lock(&family.tree);
		u32 left = p->task_count - 1;
		list_for_each(node, &p->tasks) {
			struct task *t = list_entry(node, struct task, proc_node);
			if (t != me) {
				request_attention(t, KX_ATTENTION_SIGNAL);
				task_wake(t);
			}
		}
		unlock(&family.tree);
		if (!left)
			break;
		task_sleep(deadline_after(10000000), false);
	}
	waitq_remove(&p->vfork_wait, &w);
	me->exiting = false;
	p->group_exiting = false;
	return 0;
}

long sys_set_tid_address(u32 __user *p)
{
	current->clear_child_tid = p;
	return current->tid;
}

long sys_gettid(void)
{
	return current->tid;
}

long sys_arch_prctl(int op, u64 address)
{
	struct task *t = current;
	switch (op) {
	case ARCH_SET_FS:
		if (address >= KX_USER_MAX)
			return -EPERM;
		t->fsbase = address;
		if (!HOSTED)
			__asm__ volatile("wrfsbase %0" : : "r"(address));
		return 0;
	case ARCH_GET_FS:
		if (!HOSTED)
			__asm__ volatile("rdfsbase %0" : "=r"(t->fsbase));
		return put_user(t->fsbase, (u64 __user *)address);
	case ARCH_GET_GS:
		return put_user(t->gsbase, (u64 __user *)address);
	default: /* GS is the LibOS's own */
		return -EINVAL;
	}
}
