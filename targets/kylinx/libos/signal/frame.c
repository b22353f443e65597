/* The frame of a handler on the application's stack, as Linux lays it out: red zone, XSAVE state on 64 bytes, return
 * address, ucontext, siginfo. And rt_sigreturn, which undoes it. */
#include "signal.h"

#define RED_ZONE 128
#define USER_CS 0x33
#define USER_SS 0x2b
#define RFLAGS_KEPT 0xcd5UL         /* status flags and DF; TF or AC would hit the LibOS on its way out */
#define RFLAGS_IF 0x202UL
#define RFLAGS_CLEARED 0x10500UL    /* a handler starts without RF, DF, TF */
#define XSAVE_LEGACY 512
#define XSAVE_HEADER 64
#define XSTATE_LEGACY_BITS 3UL      /* x87 and SSE */
#define MXCSR_MASK 0xffffU
/* A restart cannot be made by setting rip back, for the patched site is no system-call instruction. The saved context
 * shows -EINTR; these words in its reserved space say which call rt_sigreturn does again, if rip, rsp, rax are unchanged. */
#define RESTART_MAGIC 0x6b78726573746172UL

struct user_frame {
	u64 restorer;
	struct ucontext uc;
	struct kx_siginfo info;
};

static size_t state_bytes(void)
{
	return boot_info->xsave_bytes + FP_XSTATE_MAGIC2_SIZE;
}

static void *aligned(void *p)
{
	return (void *)(((u64)p + 63) & ~63UL);
}

bool on_altstack(const struct task *t, u64 rsp)
{
	u64 start = (u64)t->altstack.ss_sp;
	if (t->altstack.ss_flags & SS_AUTODISARM)
		return false;
	return rsp > start && rsp - start <= t->altstack.ss_size; /* its size is 0 when there is none */
}

static long push_fpu(u64 at)
{
	size_t bytes = state_bytes();
	void *buffer = kzalloc(bytes + 64);
	if (!buffer)
		return -EFAULT;
	struct _fpstate *fp = aligned(buffer);
	fpu_save(fp);
	*(u64 *)((char *)fp + XSAVE_LEGACY) |= XSTATE_LEGACY_BITS; /* a handler may write these registers, even if they were initial */
	fp->sw_reserved = (struct _fpx_sw_bytes){
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = (u32)bytes,
		.xfeatures = boot_info->xfeatures,
		.xstate_size = boot_info->xsave_bytes,
	};
	*(u32 *)((char *)fp + boot_info->xsave_bytes) = FP_XSTATE_MAGIC2;
	long r = copy_to_user((void *)at, fp, bytes);
	kfree(buffer);
	return r;
}

static bool will_restart(const struct kx_frame *f, const struct kx_sigaction *a)
{
	if (f->orig_rax == ~0UL)
		return false;
	return f->rax == (u64)-ERESTARTNOINTR || (f->rax == (u64)-ERESTARTSYS && (a->flags & SA_RESTART));
}

static bool restart_code(u64 rax)
{
	return rax == (u64)-ERESTARTSYS || rax == (u64)-ERESTARTNOINTR || rax == (u64)-ERESTARTNOHAND ||
		rax == (u64)-ERESTART_RESTARTBLOCK;
}

static void save_registers(struct sigcontext *c, const struct kx_frame *f, const struct kx_sigaction *a)
{
	c->r8 = f->r8, c->r9 = f->r9, c->r10 = f->r10, c->r11 = f->r11;
	c->r12 = f->r12, c->r13 = f->r13, c->r14 = f->r14, c->r15 = f->r15;
	c->rdi = f->rdi, c->rsi = f->rsi, c->rbp = f->rbp, c->rbx = f->rbx;
	c->rdx = f->rdx, c->rax = f->rax, c->rcx = f->rcx, c->rsp = f->rsp;
	c->rip = f->rip, c->eflags = f->rflags;
	c->cs = USER_CS, c->ss = USER_SS;
	if (f->vector < 32)
		c->trapno = f->vector, c->err = f->error, c->cr2 = f->cr2;
	if (f->orig_rax != ~0UL && restart_code(f->rax)) {
		c->rax = (u64)-EINTR;
		if (will_restart(f, a)) {
			c->reserved1[0] = RESTART_MAGIC;
			c->reserved1[1] = f->orig_rax;
			c->reserved1[2] = f->rip;
			c->reserved1[3] = f->rsp;
		}
	}
}

