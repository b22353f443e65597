/* Mappings: mmap and what changes them. */
#include "suite.h"
#include <setjmp.h>
#include <sys/mman.h>

#define GROUP "memory"
#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

CALL(mmap, "MAP_PRIVATE MAP_SHARED MAP_SHARED_VALIDATE MAP_ANONYMOUS MAP_FIXED MAP_FIXED_NOREPLACE MAP_NORESERVE MAP_POPULATE MAP_STACK MAP_GROWSDOWN; PROT_WRITE with PROT_EXEC is refused by a pVM");
CALL(munmap, "");
CALL(mprotect, "PROT_NONE PROT_READ PROT_WRITE PROT_EXEC");
CALL(mremap, "MREMAP_MAYMOVE MREMAP_FIXED");
CALL(brk, "");
CALL(madvise, "MADV_DONTNEED MADV_NORMAL MADV_WILLNEED MADV_FREE MADV_DONTFORK MADV_DOFORK MADV_WIPEONFORK; hints are accepted");
CALL(msync, "MS_SYNC MS_ASYNC MS_INVALIDATE");
CALL(mincore, "");
CALL(mlock, "accepted");
CALL(munlock, "accepted");
CALL(mlockall, "accepted");
CALL(munlockall, "accepted");
CALL(memfd_create, "MFD_CLOEXEC MFD_ALLOW_SEALING");

static sig_atomic_t faults;
static siginfo_t fault_info;
static sigjmp_buf fault_return;

static void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	faults++;
	fault_info = *info;
	siglongjmp(fault_return, 1);
}

/* Touches an address: the si_code of the fault it makes, 0 for none. */
static int touch(volatile char *p, bool write)
{
	struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	OK(sigaction(SIGSEGV, &a, NULL));
	OK(sigaction(SIGBUS, &a, NULL));
	if (sigsetjmp(fault_return, 1))
		return fault_info.si_code;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

static char *anon(size_t pages)
{
	return OK(mmap(NULL, pages * PAGE, RW, ANON, -1, 0));
}

static int file_of(size_t bytes)
{
	int fd = open_new("mapped");
	char *text = calloc(1, bytes + 1);
	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)('a' + i / PAGE);
	EQ(write(fd, text, bytes), bytes);
	free(text);
	return fd;
}

CASE(mmap, "anonymous memory is zero and writable")
{
	char *p = anon(4);
	for (size_t i = 0; i < 4 * PAGE; i++)
		EQ(p[i], 0);
	memset(p, 7, 4 * PAGE);
	EQ(p[4 * PAGE - 1], 7);
}

CASE(mmap, "length 0: EINVAL")
{
	ERR(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
}

CASE(mmap, "neither MAP_PRIVATE nor MAP_SHARED: EINVAL")
{
	ERR(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
}

CASE(mmap, "an offset that is no multiple of a page: EINVAL")
{
	int fd = file_of(PAGE);
	ERR(syscall(SYS_mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 1L), EINVAL);
}

CASE(mmap, "a descriptor that is not open: EBADF")
{
	ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0), EBADF);
}

CASE(mmap, "MAP_SHARED for writing of a file open for reading: EACCES")
{
	close(file_of(PAGE));
	int fd = OK(open("mapped", O_RDONLY));
	ERR(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	OK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
}

CASE(mmap, "a file open for writing only: EACCES")
{
	close(file_of(PAGE));
	int fd = OK(open("mapped", O_WRONLY));
	ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EACCES);
}

CASE(mmap, "a pipe: ENODEV")
{
	int p[2];
	OK(pipe(p));
	ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[0], 0), ENODEV);
}

CASE(mmap, "a length that overflows: ENOMEM")
{
	ERR(mmap(NULL, ~0UL - PAGE, RW, ANON, -1, 0), ENOMEM);
}

CASE(mmap, "MAP_FIXED replaces what was there")
{
	char *p = anon(3);
	memset(p, 5, 3 * PAGE);
	EQ(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0), p + PAGE);
	EQ(p[0], 5);
	EQ(p[PAGE], 0);
	EQ(p[2 * PAGE], 5);
}

