/* Trials on instructions that are not an application's, and on segment bases and flags that the LibOS relies on. */
#include "hostile.h"
#include <sys/syscall.h>

#define FORBIDDEN(name, text) static void i_##name(void) { __asm__ volatile(text : : "a"(0ul), "c"(0ul), "d"(0ul), "D"(on_stack()) : "memory"); }
static uint64_t scratch[16];
static uint64_t on_stack(void) { return (uint64_t)scratch; }

FORBIDDEN(cli, "cli")
FORBIDDEN(sti, "sti")
FORBIDDEN(hlt, "hlt")
FORBIDDEN(read_cr0, "mov %%cr0, %%rax")
FORBIDDEN(write_cr0, "mov %%rax, %%cr0")
FORBIDDEN(read_cr3, "mov %%cr3, %%rax")
FORBIDDEN(write_cr3, "mov %%rax, %%cr3")
FORBIDDEN(write_cr4, "mov %%rax, %%cr4")
FORBIDDEN(write_cr8, "mov %%rax, %%cr8")
FORBIDDEN(read_dr7, "mov %%dr7, %%rax")
FORBIDDEN(write_dr7, "mov %%rax, %%dr7")
FORBIDDEN(rdmsr, "mov $0xc0000080, %%ecx\n\trdmsr")
FORBIDDEN(wrmsr, "mov $0xc0000082, %%ecx\n\twrmsr")
FORBIDDEN(lgdt, "lgdt (%%rdi)")
FORBIDDEN(lidt, "lidt (%%rdi)")
FORBIDDEN(lldt, "lldt %%ax")
FORBIDDEN(ltr, "mov $0x40, %%eax\n\tltr %%ax")
FORBIDDEN(lmsw, "lmsw %%ax")
FORBIDDEN(clts, "clts")
FORBIDDEN(invd, "invd")
FORBIDDEN(wbinvd, "wbinvd")
FORBIDDEN(invlpg, "invlpg (%%rdi)")
FORBIDDEN(invpcid, "invpcid (%%rdi), %%rax")
FORBIDDEN(swapgs, "swapgs")
FORBIDDEN(sysret, "sysretq")
FORBIDDEN(sysexit, "sysexitq")
FORBIDDEN(xsetbv, "xsetbv")
FORBIDDEN(rsm, "rsm")
FORBIDDEN(ud2, "ud2")
FORBIDDEN(in_60, "in $0x60, %%al")
FORBIDDEN(out_60, "out %%al, $0x60")
FORBIDDEN(out_80, "out %%al, $0x80")
FORBIDDEN(out_stub, "out %%al, $0xa0")
FORBIDDEN(out_stub_14, "out %%al, $0xae")
FORBIDDEN(out_dx, "mov $0x3f8, %%edx\n\tout %%al, (%%dx)")
FORBIDDEN(out_last, "mov $0xffff, %%edx\n\tout %%al, (%%dx)")
FORBIDDEN(out_wide, "out %%eax, $0x4b")
FORBIDDEN(out_before, "out %%ax, $0x4a")
FORBIDDEN(outs_string, "mov $0x4b, %%edx\n\tmov %%rdi, %%rsi\n\tmov $4, %%ecx\n\trep outsb")
FORBIDDEN(far_call, "push $0x10\n\tpush $0\n\tlretq")
FORBIDDEN(load_ss, "mov $0x18, %%eax\n\tmov %%eax, %%ss")
FORBIDDEN(load_ds, "mov $0x18, %%eax\n\tmov %%eax, %%ds")
FORBIDDEN(load_tss, "mov $0x40, %%eax\n\tmov %%eax, %%gs")
FORBIDDEN(iret_kernel, "mov %%rsp, %%rax\n\tpush $0x18\n\tpush %%rax\n\tpush $2\n\tpush $0x10\n\tpush %%rdi\n\tiretq")
FORBIDDEN(iret_garbage, "push $0x7777\n\tpush $0x1234\n\tpush $-1\n\tpush $0x5555\n\tpush $1\n\tiretq")
FORBIDDEN(monitor_wait, "monitor\n\tmwait")

static const struct { const char *name; void (*run)(void); } forbidden[] = {
#define F(name) { #name, i_##name }
	F(cli), F(sti), F(hlt), F(read_cr0), F(write_cr0), F(read_cr3), F(write_cr3), F(write_cr4), F(write_cr8), F(read_dr7), F(write_dr7),
	F(rdmsr), F(wrmsr), F(lgdt), F(lidt), F(lldt), F(ltr), F(lmsw), F(clts), F(invd), F(wbinvd), F(invlpg), F(invpcid), F(swapgs),
	F(sysret), F(sysexit), F(xsetbv), F(rsm), F(ud2), F(in_60), F(out_60), F(out_80), F(out_stub), F(out_stub_14), F(out_dx), F(out_last),
	F(out_wide), F(out_before), F(outs_string), F(far_call), F(load_ss), F(load_ds), F(load_tss), F(iret_kernel), F(iret_garbage),
	F(monitor_wait),
};

