/* A vCPU: its KVM state, its thread, the run loop, what interrupts it. One runs one pVM after another. */
#include <cpuid.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sdt.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "family.h"

#ifndef THREAD_STACK
#define THREAD_STACK 0x10000
#endif
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
#define CR0_VALUE 0x80010033             /* PG WP NE ET MP PE */
#define CR4_VALUE (1 << 5 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 16 | 1 << 18) /* PAE PGE OSFXSR OSXMMEXCPT FSGSBASE OSXSAVE */
#define EFER_VALUE 0xd01                 /* NXE LMA LME SCE */

static __thread struct vcpu *own;        /* of this thread: for the signal's handler */

static void interrupted(int signo)
{
	(void)signo;
	if (own)
		__atomic_store_n(&own->run->immediate_exit, 1, __ATOMIC_RELAXED);
}

struct kvm_regs *vcpu_regs(struct vcpu *v)
{
	return &v->run->s.regs.regs;
}

struct kvm_sregs *vcpu_sregs(struct vcpu *v)
{
	return &v->run->s.regs.sregs;
}

static void segment(struct kvm_segment *s, uint16_t selector, uint8_t type, uint8_t dpl, bool code)
{
	*s = (struct kvm_segment){ .limit = 0xffffffff, .selector = selector, .type = type, .present = 1, .dpl = dpl,
		.db = !code, .s = 1, .l = code, .g = 1 };
}

void vcpu_first_sregs(const struct vcpu *v, struct kvm_sregs *s)
{
	memset(s, 0, sizeof *s);
	segment(&s->cs, SELECTOR_USER_CODE, 11, 3, true);
	segment(&s->ss, SELECTOR_USER_DATA, 3, 3, false);
	s->ds = s->es = s->fs = s->gs = s->ss;
	s->gs.base = KX_VA_VCPUS + (uint64_t)v->slot * KX_VCPU_STRIDE;
	s->tr = (struct kvm_segment){ .base = v->kernel_va + KERNEL_TSS, .limit = TSS_BYTES - 1, .selector = SELECTOR_TSS,
		.type = 11, .present = 1 };
	s->ldt = (struct kvm_segment){ .unusable = 1 };
	s->gdt.base = family.gdt_va;
	s->gdt.limit = SELECTOR_TSS + 15;
	s->idt.base = family.idt_va;
	s->idt.limit = STUB_VECTORS * 16 - 1;
	s->cr0 = CR0_VALUE;
	s->cr4 = CR4_VALUE;
	s->efer = EFER_VALUE;
	s->apic_base = 0xfee00900;
}

/* All that a pVM can have changed in the vCPU: nothing of one is left for the next. */
static int reset(struct vcpu *v)
{
	struct kvm_xsave x;

	memset(&x, 0, sizeof x);
	x.region[0] = 0x37f;                 /* FCW */
	x.region[6] = 0x1f80;                /* MXCSR */
	x.region[128] = 3;                   /* XSTATE_BV: x87 and SSE as given, the rest initial */
	if (ioctl(v->fd, KVM_SET_XSAVE, &x))
		return -errno;
	memset(&v->run->s.regs.events, 0, sizeof v->run->s.regs.events);
	vcpu_first_sregs(v, vcpu_sregs(v));
	memset(vcpu_regs(v), 0, sizeof(struct kvm_regs));
	v->dirty_regs = v->dirty_sregs = v->dirty_events = true;
	v->run->immediate_exit = 0;
	__atomic_store_n(&v->kick, 0, __ATOMIC_RELAXED);
	v->timer_deadline = NEVER;
	v->space = NULL;
	v->ended = v->root = v->killed_by_monitor = v->shutdown_faults = v->kick_late = false;
	v->exits = v->hypercalls = v->faults = 0;
	return 0;
}

int vcpu_set_lstar(struct vcpu *v, uint64_t lstar)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry entry[3]; } m = { .head.nmsrs = 3, .entry = {
		{ .index = MSR_STAR, .data = (uint64_t)SELECTOR_KERNEL_CODE << 32 | (uint64_t)(SELECTOR_USER_CODE - 16) << 48 },
		{ .index = MSR_LSTAR, .data = lstar },
		{ .index = MSR_SFMASK, .data = 0x47700 } } }; /* TF IF DF IOPL NT AC */

	return ioctl(v->fd, KVM_SET_MSRS, &m) == 3 ? 0 : -EIO;
}

