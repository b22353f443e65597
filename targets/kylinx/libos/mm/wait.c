/* wait4(2), waitid(2): what became of children. */
#include "mm.h"

#define WAIT4_OPTIONS (WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)
#define WAITID_OPTIONS (WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)
#define STATUS_CONTINUED 0xffff
#define NS_PER_S 1000000000ull

struct wait_request {
	u32 type, id, options;     /* P_*; W* of waitid */
	/* the answer: */
	u32 pid, uid, status;
	struct rusage usage;
};

static bool matches(const struct proc *child, const struct wait_request *w)
{
	if (w->type == P_PID && child->pid != w->id)
		return false;
	if (w->type == P_PGID && child->pgid != w->id)
		return false;
	return (w->options & __WALL) || (child->exit_signal == SIGCHLD) == !(w->options & __WCLONE);
}

static void fill_usage(const struct proc *p, struct rusage *u)
{
	u64 ns = p->user_ns + p->children_ns;
	memset(u, 0, sizeof *u);
	u->ru_utime.tv_sec = (long)(ns / NS_PER_S);
	u->ru_utime.tv_usec = (long)(ns % NS_PER_S / 1000);
	u->ru_minflt = (long)(p->minor_faults + p->children_faults);
	u->ru_nvcsw = (long)p->voluntary_switches;
	u->ru_nivcsw = (long)p->involuntary_switches;
}

static void answer(const struct proc *child, struct wait_request *w, u32 status)
{
	w->pid = child->pid;
	w->uid = child->cred.uid;
	w->status = status;
	fill_usage(child, &w->usage);
}

/* Whether this child has something to tell; *reap: it is a zombie now off all lists. tree held */
static bool take(struct proc *parent, struct proc *child, struct wait_request *w, bool *reap)
{
	bool keep = w->options & WNOWAIT;
	if (child->zombie) {
		if (!(w->options & WEXITED))
			return false;
		answer(child, w, child->exit_status);
		if (!keep) {
			parent->children_ns += child->user_ns + child->children_ns;
			parent->children_faults += child->minor_faults + child->children_faults;
			pid_remove(child);
			*reap = true;
		}
		return true;
	}
	if (child->stopped && !child->stop_reported && (w->options & WSTOPPED)) {
		answer(child, w, child->exit_status);
		child->stop_reported = !keep;
		return true;
	}
	if (child->continued && (w->options & WCONTINUED)) {
		answer(child, w, STATUS_CONTINUED);
		child->continued = keep;
		return true;
	}
	return false;
}

/* 1: answered; 0: not yet; -ECHILD */
static long look(struct wait_request *w)
{
	struct proc *parent = current->proc, *gone = NULL;
	long r = -ECHILD;
	lock(&family.tree);
	list_for_each(n, &parent->children) {
		struct proc *child = list_entry(n, struct proc, sibling);
		if (!matches(child, w))
			continue;
		r = 0;
		bool reap = false;
		if (take(parent, child, w, &reap)) {
			gone = reap ? child : NULL;
			r = 1;
			break;
		}
	}
	unlock(&family.tree);
	proc_put(gone);
	return r;
}

static long wait_for(struct wait_request *w)
{
	struct waitq *q = &current->proc->child_wait;
	long r = look(w);
	if (r || (w->options & WNOHANG))
		return r;
	struct waiter waiter;
	waiter_init(&waiter);
	waitq_add(q, &waiter);
	while (!(r = look(w)))
		if (task_sleep(NEVER, true)) {
			r = look(w);
			r = r ? r : -ERESTARTSYS;
			break;
		}
	waitq_remove(q, &waiter);
	return r;
}

long sys_wait4(s64 pid64, int __user *status, u64 options, struct rusage __user *usage)
{
	int pid = (int)pid64;
	if (options & ~(u64)(u32)WAIT4_OPTIONS)
		return -EINVAL;
	if (pid == (int)0x80000000)
		return -ESRCH;
	struct wait_request w = { .type = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID, .options = (u32)options | WEXITED };
	w.id = pid > 0 ? (u32)pid : pid ? (u32)-pid : current->proc->pgid;
	long r = wait_for(&w);
	if (r <= 0)
		return r;
	if (status && put_user((int)w.status, status))
		return -EFAULT;
	if (usage && put_user(w.usage, usage))
		return -EFAULT;
	return w.pid;
}

static struct kx_siginfo describe(const struct wait_request *w)
{
	struct kx_siginfo info = { .signo = SIGCHLD };
	u32 s = w->status, low = s & 0x7f;
	if (s == STATUS_CONTINUED)
		info.code = CLD_CONTINUED;
	else if ((s & 0xff) == 0x7f)
		info.code = CLD_STOPPED;
	else
		info.code = !low ? CLD_EXITED : s & 0x80 ? CLD_DUMPED : CLD_KILLED;
	info.a[0] = w->pid | (u64)w->uid << 32;
	info.a[1] = info.code == CLD_CONTINUED ? SIGCONT : info.code == CLD_KILLED || info.code == CLD_DUMPED ? low : s >> 8 & 0xff;
	return info;
}

/* the fields of siginfo that waitid sets: signo, errno, code, pid, uid, status */
#define WAITID_INFO_BYTES 28

long sys_waitid(u64 type, s64 id, void __user *info, u64 options, struct rusage __user *usage)
{
	if ((options & ~(u64)(u32)WAITID_OPTIONS) || !(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	if (type != P_ALL && type != P_PID && type != P_PGID)
		return type == P_PIDFD ? -EBADF : -EINVAL;
	if ((type == P_PID && (int)id <= 0) || (type == P_PGID && (int)id < 0))
		return -EINVAL;
	struct wait_request w = { .type = (u32)type, .id = (u32)id, .options = (u32)options };
	if (type == P_PGID && !id)
		w.id = current->proc->pgid;
	long r = wait_for(&w);
	if (r < 0)
		return r;
	if (r && usage && put_user(w.usage, usage))
		return -EFAULT;
	struct kx_siginfo answered = { 0 };
	if (r)
		answered = describe(&w);
	if (info && copy_to_user(info, &answered, WAITID_INFO_BYTES))
		return -EFAULT;
	return 0;
}
