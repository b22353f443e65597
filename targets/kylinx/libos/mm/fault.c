/* Faults the monitor could not satisfy from the table, and the other exceptions: what the application gets for them. */
#include "../core/core.h"
#include "mm.h"

#define FAULT_PRESENT 1
#define FAULT_WRITE 2
#define FAULT_EXEC 16
#define STACK_GUARD_BYTES 0x100000ul /* Linux' stack_guard_gap */
#define PAGE_FAULT 14
/* out of memory: how often it is tried again; when a child ends for it; for how long with none on its way, at most; another want:
 * not for so long */
#define STARVING_LOOK_NS 1000000ul
#define STARVING_AWAY_NS 20000000ul
#define STARVING_CHILD_NS 10000000ul
#define STARVING_ALONE_NS 300000000ul
#define STARVING_MOST_NS 5000000000ul
#define STARVING_OVER_NS 1000000000ul

struct exception { u8 signo, code; };
/* by vector; code 0: SI_KERNEL, without an address */
static const struct exception exceptions[32] = {
	[0] = { SIGFPE, FPE_INTDIV }, [1] = { SIGTRAP, TRAP_TRACE }, [3] = { SIGTRAP, 0 }, [4] = { SIGSEGV, 0 },
	[5] = { SIGSEGV, 0 }, [6] = { SIGILL, ILL_ILLOPN }, [7] = { SIGSEGV, 0 }, [10] = { SIGSEGV, 0 },
	[11] = { SIGBUS, 0 }, [12] = { SIGBUS, 0 }, [13] = { SIGSEGV, 0 }, [16] = { SIGFPE, FPE_FLTINV },
	[17] = { SIGBUS, BUS_ADRALN }, [19] = { SIGFPE, FPE_FLTINV },
};

/* RLIMIT_STACK may have been raised since the program began. */
static bool stack_grows(struct mm *mm, u64 addr)
{
	u32 i = region_after(mm, addr);
	if (i == mm->count || !(mm->regions[i].flags & KXR_STACK))
		return false;
	u64 start = PAGE_DOWN(addr), limit = limit_of(current->proc, RLIMIT_STACK);
	u64 top = mm->stack_top;
	if (top - start > limit || (i && mm->regions[i - 1].end + STACK_GUARD_BYTES > start))
		return false;
	lock(&mm->lock);
	mm->bytes_mapped += mm->regions[i].start - start;
	mm->regions[i].start = start;
	unlock(&mm->lock);
	return true;
}

static bool allowed(const struct kx_region *r, u64 error)
{
	if (error & FAULT_EXEC)
		return r->prot & KX_PROT_EXEC;
	return r->prot & (error & FAULT_WRITE ? KX_PROT_WRITE : KX_PROT_READ);
}

int mm_fault(u64 addr, u64 error, int *code)
{
	struct mm *mm = current->proc->mm;
	const struct kx_region *r = mm_find(mm, addr);
	if (!r) {
		*code = SEGV_MAPERR;
		return range_allowed(PAGE_DOWN(addr), PAGE_DOWN(addr) + KX_PAGE) && stack_grows(mm, addr) ? 0 : SIGSEGV;
	}
	*code = SEGV_ACCERR;
	if (!allowed(r, error))
		return SIGSEGV;
	*code = BUS_ADRERR;
	u64 page = (addr - r->start) / KX_PAGE;
	if (region_is_object(r)) {
		struct kx_object *o = (struct kx_object *)r->source;
		u64 index = r->offset + page;
		if (index >= __atomic_load_n(&o->count, __ATOMIC_ACQUIRE))
			return SIGBUS;
		if (!(error & KX_ERROR_NO_MEMORY))
			/* another pVM may have filled it meanwhile */
			return object_fill(o, index, r->offset + region_bytes(r) / KX_PAGE) ? 0 : SIGBUS;
	} else if (r->kind == KX_REGION_IMAGE && page * KX_PAGE >= PAGE_UP(r->offset)) {
		return SIGBUS;
	}
	*code = SI_KERNEL; /* the family's memory is used up: Linux would kill, too */
	return SIGKILL;
}

static int float_code(u32 raised)
{
	static const int codes[] = { FPE_FLTINV, FPE_FLTUND, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES };
	for (u32 i = 0; i < ARRAY_SIZE(codes); i++)
		if (raised & 1u << i)
			return codes[i];
	return FPE_FLTINV;
}

