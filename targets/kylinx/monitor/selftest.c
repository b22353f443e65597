/* What this KVM can do, found out on the first vCPU before it runs a guest, in a little address space of its own:
 * where a system call enters, whether a page fault may arrive as a triple fault, whether the guest's TSC is the host's. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <x86intrin.h>
#include "family.h"

#define MEMSLOT 32000
#define GPA 0x10000                      /* below all that memory.c uses */
#define PAGES 6                          /* PML4, PDPT, PD, PT, user code, supervisor page */
#define VA_CODE 0x400000
#define VA_KERNEL 0x401000
#define VA_HOLE 0x402000
#define SENTINEL 0x5e1f
#define IDT_AT 0x100                     /* in the supervisor page */
#define GDT_AT 0x300
#define STUBS_AT 0x400
#define TSS_AT 0x600

/* User code: each test starts at its offset and ends in out to KX_PORT. */
#define CODE_TSC 0                       /* rdtsc; out */
#define CODE_SYSCALL 16                  /* syscall; out */
#define CODE_FAULT 32                    /* mov VA_HOLE, %eax; out */
#define CODE_INVALID 48                  /* ud2 */
#define CODE_TRAP 64                     /* int3 */
static const uint8_t code[80] = {
	[CODE_TRAP] = 0xcc, 0xe6, KX_PORT,
	[CODE_TSC] = 0x0f, 0x31, 0xe6, KX_PORT,
	[CODE_SYSCALL] = 0x0f, 0x05, 0xe6, KX_PORT,
	[CODE_FAULT] = 0x8b, 0x04, 0x25, 0x00, 0x20, 0x40, 0x00, 0xe6, KX_PORT,
	[CODE_INVALID] = 0x0f, 0x0b, 0xe6, KX_PORT,
};

static uint64_t *page(uint8_t *host, uint32_t n)
{
	return (uint64_t *)(host + n * KX_PAGE);
}

static void build(uint8_t *host)
{
	uint8_t *kernel = (uint8_t *)page(host, 5), *tss = kernel + TSS_AT;
	uint64_t stack = VA_KERNEL + KX_PAGE, *gdt = (uint64_t *)(kernel + GDT_AT);
	uint16_t bitmap = 104;

	page(host, 0)[0] = (GPA + 1 * KX_PAGE) | 7;
	page(host, 1)[0] = (GPA + 2 * KX_PAGE) | 7;
	page(host, 2)[VA_CODE >> 21] = (GPA + 3 * KX_PAGE) | 7;
	page(host, 3)[0] = (GPA + 4 * KX_PAGE) | 5;
	page(host, 3)[1] = (GPA + 5 * KX_PAGE) | 3;
	memcpy(page(host, 4), code, sizeof code);
	memcpy(kernel + STUBS_AT, stubs_begin, (size_t)(stubs_end - stubs_begin));
	/* LSTAR: vector 31's stub, which no exception of these tests uses */
	for (uint32_t i = 0; i < STUB_VECTORS; i++)
		idt_gate(kernel + IDT_AT, i, VA_KERNEL + STUBS_AT + i * STUB_BYTES);
	gdt_fill(gdt);
	memcpy(tss + 4, &stack, 8);
	memcpy(tss + 102, &bitmap, 2);
	memset(tss + bitmap, 0xff, TSS_BYTES - 104);
	tss[bitmap + KX_PORT / 8] &= (uint8_t)~(1u << KX_PORT % 8);
}

/* The exit reason, or 0 on an error; EINTR and so on are tried again. */
static uint32_t run(struct vcpu *v, bool regs)
{
	v->run->kvm_dirty_regs = regs ? KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS : KVM_SYNC_X86_SREGS;
	for (int i = 0; i < 10; i++) {
		if (!ioctl(v->fd, KVM_RUN, 0))
			return v->run->exit_reason;
		if (errno != EINTR && errno != EAGAIN)
			return 0;
	}
	return 0;
}

