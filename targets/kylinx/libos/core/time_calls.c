/* Clocks, sleeping, times of use. */
#include "core.h"

#define NS_PER_S 1000000000ul
#define TICK_NS 10000000         /* of times(2): USER_HZ is 100 */

static u64 proc_cpu(struct proc *p)
{
	u64 ns = p->user_ns;
	lock(&family.tree);
	list_for_each(node, &p->tasks)
		ns += list_entry(node, struct task, proc_node)->cpu_ns;
	unlock(&family.tree);
	return ns;
}

static u64 own_cpu(void)
{
	sched_account(current);
	return proc_cpu(current->proc);
}

/* A CPU clock by number: ~pid << 3 | 2 of a process, | 4 of a thread (pthread_getcpuclockid, clock_getcpuclockid). */
static long cpu_clock(int id, u64 *ns)
{
	u32 number = ~(u32)id >> 3 & 0x1fffffff;
	bool thread = id & 4;
	if ((id & 3) == 3)
		return -EINVAL;
	sched_account(current);
	if (!number) {
		*ns = thread ? current->cpu_ns : proc_cpu(current->proc);
		return 0;
	}
	lock(&family.tree);
	struct task *t = thread ? task_find(number) : NULL;
	struct proc *p = thread ? NULL : proc_find(number);
	bool found = (t && t->proc == current->proc) || p;
	u64 of_thread = t ? t->cpu_ns : 0;
	unlock(&family.tree);
	if (!found)
		return -EINVAL;
	*ns = thread ? of_thread : proc_cpu(p);
	return 0;
}

static long clock_now(int id, u64 *ns)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE: *ns = now_real_ns(); return 0;
	case CLOCK_TAI: *ns = now_real_ns() + 37 * NS_PER_S; return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_MONOTONIC_RAW: *ns = now_mono_ns(); return 0;
	case CLOCK_BOOTTIME: *ns = now_boot_ns(); return 0;
	case CLOCK_PROCESS_CPUTIME_ID: *ns = own_cpu(); return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		sched_account(current);
		*ns = current->cpu_ns;
		return 0;
	default: return id < 0 ? cpu_clock(id, ns) : -EINVAL;
	}
}

static struct __kernel_timespec to_timespec(u64 ns)
{
	return (struct __kernel_timespec){ (s64)(ns / NS_PER_S), (s64)(ns % NS_PER_S) };
}

/* For who calls past the vdso. What the caller has seen of other CPUs comes before the stamp, as Linux promises. */
long sys_clock_gettime(int id, struct __kernel_timespec __user *to)
{
	u64 ns;
	__asm__ volatile("lfence" ::: "memory");
	long r = clock_now(id, &ns);
	return r ? r : put_user(to_timespec(ns), to);
}

long sys_clock_getres(int id, struct __kernel_timespec __user *to)
{
	u64 ns;
	long r = clock_now(id, &ns);
	bool coarse = id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE;
	if (r || !to)
		return r;
	return put_user(to_timespec(coarse ? 4000000 : 1), to);
}

long sys_clock_settime(int id, const struct __kernel_timespec __user *from)
{
	struct __kernel_timespec t;
	if (get_user(t, from))
		return -EFAULT;
	return id == CLOCK_REALTIME ? -EPERM : -EINVAL; /* the host's */
}

struct kx_timeval { s64 sec, usec; };
struct kx_timezone { s32 west, dst; };

long sys_gettimeofday(struct kx_timeval __user *to, struct kx_timezone __user *zone)
{
	u64 ns = now_real_ns();
	if (to && put_user(((struct kx_timeval){ (s64)(ns / NS_PER_S), (s64)(ns % NS_PER_S / 1000) }), to))
		return -EFAULT;
	return zone ? clear_user(zone, sizeof *zone) : 0;
}

long sys_time(s64 __user *to)
{
	s64 now = (s64)(now_real_ns() / NS_PER_S);
	return to && put_user(now, to) ? -EFAULT : now;
}

