/* What somebody else wants of a slot: set in its area, looked at when it goes back to the application or is idle. */
#include "../mm/mm.h"
#include "core.h"

void attention_set(u32 bits)
{
	__atomic_or_fetch(&this_vcpu()->attention, bits, __ATOMIC_SEQ_CST);
}

void request_attention(struct task *t, u32 bits)
{
	struct runq *rq = __atomic_load_n(&t->runq, __ATOMIC_ACQUIRE);
	if (!rq)
		return; /* on its way to another slot: signals are looked at when it arrives */
	struct kx_vcpu *v = vcpu_of(rq->slot);
	u32 before = __atomic_fetch_or(&v->attention, bits, __ATOMIC_SEQ_CST);
	if ((before & bits) == bits)
		return; /* whoever set them kicks */
	if (v != this_vcpu() && __atomic_load_n(&v->in_user, __ATOMIC_SEQ_CST))
		call_slot(KX_HC_KICK, rq->slot);
}

/* What concerns the family or this slot's process, not the thread that happens to run. */
void attention_family(u32 bits)
{
	if (bits & KX_ATTENTION_CONSOLE)
		console_wake();
	if (bits & KX_ATTENTION_STATS)
		stats_report();
	if (bits & KX_ATTENTION_KILL)
		slot_kill();
	if (bits & KX_ATTENTION_GONE)
		slots_gone();
}

/* From the toolstack: as by SIGKILL, for every process that runs here (one, and those a vfork has lent the slot to). */
void slot_kill(void)
{
	u32 slot = this_slot();
	lock(&family.tree);
	list_for_each(node, &family.procs) {
		struct proc *p = list_entry(node, struct proc, all_node);
		if (p->slot == slot && !p->zombie)
			signal_send_proc(p, SIGKILL, NULL);
	}
	unlock(&family.tree);
}

/* The monitor ended pVMs that could not go on: their processes were killed, as far as their parents can tell. Whoever sees a
 * slot's bit first does it; the slot is not used again. */
void slots_gone(void)
{
	static u64 done[KX_MAX_SLOTS / 64];
	for (u32 slot = 0; slot < KX_MAX_SLOTS; slot++) {
		u64 bit = 1ull << slot % 64;
		if (!(__atomic_load_n(&boot_info->gone[slot / 64], __ATOMIC_ACQUIRE) & bit) ||
			__atomic_fetch_or(&done[slot / 64], bit, __ATOMIC_ACQ_REL) & bit)
			continue;
		lock(&family.tree);
		struct proc *gone = NULL;
		list_for_each(node, &family.procs) {
			struct proc *p = list_entry(node, struct proc, all_node);
			if (p->slot == slot && !p->zombie)
				gone = p;
		}
		unlock(&family.tree);
		if (!(boot_info->gone_waiting[slot / 64] & bit))
			active_gone(gone ? gone->affinity : NULL);
		if (gone)
			proc_gone(gone);
	}
}

#define TASK_WORK (KX_ATTENTION_TIMER | KX_ATTENTION_RESCHED | ATTENTION_ARM)

static bool signals_wait(const struct kx_frame *f)
{
	s64 result = (s64)f->rax;
	return signal_due(current) || current->restore_blocked ||
		(f->vector == KX_VECTOR_SYSCALL && result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK);
}

/* Before the application runs on. Comes back only when nothing more is asked of the slot. */
void exit_work(struct kx_frame *f)
{
	struct kx_vcpu *v = this_vcpu();
	u32 bits;
	do {
		bits = __atomic_exchange_n(&v->attention, 0, __ATOMIC_SEQ_CST);
		attention_family(bits & ~TASK_WORK);
		if (bits & TASK_WORK)
			sched_tick(bits);
		thread_exit_if_due();
		if (signals_wait(f))
			signal_deliver(f);
	} while (__atomic_load_n(&v->attention, __ATOMIC_SEQ_CST));
}