/* Where the frame goes; 0 when there is no room. */
static u64 frame_address(const struct kx_frame *f, const struct kx_sigaction *a, u64 *fpu)
{
	struct task *t = current;
	u64 sp = f->rsp - RED_ZONE, start = (u64)t->altstack.ss_sp;
	bool inside = on_altstack(t, f->rsp), enter = false;

	if ((a->flags & SA_ONSTACK) && !inside && t->altstack.ss_size) {
		sp = start + t->altstack.ss_size;
		enter = true;
	}
	*fpu = (sp - state_bytes()) & ~63UL;
	sp = ((*fpu - sizeof(struct user_frame)) & ~15UL) - 8; /* as after a call: rsp + 8 on 16 bytes */
	if ((inside || enter) && (sp <= start || sp - start > t->altstack.ss_size))
		return 0;
	return sp;
}

long frame_push(struct kx_frame *f, int signo, const struct kx_siginfo *info, const struct kx_sigaction *a, u64 mask)
{
	struct task *t = current;
	u64 fpu, sp = frame_address(f, a, &fpu);
	struct user_frame frame = {
		.restorer = a->restorer,
		.uc = {
			.uc_flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
			.uc_stack = t->altstack,
			.uc_sigmask = mask,
		},
		.info = *info,
	};

	/* without SA_RESTORER there is nothing a handler could return to */
	if (!sp || !(a->flags & SA_RESTORER))
		return -EFAULT;
	save_registers(&frame.uc.uc_mcontext, f, a);
	frame.uc.uc_mcontext.oldmask = mask;
	frame.uc.uc_mcontext.fpstate = (struct _fpstate *)fpu;
	if (!access_ok((void *)sp, sizeof frame) || push_fpu(fpu) || copy_to_user((void *)sp, &frame, sizeof frame))
		return -EFAULT;
	if (t->altstack.ss_flags & SS_AUTODISARM)
		t->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	f->rsp = sp;
	f->rip = a->handler;
	f->rdi = (u64)signo;
	f->rsi = sp + offsetof(struct user_frame, info);
	f->rdx = sp + offsetof(struct user_frame, uc);
	f->rax = 0;
	f->rflags &= ~RFLAGS_CLEARED;
	f->orig_rax = ~0UL;
	return 0;
}

/* Makes what the application left in memory safe to load: XRSTOR faults on unknown bits, and so does MXCSR. */
static void sanitise(struct _fpstate *fp, bool extended)
{
	u64 *header = (u64 *)((char *)fp + XSAVE_LEGACY);
	u64 bits = extended ? header[0] & boot_info->xfeatures : XSTATE_LEGACY_BITS;
	memset(header, 0, XSAVE_HEADER);
	header[0] = bits;
	fp->mxcsr &= MXCSR_MASK;
}

static long pop_fpu(u64 at)
{
	struct _fpx_sw_bytes sw;
	u32 magic2 = 0, bytes = boot_info->xsave_bytes;
	void *buffer = kzalloc(bytes + 64);
	if (!buffer)
		return -EFAULT;
	struct _fpstate *fp = aligned(buffer);
	long r = -EFAULT;

	if (!at) { /* no state: the initial one */
		fp->cwd = 0x37f;
		fp->mxcsr = 0x1f80;
		sanitise(fp, false);
		fpu_restore(fp);
		r = 0;
		goto out;
	}
	if (copy_from_user(&sw, (char *)at + offsetof(struct _fpstate, sw_reserved), sizeof sw))
		goto out;
	bool extended = sw.magic1 == FP_XSTATE_MAGIC1 && sw.xstate_size <= bytes && sw.xstate_size >= XSAVE_LEGACY + XSAVE_HEADER &&
		sw.extended_size == sw.xstate_size + FP_XSTATE_MAGIC2_SIZE &&
		!copy_from_user(&magic2, (char *)at + sw.xstate_size, sizeof magic2) && magic2 == FP_XSTATE_MAGIC2;
	if (copy_from_user(fp, (void *)at, extended ? sw.xstate_size : XSAVE_LEGACY))
		goto out;
	sanitise(fp, extended);
	fpu_restore(fp);
	r = 0;
out:
	kfree(buffer);
	return r;
}

