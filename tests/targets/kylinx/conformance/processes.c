/* Processes: fork and its kin, exec, wait, groups and sessions. */
#include "suite.h"
#include <linux/sched.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define GROUP "processes"

CALL(fork, "");
CALL(vfork, "");
CALL(clone, "a process: SIGCHLD or another signal, CLONE_VFORK CLONE_VM CLONE_PARENT CLONE_PARENT_SETTID CLONE_CHILD_SETTID CLONE_CHILD_CLEARTID");
CALL(execve, "ELF (static, dynamic, position-independent or not), #! scripts");
CALL(execveat, "AT_EMPTY_PATH AT_SYMLINK_NOFOLLOW");
CALL(exit_group, "");
CALL(wait4, "WNOHANG WUNTRACED WCONTINUED __WALL __WCLONE");
CALL(waitid, "P_ALL P_PID P_PGID; WEXITED WSTOPPED WCONTINUED WNOHANG WNOWAIT");
CALL(getpid, "");
CALL(getppid, "");
CALL(setpgid, "");
CALL(getpgid, "");
CALL(getpgrp, "");
CALL(setsid, "");
CALL(getsid, "");

static volatile int handled;
static void count(int signo) { (void)signo; handled++; }

CASE(fork, "the child's number, 0 in the child; its parent is this")
{
	pid_t me = getpid();
	CHILD(pid) {
		CHECK(getpid() != me);
		EQ(getppid(), me);
	}
	CHECK(pid > 0);
	child_ok(pid);
}

CASE(fork, "memory is copied: data, heap, stack, both ways")
{
	static int data = 1;
	int *heap = malloc(sizeof *heap), stack = 1, p[2];
	char c;
	OK(pipe(p));
	*heap = 1;
	CHILD(pid) {
		data = *heap = stack = 2;
		EQ(write(p[1], "x", 1), 1);
	}
	EQ(read(p[0], &c, 1), 1);
	EQ(data + *heap + stack, 3);
	child_ok(pid);
}

CASE(fork, "eight generations, each with memory of its own")
{
	volatile int level = 0;
	while (level < 8) {
		pid_t pid = OK(fork());
		if (pid) {
			child_ok(pid);
			if (level)
				_exit(0);
			return;
		}
		level++;
	}
	_exit(0);
}

CASE(fork, "fifty children at once")
{
	pid_t pid[50];
	for (int i = 0; i < 50; i++) {
		pid[i] = OK(fork());
		if (!pid[i])
			_exit(i);
	}
	for (int i = 0; i < 50; i++)
		EQ(WEXITSTATUS(child_status(pid[i])), i);
}

CASE(fork, "descriptors: the same files, the same offsets; closing is each one's own")
{
	int fd = open_new("a"), p[2];
	char c;
	OK(pipe(p));
	CHILD(pid) {
		EQ(write(fd, "hello", 5), 5);
		OK(close(p[1]));
		EQ(read(p[0], &c, 1), 0);
	}
	OK(close(p[1]));
	child_ok(pid);
	EQ(lseek(fd, 0, SEEK_CUR), 5);
}

static int before, in_parent, in_child;
static void prepare(void) { before++; }
static void parent(void) { in_parent++; }
static void child(void) { in_child++; }

CASE(fork, "pthread_atfork handlers run")
{
	RET(pthread_atfork(prepare, parent, child), 0);
	CHILD(pid) {
		EQ(before, 1);
		EQ(in_child, 1);
		EQ(in_parent, 0);
	}
	child_ok(pid);
	EQ(in_parent, 1);
}

CASE(fork, "RLIMIT_NPROC reached: EAGAIN")
{
	CHILD(pid) {
		struct rlimit r = { 0, 0 };
		OK(setrlimit(RLIMIT_NPROC, &r));
		OK(setgid(4242));
		OK(setuid(4242));
		ERR(fork(), EAGAIN);
	}
	child_ok(pid);
}

CASE(fork, "a stdio buffer is copied, not flushed: both have it")
{
	char b[20] = "";
	FILE *f = fopen("a", "w");
	CHECK(f);
	fputs("hi", f);
	CHILD(pid) fclose(f);
	child_ok(pid);
	fclose(f);
	EQ(read(OK(open("a", O_RDONLY)), b, 20), 4);
}

