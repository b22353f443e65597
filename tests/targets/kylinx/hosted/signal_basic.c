/* Signals between hosted pVMs: queues, waiting, timers, frames on the application's stack, random calls; nothing leaks. */
#include "hosted.h"
#include "../../../../targets/kylinx/libos/signal/signal.h"

long sys_rt_sigaction(int, const struct kx_sigaction *, struct kx_sigaction *, size_t);
long sys_rt_sigprocmask(int, const u64 *, u64 *, size_t);
long sys_rt_sigpending(u64 *, size_t);
long sys_rt_sigtimedwait(const u64 *, struct kx_siginfo *, const struct __kernel_timespec *, size_t);
long sys_rt_sigqueueinfo(int, int, const struct kx_siginfo *);
long sys_sigaltstack(const stack_t *, stack_t *);
long sys_kill(int, int);
long sys_timer_create(int, struct sigevent *, u32 *);
long sys_timer_settime(u32, int, const struct __kernel_itimerspec *, struct __kernel_itimerspec *);
long sys_timer_gettime(u32, struct __kernel_itimerspec *);
long sys_timer_delete(u32);
long sys_setitimer(int, const void *, void *);
long sys_mmap(u64, u64, u64, u64, int, u64);
long sys_munmap(u64, u64);

static void mask(int how, u64 set)
{
	CHECK_EQ(sys_rt_sigprocmask(how, &set, NULL, 8), 0);
}

static void dispose(int signo, u64 handler)
{
	struct kx_sigaction a = { .handler = handler, .flags = SA_RESTORER, .restorer = 0x1000 };
	CHECK_EQ(sys_rt_sigaction(signo, &a, NULL, 8), 0);
}

static long take(u64 set, struct kx_siginfo *info)
{
	struct __kernel_timespec none = { 0, 0 };
	return sys_rt_sigtimedwait(&set, info, &none, 8);
}

static long queue(int signo, int value)
{
	struct kx_siginfo info = siginfo_of(signo, SI_QUEUE);
	info.a[1] = (u64)value;
	return sys_rt_sigqueueinfo((int)current->proc->pid, signo, &info);
}

static void test_queue(void)
{
	const u64 set = SIGSET(40) | SIGSET(41) | SIGSET(SIGUSR1);
	struct kx_siginfo info;
	u64 pending;

	mask(SIG_BLOCK, set);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(queue(41, i), 0);
		CHECK_EQ(sys_kill((int)current->proc->pid, SIGUSR1), 0);
	}
	CHECK_EQ(queue(40, 9), 0);
	CHECK_EQ(sys_rt_sigpending(&pending, 8), 0);
	CHECK_EQ(pending, set);
	CHECK_EQ(take(set, &info), SIGUSR1);
	CHECK_EQ(take(set, &info), 40);
	for (u64 i = 0; i < 3; i++) {
		CHECK_EQ(take(set, &info), 41);
		CHECK_EQ(info.a[1], i);
	}
	CHECK_EQ(take(set, &info), -EAGAIN);
	CHECK_EQ(current->proc->queued_signals, 0);
	current->proc->rlimit[RLIMIT_SIGPENDING].rlim_cur = 4;
	for (int i = 0; i < 4; i++)
		CHECK_EQ(queue(40, i), 0);
	CHECK_EQ(queue(40, 4), -EAGAIN);
	dispose(40, HANDLER_IGNORE); /* forgets them */
	CHECK_EQ(take(set, &info), -EAGAIN);
	dispose(40, HANDLER_DEFAULT);
	current->proc->rlimit[RLIMIT_SIGPENDING].rlim_cur = 1000;
	mask(SIG_UNBLOCK, set);
}

static struct proc *other_side;
static u32 rounds;

static void echo(void *arg)
{
	struct proc *to = arg;
	const u64 set = SIGSET(SIGUSR1);
	mask(SIG_BLOCK, set);
	__atomic_store_n(&other_side, current->proc, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < rounds; i++) {
		CHECK_EQ(sys_rt_sigtimedwait(&set, NULL, NULL, 8), SIGUSR1);
		CHECK_EQ(sys_kill((int)to->pid, SIGUSR2), 0);
	}
}

