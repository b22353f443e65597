/* Descriptors: copies, flags, closing, locks by fcntl. */
#include "suite.h"
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define GROUP "descriptors"

CALL(dup, "");
CALL(dup2, "");
CALL(dup3, "O_CLOEXEC");
CALL(close, "");
CALL(close_range, "CLOSE_RANGE_CLOEXEC CLOSE_RANGE_UNSHARE");
CALL(fcntl, "F_DUPFD F_DUPFD_CLOEXEC F_GETFD F_SETFD F_GETFL F_SETFL (O_APPEND O_NONBLOCK) F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN F_GETPIPE_SZ F_SETPIPE_SZ F_ADD_SEALS F_GET_SEALS");
CALL(ioctl, "FIONREAD FIONBIO FIOCLEX FIONCLEX; of a terminal TCGETS TIOCGWINSZ");

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

CASE(dup, "the lowest free number, without FD_CLOEXEC; closed: EBADF")
{
	int fd = OK(open("/dev/null", O_RDONLY | O_CLOEXEC)), other = OK(open("/dev/null", O_RDONLY));
	OK(close(other));
	EQ(dup(fd), other);
	EQ(fcntl(other, F_GETFD), 0);
	ERR(dup(999), EBADF);
	ERR(dup(-1), EBADF);
}

CASE(dup2, "to a number that is open: closed first; to itself: nothing; closed source: EBADF")
{
	int p[2];
	OK(pipe(p));
	EQ(dup2(p[0], 50), 50);
	EQ(dup2(p[1], 50), 50);
	EQ(write(50, "x", 1), 1);
	EQ(dup2(p[1], p[1]), p[1]);
	ERR(dup2(999, 999), EBADF);
	ERR(dup2(999, 50), EBADF);
	CHECK(is_open(50));
	ERR(dup2(p[0], -1), EBADF);
	ERR(dup2(p[0], 1 << 30), EBADF);
}

CASE(dup3, "O_CLOEXEC; to itself: EINVAL; unknown flags: EINVAL")
{
	int fd = OK(open("/dev/null", O_RDONLY));
	EQ(dup3(fd, 50, O_CLOEXEC), 50);
	EQ(fcntl(50, F_GETFD), FD_CLOEXEC);
	ERR(dup3(fd, fd, 0), EINVAL);
	ERR(dup3(fd, 51, O_APPEND), EINVAL);
}

CASE(close, "once; then EBADF")
{
	int fd = OK(open("/dev/null", O_RDONLY));
	OK(close(fd));
	ERR(close(fd), EBADF);
	ERR(close(-1), EBADF);
}

CASE(close, "in a child is the child's alone")
{
	int fd = OK(open("/dev/null", O_RDONLY));
	CHILD(pid) OK(close(fd));
	child_ok(pid);
	CHECK(is_open(fd));
}

CASE(close_range, "closes those, and only those; first above last: EINVAL")
{
	int fd = OK(open("/dev/null", O_RDONLY));
	for (int i = 40; i < 50; i++)
		OK(dup2(fd, i));
	OK(close_range(42, 45, 0));
	CHECK(is_open(41) && !is_open(42) && !is_open(45) && is_open(46));
	ERR(close_range(10, 9, 0), EINVAL);
	ERR(close_range(10, 11, 64), EINVAL);
	OK(close_range(46, ~0U, 0));
	CHECK(!is_open(49));
}

CASE(close_range, "CLOSE_RANGE_CLOEXEC marks")
{
	OK(dup2(OK(open("/dev/null", O_RDONLY)), 40));
	OK(close_range(40, 41, CLOSE_RANGE_CLOEXEC));
	EQ(fcntl(40, F_GETFD), FD_CLOEXEC);
}

