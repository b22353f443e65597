/* Users, groups, capabilities, limits. */
#include "suite.h"
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define GROUP "ids and limits"

CALL(getuid, "");
CALL(geteuid, "");
CALL(getgid, "");
CALL(getegid, "");
CALL(setuid, "");
CALL(setgid, "");
CALL(setreuid, "");
CALL(setregid, "");
CALL(setresuid, "");
CALL(getresuid, "");
CALL(setresgid, "");
CALL(getresgid, "");
CALL(setfsuid, "");
CALL(setfsgid, "");
CALL(getgroups, "");
CALL(setgroups, "");
CALL(getrlimit, "");
CALL(setrlimit, "");
CALL(prlimit64, "");
CALL(getrusage, "RUSAGE_SELF RUSAGE_CHILDREN RUSAGE_THREAD");
CALL(getpriority, "PRIO_PROCESS");
CALL(setpriority, "PRIO_PROCESS; remembered");
CALL(sched_getaffinity, "");
CALL(sched_setaffinity, "of a process: all its threads");
CALL(sched_getscheduler, "");
CALL(sched_getparam, "");
CALL(sched_get_priority_max, "");
CALL(sched_get_priority_min, "");
CALL(capget, "");
CALL(prctl, "PR_SET_NAME PR_GET_NAME PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_SET_DUMPABLE PR_GET_DUMPABLE PR_SET_CHILD_SUBREAPER PR_GET_CHILD_SUBREAPER PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS");

CASE(setuid, "root gives up all three for good")
{
	uid_t r, e, s;
	EQ(getuid(), 0);
	CHILD(pid) {
		OK(setuid(1000));
		OK(getresuid(&r, &e, &s));
		EQ(r + e + s, 3000);
		ERR(setuid(0), EPERM);
		OK(setuid(1000));
		EQ(geteuid(), 1000);
	}
	child_ok(pid);
}

CASE(setgid, "root gives up all three; then EPERM")
{
	gid_t r, e, s;
	CHILD(pid) {
		OK(setgid(100));
		OK(getresgid(&r, &e, &s));
		EQ(r + e + s, 300);
		OK(setuid(1000));
		ERR(setgid(0), EPERM);
		EQ(getegid(), 100);
		EQ(getgid(), 100);
	}
	child_ok(pid);
}

CASE(setreuid, "swaps, and comes back by the saved one")
{
	CHILD(pid) {
		OK(setreuid(1000, 0));
		EQ(getuid(), 1000);
		EQ(geteuid(), 0);
		OK(setreuid((uid_t)-1, 1000));
		ERR(setreuid(0, 0), EPERM);
	}
	child_ok(pid);
}

CASE(setregid, "real and effective")
{
	CHILD(pid) {
		OK(setregid(5, 6));
		EQ(getgid(), 5);
		EQ(getegid(), 6);
		OK(setuid(1000));
		ERR(setregid(7, 7), EPERM);
	}
	child_ok(pid);
}

CASE(setresuid, "each by itself; -1 leaves; bad address of getresuid: EFAULT")
{
	uid_t r, e, s;
	CHILD(pid) {
		OK(setresuid(1, 2, 3));
		OK(getresuid(&r, &e, &s));
		EQ(r * 100 + e * 10 + s, 123);
		OK(setresuid((uid_t)-1, 3, (uid_t)-1));
		EQ(geteuid(), 3);
		ERR(setresuid(9, 9, 9), EPERM);
	}
	child_ok(pid);
	EACH_BAD(bad)
		ERR(getresuid(bad, &e, &s), EFAULT);
}

CASE(setresgid, "each by itself")
{
	gid_t r, e, s;
	CHILD(pid) {
		OK(setresgid(1, 2, 3));
		OK(getresgid(&r, &e, &s));
		EQ(r * 100 + e * 10 + s, 123);
	}
	child_ok(pid);
	EACH_BAD(bad)
		ERR(getresgid(&r, &e, bad), EFAULT);
}

CASE(setfsuid, "gives the one before")
{
	CHILD(pid) {
		EQ(setfsuid(55), 0);
		EQ(setfsuid((uid_t)-1), 55);
		EQ(setfsgid(66), 0);
		EQ(setfsgid((uid_t)-1), 66);
	}
	child_ok(pid);
}