TRIAL(forbidden, "instructions-forbidden")
{
	for (unsigned i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		int status = fate(forbidden[i].run);

		if (!died(status, SIGSEGV) && !died(status, SIGILL) && !died(status, SIGBUS) && !died(status, SIGKILL))
			fail("%s: status %x", forbidden[i].name, status);
	}
}

static void interrupt(uint64_t vector)
{
	uint8_t *code = pages(PAGE);
	const uint8_t text[] = { 0xcd, (uint8_t)vector, 0xb8, 7, 0, 0, 0, 0xc3 };

	memcpy(code, text, sizeof text);
	CHECK(!mprotect(code, PAGE, PROT_READ | PROT_EXEC));
	((int (*)(void))code)();
}

/* A software KVM may take one for an illegal instruction, or pass it over; an exception's handler is never entered by it. */
TRIAL(interrupts, "instructions-int-n")
{
	for (uint64_t vector = 0; vector < 256; vector++) {
		int status = fate_with(interrupt, vector);

		if (status && !died(status, SIGSEGV) && !died(status, SIGILL) && !died(status, SIGKILL) && !(vector <= 4 && died(status, SIGTRAP)))
			fail("int %llu: status %x", (unsigned long long)vector, status);
	}
}

/* ---- What is allowed to fail or to work, as long as it stays in the pVM ---- */

static void gs_to(uint64_t value)
{
	__asm__ volatile("wrgsbase %0" : : "r"(value));
}

static void gs_then_call(uint64_t value)
{
	gs_to(value);
	syscall(SYS_getpid);
	write(1, "", 0);
}

static void gs_then_fault(uint64_t value)
{
	gs_to(value);
	*(volatile int *)8 = 1;
}

static void gs_then_touch(uint64_t value) /* resolved by the monitor without the LibOS, then on to the end */
{
	volatile uint8_t *p = pages(64 * PAGE);

	gs_to(value);
	for (int i = 0; i < 64; i++)
		p[i * PAGE] = 1;
	_exit(0);
}

static void gs_then_run(uint64_t value) /* until a kick finds it so */
{
	alarm(1);
	gs_to(value);
	for (;;)
		;
}

static void fs_then_call(uint64_t value)
{
	__asm__ volatile("wrfsbase %0" : : "r"(value));
	syscall(SYS_getppid);
	_exit(0);
}

static void gs_by_selector(uint64_t selector)
{
	__asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)selector));
	syscall(SYS_getpid);
}

static uint8_t *fake_area(void)
{
	uint8_t *p = pages(16 * PAGE);

	for (size_t i = 0; i < PAGE; i += 8)
		*(uint64_t *)(p + i) = (uint64_t)p + 8 * PAGE;
	return p;
}

TRIAL(bases, "segment-bases")
{
	const uint64_t values[] = { 0, 1, 0x10000, 0x7fffffffffff, KX_VA_KERNEL, KX_VA_TEXT, KX_VA_BOOT, KX_VA_IMAGE, KX_VA_COMMONS + KX_COMMONS_MAX - 8,
		KX_VA_VCPUS + (uint64_t)(KX_MAX_SLOTS - 1) * KX_VCPU_STRIDE, (uint64_t)fake_area(), (uint64_t)scratch, 0xffff800000000000,
		0x800000000000, ~0ul };
	void (*const ways[])(uint64_t) = { gs_then_call, gs_then_fault, gs_then_touch, fs_then_call };

	may_be_stuck = true;
	patience_ns = 400000000;
	for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
		for (unsigned w = 0; w < 4; w++)
			if (fate_with(ways[w], values[i]) < 0)
				printf("way %u with base %llx does not end\n", w, (unsigned long long)values[i]);
	patience_ns = 3000000000;
	fate_with(gs_then_run, 0x10000);
	patience_ns = 30000000000;
	for (uint64_t selector = 0; selector < 0x60; selector++)
		CHECK(fate_with(gs_by_selector, selector) >= 0);
	printf("%u stuck\n", stuck);
}

static void flags_then_call(uint64_t flags)
{
	__asm__ volatile("push %0\n\tpopfq\n\tmov $39, %%eax\n\tsyscall" : : "r"(flags) : "rax", "rcx", "r11", "memory", "cc");
	__asm__ volatile("push %0\n\tpopfq" : : "r"(flags) : "memory", "cc");
	syscall(SYS_getpid);
	*(volatile uint8_t *)pages(PAGE) = 1;
	__asm__ volatile("push $2\n\tpopfq" : : : "memory", "cc");
	syscall(SYS_exit_group, 0);
}