CASE(fcntl, "F_DUPFD: the lowest free number from there; beyond the limit: EINVAL")
{
	int fd = OK(open("/dev/null", O_RDONLY));
	EQ(fcntl(fd, F_DUPFD, 60), 60);
	EQ(fcntl(fd, F_DUPFD, 60), 61);
	EQ(fcntl(fd, F_DUPFD_CLOEXEC, 60), 62);
	EQ(fcntl(62, F_GETFD), FD_CLOEXEC);
	ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	ERR(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
	ERR(fcntl(999, F_DUPFD, 0), EBADF);
}

CASE(fcntl, "F_SETFD is the descriptor's, not its copy's")
{
	int fd = OK(open("/dev/null", O_RDONLY)), copy = OK(dup(fd));
	OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
	EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	EQ(fcntl(copy, F_GETFD), 0);
}

CASE(fcntl, "F_SETFL is the file's: the copy has it; the access mode stays")
{
	int fd = OK(open("/dev/null", O_RDWR)), copy = OK(dup(fd));
	OK(fcntl(fd, F_SETFL, O_NONBLOCK | O_RDONLY));
	EQ(fcntl(copy, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDWR);
	OK(fcntl(copy, F_SETFL, 0));
	EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}

CASE(fcntl, "unknown command: EINVAL; closed: EBADF")
{
	ERR(fcntl(OK(open("/dev/null", O_RDONLY)), 12345), EINVAL);
	ERR(fcntl(999, F_GETFL), EBADF);
}

CASE(fcntl, "F_SETLK keeps another process out: EAGAIN; F_GETLK tells whose it is")
{
	struct flock l = { .l_type = F_WRLCK, .l_start = 10, .l_len = 5 };
	int fd = open_new("a");
	pid_t me = getpid();
	OK(fcntl(fd, F_SETLK, &l));
	CHILD(pid) {
		struct flock mine = { .l_type = F_RDLCK, .l_start = 14, .l_len = 1 };
		ERR(fcntl(fd, F_SETLK, &mine), EAGAIN);
		OK(fcntl(fd, F_GETLK, &mine));
		EQ(mine.l_type, F_WRLCK);
		EQ(mine.l_pid, me);
		EQ(mine.l_start, 10);
		EQ(mine.l_len, 5);
		mine = (struct flock){ .l_type = F_WRLCK, .l_start = 15 };
		OK(fcntl(fd, F_SETLK, &mine));
	}
	child_ok(pid);
	l.l_type = F_UNLCK;
	OK(fcntl(fd, F_SETLK, &l));
}

CASE(fcntl, "record locks split, are shared for reading, and go when any descriptor of the file closes")
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 30 };
	int fd = open_new("a");
	OK(fcntl(fd, F_SETLK, &l));
	l = (struct flock){ .l_type = F_UNLCK, .l_start = 10, .l_len = 10 };
	OK(fcntl(fd, F_SETLK, &l));
	CHILD(pid) {
		struct flock mine = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };
		OK(fcntl(fd, F_SETLK, &mine));
		mine.l_start = 20;
		ERR(fcntl(fd, F_SETLK, &mine), EAGAIN);
	}
	child_ok(pid);
	OK(close(OK(dup(fd))));
	CHILD(second) {
		struct flock mine = { .l_type = F_WRLCK };
		OK(fcntl(fd, F_SETLK, &mine));
	}
	child_ok(second);
}

CASE(fcntl, "F_SETLKW waits until it is free")
{
	struct flock l = { .l_type = F_WRLCK };
	int fd = open_new("a"), p[2];
	char c;
	OK(pipe(p));
	OK(fcntl(fd, F_SETLK, &l));
	CHILD(pid) {
		struct flock mine = { .l_type = F_WRLCK };
		EQ(write(p[1], "x", 1), 1);
		OK(fcntl(fd, F_SETLKW, &mine));
		EQ(pread(fd, &c, 1, 0), 1);
	}
	EQ(read(p[0], &c, 1), 1);
	sleep_ms(10);
	EQ(pwrite(fd, "x", 1, 0), 1);
	l.l_type = F_UNLCK;
	OK(fcntl(fd, F_SETLK, &l));
	child_ok(pid);
}