CASE(mmap, "MAP_FIXED at an odd address: EINVAL")
{
	ERR(mmap(anon(2) + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
}

CASE(mmap, "MAP_FIXED_NOREPLACE over a mapping: EEXIST")
{
	char *p = anon(1);
	ERR(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	OK(munmap(p, PAGE));
	EQ(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), p);
}

CASE(mmap, "a hint that is free is taken, one that is not is passed over")
{
	char *p = anon(2);
	OK(munmap(p, PAGE));
	EQ(mmap(p, PAGE, RW, ANON, -1, 0), p);
	CHECK(mmap(p, PAGE, RW, ANON, -1, 0) != p);
}

CASE(mmap, "file: its bytes, zeros to the end of the last page")
{
	int fd = file_of(PAGE + 10);
	char *p = OK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	EQ(p[0], 'a');
	EQ(p[PAGE + 9], 'b');
	EQ(p[PAGE + 10], 0);
	EQ(p[2 * PAGE - 1], 0);
}

CASE(mmap, "file from an offset")
{
	int fd = file_of(3 * PAGE);
	char *p = OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE));
	EQ(p[0], 'c');
}

CASE(mmap, "MAP_PRIVATE of a file: writes stay here")
{
	int fd = file_of(PAGE);
	char *p = OK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0)), c;
	p[0] = 'z';
	EQ(pread(fd, &c, 1, 0), 1);
	EQ(c, 'a');
}

CASE(mmap, "MAP_SHARED of a file: writes reach read, and write reaches the mapping")
{
	int fd = file_of(PAGE);
	char *p = OK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0)), c;
	p[5] = 'z';
	EQ(pread(fd, &c, 1, 5), 1);
	EQ(c, 'z');
	EQ(pwrite(fd, "q", 1, 6), 1);
	EQ(p[6], 'q');
}

CASE(mmap, "MAP_SHARED of a file: two mappings are one memory")
{
	int fd = file_of(PAGE);
	char *p = OK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0)), *q = OK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	p[100] = 'x';
	EQ(q[100], 'x');
}

CASE(mmap, "a mapping outlives its descriptor and the file's name")
{
	int fd = file_of(PAGE);
	char *p = OK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	OK(close(fd));
	OK(unlink("mapped"));
	EQ(p[0], 'a');
	p[1] = 'b';
}

CASE(mmap, "beyond the end of the file: SIGBUS, BUS_ADRERR")
{
	int fd = file_of(PAGE);
	char *p = OK(mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0));
	EQ(touch(p, false), 0);
	EQ(touch(p + 2 * PAGE, false), BUS_ADRERR);
	EQ(fault_info.si_signo, SIGBUS);
	EQ((long)fault_info.si_addr, (long)p + 2 * (long)PAGE);
}

CASE(mmap, "PROT_NONE: SIGSEGV, SEGV_ACCERR, at the address")
{
	char *p = OK(mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0));
	EQ(touch(p + 9, false), SEGV_ACCERR);
	EQ(fault_info.si_signo, SIGSEGV);
	EQ((long)fault_info.si_addr, (long)p + 9);
}

CASE(mmap, "PROT_READ: a write is SEGV_ACCERR")
{
	EQ(touch(read_only_page(), true), SEGV_ACCERR);
}

CASE(mmap, "data is not executable")
{
	struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	char *p = anon(1);
	p[0] = (char)0xc3;
	OK(sigaction(SIGSEGV, &a, NULL));
	if (!sigsetjmp(fault_return, 1)) {
		((void (*)(void))p)();
		FAIL("ran");
	}
	EQ(fault_info.si_code, SEGV_ACCERR);
}

