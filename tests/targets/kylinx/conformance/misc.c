/* What fits nowhere else; and /proc, /sys. */
#include "suite.h"
#include <ctype.h>
#include <dirent.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define GROUP "misc"

CALL(uname, "");
CALL(sysinfo, "");
CALL(getrandom, "GRND_NONBLOCK GRND_RANDOM");
CALL(getcpu, "");

CASE(uname, "Linux on x86_64; bad address: EFAULT")
{
	struct utsname u;
	OK(uname(&u));
	EQ(strcmp(u.sysname, "Linux"), 0);
	EQ(strcmp(u.machine, "x86_64"), 0);
	CHECK(isdigit((unsigned char)u.release[0]));
	EACH_BAD(bad)
		ERR(syscall(SYS_uname, bad), EFAULT);
}

CASE(sysinfo, "memory and processes; bad address: EFAULT")
{
	struct sysinfo s;
	OK(sysinfo(&s));
	CHECK(s.totalram > 0 && s.freeram <= s.totalram);
	CHECK(s.procs >= 1);
	CHECK(s.mem_unit >= 1);
	EACH_BAD(bad)
		ERR(syscall(SYS_sysinfo, bad), EFAULT);
}

CASE(getrandom, "differs each time, in a forked child too; unknown flags: EINVAL; bad address: EFAULT")
{
	unsigned char a[32], b[32], *shared = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	EQ(getrandom(a, 32, 0), 32);
	EQ(getrandom(b, 32, GRND_NONBLOCK), 32);
	CHECK(memcmp(a, b, 32));
	CHILD(pid) EQ(getrandom(shared, 32, 0), 32);
	EQ(getrandom(b, 32, 0), 32);
	child_ok(pid);
	CHECK(memcmp(shared, b, 32));
	ERR(getrandom(a, 32, 0x1000), EINVAL);
	EACH_BAD(bad)
		ERR(getrandom(bad, 32, 0), EFAULT);
}

CASE(getrandom, "looks random: no byte value is missing or far too frequent in 64 KiB")
{
	static unsigned char b[65536];
	int n[256] = { 0 };
	for (size_t got = 0; got < sizeof b; got += (size_t)OK(getrandom(b + got, sizeof b - got, 0)))
		;
	for (size_t i = 0; i < sizeof b; i++)
		n[b[i]]++;
	for (int i = 0; i < 256; i++)
		CHECK(n[i] > 128 && n[i] < 512);
}

CASE(getcpu, "a CPU below the number there are; NULLs; bad address: EFAULT")
{
	unsigned cpu = 9999, node = 9999;
	OK(syscall(SYS_getcpu, &cpu, &node, NULL));
	CHECK(cpu < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
	OK(syscall(SYS_getcpu, NULL, NULL, NULL));
	EACH_BAD(bad)
		ERR(syscall(SYS_getcpu, bad, NULL, NULL), EFAULT);
}

CASE(getpid, "an unknown call: ENOSYS")
{
	ERR(syscall(600), ENOSYS);
	ERR(syscall(100000), ENOSYS);
	ERR(syscall(-1L), ENOSYS);
}

CASE(getpid, "registers other than rax, rcx, r11 survive a call; vectors too")
{
	register unsigned long r8 __asm__("r8") = 8, r9 __asm__("r9") = 9, r10 __asm__("r10") = 10;
	unsigned long rbx = 3, r12 = 12, rdi = 5, rsi = 6, rdx = 7, rax = SYS_getppid;
	double in = 1.5, out;
	__asm__ volatile("movsd %[in], %%xmm9\n syscall\n movsd %%xmm9, %[out]"
		: "+a"(rax), "+b"(rbx), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r8), "+r"(r9), "+r"(r10), [out] "=m"(out)
		: [in] "m"(in) : "rcx", "r11", "xmm9", "memory");
	EQ(rbx + rdi + rsi + rdx + r8 + r9 + r10 + r12, 3 + 5 + 6 + 7 + 8 + 9 + 10 + 12);
	CHECK(out == 1.5);
	EQ(rax, getppid());
}

