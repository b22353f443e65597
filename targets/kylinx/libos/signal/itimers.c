/* Interval timers and alarm. REAL is a timer of its vCPU's; VIRTUAL and PROF count processor time: their timer comes when
 * the time could be used up at the earliest, looks, and is set again for what is left. The LibOS does not tell user from
 * system time (calls are short and inside the application), so VIRTUAL counts both. */
#include "../core/core.h"
#include "signal.h"

#define US 1000UL
#define SECOND_US 1000000
#define LOOK_AGAIN_NS 1000000UL   /* a sleeping process is not looked at more often */

struct itimer_cpu {
	struct cpu_timer {
		struct timer look;
		u64 expires, interval; /* of proc_cpu_ns; expires NEVER: off */
		struct proc *proc;
		int signo;
	} timer[2];                    /* VIRTUAL, PROF */
};

struct interval { u64 value, interval; }; /* ns; value 0: off */

u64 task_cpu_ns(const struct task *t)
{
	return t->cpu_ns + (t->state == TASK_RUNNING ? now_mono_ns() - t->started_ns : 0);
}

u64 proc_cpu_ns(struct proc *p)
{
	bool entered = tree_enter();
	u64 ns = p->user_ns;
	list_for_each(n, &p->tasks)
		ns += task_cpu_ns(list_entry(n, struct task, proc_node));
	tree_leave(entered);
	return ns;
}

static void real_fire(struct timer *t)
{
	struct proc *p = t->data;
	struct kx_siginfo info = siginfo_of(SIGALRM, SI_KERNEL);
	u64 interval = p->itimer_interval, now = now_mono_ns();
	long ignored = signal_post(p, NULL, SIGALRM, &info, NULL);
	if (interval) {
		u64 rest = ignored ? TIMER_IGNORED_REST_NS : TIMER_REST_NS, earliest = now + (rest > interval ? rest : 0);
		u64 next = t->deadline + interval;
		if (next <= now)
			next = now + interval - (now - t->deadline) % interval;
		timer_arm(t, next > earliest ? next : earliest);
	}
}

static struct interval real_get(struct proc *p)
{
	struct interval i = { 0, p->itimer_interval };
	if (p->itimer_real.armed) {
		u64 now = now_mono_ns();
		i.value = p->itimer_real.deadline > now ? p->itimer_real.deadline - now : US; /* about to fire, yet not off */
	}
	return i;
}

static void real_set(struct proc *p, const struct interval *i)
{
	timer_cancel(&p->itimer_real);
	p->itimer_real.fire = real_fire;
	p->itimer_real.data = p;
	p->itimer_interval = i->interval;
	if (i->value)
		timer_arm(&p->itimer_real, deadline_after(i->value));
}

static void cpu_arm(struct cpu_timer *c, u64 used)
{
	u64 left = c->expires - used;
	timer_arm(&c->look, deadline_after(left > LOOK_AGAIN_NS ? left : LOOK_AGAIN_NS));
}

static void cpu_fire(struct timer *t)
{
	struct cpu_timer *c = t->data;
	struct kx_siginfo info = siginfo_of(c->signo, SI_KERNEL);
	u64 used = proc_cpu_ns(c->proc);
	bool expired = used >= c->expires;
	if (expired)
		c->expires = c->interval ? used - (used - c->expires) % c->interval + c->interval : NEVER;
	if (c->expires != NEVER)
		cpu_arm(c, used);
	if (expired)
		signal_send_proc(c->proc, c->signo, &info);
}

static struct cpu_timer *cpu_timer(struct proc *p, int which)
{
	if (!p->itimer_cpu) {
		p->itimer_cpu = kzalloc(sizeof *p->itimer_cpu);
		if (!p->itimer_cpu)
			return NULL;
		for (int n = 0; n < 2; n++) {
			struct cpu_timer *c = &p->itimer_cpu->timer[n];
			*c = (struct cpu_timer){ .expires = NEVER, .proc = p, .signo = n ? SIGPROF : SIGVTALRM };
			c->look.fire = cpu_fire;
			c->look.data = c;
		}
	}
	return &p->itimer_cpu->timer[which - ITIMER_VIRTUAL];
}

