/* Further calls of the groups: the older and newer relatives of calls that have cases of their own elsewhere, and getters. */
#include "suite.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <utime.h>

#define GROUP "files"

CALL(openat2, "O_* of openat; RESOLVE_NO_SYMLINKS RESOLVE_NO_MAGICLINKS RESOLVE_BENEATH RESOLVE_IN_ROOT RESOLVE_NO_XDEV");
CALL(fchmodat2, "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH");
CALL(utime, "");
CALL(utimes, "");
CALL(futimesat, "");
CALL(fadvise64, "accepted");
CALL(readahead, "accepted");
CALL(sync_file_range, "accepted");
CALL(syncfs, "");

static void nothing(int signo) { (void)signo; }

CASE(open, "the old call: as openat with AT_FDCWD")
{
	int fd = OK(syscall(SYS_open, "a", O_CREAT | O_RDWR, 0640));
	EQ(write(fd, "x", 1), 1);
	ERR(syscall(SYS_open, "none", O_RDONLY), ENOENT);
	EACH_BAD(bad)
		ERR(syscall(SYS_open, bad, O_RDONLY), EFAULT);
}

CASE(openat2, "opens; unknown flags, resolve or size: EINVAL, E2BIG; bad address: EFAULT")
{
	struct open_how how = { .flags = O_CREAT | O_RDWR, .mode = 0600 };
	OK(syscall(SYS_openat2, AT_FDCWD, "a", &how, sizeof how));
	how = (struct open_how){ .flags = O_RDONLY, .mode = 0600 };
	ERR(syscall(SYS_openat2, AT_FDCWD, "a", &how, sizeof how), EINVAL);
	how = (struct open_how){ .flags = O_RDONLY, .resolve = 1UL << 40 };
	ERR(syscall(SYS_openat2, AT_FDCWD, "a", &how, sizeof how), EINVAL);
	ERR(syscall(SYS_openat2, AT_FDCWD, "a", &how, 8L), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_openat2, AT_FDCWD, "a", bad, sizeof how), EFAULT);
}

CASE(openat2, "RESOLVE_NO_SYMLINKS: ELOOP; RESOLVE_BENEATH: EXDEV for what leaves; RESOLVE_IN_ROOT stays inside")
{
	struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_NO_SYMLINKS };
	OK(mkdir("d", 0755));
	close(open_new("d/a"));
	close(open_new("outside"));
	OK(symlink("a", "d/link"));
	OK(symlink("/a", "d/absolute"));
	int d = OK(open("d", O_RDONLY | O_DIRECTORY));
	ERR(syscall(SYS_openat2, d, "link", &how, sizeof how), ELOOP);
	how.resolve = RESOLVE_BENEATH;
	OK(syscall(SYS_openat2, d, "link", &how, sizeof how));
	ERR(syscall(SYS_openat2, d, "../outside", &how, sizeof how), EXDEV);
	ERR(syscall(SYS_openat2, d, "absolute", &how, sizeof how), EXDEV);
	how.resolve = RESOLVE_IN_ROOT;
	OK(syscall(SYS_openat2, d, "absolute", &how, sizeof how));
	ERR(syscall(SYS_openat2, d, "../outside", &how, sizeof how), ENOENT);
}

CASE(fchmodat2, "AT_EMPTY_PATH; unknown flags: EINVAL")
{
	struct stat s;
	int fd = open_new("a");
	OK(syscall(452, fd, "", 0604, AT_EMPTY_PATH));
	OK(fstat(fd, &s));
	EQ(s.st_mode & 07777, 0604);
	ERR(syscall(452, AT_FDCWD, "a", 0604, 0x40000000), EINVAL);
}

CASE(utime, "both times in seconds; NULL: now; none: ENOENT")
{
	struct stat s;
	struct utimbuf t = { 1000, 2000 };
	close(open_new("a"));
	OK(syscall(SYS_utime, "a", &t));
	OK(stat("a", &s));
	EQ(s.st_atime, 1000);
	EQ(s.st_mtime, 2000);
	OK(syscall(SYS_utime, "a", NULL));
	OK(stat("a", &s));
	CHECK(s.st_mtime > 2000);
	ERR(syscall(SYS_utime, "none", NULL), ENOENT);
}