static void nothing(int signo) { (void)signo; }

CASE(fcntl, "F_SETLKW interrupted by a signal: EINTR")
{
	struct flock l = { .l_type = F_WRLCK };
	int fd = open_new("a");
	OK(fcntl(fd, F_SETLK, &l));
	CHILD(pid) {
		struct flock mine = { .l_type = F_WRLCK };
		on_signal(SIGALRM, nothing, 0);
		ualarm(20000, 0);
		ERR(fcntl(fd, F_SETLKW, &mine), EINTR);
	}
	child_ok(pid);
}

CASE(fcntl, "locks: bad address EFAULT, bad type EINVAL, for writing on a file open for reading EBADF")
{
	struct flock l = { .l_type = 77 };
	int fd = open_new("a");
	EACH_BAD(bad)
		ERR(fcntl(fd, F_SETLK, bad), EFAULT);
	ERR(fcntl(fd, F_SETLK, &l), EINVAL);
	l.l_type = F_WRLCK;
	ERR(fcntl(OK(open("a", O_RDONLY)), F_SETLK, &l), EBADF);
	l.l_start = -5;
	ERR(fcntl(fd, F_SETLK, &l), EINVAL);
}

CASE(fcntl, "F_SETOWN and F_GETOWN")
{
	int p[2];
	OK(pipe(p));
	OK(fcntl(p[0], F_SETOWN, getpid()));
	EQ(fcntl(p[0], F_GETOWN), getpid());
}

CASE(fcntl, "seals of a memfd: F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW: EPERM")
{
	int fd = OK(syscall(SYS_memfd_create, "x", 2U));
	EQ(write(fd, "hello", 5), 5);
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	ERR(ftruncate(fd, 1), EPERM);
	ERR(ftruncate(fd, 100), EPERM);
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL));
	ERR(pwrite(fd, "x", 1, 0), EPERM);
	EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	ERR(fcntl(fd, F_ADD_SEALS, 0), EPERM);
	EQ(fcntl(OK(syscall(SYS_memfd_create, "y", 0U)), F_GET_SEALS), F_SEAL_SEAL);
	ERR(fcntl(OK(open("/dev/null", O_RDONLY)), F_GET_SEALS), EINVAL);
}

CASE(ioctl, "FIONREAD of a pipe; FIONBIO and FIOCLEX set what fcntl sets")
{
	int p[2], n, on = 1;
	OK(pipe(p));
	EQ(write(p[1], "hello", 5), 5);
	OK(ioctl(p[0], FIONREAD, &n));
	EQ(n, 5);
	OK(ioctl(p[0], FIONBIO, &on));
	EQ(fcntl(p[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	OK(ioctl(p[0], FIOCLEX));
	EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	OK(ioctl(p[0], FIONCLEX));
	EQ(fcntl(p[0], F_GETFD), 0);
}

CASE(ioctl, "of no terminal: ENOTTY; closed: EBADF; bad address: EFAULT")
{
	struct winsize w;
	int p[2];
	OK(pipe(p));
	ERR(ioctl(p[0], TIOCGWINSZ, &w), ENOTTY);
	ERR(ioctl(open_new("a"), TIOCGWINSZ, &w), ENOTTY);
	ERR(ioctl(999, FIONREAD, &w), EBADF);
	EACH_BAD(bad)
		ERR(ioctl(p[0], FIONREAD, bad), EFAULT);
	CHECK(!isatty(p[0]));
}

CASE(dup, "RLIMIT_NOFILE reached: EMFILE")
{
	struct rlimit r = { 30, 30 };
	int fd = OK(open("/dev/null", O_RDONLY));
	OK(setrlimit(RLIMIT_NOFILE, &r));
	while (dup(fd) >= 0)
		;
	EQ(errno, EMFILE);
	ERR(dup2(fd, 30), EBADF);
	ERR(fcntl(fd, F_DUPFD, 30), EINVAL);
	ERR(fcntl(fd, F_DUPFD, 5), EMFILE);
}