static void return_with_flags(uint64_t flags)
{
	__asm__ volatile("mov %%rsp, %%rax\n\tpush $0x2b\n\tpush %%rax\n\tpush %0\n\tpush $0x33\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tiretq\n1:"
		: : "r"(flags) : "rax", "memory", "cc");
	syscall(SYS_getpid);
	__asm__ volatile("push $2\n\tpopfq" : : : "memory", "cc");
	syscall(SYS_exit_group, 0);
}

TRIAL(flags, "flags")
{
	for (unsigned bit = 0; bit < 24; bit++) {
		CHECK(fate_with(flags_then_call, 2 | 1ul << bit) != GONE);
		CHECK(fate_with(return_with_flags, 2 | 1ul << bit) != GONE);
	}
	CHECK(fate_with(flags_then_call, 0xffffff & ~0x100ul) != GONE);
	CHECK(fate_with(return_with_flags, ~0ul) != GONE);
}

/* ---- System calls from odd places ---- */

static void syscall_with_stack(uint64_t stack)
{
	__asm__ volatile("mov %0, %%rsp\n\tmov $39, %%eax\n\tsyscall\n\tmov $231, %%eax\n\txor %%edi, %%edi\n\tsyscall" : : "r"(stack) : "rax", "rcx", "r11", "memory");
}

static void syscall_at_the_end(uint64_t last)
{
	uint8_t *p = pages(2 * PAGE);

	CHECK(!munmap(p + PAGE, PAGE));
	p[PAGE - 2] = 0x0f;
	p[PAGE - 1] = 0x05;
	CHECK(!mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	__asm__ volatile("jmp *%1" : : "a"(last), "r"(p + PAGE - 2), "D"(0) : "rcx", "r11", "memory");
}

static void into_the_libos(uint64_t offset)
{
	__asm__ volatile("xor %%eax, %%eax\n\txor %%ebx, %%ebx\n\tmov %%rax, %%rcx\n\tjmp *%0" : : "r"(KX_VA_TEXT + offset) : "rax", "rbx", "rcx", "memory");
}

static void other_entries(uint64_t which)
{
	switch (which) {
	case 0: __asm__ volatile("vmcall" : : "a"(0ul) : "memory"); break;
	case 1: __asm__ volatile("vmmcall" : : "a"(0ul) : "memory"); break;
	case 2: __asm__ volatile("vmcall" : : "a"(5ul), "b"(1ul), "c"(0ul) : "memory"); break; /* KVM_HC_KICK_CPU */
	case 3: __asm__ volatile("sysenter" : : "a"(39ul) : "rcx", "memory"); break;
	case 4: __asm__ volatile("int $0x80" : : "a"(20ul) : "memory"); break;
	case 5: __asm__ volatile("xor %%ecx, %%ecx\n\txgetbv" : : : "rax", "rcx", "rdx"); break;
	case 6: __asm__ volatile("cpuid" : : "a"(0x40000000ul) : "rbx", "rcx", "rdx"); break;
	case 7: __asm__ volatile("sgdt (%0)\n\tsidt (%0)\n\tsmsw %%ax\n\tstr %%ax" : : "r"(scratch) : "rax", "memory"); break;
	case 8: __asm__ volatile("int1" : : : "memory"); break;
	case 9: __asm__ volatile("int3" : : : "memory"); break;
	case 10: __asm__ volatile("rdpmc" : : "c"(0) : "rax", "rdx"); break;
	case 11: __asm__ volatile("mov $0x2b, %%eax\n\tmov %%eax, %%ds\n\tmov %%eax, %%es\n\tmov %%eax, %%fs\n\tmov %%eax, %%ss" : : : "rax", "memory"); break;
	default: __asm__ volatile("xor %%edx, %%edx\n\tdivl %%edx" : : "a"(1) : "rdx", "cc"); break;
	}
}

TRIAL(entries, "odd-entries")
{
	const uint64_t stacks[] = { 0, 8, 0x10000, 0x7fffffffffff, KX_VA_KERNEL + 0x1000, KX_VA_TEXT, KX_VA_BOOT + 64, 0x800000000000, ~0ul, 0xffff800000001000 };

	for (unsigned i = 0; i < sizeof stacks / sizeof *stacks; i++)
		CHECK(fate_with(syscall_with_stack, stacks[i]) != GONE);
	CHECK(fate_with(syscall_at_the_end, 39) != GONE);
	CHECK(fate_with(syscall_at_the_end, 231) == 0);
	for (uint64_t which = 0; which < 13; which++)
		if (fate_with(other_entries, which) == GONE)
			fail("entry %llu does not end", (unsigned long long)which);
}

/* A jump into the middle of the LibOS is the pVM's own harm, at worst the family's: never the monitor's. In a family of its own. */
TRIAL(inside, "jumps-into-the-libos")
{
	uint64_t bytes = libos()->text_end - KX_VA_TEXT;

	may_be_stuck = true;
	patience_ns = 200000000;
	for (int i = 0; i < 100 && stuck < 8; i++)
		fate_with(into_the_libos, draw() % bytes);
}
