/* The monitor of a family: its KVM VM or VMs, its vCPUs (one a pVM, called slots), consoles, shares and control socket. */
#ifndef KX_FAMILY_H
#define KX_FAMILY_H
#include <linux/kvm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "../abi/kx_abi.h"
#include "memory.h"

#define EXIT_MONITOR 125                 /* set-up trouble, or the family cannot go on */
#define NEVER (~(uint64_t)0)
#define NS_PER_SECOND 1000000000ull

/* ---- settings: options.c --------------------------------------------------------------------------------------- */
struct share_option { const char *host; const char *guest; bool writable; };
struct settings {
	const char *libos, *image, *hostname, *control, *cwd;
	struct share_option share[KX_MAX_SHARES];
	uint32_t shares;
	uint64_t memory_bytes;
	uint32_t pvms, cpus, pool;           /* pvms: 0, not given */
	int control_fd, stats_fd, ready_fd;
	bool keep, tty, no_confine, debug, quiet, no_shutdown_faults;
	bool vm_per_pvm;                     /* each vCPU in a KVM VM of its own */
	char **env;                          /* K=V, NULL-ended */
	uint32_t envc;
	char **program;                      /* what follows --, NULL-ended */
};
void settings_parse(struct settings *, int argc, char **argv); /* exits with 125 on a mistake */

#define PVMS_DEFAULT 1000

/* ---- vCPUs: vm.c, vcpu.c, pool.c, trap.c ------------------------------------------------------------------------- */
enum vcpu_phase { VCPU_IDLE, VCPU_PREPARE, VCPU_GO, VCPU_ANEW }; /* PREPARE: awake and watching for GO; back to IDLE when called off;
	ANEW: parked, to be parked again in an empty space */

struct vcpu {
	uint32_t slot;
	int fd, vm_fd;
	struct kvm_run *run;
	struct kx_vcpu *area;                /* host view of the slot's first page */
	uint64_t kernel_va;                  /* its supervisor page: LSTAR stub's frame, TSS, exception stack */
	uint8_t *kernel;
	pid_t tid;
	timer_t timer;
	uint32_t phase;                      /* enum vcpu_phase; futex */
	uint32_t in_guest;                   /* between the last look at kick and the return of KVM_RUN */
	uint32_t kick;                       /* look at the application's state as soon as possible */
	uint32_t waiting;                    /* in KX_HC_WAIT */
	int wake_fd;                         /* eventfd: what it sleeps on there */
	uint32_t ports;                      /* made in its own VM, if it has one: those it notifies by */
	uint32_t waits;                      /* until it has a port to be notified by; NOTIFY_PORT_DONE: it has, or cannot */
	uint32_t ending;                     /* the monitor wants it ended: taken at the next exit */
	struct vcpu *next_free;
	bool parked;                         /* idle in the guest, in a space of its own: the next pVM's */
	bool begun;                          /* its registers are those of its pVM, or of the place where it is parked: it may run */
	uint32_t asleep;                     /* on phase */
	/* of the pVM that runs on it now; written by its starter before GO, then by its own thread */
	pthread_mutex_t space_lock;          /* space is there, for those who look from outside */
	struct space *space;
	uint64_t cr3;
	uint64_t entry;
	bool kick_late;                      /* a kick found it in a stub: taken at the exit that follows */
	bool dirty_regs, dirty_sregs, dirty_events;        /* what KVM has to take over at the next KVM_RUN */
	bool ended, live, root;              /* root: started by a spawn, whose end is reported */
	bool over;                           /* live, but only to be cleared: nobody sees it any more */
	bool spawn_pages;
	uint32_t parent, console;
	uint64_t generation;                 /* number of the pVM in the family's life */
	int32_t status;                      /* wait(2)'s word */
	bool killed_by_monitor;
	bool shutdown_faults;                /* #PF arrives as KVM_EXIT_SHUTDOWN: small IDT limit */
	uint64_t cr2_before;
	uint64_t upcall_frame;               /* where the last one was written, and how many were each below the one before */
	uint32_t nested_upcalls;
	uint64_t timer_deadline;
	uint64_t affinity[KX_AFFINITY_WORDS]; /* wanted: a bit for each of the family's CPUs; all 0: any */
	uint64_t affinity_now[KX_AFFINITY_WORDS]; /* the thread's; kept by a pooled one until another is wanted */
	uint32_t affinity_due;               /* they differ */
	uint64_t started_ns, cpu_at_start_ns;
	uint64_t exits, hypercalls, faults;
};

