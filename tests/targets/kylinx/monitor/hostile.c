/* A program of the application's that does what it may not: raw hypercalls, other ports, privileged instructions, the LibOS's text,
 * the monitor's pages, its own slot's area. Each deed is done by a child; the parent says how it ended. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void caught(int signo)
{
	_exit(signo);
}

static unsigned long area(void)
{
	unsigned long a;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(a));
	return a;
}

static void run_data(int rights)
{
	unsigned char *p = mmap(NULL, 4096, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(SIGSEGV);
	p[0] = 0xc3;
	((void (*)(void))p)();
}

static void deed(int which)
{
	switch (which) {
	case 0: __asm__ volatile("movq $0, %gs:0x60; outb %al, $0x4b"); break;
	case 1: __asm__ volatile("outb %al, $0xae"); break;
	case 2: *(volatile char *)0x600000000000 = 1; break;
	case 3: ((void (*)(void))0x610000000400)(); break;
	case 4: *(volatile char *)0x610000000400 = 1; break;
	case 5: __asm__ volatile("hlt"); break;
	case 6: __asm__ volatile("cli"); break;
	case 7: run_data(PROT_READ | PROT_WRITE); break;
	case 8: run_data(PROT_READ | PROT_WRITE | PROT_EXEC); break;
	case 9: *(volatile char *)0x8000000000000000 = 1; break;
	case 10: __asm__ volatile("jmp *%0" ::"r"(0x8000000000000000)); break;
	case 11: __asm__ volatile("movl $64, %%ecx; movl $0x4b, %%edx; rep outsb" ::"S"(&which) : "ecx", "edx"); break;
	case 12: __asm__ volatile("movq %0, %%cr3" ::"r"(0L)); break;
	case 13: __asm__ volatile("movq %%cr2, %%rax" ::: "rax"); break;
	case 14: __asm__ volatile("lgdt (%rsp)"); break;
	case 15: __asm__ volatile("movl $0x1b, %ecx; rdmsr"); break;
	case 16: /* no LibOS stack to be told of a fault on */
		*(volatile unsigned long *)(area() + 0x10) = 0x1234;
		*(volatile int *)0 = 1;
		break;
	case 17: __asm__ volatile("outw %ax, $0x4b"); break;
	case 18: __asm__ volatile("movq $0x610000000400, %rsp; pushq %rax"); break;
	default: _exit(0);
	}
	_exit(0);
}

int main(void)
{
	for (int which = 0; which <= 18; which++) {
		int status = 0;
		pid_t child = fork();

		if (!child) {
			signal(SIGSEGV, caught);
			signal(SIGILL, caught);
			deed(which);
		}
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 1;
		printf("%d: %s %d\n", which, WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		fflush(stdout);
	}
	puts("alive");
	return 0;
}
