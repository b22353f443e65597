/* Time, count and bytes of chosen system calls (CALL_<name>, by ipc.py and library.py).
 *
 * From raw_syscalls, so that two tracepoints do for all: enabling one of syscalls:* slows every call of the
 * machine by half as much already (README), and each takes 70 ms to detach. */
#include <asm/unistd.h>

struct entered {
	u64 begin_ns, bytes;
	u32 slot, inside;
};
BPF_HASH(tasks, u32, struct entered, 16384);
#ifdef KXB_WINDOW
/* Threads inside a load, whose calls are the only ones to count: kept by library_usdt.bpf.c. */
BPF_HASH(loading, u32, u8, 4096);
#endif

static __always_inline int slot_of(long id)
{
	switch (id) {
#ifdef CALL_read
	case __NR_read:
		return CALL_read;
	case __NR_write:
		return CALL_write;
	case __NR_msgsnd:
		return CALL_msgsnd;
	case __NR_msgrcv:
		return CALL_msgrcv;
	case __NR_mq_timedsend:
		return CALL_mq_timedsend;
	case __NR_mq_timedreceive:
		return CALL_mq_timedreceive;
	case __NR_kill:
		return CALL_kill;
#endif
#ifdef CALL_mmap
	case __NR_mmap:
		return CALL_mmap;
	case __NR_munmap:
		return CALL_munmap;
	case __NR_mprotect:
		return CALL_mprotect;
	case __NR_openat:
		return CALL_openat;
#endif
	}
	return -1;
}

/* What is moved: known at the call for msgsnd and mq_send (their third argument), else returned. */
static __always_inline u64 moved(long id, u64 asked, long ret)
{
	if (ret < 0)
		return 0;
	if (id == __NR_msgsnd || id == __NR_mq_timedsend)
		return asked;
	if (id == __NR_read || id == __NR_write || id == __NR_msgrcv || id == __NR_mq_timedreceive)
		return ret;
	return 0;
}

int on_enter(struct tracepoint__raw_syscalls__sys_enter *args)
{
	struct entered *task, fresh = {};
	int slot = slot_of(args->id);
	u32 tid = current_tid();

	if (args->id == __NR_exit || args->id == __NR_exit_group)
		tasks.delete(&tid);
	if (slot < 0 || !in_place())
		return 0;
#ifdef KXB_WINDOW
	if (!loading.lookup(&tid))
		return 0;
#endif
	task = tasks.lookup(&tid);
	if (!task) {
		if (tasks.update(&tid, &fresh)) {
			count(COUNT_lost, 1);
			return 0;
		}
		task = tasks.lookup(&tid);
		if (!task)
			return 0;
	}
	task->slot = slot;
	task->bytes = args->args[2];
	task->inside = 1;
	task->begin_ns = bpf_ktime_get_ns();
	return 0;
}

int on_exit(struct tracepoint__raw_syscalls__sys_exit *args)
{
	u64 now = bpf_ktime_get_ns();
	int slot = slot_of(args->id);
	u32 tid = current_tid();
	struct entered *task;

	if (slot < 0 || !in_place())
		return 0;
	task = tasks.lookup(&tid);
	if (!task || !task->inside)
		return 0;
	task->inside = 0;
	note(slot, now - task->begin_ns);
#ifdef COUNT_bytes
	count(COUNT_bytes + slot, moved(args->id, task->bytes, args->ret));
#endif
	return 0;
}
