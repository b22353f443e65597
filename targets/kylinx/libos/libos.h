/* What the parts of the LibOS offer one another. All of these structures lie in the commons: any pVM of the family may
 * touch them, under the locks named here.
 *
 * Lock order (take downwards only): family.tree > mm > files.lock > file.lock / inode.lock / an object's own lock (pipe,
 * socket, queue) > waitq.lock > runq.lock > heap. Never sleep (task_sleep, mutex_lock) with a spinlock held. Touching
 * application memory (uaccess) under a spinlock is allowed: it may fault into the monitor, it cannot sleep.
 *
 * A system call is a function `long sys_NAME(...)` with up to six arguments, returning a result or -errno; defining it is
 * enough to have it in the table (weak symbols: core/syscalls.c). Blocking calls return -ERESTARTSYS (Linux' convention)
 * when task_sleep says -EINTR, and the signal code decides. */
#ifndef KX_LIBOS_H
#define KX_LIBOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../abi/kx_abi.h"
#include "linux.h" /* Linux' user ABI: errno, O_*, struct stat ... from the kernel's own uapi headers */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define ERESTARTSYS 512           /* restart if the handler has SA_RESTART */
#define ERESTARTNOINTR 513        /* always restart */
#define ERESTARTNOHAND 514        /* restart if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* -EINTR if a handler ran, else go on with current->restart(current) */

#define __user
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof *(a))
#define NEVER (~(u64)0)           /* a deadline that does not come */

/* ---- lib: core/string.c, core/print.c -------------------------------------------------------------------------- */
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);
size_t strnlen(const char *, size_t);
int strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
char *strchr(const char *, int);
char *strrchr(const char *, int);
size_t strlcpy(char *, const char *, size_t);
__attribute__((format(printf, 3, 4))) int snprintf(char *, size_t, const char *, ...); /* d i u x p c s with width, 0, -, l, z, .* */
__attribute__((format(printf, 1, 2))) void klog(const char *, ...);                     /* a line to the monitor's log */
__attribute__((format(printf, 1, 2), noreturn)) void panic(const char *, ...);
#define BUG_ON(c) do { if (unlikely(c)) panic("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)

/* ---- lists ------------------------------------------------------------------------------------------------------ */
struct list { struct list *next, *prev; };
static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_add_before(struct list *at, struct list *n) { n->prev = at->prev; n->next = at; at->prev->next = n; at->prev = n; }
static inline void list_push_back(struct list *l, struct list *n) { list_add_before(l, n); }
static inline void list_push_front(struct list *l, struct list *n) { list_add_before(l->next, n); }
static inline void list_remove(struct list *n) { n->prev->next = n->next; n->next->prev = n->prev; n->next = n->prev = n; }
#define list_entry(p, type, member) container_of(p, type, member)
#define list_for_each(p, l) for (struct list *p = (l)->next; p != (l); p = p->next)
#define list_for_each_safe(p, l) for (struct list *p = (l)->next, *p##_next = p->next; p != (l); p = p##_next, p##_next = p->next)

/* ---- locks: core/lock.c ----------------------------------------------------------------------------------------- */
struct lock { u32 owner; };       /* 0, or slot + 1; spins, then yields to the host; seized from a slot that is FREE */
void lock(struct lock *);
bool try_lock(struct lock *);
void unlock(struct lock *);
static inline u32 ref_get(u32 *r) { return __atomic_add_fetch(r, 1, __ATOMIC_RELAXED); }
static inline u32 ref_put(u32 *r) { return __atomic_sub_fetch(r, 1, __ATOMIC_ACQ_REL); } /* 0: the last */

/* ---- heap: core/heap.c ------------------------------------------------------------------------------------------ */
void *kmalloc(size_t);            /* NULL: none left; 16-byte aligned */
void *kzalloc(size_t);
void *krealloc(void *, size_t);
void kfree(void *);
void *pages_alloc(size_t count);  /* contiguous, zeroed, page-aligned; NULL */
void pages_free(void *, size_t count);
u64 heap_bytes_used(void);        /* for stats and leak tests */
static inline u32 page_index(const void *page) { return (u32)(((u64)page - KX_VA_COMMONS) / KX_PAGE); }
static inline void *page_at(u32 index) { return (void *)(KX_VA_COMMONS + (u64)index * KX_PAGE); }