CASE(mmap, "MAP_SHARED|MAP_ANONYMOUS is one memory with a forked child")
{
	volatile int *p = OK(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	CHILD(pid) *p = 42;
	child_ok(pid);
	EQ(*p, 42);
}

CASE(mmap, "MAP_PRIVATE is copied for a forked child, both ways")
{
	volatile int *p = (int *)anon(1);
	int pipe_fds[2];
	char c;
	OK(pipe(pipe_fds));
	*p = 1;
	CHILD(pid) {
		EQ(read(pipe_fds[0], &c, 1), 1);
		EQ(*p, 1);
		*p = 3;
	}
	*p = 2;
	EQ(write(pipe_fds[1], "x", 1), 1);
	child_ok(pid);
	EQ(*p, 2);
}

CASE(mmap, "MAP_POPULATE and MAP_NORESERVE")
{
	char *p = OK(mmap(NULL, 64 * PAGE, RW, ANON | MAP_POPULATE, -1, 0));
	p[63 * PAGE] = 1;
	p = OK(mmap(NULL, 1UL << 36, RW, ANON | MAP_NORESERVE, -1, 0));
	p[1UL << 35] = 1;
	EQ(p[(1UL << 35) + 1], 0);
}

CASE(mmap, "/dev/zero, private")
{
	int fd = OK(open("/dev/zero", O_RDWR));
	char *p = OK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	EQ(p[0], 0);
	p[0] = 1;
}

CASE(mmap, "the program's own file, read only")
{
	int fd = OK(open(self_path, O_RDONLY));
	char *p = OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
	EQ(memcmp(p, "\177ELF", 4), 0);
}

CASE(munmap, "the middle of a mapping")
{
	char *p = anon(3);
	p[0] = p[2 * PAGE] = 1;
	OK(munmap(p + PAGE, PAGE));
	EQ(touch(p + PAGE, false), SEGV_MAPERR);
	EQ(p[0] + p[2 * PAGE], 2);
}

CASE(munmap, "an odd address, or length 0: EINVAL")
{
	char *p = anon(1);
	ERR(munmap(p + 1, PAGE), EINVAL);
	ERR(munmap(p, 0), EINVAL);
}

CASE(munmap, "nothing mapped there: no error")
{
	char *p = anon(1);
	OK(munmap(p, PAGE));
	OK(munmap(p, PAGE));
}

CASE(munmap, "beyond the user's addresses: EINVAL")
{
	ERR(munmap((void *)0x7ffffffff000, 2 * PAGE), EINVAL);
	ERR(munmap((void *)0xffff888000000000, PAGE), EINVAL);
}

CASE(munmap, "memory mapped again at the place is zero")
{
	char *p = anon(1);
	memset(p, 9, PAGE);
	OK(munmap(p, PAGE));
	EQ(mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0), p);
	EQ(p[17], 0);
}

CASE(mprotect, "to read only and back")
{
	char *p = anon(1);
	p[0] = 3;
	OK(mprotect(p, PAGE, PROT_READ));
	EQ(touch(p, true), SEGV_ACCERR);
	EQ(p[0], 3);
	OK(mprotect(p, PAGE, RW));
	p[0] = 4;
}

CASE(mprotect, "to none and back keeps the bytes")
{
	char *p = anon(2);
	p[PAGE] = 3;
	OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	EQ(touch(p + PAGE, false), SEGV_ACCERR);
	EQ(touch(p, true), 0);
	OK(mprotect(p + PAGE, PAGE, RW));
	EQ(p[PAGE], 3);
}

CASE(mprotect, "code written, then made executable, runs")
{
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	char *p = anon(1);
	memcpy(p, code, sizeof code);
	OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	EQ(((int (*)(void))p)(), 42);
	EQ(touch(p, true), SEGV_ACCERR);
}

CASE(mprotect, "nothing mapped: ENOMEM")
{
	char *p = anon(2);
	OK(munmap(p + PAGE, PAGE));
	ERR(mprotect(p, 2 * PAGE, PROT_READ), ENOMEM);
}