static long sleep_again(struct task *t);

static long sleep_until(u64 deadline, struct __kernel_timespec __user *left, bool absolute)
{
	long r;
	while (!(r = task_sleep(deadline, true)))
		;
	if (r == -ETIMEDOUT)
		return 0;
	if (absolute)
		return -ERESTARTNOHAND;
	u64 now = now_mono_ns();
	if (left && put_user(to_timespec(deadline > now ? deadline - now : 0), left))
		return -EFAULT;
	current->restart = sleep_again;
	current->restart_arg[0] = deadline;
	current->restart_arg[1] = (u64)left;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_again(struct task *t)
{
	return sleep_until(t->restart_arg[0], (struct __kernel_timespec __user *)t->restart_arg[1], false);
}

/* What is asked of a clock, as a moment of the monotonic one. */
static long clock_deadline(int id, u64 ns, bool absolute, u64 *deadline)
{
	u64 now;
	if (id < 0 || id == CLOCK_THREAD_CPUTIME_ID || id == CLOCK_PROCESS_CPUTIME_ID)
		return -EOPNOTSUPP;
	if (id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_MONOTONIC_RAW)
		return -EOPNOTSUPP;
	long r = clock_now(id, &now);
	if (r)
		return r;
	*deadline = absolute ? (ns <= now ? 1 : deadline_after(ns - now)) : deadline_after(ns);
	return 0;
}

static long read_ns(const struct __kernel_timespec __user *from, u64 *ns)
{
	struct __kernel_timespec t;
	if (get_user(t, from))
		return -EFAULT;
	if (t.tv_sec < 0 || (u64)t.tv_nsec >= NS_PER_S)
		return -EINVAL;
	*ns = (u64)t.tv_sec >= NEVER / NS_PER_S ? NEVER : (u64)t.tv_sec * NS_PER_S + (u64)t.tv_nsec;
	return 0;
}

long sys_clock_nanosleep(int id, int flags, const struct __kernel_timespec __user *from, struct __kernel_timespec __user *left)
{
	u64 ns, deadline;
	bool absolute = flags & TIMER_ABSTIME;
	long r = clock_deadline(id, 0, false, &deadline);
	if (!r)
		r = read_ns(from, &ns);
	if (!r)
		r = clock_deadline(id, ns, absolute, &deadline);
	if (r)
		return r;
	return sleep_until(deadline, absolute ? NULL : left, absolute);
}

long sys_nanosleep(const struct __kernel_timespec __user *from, struct __kernel_timespec __user *left)
{
	return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, from, left);
}

struct kx_tms { s64 user, system, children_user, children_system; };

long sys_times(struct kx_tms __user *to)
{
	struct kx_tms t = { .user = (s64)(own_cpu() / TICK_NS), .children_user = (s64)(current->proc->children_ns / TICK_NS) };
	if (to && put_user(t, to))
		return -EFAULT;
	return (long)(now_boot_ns() / TICK_NS);
}

long sys_getrusage(int who, struct rusage __user *to)
{
	struct rusage u;
	struct proc *p = current->proc;
	u64 ns;
	memset(&u, 0, sizeof u);
	sched_account(current);
	switch (who) {
	case RUSAGE_SELF: ns = proc_cpu(p); break;
	case RUSAGE_CHILDREN: ns = p->children_ns; break;
	case RUSAGE_THREAD: ns = current->cpu_ns; break;
	default: return -EINVAL;
	}
	u.ru_utime.tv_sec = (long)(ns / NS_PER_S);
	u.ru_utime.tv_usec = (long)(ns % NS_PER_S / 1000);
	if (who != RUSAGE_CHILDREN) {
		u.ru_minflt = (long)p->minor_faults;
		u.ru_maxrss = p->mm ? (long)(p->mm->bytes_mapped / 1024) : 0;
		u.ru_nvcsw = (long)current->voluntary_switches;
		u.ru_nivcsw = (long)current->involuntary_switches;
	}
	return put_user(u, to);
}