/* The guest's TSC is the host's: no offset. Before Linux 5.16 there is no such control; the self-test says what came of it. */
static void clear_tsc_offset(struct vcpu *v)
{
	uint64_t zero = 0;
	struct kvm_device_attr offset = { .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uint64_t)&zero };

	if (ioctl(v->fd, KVM_SET_DEVICE_ATTR, &offset))
		log_line("vCPU %u: KVM has no TSC offset control", v->slot);
}

/* The supervisor page: the LSTAR stub's frame, the TSS with the I/O bitmap, the exceptions' stack. */
static void fill_kernel_page(struct vcpu *v)
{
	uint64_t *frame = (uint64_t *)(v->kernel + KERNEL_FRAME), stack = v->kernel_va + KERNEL_STACK_TOP;
	uint8_t *tss = v->kernel + KERNEL_TSS;
	uint16_t bitmap = 104;

	memset(v->kernel, 0, KX_PAGE);
	frame[0] = memory_libos()->entry_syscall;
	frame[1] = SELECTOR_USER_CODE;
	frame[2] = RFLAGS_IF | RFLAGS_FIXED;
	frame[4] = SELECTOR_USER_DATA;
	memcpy(tss + 4, &stack, 8);          /* RSP0 */
	memcpy(tss + 102, &bitmap, 2);
	memset(tss + bitmap, 0xff, TSS_BYTES - 104);
	tss[bitmap + KX_PORT / 8] &= (uint8_t)~(1u << KX_PORT % 8);
	tss[bitmap + KX_PORT_NOTIFY / 8] &= (uint8_t)~(0xfu << KX_PORT_NOTIFY % 8);
}

/* Where system calls enter: the vCPU's LSTAR stub, or, where they do not leave CPL3, the LibOS itself. 0: no memory. */
static uint64_t lstar_for(struct vcpu *v)
{
	const uint64_t bytes = 32, frame = v->kernel_va + KERNEL_FRAME;
	void *host;
	uint64_t va = memory_libos()->entry_syscall;

	if (!family.lstar_stub)
		return va;
	pthread_mutex_lock(&family.pool_lock);
	if (family.lstar_left < bytes) {
		family.lstar_va = memory_kernel_text(1, &host);
		family.lstar_left = family.lstar_va ? KX_PAGE : 0;
		family.lstar_host = host;
	}
	va = family.lstar_left ? family.lstar_va : 0;
	if (va) {
		memcpy(family.lstar_host, stub_syscall_begin, (size_t)(stub_syscall_end - stub_syscall_begin));
		memcpy(family.lstar_host + STUB_SYSCALL_FRAME, &frame, sizeof frame);
		family.lstar_va += bytes;
		family.lstar_host += bytes;
		family.lstar_left -= bytes;
	}
	pthread_mutex_unlock(&family.pool_lock);
	return va;
}

static int make_kvm_vcpu(struct vcpu *v)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0] = { .xcr = 0, .value = family.xcr0 } };
	int r = vm_enter(v);

	if (r)
		return r;
	if (ioctl(v->fd, KVM_SET_CPUID2, family.cpuid))
		return -errno;
	v->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	r = reset(v);
	/* CR4.OSXSAVE before XCR0; by ioctl, as nothing runs yet */
	if (!r && ioctl(v->fd, KVM_SET_SREGS, vcpu_sregs(v)))
		r = -errno;
	if (!r && ioctl(v->fd, KVM_SET_XCRS, &xcrs))
		r = -errno;
	if (r)
		return r;
	clear_tsc_offset(v);
	if (!v->slot) {
		r = selftest(v);
		if (!r && family.settings->vm_per_pvm && !family.tsc_exact)
			die("--vm-per-pvm needs KVM's control of the TSC's offset (Linux 5.16): the clocks of VMs would differ without");
		if (!r)
			r = reset(v);
	}
	uint64_t lstar = lstar_for(v);
	return r ? r : lstar ? vcpu_set_lstar(v, lstar) : -ENOMEM;
}

void vcpu_reload_cr3(struct vcpu *v)
{
	uint64_t cr3 = space_cr3(v->space);

	if (cr3 == v->cr3)
		return;
	v->cr3 = cr3;
	vcpu_sregs(v)->cr3 = cr3;
	v->dirty_sregs = true;
}