CASE(getgroups, "what setgroups set; too little room: EINVAL; another user's setgroups: EPERM; bad address: EFAULT")
{
	gid_t set[3] = { 10, 20, 30 }, got[3];
	CHILD(pid) {
		OK(setgroups(3, set));
		EQ(getgroups(0, NULL), 3);
		EQ(getgroups(3, got), 3);
		EQ(got[0] + got[1] + got[2], 60);
		ERR(getgroups(2, got), EINVAL);
		ERR(getgroups(-1, got), EINVAL);
		EACH_BAD(bad)
			ERR(getgroups(3, bad), EFAULT);
		OK(setuid(1000));
		ERR(setgroups(0, NULL), EPERM);
	}
	child_ok(pid);
}

CASE(getrlimit, "and setrlimit: soft below hard; raising hard as another user: EPERM; soft above hard: EINVAL")
{
	struct rlimit r = { 100, 200 }, got;
	OK(setrlimit(RLIMIT_NOFILE, &r));
	OK(getrlimit(RLIMIT_NOFILE, &got));
	EQ(got.rlim_cur, 100);
	EQ(got.rlim_max, 200);
	r.rlim_cur = 300;
	ERR(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
	ERR(getrlimit(99, &got), EINVAL);
	CHILD(pid) {
		OK(getrlimit(RLIMIT_NOFILE, &got));
		EQ(got.rlim_cur, 100);
		OK(setuid(1000));
		r = (struct rlimit){ 100, 300 };
		ERR(setrlimit(RLIMIT_NOFILE, &r), EPERM);
	}
	child_ok(pid);
	EACH_BAD(bad) {
		ERR(syscall(SYS_getrlimit, RLIMIT_NOFILE, bad), EFAULT);
		ERR(syscall(SYS_setrlimit, RLIMIT_NOFILE, bad), EFAULT);
	}
}

CASE(prlimit64, "of another process; old and new at once; none: ESRCH; bad address: EFAULT")
{
	struct rlimit r = { 50, 60 }, old;
	CHILD(pid) pause();
	OK(prlimit(pid, RLIMIT_NOFILE, &r, NULL));
	OK(prlimit(pid, RLIMIT_NOFILE, NULL, &old));
	EQ(old.rlim_cur, 50);
	OK(kill(pid, SIGKILL));
	child_status(pid);
	ERR(prlimit(pid, RLIMIT_NOFILE, NULL, &old), ESRCH);
	EACH_BAD(bad)
		ERR(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, bad), EFAULT);
}

CASE(getrusage, "self, children, thread; unknown: EINVAL; bad address: EFAULT")
{
	struct rusage r;
	while (clock() < 20000)
		;
	OK(getrusage(RUSAGE_SELF, &r));
	CHECK(r.ru_utime.tv_usec + r.ru_stime.tv_usec >= 10000);
	OK(getrusage(RUSAGE_CHILDREN, &r));
	EQ(r.ru_utime.tv_sec + r.ru_stime.tv_sec, 0);
	OK(getrusage(RUSAGE_THREAD, &r));
	ERR(getrusage(99, &r), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_getrusage, RUSAGE_SELF, bad), EFAULT);
}

CASE(setpriority, "remembered, inherited; unknown kind: EINVAL; none: ESRCH")
{
	OK(setpriority(PRIO_PROCESS, 0, 5));
	EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHILD(pid) EQ(getpriority(PRIO_PROCESS, 0), 5);
	child_ok(pid);
	ERR(getpriority(99, 0), EINVAL);
	ERR(setpriority(PRIO_PROCESS, 0x3fffff, 1), ESRCH);
}