static void test_between_pvms(void)
{
	const u64 set = SIGSET(SIGUSR2);
	rounds = 5000;
	other_side = NULL;
	mask(SIG_BLOCK, set);
	hosted_pvm(echo, current->proc);
	while (!__atomic_load_n(&other_side, __ATOMIC_SEQ_CST))
		hosted_sleep(100000);
	for (u32 i = 0; i < rounds; i++) {
		CHECK_EQ(sys_kill((int)other_side->pid, SIGUSR1), 0);
		CHECK_EQ(sys_rt_sigtimedwait(&set, NULL, NULL, 8), SIGUSR2);
	}
	hosted_join();
	mask(SIG_UNBLOCK, set);
}

static u32 senders;

static void send_many(void *arg)
{
	struct proc *to = arg;
	for (int i = 0; i < 2000; i++) {
		struct kx_siginfo info = siginfo_of(42, SI_QUEUE);
		info.a[1] = (u64)i;
		long r;
		while ((r = sys_rt_sigqueueinfo((int)to->pid, 42, &info)) == -EAGAIN)
			task_yield();
		CHECK_EQ(r, 0);
	}
	__atomic_sub_fetch(&senders, 1, __ATOMIC_SEQ_CST);
}

static void test_many_senders(void)
{
	const u64 set = SIGSET(42);
	u64 sum = 0;
	mask(SIG_BLOCK, set);
	senders = 3;
	for (int i = 0; i < 3; i++)
		hosted_pvm(send_many, current->proc);
	for (int i = 0; i < 6000; i++) {
		struct kx_siginfo info;
		CHECK_EQ(sys_rt_sigtimedwait(&set, &info, NULL, 8), 42);
		sum += info.a[1];
	}
	CHECK_EQ(sum, 3ul * 1999 * 2000 / 2);
	hosted_join();
	CHECK_EQ(current->proc->queued_signals, 0);
	mask(SIG_UNBLOCK, set);
}

static void test_timers(void)
{
	const u64 set = SIGSET(43);
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 43, .sigev_value.sival_int = 5 };
	struct __kernel_itimerspec t = { { 0, 1000000 }, { 0, 1000000 } };
	struct kx_siginfo info;
	u32 id;

	mask(SIG_BLOCK, set);
	CHECK_EQ(sys_timer_create(CLOCK_MONOTONIC, &e, &id), 0);
	CHECK_EQ(sys_timer_settime(id, 0, &t, NULL), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(sys_rt_sigtimedwait(&set, &info, NULL, 8), 43);
		CHECK_EQ(info.code, SI_TIMER);
		CHECK_EQ((u32)info.a[0], id);
		CHECK_EQ((u32)info.a[1], 5);
	}
	hosted_sleep(20000000);
	CHECK_EQ(sys_rt_sigtimedwait(&set, &info, NULL, 8), 43);
	CHECK(info.a[0] >> 32 >= 10); /* overruns */
	hosted_sleep(3000000);
	CHECK(signal_pending_set(current) & set);
	CHECK_EQ(sys_timer_delete(id), 0); /* with its signal */
	CHECK(!(signal_pending_set(current) & set));
	mask(SIG_UNBLOCK, set);
}

static u64 application_page(u64 prot)
{
	long p = sys_mmap(0, 4 * KX_PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p > 0);
	return (u64)p;
}

