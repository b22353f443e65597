/* The core layer's own types. One CPU; the kernel runs with interrupts off and never blocks: a system call that must wait
 * leaves its task in a queue, and what it waits for finishes the call in the task's saved registers. */
#ifndef MK_KERNEL_H
#define MK_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../include/abi.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef unsigned u32; /* newlib calls uint32_t long */
typedef uint64_t u64;
#include "cpu.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CONTAINER(pointer, type, field) ((type *)(void *)((char *)(pointer) - offsetof(type, field)))

/* ---- Lists: circular, with a head ---- */
#define EACH(type, item, head, field) \
	for (type *item = CONTAINER((head)->next, type, field); &item->field != (head); item = CONTAINER(item->field.next, type, field))

struct link { struct link *next, *prev; };

static inline void list_init(struct link *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct link *l) { return l->next == l; }

static inline void list_insert(struct link *before, struct link *l)
{
	l->next = before;
	l->prev = before->prev;
	before->prev->next = l;
	before->prev = l;
}

static inline void list_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = l;
}

/* ---- Objects: what handles name ---- */
enum kind { FREE, TASK, SPACE, PORT, SEMAPHORE, MUTEX, TIMER, DEVICE };

struct object {
	u8 kind;
	bool dead;                /* still named by handles, but gone */
	u16 handles;              /* that name it */
};

struct handle { struct object *object; u32 rights; };

/* ---- Alarms: what happens at a time of the counter ---- */
struct alarm {
	struct link link;         /* in the queue, earliest first; alone: not set */
	u64 when;
	void (*ring)(struct alarm *);
};

/* ---- Work put off until the kernel leaves for a task, and longer if a task of a higher priority is ready ---- */
#define BEFORE_TASKS MK_PRIORITIES
struct work { struct link link; void (*run)(struct work *); u32 priority; };

/* ---- Spaces ---- */
struct space {
	struct object object;
	u8 number;                /* index in spaces[], its ASID, and its identity in messages */
	u8 ceiling;               /* the highest priority that its tasks may be given */
	u16 tasks;                /* alive */
	u32 *table;               /* first level: 1024 entries of 1 MiB, one page; NULL: its end is over */
	struct handle *handles;   /* MK_HANDLES */
	u32 pages, limit;         /* held; at most */
	struct port *watcher;     /* notified at the end, or NULL */
	u32 watcher_bits, status;
	char name[9];
	struct link grants;       /* lent to this space */
	struct work ending;
	u32 ended;                /* how many handles, then pages, its end has seen to */
};

/* Pages lent with a call, until its reply. */
struct grant {
	struct object object;     /* only for its memory */
	struct link link;         /* in the borrower's grants */
	struct task *lender;      /* NULL: gone, or took it back */
	struct space *borrower;
	u32 va, pages, token;     /* in the borrower */
	u32 lent_va, taken;       /* in the lender; pages that it took back */
};

/* ---- Tasks ---- */
struct frame { u32 pc, psr, r[15]; }; /* as start.S saves them: r[13] sp, r[14] lr of user mode */

enum state { UNUSED, STOPPED, READY, SENDING, RECEIVING, REPLYING, WAITING, ASLEEP };
/* SENDING: in a port's queue; REPLYING: its call was received; WAITING: for a semaphore or mutex */

struct task {
	struct object object;
	struct frame frame;       /* here: start.S */
	u8 state, base, priority; /* priority: with what is inherited */
	bool calls;               /* wants a reply; else it sends */
	u32 token;                /* of the call under way, or the last: index and generation */
	u32 left;                 /* of its quantum, in counts; 0: a new one */
	struct space *space;
	struct link link;         /* in a ready or wait queue */
	struct link *queue;       /* that wait queue */
	struct task *holder;      /* whom it waits for: that task inherits its priority */
	struct link donors, donor; /* who waits for this one; own place in the holder's list */
	struct link held;         /* mutexes */
	struct link served;       /* ports: it was the last to receive from them */
	struct alarm alarm;       /* its time-out or sleep */
	struct grant *lent;       /* with the call under way */
	u32 window, window_pages; /* where grants to it are mapped */
};

