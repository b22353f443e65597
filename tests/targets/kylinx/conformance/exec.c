/* New programs. */
#include "processes.h"

#define GROUP "processes"

CALL(execve, "ELF (static, dynamic, position-independent or not), #! scripts");
CALL(execveat, "AT_EMPTY_PATH AT_SYMLINK_NOFOLLOW");

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
