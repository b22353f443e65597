/* What a file is: stat and its kin, permissions, owners, times. */
#include "files.h"

#define GROUP "files"

CALL(stat, "");
CALL(lstat, "");
CALL(fstat, "");
CALL(newfstatat, "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH");
CALL(statx, "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH STATX_BASIC_STATS");
CALL(access, "");
CALL(faccessat, "");
CALL(faccessat2, "AT_EACCESS AT_SYMLINK_NOFOLLOW");
CALL(chmod, "");
CALL(fchmod, "");
CALL(fchmodat, "");
CALL(chown, "");
CALL(fchown, "");
CALL(lchown, "");
CALL(fchownat, "AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH");
CALL(utimensat, "UTIME_NOW UTIME_OMIT");
CALL(umask, "");
CALL(statfs, "");
CALL(fstatfs, "");

CASE(stat, "type, size, links, owner")
{
	struct stat s;
	close(text("a", "hello"));
	OK(link("a", "b"));
	OK(stat("a", &s));
	EQ(s.st_mode, S_IFREG | 0644);
	EQ(s.st_size, 5);
	EQ(s.st_nlink, 2);
	EQ(s.st_uid, geteuid());
	EQ(s.st_blksize, 4096);
	OK(stat("/dev/null", &s));
	EQ(s.st_mode & S_IFMT, S_IFCHR);
	EQ(s.st_rdev, 0x103);
}

CASE(stat, "no such file: ENOENT; bad addresses: EFAULT")
{
	struct stat s;
	ERR(stat("none", &s), ENOENT);
	EACH_BAD(bad) {
		ERR(stat(bad, &s), EFAULT);
		ERR(syscall(SYS_stat, ".", bad), EFAULT);
	}
	ERR(syscall(SYS_stat, ".", read_only_page()), EFAULT);
}

CASE(stat, "inode numbers tell files apart, names of one file not")
{
	struct stat a, b, c;
	close(text("a", ""));
	close(text("b", ""));
	OK(link("a", "c"));
	OK(stat("a", &a));
	OK(stat("b", &b));
	OK(stat("c", &c));
	CHECK(a.st_ino != b.st_ino);
	EQ(a.st_ino, c.st_ino);
	EQ(a.st_dev, c.st_dev);
}

CASE(lstat, "of a link: the link, its size its target's length")
{
	struct stat s;
	OK(symlink("target", "l"));
	OK(lstat("l", &s));
	EQ(s.st_mode & S_IFMT, S_IFLNK);
	EQ(s.st_size, 6);
	ERR(stat("l", &s), ENOENT);
}

CASE(fstat, "of a file without a name; closed: EBADF; bad address: EFAULT")
{
	struct stat s;
	int fd = text("a", "hello");
	OK(unlink("a"));
	OK(fstat(fd, &s));
	EQ(s.st_nlink, 0);
	EQ(s.st_size, 5);
	ERR(fstat(999, &s), EBADF);
	EACH_BAD(bad)
		ERR(syscall(SYS_fstat, fd, bad), EFAULT);
}

CASE(newfstatat, "AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW; unknown flags: EINVAL")
{
	struct stat s;
	int fd = text("a", "hello");
	OK(fstatat(fd, "", &s, AT_EMPTY_PATH));
	EQ(s.st_size, 5);
	ERR(fstatat(fd, "", &s, 0), ENOENT);
	OK(symlink("a", "l"));
	OK(fstatat(AT_FDCWD, "l", &s, AT_SYMLINK_NOFOLLOW));
	EQ(s.st_mode & S_IFMT, S_IFLNK);
	ERR(fstatat(AT_FDCWD, "a", &s, 0x40000000), EINVAL);
}

CASE(statx, "the basic fields; unknown flags: EINVAL; bad address: EFAULT")
{
	struct statx s;
	close(text("a", "hello"));
	OK(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &s));
	EQ(s.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	EQ(s.stx_mode, S_IFREG | 0644);
	EQ(s.stx_size, 5);
	ERR(statx(AT_FDCWD, "a", 0x40000000, STATX_BASIC_STATS, &s), EINVAL);
	ERR(statx(AT_FDCWD, "none", 0, STATX_BASIC_STATS, &s), ENOENT);
	EACH_BAD(bad)
		ERR(syscall(SYS_statx, AT_FDCWD, "a", 0, STATX_BASIC_STATS, bad), EFAULT);
}

CASE(access, "exists or not; modes; unknown mode: EINVAL; bad address: EFAULT")
{
	close(text("a", "x"));
	OK(access("a", F_OK));
	OK(access("a", R_OK | W_OK));
	ERR(access("none", F_OK), ENOENT);
	ERR(access("a", 8), EINVAL);
	ERR(access("a", X_OK), EACCES);
	OK(chmod("a", 0755));
	OK(access("a", X_OK));
	EACH_BAD(bad)
		ERR(access(bad, F_OK), EFAULT);
}

