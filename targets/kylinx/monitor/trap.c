/* What interrupts guest code: exceptions (by a stub, or as a triple fault when the IDT's limit is 0) and kicks. A page fault
 * the memory manager cannot resolve, and any other exception, goes to the LibOS's entry_upcall with a struct kx_frame. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sdt.h>
#include "family.h"

#define VECTOR_DEBUG 1
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_PAGE_FAULT 14
#define VECTOR_ALIGNMENT 17
#define ERROR_PRESENT 1
#define ERROR_WRITE 2
#define ERROR_FETCH 16
#define RED_ZONE 128
#define NESTED_MOST 8
#define NESTED_BYTES 4096
#define SENTINEL 0x5e1f                   /* no page fault leaves this in cr2 by accident: nothing is ever mapped so low */
#define FLAGS_KEPT 0x244dd7ull           /* ID AC OF DF TF SF ZF AF PF CF and the fixed bit, of what the application had */
#define RIP_STUB_RETURN 2                /* offset in a stub behind its out */

static bool has_error(uint32_t vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30;
}

bool trap_in_libos(uint64_t rip)
{
	return rip >= KX_VA_TEXT && rip < memory_libos()->text_end; /* beyond: the vdso, the application's */
}

static void write_frame(struct kx_frame *f, const struct kvm_regs *r, const struct trap *t, uint64_t vector, uint64_t error,
	uint64_t cr2)
{
	*f = (struct kx_frame){ .r15 = r->r15, .r14 = r->r14, .r13 = r->r13, .r12 = r->r12, .rbp = r->rbp, .rbx = r->rbx,
		.r11 = r->r11, .r10 = r->r10, .r9 = r->r9, .r8 = r->r8, .rax = r->rax, .rcx = r->rcx, .rdx = r->rdx, .rsi = r->rsi,
		.rdi = r->rdi, .orig_rax = NEVER, .rip = *t->rip, .rflags = *t->rflags & FLAGS_KEPT, .rsp = *t->rsp,
		.vector = vector, .error = error, .cr2 = cr2 };
}

/* A LibOS whose upcalls fault in their turn walks down its stack and then over its heap: it is stopped before. */
static bool runs_away(struct vcpu *v, uint64_t at, bool from_libos)
{
	bool deeper = from_libos && at < v->upcall_frame && v->upcall_frame - at < 2 * NESTED_BYTES;

	v->nested_upcalls = deeper ? v->nested_upcalls + 1 : 0;
	v->upcall_frame = at;
	return v->nested_upcalls > NESTED_MOST;
}

/* Send the context to entry_upcall. The stack is the guest's word: checked to lie in the family's shared memory. */
static void upcall(struct vcpu *v, struct trap *t, uint64_t vector, uint64_t error, uint64_t cr2)
{
	bool from_libos = trap_in_libos(*t->rip);
	uint64_t top = from_libos ? *t->rsp - RED_ZONE : __atomic_load_n(&v->area->stack_top, __ATOMIC_RELAXED);
	uint64_t at = (top & ~15ull) - sizeof(struct kx_frame);
	struct kx_frame *frame = memory_commons(at, sizeof *frame);

	if (!frame || runs_away(v, at, from_libos)) {
		char why[128];

		snprintf(why, sizeof why, "exception %llu (error %llx, address %llx) at %llx with %s (%llx)",
			(unsigned long long)vector, (unsigned long long)error, (unsigned long long)cr2,
			(unsigned long long)*t->rip, frame ? "upcalls that never end" : "no LibOS stack", (unsigned long long)top);
		vcpu_end(v, why);
		return;
	}
	if (log_debug) {
		char trace[400];

		vcpu_backtrace(*t->rip, vcpu_regs(v)->rbp, trace, sizeof trace);
		log_line("slot %u: upcall, vector %llx error %llx address %llx at %s", v->slot, (unsigned long long)vector,
			(unsigned long long)error, (unsigned long long)cr2, trace);
	}
	space_divert(v->space); /* the instruction that faulted before may not come next */
	vcpu_reload_cr3(v);
	write_frame(frame, vcpu_regs(v), t, vector, error, cr2);
	*t->rip = memory_libos()->entry_upcall;
	*t->rsp = at;
	*t->rflags = RFLAGS_IF | RFLAGS_FIXED;
}

