/* inject PID NUMBER [ARGUMENT]...: makes the main thread of a process, which must sleep in a system call, do another one, as code
 * that somebody got to run in it would. Prints its result; or the signal that it died of. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid)
		exit(2);
	if (WIFSIGNALED(status) || WIFEXITED(status)) {
		printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
		exit(0);
	}
	return status;
}

int main(int argc, char **argv)
{
	struct user_regs_struct r, before;
	unsigned long long *arguments[] = { &r.rdi, &r.rsi, &r.rdx, &r.r10, &r.r8, &r.r9 };
	int wait_status = 0;
	pid_t pid = argc > 2 ? atoi(argv[1]) : 0;

	if (!pid || ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		return perror("ptrace"), 77;
	wait_for(pid);
	ptrace(PTRACE_GETREGS, pid, NULL, &r);
	before = r;
	if ((ptrace(PTRACE_PEEKTEXT, pid, (void *)(r.rip - 2), NULL) & 0xffff) != 0x050f)
		return fprintf(stderr, "it does not sleep in a system call\n"), 77;
	r.rip -= 2;
	r.rax = strtoull(argv[2], NULL, 0);
	r.orig_rax = -1ull; /* what was interrupted is not done again now */
	for (int i = 3; i < argc && i < 9; i++)
		*arguments[i - 3] = strtoull(argv[i], NULL, 0);
	ptrace(PTRACE_SETREGS, pid, NULL, &r);
	for (int inside = 0; inside < 2;) { /* into the call, and out of it; other stops are passed over */
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		wait_status = wait_for(pid);
		inside += WIFSTOPPED(wait_status) && WSTOPSIG(wait_status) == (SIGTRAP | 0x80);
	}
	ptrace(PTRACE_GETREGS, pid, NULL, &r);
	while (r.rax == r.orig_rax) { /* seccomp has put it back as it was: the signal is on its way */
		ptrace(PTRACE_CONT, pid, NULL, WSTOPSIG(wait_status) == SIGSYS ? SIGSYS : 0);
		wait_status = wait_for(pid);
	}
	printf("result %lld\n", (long long)r.rax);
	ptrace(PTRACE_SETREGS, pid, NULL, &before);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}
