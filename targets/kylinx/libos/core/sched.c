/* Run queues: each slot (pVM) runs the threads of its process in turn; a wake-up may come from any slot. */
#include "core.h"
#include "pages.h"

#define SLICE_NS 6000000         /* of a thread while others of its process are ready */
#define WAKE_SLICE_NS 500000     /* after so long it makes room for one that another pVM has just woken */
#define SPIN_FIRST_NS 10000
#define SPIN_MAX_NS 200000       /* waiting and being woken by the monitor takes half of it and more, on a software KVM */
#define STOLEN_NS 50000          /* who misses so long while it watches was not running: the host has others for this CPU */
#define STOLEN_REST_NS 10000000  /* no watching for so long after that */
#define YIELD_ALONE_NS 500000    /* a yield so long after the one before is the first of a series */
#define YIELD_FIRST_NS 100000    /* between two yields to the host of which the first met nobody; doubled while that lasts */
#define YIELD_MOST_NS 1600000
#define YIELD_MET_NS 5000        /* a yield that took so long has let others run */

u32 active_slots;
static u32 active_on[KX_AFFINITY_WORDS * 64]; /* of them: those bound to this CPU alone */
static u64 slots_seen[KX_MAX_SLOTS / 64];

u32 slot_after(s32 slot)
{
	for (u32 s = (u32)(slot + 1); s < KX_MAX_SLOTS; s = (s | 63) + 1) {
		u64 bits = __atomic_load_n(&slots_seen[s / 64], __ATOMIC_RELAXED) >> s % 64;
		if (bits)
			return s + (u32)__builtin_ctzl(bits);
	}
	return KX_MAX_SLOTS;
}

struct runq *runq_of(u32 slot)
{
	return (struct runq *)((char *)vcpu_of(slot) + RUNQ_OFFSET);
}

bool slots_ending(void)
{
	for_each_slot(s)
		if (__atomic_load_n(&runq_of(s)->ending, __ATOMIC_RELAXED))
			return true;
	return false;
}

static void ready_add(struct runq *rq, struct task *t)
{
	t->state = TASK_READY;
	list_push_back(&rq->ready, &t->run_node);
	__atomic_store_n(&rq->ready_count, rq->ready_count + 1, __ATOMIC_RELAXED);
}

static struct task *ready_take(struct runq *rq)
{
	if (!rq->ready_count)
		return NULL;
	struct task *t = list_entry(rq->ready.next, struct task, run_node);
	list_remove(&t->run_node);
	__atomic_store_n(&rq->ready_count, rq->ready_count - 1, __ATOMIC_RELAXED);
	return t;
}

static bool slice_unarmed(const struct runq *rq)
{
	return rq->armed > rq->slice_start + SLICE_NS;
}

/* Put t on its run queue (held, released here) and make its slot notice. All that decides is read under the queue's lock,
 * where the slot also takes its decision to wait: no wake-up is lost. */
static void ready_publish(struct runq *rq, struct task *t)
{
	struct kx_vcpu *v = vcpu_of(rq->slot);
	ready_add(rq, t);
	u32 state = v->state;
	bool own = rq->slot == this_slot(), busy = rq->running && rq->running->state == TASK_RUNNING;
	if (state == KX_SLOT_HALTED) { /* ours to wake; others need not */
		v->state = KX_SLOT_SPINNING;
		__atomic_add_fetch(&v->events, 1, __ATOMIC_RELEASE);
	}
	unlock(&rq->lock);
	if (state == KX_SLOT_HALTED)
		call_slot(KX_HC_NOTIFY, rq->slot);
	else if (own && slice_unarmed(rq))
		attention_set(ATTENTION_ARM); /* two want the vCPU now: time slices begin */
	else if (!own && busy && state == KX_SLOT_RUNNING)
		request_attention(rq->running, KX_ATTENTION_RESCHED);
}

void task_wake(struct task *t)
{
	struct runq *rq;
	for (;;) { /* its queue changes when it goes to another slot */
		rq = __atomic_load_n(&t->runq, __ATOMIC_ACQUIRE);
		if (!rq) {
			t->wake_pending = 1;
			return;
		}
		lock(&rq->lock);
		if (rq == t->runq)
			break;
		unlock(&rq->lock);
	}
	if (t->state == TASK_SLEEPING) {
		ready_publish(rq, t);
		return;
	}
	t->wake_pending = 1;
	unlock(&rq->lock);
}

