/* fork(2), vfork(2), clone(2) of processes. A fork copies what the LibOS keeps of a process and has the monitor do the
 * memory; its length does not depend on how much of that there is. A child that shares its parent's memory (CLONE_VM)
 * runs on its parent's pVM, as another thread of it. */
#include "../core/core.h"
#include "../signal/signal.h"
#include "mm.h"

#define CLONE_NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

struct clone {
	u64 flags, stack, tls;
	u32 __user *parent_tid, *child_tid;
};

/* What the child's memory must not have of its parent's. */
static void drop_unwanted(const struct mm *mm)
{
	u64 at = KX_USER_MIN;
	for (u32 i = 0; i <= mm->count; i++) {
		const struct kx_region *r = i < mm->count ? &mm->regions[i] : NULL;
		u64 end = r ? r->start : KX_USER_MAX;
		if (at < end && range_allowed(at, end)) /* the hole of a mapping not inherited */
			hypercall(KX_HC_MEMORY, KX_MEMORY_DROP, at, end - at, 0, 0);
		if (!r)
			return;
		if (r->flags & KXR_WIPEONFORK)
			hypercall(KX_HC_MEMORY, KX_MEMORY_DROP, r->start, region_bytes(r), 0, 0);
		at = r->end;
	}
}

/* The child's first steps, on its own pVM. */
static void child_begin(void *child_tid)
{
	struct task *t = current;
	t->proc->slot = this_slot();
	mm_use(t->proc->mm);
	affinity_settle();
	if (t->proc->mm->fork_drops)
		drop_unwanted(t->proc->mm);
	if (child_tid)
		put_user(t->tid, (u32 __user *)child_tid);
	return_to_user(t->frame);
}

static long check_flags(u64 flags)
{
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_FS) && (flags & (CLONE_NEWNS | CLONE_NEWUSER)))
		return -EINVAL;
	if (flags & CLONE_NAMESPACES)
		return -EPERM;
	return flags & CLONE_PIDFD ? -EINVAL : 0;
}

/* Linux counts a user's threads; root may have as many as the family. */
static bool too_many(const struct proc *p)
{
	return p->cred.euid && __atomic_load_n(&family.task_count, __ATOMIC_RELAXED) >= limit_of(p, RLIMIT_NPROC);
}

static bool any_dropped(const struct mm *mm)
{
	for (u32 i = 0; i < mm->count; i++)
		if (mm->regions[i].flags & (KXR_DONTFORK | KXR_WIPEONFORK))
			return true;
	return false;
}

static long copy_mm(struct proc *child, struct proc *parent, u64 flags)
{
	if (flags & CLONE_VM) {
		child->mm = parent->mm;
		ref_get(&child->mm->refs);
		return 0;
	}
	child->mm = mm_fork(parent->mm);
	if (!child->mm)
		return -ENOMEM;
	child->mm->fork_drops = any_dropped(parent->mm);
	return shm_attach_fork(parent->mm, child->mm);
}

static long copy_parts(struct proc *child, struct proc *parent, u64 flags)
{
	if (flags & CLONE_FILES)
		ref_get(&(child->files = parent->files)->refs);
	else
		child->files = files_fork(parent->files);
	if (flags & CLONE_FS)
		ref_get(&(child->fs = parent->fs)->refs);
	else
		child->fs = fs_fork(parent->fs);
	if (flags & CLONE_SIGHAND)
		ref_get(&(child->sig = parent->sig)->refs);
	else
		child->sig = sigactions_fork(parent->sig);
	if (!child->files || !child->fs || !child->sig)
		return -ENOMEM;
	return copy_mm(child, parent, flags);
}

static void copy_registers(struct task *t, const struct clone *c)
{
	*t->frame = *current->frame;
	t->frame->rax = 0;
	t->frame->orig_rax = ~0ul; /* nothing to restart */
	if (c->stack)
		t->frame->rsp = c->stack;
	t->fsbase = current->fsbase;
	t->gsbase = current->gsbase;
	if (!HOSTED) {
		fpu_save(t->fpu);
		__asm__ volatile("rdfsbase %0" : "=r"(t->fsbase));
	}
	if (c->flags & CLONE_SETTLS)
		t->fsbase = c->tls;
}