CASE(fork, "large memory, written on both sides in turns")
{
	size_t pages = 2000;
	char *p = OK(mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int to_child[2], to_parent[2];
	char c;
	OK(pipe(to_child));
	OK(pipe(to_parent));
	for (size_t i = 0; i < pages; i++)
		p[i * 4096] = (char)i;
	CHILD(pid) {
		for (size_t i = 0; i < pages; i += 2)
			p[i * 4096 + 1] = 'c';
		EQ(write(to_parent[1], "x", 1), 1);
		EQ(read(to_child[0], &c, 1), 1);
		for (size_t i = 0; i < pages; i++) {
			EQ(p[i * 4096], (char)i);
			EQ(p[i * 4096 + 1], i % 2 ? 0 : 'c');
		}
	}
	EQ(read(to_parent[0], &c, 1), 1);
	for (size_t i = 0; i < pages; i += 3) {
		EQ(p[i * 4096 + 1], 0);
		p[i * 4096] = 'p';
		p[i * 4096 + 1] = 'p';
	}
	EQ(write(to_child[1], "x", 1), 1);
	child_ok(pid);
	for (size_t i = 0; i < pages; i++)
		EQ(p[i * 4096], i % 3 ? (char)i : 'p');
}

CASE(vfork, "the parent waits until the child exits; memory is shared meanwhile")
{
	volatile int shared = 1;
	pid_t pid = vfork();
	if (pid == 0) {
		shared = 2;
		_exit(3);
	}
	EQ(shared, 2);
	EQ(WEXITSTATUS(child_status(pid)), 3);
}

CASE(vfork, "the parent waits until the child has a program of its own, no longer")
{
	long long start = mono_ns();
	pid_t pid = vfork();
	if (pid == 0) {
		execl(self_path, "conformance", "--helper", "pause", NULL);
		_exit(99);
	}
	CHECK(mono_ns() - start < 5000000000LL);
	EQ(waitpid(pid, NULL, WNOHANG), 0);
	OK(kill(pid, SIGKILL));
	child_killed(pid, SIGKILL);
}

CASE(vfork, "a failing exec in the child, then its exit")
{
	pid_t pid = vfork();
	if (pid == 0) {
		execl("./none", "none", NULL);
		_exit(errno == ENOENT ? 5 : 6);
	}
	EQ(WEXITSTATUS(child_status(pid)), 5);
}

CASE(clone, "posix_spawn: arguments, environment, descriptors, failure")
{
	posix_spawn_file_actions_t a;
	char *argv[] = { "conformance", "--helper", "env", "COLOUR", "blue", NULL }, *env[] = { "COLOUR=blue", NULL };
	char *writer[] = { "conformance", "--helper", "write", "7", NULL };
	pid_t pid;
	int p[2];
	char b[10];
	RET(posix_spawn(&pid, self_path, NULL, NULL, argv, env), 0);
	child_ok(pid);
	OK(pipe(p));
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_adddup2(&a, p[1], 7);
	RET(posix_spawn(&pid, self_path, &a, NULL, writer, env), 0);
	child_ok(pid);
	EQ(read(p[0], b, 10), 6);
	RET(posix_spawn(&pid, "./none", NULL, NULL, argv, env), ENOENT);
}

CASE(clone, "posix_spawn: signal mask and defaults")
{
	posix_spawnattr_t a;
	sigset_t usr1;
	char *blocked_usr1[] = { "conformance", "--helper", "blocked", "10", NULL };
	char *default_usr2[] = { "conformance", "--helper", "default", "12", NULL };
	pid_t pid;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	posix_spawnattr_init(&a);
	posix_spawnattr_setsigmask(&a, &usr1);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK);
	RET(posix_spawn(&pid, self_path, NULL, &a, blocked_usr1, environ), 0);
	child_ok(pid);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR2);
	posix_spawnattr_setsigdefault(&a, &usr1);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGDEF);
	RET(posix_spawn(&pid, self_path, NULL, &a, default_usr2, environ), 0);
	child_ok(pid);
}

CASE(clone, "another exit signal: only __WCLONE or __WALL waits for it")
{
	on_signal(SIGUSR1, count, 0);
	pid_t pid = (pid_t)OK(syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0));
	if (!pid)
		_exit(4);
	int status;
	while (waitpid(pid, &status, __WALL) != pid)
		EQ(errno, EINTR);
	EQ(WEXITSTATUS(status), 4);
	EQ(handled, 1);
	ERR(waitpid(pid, &status, 0), ECHILD);
}