static struct interval cpu_get(struct proc *p, int which)
{
	struct interval i = { 0, 0 };
	if (!p->itimer_cpu)
		return i;
	const struct cpu_timer *c = cpu_timer(p, which);
	u64 used = proc_cpu_ns(p);
	i.interval = c->interval;
	if (c->expires != NEVER)
		i.value = c->expires > used ? c->expires - used : US;
	return i;
}

static long cpu_set(struct proc *p, int which, const struct interval *i)
{
	if (!p->itimer_cpu && !i->value)
		return 0;
	struct cpu_timer *c = cpu_timer(p, which);
	if (!c)
		return -ENOMEM;
	timer_cancel(&c->look);
	u64 used = proc_cpu_ns(p);
	c->interval = i->interval;
	c->expires = i->value ? used + i->value : NEVER;
	if (i->value)
		cpu_arm(c, used);
	return 0;
}

static struct interval get(struct proc *p, int which)
{
	return which == ITIMER_REAL ? real_get(p) : cpu_get(p, which);
}

static long timeval_ns(const struct __kernel_old_timeval *v, u64 *ns)
{
	if (v->tv_sec < 0 || v->tv_usec < 0 || v->tv_usec >= SECOND_US)
		return -EINVAL;
	struct __kernel_timespec t = { v->tv_sec, v->tv_usec * (s64)US };
	*ns = timespec_ns(&t);
	return 0;
}

static struct __kernel_old_timeval ns_timeval(u64 ns)
{
	struct __kernel_timespec t = ns_timespec(ns + US - 1); /* what is left rounds up: never 0 while set */
	return (struct __kernel_old_timeval){ t.tv_sec, t.tv_nsec / (s64)US };
}

struct old_itimerval { struct __kernel_old_timeval interval, value; };

static long put_interval(struct old_itimerval __user *to, const struct interval *i)
{
	struct old_itimerval v = { ns_timeval(i->interval), ns_timeval(i->value) };
	return copy_to_user(to, &v, sizeof v);
}

long sys_getitimer(int which, struct old_itimerval __user *to)
{
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	struct interval i = get(current->proc, which);
	return put_interval(to, &i);
}

long sys_setitimer(int which, const struct old_itimerval __user *new, struct old_itimerval __user *old)
{
	struct proc *p = current->proc;
	struct old_itimerval v = { { 0, 0 }, { 0, 0 } };
	struct interval i, before;

	if (new && get_user(v, new))
		return -EFAULT;
	if (timeval_ns(&v.value, &i.value) || timeval_ns(&v.interval, &i.interval))
		return -EINVAL;
	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	before = get(p, which);
	if (which == ITIMER_REAL)
		real_set(p, &i);
	else if (cpu_set(p, which, &i))
		return -ENOMEM;
	return old ? put_interval(old, &before) : 0;
}

long sys_alarm(unsigned int seconds)
{
	struct proc *p = current->proc;
	struct interval before = real_get(p), i = { (u64)seconds * SECOND_US * US, 0 };
	real_set(p, &i);
	u64 left = (before.value + SECOND_US * US / 2) / (SECOND_US * US); /* to the nearest second, at least one */
	return before.value && !left ? 1 : (long)left;
}

void itimers_exit(struct proc *p)
{
	timer_cancel(&p->itimer_real);
	p->itimer_interval = 0;
	if (p->itimer_cpu) {
		timer_cancel(&p->itimer_cpu->timer[0].look);
		timer_cancel(&p->itimer_cpu->timer[1].look);
		kfree(p->itimer_cpu);
		p->itimer_cpu = NULL;
	}
	posix_timers_exit(p);
}