void sched_account(struct task *t)
{
	u64 now = now_mono_ns();
	t->cpu_ns += now - t->started_ns;
	t->started_ns = now;
}

static void active_count(u32 bound, s32 by)
{
	__atomic_add_fetch(&active_slots, (u32)by, __ATOMIC_RELAXED);
	if (bound)
		__atomic_add_fetch(&active_on[bound - 1], (u32)by, __ATOMIC_RELAXED);
}

/* rq's slot becomes active, or no longer is. */
void active_add(const struct runq *rq, s32 by)
{
	active_count(rq->bound, by);
}

static u32 only_cpu(const u64 *mask)
{
	u32 count = 0, cpu = 0;
	for (u32 i = 0; i < KX_AFFINITY_WORDS; i++)
		for (u64 left = mask[i]; left; left &= left - 1, count++)
			cpu = i * 64 + (u32)__builtin_ctzl(left);
	return count == 1 ? cpu + 1 : 0;
}

/* This slot may run on these CPUs. */
void sched_bound(const u64 *mask)
{
	struct runq *rq = this_runq();
	active_add(rq, -1);
	rq->bound = only_cpu(mask);
	active_add(rq, 1);
}

/* A slot that was active is gone, its run queue already wiped. */
void active_gone(const u64 *mask)
{
	active_count(mask ? only_cpu(mask) : 0, -1);
}

static bool cpu_to_spare(const struct runq *rq)
{
	if (rq->bound && __atomic_load_n(&active_on[rq->bound - 1], __ATOMIC_RELAXED) > 1)
		return false;            /* who is waited for may need this very CPU */
	return (s32)__atomic_load_n(&active_slots, __ATOMIC_RELAXED) <= (s32)boot_info->cpus && boot_info->cpus > 1;
}

/* Watch for work for a while, as long as the host has a CPU to spare for it: a wake-up then costs no hypercall. */
static bool spin(struct runq *rq, struct kx_vcpu *v)
{
	if (!rq->spin_ns || !cpu_to_spare(rq))
		return false;
	u64 now = now_mono_ns(), end = now + rq->spin_ns, timer = timers_next(rq), before;
	do {
		before = now;
		for (u32 i = 0; i < 8; i++) {
			if (__atomic_load_n(&rq->ready_count, __ATOMIC_RELAXED) || __atomic_load_n(&v->attention, __ATOMIC_RELAXED)) {
				rq->spins_won++;
				return true;
			}
			cpu_pause();
		}
		now = now_mono_ns();
		if (now >= timer)
			return true;
		if (now - before > STOLEN_NS) {
			rq->spin_ns = 0;
			rq->spin_rest_until = now + STOLEN_REST_NS;
		}
	} while (now < end && rq->spin_ns && cpu_to_spare(rq));
	rq->spins_lost++;
	return false;
}

/* As hypervisors do it: what came so soon that watching would have met it makes the next watch longer, what did not shorter. */
static void spin_adapt(struct runq *rq, u64 now, u64 idle_ns)
{
	if (now < rq->spin_rest_until)
		return;
	if (idle_ns > SPIN_MAX_NS)
		rq->spin_ns = rq->spin_ns > SPIN_FIRST_NS ? rq->spin_ns / 2 : 0;
	else if (idle_ns > rq->spin_ns)
		rq->spin_ns = !rq->spin_ns ? SPIN_FIRST_NS : rq->spin_ns * 2 < SPIN_MAX_NS ? rq->spin_ns * 2 : SPIN_MAX_NS;
}

/* rq->lock held, nothing was ready: come back with the lock held when something may be. */
static void idle(struct runq *rq)
{
	struct kx_vcpu *v = this_vcpu();
	u64 begin = now_mono_ns();
	v->state = KX_SLOT_SPINNING;
	unlock(&rq->lock);
	bool found = spin(rq, v);
	u32 events = __atomic_load_n(&v->events, __ATOMIC_ACQUIRE);
	u32 bits = __atomic_exchange_n(&v->attention, 0, __ATOMIC_ACQ_REL);
	if (bits)
		attention_family(bits);
	if (bits & KX_ATTENTION_TIMER)
		rq->armed = NEVER;
	if (!list_empty(&rq->timers))
		timers_run(rq, now_mono_ns());
	lock(&rq->lock);
	if (rq->ready_count || found || bits) {
		v->state = KX_SLOT_RUNNING;
		return;
	}
	u64 deadline = timers_next(rq);
	v->state = KX_SLOT_HALTED;
	unlock(&rq->lock);
	active_add(rq, -1);
	rq->halts++;
	hypercall(KX_HC_WAIT, events, deadline, 0, 0, 0);
	active_add(rq, 1);
	u64 now = now_mono_ns();
	spin_adapt(rq, now, now - begin);
	lock(&rq->lock);
	v->state = KX_SLOT_RUNNING;
}