CASE(utimes, "microseconds; not valid: EINVAL; bad address: EFAULT")
{
	struct stat s;
	struct timeval t[2] = { { 1000, 5 }, { 2000, 6 } };
	close(open_new("a"));
	OK(syscall(SYS_utimes, "a", t));
	OK(stat("a", &s));
	EQ(s.st_mtim.tv_nsec, 6000);
	t[0].tv_usec = 1000000;
	ERR(syscall(SYS_utimes, "a", t), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_utimes, "a", bad), EFAULT);
}

CASE(futimesat, "relative to a directory")
{
	struct stat s;
	struct timeval t[2] = { { 1000, 0 }, { 2000, 0 } };
	OK(mkdir("d", 0755));
	close(open_new("d/a"));
	OK(syscall(SYS_futimesat, OK(open("d", O_RDONLY)), "a", t));
	OK(stat("d/a", &s));
	EQ(s.st_mtime, 2000);
}

CASE(pwritev, "at an offset; the file's own stays; negative: EINVAL")
{
	struct iovec v[] = { { "ab", 2 }, { "c", 1 } };
	char b[8];
	int fd = open_new("a");
	EQ(pwritev(fd, v, 2, 2), 3);
	EQ(lseek(fd, 0, SEEK_CUR), 0);
	EQ(pread(fd, b, 8, 0), 5);
	EQ(memcmp(b, "\0\0abc", 5), 0);
	ERR(pwritev(fd, v, 2, -1), EINVAL);
	EACH_BAD(bad)
		ERR(pwritev(fd, bad, 1, 0), EFAULT);
}

CASE(fadvise64, "accepted; unknown advice: EINVAL; a pipe: ESPIPE; closed: EBADF")
{
	int p[2], fd = open_new("a");
	EQ(syscall(SYS_fadvise64, fd, 0L, 0L, POSIX_FADV_SEQUENTIAL), 0);
	ERR(syscall(SYS_fadvise64, fd, 0L, 0L, 99), EINVAL);
	OK(pipe(p));
	ERR(syscall(SYS_fadvise64, p[0], 0L, 0L, POSIX_FADV_NORMAL), ESPIPE);
	ERR(syscall(SYS_fadvise64, 999, 0L, 0L, POSIX_FADV_NORMAL), EBADF);
}

CASE(readahead, "of a file; a pipe: EINVAL; closed: EBADF")
{
	int p[2];
	OK(readahead(open_new("a"), 0, 4096));
	OK(pipe(p));
	ERR(readahead(p[0], 0, 1), EINVAL);
	ERR(readahead(999, 0, 1), EBADF);
}

CASE(sync_file_range, "of a file; unknown flags: EINVAL; closed: EBADF")
{
	int fd = open_new("a");
	OK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	ERR(sync_file_range(fd, 0, 0, 64), EINVAL);
	ERR(sync_file_range(999, 0, 0, 0), EBADF);
}

CASE(syncfs, "of any descriptor's; closed: EBADF")
{
	OK(syncfs(open_new("a")));
	ERR(syncfs(999), EBADF);
}

#undef GROUP
#define GROUP "directories"
CALL(getdents, "");

CASE(getdents, "the old call: the type is the last byte of a record")
{
	char b[1000];
	OK(mkdir("d", 0755));
	long n = OK(syscall(SYS_getdents, OK(open(".", O_RDONLY)), b, sizeof b));
	bool found = false;
	for (long at = 0; at < n;) {
		unsigned short length;
		memcpy(&length, b + at + 16, 2);
		found |= !strcmp(b + at + 18, "d") && b[at + length - 1] == 4;
		at += length;
	}
	CHECK(found);
}

#undef GROUP
#define GROUP "memory"
CALL(mlock2, "MLOCK_ONFAULT; accepted");

CASE(mlock2, "MLOCK_ONFAULT; unknown flags: EINVAL")
{
	char *p = OK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mlock2(p, 4096, 1));
	ERR(mlock2(p, 4096, 64), EINVAL);
}