/* A kick that waited for this moment. */
static void take_kick(struct vcpu *v, struct trap *t)
{
	const struct kx_libos_header *libos = memory_libos();

	if (!__atomic_exchange_n(&v->kick, 0, __ATOMIC_SEQ_CST) && !v->kick_late)
		return;
	v->kick_late = false;
	events_timer_due(v);
	if (*t->rip >= libos->exit_begin && *t->rip < libos->exit_end)
		*t->rip = libos->exit_restart;
	else if (!trap_in_libos(*t->rip))
		upcall(v, t, KX_VECTOR_KICK, 0, 0);
}

/* A page fault. unknown: it came as a triple fault, without an error code; false: the memory manager needs one to tell. */
static bool page_fault(struct vcpu *v, struct trap *t, uint64_t error, uint64_t address, bool unknown)
{
	struct space_fault fault = { .address = address & ~(uint64_t)(KX_PAGE - 1), .present = error & ERROR_PRESENT,
		.write = error & ERROR_WRITE, .exec = error & ERROR_FETCH, .unknown = unknown };
	uint32_t count = __atomic_load_n(&v->area->region_count, __ATOMIC_ACQUIRE);
	uint64_t va = __atomic_load_n(&v->area->regions, __ATOMIC_ACQUIRE);
	const struct kx_region *regions = count ? memory_commons(va, (size_t)count * sizeof *regions) : NULL;

	space_cow = false;
	enum space_result r = space_fault(v->space, &fault, regions, regions ? count : 0);

	vcpu_reload_cr3(v);
	if (r == SPACE_UPCALL && unknown)
		return false;
	v->faults++;
	if (space_cow)
		DTRACE_PROBE2(kxmonitor, fault_cow, v->slot, address);
	if (r == SPACE_UPCALL)
		upcall(v, t, VECTOR_PAGE_FAULT, error, address);
	else if (r == SPACE_NO_MEMORY)
		upcall(v, t, VECTOR_PAGE_FAULT, error | KX_ERROR_NO_MEMORY, address);
	return true;
}

static void exception(struct vcpu *v, struct trap *t, uint32_t vector, uint64_t error)
{
	if (vector == VECTOR_PAGE_FAULT)
		page_fault(v, t, error, vcpu_sregs(v)->cr2, false);
	else if (vector == VECTOR_DEBUG && trap_in_libos(*t->rip))
		*t->rflags &= ~(uint64_t)RFLAGS_TF; /* the application steps into the LibOS: not through it */
	else if (vector == VECTOR_ALIGNMENT && trap_in_libos(*t->rip))
		*t->rflags &= ~(uint64_t)RFLAGS_AC; /* it wants its own accesses checked, not the LibOS's */
	else
		upcall(v, t, vector, error, 0);
	if (!v->ended)
		take_kick(v, t);
}

/* The application at the vCPU's registers did what only the LibOS may. */
void trap_general_protection(struct vcpu *v)
{
	struct kvm_regs *r = vcpu_regs(v);
	struct trap t = { (uint64_t *)&r->rip, (uint64_t *)&r->rflags, (uint64_t *)&r->rsp };

	upcall(v, &t, VECTOR_GENERAL_PROTECTION, 0, 0);
	v->dirty_regs = true;
}

/* The frame the CPU pushed on the exception stack of the vCPU's supervisor page: rip, cs, rflags, rsp, ss. */
static uint64_t *stub_frame(struct vcpu *v)
{
	return (uint64_t *)(v->kernel + KERNEL_STACK_TOP) - 5;
}