/* ---- hypercalls: core/hypercall.c ------------------------------------------------------------------------------- */
long hypercall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4);
#define boot_info ((const struct kx_boot *)KX_VA_BOOT)
static inline struct kx_vcpu *this_vcpu(void) { struct kx_vcpu *v; __asm__ volatile("mov %%gs:0, %0" : "=r"(v)); return v; }
static inline struct kx_vcpu *vcpu_of(u32 slot) { return (struct kx_vcpu *)(KX_VA_VCPUS + (u64)slot * KX_VCPU_STRIDE); }

/* ---- application memory: core/uaccess.c, uaccess.S --------------------------------------------------------------- */
long copy_from_user(void *to, const void __user *from, size_t n); /* 0 or -EFAULT; all or nothing is not promised */
long copy_to_user(void __user *to, const void *from, size_t n);
long clear_user(void __user *to, size_t n);
long strncpy_from_user(char *to, const char __user *from, size_t n); /* length without NUL; -EFAULT; n when too long */
bool access_ok(const void __user *p, size_t n);                   /* wholly inside the application's addresses */
#define get_user(x, p) copy_from_user(&(x), (p), sizeof(x))
#define put_user(x, p) ({ __typeof__(*(p)) put_user_v = (x); copy_to_user((p), &put_user_v, sizeof put_user_v); })
long user_cmpxchg32(u32 __user *p, u32 old, u32 new, u32 *seen);  /* 0 or -EFAULT */

/* Bytes moved by read and write: application memory in pieces, or (kernel true) the LibOS's own. */
struct uio {
	struct iovec *iov;            /* copied into the LibOS already */
	u32 count, at;                /* at: piece under way */
	size_t skip, resid;           /* skip: bytes of iov[at] done; resid: bytes left in all */
	bool kernel;
};
void uio_user(struct uio *, struct iovec *one, void __user *, size_t);
void uio_kernel(struct uio *, struct iovec *one, void *, size_t);
long uio_put(struct uio *, const void *from, size_t n); /* towards the reader: bytes moved (<= n, <= resid), -EFAULT if none */
long uio_get(struct uio *, void *to, size_t n);         /* from the writer */
long uio_zero(struct uio *, size_t n);

/* ---- tasks and sleeping: core/sched.c, core/time.c ---------------------------------------------------------------- */
struct proc; struct mm; struct files; struct task; struct inode; struct file;

struct waitq { struct lock lock; struct list waiters; };
struct waiter {
	struct list node;
	struct task *task;
	/* called with the queue's lock held when it is woken; default_wake wakes task; true: counts as an exclusive wake */
	bool (*wake)(struct waiter *, u32 key);
	void *data;
	u32 exclusive, woken;
};
void waitq_init(struct waitq *);
void waiter_init(struct waiter *);               /* default_wake for current */
void waitq_add(struct waitq *, struct waiter *); /* also makes current's next task_sleep return at once if woken since */
void waitq_add_exclusive(struct waitq *, struct waiter *);
void waitq_remove(struct waitq *, struct waiter *);
void wake_up(struct waitq *, u32 key, u32 max_exclusive); /* all non-exclusive, at most so many exclusive */
static inline void wake_all(struct waitq *q) { wake_up(q, 0, ~0u); }
static inline void wake_one(struct waitq *q) { wake_up(q, 0, 1); }
/* Sleep until woken: 0; -ETIMEDOUT past deadline (monotonic ns or NEVER); -EINTR when interruptible and a signal is due.
 * Wake-ups may be spurious: check the condition again. Use:
 *   struct waiter w; waiter_init(&w); waitq_add(&q, &w);
 *   while (!condition) { r = task_sleep(deadline, true); if (r) break; }
 *   waitq_remove(&q, &w); */