static void load_registers(struct kx_frame *f, const struct sigcontext *c)
{
	f->r8 = c->r8, f->r9 = c->r9, f->r10 = c->r10, f->r11 = c->r11;
	f->r12 = c->r12, f->r13 = c->r13, f->r14 = c->r14, f->r15 = c->r15;
	f->rdi = c->rdi, f->rsi = c->rsi, f->rbp = c->rbp, f->rbx = c->rbx;
	f->rdx = c->rdx, f->rax = c->rax, f->rcx = c->rcx, f->rsp = c->rsp;
	f->rip = c->rip;
	f->rflags = (c->eflags & RFLAGS_KEPT) | RFLAGS_IF;
	f->orig_rax = ~0UL;
	f->vector = KX_VECTOR_KICK; /* not in a system call any more */
	if (c->reserved1[0] == RESTART_MAGIC && c->reserved1[2] == c->rip && c->reserved1[3] == c->rsp && c->rax == (u64)-EINTR) {
		f->orig_rax = c->reserved1[1];
		f->vector = KX_VECTOR_SYSCALL;
		f->rax = (u64)-ERESTARTNOINTR;
	}
}

/* An address no program has: popping it would fault in the LibOS's or the monitor's last instruction. */
extern const char vdso_start[] __attribute__((weak)), vdso_end[] __attribute__((weak));

/* The application's own code, to which the vdso counts; never the LibOS's. */
static bool sane_rip(u64 rip)
{
	return access_ok((void *)rip, 1) || (rip >= (u64)vdso_start && rip < (u64)vdso_end);
}

long sys_rt_sigreturn(void)
{
	struct task *t = current;
	struct kx_frame *f = t->frame;
	struct ucontext uc;

	if (copy_from_user(&uc, (char *)f->rsp - 8 + offsetof(struct user_frame, uc), sizeof uc) || !sane_rip(uc.uc_mcontext.rip) ||
		pop_fpu((u64)uc.uc_mcontext.fpstate)) {
		signal_fault(f, SIGSEGV, SI_KERNEL, 0);
		f->orig_rax = ~0UL;
		return 0;
	}
	lock(&t->proc->siglock);
	t->blocked = uc.uc_sigmask & ~SIGSET_UNBLOCKABLE;
	unlock(&t->proc->siglock);
	load_registers(f, &uc.uc_mcontext);
	if (!on_altstack(t, f->rsp) && !(uc.uc_stack.ss_flags & ~(SS_ONSTACK | SS_DISABLE | (int)SS_AUTODISARM)))
		t->altstack = (stack_t){ uc.uc_stack.ss_sp, uc.uc_stack.ss_flags & ~SS_ONSTACK, uc.uc_stack.ss_size };
	signal_check_self();
	return_to_user(f);
}

long sys_sigaltstack(const stack_t __user *new, stack_t __user *old)
{
	struct task *t = current;
	u64 rsp = t->frame->rsp;
	stack_t s, before = t->altstack;
	bool inside = on_altstack(t, rsp);

	if (new && get_user(s, new))
		return -EFAULT;
	if (new) {
		int mode = s.ss_flags & ~(int)SS_AUTODISARM;
		if (inside)
			return -EPERM;
		if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
			return -EINVAL;
		if (mode == SS_DISABLE)
			s = (stack_t){ .ss_flags = s.ss_flags };
		else if (s.ss_size < MINSIGSTKSZ)
			return -ENOMEM;
		t->altstack = s;
		t->altstack.ss_flags = mode == SS_DISABLE ? s.ss_flags : s.ss_flags & ~SS_ONSTACK;
	}
	if (old) {
		if (inside)
			before.ss_flags |= SS_ONSTACK;
		memset((char *)&before + offsetof(stack_t, ss_flags) + sizeof before.ss_flags, 0, 4);
		return copy_to_user(old, &before, sizeof before);
	}
	return 0;
}