static struct task *make_task(struct proc *child, const struct clone *c)
{
	bool borrowed = c->flags & CLONE_VM;
	struct task *t = task_create(child, borrowed ? current->runq : NULL);
	if (!t)
		return NULL;
	child->pid = t->tid;
	child->slot = current->proc->slot; /* the child's own pVM corrects it */
	t->vfork_borrowed = borrowed;
	strlcpy(t->comm, current->comm, sizeof t->comm);
	signal_task_init(t, current);
	if ((c->flags & CLONE_VM) && !(c->flags & CLONE_VFORK))
		t->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	if (c->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = c->child_tid;
	copy_registers(t, c);
	return t;
}

static void unmake(struct proc *child, struct task *t)
{
	if (t)
		task_free(t);
	if (child->files)
		files_put(child->files);
	if (child->fs)
		fs_put(child->fs);
	mm_put(child->mm);
	proc_put(child);
}

static void enter_tree(struct proc *child, struct task *t, const struct clone *c)
{
	struct proc *parent = current->proc;
	lock(&family.tree);
	child->exit_signal = (u32)c->flags & CSIGNAL;
	child->parent = parent;
	if (c->flags & CLONE_PARENT) {
		child->parent = parent->parent;
		child->exit_signal = parent->exit_signal;
	}
	child->pgid = parent->pgid; /* it may have changed since proc_create */
	child->sid = parent->sid;
	list_push_back(&child->tasks, &t->proc_node);
	child->task_count = 1;
	pid_insert(child);
	unlock(&family.tree);
}

static void leave_tree(struct proc *child, struct task *t)
{
	lock(&family.tree);
	list_remove(&t->proc_node);
	child->task_count = 0;
	pid_remove(child);
	unlock(&family.tree);
}

/* Starts the child: on this pVM, or on one of its own. */
static long start(struct proc *child, struct task *t, const struct clone *c)
{
	if (c->flags & CLONE_VM) {
		if (c->flags & CLONE_CHILD_SETTID)
			put_user(t->tid, c->child_tid);
		task_start_user(t, t->frame);
		return 0;
	}
	task_start(t, child_begin, c->flags & CLONE_CHILD_SETTID ? c->child_tid : NULL);
	long slot = hypercall(KX_HC_FORK, (u64)t, 0, current->frame->rsp, (u64)child->mm->regions, child->mm->count);
	return slot < 0 ? slot : 0;
}

void vfork_release(struct proc *p)
{
	if (p->vfork_done)
		return;
	__atomic_store_n(&p->vfork_done, true, __ATOMIC_RELEASE);
	wake_all(&p->vfork_wait);
}

static void vfork_sleep(struct proc *child)
{
	struct waiter w;
	waiter_init(&w);
	waitq_add(&child->vfork_wait, &w);
	while (!__atomic_load_n(&child->vfork_done, __ATOMIC_ACQUIRE))
		task_sleep(NEVER, false);
	waitq_remove(&child->vfork_wait, &w);
}

#ifndef SLOWDOWN_PERCENT
#define SLOWDOWN_PERCENT 0
#endif

/* By so much longer than it would take, seen from the parent: off but for the evidence of the suite's regression gate. */
static void slow_down(u64 began)
{
	u64 until = rdtsc() + (rdtsc() - began) * SLOWDOWN_PERCENT / 100;
	while (SLOWDOWN_PERCENT && rdtsc() < until)
		__asm__ volatile("pause");
}

static long clone_process(const struct clone *c)
{
	u64 began = SLOWDOWN_PERCENT ? rdtsc() : 0;
	struct proc *parent = current->proc;
	if (too_many(parent))
		return -EAGAIN;
	struct proc *child = proc_create(parent);
	if (!child)
		return -ENOMEM;
	struct task *t = make_task(child, c);
	u32 pid = child->pid;
	/* before the table is copied: the page it makes present is the child's, too */
	if (t && (c->flags & CLONE_PARENT_SETTID))
		put_user(pid, c->parent_tid);
	long e = t ? copy_parts(child, parent, c->flags) : -ENOMEM;
	if (e) {
		unmake(child, t);
		return e;
	}
	bool vfork = c->flags & CLONE_VFORK;
	child->vfork_done = !vfork;
	proc_ref(child); /* it may be reaped before we are back */
	enter_tree(child, t, c);
	__atomic_add_fetch(&family.forks, 1, __ATOMIC_RELAXED);
	e = start(child, t, c);
	if (e) {
		leave_tree(child, t);
		proc_put(child);
		unmake(child, t);
		return e;
	}
	if (vfork)
		vfork_sleep(child);
	proc_put(child);
	if (SLOWDOWN_PERCENT)
		slow_down(began);
	return pid;
}

long sys_clone(u64 flags, u64 stack, u32 __user *parent_tid, u32 __user *child_tid, u64 tls)
{
	long e = check_flags(flags);
	if (e)
		return e;
	if (flags & CLONE_THREAD)
		return thread_clone(flags, stack, parent_tid, child_tid, tls);
	struct clone c = { flags, stack, tls, parent_tid, child_tid };
	return clone_process(&c);
}

long sys_fork(void)
{
	struct clone c = { .flags = SIGCHLD };
	return clone_process(&c);
}

long sys_vfork(void)
{
	struct clone c = { .flags = SIGCHLD | CLONE_VM | CLONE_VFORK };
	return clone_process(&c);
}
