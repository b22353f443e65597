/* Memory: what changes mappings; brk; advice. */
#include "memory.h"

#define GROUP "memory"

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