CASE(clone, "CLONE_PARENT_SETTID and CLONE_CHILD_SETTID")
{
	pid_t in = 0, out = 0;
	pid_t pid = (pid_t)OK(syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &out, &in, 0));
	if (!pid)
		_exit(in != getpid());
	EQ(out, pid);
	EQ(in, 0);
	child_ok(pid);
}

CASE(clone, "CLONE_PARENT: a sibling, which the parent waits for")
{
	int p[2];
	pid_t pid;
	OK(pipe(p));
	pid_t me = getpid();
	CHILD(middle) {
		pid = (pid_t)OK(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
		if (!pid)
			_exit(getppid() != me);
		EQ(write(p[1], &pid, sizeof pid), sizeof pid);
	}
	EQ(read(p[0], &pid, sizeof pid), sizeof pid);
	child_ok(middle);
	child_ok(pid);
}

CASE(execve, "a new program: arguments and environment arrive, the number stays")
{
	char number[20];
	CHILD(pid) {
		snprintf(number, sizeof number, "%d", (int)getpid());
		execl(self_path, "conformance", "--helper", "pid", number, NULL);
	}
	child_ok(pid);
	CHILD(second) {
		char *argv[] = { "conformance", "--helper", "env", "A", "b c", NULL }, *env[] = { "X=1", "A=b c", NULL };
		execve(self_path, argv, env);
	}
	child_ok(second);
}

CASE(execve, "a thousand arguments; one of 100 KB; more than a quarter of the stack: E2BIG")
{
	static char *argv[1010], big[100001], *many[] = { "x", "--helper", "argc", "1", big, NULL };
	argv[0] = "conformance";
	argv[1] = "--helper";
	argv[2] = "argc";
	argv[3] = "1000"; /* behind this one */
	for (int i = 4; i < 1004; i++)
		argv[i] = "argument";
	memset(big, 'x', sizeof big - 1);
	CHILD(pid) execv(self_path, argv);
	child_ok(pid);
	CHILD(second) execv(self_path, many);
	child_ok(second);
	CHILD(third) {
		static char *huge[200];
		for (int i = 0; i < 199; i++)
			huge[i] = big;
		ERR(execv(self_path, huge), E2BIG);
	}
	child_ok(third);
}

CASE(execve, "FD_CLOEXEC descriptors are closed, others stay")
{
	OK(dup2(OK(open("/dev/null", O_RDONLY)), 40));
	OK(dup3(40, 41, O_CLOEXEC));
	CHILD(pid) execl(self_path, "conformance", "--helper", "fd-open", "40", NULL);
	child_ok(pid);
	CHILD(second) execl(self_path, "conformance", "--helper", "fd-open", "41", NULL);
	EQ(WEXITSTATUS(child_status(second)), 1);
}

CASE(execve, "none: ENOENT; not executable: EACCES; a directory: EACCES; no program: ENOEXEC")
{
	write_file("text", "hello", 5);
	ERR(execl("./none", "x", NULL), ENOENT);
	ERR(execl("./text", "x", NULL), EACCES);
	ERR(execl("/", "x", NULL), EACCES);
	OK(chmod("text", 0755));
	ERR(execl("./text", "x", NULL), ENOEXEC);
	ERR(execl("./text/below", "x", NULL), ENOTDIR);
	write_file("short", "\177ELF", 4);
	OK(chmod("short", 0755));
	ERR(execl("./short", "x", NULL), ENOEXEC);
}

CASE(execve, "bad addresses: EFAULT, and this program goes on")
{
	char *argv[] = { "x", NULL };
	EACH_BAD(bad) {
		ERR(syscall(SYS_execve, bad, argv, NULL), EFAULT);
		ERR(syscall(SYS_execve, self_path, bad, NULL), EFAULT);
		ERR(syscall(SYS_execve, self_path, argv, bad), EFAULT);
	}
}

CASE(execve, "a #! script: its interpreter with the argument, the script's name, the rest")
{
	char script[600];
	int n = snprintf(script, sizeof script, "#!%s --helper\n", self_path);
	write_file("argc", script, (size_t)n);
	OK(chmod("argc", 0755));
	CHILD(pid) execl("./argc", "x", "1", NULL);
	EQ(WEXITSTATUS(child_status(pid)), 99); /* it asked for the helper "./argc" */
	n = snprintf(script, sizeof script, "#!/none\n");
	write_file("broken", script, (size_t)n);
	OK(chmod("broken", 0755));
	ERR(execl("./broken", "x", NULL), ENOENT);
}

CASE(execve, "umask, directory and ignored signals stay; handlers become default; mappings go")
{
	umask(031);
	on_signal(SIGUSR1, count, 0);
	signal(SIGUSR2, SIG_IGN);
	static const char *const what[][2] = { { "umask", "25" }, { "default", "10" }, { "ignored", "12" } };
	for (int i = 0; i < 3; i++) {
		CHILD(pid) execl(self_path, "conformance", "--helper", what[i][0], what[i][1], NULL);
		int s = child_status(pid);
		if (s)
			FAIL("%s: 0x%x", what[i][0], s);
	}
}

CASE(execve, "a program copied into a file of this run's own")
{
	char b[4096];
	ssize_t n;
	int in = OK(open(self_path, O_RDONLY)), out = open_new("copy");
	while ((n = OK(read(in, b, sizeof b))) > 0)
		EQ(write(out, b, (size_t)n), n);
	OK(fchmod(out, 0755));
	OK(close(out));
	CHILD(pid) execl("./copy", "conformance", "--helper", "exit", "6", NULL);
	EQ(WEXITSTATUS(child_status(pid)), 6);
}

CASE(execveat, "AT_EMPTY_PATH; relative to a directory; unknown flags: EINVAL")
{
	char *argv[] = { "conformance", "--helper", "exit", "5", NULL };
	int fd = OK(open(self_path, O_PATH));
	CHILD(pid) syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	EQ(WEXITSTATUS(child_status(pid)), 5);
	ERR(syscall(SYS_execveat, fd, "", argv, environ, 0), ENOENT);
	ERR(syscall(SYS_execveat, AT_FDCWD, "none", argv, environ, 0), ENOENT);
	ERR(syscall(SYS_execveat, AT_FDCWD, "none", argv, environ, 0x40000000), EINVAL);
}

CASE(exit_group, "the low 8 bits of the status")
{
	CHILD(pid) syscall(SYS_exit_group, 0x1234);
	EQ(child_status(pid), 0x3400);
}

CASE(wait4, "nobody: ECHILD; WNOHANG while it runs: 0; unknown options: EINVAL; bad address: EFAULT")
{
	int status;
	ERR(waitpid(-1, &status, 0), ECHILD);
	CHILD(pid) pause();
	EQ(waitpid(pid, &status, WNOHANG), 0);
	ERR(waitpid(getpid(), &status, 0), ECHILD);
	ERR(waitpid(-1, &status, 0x1000), EINVAL);
	OK(kill(pid, SIGKILL));
	child_killed(pid, SIGKILL);
	CHILD(second) _exit(0);
	ERR(wait4(second, (int *)8, 0, NULL), EFAULT);
}

CASE(wait4, "any child; a group's; and their use of time")
{
	struct rusage r;
	int status;
	CHILD(a) {
		while (clock() < 20000)
			;
	}
	EQ(wait4(-1, &status, 0, &r), a);
	CHECK(r.ru_utime.tv_usec + r.ru_stime.tv_usec > 0);
	CHILD(b) {
		setpgid(0, 0);
		pause();
	}
	setpgid(b, b);
	CHILD(c) _exit(0);
	EQ(waitpid(0, &status, 0), c);
	OK(kill(b, SIGKILL));
	EQ(waitpid(-b, &status, 0), b);
	ERR(waitpid(-b, &status, 0), ECHILD);
}

CASE(wait4, "a thread may wait for what another forked")
{
	CHILD(pid) _exit(0);
	CHILD(second) _exit(0);
	int status, got[2] = { OK(wait(&status)), OK(wait(&status)) };
	CHECK((got[0] == pid && got[1] == second) || (got[1] == pid && got[0] == second));
}

CASE(waitid, "fills siginfo; WNOWAIT leaves the zombie; options missing: EINVAL; bad address: EFAULT")
{
	siginfo_t i = { 0 };
	CHILD(pid) _exit(7);
	OK(waitid(P_PID, (id_t)pid, &i, WEXITED | WNOWAIT));
	EQ(i.si_pid, pid);
	EQ(i.si_status, 7);
	EQ(i.si_code, CLD_EXITED);
	EQ(i.si_signo, SIGCHLD);
	ERR(waitid(P_PID, (id_t)pid, &i, 0), EINVAL);
	ERR(waitid(99, (id_t)pid, &i, WEXITED), EINVAL);
	OK(waitid(P_ALL, 0, &i, WEXITED));
	ERR(waitid(P_ALL, 0, &i, WEXITED), ECHILD);
}

CASE(waitid, "WNOHANG with nothing to tell: si_pid 0; killed, stopped, continued")
{
	siginfo_t i = { .si_pid = 5 };
	CHILD(pid)
		for (;;)
			pause();
	OK(waitid(P_PID, (id_t)pid, &i, WEXITED | WNOHANG));
	EQ(i.si_pid, 0);
	OK(kill(pid, SIGSTOP));
	OK(waitid(P_PID, (id_t)pid, &i, WSTOPPED));
	EQ(i.si_code, CLD_STOPPED);
	EQ(i.si_status, SIGSTOP);
	OK(kill(pid, SIGCONT));
	OK(waitid(P_PID, (id_t)pid, &i, WCONTINUED));
	EQ(i.si_code, CLD_CONTINUED);
	OK(kill(pid, SIGTERM));
	OK(waitid(P_PID, (id_t)pid, &i, WEXITED));
	EQ(i.si_code, CLD_KILLED);
	EQ(i.si_status, SIGTERM);
}

CASE(getppid, "an orphan gets another parent; a subreaper is asked first")
{
	int p[2];
	pid_t orphan, adopter;
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	OK(pipe(p));
	CHILD(middle) {
		pid_t mine = getpid();
		CHILD(grandchild) {
			pid_t out[2] = { getpid(), 0 };
			while (getppid() == mine)
				sleep_ms(1);
			out[1] = getppid();
			EQ(write(p[1], out, sizeof out), sizeof out);
		}
		_exit(grandchild < 0);
	}
	child_ok(middle);
	EQ(read(p[0], &orphan, sizeof orphan), sizeof orphan);
	EQ(read(p[0], &adopter, sizeof adopter), sizeof adopter);
	EQ(adopter, getpid());
	child_ok(orphan);
}

CASE(setpgid, "of this process and of a child; after its exec: EACCES; none: ESRCH; negative: EINVAL")
{
	CHILD(pid) pause();
	OK(setpgid(pid, pid));
	EQ(getpgid(pid), pid);
	OK(setpgid(pid, getpgrp()));
	EQ(getpgid(pid), getpgrp());
	OK(kill(pid, SIGKILL));
	child_status(pid);
	ERR(setpgid(pid, 0), ESRCH);
	ERR(setpgid(0, -1), EINVAL);
	ERR(setpgid(0, 0x3fffff), EPERM);
	char *argv[] = { "conformance", "--helper", "pause", NULL };
	RET(posix_spawn(&pid, self_path, NULL, NULL, argv, environ), 0);
	ERR(setpgid(pid, pid), EACCES);
	OK(kill(pid, SIGKILL));
	child_status(pid);
}

CASE(setsid, "a new session and group; a group's leader: EPERM")
{
	ERR(setsid(), EPERM);
	CHILD(pid) {
		EQ(setsid(), getpid());
		EQ(getsid(0), getpid());
		EQ(getpgrp(), getpid());
		ERR(setsid(), EPERM);
	}
	child_ok(pid);
}

CASE(getsid, "a child's is the parent's; none: ESRCH")
{
	pid_t mine = getsid(0), group = getpgrp();
	CHILD(pid) {
		EQ(getsid(0), mine);
		EQ(getpgrp(), group);
	}
	child_ok(pid);
	ERR(getsid(0x3fffff), ESRCH);
	ERR(getpgid(0x3fffff), ESRCH);
	EQ(syscall(SYS_getpgrp), group);
}

CASE(fork, "two hundred one after the other: none is lost, numbers differ")
{
	pid_t last = 0;
	for (int i = 0; i < 200; i++) {
		CHILD(pid) _exit(i & 0x7f);
		CHECK(pid != last);
		EQ(WEXITSTATUS(child_status(pid)), i & 0x7f);
		last = pid;
	}
}
