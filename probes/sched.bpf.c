/* What the scheduler does with the place's threads: waiting to run, off the CPU, switches, migrations.
 *
 * A switch runs in the thread that leaves; the one that comes is known only by number, so threads of the place
 * are remembered: those there at the start (put in by sched.py), those made by one of them, those that left.
 *
 * A kernel may keep some threads of its own machine's management from eBPF. What happens while one of those is
 * on the CPU is not seen: the wake-up by a timer that interrupts it, the switch from it. Both leave a trace. */

#define STATE_DEAD 0x30	       /* EXIT_DEAD | EXIT_ZOMBIE, as sched_switch reports prev_state */
#define STATE_PREEMPTED 0x100  /* TASK_REPORT_MAX: taken off though not runnable for itself (linux/sched.h) */

struct task {
	u64 queued_ns, off_ns;
	u64 away; /* it left, and was not seen to come back */
};
BPF_HASH(tasks, u32, struct task, 16384);

static __always_inline struct task *known(u32 tid)
{
	struct task fresh = {}, *task = tasks.lookup(&tid);

	if (task)
		return task;
	if (tasks.update(&tid, &fresh))
		count(COUNT_lost, 1);
	return tasks.lookup(&tid);
}

int on_wakeup(struct tracepoint__sched__sched_wakeup *args)
{
	u32 tid = args->pid;
	struct task *task = tasks.lookup(&tid);

	if (task) {
		count(COUNT_wakeups, 1);
		task->queued_ns = bpf_ktime_get_ns();
	}
	return 0;
}

int on_new(struct tracepoint__sched__sched_wakeup_new *args)
{
	struct task *task;

	if (!in_place()) /* the maker is running */
		return 0;
	task = known(args->pid);
	if (task)
		task->queued_ns = bpf_ktime_get_ns();
	return 0;
}

int on_migrate(struct tracepoint__sched__sched_migrate_task *args)
{
	u32 tid = args->pid;

	if (tasks.lookup(&tid))
		count(COUNT_migrations, 1);
	return 0;
}

static __always_inline void leaves(u32 tid, long state, u64 now)
{
	struct task *task;

	if (state & STATE_DEAD) {
		tasks.delete(&tid);
		return;
	}
	task = known(tid);
	if (!task)
		return;
	if (task->away)
		count(COUNT_unseen, 1);
	task->away = 1;
	if (state == 0 || (state & STATE_PREEMPTED)) { /* as the kernel's own nivcsw: still wants to run */
		count(COUNT_involuntary_switches, 1);
		task->queued_ns = now;
		task->off_ns = 0;
	} else {
		count(COUNT_voluntary_switches, 1);
		task->queued_ns = 0;
		task->off_ns = now;
	}
}

static __always_inline void comes(u32 tid, u64 now)
{
	struct task *task = tasks.lookup(&tid);

	if (!task)
		return;
	if (task->queued_ns)
		note(HIST_run_queue, now - task->queued_ns);
	else if (task->away)
		count(COUNT_unseen, 1);
	if (task->off_ns)
		note(HIST_off_cpu, now - task->off_ns);
	task->queued_ns = 0;
	task->off_ns = 0;
	task->away = 0;
}

int on_switch(struct tracepoint__sched__sched_switch *args)
{
	u64 now = bpf_ktime_get_ns();

	if (in_place())
		leaves(args->prev_pid, args->prev_state, now);
	comes(args->next_pid, now);
	return 0;
}