CASE(sched_getaffinity, "at least one CPU; its size; too short: EINVAL; none: ESRCH; bad address: EFAULT")
{
	cpu_set_t set;
	CHECK(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) >= 8);
	OK(sched_getaffinity(0, sizeof set, &set));
	CHECK(CPU_COUNT(&set) >= 1);
	OK(sched_setaffinity(0, sizeof set, &set));
	ERR(syscall(SYS_sched_getaffinity, 0, 1, &set), EINVAL);
	ERR(sched_getaffinity(0x3fffff, sizeof set, &set), ESRCH);
	EACH_BAD(bad)
		ERR(syscall(SYS_sched_getaffinity, 0, sizeof set, bad), EFAULT);
	CPU_ZERO(&set);
	ERR(sched_setaffinity(0, sizeof set, &set), EINVAL);
}

CASE(sched_getscheduler, "SCHED_OTHER, priority 0; ranges of priorities; none: ESRCH")
{
	struct sched_param p = { 7 };
	EQ(sched_getscheduler(0), SCHED_OTHER);
	OK(sched_getparam(0, &p));
	EQ(p.sched_priority, 0);
	EQ(sched_get_priority_max(SCHED_FIFO), 99);
	EQ(sched_get_priority_min(SCHED_FIFO), 1);
	EQ(sched_get_priority_max(SCHED_OTHER), 0);
	ERR(sched_get_priority_max(99), EINVAL);
	ERR(sched_getscheduler(0x3fffff), ESRCH);
}

CASE(capget, "root has some, another user none; wrong version: EINVAL; bad address: EFAULT")
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	OK(syscall(SYS_capget, &h, d));
	CHECK(d[0].effective != 0);
	CHILD(pid) {
		OK(setuid(1000));
		OK(syscall(SYS_capget, &h, d));
		EQ(d[0].effective, 0);
	}
	child_ok(pid);
	h.version = 1;
	ERR(syscall(SYS_capget, &h, d), EINVAL);
	EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
	EACH_BAD(bad)
		ERR(syscall(SYS_capget, bad, d), EFAULT);
}

CASE(prctl, "PR_SET_NAME: cut to 15 characters, shown in /proc, inherited by fork")
{
	char name[16], line[64];
	OK(prctl(PR_SET_NAME, "a-name-longer-than-that"));
	OK(prctl(PR_GET_NAME, name));
	EQ(strcmp(name, "a-name-longer-t"), 0);
	CHECK(has_line("/proc/self/comm", "a-name-longer-t\n", line, sizeof line));
	CHILD(pid) {
		OK(prctl(PR_GET_NAME, name));
		EQ(strcmp(name, "a-name-longer-t"), 0);
	}
	child_ok(pid);
	EACH_BAD(bad) {
		ERR(prctl(PR_SET_NAME, bad), EFAULT);
		ERR(prctl(PR_GET_NAME, bad), EFAULT);
	}
}

CASE(prctl, "PR_SET_PDEATHSIG: sent when the parent ends")
{
	int p[2], q[2], got;
	char c;
	OK(pipe(p));
	OK(pipe(q));
	CHILD(middle) {
		CHILD(pid) {
			sigset_t s;
			sigemptyset(&s);
			sigaddset(&s, SIGUSR1);
			OK(sigprocmask(SIG_BLOCK, &s, NULL));
			OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			OK(prctl(PR_GET_PDEATHSIG, &got));
			EQ(got, SIGUSR1);
			EQ(write(p[1], "r", 1), 1);
			EQ(sigwaitinfo(&s, NULL), SIGUSR1);
			EQ(write(p[1], "d", 1), 1);
		}
		EQ(read(q[0], &c, 1), 1);
		_exit(pid < 0);
	}
	EQ(read(p[0], &c, 1), 1);
	EQ(write(q[1], "x", 1), 1);
	child_ok(middle);
	EQ(read(p[0], &c, 1), 1);
	EQ(c, 'd');
	ERR(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
}

CASE(prctl, "PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER and their getters; unknown: EINVAL")
{
	int on;
	EQ(prctl(PR_GET_DUMPABLE), 1);
	OK(prctl(PR_SET_DUMPABLE, 0));
	EQ(prctl(PR_GET_DUMPABLE), 0);
	ERR(prctl(PR_SET_DUMPABLE, 9), EINVAL);
	OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	OK(prctl(PR_GET_CHILD_SUBREAPER, &on));
	EQ(on, 1);
	ERR(prctl(9999), EINVAL);
}