static void load_task(struct runq *rq, struct task *next)
{
	struct kx_vcpu *v = this_vcpu();
	set_current(next);
	v->exit_frame = (u64)next->frame;
	v->stack_top = (u64)(next->frame + 1);
	if (HOSTED)
		return;
	fpu_enter(next->fpu, rq->fpu_clean);
	rq->fpu_clean = false;
	__asm__ volatile("wrfsbase %0" : : "r"(next->fsbase));
}

static void leave_task(struct runq *rq, struct task *prev)
{
	if (unlikely(*(u64 *)prev->stack != STACK_CANARY))
		panic("LibOS stack overflow of thread %u (%s)", prev->tid, prev->comm);
	if (HOSTED)
		return;
	rq->fpu_clean = fpu_leave(prev->fpu);
	__asm__ volatile("rdfsbase %0" : "=r"(prev->fsbase));
}

/* The slot's next task runs; rq->lock held, released. Comes back when current runs again. */
static void schedule(struct runq *rq)
{
	struct task *prev = current, *next = ready_take(rq);
	u64 now = now_mono_ns();
	prev->cpu_ns += now - prev->started_ns;
	if (!next) {
		while (!(next = ready_take(rq)))
			idle(rq);
		now = now_mono_ns();
	}
	next->started_ns = rq->slice_start = now;
	next->state = TASK_RUNNING;
	rq->running = next;
	unlock(&rq->lock);
	if (next != prev) {
		rq->switches++;
		leave_task(rq, prev);
		load_task(rq, next);
		context_switch(&prev->context_rsp, next->context_rsp);
		sched_begin();
	}
}

/* On the stack of the task that runs now. */
void sched_begin(void)
{
	struct runq *rq = this_runq();
	struct task *t = current;
	if (unlikely(rq->dead)) {
		task_free(rq->dead);
		rq->dead = NULL;
	}
	u32 bits = signal_due(t) ? KX_ATTENTION_SIGNAL : 0; /* what the slot was told while another task ran */
	if (timers_next(rq) < rq->armed || (rq->ready_count && slice_unarmed(rq)))
		bits |= ATTENTION_ARM;
	if (bits)
		attention_set(bits);
}

/* For the idle stack, where no task is current: run what is ready. */
void schedule_idle(void)
{
	struct runq *rq = this_runq();
	struct task *next;
	void *nowhere;
	if (rq->dead) {
		task_free(rq->dead);
		rq->dead = NULL;
	}
	lock(&rq->lock);
	rq->running = NULL;
	while (!(next = ready_take(rq)))
		idle(rq);
	next->started_ns = rq->slice_start = now_mono_ns();
	next->state = TASK_RUNNING;
	rq->running = next;
	unlock(&rq->lock);
	load_task(rq, next);
	context_switch(&nowhere, next->context_rsp);
	__builtin_unreachable();
}

/* current stops running here, belongs to no slot, and fn goes on on the idle stack. Comes back where it is adopted. */
void context_leave(struct task *t, void (*fn)(void *), void *arg)
{
	struct runq *rq = this_runq();
	char *top = (char *)this_vcpu() + KX_VCPU_IDLE_STACK_TOP;
	idle_stack_clear();
	u64 *sp = (u64 *)top - 1;
	*sp = (u64)context_begin_idle;
	*--sp = 0;
	*--sp = 0;
	*--sp = (u64)fn;
	*--sp = (u64)arg;
	*--sp = 0;
	*--sp = 0;
	sched_account(t);
	lock(&rq->lock);
	t->state = TASK_NEW;
	__atomic_store_n(&t->runq, NULL, __ATOMIC_RELEASE);
	rq->running = NULL;
	unlock(&rq->lock);
	leave_task(rq, t);
	set_current(NULL);
	context_switch(&t->context_rsp, sp);
	sched_begin();
}