struct pvm_start {
	uint32_t parent, console;
	uint64_t entry, boot_arg, regions;
	uint32_t region_count;
	bool root, spawn_pages;
};

int vm_create(void);                               /* descriptor, or -errno */
unsigned long vm_shadow_pages(void);               /* that a VM may have */
uint32_t vm_most_pvms(void);                       /* exits with 125 when so many as were asked for do not fit */
int vm_enter(struct vcpu *);                       /* its VM, its descriptor, its run page; -errno, then vm_leave */
void vm_leave(struct vcpu *);                      /* it does not run again: its VM goes, if it is its own */
int vcpu_create(uint32_t slot);                    /* -errno */
void vcpu_begin(struct vcpu *);                    /* its registers for the pVM to come */
void park(struct vcpu *);                          /* park.c: its own thread: idle, in the guest if it may be */
void vcpu_await(struct vcpu *);                    /* its own thread: until it has a pVM, or is parked */
void park_exit(struct vcpu *, int error);          /* KVM_RUN came back, with that errno, and no pVM is on it */
void vcpu_wait_for_go(struct vcpu *);              /* its own thread: until phase is VCPU_GO, or VCPU_ANEW */
void vcpu_phase(struct vcpu *, enum vcpu_phase);   /* changes it, wakes the thread if it sleeps */
void vcpu_kick(struct vcpu *);                     /* interrupt it when it is in the guest */
void vcpu_attention(struct vcpu *, uint32_t bits); /* set, change events, wake and kick */
uint64_t vcpu_cpu_ns(const struct vcpu *);
void vcpu_backtrace(uint64_t rip, uint64_t rbp, char *to, size_t room);
void vcpu_report(struct vcpu *, const char *why);  /* registers and reason, in clear text */
void vcpu_end(struct vcpu *, const char *why);     /* from its own thread: the pVM ends here, reported */
void vcpu_reload_cr3(struct vcpu *);               /* after a space_ call */
void vcpu_first_sregs(const struct vcpu *, struct kvm_sregs *);
int vcpu_set_lstar(struct vcpu *, uint64_t lstar);
int selftest(struct vcpu *);                       /* selftest.c: fills the family's facts about this KVM */
struct kvm_regs *vcpu_regs(struct vcpu *);
struct kvm_sregs *vcpu_sregs(struct vcpu *);

/* where an interrupted context is kept: in the exception stub's stack, or in the vCPU's registers */
struct trap { uint64_t *rip, *rflags, *rsp; };
void trap_exception(struct vcpu *, uint32_t vector); /* exit from an exception stub */
void trap_shutdown(struct vcpu *);                   /* exit by triple fault: an exception with small IDT limit */
void trap_arm(struct vcpu *, bool fast);
bool trap_in_libos(uint64_t rip);
void trap_general_protection(struct vcpu *);
void trap_kick(struct vcpu *);                       /* KVM_RUN was interrupted */

int pool_start(void);
struct vcpu *pool_take(const struct space *parent); /* an idle vCPU for a child of that space, or one that begins empty (NULL), its thread
	waking up; NULL: the family's limit is reached */