CASE(munlock, "of a hole: ENOMEM")
{
	char *p = OK(mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(munlock(p, 8192));
	OK(munmap(p + 4096, 4096));
	ERR(munlock(p, 8192), ENOMEM);
}

CASE(munlockall, "at any time")
{
	OK(munlockall());
}

#undef GROUP
#define GROUP "sockets"

CASE(recvmmsg, "waits for the first; a time-out ends the waiting for more")
{
	int s[2];
	char b[2][8];
	struct iovec v[2] = { { b[0], 8 }, { b[1], 8 } };
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = &v[0], .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &v[1], .msg_iovlen = 1 } } };
	OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	ERR(recvmmsg(s[0], m, 2, MSG_DONTWAIT, NULL), EAGAIN);
	CHILD(pid) {
		sleep_ms(10);
		EQ(send(s[1], "hello", 5, 0), 5);
	}
	EQ(recvmmsg(s[0], m, 2, MSG_WAITFORONE, NULL), 1);
	EQ(m[0].msg_len, 5);
	child_ok(pid);
}

#undef GROUP
#define GROUP "posix mq"

CASE(mq_unlink, "none: ENOENT; bad address: EFAULT")
{
	ERR(mq_unlink("/conformance.none"), ENOENT);
	EACH_BAD(bad)
		ERR(syscall(SYS_mq_unlink, bad), EFAULT);
}

#undef GROUP
#define GROUP "timers"

CASE(getitimer, "what setitimer set")
{
	struct itimerval t = { .it_interval = { 3, 4 }, .it_value = { 100, 0 } };
	OK(setitimer(ITIMER_REAL, &t, NULL));
	OK(getitimer(ITIMER_REAL, &t));
	EQ(t.it_interval.tv_sec, 3);
	EQ(t.it_interval.tv_usec, 4);
	EQ(t.it_value.tv_sec, 99);
}

CASE(timer_getoverrun, "0 for a timer that was on time")
{
	int id;
	OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
	EQ(syscall(SYS_timer_getoverrun, id), 0);
	OK(syscall(SYS_timer_delete, id));
	ERR(syscall(SYS_timer_getoverrun, id), EINVAL);
}

#undef GROUP
#define GROUP "threads"

CASE(clone3, "as fork; unknown flags, short or long arguments: EINVAL, E2BIG; bad address: EFAULT")
{
	struct clone_args a = { .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)OK(syscall(SYS_clone3, &a, sizeof a));
	if (!pid)
		_exit(4);
	EQ(WEXITSTATUS(child_status(pid)), 4);
	ERR(syscall(SYS_clone3, &a, 8L), EINVAL);
	ERR(syscall(SYS_clone3, &a, 10000L), E2BIG);
	a.exit_signal = 1000;
	ERR(syscall(SYS_clone3, &a, sizeof a), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_clone3, bad, sizeof a), EFAULT);
}

#undef GROUP
#define GROUP "processes"

CASE(getpgid, "0 is this process; a child's is the parent's")
{
	EQ(getpgid(0), getpgid(getpid()));
	EQ(getpgid(getppid()) != getpgid(0), 1); /* a case has a group of its own */
	ERR(getpgid(-1), ESRCH);
}

CASE(getpgrp, "as getpgid(0)")
{
	EQ(syscall(SYS_getpgrp), getpgid(0));
}

#undef GROUP
#define GROUP "ids and limits"
CALL(capset, "less than there is; more: EPERM");
CALL(sched_setscheduler, "SCHED_OTHER");
CALL(sched_setparam, "priority 0");
CALL(sched_rr_get_interval, "");
CALL(personality, "remembered");
CALL(ioprio_get, "");
CALL(ioprio_set, "remembered");

CASE(getuid, "and its three relatives: root's, then another user's")
{
	EQ(getuid() + geteuid() + getgid() + getegid(), 0);
	CHILD(pid) {
		OK(setresgid(3, 4, 4));
		OK(setresuid(1, 2, 2));
		EQ(getuid(), 1);
		EQ(geteuid(), 2);
		EQ(getgid(), 3);
		EQ(getegid(), 4);
	}
	child_ok(pid);
}

