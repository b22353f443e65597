/* Signals that instructions cause. */
#include "signals.h"

#define GROUP "signals"

static int fault_code;
static void *fault_address;
static long fault_trap;
static void on_fault(int signo, siginfo_t *i, void *context)
{
	fault_code = i->si_code;
	fault_address = i->si_addr;
	fault_trap = ((ucontext_t *)context)->uc_mcontext.gregs[REG_TRAPNO];
	siglongjmp(back, signo);
}

static void catch_fault(int signo)
{
	struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	OK(sigaction(signo, &a, NULL));
}

CASE(rt_sigaction, "SIGSEGV: code, address and trap number")
{
	catch_fault(SIGSEGV);
	if (!sigsetjmp(back, 1))
		*(volatile int *)0x1234 = 1;
	EQ(fault_code, SEGV_MAPERR);
	EQ((long)fault_address, 0x1234);
	EQ(fault_trap, 14);
	if (!sigsetjmp(back, 1))
		*(volatile int *)0x8000000000000000 = 1;
	EQ(fault_code, SI_KERNEL);
	EQ(fault_trap, 13);
}

CASE(rt_sigaction, "SIGSEGV at the LibOS's and the kernel's addresses")
{
	catch_fault(SIGSEGV);
	for (void *const *p = bad_pointers; *p; p++) {
		if (*p == (void *)0x800000000000)
			continue; /* not canonical: another fault */
		if (sigsetjmp(back, 1) == 0) {
			*(volatile char *)0x11 = 0;
			FAIL("no fault");
		}
	}
	if (!sigsetjmp(back, 1))
		(void)*(volatile char *)0xffff888000000000;
	CHECK(fault_code == SEGV_MAPERR || fault_code == SEGV_ACCERR);
}

CASE(rt_sigaction, "SIGFPE: integer division by zero, FPE_INTDIV, at the instruction")
{
	catch_fault(SIGFPE);
	if (!sigsetjmp(back, 1)) {
		int zero = 0, r;
		__asm__ volatile("cltd; idivl %2" : "=a"(r) : "0"(1), "r"(zero) : "edx");
		FAIL("no fault");
	}
	EQ(fault_code, FPE_INTDIV);
	CHECK(fault_address != NULL);
	EQ(fault_trap, 0);
}

CASE(rt_sigaction, "SIGFPE: an unmasked SSE exception, FPE_FLTDIV")
{
	catch_fault(SIGFPE);
	if (!sigsetjmp(back, 1)) {
		unsigned csr = 0x1f80 & ~0x200U;
		volatile double zero = 0, r;
		__asm__ volatile("ldmxcsr %0" : : "m"(csr));
		r = 1 / zero;
		(void)r;
		FAIL("no fault");
	}
	EQ(fault_code, FPE_FLTDIV);
	EQ(fault_trap, 19);
}

CASE(rt_sigaction, "SIGILL: ud2, ILL_ILLOPN")
{
	catch_fault(SIGILL);
	if (!sigsetjmp(back, 1)) {
		__asm__ volatile("ud2");
		FAIL("no fault");
	}
	EQ(fault_code, ILL_ILLOPN);
	EQ(fault_trap, 6);
}

CASE(rt_sigaction, "SIGTRAP: int3")
{
	catch_fault(SIGTRAP);
	if (!sigsetjmp(back, 1)) {
		__asm__ volatile("int3");
		FAIL("no fault");
	}
	EQ(fault_code, SI_KERNEL);
	EQ(fault_trap, 3);
}

CASE(rt_sigaction, "a privileged instruction: SIGSEGV")
{
	catch_fault(SIGSEGV);
	if (!sigsetjmp(back, 1)) {
		__asm__ volatile("hlt");
		FAIL("no fault");
	}
	EQ(fault_code, SI_KERNEL);
	EQ(fault_trap, 13);
}

CASE(rt_sigaction, "a fault whose signal is ignored or blocked kills")
{
	CHILD(pid) {
		signal(SIGSEGV, SIG_IGN);
		*(volatile int *)8 = 1;
	}
	child_killed(pid, SIGSEGV);
	CHILD(second) {
		on_signal(SIGSEGV, count, 0);
		block(SIGSEGV);
		*(volatile int *)8 = 1;
	}
	child_killed(second, SIGSEGV);
	CHILD(third) {
		block(SIGFPE);
		int zero = 0, r;
		__asm__ volatile("cltd; idivl %2" : "=a"(r) : "0"(1), "r"(zero) : "edx");
	}
	child_killed(third, SIGFPE);
}
