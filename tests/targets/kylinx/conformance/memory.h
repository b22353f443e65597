/* What the cases of memory share. */
#ifndef CONFORMANCE_MEMORY_H
#define CONFORMANCE_MEMORY_H
#include "suite.h"
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static __attribute__((unused)) sig_atomic_t faults;
static __attribute__((unused)) siginfo_t fault_info;
static __attribute__((unused)) sigjmp_buf fault_return;

static inline void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	faults++;
	fault_info = *info;
	siglongjmp(fault_return, 1);
}

/* Touches an address: the si_code of the fault it makes, 0 for none. */
static inline int touch(volatile char *p, bool write)
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

static inline char *anon(size_t pages)
{
	return OK(mmap(NULL, pages * PAGE, RW, ANON, -1, 0));
}

static inline int file_of(size_t bytes)
{
	int fd = open_new("mapped");
	char *text = calloc(1, bytes + 1);
	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)('a' + i / PAGE);
	EQ(write(fd, text, bytes), bytes);
	free(text);
	return fd;
}

#endif