void trap_exception(struct vcpu *v, uint32_t vector)
{
	uint64_t *frame = stub_frame(v);
	struct trap t = { &frame[0], &frame[2], &frame[3] };

	if ((frame[1] & 3) != 3) {
		vcpu_end(v, "exception in a stub");
		return;
	}
	exception(v, &t, vector, has_error(vector) ? frame[-1] : 0);
	if (family.fast_faults)
		trap_arm(v, true);
}

static bool exception_to_come(struct vcpu *v)
{
	struct kvm_vcpu_events e;

	if (ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e))
		die("vCPU %u: KVM_GET_VCPU_EVENTS: %s", v->slot, strerror(errno));
	return e.exception.injected || e.exception.pending;
}

/* KVM_RUN came back for a signal. An exception that KVM is about to deliver belongs to the instruction at rip: it is not sent
 * elsewhere, the kick waits for the exit that comes. So it does in a stub before its out; behind it, the frame that iretq will pop
 * is the context. In LSTAR's stub there is nothing to do: the LibOS looks at attention before it leaves. */
void trap_kick(struct vcpu *v)
{
	struct kvm_regs *r = vcpu_regs(v);
	struct trap t = { (uint64_t *)&r->rip, (uint64_t *)&r->rflags, (uint64_t *)&r->rsp };

	if (events_timer_due(v))
		__atomic_store_n(&v->kick, 1, __ATOMIC_RELAXED);
	if (exception_to_come(v)) {
		__atomic_store_n(&v->kick, 0, __ATOMIC_RELAXED);
		v->kick_late = true;
		return;
	}
	if (vcpu_sregs(v)->cs.dpl == 3) {
		uint64_t rip = r->rip;

		take_kick(v, &t);
		if (r->rip != rip)
			v->dirty_regs = true;
		return;
	}
	uint64_t offset = r->rip - family.stubs_va;

	if (offset >= STUB_VECTORS * STUB_BYTES) {
		__atomic_store_n(&v->kick, 0, __ATOMIC_RELAXED);
	} else if (offset % STUB_BYTES < RIP_STUB_RETURN) {
		__atomic_store_n(&v->kick, 0, __ATOMIC_RELAXED);
		v->kick_late = true;
	} else {
		uint64_t *frame = stub_frame(v);

		t = (struct trap){ &frame[0], &frame[2], &frame[3] };
		take_kick(v, &t);
	}
}

/* Turns the fast way of page faults on and off: beyond the IDT's limit an exception becomes KVM_EXIT_SHUTDOWN at its instruction,
 * cr2 tells a page fault from the rest, since only a page fault changes it. The traps, which cannot be repeated, stay below it. */
void trap_arm(struct vcpu *v, bool fast)
{
	struct kvm_sregs *s = vcpu_sregs(v);

	v->shutdown_faults = fast;
	s->idt.limit = fast ? IDT_LIMIT_FAST : STUB_VECTORS * 16 - 1;
	if (fast)
		s->cr2 = v->cr2_before = SENTINEL;
	v->dirty_sregs = true;
}

/* A page fault whose address differs from what cr2 was is resolved here; anything else is repeated with the IDT in force, whose
 * stub tells vector and error code exactly. */
void trap_shutdown(struct vcpu *v)
{
	struct kvm_regs *r = vcpu_regs(v);
	struct kvm_sregs *s = vcpu_sregs(v);
	struct trap t = { (uint64_t *)&r->rip, (uint64_t *)&r->rflags, (uint64_t *)&r->rsp };
	uint64_t rip = r->rip;

	if (!v->shutdown_faults || s->cs.dpl != 3) {
		vcpu_end(v, "triple fault");
		return;
	}
	if (s->cr2 == v->cr2_before || !page_fault(v, &t, 0, s->cr2, true)) {
		trap_arm(v, false);
		return;
	}
	v->cr2_before = s->cr2;
	if (!v->ended)
		take_kick(v, &t);
	v->dirty_regs = r->rip != rip;
}
