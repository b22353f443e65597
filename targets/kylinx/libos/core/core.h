/* What the core's own files share: run queues, context switch, page allocator, entry. */
#ifndef KX_CORE_H
#define KX_CORE_H
#include "../libos.h"

#define FRAME_BYTES sizeof(struct kx_frame)
#define STACK_CANARY 0x6b78737461636b21
#ifdef KX_HOSTED
#define HOSTED 1
#else
#define HOSTED 0
#endif

enum { TASK_NEW, TASK_READY, TASK_RUNNING, TASK_SLEEPING, TASK_DEAD };

/* Free objects of each size class, kept by the slot so that the usual kmalloc takes no lock: nothing preempts the LibOS. */
#define HEAP_CLASSES 15
struct heap_cache {
	struct { void *head; u64 count; } class[HEAP_CLASSES];
	s64 live_bytes;              /* taken less given back on this slot; may be negative */
};

/* Run queue of a slot, in the first page of its area (the monitor zeroes it when a pVM starts). */
struct runq {
	struct lock lock;            /* of all but running, dead and the counts */
	u32 slot, ready_count;
	bool counted, started;       /* counted: in active_slots */
	bool ending;                 /* its end is told, its memory is not back before the monitor zeroes this page */
	struct list ready;
	struct task *running;        /* NULL: the idle stack */
	struct list timers;          /* by deadline */
	u64 armed;                   /* when KX_HC_TIMER comes next; NEVER */
	u64 slice_start;
	struct task *dead;           /* freed as soon as its stack is left */
	bool fpu_clean;              /* what fpu_leave said last */
	u64 spin_ns;                 /* how long an idle slot watches before it waits */
	u64 spin_rest_until;         /* the host took the CPU away while it watched */
	u32 bound;                   /* the one CPU it may run on, + 1; 0: several */
	u64 yielded, yield_gap, yield_next; /* the last; yields to the host: how far apart, when next */
	u64 switches, halts, notified, spins_won, spins_lost; /* notified: others, past the monitor */
	u32 held, calls_due;         /* locks this slot holds; hypercalls put off until it holds none */
	struct { u32 nr, slot; } call_due[8];
	struct heap_cache heap;
};
#define RUNQ_OFFSET 0x400
_Static_assert(RUNQ_OFFSET + sizeof(struct runq) <= 0x1000, "run queue does not fit the slot's first page");
_Static_assert(sizeof(struct kx_vcpu) <= RUNQ_OFFSET, "kx_vcpu grew into the run queue");

static inline u32 this_slot(void) { u32 s; __asm__ volatile("movl %%gs:0x40, %0" : "=r"(s)); return s; }
static inline void set_current(struct task *t) { __asm__ volatile("mov %0, %%gs:0x30" : : "r"(t) : "memory"); }
static inline struct runq *this_runq(void) { return (struct runq *)((char *)this_vcpu() + RUNQ_OFFSET); }
static inline u64 rdtsc(void) { u32 lo, hi; __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)); return (u64)hi << 32 | lo; }
static inline void cpu_pause(void) { __asm__ volatile("pause" ::: "memory"); }
static inline u64 load64(const u64 *p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }

/* lock.c: KX_HC_NOTIFY or KX_HC_KICK, as soon as no lock is held: the other slot would only wait for it */
void call_slot(u32 nr, u32 slot);

/* switch.S */
void context_switch(void **save_rsp, void *load_rsp);
void context_begin(void);        /* where a new context starts: calls r12(r13) after sched_begin() */
void context_begin_idle(void);   /* the same for the idle stack: r12(r13), which does not return */
void context_jump(void *rsp, void (*fn)(void *), void *arg) __attribute__((noreturn)); /* fn on another stack */

/* sched.c */
extern u32 active_slots;         /* neither FREE nor HALTED now */
void active_add(const struct runq *, s32 by);
void active_gone(const u64 *mask); /* mask: of its process; NULL */
void sched_bound(const u64 *mask); /* this slot's CPUs */
u32 slot_after(s32 slot);        /* the next that has ever run, and so has an area; KX_MAX_SLOTS: none */
#define for_each_slot(s) for (u32 s = slot_after(-1); s < KX_MAX_SLOTS; s = slot_after((s32)s))
#define ATTENTION_ARM 0x10000    /* the LibOS's own: see to the monitor's timer on the way out */
void slot_begin(u32 slot);       /* make this slot's area and run queue ready */
void slot_parked(void);
bool slots_ending(void);         /* memory of others comes back as soon as they have a CPU */
void sched_begin(void);          /* after a switch, on the new task's stack */
void sched_tick(u32 bits);           /* attention TIMER or RESCHED: expired timers, end of a time slice */
void sched_account(struct task *); /* bring current's cpu_ns up to date */
void context_leave(struct task *, void (*fn)(void *), void *arg);
void context_prepare(struct task *, void (*entry)(void *), void *arg);
void task_adopt(struct task *);  /* a task that has no run queue yet becomes this slot's; it runs at once; idle stack only */

/* timer.c */
void timers_init(struct runq *);
void timers_run(struct runq *, u64 now);   /* no locks held */
u64 timers_next(struct runq *);            /* rq->lock held or own slot: NEVER when none */
void timer_program(struct runq *, u64 slice); /* own slot: have the monitor's timer come for the first of timers and slice */

/* fpu.c */
void fpu_init(void);
bool fpu_leave(void *area);      /* save at a switch: true: the registers left are clean, but for XMM */
void fpu_enter(const void *area, bool clean);

/* heap.c, pages.c */
void heap_init(void);
void heap_slot_end(void);        /* this slot's cache back to the family */
void *pages_alloc_dirty(size_t count);
u64 pages_used(void);
struct block;
struct block *block_of(const void *); /* NULL: not from single blocks */

/* clock.c */
u64 now_boot_ns(void);

/* syscalls.c */
const char *syscall_name(u32 nr); /* NULL: none has that number */

/* stats.c, thread.c */
void stats_report(void);
void thread_exit_if_due(void);   /* its process is ending: this thread with it */

/* attention.c */
void slot_kill(void);
void slots_gone(void);
void attention_family(u32 bits); /* STATS, CONSOLE: what any slot may do */
void attention_set(u32 bits);    /* on this slot */

/* boot.c, entry.S */
void libos_init(void);
void slot_main(u32 slot, bool first) __attribute__((noreturn));
void entry_syscall(void);
extern char libos_text_end[];    /* of the LibOS's own code; the vdso follows */

/* uaccess.S's exception table */
bool uaccess_fixup(struct kx_frame *);
#endif
