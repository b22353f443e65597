/* The system calls a monitor may make once its family runs; any other ends it (SIGSYS, wait status 159 in a shell). */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "family.h"

#define PTHREAD_FLAGS 0x3d0f00           /* what pthread_create gives clone: a thread of this process */

/* The most frequent first: the filter is run through in this order. */
static const int plain[] = {
	SYS_futex, SYS_read, SYS_ppoll, SYS_timer_settime, SYS_sched_yield, SYS_write, SYS_poll, SYS_clock_gettime, SYS_rt_sigreturn,
	SYS_madvise, SYS_munmap, SYS_rt_sigprocmask, SYS_clock_nanosleep, SYS_nanosleep, SYS_restart_syscall, SYS_gettid,
	SYS_getpid, SYS_pread64, SYS_pwrite64, SYS_close, SYS_fstat, SYS_newfstatat, SYS_getdents64, SYS_readlinkat, SYS_mkdirat,
	SYS_unlinkat, SYS_renameat2, SYS_ftruncate, SYS_fsync, SYS_recvmsg, SYS_sendto, SYS_accept4, SYS_dup, SYS_brk, SYS_mremap,
	SYS_timer_create, SYS_timer_delete, SYS_set_robust_list, SYS_rseq, SYS_sigaltstack, SYS_rt_sigaction, SYS_exit,
	SYS_exit_group, SYS_getrandom, SYS_sched_getaffinity, SYS_eventfd2, SYS_getcpu, SYS_prlimit64, SYS_membarrier,
	SYS_sysinfo, /* by libc's qsort */
};

static const uint32_t ioctls[] = {
	KVM_RUN, KVM_SET_USER_MEMORY_REGION, KVM_CREATE_VCPU, KVM_GET_VCPU_MMAP_SIZE, KVM_SET_CPUID2, KVM_SET_SREGS, KVM_SET_XCRS,
	KVM_SET_XSAVE, KVM_SET_MSRS, KVM_SET_DEVICE_ATTR, KVM_CHECK_EXTENSION, KVM_IOEVENTFD, KVM_GET_VCPU_EVENTS,
};

/* With a VM for each pVM; KVM_CREATE_VM besides, for the ordinary type alone. */
static const uint32_t ioctls_of_vms[] = { KVM_ENABLE_CAP, KVM_SET_NR_MMU_PAGES };

#define PROGRAM_MOST 256
struct program { struct sock_filter at[PROGRAM_MOST]; unsigned short n; };

static void add(struct program *p, struct sock_filter f)
{
	if (p->n == PROGRAM_MOST)
		die("seccomp: the filter is too long");
	p->at[p->n++] = f;
}

static void load(struct program *p, uint32_t offset)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void give(struct program *p, uint32_t answer)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
}

static void equal_allow(struct program *p, uint32_t value)
{
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
	give(p, SECCOMP_RET_ALLOW);
}

/* An own block for one call: begun with how many instructions it has, which any other number skips. */
static void block(struct program *p, int nr, uint8_t length)
{
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, length));
}

#define ARG(n) (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n)) /* its low half: none needs the other */

static void ioctl_block(struct program *p)
{
	const bool vms = family.settings->vm_per_pvm;
	const uint8_t count = sizeof ioctls / sizeof *ioctls, more = sizeof ioctls_of_vms / sizeof *ioctls_of_vms;

	block(p, SYS_ioctl, (uint8_t)(2 + 2 * count + (vms ? 2 * more + 4 : 0)));
	load(p, ARG(1));
	for (uint8_t i = 0; i < count; i++)
		equal_allow(p, ioctls[i]);
	for (uint8_t i = 0; vms && i < more; i++)
		equal_allow(p, ioctls_of_vms[i]);
	if (vms) {
		add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_CREATE_VM, 0, 3));
		load(p, ARG(2));
		equal_allow(p, 0);
	}
	give(p, SECCOMP_RET_KILL_PROCESS);
}

/* Allowed when the argument has none of the bits. */
static void bits_block(struct program *p, int nr, int argument, uint32_t bits)
{
	block(p, nr, 4);
	load(p, ARG(argument));
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0));
	give(p, SECCOMP_RET_ALLOW);
	give(p, SECCOMP_RET_KILL_PROCESS);
}

static void value_block(struct program *p, int nr, int argument, uint32_t value)
{
	block(p, nr, 4);
	load(p, ARG(argument));
	equal_allow(p, value);
	give(p, SECCOMP_RET_KILL_PROCESS);
}

static void error_block(struct program *p, int nr, uint32_t error)
{
	block(p, nr, 1);
	give(p, SECCOMP_RET_ERRNO | error);
}

void seccomp_confine(void)
{
	static struct program p;

	load(&p, offsetof(struct seccomp_data, arch));
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
	give(&p, SECCOMP_RET_KILL_PROCESS);
	load(&p, offsetof(struct seccomp_data, nr));
	ioctl_block(&p);
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		equal_allow(&p, (uint32_t)plain[i]);
	bits_block(&p, SYS_mmap, 2, PROT_EXEC);
	bits_block(&p, SYS_mprotect, 2, PROT_EXEC);
	bits_block(&p, SYS_openat2, 0, 0x80000000); /* below a share's descriptor, never AT_FDCWD */
	value_block(&p, SYS_tgkill, 0, (uint32_t)getpid());
	value_block(&p, SYS_sched_setaffinity, 0, 0); /* its own thread's */
	value_block(&p, SYS_clone, 0, PTHREAD_FLAGS);
	error_block(&p, SYS_clone3, ENOSYS);        /* its flags lie in memory: libc takes clone instead */
	error_block(&p, SYS_openat, ENOENT);        /* libc looks for its settings in files: there are none */
	give(&p, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog program = { .len = p.n, .filter = p.at };
	/* no speculation barrier for the whole process: no untrusted code runs in it */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program))
		die("seccomp: %s", strerror(errno));
}
