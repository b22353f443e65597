/* Mappings made and taken away. */
#include "memory.h"

#define GROUP "memory"

CALL(mmap, "MAP_PRIVATE MAP_SHARED MAP_SHARED_VALIDATE MAP_ANONYMOUS MAP_FIXED MAP_FIXED_NOREPLACE MAP_NORESERVE MAP_POPULATE MAP_STACK MAP_GROWSDOWN; PROT_WRITE with PROT_EXEC is refused by a pVM");
CALL(munmap, "");

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