CASE(getpid, "a call from code that was written at run time")
{
	static const unsigned char code[] = { 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3 }; /* mov $39, %eax; syscall; ret */
	char *p = OK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memcpy(p, code, sizeof code);
	OK(mprotect(p, 4096, PROT_READ | PROT_EXEC));
	EQ(((long (*)(void))p)(), getpid());
}

#undef GROUP
#define GROUP "procfs"

static long number_of(const char *path, const char *prefix)
{
	char line[400];
	if (!has_line(path, prefix, line, sizeof line))
		FAIL("%s has no %s", path, prefix);
	return strtol(line + strlen(prefix), NULL, 10);
}

CASE(openat, "/proc/self is this process; /proc/PID another; a dead one is gone")
{
	char b[50], name[50];
	ssize_t n = OK(readlink("/proc/self", b, sizeof b - 1));
	b[n] = 0;
	EQ(atoi(b), getpid());
	CHILD(pid) pause();
	snprintf(name, sizeof name, "/proc/%d/status", (int)pid);
	EQ(number_of(name, "PPid:\t"), getpid());
	OK(kill(pid, SIGKILL));
	child_status(pid);
	ERR(open(name, O_RDONLY), ENOENT);
}

CASE(openat, "/proc/self/stat: number, name, state, parent, group, session")
{
	char line[600], name[64], state;
	int pid, parent, group, session;
	CHECK(has_line("/proc/self/stat", "", line, sizeof line));
	EQ(sscanf(line, "%d (%63[^)]) %c %d %d %d", &pid, name, &state, &parent, &group, &session), 6);
	EQ(pid, getpid());
	EQ(state, 'R');
	EQ(parent, getppid());
	EQ(group, getpgrp());
	EQ(session, getsid(0));
	int fields = 1;
	for (const char *p = strrchr(line, ')'); *p; p++)
		fields += *p == ' ';
	EQ(fields, 51); /* 52, the name counting as one with the number */
}

CASE(openat, "/proc/self/status: Pid, Uid, Threads, masks")
{
	sigset_t s;
	char line[200];
	EQ(number_of("/proc/self/status", "Pid:\t"), getpid());
	EQ(number_of("/proc/self/status", "Uid:\t"), getuid());
	EQ(number_of("/proc/self/status", "Threads:\t"), 1);
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	CHECK(has_line("/proc/self/status", "SigBlk:\t", line, sizeof line));
	EQ(strtoul(line + 8, NULL, 16), 1UL << (SIGUSR1 - 1));
	CHECK(number_of("/proc/self/status", "VmRSS:") > 0);
}

CASE(openat, "/proc/self/maps: the program, a new mapping, its rights; gone after munmap")
{
	char line[400], want[40];
	char *p = OK(mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mprotect(p + 4096, 4096, PROT_NONE));
	snprintf(want, sizeof want, "%lx-%lx ---p", (unsigned long)p + 4096, (unsigned long)p + 8192);
	CHECK(has_line("/proc/self/maps", want, line, sizeof line));
	OK(munmap(p, 3 * 4096));
	CHECK(!has_line("/proc/self/maps", want, line, sizeof line));
	FILE *f = fopen("/proc/self/maps", "r");
	bool program = false, stack = false;
	CHECK(f);
	while (fgets(line, sizeof line, f)) {
		program |= strstr(line, self_path) && strstr(line, "r-xp");
		stack |= strstr(line, "[stack]") && strstr(line, "rw-p");
	}
	CHECK(program);
	CHECK(stack);
}

CASE(openat, "/proc/self/cmdline, comm, environ, exe, cwd, root")
{
	char b[600] = "", cwd[400], got[400] = "";
	EQ(strlen(self_path) > 0, 1);
	int fd = OK(open("/proc/self/cmdline", O_RDONLY));
	CHECK(OK(read(fd, b, sizeof b - 1)) > 0);
	CHECK(strstr(b, "conformance"));
	EQ(readlink("/proc/self/exe", got, sizeof got), strlen(self_path));
	EQ(memcmp(got, self_path, strlen(self_path)), 0);
	CHECK(getcwd(cwd, sizeof cwd));
	memset(got, 0, sizeof got);
	EQ(readlink("/proc/self/cwd", got, sizeof got), strlen(cwd));
	EQ(strcmp(got, cwd), 0);
	EQ(readlink("/proc/self/root", got, sizeof got), 1);
	OK(open("/proc/self/environ", O_RDONLY));
}

