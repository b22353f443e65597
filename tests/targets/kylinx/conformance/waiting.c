/* Waiting for children; process groups and sessions. */
#include "processes.h"

#define GROUP "processes"

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