CASE(mprotect, "an odd address: EINVAL; length 0: nothing")
{
	char *p = anon(1);
	ERR(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	OK(mprotect(p, 0, PROT_READ));
	p[0] = 1;
}

CASE(mprotect, "shared mapping of a file open for reading, to writable: EACCES")
{
	close(file_of(PAGE));
	int fd = OK(open("mapped", O_RDONLY));
	char *p = OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	ERR(mprotect(p, PAGE, RW), EACCES);
}

CASE(mprotect, "a system call honours it: read into a read-only page is EFAULT")
{
	int fd = OK(open("/dev/zero", O_RDONLY));
	char *p = anon(1);
	EQ(read(fd, p, 10), 10);
	OK(mprotect(p, PAGE, PROT_READ));
	ERR(read(fd, p, 10), EFAULT);
	OK(mprotect(p, PAGE, PROT_NONE));
	ERR(write(open_new("x"), p, 1), EFAULT);
}

CASE(mremap, "grow with MREMAP_MAYMOVE keeps the bytes, new ones are zero")
{
	char *p = anon(2);
	memset(p, 1, 2 * PAGE);
	p = OK(mremap(p, 2 * PAGE, 100 * PAGE, MREMAP_MAYMOVE));
	EQ(p[2 * PAGE - 1], 1);
	EQ(p[2 * PAGE], 0);
	EQ(p[100 * PAGE - 1], 0);
}

CASE(mremap, "grow in place where something is in the way: ENOMEM")
{
	char *p = anon(4);
	ERR(mremap(p, PAGE, 2 * PAGE, 0), ENOMEM);
}

CASE(mremap, "shrink unmaps the rest")
{
	char *p = anon(4);
	EQ(mremap(p, 4 * PAGE, PAGE, 0), p);
	EQ(touch(p + PAGE, false), SEGV_MAPERR);
}

CASE(mremap, "MREMAP_FIXED moves there and unmaps here")
{
	char *p = anon(1), *to = anon(3);
	p[0] = 7;
	EQ(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE), to + PAGE);
	EQ(to[PAGE], 7);
	EQ(touch(p, false), SEGV_MAPERR);
}

