/* Threads: their memory, their first context, their end, their way to another slot. */
#include "core.h"
#include "pages.h"

struct task *task_create(struct proc *p, struct runq *rq)
{
	struct task *t = kzalloc(sizeof *t);
	char *stack = t ? pages_alloc_dirty(KX_TASK_STACK_PAGES) : NULL;
	if (!stack) {
		kfree(t);
		return NULL;
	}
	/* from the top: extended state, frame, stack */
	t->stack = stack;
	t->fpu = stack + KX_TASK_STACK_PAGES * KX_PAGE - fpu_bytes();
	t->frame = (struct kx_frame *)((u64)t->fpu & ~63UL) - 1;
	*(u64 *)stack = STACK_CANARY;
	fpu_area_init(t->fpu);
	memset(t->frame, 0, sizeof *t->frame);
	t->proc = p;
	t->runq = rq;
	t->state = TASK_NEW;
	list_init(&t->run_node);
	list_init(&t->proc_node);
	list_init(&t->pending.queue);
	t->tid = __atomic_add_fetch(&family.next_pid, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&family.task_count, 1, __ATOMIC_RELAXED);
	return t;
}

void task_free(struct task *t)
{
	__atomic_sub_fetch(&family.task_count, 1, __ATOMIC_RELAXED);
	pages_free(t->stack, KX_TASK_STACK_PAGES);
	kfree(t);
}

void context_prepare(struct task *t, void (*entry)(void *), void *arg)
{
	u64 *sp = (u64 *)((u64)t->frame & ~15UL) - 1; /* context_begin finds rsp a multiple of 16 after its return */
	*sp = (u64)context_begin;
	*--sp = 0;          /* rbp */
	*--sp = 0;          /* rbx */
	*--sp = (u64)entry; /* r12 */
	*--sp = (u64)arg;   /* r13 */
	*--sp = 0;
	*--sp = 0;
	t->context_rsp = sp;
}

/* A task without a run queue is only made ready to be: its slot takes it over when it starts. */
void task_start(struct task *t, void (*entry)(void *), void *arg)
{
	context_prepare(t, entry, arg);
	if (!t->runq)
		return;
	t->state = TASK_SLEEPING;
	task_wake(t);
}

static void to_user(void *frame)
{
	return_to_user(frame);
}

void task_start_user(struct task *t, const struct kx_frame *frame)
{
	if (frame != t->frame)
		*t->frame = *frame;
	task_start(t, to_user, t->frame);
}

void task_adopt(struct task *t)
{
	struct runq *rq = this_runq();
	__atomic_store_n(&t->runq, rq, __ATOMIC_RELEASE);
	t->state = TASK_SLEEPING;
	task_wake(t);
}

static void leave_for_good(void *arg)
{
	this_runq()->dead = arg;
	schedule_idle();
}

void task_exit_thread(void)
{
	struct task *t = current;
	struct runq *rq = this_runq();
	sched_account(t);
	lock(&rq->lock);
	t->state = TASK_DEAD;
	rq->running = NULL;
	unlock(&rq->lock);
	run_on_idle_stack(leave_for_good, t);
}

void run_on_idle_stack(void (*fn)(void *), void *arg)
{
	set_current(NULL);
	idle_stack_clear();
	context_jump((char *)this_vcpu() + KX_VCPU_IDLE_STACK_TOP, fn, arg);
}

struct migration { struct task *task; long (*spawn)(struct task *, void *); void *arg; long result; };

static void migrate(void *arg)
{
	struct migration *m = arg;
	struct task *t = m->task;
	struct runq *rq = this_runq();
	long r = m->spawn(t, m->arg); /* when it succeeds the task runs elsewhere already: m is on its stack */
	if (r < 0) {
		m->result = r;
		__atomic_store_n(&t->runq, rq, __ATOMIC_RELEASE);
		t->state = TASK_SLEEPING;
		task_wake(t);
	}
	schedule_idle();
}

long task_migrate(long (*spawn)(struct task *, void *), void *arg)
{
	struct migration m = { .task = current, .spawn = spawn, .arg = arg };
	context_leave(m.task, migrate, &m);
	return m.result;
}