void vcpu_kick(struct vcpu *v)
{
	__atomic_store_n(&v->kick, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&v->in_guest, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_tgkill, getpid(), v->tid, SIGUSR1);
	}
}

void vcpu_attention(struct vcpu *v, uint32_t bits)
{
	__atomic_fetch_or(&v->area->attention, bits, __ATOMIC_SEQ_CST);
	events_bump(v);
	vcpu_kick(v);
}

uint64_t vcpu_cpu_ns(const struct vcpu *v)
{
	/* the thread's CPU clock, as pthread_getcpuclockid makes it: ~tid << 3 | CPUCLOCK_SCHED | per thread */
	clockid_t id = (clockid_t)(~(unsigned)v->tid << 3 | 6);
	struct timespec t;

	if (clock_gettime(id, &t))
		return 0;
	return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec - v->cpu_at_start_ns;
}

static const char *exit_name(uint32_t reason)
{
	switch (reason) {
	case KVM_EXIT_IO: return "IO";
	case KVM_EXIT_MMIO: return "MMIO";
	case KVM_EXIT_SHUTDOWN: return "SHUTDOWN";
	case KVM_EXIT_FAIL_ENTRY: return "FAIL_ENTRY";
	case KVM_EXIT_INTERNAL_ERROR: return "INTERNAL_ERROR";
	case KVM_EXIT_HLT: return "HLT";
	case KVM_EXIT_INTR: return "INTR";
	case KVM_EXIT_DEBUG: return "DEBUG";
	case KVM_EXIT_EXCEPTION: return "EXCEPTION";
	default: return "other";
	}
}

/* The LibOS keeps frame pointers: return addresses of what it was doing. */
void vcpu_backtrace(uint64_t rip, uint64_t rbp, char *to, size_t room)
{
	size_t n = (size_t)snprintf(to, room, "%llx", (unsigned long long)rip);

	for (int i = 0; i < 16 && n < room - 20; i++) {
		const uint64_t *link = rbp % 8 ? NULL : memory_commons(rbp, 16);

		if (!link || link[0] <= rbp)
			break;
		n += (size_t)snprintf(to + n, room - n, " %llx", (unsigned long long)link[1]);
		rbp = link[0];
	}
}

void vcpu_report(struct vcpu *v, const char *why)
{
	const struct kvm_regs *r = vcpu_regs(v);
	const struct kvm_sregs *s = vcpu_sregs(v);
	char trace[400];

	vcpu_backtrace(r->rip, r->rbp, trace, sizeof trace);
	log_line("pVM in slot %u: %s; KVM exit %u (%s) suberror %u\n"
		"  rip %016llx rsp %016llx rflags %08llx cs %x ss %x cr2 %016llx cr3 %llx\n"
		"  rax %016llx rbx %016llx rcx %016llx rdx %016llx rsi %016llx rdi %016llx rbp %016llx\n"
		"  r8  %016llx r9  %016llx r10 %016llx r11 %016llx r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n"
		"  fs  %016llx gs  %016llx exits %llu\n  trace %s", v->slot, why, v->run->exit_reason, exit_name(v->run->exit_reason),
		v->run->exit_reason == KVM_EXIT_INTERNAL_ERROR ? v->run->internal.suberror : 0,
		r->rip, r->rsp, r->rflags, s->cs.selector, s->ss.selector, s->cr2, s->cr3, r->rax, r->rbx, r->rcx, r->rdx, r->rsi,
		r->rdi, r->rbp, r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, s->fs.base, s->gs.base,
		(unsigned long long)v->exits, trace);
}

void vcpu_end(struct vcpu *v, const char *why)
{
	char line[512];

	vcpu_report(v, why);
	snprintf(line, sizeof line, "pVM in slot %u ended: %s (rip %llx)", v->slot, why, vcpu_regs(v)->rip);
	if ((!family.settings->quiet || !family.settings->keep) && !log_debug) /* the family may end for it, with 125 */
		log_user("%s", line);
	control_log(v->console, line);
	v->status = SIGKILL;
	v->killed_by_monitor = v->ended = true;
}