CASE(geteuid, "stays over exec and fork")
{
	CHILD(pid) {
		OK(setresuid(0, 1000, 0));
		CHILD(below) EQ(geteuid(), 1000);
		child_ok(below);
	}
	child_ok(pid);
}

CASE(getgid, "the group of a file that is made is the effective one")
{
	struct stat s;
	OK(setegid(77));
	close(open_new("a"));
	OK(stat("a", &s));
	EQ(s.st_gid, 77);
}

CASE(getegid, "set by setegid, real stays")
{
	OK(setegid(77));
	EQ(getegid(), 77);
	EQ(getgid(), 0);
}

CASE(getresuid, "all three at once")
{
	uid_t r, e, s;
	OK(getresuid(&r, &e, &s));
	EQ(r + e + s, 0);
}

CASE(getresgid, "all three at once")
{
	gid_t r, e, s;
	OK(getresgid(&r, &e, &s));
	EQ(r + e + s, 0);
}

CASE(setfsgid, "gives the one before, also when refused")
{
	EQ(syscall(SYS_setfsgid, 5), 0);
	EQ(syscall(SYS_setfsgid, -1), 5);
}

CASE(setgroups, "too many: EINVAL; bad address: EFAULT")
{
	ERR(syscall(SYS_setgroups, 70000, NULL), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_setgroups, 2, bad), EFAULT);
}

CASE(setrlimit, "is inherited by fork")
{
	struct rlimit r = { 77, 88 };
	OK(setrlimit(RLIMIT_CORE, &r) == 0 ? 0 : setrlimit(RLIMIT_NOFILE, &r));
	OK(setrlimit(RLIMIT_NOFILE, &r));
	CHILD(pid) {
		OK(getrlimit(RLIMIT_NOFILE, &r));
		EQ(r.rlim_cur, 77);
		EQ(r.rlim_max, 88);
	}
	child_ok(pid);
}

CASE(getpriority, "0 at first; none: ESRCH")
{
	EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 20); /* the call's own scale */
	ERR(syscall(SYS_getpriority, PRIO_PROCESS, 0x3fffff), ESRCH);
}

CASE(sched_setaffinity, "bad address: EFAULT; none: ESRCH")
{
	cpu_set_t set;
	OK(sched_getaffinity(0, sizeof set, &set));
	ERR(sched_setaffinity(0x3fffff, sizeof set, &set), ESRCH);
	EACH_BAD(bad)
		ERR(syscall(SYS_sched_setaffinity, 0, 8L, bad), EFAULT);
}

CASE(sched_setaffinity, "one CPU: getaffinity and getcpu say so; a child inherits it; none of them: EINVAL")
{
	cpu_set_t all, one, seen;
	int cpu = CPU_SETSIZE;
	OK(sched_getaffinity(0, sizeof all, &all));
	while (!CPU_ISSET(--cpu, &all))
		;
	CPU_ZERO(&one);
	ERR(sched_setaffinity(0, sizeof one, &one), EINVAL);
	CPU_SET(cpu, &one);
	OK(sched_setaffinity(0, sizeof one, &one));
	OK(sched_getaffinity(0, sizeof seen, &seen));
	CHECK(CPU_EQUAL(&one, &seen));
	EQ(sched_getcpu(), cpu);
	CHILD(pid) {
		OK(sched_getaffinity(0, sizeof seen, &seen));
		CHECK(CPU_EQUAL(&one, &seen));
		EQ(sched_getcpu(), cpu);
		OK(sched_setaffinity(getppid(), sizeof all, &all));
	}
	child_ok(pid);
	OK(sched_getaffinity(0, sizeof seen, &seen));
	CHECK(CPU_EQUAL(&all, &seen));
}