CASE(mremap, "wrong arguments: EINVAL; nothing mapped: EFAULT")
{
	char *p = anon(2);
	ERR(mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	ERR(mremap(p, PAGE, 0, 0), EINVAL);
	ERR(mremap(p, PAGE, PAGE, MREMAP_FIXED, p + PAGE), EINVAL);
	ERR(mremap(p, PAGE, PAGE, 64), EINVAL);
	OK(munmap(p, PAGE));
	ERR(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

CASE(brk, "0 tells the end; growing gives zeroed memory; shrinking takes it")
{
	char *at = (char *)syscall(SYS_brk, 0);
	char *end = at + 8 * PAGE;
	EQ(syscall(SYS_brk, end), end);
	for (char *p = at; p < end; p++)
		EQ(*p, 0);
	memset(at, 1, 8 * PAGE);
	EQ(syscall(SYS_brk, at), at);
	EQ(syscall(SYS_brk, end), end);
	EQ(end[-1], 0);
}

CASE(brk, "what cannot be is answered with the end as it is")
{
	long at = syscall(SYS_brk, 0);
	EQ(syscall(SYS_brk, 1L), at);
	EQ(syscall(SYS_brk, ~0UL), at);
}

CASE(madvise, "MADV_DONTNEED: anonymous memory is zero again")
{
	char *p = anon(4);
	memset(p, 1, 4 * PAGE);
	OK(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	EQ(p[PAGE], 0);
	EQ(p[0] + p[2 * PAGE], 2);
}

CASE(madvise, "MADV_DONTNEED: a private file mapping shows the file again")
{
	int fd = file_of(PAGE);
	char *p = OK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0));
	p[0] = 'z';
	OK(madvise(p, PAGE, MADV_DONTNEED));
	EQ(p[0], 'a');
}

CASE(madvise, "MADV_DONTNEED: shared memory keeps its bytes")
{
	char *p = OK(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	p[0] = 5;
	OK(madvise(p, PAGE, MADV_DONTNEED));
	EQ(p[0], 5);
}

CASE(madvise, "hints are accepted")
{
	char *p = anon(2);
	OK(madvise(p, PAGE, MADV_NORMAL));
	OK(madvise(p, PAGE, MADV_RANDOM));
	OK(madvise(p, PAGE, MADV_SEQUENTIAL));
	OK(madvise(p, PAGE, MADV_WILLNEED));
	OK(madvise(p, PAGE, MADV_FREE));
}

CASE(madvise, "an odd address or unknown advice: EINVAL; a hole: ENOMEM")
{
	char *p = anon(2);
	ERR(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
	ERR(madvise(p, PAGE, 12345), EINVAL);
	OK(munmap(p + PAGE, PAGE));
	ERR(madvise(p, 2 * PAGE, MADV_DONTNEED), ENOMEM);
}

CASE(madvise, "MADV_DONTFORK: not there in the child")
{
	char *p = anon(1);
	p[0] = 1;
	OK(madvise(p, PAGE, MADV_DONTFORK));
	CHILD(pid) {
		EQ(touch(p, false), SEGV_MAPERR);
	}
	child_ok(pid);
}

CASE(madvise, "MADV_WIPEONFORK: zero in the child")
{
	char *p = anon(1);
	p[0] = 1;
	OK(madvise(p, PAGE, MADV_WIPEONFORK));
	CHILD(pid) {
		EQ(p[0], 0);
	}
	child_ok(pid);
	EQ(p[0], 1);
}

CASE(msync, "MS_SYNC and MS_ASYNC of a shared file; both at once: EINVAL")
{
	int fd = file_of(PAGE);
	char *p = OK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
	OK(msync(p, PAGE, MS_SYNC));
	OK(msync(p, PAGE, MS_ASYNC));
	ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	OK(munmap(p, PAGE));
	ERR(msync(p, PAGE, MS_SYNC), ENOMEM);
}

CASE(mincore, "a touched page is resident")
{
	unsigned char vec[1] = { 0 };
	char *p = anon(1);
	p[0] = 1;
	OK(mincore(p, PAGE, vec));
	EQ(vec[0] & 1, 1);
}

CASE(mincore, "errors: odd address EINVAL, hole ENOMEM, vector EFAULT")
{
	unsigned char vec[2];
	char *p = anon(2);
	ERR(mincore(p + 1, PAGE, vec), EINVAL);
	EACH_BAD(bad)
		ERR(mincore(p, PAGE, bad), EFAULT);
	OK(munmap(p + PAGE, PAGE));
	ERR(mincore(p, 2 * PAGE, vec), ENOMEM);
}

CASE(mlock, "of a mapping; of a hole: ENOMEM")
{
	char *p = anon(2);
	OK(mlock(p, PAGE));
	OK(munlock(p, PAGE));
	OK(munmap(p + PAGE, PAGE));
	ERR(mlock(p, 2 * PAGE), ENOMEM);
}

CASE(mlockall, "MCL_CURRENT, then munlockall; unknown flags: EINVAL")
{
	OK(mlockall(MCL_FUTURE));
	OK(munlockall());
	ERR(mlockall(0), EINVAL);
	ERR(mlockall(64), EINVAL);
}

CASE(memfd_create, "a file without a name: size, read, shared mapping")
{
	int fd = OK(memfd_create("x", MFD_CLOEXEC));
	char c;
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	OK(ftruncate(fd, 2 * PAGE));
	char *p = OK(mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));
	p[PAGE] = 'm';
	EQ(pread(fd, &c, 1, PAGE), 1);
	EQ(c, 'm');
}

CASE(memfd_create, "unknown flags: EINVAL; a bad name: EFAULT; a long one: EINVAL")
{
	char name[300];
	memset(name, 'x', sizeof name);
	name[299] = 0;
	ERR(memfd_create("x", 0x8000), EINVAL);
	ERR(memfd_create(name, 0), EINVAL);
	EACH_BAD(bad)
		ERR(memfd_create(bad, 0), EFAULT);
}

CASE(mmap, "a file that shrinks under its mapping: SIGBUS beyond the new end")
{
	int fd = file_of(2 * PAGE);
	char *p = OK(mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0));
	EQ(touch(p + PAGE, false), 0);
	OK(ftruncate(fd, PAGE));
	EQ(touch(p + PAGE, false), BUS_ADRERR);
	OK(ftruncate(fd, 2 * PAGE));
	EQ(touch(p + PAGE, false), 0);
	EQ(p[PAGE], 0);
}

CASE(mmap, "the stack grows by itself")
{
	volatile char big[1024 * 1024];
	big[0] = 1;
	big[sizeof big - 1] = 1;
	EQ(big[0], 1);
}

CASE(mmap, "an address used by the kernel, without MAP_FIXED, is only a hint")
{
	CHECK(OK(mmap((void *)0xffff888000000000, PAGE, RW, ANON, -1, 0)) < (void *)0x800000000000);
	ERR(mmap((void *)0xffff888000000000, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
}
