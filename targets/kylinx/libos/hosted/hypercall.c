/* The monitor's part, natively: futexes for WAIT and NOTIFY, a host thread for FORK, timers by another. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <sched.h>
#include <asm/prctl.h>
#include "host.h"

#define NEVER (~(u64)0)
#define MOST_SLOTS 512

u64 hosted_commons_limit = 2ul << 30;
static u64 commons_bytes;
static u32 slots = 1;
static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t timer_changed = PTHREAD_COND_INITIALIZER;
static u64 deadlines[MOST_SLOTS];
static bool timer_thread_runs;

static struct kx_vcpu *self(void)
{
	struct kx_vcpu *v;
	__asm__ volatile("mov %%gs:0, %0" : "=r"(v));
	return v;
}

static u64 mono_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static long futex(u32 *word, int op, u32 value, const struct timespec *t)
{
	return syscall(SYS_futex, word, op, value, t, NULL, FUTEX_BITSET_MATCH_ANY);
}

static long do_wait(u32 events, u64 deadline)
{
	struct timespec t = { (time_t)(deadline / 1000000000), (long)(deadline % 1000000000) };
	futex(&self()->events, FUTEX_WAIT_BITSET, events, deadline == NEVER ? NULL : &t);
	return 0;
}

static long do_notify(u64 slot)
{
	if (slot >= slots)
		return -EINVAL;
	futex(&vcpu_of((u32)slot)->events, FUTEX_WAKE, 1, NULL);
	return 0;
}

static void *timer_thread(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&host_lock);
	for (;;) {
		u64 first = NEVER, now = mono_ns();
		for (u32 s = 0; s < slots; s++) {
			if (deadlines[s] && deadlines[s] <= now) {
				struct kx_vcpu *v = vcpu_of(s);
				deadlines[s] = 0;
				__atomic_or_fetch(&v->attention, KX_ATTENTION_TIMER, __ATOMIC_SEQ_CST);
				__atomic_add_fetch(&v->events, 1, __ATOMIC_SEQ_CST);
				do_notify(s);
			}
			if (deadlines[s] && deadlines[s] < first)
				first = deadlines[s];
		}
		u64 nap = first == NEVER ? 1000000000 : first > now ? first - now : 1, at;
		struct timespec t;
		clock_gettime(CLOCK_REALTIME, &t);
		at = (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec + nap;
		t = (struct timespec){ (time_t)(at / 1000000000), (long)(at % 1000000000) };
		pthread_cond_timedwait(&timer_changed, &host_lock, &t);
	}
	return NULL;
}

static long do_timer(u64 deadline)
{
	pthread_t t;
	pthread_mutex_lock(&host_lock);
	deadlines[self()->slot] = deadline == NEVER ? 0 : deadline ? deadline : 1;
	if (!timer_thread_runs)
		timer_thread_runs = !pthread_create(&t, NULL, timer_thread, NULL);
	pthread_cond_signal(&timer_changed);
	pthread_mutex_unlock(&host_lock);
	return 0;
}

static long do_commons(u64 blocks)
{
	u64 more = blocks * 0x200000;
	pthread_mutex_lock(&host_lock);
	bool fits = commons_bytes + more <= hosted_commons_limit;
	if (fits && !ftruncate(commons_fd, (off_t)(commons_bytes + more)) &&
		mmap((void *)(KX_VA_COMMONS + commons_bytes), more, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, commons_fd,
			(off_t)commons_bytes) != MAP_FAILED)
		commons_bytes += more;
	else
		fits = false;
	pthread_mutex_unlock(&host_lock);
	return fits ? (long)(commons_bytes / 0x200000) : -ENOMEM;
}

static long do_fork(u64 boot_arg)
{
	pthread_mutex_lock(&host_lock);
	u32 slot = 0;
	for (u32 s = 1; s < slots && !slot; s++)
		if (vcpu_of(s)->state == KX_SLOT_FREE)
			slot = s;
	if (!slot && slots < MOST_SLOTS)
		slot = slots++;
	if (slot)
		host_slot_prepare(slot, boot_arg);
	pthread_mutex_unlock(&host_lock);
	if (!slot)
		return -EAGAIN;
	host_slot_start(slot);
	return slot;
}

/* The thread ends, and with it the stack it runs on: once the slot is FREE nothing of it may be touched. */
static void do_exit(void)
{
	struct kx_vcpu *v = self();
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0);
	__asm__ volatile("movl %1, %0\n\txor %%edi, %%edi\n\tsyscall" : "=m"(v->state) : "i"(KX_SLOT_FREE), "a"(SYS_exit) : "rdi", "rcx", "r11");
	__builtin_unreachable();
}

static long do_console(u64 op, const char *p, u64 n)
{
	long r = op == KX_CONSOLE_READ ? read(0, (void *)p, n) : write(op == KX_CONSOLE_WRITE_OUT ? 1 : 2, p, n);
	return r < 0 ? -errno : r;
}

static long do_report(u64 kind, const char *text, u64 n)
{
	static const char *const names[] = { "log", "fault", "stats", "panic" };
	if (kind == KX_REPORT_FAULT)
		n = 0;
	fprintf(stderr, "[%s] %.*s\n", kind < 4 ? names[kind] : "?", (int)n, text);
	if (kind == KX_REPORT_PANIC)
		abort();
	return 0;
}

static long do_memory(u64 op, u64 start, u64 length, u64 to)
{
	if (op == KX_MEMORY_MOVE) { /* page by page: some are not there */
		for (u64 at = 0; at < length; at += KX_PAGE)
			if (mremap((void *)(start + at), KX_PAGE, KX_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)(to + at)) == MAP_FAILED && errno != EFAULT)
				return -errno;
		return 0;
	}
	/* PROTECT too: private contents of a protected range are lost here, unlike in the monitor, unless only reading is left */
	if (op == KX_MEMORY_PROTECT)
		return mprotect((void *)start, length, PROT_READ) && errno != ENOMEM ? -errno : 0;
	return munmap((void *)start, length) ? -errno : 0;
}

bool host_map_page(u64 address, u32 prot, u64 object_page, const void *fill, u64 bytes)
{
	int p = PROT_READ | (prot & KX_PROT_WRITE ? PROT_WRITE : 0);
	if (object_page)
		return mmap((void *)address, KX_PAGE, p, MAP_SHARED | MAP_FIXED, commons_fd, (off_t)(object_page - KX_VA_COMMONS)) != MAP_FAILED;
	if (mmap((void *)address, KX_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	if (fill)
		memcpy((void *)address, fill, bytes);
	return !mprotect((void *)address, KX_PAGE, p);
}

long hypercall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	(void)a4;
	switch (nr) {
	case KX_HC_EXIT: do_exit(); return 0;
	case KX_HC_FORK: return do_fork(a0);
	case KX_HC_WAIT: return do_wait((u32)a0, a1);
	case KX_HC_NOTIFY: return do_notify(a0);
	case KX_HC_KICK: return 0;
	case KX_HC_TIMER: return do_timer(a0);
	case KX_HC_MEMORY: return do_memory(a0, a1, a2, a3);
	case KX_HC_COMMONS: return do_commons(a0);
	case KX_HC_CONSOLE: return do_console(a0, (const char *)a2, a3);
	case KX_HC_REPORT: return do_report(a0, (const char *)a1, a2);
	case KX_HC_AFFINITY: return 0;
	case KX_HC_PARK: return 0;
	case KX_HC_YIELD: sched_yield(); return 0;
	default: return -ENOSYS;
	}
}