/* A notification that KVM did not take, or what an application tried. */
static void notify_exit(struct vcpu *v, uint32_t port)
{
	uint32_t slot;

	if (!trap_in_libos(vcpu_regs(v)->rip)) {
		trap_general_protection(v);
		return;
	}
	memcpy(&slot, (uint8_t *)v->run + v->run->io.data_offset, sizeof slot);
	if (port == KX_PORT_NOTIFY && v->run->io.size == sizeof slot && v->run->io.count == 1)
		events_notify_port(v, slot);
}

static void port_exit(struct vcpu *v)
{
	uint32_t port = v->run->io.port;

	if (v->run->io.direction == KVM_EXIT_IO_IN) { /* the bitmap lets CPL3 read the port, too: all ones, as of no device */
		memset((uint8_t *)v->run + v->run->io.data_offset, 0xff, (size_t)v->run->io.size * v->run->io.count);
		return;
	}
	if (port == KX_PORT)
		hypercall_dispatch(v);
	else if (port >= KX_PORT_NOTIFY && port < KX_PORT_NOTIFY + 4)
		notify_exit(v, port);
	else if (port >= STUB_PORT && port < STUB_PORT + STUB_VECTORS)
		trap_exception(v, port - STUB_PORT);
	else
		vcpu_end(v, "a port that is not ours");
}

static void run_once(struct vcpu *v)
{
	v->run->kvm_dirty_regs = (v->dirty_regs ? KVM_SYNC_X86_REGS : 0) | (v->dirty_sregs ? KVM_SYNC_X86_SREGS : 0) |
		(v->dirty_events ? KVM_SYNC_X86_EVENTS : 0);
	__atomic_store_n(&v->in_guest, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&v->kick, __ATOMIC_SEQ_CST))
		v->run->immediate_exit = 1;
	int r = ioctl(v->fd, KVM_RUN, 0), error = errno;
	__atomic_store_n(&v->in_guest, 0, __ATOMIC_SEQ_CST);
	v->exits++;
	if (r >= 0 || error == EINTR)
		/* KVM takes the dirty registers over before it looks at immediate_exit, and gives them back as well */
		v->dirty_regs = v->dirty_sregs = v->dirty_events = false;
	if (r < 0 && error == EINTR)
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&v->live, __ATOMIC_ACQUIRE)) {
		park_exit(v, r < 0 ? error : 0);
		return;
	}
	if (r < 0 && error == EINTR) {
		trap_kick(v);
		return;
	}
	if (r < 0) {
		char why[64];

		if (error == EAGAIN)
			return;
		snprintf(why, sizeof why, "KVM_RUN: %s", strerror(error));
		vcpu_end(v, why);
		return;
	}
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
		port_exit(v);
		break;
	case KVM_EXIT_SHUTDOWN:
		trap_shutdown(v);
		break;
	case KVM_EXIT_INTR:
		trap_kick(v);
		break;
	default:
		vcpu_end(v, "an exit the monitor has no use for");
	}
}

void vcpu_begin(struct vcpu *v)
{
	struct kvm_regs *r = vcpu_regs(v);

	v->cr3 = space_cr3(v->space);
	vcpu_sregs(v)->cr3 = v->cr3;
	r->rip = v->entry;
	r->rsp = KX_VA_VCPUS + (uint64_t)v->slot * KX_VCPU_STRIDE + KX_VCPU_IDLE_STACK_TOP;
	r->rflags = RFLAGS_IF | RFLAGS_FIXED;
	v->dirty_regs = v->dirty_sregs = true;
	v->begun = true;
	if (family.fast_faults)
		trap_arm(v, true);
}

/* The LibOS had no say in this pVM's end: it may have held locks, its process has a parent that waits. The slot stays FREE for
 * good, so that its locks can be seized, and the other pVMs are told. */
static void tell_others(struct vcpu *v, bool waiting)
{
	if (waiting)
		__atomic_fetch_or(&memory_boot()->gone_waiting[v->slot / 64], 1ull << v->slot % 64, __ATOMIC_RELEASE);
	__atomic_fetch_or(&memory_boot()->gone[v->slot / 64], 1ull << v->slot % 64, __ATOMIC_SEQ_CST);
	for (uint32_t slot = 0; slot < family.vcpu_count; slot++) {
		struct vcpu *other = family_live(slot);

		if (other && other != v)
			vcpu_attention(other, KX_ATTENTION_GONE);
	}
}

