/* What the signal code's files share: sets, queued signals, dispositions. proc->siglock covers both kinds of pending
 * signals, the masks and the dispositions (sigactions.lock inside it, for processes that share a table by CLONE_SIGHAND). */
#ifndef KX_SIGNAL_H
#define KX_SIGNAL_H
#include "libos.h"
#include <linux/signal.h>

#define SIGSET(n) (1UL << ((n) - 1))
#define SIG_LAST 64
#define SIG_RT_FIRST 32
#define SIGSET_BYTES 8
#define SIGSET_KILL SIGSET(SIGKILL)
#define SIGSET_UNBLOCKABLE (SIGSET(SIGKILL) | SIGSET(SIGSTOP))
#define SIGSET_STOP (SIGSET(SIGSTOP) | SIGSET(SIGTSTP) | SIGSET(SIGTTIN) | SIGSET(SIGTTOU))
#define SIGSET_IGNORED (SIGSET(SIGCONT) | SIGSET(SIGCHLD) | SIGSET(SIGWINCH) | SIGSET(SIGURG))
#define SIGSET_CORE (SIGSET(SIGQUIT) | SIGSET(SIGILL) | SIGSET(SIGTRAP) | SIGSET(SIGABRT) | SIGSET(SIGFPE) | SIGSET(SIGSEGV) | \
	SIGSET(SIGBUS) | SIGSET(SIGSYS) | SIGSET(SIGXCPU) | SIGSET(SIGXFSZ))
#define SIGSET_SYNCHRONOUS (SIGSET(SIGSEGV) | SIGSET(SIGBUS) | SIGSET(SIGILL) | SIGSET(SIGTRAP) | SIGSET(SIGFPE) | SIGSET(SIGSYS))

#define HANDLER_DEFAULT 0
#define HANDLER_IGNORE 1
#define CLD_STATUS_CONTINUED 0xffff

struct posix_timer;
struct queued_signal {
	struct list node;
	struct kx_siginfo info;
	struct posix_timer *timer;    /* its own entry, never freed here; NULL: on the heap */
	struct proc *charged;         /* whose queued_signals counts it */
	bool queued;
};

/* siginfo's fields, by the offsets of siginfo_t (see <asm/siginfo.h>) */
static inline struct kx_siginfo siginfo_of(int signo, int code) { return (struct kx_siginfo){ .signo = signo, .code = code }; }
static inline void siginfo_sender(struct kx_siginfo *i, u32 pid, u32 uid) { i->a[0] = pid | (u64)uid << 32; }

/* queue.c; siglock held */
long pending_add(struct proc *, struct sigpending *, int signo, const struct kx_siginfo *, struct queued_signal *own);
int pending_take(struct sigpending *, u64 set, struct kx_siginfo *, struct posix_timer **);
void pending_drop(struct sigpending *, u64 set);
void pending_withdraw(struct sigpending *, struct queued_signal *);

/* send.c */
bool tree_enter(void);            /* takes family.tree unless this slot holds it: whether it did */
void tree_leave(bool entered);
struct kx_sigaction action_of(struct proc *, int signo);
bool signal_ignored(struct task *, int signo);    /* siglock held; blocked signals are not ignored */
/* as signal_send_*, with the entry of a POSIX timer; target_task NULL: the process. 1: ignored, dropped */
long signal_post(struct proc *, struct task *target_task, int signo, const struct kx_siginfo *, struct queued_signal *own);
void signal_retarget(struct task *, u64 set);     /* set: shared signals the task no longer takes: wake others for them */
void signal_check_self(void);     /* mask changed: look at signals on the way out */

/* stop.c */
void signal_continue(struct proc *, bool tell);   /* tree held: SIGCONT or SIGKILL came */
void signal_stop(struct proc *, int signo);       /* a stop signal's default action, for current's process */
void signal_stop_wait(void);
bool group_orphaned(u32 pgid);

/* frame.c */
long frame_push(struct kx_frame *, int signo, const struct kx_siginfo *, const struct kx_sigaction *, u64 mask); /* 0 or -EFAULT */
bool on_altstack(const struct task *, u64 rsp);

/* report.c */
void fault_report(const struct kx_frame *, const struct kx_siginfo *);

/* itimers.c, posix_timers.c. A repeated timer comes again after this at the earliest, whatever its interval: what it misses
 * meanwhile is an overrun, or (SIGALRM) would be one pending signal anyway. No interval can keep a slot from its program. */
#define TIMER_REST_NS 250000UL      /* several times what a kick costs under a software KVM */
#define TIMER_IGNORED_REST_NS 1000000UL
void posix_timer_taken(struct posix_timer *, struct kx_siginfo *); /* no locks held: overruns, next expiry */
void posix_timers_exit(struct proc *);
u64 task_cpu_ns(const struct task *);
u64 proc_cpu_ns(struct proc *);
bool timespec_valid(const struct __kernel_timespec *);
u64 timespec_ns(const struct __kernel_timespec *); /* saturates */
struct __kernel_timespec ns_timespec(u64 ns);

#endif
