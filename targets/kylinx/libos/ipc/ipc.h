/* What the files of ipc/ share: waiting, waking only when somebody waits, deadlines, signal masks of the p-calls. */
#ifndef KX_IPC_H
#define KX_IPC_H

#include "libos.h"
#include "fs/fs.h" /* fd_get */

#define IN_EVENTS (EPOLLIN | EPOLLRDNORM)
#define OUT_EVENTS (EPOLLOUT | EPOLLWRNORM)
#define NS_PER_S 1000000000ull

/* Full barrier: between publishing a change and looking for sleepers, and between becoming one and looking for a change. */
static inline void full_barrier(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

static inline bool anyone_waits(struct waitq *q)
{
	full_barrier();
	return __atomic_load_n(&q->waiters.next, __ATOMIC_RELAXED) != &q->waiters;
}

static inline void wake_waiters(struct waitq *q, u32 key)
{
	if (unlikely(anyone_waits(q)))
		wake_up(q, key, ~0u);
}

/* Sleep on q until cond; 0, or task_sleep's error if cond does not hold even then. */
#define wait_until_by(add, q, cond, deadline) ({ \
	long wait_r = 0; \
	struct waiter wait_w; \
	waiter_init(&wait_w); \
	add((q), &wait_w); \
	full_barrier(); \
	while (!(cond)) { \
		wait_r = task_sleep((deadline), true); \
		if (wait_r) { \
			if (cond) \
				wait_r = 0; \
			break; \
		} \
	} \
	waitq_remove((q), &wait_w); \
	wait_r; })
#define wait_until(q, cond, deadline) wait_until_by(waitq_add, q, cond, deadline)
#define wait_until_exclusive(q, cond, deadline) wait_until_by(waitq_add_exclusive, q, cond, deadline)

static inline void poll_add(struct poll_table *pt, struct waitq *q)
{
	if (pt)
		pt->add(pt, q);
}

static inline u32 file_poll(struct file *f, struct poll_table *pt)
{
	return f->ops->poll ? f->ops->poll(f, pt) : IN_EVENTS | OUT_EVENTS;
}

static inline bool timespec_valid(const struct timespec *t)
{
	return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < (long)NS_PER_S;
}

static inline u64 timespec_ns(const struct timespec *t) /* saturates */
{
	if ((u64)t->tv_sec >= NEVER / NS_PER_S)
		return NEVER;
	return (u64)t->tv_sec * NS_PER_S + (u64)t->tv_nsec;
}

static inline struct timespec ns_timespec(u64 ns)
{
	return (struct timespec){ .tv_sec = (long)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };
}

/* poll.c */
long deadline_from_user(const struct timespec __user *, u64 *deadline);      /* relative; NULL: NEVER */
long deadline_real_from_user(const struct timespec __user *, u64 *deadline); /* absolute CLOCK_REALTIME; NULL: NEVER */
long sigmask_enter(const u64 __user *, size_t bytes);  /* the mask of ppoll and the like; NULL: none */
long sigmask_leave(long result);                       /* keeps the mask for the handler when result is an interruption */

/* file_create and fd_install in one; the file goes with release on failure */
long fd_for(const struct file_ops *, void *data, u32 kind, u32 flags, bool cloexec);
void signal_sigpipe(void);

/* pipe.c */
long pipe_fcntl(struct file *, u32 cmd, u64 arg);
/* each file's part of ipc_init and ipc_proc_exit */
void timerfd_init(void);
void timerfd_proc_exit(struct proc *);
void signalfd_init(void);
void msg_init(void);
void sem_init(void);
void sem_proc_exit(struct proc *);
void shm_init(void);
void mqueue_init(void);
void mqueue_proc_exit(struct proc *);
void unix_init(void);
void inet_init(void);

#endif