/* false: the vCPU is not used again. */
static bool pvm_finish(struct vcpu *v)
{
	if (log_debug)
		log_line("slot %u: ended, status %x, after %llu us, %llu us of CPU, %llu exits, %llu hypercalls, %llu faults", v->slot,
			(unsigned)v->status, (unsigned long long)(clock_mono_ns() - v->started_ns) / 1000,
			(unsigned long long)vcpu_cpu_ns(v) / 1000, (unsigned long long)v->exits,
			(unsigned long long)v->hypercalls, (unsigned long long)v->faults);
	if (v->timer_deadline != NEVER)
		events_timer(v, NEVER);
	struct space *space = v->space;

	pthread_mutex_lock(&v->space_lock);
	v->space = NULL;
	__atomic_store_n(&v->over, true, __ATOMIC_RELEASE); /* before its end is reported */
	pthread_mutex_unlock(&v->space_lock);
	pool_over();
	bool kept = !v->killed_by_monitor && pool_may_keep() && space_keep(space);
	if (!kept)
		space_destroy(space);
	pool_drop_orphans();
	family_pvm_ended(v);
	if (v->spawn_pages)
		memory_slot_area_release(v->slot);
	v->spawn_pages = false;
	bool waiting = v->area->state == KX_SLOT_HALTED;
	memory_slot_area(v->slot, false);    /* first page zeroed: its state is FREE */
	v->area->slot = v->slot;
	if (v->killed_by_monitor) {
		tell_others(v, waiting);
		pool_retire(v);
		return false;
	}
	int r = reset(v);
	if (r)
		die("vCPU %u: cannot be cleared: %s", v->slot, strerror(-r));
	v->space = kept ? space : NULL;
	park(v);
	pool_put(v);
	if (kept)
		pool_drop_orphans();         /* the last who could have used it may have ended before it was in the pool */
	return true;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	sigset_t set;

	own = v;
	v->tid = (pid_t)syscall(SYS_gettid);
	event._sigev_un._tid = v->tid;
	if (timer_create(CLOCK_MONOTONIC, &event, &v->timer))
		die("vCPU %u: no timer: %s (raise RLIMIT_SIGPENDING: ulimit -i)", v->slot, strerror(errno));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	park(v);
	pool_put(v);
	for (;;) {
		while (!v->ended) {
			vcpu_await(v);
			if (__atomic_load_n(&v->affinity_due, __ATOMIC_RELAXED))
				affinity_apply(v);
			run_once(v);
			if (__atomic_load_n(&v->ending, __ATOMIC_ACQUIRE) && !v->ended)
				vcpu_end(v, "killed from the control socket");
		}
		if (!v->space || !pvm_finish(v)) {
			vm_leave(v);
			return NULL;
		}
	}
}

static void catch_signal(void)
{
	struct sigaction action = { .sa_handler = interrupted };

	sigaction(SIGUSR1, &action, NULL);
}

int vcpu_create(uint32_t slot)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct vcpu *v = calloc(1, sizeof *v);
	pthread_attr_t attributes;
	pthread_t thread;
	void *host;
	int r;

	if (!v)
		return -ENOMEM;
	pthread_once(&once, catch_signal);
	pthread_mutex_init(&v->space_lock, NULL);
	v->slot = slot;
	v->fd = v->vm_fd = -1;
	r = memory_slot_area(slot, false);
	v->area = r ? NULL : memory_commons(KX_VA_VCPUS + (uint64_t)slot * KX_VCPU_STRIDE, KX_PAGE);
	v->kernel_va = v->area ? memory_kernel_data(1, &host) : 0;
	if (!v->kernel_va) {
		free(v);
		return r ? r : -ENOMEM;
	}
	v->area->slot = slot;
	v->kernel = host;
	fill_kernel_page(v);
	r = events_open(v);
	r = r ? r : make_kvm_vcpu(v);
	if (r) {
		vm_leave(v);
		if (v->wake_fd >= 0)
			close(v->wake_fd);
		return r;                        /* the slot's number is not tried again */
	}
	__atomic_store_n(&family.vcpus[slot], v, __ATOMIC_RELEASE); /* its thread puts it into the pool: from then on it may be woken */
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&thread, &attributes, vcpu_thread, v);
	pthread_attr_destroy(&attributes);
	if (r) {
		__atomic_store_n(&family.vcpus[slot], NULL, __ATOMIC_RELEASE);
		vm_leave(v);
	}
	return r;
}