CASE(openat, "/proc/self/fd: one entry a descriptor, links to what they are")
{
	char b[300] = "", want[50];
	int fd = open_new("a"), n = 0, p[2];
	struct dirent *e;
	OK(close_range(fd + 1, ~0U, 0));
	DIR *d = opendir("/proc/self/fd");
	CHECK(d);
	while ((e = readdir(d)))
		n += isdigit((unsigned char)e->d_name[0]) != 0;
	int open_fds = 0;
	for (int i = 0; i <= dirfd(d); i++)
		open_fds += fcntl(i, F_GETFD) >= 0;
	EQ(n, open_fds);
	snprintf(want, sizeof want, "/proc/self/fd/%d", fd);
	OK(readlink(want, b, sizeof b));
	CHECK(strstr(b, "/a"));
	OK(pipe(p));
	snprintf(want, sizeof want, "/proc/self/fd/%d", p[0]);
	memset(b, 0, sizeof b);
	OK(readlink(want, b, sizeof b));
	EQ(strncmp(b, "pipe:[", 6), 0);
}

CASE(openat, "/proc/self/task: this thread")
{
	char name[60];
	snprintf(name, sizeof name, "/proc/self/task/%d/stat", (int)gettid());
	OK(access(name, R_OK));
	EQ(number_of("/proc/thread-self/status", "Pid:\t"), gettid());
}

CASE(openat, "/proc/meminfo, cpuinfo, uptime, loadavg, stat, filesystems, mounts, version")
{
	char line[2000];
	CHECK(number_of("/proc/meminfo", "MemTotal:") > 0);
	CHECK(number_of("/proc/meminfo", "MemAvailable:") > 0);
	CHECK(has_line("/proc/cpuinfo", "processor", line, sizeof line));
	CHECK(has_line("/proc/stat", "cpu ", line, sizeof line));
	CHECK(has_line("/proc/uptime", "", line, sizeof line));
	CHECK(has_line("/proc/loadavg", "", line, sizeof line));
	CHECK(has_line("/proc/mounts", "", line, sizeof line));
	CHECK(has_line("/proc/version", "Linux version ", line, sizeof line));
	CHECK(has_line("/proc/filesystems", "nodev", line, sizeof line));
}

CASE(openat, "/proc/sys/kernel and /proc/sys/vm: pid_max, osrelease, overcommit_memory; /sys: CPUs online")
{
	char line[100];
	CHECK(number_of("/proc/sys/kernel/pid_max", "") > 1000);
	CHECK(has_line("/proc/sys/kernel/osrelease", "", line, sizeof line));
	CHECK(number_of("/proc/sys/vm/overcommit_memory", "") >= 0);
	CHECK(number_of("/proc/sys/fs/pipe-max-size", "") >= 65536);
	EQ(number_of("/sys/devices/system/cpu/online", ""), 0);
	CHECK(number_of("/proc/sys/kernel/random/entropy_avail", "") > 0);
}

CASE(openat, "/proc/self/limits, statm, oom_score_adj, mountinfo")
{
	char line[300];
	CHECK(has_line("/proc/self/limits", "Max open files", line, sizeof line));
	CHECK(number_of("/proc/self/statm", "") > 0);
	CHECK(has_line("/proc/self/oom_score_adj", "", line, sizeof line));
	CHECK(has_line("/proc/self/mountinfo", "", line, sizeof line));
}

CASE(openat, "/proc is not writable: EACCES or EPERM; unknown names: ENOENT")
{
	ERR(open("/proc/none", O_RDONLY), ENOENT);
	long r = mkdir("/proc/new", 0755);
	CHECK(r == -1);
	r = unlink("/proc/meminfo");
	CHECK(r == -1 && (errno == EPERM || errno == EACCES || errno == EROFS));
}