CASE(faccessat, "relative to a directory; closed: EBADF")
{
	OK(mkdir("d", 0755));
	close(text("d/a", "x"));
	OK(faccessat(OK(open("d", O_RDONLY)), "a", R_OK, 0));
	ERR(syscall(SYS_faccessat, 999, "a", R_OK), EBADF);
}

CASE(faccessat2, "AT_SYMLINK_NOFOLLOW, unknown flags: EINVAL")
{
	OK(symlink("nowhere", "l"));
	OK(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
	ERR(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, 0), ENOENT);
	ERR(syscall(SYS_faccessat2, AT_FDCWD, "l", F_OK, 0x40000000), EINVAL);
}

CASE(chmod, "permission bits, kept with the type; none: ENOENT; bad address: EFAULT")
{
	close(text("a", "x"));
	OK(chmod("a", 0751));
	EQ(mode_of("a"), S_IFREG | 0751);
	OK(chmod("a", 04755));
	EQ(mode_of("a"), S_IFREG | 04755);
	ERR(chmod("none", 0644), ENOENT);
	EACH_BAD(bad)
		ERR(chmod(bad, 0644), EFAULT);
}

CASE(fchmod, "by descriptor; closed: EBADF")
{
	OK(fchmod(text("a", "x"), 0600));
	EQ(mode_of("a"), S_IFREG | 0600);
	ERR(fchmod(999, 0600), EBADF);
}

CASE(fchmodat, "relative to a directory")
{
	OK(mkdir("d", 0755));
	close(text("d/a", "x"));
	OK(fchmodat(OK(open("d", O_RDONLY)), "a", 0600, 0));
	EQ(mode_of("d/a"), S_IFREG | 0600);
}

CASE(chown, "to another owner; -1 leaves; none: ENOENT")
{
	struct stat s;
	close(text("a", "x"));
	OK(chown("a", 12, 34));
	OK(chown("a", (uid_t)-1, 35));
	OK(stat("a", &s));
	EQ(s.st_uid, 12);
	EQ(s.st_gid, 35);
	ERR(chown("none", 0, 0), ENOENT);
	EACH_BAD(bad)
		ERR(chown(bad, 0, 0), EFAULT);
}

CASE(fchown, "by descriptor; closed: EBADF")
{
	struct stat s;
	int fd = text("a", "x");
	OK(fchown(fd, 5, 6));
	OK(fstat(fd, &s));
	EQ(s.st_uid, 5);
	ERR(fchown(999, 0, 0), EBADF);
}

CASE(lchown, "of a link, not of its target")
{
	struct stat s;
	close(text("a", "x"));
	OK(symlink("a", "l"));
	OK(lchown("l", 5, 6));
	OK(lstat("l", &s));
	EQ(s.st_uid, 5);
	OK(stat("a", &s));
	EQ(s.st_uid, geteuid());
}

CASE(fchownat, "AT_EMPTY_PATH; unknown flags: EINVAL")
{
	struct stat s;
	int fd = text("a", "x");
	OK(fchownat(fd, "", 7, 8, AT_EMPTY_PATH));
	OK(fstat(fd, &s));
	EQ(s.st_gid, 8);
	ERR(fchownat(AT_FDCWD, "a", 7, 8, 0x40000000), EINVAL);
}

CASE(utimensat, "given times, UTIME_OMIT, UTIME_NOW")
{
	struct stat s;
	struct timespec t[2] = { { 1000, 5 }, { 2000, 7 } };
	close(text("a", "x"));
	OK(utimensat(AT_FDCWD, "a", t, 0));
	OK(stat("a", &s));
	EQ(s.st_atim.tv_sec, 1000);
	EQ(s.st_mtim.tv_sec, 2000);
	EQ(s.st_mtim.tv_nsec, 7);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	OK(utimensat(AT_FDCWD, "a", t, 0));
	OK(stat("a", &s));
	EQ(s.st_atim.tv_sec, 1000);
	CHECK(s.st_mtim.tv_sec > 1000000000);
	t[0].tv_nsec = 1000000000;
	ERR(utimensat(AT_FDCWD, "a", t, 0), EINVAL);
	OK(utimensat(AT_FDCWD, "a", NULL, 0));
	ERR(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
}

CASE(umask, "gives the one before; only the permission bits")
{
	umask(077);
	EQ(umask(01777), 077);
	EQ(umask(0), 0777);
}

CASE(statfs, "block size and name length; none: ENOENT; bad address: EFAULT")
{
	struct statfs s;
	OK(statfs(".", &s));
	EQ(s.f_bsize, 4096);
	EQ(s.f_namelen, 255);
	ERR(statfs("none", &s), ENOENT);
	OK(statfs("/proc", &s));
	EQ(s.f_type, 0x9fa0);
	EACH_BAD(bad)
		ERR(statfs(".", bad), EFAULT);
}

CASE(fstatfs, "by descriptor; closed: EBADF")
{
	struct statfs s;
	OK(fstatfs(open_new("a"), &s));
	ERR(fstatfs(999, &s), EBADF);
}