void pool_go(struct vcpu *, struct space *, const struct pvm_start *);
void pool_call_off(struct vcpu *);
void pool_misfit(struct vcpu *);         /* the same for one whose space cannot be used: it comes back with another */
bool pool_may_keep(void);                /* whether one more idle vCPU may wait in what its pVM left */
void pool_drop_orphans(void);            /* no parent is left that the spaces of such are for */
bool pool_kill(uint64_t slot, const uint32_t *console, bool force); /* the pVM there, or only that console's root; false: none is */
void pool_over(void);                    /* a live one is only to be cleared: it does not count against the limit any more */
void pool_retire(struct vcpu *);         /* from its own thread, which does not come back */
bool pool_forget(struct vcpu *);         /* from its own thread: out of the idle ones; false: it was taken meanwhile */
void pool_put(struct vcpu *);            /* from its own thread, all cleared */
uint32_t pool_coming(void);              /* vCPUs that are being made, or begin anew */

/* ---- the family: family.c ------------------------------------------------------------------------------------------ */
struct family {
	struct settings *settings;
	int kvm_fd, vm_fd;
	uint64_t gdt_va, idt_va, stubs_va;
	uint64_t lstar_va, lstar_left;       /* page of LSTAR stubs under way: next free address, bytes left */
	uint8_t *lstar_host;
	uint64_t xcr0;
	uint32_t max_pvms;
	struct kvm_cpuid2 *cpuid;
	struct vcpu *vcpus[KX_MAX_SLOTS];    /* set once each, by release store */
	uint32_t vcpu_count;
	pthread_mutex_t pool_lock;
	pthread_cond_t pool_wanted;
	struct vcpu *free;
	uint32_t free_count, live, over;     /* over: of the live ones, those that are only to be cleared */
	uint32_t most_live;
	uint32_t kept;                       /* idle vCPUs in spaces that their pVMs left */
	uint64_t made, recycled, retired, forks, spawns, exits, generation;
	uint64_t hypercalls[KX_HC_COUNT];
	uint64_t make_again_ns;              /* after a vCPU could not be made */
	bool booted, confined;
	bool lstar_stub, shutdown_faults, tsc_exact; /* by the self-test */
	bool fast_faults;                    /* shutdown_faults, and not turned off */
	const char *kvm_kind;
};
extern struct family family;

struct spawn_request {
	const char *program, *cwd;
	char *const *argv; uint32_t argc;
	char *const *envp; uint32_t envc;
	uint32_t console, flags, uid;
};
void idt_gate(uint8_t *idt, uint32_t vector, uint64_t handler);
void gdt_fill(uint64_t *gdt);
void family_open(struct settings *);                        /* KVM and files; exits with 125 and a message on trouble */
void family_create(void);                                   /* memory, tables, boot page */
int64_t family_spawn(const struct spawn_request *);         /* slot, or -errno */
void family_pvm_ended(struct vcpu *);                       /* from its thread, before the slot can be used again */
void family_exit(int status) __attribute__((noreturn));     /* everything of the family is gone */
struct vcpu *family_vcpu(uint64_t slot);                    /* NULL: there is none */
struct vcpu *family_live(uint64_t slot);                    /* NULL: no pVM runs on it, or its end is being or has been reported */

/* ---- the rest ------------------------------------------------------------------------------------------------------ */
void hypercall_dispatch(struct vcpu *);                     /* hypercall.c */
const char *hypercall_name(uint32_t nr);

void affinity_begin(void);                                  /* affinity.c: before there are threads */
int64_t affinity_set(uint64_t slot, const uint64_t *mask);
void affinity_inherit(struct vcpu *, const struct vcpu *parent);
bool affinity_free(const struct vcpu *);
void affinity_apply(struct vcpu *);                         /* by its own thread */

int events_open(struct vcpu *);                             /* -errno */
void events_look_traced(void);                              /* whether somebody watches ipc_notify */
int64_t events_wait(struct vcpu *, uint32_t seen, uint64_t deadline); /* events.c */
int64_t events_notify(struct vcpu *, uint64_t slot);
void events_notify_port(struct vcpu *, uint32_t slot);      /* written to, and KVM did not take it */
int64_t events_kick(uint64_t slot);
int64_t events_timer(struct vcpu *, uint64_t deadline);
bool events_timer_due(struct vcpu *);                       /* true: it was due, attention is set */
void events_bump(struct vcpu *);                            /* change its events word, wake it */

