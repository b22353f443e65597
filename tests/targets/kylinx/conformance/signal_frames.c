/* What a handler finds on its stack, and the return from it; alternative stacks. */
#include "signals.h"

#define GROUP "signals"

CALL(rt_sigreturn, "");
CALL(sigaltstack, "SS_DISABLE SS_ONSTACK SS_AUTODISARM");

static void use_alt(int flags)
{
	alt = OK(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	stack_t s = { .ss_sp = alt, .ss_size = 65536, .ss_flags = flags };
	OK(sigaltstack(&s, NULL));
}

CASE(sigaltstack, "SA_ONSTACK uses it, other handlers do not")
{
	use_alt(0);
	on_signal(SIGUSR1, note_stack, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK(on_alt);
	on_signal(SIGUSR1, note_stack, 0);
	OK(raise(SIGUSR1));
	CHECK(!on_alt);
}

static int overflow(volatile char *above)
{
	volatile char here[4096];
	here[0] = above ? above[0] : 0;
	return overflow(here) + here[1];
}

CASE(sigaltstack, "a stack overflow is handled on it")
{
	struct rlimit r = { 1 << 20, 1 << 20 };
	OK(setrlimit(RLIMIT_STACK, &r));
	CHILD(pid) {
		use_alt(0);
		on_signal(SIGSEGV, jump_back, SA_ONSTACK);
		if (!sigsetjmp(back, 1))
			overflow(NULL);
		CHECK(on_alt);
		EQ(handled, 1);
	}
	child_ok(pid);
}

static stack_t seen;
static volatile int change_error;
static void look_at_alt(int signo)
{
	stack_t other = { .ss_flags = SS_DISABLE };
	(void)signo;
	sigaltstack(NULL, &seen);
	change_error = sigaltstack(&other, NULL) < 0 ? errno : 0;
}

CASE(sigaltstack, "asked for inside: SS_ONSTACK, and it cannot be changed: EPERM")
{
	use_alt(0);
	on_signal(SIGUSR1, look_at_alt, SA_ONSTACK);
	OK(raise(SIGUSR1));
	EQ(seen.ss_flags, SS_ONSTACK);
	CHECK(seen.ss_sp == alt);
	EQ(change_error, EPERM);
	OK(sigaltstack(NULL, &seen));
	EQ(seen.ss_flags, 0);
}

CASE(sigaltstack, "SS_AUTODISARM: off inside, back afterwards")
{
	use_alt((int)(1U << 31));
	on_signal(SIGUSR1, look_at_alt, SA_ONSTACK);
	OK(raise(SIGUSR1));
	EQ(seen.ss_flags, SS_DISABLE);
	EQ(change_error, 0);
	OK(sigaltstack(NULL, &seen));
	CHECK(seen.ss_sp == alt);
}

CASE(sigaltstack, "none at first; too small: ENOMEM; flags: EINVAL; bad address: EFAULT; a child has the same, after exec none")
{
	stack_t s;
	OK(sigaltstack(NULL, &s));
	EQ(s.ss_flags, SS_DISABLE);
	s = (stack_t){ .ss_sp = &s, .ss_size = 100 };
	ERR(sigaltstack(&s, NULL), ENOMEM);
	s = (stack_t){ .ss_sp = &s, .ss_size = 100000, .ss_flags = 64 };
	ERR(sigaltstack(&s, NULL), EINVAL);
	EACH_BAD(bad) {
		ERR(sigaltstack(bad, NULL), EFAULT);
		ERR(sigaltstack(NULL, bad), EFAULT);
	}
	use_alt(0);
	CHILD(pid) {
		OK(sigaltstack(NULL, &s));
		CHECK(s.ss_sp == alt);
	}
	child_ok(pid);
}

CASE(sigaltstack, "a handler's stack that is not writable: SIGSEGV")
{
	CHILD(pid) {
		stack_t s = { .ss_sp = read_only_page(), .ss_size = 4096 };
		OK(sigaltstack(&s, NULL));
		on_signal(SIGUSR1, count, SA_ONSTACK);
		raise(SIGUSR1);
	}
	child_killed(pid, SIGSEGV);
}

static char *guarded;
static void make_writable(int signo, siginfo_t *i, void *context)
{
	(void)signo, (void)context;
	handled++;
	if (i->si_addr != guarded || mprotect(guarded, 4096, PROT_READ | PROT_WRITE) < 0)
		_exit(3);
}

CASE(rt_sigreturn, "after a fault that the handler mended, the instruction is done again")
{
	struct sigaction a = { .sa_sigaction = make_writable, .sa_flags = SA_SIGINFO };
	OK(sigaction(SIGSEGV, &a, NULL));
	guarded = read_only_page();
	*(volatile char *)guarded = 5;
	EQ(*guarded, 5);
	EQ(handled, 1);
}

static void skip(int signo, siginfo_t *i, void *context)
{
	ucontext_t *u = context;
	(void)signo, (void)i;
	u->uc_mcontext.gregs[REG_RIP] += 2;
	u->uc_mcontext.gregs[REG_RBX] = 4711;
	sigaddset(&u->uc_sigmask, SIGUSR2);
}

CASE(rt_sigreturn, "takes registers and mask from the context as the handler left them")
{
	struct sigaction a = { .sa_sigaction = skip, .sa_flags = SA_SIGINFO };
	long rbx = 1;
	OK(sigaction(SIGILL, &a, NULL));
	__asm__ volatile("ud2" : "+b"(rbx));
	EQ(rbx, 4711);
	CHECK(blocked(SIGUSR2));
}

static void spoil_registers(int signo)
{
	(void)signo;
	handled++;
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15; fninit; xor %%r12d, %%r12d; xor %%r8d, %%r8d; xor %%ebx, %%ebx"
		::: "xmm0", "xmm7", "xmm15", "r12", "r8", "rbx");
}

CASE(rt_sigreturn, "keeps general and vector registers of a computation, flags and the red zone")
{
	volatile int *done = &handled;
	unsigned long in[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, out[2] = { 0, 0 }, r12, r8, red, carry;
	struct itimerval t = { .it_value = { 0, 5000 } };
	on_signal(SIGALRM, spoil_registers, 0);
	OK(setitimer(ITIMER_REAL, &t, NULL));
	__asm__ volatile(
		"movdqu (%[in]), %%xmm7\n movq $0x1234567, %%r12\n movq $0x7654321, %%r8\n movq $0x5a5a5a5a, -64(%%rsp)\n"
		"1: stc\n setc %%r11b\n cmpl $0, (%[done])\n je 1b\n"
		"movdqu %%xmm7, (%[out])\n mov %%r12, %[r12]\n mov %%r8, %[r8]\n mov -64(%%rsp), %[red]\n movzbq %%r11b, %[carry]\n"
		: [r12] "=&m"(r12), [r8] "=&m"(r8), [red] "=&a"(red), [carry] "=&d"(carry)
		: [in] "r"(in), [out] "r"(out), [done] "r"(done) : "r12", "r8", "r11", "xmm7", "memory", "cc");
	EQ(out[0], in[0]);
	EQ(out[1], in[1]);
	EQ(r12, 0x1234567);
	EQ(r8, 0x7654321);
	EQ(red, 0x5a5a5a5a);
	EQ(carry, 1);
}

static uint32_t magic1, magic2, extended;
static bool fp_aligned, stack_aligned;
static void look_at_frame(int signo, siginfo_t *i, void *context)
{
	ucontext_t *u = context;
	char *fp = (char *)u->uc_mcontext.fpregs;
	(void)signo, (void)i;
	memcpy(&magic1, fp + 464, 4);
	memcpy(&extended, fp + 468, 4);
	memcpy(&magic2, fp + extended - 4, 4);
	fp_aligned = ((unsigned long)fp & 63) == 0;
	stack_aligned = ((unsigned long)__builtin_frame_address(0) & 15) == 0;
	handled++;
}

CASE(rt_sigreturn, "the frame: extended state with both magic words, on 64 bytes; the stack as after a call")
{
	struct sigaction a = { .sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO };
	OK(sigaction(SIGUSR1, &a, NULL));
	OK(raise(SIGUSR1));
	EQ(magic1, 0x46505853);
	EQ(magic2, 0x46505845);
	CHECK(fp_aligned);
	CHECK(stack_aligned);
}

static uint64_t changed[2] = { 0xdead, 0xbeef };
static void change_vector(int signo, siginfo_t *i, void *context)
{
	char *fp = (char *)((ucontext_t *)context)->uc_mcontext.fpregs;
	(void)signo, (void)i;
	memcpy(fp + 160 + 7 * 16, changed, 16);
	handled++;
}

CASE(rt_sigreturn, "takes vector registers from the frame")
{
	struct sigaction a = { .sa_sigaction = change_vector, .sa_flags = SA_SIGINFO };
	uint64_t got[2];
	OK(sigaction(SIGUSR1, &a, NULL));
	__asm__ volatile("pxor %%xmm7, %%xmm7\n mov %[nr], %%eax\n syscall\n movdqu %%xmm7, (%[got])"
		: : [nr] "i"(SYS_tkill), "D"((long)gettid()), "S"((long)SIGUSR1), [got] "r"(got)
		: "rax", "rcx", "r11", "xmm7", "memory");
	EQ(handled, 1);
	EQ(got[0], 0xdead);
	EQ(got[1], 0xbeef);
}

static void jump_out(int signo) { siglongjmp(back, signo); }

CASE(rt_sigreturn, "siglongjmp out of a handler instead, a thousand times")
{
	volatile int n = 0;
	on_signal(SIGUSR1, jump_out, 0);
	while (n < 1000) {
		if (sigsetjmp(back, 1)) {
			n++;
			continue;
		}
		raise(SIGUSR1);
		FAIL("came back");
	}
	CHECK(!blocked(SIGUSR1));
}

CASE(rt_sigreturn, "a forged frame with a wild stack or address kills, or faults, and nothing else")
{
	CHILD(pid) {
		__asm__ volatile("mov $16, %%rsp\n mov %0, %%eax\n syscall" : : "i"(SYS_rt_sigreturn));
	}
	child_killed(pid, SIGSEGV);
}
