/* The family's first moments, and each slot's. */
#include "core.h"

struct family family;
static struct proc nobody; /* of a thread that is about to make its process */
static bool ready;         /* the first slot has done libos_init(): a spawn beside it may be quicker */

/* All that needs no slot but the first. */
void libos_init(void)
{
	heap_init();
	fpu_init();
	list_init(&family.procs);
	family.next_pid = 1; /* pid 1 is the family itself */
	family.boot_ns = now_mono_ns();
	fs_init();
	ipc_init();
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

static void first_program(void *slot)
{
	proc_init_first((const struct kx_spawn *)((char *)vcpu_of((u32)(u64)slot) + KX_VCPU_SPAWN));
}

/* entry_boot, entry_child: on the slot's idle stack. */
void slot_main(u32 slot, bool first)
{
	struct kx_vcpu *v = this_vcpu();
	slot_parked();
	slot_begin(slot);
	v->syscall_entry = (u64)entry_syscall;
	if (first)
		libos_init();
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		hypercall(KX_HC_YIELD, 0, 0, 0, 0, 0);
	if (v->boot_arg) {
		task_adopt((struct task *)v->boot_arg);
	} else {
		struct task *t = task_create(&nobody, this_runq());
		if (!t)
			panic("no memory for a first thread");
		task_start(t, first_program, (void *)(u64)slot);
	}
	schedule_idle();
}

void slot_exit(u32 status)
{
	struct runq *rq = this_runq();
	if (rq->dead)
		task_free(rq->dead);
	heap_slot_end();
	rq->counted = rq->started = false;
	active_add(rq, -1);
	hypercall(KX_HC_EXIT, status, 0, 0, 0, 0);
	__builtin_unreachable();
}
