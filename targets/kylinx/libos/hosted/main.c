/* The LibOS as an ordinary process: the family's addresses mapped, slots as host threads, then test_main. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <asm/prctl.h>
#include "host.h"

const char *hosted_image;
int commons_fd;

static void *map(u64 va, u64 bytes, int prot, int flags, int fd)
{
	void *p = mmap((void *)va, bytes, prot, MAP_FIXED | flags, fd, 0);
	if (p == MAP_FAILED) {
		fprintf(stderr, "hosted: no memory at %#lx: %s\n", va, strerror(errno));
		exit(125);
	}
	return p;
}

static u64 clock_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static u64 tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static void fill_boot(void)
{
	struct kx_boot *b = map(KX_VA_BOOT, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	u64 t0 = tsc(), n0 = clock_ns(CLOCK_MONOTONIC);
	while (clock_ns(CLOCK_MONOTONIC) < n0 + 20000000)
		;
	u64 t1 = tsc(), n1 = clock_ns(CLOCK_MONOTONIC);
	b->version = KX_ABI_VERSION;
	b->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	b->memory_limit = hosted_commons_limit;
	b->max_pvms = 1000;
	b->clock.tsc = t1;
	b->clock.mult = (u64)((unsigned __int128)(n1 - n0) << 32) / (t1 - t0);
	b->clock.mono_ns = n1;
	b->clock.real_ns = clock_ns(CLOCK_REALTIME);
	b->clock.boot_ns = clock_ns(CLOCK_BOOTTIME);
	for (size_t i = 0; i < sizeof b->seed; i++)
		b->seed[i] = (u8)(tsc() >> i % 8);
	strcpy(b->sysname, "Linux");
	strcpy(b->nodename, "kylinx");
	strcpy(b->release, "6.1.0-kylinx");
	strcpy(b->machine, "x86_64");
	strcpy(b->uname_version, "#1");
	b->xfeatures = 7;
	b->xsave_bytes = 832;
}

static void map_image(void)
{
	struct stat st;
	struct kx_boot *b = (struct kx_boot *)KX_VA_BOOT;
	hosted_image = getenv("KX_IMAGE");
	if (!hosted_image)
		return;
	int fd = open(hosted_image, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		fprintf(stderr, "hosted: KX_IMAGE=%s: %s\n", hosted_image, strerror(errno));
		exit(125);
	}
	map(KX_VA_IMAGE, ((u64)st.st_size + 4095) & ~4095UL, PROT_READ, MAP_PRIVATE, fd);
	b->image_bytes = (u64)st.st_size;
}

/* What the monitor does at a fault: the uaccess table, else it is a bug of the test or the LibOS. */
static void fault(int signo, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct kx_frame f = { .rip = (u64)regs[REG_RIP] };
	if (host_page_fault((u64)info->si_addr, (u64)regs[REG_ERR]))
		return;
	if (uaccess_fixup(&f)) {
		regs[REG_RIP] = (greg_t)f.rip;
		return;
	}
	fprintf(stderr, "hosted: signal %d at %p, rip %#lx\n", signo, info->si_addr, f.rip);
	signal(signo, SIG_DFL);
}

static void *slot_thread(void *arg)
{
	u32 slot = (u32)(u64)arg;
	struct kx_vcpu *v = vcpu_of(slot);
	stack_t alt = { .ss_sp = malloc(65536), .ss_size = 65536 };
	struct sigaction sa = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	sigaltstack(&alt, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	syscall(SYS_arch_prctl, ARCH_SET_GS, v);
	host_slot_main(slot);
	return NULL;
}

void host_slot_start(u32 slot)
{
	pthread_t t;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &attr, slot_thread, (void *)(u64)slot)) {
		fprintf(stderr, "hosted: no thread for slot %u\n", slot);
		exit(125);
	}
}

u32 host_slot_prepare(u32 slot, u64 boot_arg)
{
	struct kx_vcpu *v = map(KX_VA_VCPUS + (u64)slot * KX_VCPU_STRIDE, KX_VCPU_STRIDE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1);
	v->self = (u64)v;
	v->slot = slot;
	v->state = KX_SLOT_RUNNING;
	v->boot_arg = boot_arg;
	return slot;
}

int main(int argc, char **argv)
{
	(void)argc;
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) { /* host libraries away from the guest's mmap area */
		personality(ADDR_NO_RANDOMIZE);
		execv("/proc/self/exe", argv);
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	if (getenv("KX_TIMEOUT"))
		alarm((unsigned)atoi(getenv("KX_TIMEOUT")));
	else
		alarm(60);
	commons_fd = memfd_create("commons", MFD_CLOEXEC);
	fill_boot();
	map_image();
	host_slot_prepare(0, 0);
	host_slot_start(0);
	for (;;)
		pause();
}

/* leaks: tests check heap_bytes_used themselves; SIGSEGV: uaccess's table */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0:handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:use_sigaltstack=0:detect_stack_use_after_return=0";
}

/* The LibOS changes stacks by itself, and clears the marks of those it leaves (heap_unpoison). */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
}

void *host_alloc(size_t n) { return malloc(n); }
void host_free(void *p) { free(p); }

void test_failed(const char *file, int line, const char *what, long a, long b)
{
	fprintf(stderr, "%s:%d: failed: %s (%ld, %ld)\n", file, line, what, a, b);
	_exit(1);
}