long task_sleep(u64 deadline, bool interruptible);
void task_wake(struct task *);                   /* from any pVM */
void task_yield(void);
u64 now_mono_ns(void);
u64 now_real_ns(void);
u64 deadline_after(u64 ns);                      /* saturates at NEVER */

struct timer {                                   /* fires on the vCPU that armed it, in exit or idle code, no locks held */
	struct list node; u64 deadline; void (*fire)(struct timer *); void *data; bool armed;
	struct runq *on;
};
void timer_arm(struct timer *, u64 deadline);
void timer_cancel(struct timer *);               /* from any pVM; does not wait for fire() under way */

#ifndef KX_TASK_STACK_PAGES                      /* the hosted build has more */
#define KX_TASK_STACK_PAGES 6
#endif
struct sigpending { u64 set; struct list queue; };

struct task {                                    /* a thread */
	u32 tid, state;                              /* state: sched.c */
	struct proc *proc;
	struct runq *runq;                           /* the slot it runs on */
	struct list run_node, proc_node;
	struct kx_frame *frame;                      /* top of its LibOS stack; the application's registers while in a call */
	void *stack, *context_rsp;                   /* LibOS stack (pages), saved stack pointer while not running */
	u64 fsbase, gsbase;
	void *fpu;                                   /* XSAVE area, 64-byte aligned */
	u32 wake_pending, interrupted;
	/* signals (signal/): */
	u64 blocked, saved_blocked; bool restore_blocked;
	struct sigpending pending;
	stack_t altstack;
	/* futex and exit (core/futex.c, core/thread.c): */
	u32 __user *clear_child_tid;
	struct robust_list_head __user *robust_list;
	struct waiter waiter;                        /* for waits on one queue */
	void *futex_data;
	/* restart of interrupted calls: */
	long (*restart)(struct task *); u64 restart_arg[6];
	u64 cpu_ns, started_ns;                      /* time on a vCPU: total, and since when now */
	u64 voluntary_switches, involuntary_switches;
	char comm[16];
	bool vfork_borrowed;                         /* runs in its parent's pVM until exec or exit */
	bool exiting;
	void *extra[4];
	u64 real_blocked;                            /* in rt_sigtimedwait: the mask without what it waits for */
};

struct credentials { u32 uid, euid, suid, fsuid, gid, egid, sgid, fsgid; u32 ngroups, groups[32]; };
struct fs_context { u32 refs; struct lock lock; struct path *cwd, *root; u32 umask; }; /* fs/ */
struct sigactions { u32 refs; struct lock lock; struct kx_sigaction { u64 handler, flags, restorer, mask; } action[65]; };

struct proc {                                    /* a process */
	u32 pid, pgid, sid, refs;
	struct proc *parent;                         /* NULL: the family's root, which reaps by itself */
	struct list children, sibling, all_node;     /* under family.tree */
	struct list tasks; u32 task_count;           /* under family.tree */
	u32 slot;                                    /* its pVM */
	struct mm *mm;
	struct files *files;
	struct fs_context *fs;
	struct sigactions *sig;
	struct sigpending shared_pending;            /* under siglock */
	struct lock siglock;
	struct credentials cred;
	struct rlimit rlimit[16];
	u32 exit_signal;                             /* to the parent at exit: SIGCHLD */
	bool zombie, stopped, continued, stop_reported, execed, dumpable, child_subreaper, killed;
	u32 exit_status;                             /* wait(2)'s word */
	u32 group_exit_code; bool group_exiting;
	struct waitq child_wait;                     /* parents wait here for their children */
	struct waitq vfork_wait; bool vfork_done;
	u32 pdeath_signal;
	u64 start_ns, user_ns, children_ns;          /* CPU time of ended threads; of waited-for children */
	u64 starving_since, starving_last;           /* when memory was first and last wanted in vain of late: mm/fault.c */
	u64 starving_hope;                           /* when some was last known to be on its way */
	struct list timers;                          /* POSIX timers */
	struct timer itimer_real; u64 itimer_interval;
	char exe[256];
	char *cmdline; u32 cmdline_bytes;            /* argv, NUL-separated, for /proc */
	u64 env_start, env_end, arg_start, arg_end;
	u32 console;                                 /* of KX_HC_CONSOLE */
	u64 minor_faults, syscalls;
	void *extra[4];
	u32 queued_signals;                          /* against RLIMIT_SIGPENDING */
	u32 next_timer_id;
	struct itimer_cpu *itimer_cpu;               /* ITIMER_VIRTUAL, ITIMER_PROF; NULL until used */
	struct proc *pid_next;                       /* mm/pid.c */
	bool no_new_privileges, keep_capabilities;
	u32 personality, io_priority;
	s32 nice;
	u64 timer_slack_ns, children_faults;
	u64 voluntary_switches, involuntary_switches; /* of ended threads */
	u64 affinity[KX_AFFINITY_WORDS];             /* CPUs its pVM may run on; all 0: any */
	bool affinity_due;                           /* set while it ran in its parent's pVM */
};