int console_create(int in, int out, int err);               /* console.c: number, or -errno; takes the descriptors over */
void console_hold(uint32_t console);                        /* each pVM of a console holds it: the last one's end closes it */
void console_release(uint32_t console);
int64_t console_io(struct vcpu *, uint64_t op, uint64_t console, uint64_t va, uint64_t length);
void console_window(uint32_t console, uint32_t rows, uint32_t cols);
struct pollfd;
uint32_t console_poll_set(struct pollfd *, uint32_t room);  /* descriptors whose input somebody waits for */
void console_poll_done(const struct pollfd *, uint32_t count);

int hostfs_open_shares(const struct settings *, const char **why); /* hostfs.c */
void hostfs_describe(struct kx_boot *);
int64_t hostfs_call(uint64_t op, uint64_t va);

void clock_begin(void);                                     /* clock.c */
void clock_start(struct kx_clock *, uint32_t khz);
void clock_update(struct kx_clock *);
uint64_t clock_mono_ns(void);

int control_open(struct settings *, const char **why);      /* control.c: listening or connected sockets */
void control_loop(void) __attribute__((noreturn));          /* the main thread: control, consoles, clock */
void control_wake(void);
void control_pvm_ended(struct vcpu *);                       /* control_ops.c */
void control_log(uint32_t console, const char *line);       /* report.c */
void control_fault(uint32_t slot, uint32_t console, const void *report, uint32_t length);
void control_stats_answer(const char *json, uint32_t length);
void control_panic(const char *text);
void control_write_stats(int fd);

void confine_descriptors(const struct settings *);          /* confine.c; first of all */
int confine_privileges(const char **why);                   /* namespaces, root, capabilities; while there is one thread */
void seccomp_confine(void);                                 /* seccomp.c; exits with 125 on trouble */

__attribute__((format(printf, 1, 2))) void log_line(const char *, ...);        /* log.c: kept, and on stderr with --debug */
__attribute__((format(printf, 1, 2))) void log_user(const char *, ...);        /* kept, and on stderr */
__attribute__((format(printf, 1, 2), noreturn)) void die(const char *, ...);   /* "monitor: ...", exit 125 */
uint32_t log_tail(char *to, uint32_t room);
extern bool log_debug;
extern uint64_t log_start_ns;

long futex_wait(uint32_t *word, uint32_t seen, uint64_t deadline_ns);          /* 0 or -errno; deadline on CLOCK_MONOTONIC */
void futex_wake(uint32_t *word, uint32_t count);

/* ---- stubs.S ------------------------------------------------------------------------------------------------------- */
#define STUB_PORT 0xa0                   /* an exception stub's port: this + vector */
#define STUB_VECTORS 32
#define IDT_LIMIT_FAST 63                /* vectors 0 to 3 (the traps among them) by stubs, the rest by triple fault */
#define STUB_BYTES 8                     /* each vector's stub */
extern const uint8_t stubs_begin[], stubs_end[], stub_syscall_begin[], stub_syscall_end[];
#define STUB_SYSCALL_FRAME 5
#define KERNEL_FRAME 0                   /* in a vCPU's supervisor page: the LSTAR stub's frame, TSS, exception stack */
#define KERNEL_TSS 0x100
#define KERNEL_STACK_TOP 0x1000
#define SELECTOR_KERNEL_CODE 0x10
#define SELECTOR_KERNEL_DATA 0x18
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33
#define SELECTOR_TSS 0x40
#define TSS_BYTES (104 + 16)             /* with an I/O bitmap up to port 0x77 */
#define RFLAGS_FIXED 2
#define RFLAGS_IF 0x200
#define RFLAGS_TF 0x100
#define RFLAGS_AC 0x40000

#endif