/* The first of a queue; NULL: it is empty. */
static inline struct task *first(const struct link *queue)
{
	return list_empty(queue) ? NULL : CONTAINER(queue->next, struct task, link);
}

struct port {
	struct object object;
	u16 receivers_named;      /* handles with MK_RIGHT_RECEIVE */
	u32 bits;                 /* notified, not yet received */
	struct link senders, receivers; /* by priority, then first come */
	struct task *server;      /* who received last: inherits from senders */
	struct link served;       /* in the server's list */
};

struct semaphore { struct object object; u32 count; struct link waiters; };
struct mutex { struct object object; struct task *owner; struct link waiters, held; };
struct timer { struct object object; struct alarm alarm; struct port *port; u64 due; u32 bits, period; };

struct device {
	struct object object;
	u8 type;                  /* MK_DEVICE_* */
	u16 irq;                  /* 0: none */
	u32 physical, pages;
	struct port *port;
	u32 bits;
	struct work arrival;      /* of its interrupt */
};

/* boot/ */
extern struct mk_boot boot_info;
extern struct device devices[MK_BOOT_DEVICES];
extern u32 kernel_table[4096], empty_table[1024];
extern struct boot_memory { u32 end, initrd, initrd_end; } boot_memory; /* physical addresses */
void fdt_parse(const void *blob), mmu_map_kernel(void);
void boot_device(u32 kind, u32 physical, u32 bytes, u32 irq);
struct task *kernel_main(const void *tree);
void board_off(void) __attribute__((noreturn));
void board_quiet(const struct device *d); /* it accesses memory no more */
u32 irq_begin(void);              /* the most urgent; BOARD_IRQS or more: none */
void irq_end(u32 irq), irq_init(void), irq_enable(u32 irq), irq_disable(u32 irq), irq_raise(u32 irq);

/* print.c */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_text(const char *text, u32 bytes);
#define panic(...) (print("mk: panic: "), print(__VA_ARGS__), print("\n"), board_off())

/* pages.c */
extern u32 pages_free;
void pages_init(u32 end, u32 keep_from, u32 keep_to);
void *page_take(void);            /* zeroed; NULL: none left */
bool page_share(u32 physical);    /* one more user; false: it has too many. Of a device's pages none are counted */
bool page_shared(u32 physical);
void page_give(u32 physical);     /* one less; the last frees it */

/* objects.c: kernel objects of at most 64 bytes */
extern u32 objects_alive;
void *object_make(enum kind kind);
void object_free(struct object *o);
void object_drop(struct object *o);     /* one that named it does no more */
bool handle_room(const struct space *s);
int handle_add(struct space *s, struct object *o, u32 rights);
int handle_drop(struct space *s, u32 h);

/* space.c */
extern struct space spaces[MK_SPACES];
int space_make(u32 limit, u32 ceiling, const char *name, struct space **made);
void space_end(struct space *s);  /* all of it but the struct, which stays while handles name it */
u32 *space_entry(struct space *s, u32 va, bool make);
int space_put(struct space *s, u32 va, u32 protection, struct space *from, u32 at); /* a page: where from, space.c says */
int space_fill(struct space *s, u32 va, u32 pages, u32 protection, struct space *from, u32 at, u32 *done);
int space_unmap(struct space *s, u32 va, u32 pages, u32 *done);
#define AGAIN (INT32_MIN + 1)     /* the result of what goes on from *done, after the interrupt that waits */
bool space_free(struct space *s, u32 va, u32 pages), space_range(u32 va, u32 pages);
u32 space_physical(struct space *s, u32 va);     /* 0: not there */
bool space_writable(struct space *s, u32 va);
void space_activate(struct space *s);