struct family {                                  /* one, in .bss */
	struct lock tree;                            /* processes, threads, groups, sessions */
	struct list procs;
	u32 proc_count, next_pid, task_count;
	u64 forks, execs, unsupported[512];          /* unsupported: by system-call number */
	u64 boot_ns;
};
extern struct family family;

static inline struct task *get_current(void) { struct task *t; __asm__ volatile("mov %%gs:0x30, %0" : "=r"(t)); return t; }
#define current get_current()

struct task *task_create(struct proc *, struct runq *); /* stack, fpu area, tid; not yet runnable */
void task_start(struct task *, void (*entry)(void *), void *arg); /* runnable, first in LibOS code */
void task_start_user(struct task *, const struct kx_frame *);     /* runnable, first at these registers (copied to its stack) */
void task_free(struct task *);
void task_exit_thread(void) __attribute__((noreturn));  /* current leaves its run queue for good; freed, it must be on no list */
/* A task created with runq NULL belongs to no slot: task_start and task_start_user only prepare it; the slot started by
 * KX_HC_FORK with boot_arg = the task adopts and runs it. */
long task_migrate(long (*spawn)(struct task *, void *), void *arg); /* current leaves this slot: its context is saved, spawn runs on
	the idle stack and does KX_HC_FORK(task, KX_FORK_EMPTY ...); 0 in the new slot, spawn's -errno still in the old one */
void run_on_idle_stack(void (*fn)(void *), void *arg) __attribute__((noreturn)); /* fn must not return; current is NULL there */
void schedule_idle(void) __attribute__((noreturn)); /* on the idle stack: run what is ready (fn's end when the slot lives on) */
void slot_exit(u32 status) __attribute__((noreturn)); /* on the idle stack: the slot's caches back, then KX_HC_EXIT */
long threads_kill_others(void);                  /* all other threads of current's process end first: exec, exit_group; -EAGAIN: one of
	them is doing the same, current must go (task due to die: exit_work ends it) */
long thread_clone(u64 flags, u64 stack, u32 __user *ptid, u32 __user *ctid, u64 tls); /* clone with CLONE_THREAD: core/thread.c */
struct runq *runq_of(u32 slot);
void fpu_save(void *area);
void fpu_restore(const void *area);
void fpu_area_init(void *area);                  /* initial state, for exec: fpu_area_init(current->fpu); fpu_restore(current->fpu) */
u32 fpu_bytes(void);                             /* of an area */
void return_to_user(struct kx_frame *) __attribute__((noreturn)); /* with the attention work done; all registers from the frame (sigreturn, exec) */
void affinity_settle(void);                      /* core/sched_calls.c: current runs in its own pVM for the first time */
void exit_work(struct kx_frame *);               /* core/exit_work.c: signals, reschedule, timers before going back */
void request_attention(struct task *, u32 bits); /* makes its vCPU look: kicks it if it runs application code */
void thread_exit_cleanup(struct task *);         /* clear_child_tid, robust futexes */
long futex_wake_address(u32 __user *, u32 count);