static void test_frames(void)
{
	u64 page = application_page(PROT_READ | PROT_WRITE);
	struct kx_sigaction a = { .handler = 0x4000, .flags = SA_RESTORER | SA_SIGINFO, .restorer = 0x5000 };
	struct kx_siginfo info = siginfo_of(SIGUSR1, SI_USER);
	struct kx_frame f = { .rsp = page + 4 * KX_PAGE, .rip = 0x1234, .rax = 77, .rbx = 3, .orig_rax = ~0ul, .rflags = 0x702 }, old = f;

	CHECK_EQ(frame_push(&f, SIGUSR1, &info, &a, 5), 0);
	CHECK_EQ(f.rip, 0x4000);
	CHECK_EQ(f.rdi, SIGUSR1);
	CHECK_EQ((f.rsp + 8) % 16, 0);
	CHECK(f.rsp < old.rsp - 128);
	CHECK_EQ(f.rflags, 0x202); /* without DF and TF */
	const struct ucontext *uc = (void *)f.rdx;
	CHECK_EQ(uc->uc_mcontext.rip, 0x1234);
	CHECK_EQ(uc->uc_mcontext.rax, 77);
	CHECK_EQ(uc->uc_mcontext.rbx, 3);
	CHECK_EQ(uc->uc_sigmask, 5);
	CHECK_EQ((u64)uc->uc_mcontext.fpstate % 64, 0);
	CHECK_EQ(*(u64 *)f.rsp, 0x5000);

	f = old; /* an interrupted call */
	f.orig_rax = 35;
	f.rax = (u64)-ERESTARTSYS;
	f.vector = KX_VECTOR_SYSCALL;
	CHECK_EQ(frame_push(&f, SIGUSR1, &info, &a, 0), 0);
	uc = (void *)f.rdx;
	CHECK_EQ((s64)uc->uc_mcontext.rax, -EINTR);
	CHECK_EQ(uc->uc_mcontext.reserved1[0], 0);
	f = old;
	f.orig_rax = 35;
	f.rax = (u64)-ERESTARTSYS;
	a.flags |= SA_RESTART;
	CHECK_EQ(frame_push(&f, SIGUSR1, &info, &a, 0), 0);
	uc = (void *)f.rdx;
	CHECK_EQ(uc->uc_mcontext.reserved1[1], 35);

	f = old; /* no room, or none of the application's memory */
	f.rsp = page + 100;
	CHECK_EQ(frame_push(&f, SIGUSR1, &info, &a, 0), -EFAULT);
	CHECK_EQ(f.rip, 0x1234);
	f.rsp = 64;
	CHECK_EQ(frame_push(&f, SIGUSR1, &info, &a, 0), -EFAULT);
	f.rsp = KX_VA_DATA + 4096;
	CHECK_EQ(frame_push(&f, SIGUSR1, &info, &a, 0), -EFAULT);
	f.rsp = 0xffff800000000000;
	CHECK_EQ(frame_push(&f, SIGUSR1, &info, &a, 0), -EFAULT);
	CHECK_EQ(sys_munmap(page, 4 * KX_PAGE), 0);
}

static u64 seed = 1;
static u32 dice(u32 below)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (u32)(seed >> 33) % below;
}

static u64 odd(void)
{
	static const u64 values[] = { 0, 1, 8, 31, 32, 64, 65, ~0ul, 1ul << 63, KX_VA_DATA, 0x7fffffffffff, 1000000000 };
	return values[dice(ARRAY_SIZE(values))];
}

/* Any arguments: an answer, no harm. Signals that would end the process cannot: nothing is delivered here. */
static void test_random(void)
{
	u64 page = application_page(PROT_READ | PROT_WRITE);
	for (int i = 0; i < 20000; i++) {
		u64 p = dice(4) ? page + dice(3000) * 8 % (3 * KX_PAGE) : odd();
		if (p >= page && p < page + 3 * KX_PAGE)
			for (u32 k = 0; k < 8; k++)
				((u64 *)p)[k] = dice(2) ? odd() : dice(100);
		struct __kernel_timespec none = { 0, 0 };
		u32 id = dice(20);
		switch (dice(11)) {
		case 0: sys_rt_sigaction((int)dice(70), (void *)p, (void *)odd(), 8); break;
		case 1: sys_rt_sigprocmask((int)dice(4), (void *)p, NULL, 8); break;
		case 2: sys_rt_sigpending((void *)p, dice(10)); break;
		case 3: sys_rt_sigtimedwait((void *)p, (void *)p, &none, 8); break;
		case 4: sys_rt_sigqueueinfo((int)current->proc->pid, (int)dice(33) + 32, (void *)p); break;
		case 5: sys_timer_create((int)dice(12) - 2, dice(3) ? (void *)p : NULL, (void *)(page + 3 * KX_PAGE)); break;
		case 6: sys_timer_settime(id, (int)dice(2), (void *)p, dice(2) ? (void *)p : NULL); break;
		case 7: sys_timer_delete(id); break;
		case 8: sys_timer_gettime(id, (void *)p); break;
		case 9: sys_setitimer((int)dice(4), (void *)p, NULL); break;
		case 10: sys_sigaltstack((void *)p, dice(2) ? (void *)p : NULL); break;
		}
	}
	itimers_exit(current->proc);
	signal_flush(&current->pending);
	signal_flush(&current->proc->shared_pending);
	CHECK_EQ(current->proc->queued_signals, 0);
	current->blocked = 0;
	current->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	sigactions_exec(current->proc);
	CHECK_EQ(sys_munmap(page, 4 * KX_PAGE), 0);
}

void test_main(void)
{
	current->frame->rsp = 0x7000;
	current->proc->rlimit[RLIMIT_SIGPENDING].rlim_cur = 1000;
	test_random();
	u64 before = heap_bytes_used();
	test_queue();
	test_timers();
	test_frames();
	test_random();
	CHECK_EQ(heap_bytes_used(), before);
	test_between_pvms();
	test_many_senders();
}