static int exception_code(const struct kx_frame *f)
{
	u32 mxcsr = 0;
	u16 status = 0, control = 0;
	if (f->vector == 19) {
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
		return float_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
	}
	if (f->vector == 16) {
		__asm__ volatile("fnstsw %0\n\tfnstcw %1" : "=m"(status), "=m"(control));
		return float_code((u32)(status & ~control) & 0x3f);
	}
	return exceptions[f->vector].code;
}

/* The youngest child that lives ends, if none is about to: it has done the least, and much of what it holds it was given by a fork.
 * (Linux takes the largest; nobody here knows who that is.) false: there is none. */
static bool child_ends(const struct proc *p)
{
	struct proc *youngest = NULL;
	bool one_ends = false;
	lock(&family.tree);
	list_for_each(n, &p->children) {
		struct proc *child = list_entry(n, struct proc, sibling);
		if (child->zombie)
			continue;
		one_ends |= child->killed;
		youngest = child;
	}
	if (youngest && !one_ends) {
		klog("process %u: out of memory: its child %u ends", p->pid, youngest->pid);
		signal_send_proc(youngest, SIGKILL, NULL);
	}
	unlock(&family.tree);
	return youngest;
}

/* The family's memory is used up: for a while that of others may come back, then a child's does. false: nothing helps. */
static bool wait_for_memory(struct proc *p)
{
	u64 now = now_mono_ns(), away = now - p->starving_last;
	if (away > STARVING_OVER_NS)
		p->starving_since = p->starving_hope = now;
	else if (away > STARVING_AWAY_NS)
		p->starving_hope += away; /* had no CPU: those who give memory back may not have had one either */
	p->starving_last = now;
	u64 waited = now - p->starving_since;
	if ((waited > STARVING_CHILD_NS && child_ends(p)) || slots_ending())
		p->starving_hope = now;
	if (now - p->starving_hope > STARVING_ALONE_NS || waited > STARVING_MOST_NS)
		return false;
	task_sleep(now + STARVING_LOOK_NS, false);
	return true;
}

static void application_fault(struct kx_frame *f)
{
	if (f->vector == PAGE_FAULT) {
		int code = 0, signo = mm_fault(f->cr2, f->error, &code);
		current->proc->minor_faults++;
		if (signo == SIGKILL && f->error & KX_ERROR_NO_MEMORY && wait_for_memory(current->proc))
			return; /* the instruction again */
		if (signo == SIGKILL) {
			klog("process %u: out of memory at %lx", current->proc->pid, f->cr2);
			signal_send_proc(current->proc, SIGKILL, NULL);
		} else if (signo) {
			signal_fault(f, signo, code, f->cr2);
		}
		return;
	}
	const struct exception *x = f->vector < ARRAY_SIZE(exceptions) ? &exceptions[f->vector] : NULL;
	if (!x || !x->signo) {
		klog("process %u: exception %lu at %lx", current->proc->pid, f->vector, f->rip);
		signal_fault(f, SIGSEGV, SI_KERNEL, 0);
		return;
	}
	int code = exception_code(f);
	signal_fault(f, x->signo, code ? code : SI_KERNEL, code ? f->rip : 0);
}

/* The LibOS itself faulted: on application memory, in a function that expects it, or by a bug. */
static void libos_fault(struct kx_frame *f)
{
	if (f->vector == PAGE_FAULT && current && current->proc) {
		int code, signo = mm_fault(f->cr2, f->error, &code);
		if (!signo)
			return;
		if (signo == SIGKILL)
			signal_send_proc(current->proc, SIGKILL, NULL);
		if (uaccess_fixup(f))
			return;
	}
	panic("exception %lu in the LibOS: rip %lx, address %lx, error %lx, rsp %lx, task %u", f->vector, f->rip, f->cr2, f->error,
	      f->rsp, current ? current->tid : 0);
}

void upcall(struct kx_frame *f)
{
	bool application = f->rip < KX_VA_SHARED || f->rip >= (u64)libos_text_end; /* behind it: the vdso */
	if (!application) {
		if (f->vector != KX_VECTOR_KICK)
			libos_fault(f);
		return;
	}
	f->orig_rax = ~0ul;
	if (f->vector != KX_VECTOR_KICK)
		application_fault(f);
	exit_work(f);
}