/* ---- memory and processes: mm/ ------------------------------------------------------------------------------------ */
struct mm {
	u32 refs; struct lock lock;
	struct kx_region *regions; u32 count, capacity; /* what the monitor reads; published in kx_vcpu.regions */
	u64 brk_start, brk, mmap_top, stack_top, stack_limit;
	u64 bytes_mapped;
	u64 auxv[48]; u32 auxv_words;
	u64 exe_base;
	bool fork_drops;                             /* a fork's child has pages to forget: MADV_DONTFORK, MADV_WIPEONFORK */
};
struct mm *mm_create(void);
struct mm *mm_fork(struct mm *);                 /* same regions; the monitor copies the pages */
void mm_put(struct mm *);
void mm_use(struct mm *);                        /* publish its table in this slot's area */
long mm_map(struct mm *, u64 addr, u64 length, u32 prot, u32 flags, struct file *, u64 offset); /* as mmap(2) */
long mm_unmap(struct mm *, u64 start, u64 length);
const struct kx_region *mm_find(struct mm *, u64 addr);
/* a fault the monitor could not satisfy: 0 resolved (object page made present), else the signal and its si_code */
int mm_fault(u64 addr, u64 error, int *code);
struct kx_object *object_create(void);           /* refs are the owner's business */
void *object_page(struct kx_object *, u64 index, bool create); /* NULL: hole, or no memory */
void object_resize(struct kx_object *, u64 pages);/* frees pages beyond; mappings elsewhere are dropped lazily (see mm.c) */
void object_destroy(struct kx_object *);
long exec_program(const char *path, char **argv, char **envp); /* kernel strings; on success current's frame is the new program's */
void proc_init_first(const struct kx_spawn *);
struct proc *proc_find(u32 pid);                 /* family.tree held */
struct task *task_find(u32 tid);                 /* family.tree held */
struct proc *proc_create(struct proc *parent);
void proc_exit(u32 status) __attribute__((noreturn)); /* all threads; status as wait(2) */

/* ---- files: fs/ ---------------------------------------------------------------------------------------------------- */
struct poll_table { void (*add)(struct poll_table *, struct waitq *); }; /* NULL: only look */
struct file_ops {
	long (*read)(struct file *, struct uio *, u64 *pos);   /* pos NULL for streams */
	long (*write)(struct file *, struct uio *, u64 *pos);
	u32 (*poll)(struct file *, struct poll_table *);       /* EPOLL* bits ready now; absent: always readable and writable */
	long (*ioctl)(struct file *, u32 cmd, u64 arg);
	long (*lseek)(struct file *, s64 offset, int whence);
	long (*getdents)(struct file *, struct uio *);         /* struct linux_dirent64 */
	long (*mmap)(struct file *, struct kx_region *, u32 flags); /* fill kind, source, offset for the region asked */
	long (*fsync)(struct file *);
	void (*release)(struct file *);                        /* last reference gone */
};
struct file {                                    /* an open file description */
	u32 refs, flags;                             /* flags: O_*; O_NONBLOCK, O_APPEND by fcntl */
	const struct file_ops *ops;
	struct inode *inode;                         /* NULL for none */
	struct path *path;
	struct lock lock; u64 pos;
	void *data;                                  /* of ops */
	u32 kind;                                    /* KX_FILE_*: what data is */
	s32 owner; u32 owner_type, signal;           /* F_SETOWN */
	struct list epoll_links;                     /* watches of epoll on it; ipc/epoll.c */
};
enum { KX_FILE_PLAIN, KX_FILE_PIPE, KX_FILE_SOCKET, KX_FILE_EPOLL, KX_FILE_EVENTFD, KX_FILE_TIMERFD, KX_FILE_SIGNALFD, KX_FILE_MQUEUE, KX_FILE_CONSOLE };
struct files { u32 refs; struct lock lock; struct file **table; u64 *cloexec; u32 capacity, lowest_free; };