static uint32_t start(struct vcpu *v, uint32_t offset, uint32_t idt_limit)
{
	struct kvm_sregs *s = vcpu_sregs(v);
	struct kvm_regs *r = vcpu_regs(v);

	vcpu_first_sregs(v, s);
	s->cr3 = GPA;
	s->gdt.base = VA_KERNEL + GDT_AT;
	s->idt.base = VA_KERNEL + IDT_AT;
	s->idt.limit = (uint16_t)idt_limit;
	s->tr.base = VA_KERNEL + TSS_AT;
	s->cr2 = SENTINEL;
	memset(r, 0, sizeof *r);
	r->rip = VA_CODE + offset;
	r->rsp = VA_CODE + KX_PAGE;
	r->rflags = RFLAGS_IF | RFLAGS_FIXED;
	return run(v, true);
}

static bool out_of(const struct vcpu *v, uint32_t reason, uint32_t port)
{
	return reason == KVM_EXIT_IO && v->run->io.port == port;
}

static bool tsc_is_the_hosts(struct vcpu *v)
{
	uint64_t before = __rdtsc();
	uint32_t reason = start(v, CODE_TSC, STUB_VECTORS * 16 - 1);
	uint64_t after = __rdtsc(), seen = (vcpu_regs(v)->rax & 0xffffffff) | vcpu_regs(v)->rdx << 32;

	return out_of(v, reason, KX_PORT) && seen >= before && seen <= after;
}

/* A software KVM may go to LSTAR without leaving CPL3: then a fetch from the supervisor page faults. */
static bool syscall_enters_at_cpl0(struct vcpu *v)
{
	return out_of(v, start(v, CODE_SYSCALL, STUB_VECTORS * 16 - 1), STUB_PORT + STUB_VECTORS - 1);
}

/* With a small IDT limit: a read of a hole must be KVM_EXIT_SHUTDOWN with cr2, must go on where it was once the page is there, and
 * another exception must leave cr2 alone and be told by the IDT when that has its limit again; a trap takes its stub. */
static bool shutdown_faults_work(struct vcpu *v, uint8_t *host)
{
	struct kvm_sregs *s = vcpu_sregs(v);

	if (start(v, CODE_FAULT, IDT_LIMIT_FAST) != KVM_EXIT_SHUTDOWN || s->cr2 != VA_HOLE || vcpu_regs(v)->rip != VA_CODE + CODE_FAULT ||
	    s->cs.selector != SELECTOR_USER_CODE)
		return false;
	page(host, 3)[2] = (GPA + 4 * KX_PAGE) | 5;
	if (!out_of(v, run(v, false), KX_PORT) || (uint32_t)vcpu_regs(v)->rax != *(const uint32_t *)(const void *)code)
		return false;
	if (start(v, CODE_INVALID, IDT_LIMIT_FAST) != KVM_EXIT_SHUTDOWN || s->cr2 != SENTINEL || vcpu_regs(v)->rip != VA_CODE + CODE_INVALID)
		return false;
	s->idt.limit = STUB_VECTORS * 16 - 1;
	return out_of(v, run(v, false), STUB_PORT + 6) && out_of(v, start(v, CODE_TRAP, IDT_LIMIT_FAST), STUB_PORT + 3);
}

int selftest(struct vcpu *v)
{
	uint8_t *host = mmap(NULL, PAGES * KX_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region r = { .slot = MEMSLOT, .guest_phys_addr = GPA, .memory_size = PAGES * KX_PAGE,
		.userspace_addr = (uint64_t)host };
	int error = 0;

	if (host == MAP_FAILED)
		return -errno;
	build(host);
	if (ioctl(v->vm_fd, KVM_SET_USER_MEMORY_REGION, &r)) {
		error = -errno;
	} else if (!vcpu_set_lstar(v, VA_KERNEL + STUBS_AT + (STUB_VECTORS - 1) * STUB_BYTES)) {
		family.tsc_exact = tsc_is_the_hosts(v);
		family.lstar_stub = syscall_enters_at_cpl0(v);
		family.shutdown_faults = shutdown_faults_work(v, host);
		family.fast_faults = family.shutdown_faults && !family.settings->no_shutdown_faults;
		log_line("this KVM (%s): system calls enter at CPL%d, page faults by %s, TSC %s", family.kvm_kind,
			family.lstar_stub ? 0 : 3, family.shutdown_faults ? "shutdown" : "stub", family.tsc_exact ? "exact" : "offset");
	} else {
		error = -EIO;
	}
	r.memory_size = 0;
	ioctl(v->vm_fd, KVM_SET_USER_MEMORY_REGION, &r);
	munmap(host, PAGES * KX_PAGE);
	return error;
}