/* grant.c */
int grant_lend(struct task *lender, struct task *borrower);
void grant_end(struct space *borrower, u32 token); /* replied: the window is empty again */
int grant_revoke(struct task *lender); /* -> pages taken back, or AGAIN */
void grants_forget(struct space *borrower);
bool grant_in(struct space *borrower, u32 va); /* lent to it is the page there */

/* sched.c */
extern struct task *current, tasks[MK_TASKS];
extern u32 switches, ready_bits;  /* ready_bits: of the priorities whose queue is not empty */
#define MOST_URGENT (31 - (u32)__builtin_clz(ready_bits)) /* priority that is ready, if there is one */
void sched_init(void), yield(void), quantum_over(void);
void ready(struct task *t);       /* at the end of its priority's queue */
void block(struct task *t, enum state state);
int wait_at(struct task *t, enum state state, struct link *queue, struct task *holder); /* by priority */
void wait_end(struct task *t);    /* out of its queue, off its holder, no alarm */
void wake(struct task *t, int result), wake_all(struct link *queue, int result);
void wait_for(struct task *t, struct task *holder);
void waiters_follow(struct link *queue, struct task *holder); /* whom they wait for is now that one */
void donor_leave(struct task *t);  /* it does not wait for its holder any more */
void holder_lost(struct task *holder);
void priority_update(struct task *t);
void timeout_set(struct task *t, u32 us);
struct task *schedule(void);      /* who runs next; idles until there is one */

/* ipc.c */
void port_died(struct port *p);
void port_serve(struct port *p, struct task *server); /* NULL: nobody serves it */
void port_notify(struct port *p, u32 bits);
int ipc_send(struct task *t, bool calls); /* calls: for a reply */
int ipc_receive(struct task *t, u32 port), ipc_reply(struct task *t, u32 token);

/* task.c */
extern u32 tasks_alive;
int task_make(struct space *s, u32 entry, u32 stack, u32 argument, u32 priority, struct task **made);
void task_end(struct task *t, u32 status);
void task_fault(struct task *t, u32 kind, u32 address, u32 why);
int task_repeat(struct task *t);  /* its system call, after what interrupts have to be done */

/* sync.c */
int semaphore_down(struct task *t, struct semaphore *s), semaphore_up(struct semaphore *s);
int mutex_lock(struct task *t, struct mutex *m), mutex_unlock(struct task *t, struct mutex *m);
void mutex_died(struct mutex *m), mutexes_release(struct task *t);

/* time.c */
void time_init(void);
u64 counts_of(u32 us);
void timer_init(struct timer *timer, struct port *p, u32 bits);
int timer_set(struct timer *timer, u32 first_us, u32 period_us);
void alarm_set(struct alarm *a, u64 when), alarm_off(struct alarm *a), alarms_ring(void);
void time_at_latest(u64 when);    /* an interrupt no later than this */

/* irq.c */
void device_irq_init(struct device *d);
void irq_take(void);              /* all that is pending */
void work_defer(struct work *w);
void work_run(void);              /* before a task goes on, or while idle */
extern u32 irq_stamp;

/* syscall.c */
typedef int system_call(struct task *t, u32 *r);
extern system_call *const system_calls[MK_CALLS + 1]; /* the last: all numbers that are none */
#define NO_RESULT INT32_MIN       /* r0 is set, or will be: not the returned value */

/* ---- Handles, looked up in every call: NULL: there is none ---- */
static inline struct handle *handle_at(struct space *s, u32 h)
{
	return h < MK_HANDLES && s->handles[h].object ? &s->handles[h] : NULL;
}

/* Of the current space. NULL: *error says why. */
static inline void *handle_get(u32 h, enum kind kind, u32 rights, int *error)
{
	struct handle *handle = handle_at(current->space, h);

	if (!handle || handle->object->kind != kind)
		*error = MK_EHANDLE;
	else if (handle->object->dead)
		*error = MK_EDEAD;
	else if ((handle->rights & rights) != rights)
		*error = MK_ERIGHT;
	else
		return handle->object;
	return NULL;
}
#endif