struct file *file_create(const struct file_ops *, void *data, u32 flags); /* refs 1 */
static inline struct file *file_ref(struct file *f) { ref_get(&f->refs); return f; }
void file_put(struct file *);
struct file *file_get(int fd);                   /* of current, referenced; NULL: EBADF */
long fd_install(struct file *, bool cloexec, u32 from);  /* lowest free >= from; takes the reference over; -EMFILE drops it */
struct files *files_fork(struct files *);
struct files *files_create(void);
void files_put(struct files *);
void files_close_on_exec(struct files *);
struct fs_context *fs_fork(struct fs_context *);
struct fs_context *fs_create(void);
void fs_put(struct fs_context *);
long file_read_kernel(struct file *, void *, size_t, u64 pos); /* for exec */
struct file *open_kernel(const char *path, u32 flags, u32 mode, long *err); /* relative to current's cwd and root */
long file_stat(struct file *, struct stat *);
long file_path(struct file *, char *, size_t);   /* absolute path for /proc, maps, exe */
const struct kx_image_exec *file_exec_info(struct file *); /* NULL: not an ELF with patched sites */
void fs_init(void);
void console_wake(void);                         /* input came */
/* sockets bound in the file system, FIFOs: */
struct inode *inode_lookup_socket(const char *path, long *err); /* AF_UNIX connect; referenced */
long inode_create_socket(const char *path, void *socket, struct inode **); /* bind; -EADDRINUSE */
void *inode_socket(struct inode *);
void inode_put(struct inode *);
struct file *fifo_open(struct inode *, u32 flags, long *err);  /* ipc/pipe.c, called by fs/ */
void **inode_private(struct inode *);            /* a word of the inode for fifo and mqueue */
struct kx_object *shm_file_object(struct file *);/* tmpfs file's pages; NULL */

/* ---- IPC: ipc/ ------------------------------------------------------------------------------------------------------ */
void ipc_init(void);
void ipc_proc_exit(struct proc *);               /* SysV undo, shm detach */
long shm_attach_fork(struct mm *parent, struct mm *child); /* after child has its regions and their files' references */
void epoll_file_release(struct file *);          /* by file_put when epoll_links is not empty, before ops->release */
void signalfd_notify(struct proc *);             /* by the signal code whenever a signal became pending, no locks held */

/* ---- signals: signal/ ------------------------------------------------------------------------------------------------
 * Senders may hold family.tree (it is taken when they do not), no lock below it. A stopped process has stopped set and wait's
 * word in exit_status until it goes on; its parent's child_wait is woken. A proc of zeroes is a valid start: lists that were
 * never initialised count as empty.
 * exit_work calls signal_deliver when signal_due(current), current->restore_blocked, or a system call's result is one of the
 * ERESTART codes; it may change every register of the frame, so what follows must return by the whole frame. */
struct kx_siginfo { s32 signo, error, code, pad; u64 a[14]; }; /* siginfo_t's layout, 128 bytes */
long signal_send_proc(struct proc *, int signo, const struct kx_siginfo *); /* NULL: SI_KERNEL */
long signal_send_task(struct task *, int signo, const struct kx_siginfo *);
long signal_send_group(u32 pgid, int signo, const struct kx_siginfo *);
void signal_fault(struct kx_frame *, int signo, int code, u64 addr); /* synchronous: forced on current */
bool signal_due(struct task *);                  /* an unblocked signal that would interrupt is pending */
void signal_deliver(struct kx_frame *);          /* from exit_work: handlers' frames, default actions, restarts */
struct sigactions *sigactions_fork(struct sigactions *);
struct sigactions *sigactions_create(void);
void sigactions_exec(struct proc *);             /* handlers back to default, ignored stay */
void sigactions_put(struct sigactions *);
void signal_flush(struct sigpending *);
void signal_retarget(struct task *, u64 set);    /* signals of the process that the task no longer takes: others are woken for them */
int signal_dequeue(struct task *, u64 set, struct kx_siginfo *); /* take a pending signal of set: its number; 0: none (signalfd, sigtimedwait) */
long syscall_dispatch(struct kx_frame *);        /* core/syscalls.c: does call orig_rax with the frame's arguments: its result; for restarts */
u64 signal_pending_set(struct task *);           /* pending for it or its process, blocked or not */
void signal_task_init(struct task *, struct task *from);
void itimers_exit(struct proc *);

#endif