CASE(sched_setscheduler, "SCHED_OTHER with priority 0; another priority or policy: EINVAL; bad address: EFAULT")
{
	struct sched_param p = { 0 };
	OK(sched_setscheduler(0, SCHED_OTHER, &p));
	p.sched_priority = 5;
	ERR(sched_setscheduler(0, SCHED_OTHER, &p), EINVAL);
	ERR(sched_setscheduler(0, 99, &p), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, bad), EFAULT);
}

CASE(sched_setparam, "priority 0; another: EINVAL")
{
	struct sched_param p = { 0 };
	OK(sched_setparam(0, &p));
	p.sched_priority = 5;
	ERR(sched_setparam(0, &p), EINVAL);
}

CASE(sched_getparam, "priority 0; bad address: EFAULT or EINVAL; none: ESRCH")
{
	struct sched_param p = { 3 };
	OK(sched_getparam(0, &p));
	EQ(p.sched_priority, 0);
	ERR(sched_getparam(0x3fffff, &p), ESRCH);
}

CASE(sched_get_priority_max, "of each policy; unknown: EINVAL")
{
	EQ(sched_get_priority_max(SCHED_RR), 99);
	EQ(sched_get_priority_max(SCHED_BATCH), 0);
	ERR(sched_get_priority_max(-1), EINVAL);
}

CASE(sched_get_priority_min, "of each policy; unknown: EINVAL")
{
	EQ(sched_get_priority_min(SCHED_RR), 1);
	EQ(sched_get_priority_min(SCHED_OTHER), 0);
	ERR(sched_get_priority_min(99), EINVAL);
}

CASE(sched_rr_get_interval, "some time; none: ESRCH")
{
	struct timespec t = { -1, -1 };
	OK(sched_rr_get_interval(0, &t));
	CHECK(t.tv_sec >= 0 && t.tv_nsec >= 0);
	ERR(sched_rr_get_interval(0x3fffff, &t), ESRCH);
}

CASE(capset, "another user asking for some: EPERM; wrong version: EINVAL; bad address: EFAULT")
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { .effective = 1, .permitted = 1 } };
	CHILD(pid) {
		OK(setuid(1000));
		ERR(syscall(SYS_capset, &h, d), EPERM);
		memset(d, 0, sizeof d);
		OK(syscall(SYS_capset, &h, d));
	}
	child_ok(pid);
	EACH_BAD(bad)
		ERR(syscall(SYS_capset, bad, d), EFAULT);
	h.version = 1;
	ERR(syscall(SYS_capset, &h, d), EINVAL);
}

CASE(personality, "0xffffffff asks; what is set is remembered and inherited")
{
	int before = personality(0xffffffff);
	EQ(personality((unsigned long)before | ADDR_NO_RANDOMIZE), before);
	EQ(personality(0xffffffff), before | ADDR_NO_RANDOMIZE);
	CHILD(pid) EQ(personality(0xffffffff), before | ADDR_NO_RANDOMIZE);
	child_ok(pid);
}

CASE(ioprio_get, "what was set; unknown kind: EINVAL; none: ESRCH")
{
	OK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3));
	EQ(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 3);
	ERR(syscall(SYS_ioprio_get, 9, 0), EINVAL);
	ERR(syscall(SYS_ioprio_get, 1, 0x3fffff), ESRCH);
}

CASE(ioprio_set, "unknown class: EINVAL")
{
	ERR(syscall(SYS_ioprio_set, 1, 0, 7 << 13), EINVAL);
}

#undef GROUP
#define GROUP "signals"
CALL(restart_syscall, "by the LibOS itself");

CASE(restart_syscall, "poll goes on after SIGSTOP and SIGCONT, and keeps its time")
{
	int status;
	CHILD(pid) {
		long long start = mono_ns();
		EQ(poll(NULL, 0, 80), 0);
		CHECK(mono_ns() - start >= 80000000);
		CHECK(mono_ns() - start < 5000000000LL);
	}
	sleep_ms(10);
	OK(kill(pid, SIGSTOP));
	EQ(waitpid(pid, &status, WUNTRACED), pid);
	OK(kill(pid, SIGCONT));
	child_ok(pid);
	on_signal(SIGALRM, nothing, 0);
	ERR(syscall(SYS_restart_syscall), EINTR);
}
