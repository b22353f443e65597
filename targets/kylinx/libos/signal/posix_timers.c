/* POSIX timers. A timer owns the entry of its signal, so at most one is pending for it; it counts what it missed (overrun)
 * and is set again when the signal is taken, as in Linux: no storm of a short interval. */
#include "signal.h"

#define TIMERS_MOST 4096
#define OVERRUN_MOST 0x7fffffffUL
#define LOOK_AGAIN_NS 1000000UL

struct posix_timer {
	struct list node;              /* proc->timers */
	struct proc *proc;
	struct queued_signal signal;
	struct timer timer;
	u32 id, tid;                   /* tid: SIGEV_THREAD_ID; 0: the process */
	int clock, notify, signo;
	u32 cpu_tid;                   /* of CLOCK_THREAD_CPUTIME_ID */
	u64 expires, interval;         /* on its clock; expires NEVER: off */
	u64 overrun, last_overrun;
	u64 value;
	bool waiting;                  /* its signal is pending: set again when that is taken */
	bool dead;
};

static bool cpu_clock(int clock)
{
	return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

static u64 clock_now(const struct posix_timer *t)
{
	if (t->clock == CLOCK_REALTIME || t->clock == CLOCK_TAI || t->clock == CLOCK_REALTIME_ALARM)
		return now_real_ns();
	if (t->clock == CLOCK_PROCESS_CPUTIME_ID)
		return proc_cpu_ns(t->proc);
	if (t->clock != CLOCK_THREAD_CPUTIME_ID)
		return now_mono_ns();
	bool entered = tree_enter();
	struct task *thread = task_find(t->cpu_tid);
	u64 ns = thread ? task_cpu_ns(thread) : 0;
	tree_leave(entered);
	return ns;
}

static void arm(struct posix_timer *t, u64 rest)
{
	u64 now = clock_now(t), left = t->expires > now ? t->expires - now : 0;
	if (cpu_clock(t->clock) && rest < LOOK_AGAIN_NS)
		rest = LOOK_AGAIN_NS;
	timer_arm(&t->timer, deadline_after(left > rest ? left : rest));
}

/* Expiries up to now: their number; expires moves behind now, or off for a timer of one shot. */
static u64 forward(struct posix_timer *t, u64 now)
{
	if (t->expires > now)
		return 0;
	if (!t->interval) {
		t->expires = NEVER;
		return 1;
	}
	u64 n = (now - t->expires) / t->interval + 1;
	t->expires += n * t->interval;
	return n;
}

static long post(struct posix_timer *t)
{
	struct kx_siginfo info = siginfo_of(t->signo, SI_TIMER);
	info.a[0] = t->id;
	info.a[1] = t->value;
	bool entered = tree_enter();
	struct task *to = t->tid ? task_find(t->tid) : NULL;
	long r = t->tid && !to ? 1 : signal_post(t->proc, to, t->signo, &info, &t->signal);
	tree_leave(entered);
	return r;
}

static void fire(struct timer *timer)
{
	struct posix_timer *t = timer->data;
	u64 now = clock_now(t);

	if (t->expires == NEVER)
		return;
	if (t->expires > now) { /* processor time, or a clock that was set */
		arm(t, 0);
		return;
	}
	if (t->notify == SIGEV_NONE) {
		forward(t, now);
		return;
	}
	t->overrun = forward(t, now) - 1;
	t->waiting = true;
	if (t->signal.queued)
		return;
	if (post(t) > 0) { /* ignored: go on, a handler may come */
		t->waiting = false;
		if (t->expires != NEVER)
			arm(t, TIMER_IGNORED_REST_NS);
	}
}

/* Its signal is taken off the queue by the thread that will handle it. */
void posix_timer_taken(struct posix_timer *t, struct kx_siginfo *info)
{
	if (!t->waiting || t->dead)
		return;
	t->waiting = false;
	if (t->expires != NEVER) {
		t->overrun += forward(t, clock_now(t));
		arm(t, TIMER_REST_NS);
	}
	t->last_overrun = t->overrun < OVERRUN_MOST ? t->overrun : OVERRUN_MOST;
	t->overrun = 0;
	info->a[0] |= t->last_overrun << 32;
}

static struct posix_timer *find(u32 id)
{
	struct proc *p = current->proc;
	if (!p->timers.next)
		return NULL;
	list_for_each(n, &p->timers) {
		struct posix_timer *t = list_entry(n, struct posix_timer, node);
		if (t->id == id)
			return t;
	}
	return NULL;
}

static void disarm(struct posix_timer *t)
{
	struct proc *p = t->proc;
	timer_cancel(&t->timer);
	bool entered = tree_enter();
	struct task *to = t->tid ? task_find(t->tid) : NULL;
	lock(&p->siglock);
	if (t->signal.queued)
		pending_withdraw(to ? &to->pending : &p->shared_pending, &t->signal);
	unlock(&p->siglock);
	tree_leave(entered);
	t->waiting = false;
	t->overrun = 0;
}

static void discard(struct posix_timer *t)
{
	t->dead = true;
	disarm(t);
	list_remove(&t->node);
	kfree(t);
}

void posix_timers_exit(struct proc *p)
{
	if (!p->timers.next)
		return;
	list_for_each_safe(n, &p->timers)
		discard(list_entry(n, struct posix_timer, node));
}

static long check_event(const struct sigevent *e, u32 *tid)
{
	*tid = 0;
	if (e->sigev_notify == SIGEV_NONE)
		return 0;
	if (e->sigev_notify & ~(SIGEV_THREAD | SIGEV_THREAD_ID) || e->sigev_signo < 1 || e->sigev_signo > SIG_LAST)
		return -EINVAL;
	if (!(e->sigev_notify & SIGEV_THREAD_ID))
		return 0;
	*tid = (u32)e->_sigev_un._tid;
	lock(&family.tree);
	struct task *t = task_find(*tid);
	bool ours = t && t->proc == current->proc;
	unlock(&family.tree);
	return ours ? 0 : -EINVAL;
}

/* libc names its own process's and thread's processor time by number (~0 << 3 | 2, | 4 of a thread); another process's is
 * no clock for a timer here. */
static int clock_name(int clock)
{
	u32 number = ~(u32)clock >> 3 & 0x1fffffff;
	if (clock >= 0 || (clock & 3) == 3)
		return clock;
	if (clock & 4)
		return !number || number == current->tid ? CLOCK_THREAD_CPUTIME_ID : -1;
	return !number || number == current->proc->pid ? CLOCK_PROCESS_CPUTIME_ID : -1;
}

static bool clock_known(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI || cpu_clock(clock);
}

long sys_timer_create(int clock, struct sigevent __user *uevent, u32 __user *uid)
{
	struct proc *p = current->proc;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	u32 tid, count = 0;

	clock = clock_name(clock);
	if (!clock_known(clock))
		return -EINVAL;
	if (uevent && get_user(event, uevent))
		return -EFAULT;
	if (check_event(&event, &tid))
		return -EINVAL;
	if (!p->timers.next)
		list_init(&p->timers);
	list_for_each(n, &p->timers)
		count++;
	struct posix_timer *t = count < TIMERS_MOST ? kzalloc(sizeof *t) : NULL;
	if (!t)
		return -EAGAIN;
	*t = (struct posix_timer){
		.proc = p, .id = p->next_timer_id++, .tid = tid, .clock = clock, .notify = event.sigev_notify,
		.signo = event.sigev_signo, .expires = NEVER, .cpu_tid = current->tid,
		.timer = { .fire = fire, .data = t }, .signal = { .timer = t },
		.value = uevent ? (u64)event.sigev_value.sival_ptr : t->id,
	};
	if (!uevent)
		t->value = t->id;
	if (put_user(t->id, uid)) {
		kfree(t);
		return -EFAULT;
	}
	list_push_back(&p->timers, &t->node);
	return 0;
}

static struct __kernel_itimerspec setting(struct posix_timer *t)
{
	struct __kernel_itimerspec s = { .it_interval = ns_timespec(t->interval) };
	u64 now = clock_now(t);
	if (t->expires == NEVER)
		return s;
	/* between its expiry and its signal's being taken, or for SIGEV_NONE, nothing else moves it on */
	if (t->expires <= now && t->interval)
		s.it_value = ns_timespec(t->interval - (now - t->expires) % t->interval);
	else if (t->expires > now)
		s.it_value = ns_timespec(t->expires - now);
	else if (t->notify != SIGEV_NONE)
		s.it_value.tv_nsec = 1;
	return s;
}

long sys_timer_settime(u32 id, int flags, const struct __kernel_itimerspec __user *unew, struct __kernel_itimerspec __user *uold)
{
	struct __kernel_itimerspec new, old;

	if (!unew)
		return -EINVAL;
	if (get_user(new, unew))
		return -EFAULT;
	if (!timespec_valid(&new.it_value) || !timespec_valid(&new.it_interval))
		return -EINVAL;
	struct posix_timer *t = find(id);
	if (!t)
		return -EINVAL;
	old = setting(t);
	disarm(t);
	u64 value = timespec_ns(&new.it_value);
	t->interval = timespec_ns(&new.it_interval);
	t->expires = !value ? NEVER : flags & TIMER_ABSTIME ? value : clock_now(t) + value;
	if (value && t->notify != SIGEV_NONE)
		arm(t, 0);
	return uold ? copy_to_user(uold, &old, sizeof old) : 0;
}

long sys_timer_gettime(u32 id, struct __kernel_itimerspec __user *to)
{
	struct posix_timer *t = find(id);
	if (!t)
		return -EINVAL;
	struct __kernel_itimerspec s = setting(t);
	return copy_to_user(to, &s, sizeof s);
}

long sys_timer_getoverrun(u32 id)
{
	struct posix_timer *t = find(id);
	return t ? (long)t->last_overrun : -EINVAL;
}

long sys_timer_delete(u32 id)
{
	struct posix_timer *t = find(id);
	if (!t)
		return -EINVAL;
	discard(t);
	return 0;
}
