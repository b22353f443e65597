/* Processes: fork and its kin. */
#include "processes.h"

#define GROUP "processes"

CALL(fork, "");
CALL(vfork, "");
CALL(clone, "a process: SIGCHLD or another signal, CLONE_VFORK CLONE_VM CLONE_PARENT CLONE_PARENT_SETTID CLONE_CHILD_SETTID CLONE_CHILD_CLEARTID");

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
