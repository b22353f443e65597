/* fork: of any program, from tracepoints only.
 *
 *   clone enter ──────────────> clone exit in the parent       parent
 *        └──> sched_process_fork ──> clone exit in the child   child   (its return to user mode)
 *   exit_group enter in the child ──> wait4 exit in the parent exit_to_wait
 *   clone enter ──────────────> wait4 exit in the parent       total
 *
 * Where the kernel does not report the child's own exit from clone (KXB_CHILD_BY_SWITCH: not x86), the child's
 * first switch-in stands for it. Process ids of tracepoints are the root namespace's, those returned by clone
 * and wait4 the caller's; `reaping` goes from one to the other. */

#define THREAD_FLAG 0x00010000 /* CLONE_THREAD, uapi/linux/sched.h */
#define VFORK_FLAG 0x00004000  /* CLONE_VFORK */

struct call {
	u64 begin_ns;
	u32 child;
	u8 first, vfork;
	u16 padding; /* bcc's maps take whole structs: nothing of the stack may be left unset */
};
struct child {
	u64 begin_ns, exit_ns;
	u8 first, vfork, ran, padding[5];
};
struct local {
	u32 parent, child; /* the parent's process, the child as the parent calls it */
};
BPF_HASH(calls, u32, struct call, 4096);	/* by the thread that is in clone */
BPF_HASH(children, u32, struct child, 16384);	/* by process, from its making until it is reaped */
BPF_HASH(reaping, struct local, u32, 16384);	/* to the key of `children` */
BPF_HASH(forked, u32, u8, 16384);		/* processes that have forked before */

static __always_inline void begin(u64 flags)
{
	struct call call = { .begin_ns = bpf_ktime_get_ns(), .vfork = !!(flags & VFORK_FLAG) };
	u32 tid = current_tid(), pid = current_pid();

	if (flags & THREAD_FLAG)
		return;
	call.first = !forked.lookup(&pid);
	if (calls.update(&tid, &call))
		count(COUNT_lost, 1);
}

int on_clone(struct tracepoint__syscalls__sys_enter_clone *args)
{
	if (in_place())
		begin(args->clone_flags);
	return 0;
}

#ifdef TP_clone3
int on_clone3(struct tracepoint__syscalls__sys_enter_clone3 *args)
{
	u64 flags = 0;

	if (!in_place())
		return 0;
	/* struct clone_args of the caller's memory begins with its flags (clone(2)) */
	bpf_probe_read_user(&flags, sizeof(flags), args->uargs);
	begin(flags);
	return 0;
}
#endif

int on_fork(void *args)
{
	if (in_place())
		begin(0);
	return 0;
}

int on_vfork(void *args)
{
	if (in_place())
		begin(VFORK_FLAG);
	return 0;
}

/* In the parent, inside clone. */
int on_made(struct tracepoint__sched__sched_process_fork *args)
{
	u32 tid = current_tid(), pid = args->child_pid;
	struct call *call = calls.lookup(&tid);
	struct child child = {};

	if (!call)
		return 0;
	call->child = pid;
	child.begin_ns = call->begin_ns;
	child.first = call->first;
	child.vfork = call->vfork;
	if (children.update(&pid, &child))
		count(COUNT_lost, 1);
	return 0;
}

static __always_inline void runs(void *ctx, u32 pid)
{
	struct child *child = children.lookup(&pid);

	if (!child || child->ran)
		return;
	child->ran = 1;
	if (!child->vfork)
		note_exactly(ctx, child->first ? HIST_first_child : HIST_child,
			     bpf_ktime_get_ns() - child->begin_ns, pid);
}

#ifdef KXB_CHILD_BY_SWITCH
int on_switch(struct tracepoint__sched__sched_switch *args)
{
	runs(args, args->next_pid);
	return 0;
}
#endif

static __always_inline void returned(void *ctx, struct call *call, long ret)
{
	struct local local = { .parent = current_pid(), .child = ret };
	u8 yes = 1;

	if (ret < 0) {
		count(COUNT_failed, 1);
		return;
	}
	note_exactly(ctx, call->vfork ? HIST_vfork_parent : call->first ? HIST_first_parent : HIST_parent,
		     bpf_ktime_get_ns() - call->begin_ns, local.parent);
	if (reaping.update(&local, &call->child) || forked.update(&local.parent, &yes))
		count(COUNT_lost, 1);
}

/* Of clone, clone3, fork and vfork alike: their exit events have one layout. */
int on_return(struct tracepoint__syscalls__sys_exit_clone *args)
{
	u32 tid = current_tid();
	struct call *call;

	if (!in_place())
		return 0;
	if (args->ret == 0) {
#ifndef KXB_CHILD_BY_SWITCH
		runs(args, tid);
#endif
		return 0;
	}
	call = calls.lookup(&tid);
	if (!call)
		return 0;
	returned(args, call, args->ret);
	calls.delete(&tid);
	return 0;
}

int on_exit(void *args)
{
	u32 pid = current_pid();
	struct child *child = children.lookup(&pid);

	if (child)
		child->exit_ns = bpf_ktime_get_ns();
	forked.delete(&pid);
	return 0;
}

int on_wait(struct tracepoint__syscalls__sys_exit_wait4 *args)
{
	struct local local = { .parent = current_pid(), .child = args->ret };
	u64 now = bpf_ktime_get_ns();
	struct child *child;
	u32 *pid;

	if (args->ret <= 0 || !in_place())
		return 0;
	pid = reaping.lookup(&local);
	if (!pid)
		return 0;
	child = children.lookup(pid);
	if (child) {
		if (child->exit_ns)
			note_exactly(args, HIST_exit_to_wait, now - child->exit_ns, local.parent);
		if (!child->vfork)
			note_exactly(args, child->first ? HIST_first_total : HIST_total, now - child->begin_ns,
				     local.parent);
		children.delete(pid);
	}
	reaping.delete(&local);
	return 0;
}