struct sleep_timer { struct timer timer; struct task *task; bool over; };

static void sleep_over(struct timer *t)
{
	struct sleep_timer *s = container_of(t, struct sleep_timer, timer);
	s->over = true;
	task_wake(s->task);
}

long task_sleep(u64 deadline, bool interruptible)
{
	struct task *t = current;
	struct runq *rq = t->runq;
	struct sleep_timer sleep = { .timer.fire = sleep_over, .task = t };
	bool woken = false;
	if (t->wake_pending) {
		t->wake_pending = 0;
		return 0;
	}
	if (interruptible && signal_due(t)) {
		attention_set(KX_ATTENTION_SIGNAL);
		return -EINTR;
	}
	if (deadline != NEVER) {
		if (now_mono_ns() >= deadline)
			return -ETIMEDOUT;
		timer_arm(&sleep.timer, deadline);
	}
	lock(&rq->lock);
	if (t->wake_pending) {
		unlock(&rq->lock);
		woken = true;
	} else {
		t->state = TASK_SLEEPING;
		t->interrupted = interruptible;
		t->voluntary_switches++;
		schedule(rq);
	}
	woken |= t->wake_pending;
	t->wake_pending = 0;
	if (deadline != NEVER) {
		timer_cancel(&sleep.timer);
		if (sleep.over && !woken)
			return -ETIMEDOUT;
	}
	if (interruptible && signal_due(t)) {
		attention_set(KX_ATTENTION_SIGNAL);
		return -EINTR;
	}
	return 0;
}

/* Whom a thread makes room for may be in another pVM, without a CPU. Only the host knows, and asking costs a hypercall: who yields
 * once in a while does not ask; who does it again and again asks often while there is somebody, rarely while there is nobody. */
static void yield_to_host(struct runq *rq)
{
	u64 now = now_mono_ns(), last = rq->yielded;
	rq->yielded = now;
	if (now - last > YIELD_ALONE_NS)
		rq->yield_next = now + YIELD_FIRST_NS;
	if (now < rq->yield_next)
		return;
	long met = hypercall(KX_HC_YIELD, 0, 0, 0, 0, 0);
	if (met > YIELD_MET_NS)
		rq->yield_gap = 0;
	else
		rq->yield_gap = !rq->yield_gap ? YIELD_FIRST_NS : rq->yield_gap * 2 < YIELD_MOST_NS ? rq->yield_gap * 2 : YIELD_MOST_NS;
	rq->yield_next = now_mono_ns() + rq->yield_gap;
}

void task_yield(void)
{
	struct runq *rq = this_runq();
	if (!__atomic_load_n(&rq->ready_count, __ATOMIC_RELAXED)) {
		if (boot_info->cpus > 1 || __atomic_load_n(&active_slots, __ATOMIC_RELAXED) > 1)
			yield_to_host(rq);
		return;
	}
	lock(&rq->lock);
	ready_add(rq, current);
	schedule(rq);
}

void sched_tick(u32 bits)
{
	struct runq *rq = this_runq();
	u64 now = now_mono_ns();
	if (bits & KX_ATTENTION_TIMER)
		rq->armed = NEVER; /* it came, perhaps a little early by our clock */
	timers_run(rq, now);
	if (rq->ready_count && now - rq->slice_start >= (bits & KX_ATTENTION_RESCHED ? WAKE_SLICE_NS : SLICE_NS)) {
		current->involuntary_switches++;
		task_yield();
	}
	timer_program(rq, rq->ready_count ? rq->slice_start + SLICE_NS : NEVER);
}

/* The area of a slot that starts, on its idle stack, before anything else of the LibOS. */
void slot_begin(u32 slot)
{
	struct runq *rq = runq_of(slot);
	bool counted = rq->counted;
	memset(rq, 0, sizeof *rq);
	rq->slot = slot;
	rq->spin_ns = SPIN_MAX_NS / 4;
	list_init(&rq->ready);
	timers_init(rq);
	rq->counted = rq->started = true;
	if (!counted)
		__atomic_add_fetch(&active_slots, 1, __ATOMIC_RELAXED);
	__atomic_or_fetch(&slots_seen[slot / 64], 1ul << slot % 64, __ATOMIC_RELAXED);
	this_vcpu()->state = KX_SLOT_RUNNING;
}
