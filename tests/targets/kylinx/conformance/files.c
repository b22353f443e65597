/* Regular files: opening, reading, writing, sizes, attributes, names. */
#include "suite.h"
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#define GROUP "files"

CALL(open, "as openat");
CALL(openat, "O_RDONLY O_WRONLY O_RDWR O_CREAT O_EXCL O_TRUNC O_APPEND O_NOFOLLOW O_DIRECTORY O_CLOEXEC O_NONBLOCK O_PATH O_TMPFILE AT_FDCWD");
CALL(creat, "");
CALL(read, "");
CALL(write, "");
CALL(pread64, "");
CALL(pwrite64, "");
CALL(readv, "");
CALL(writev, "");
CALL(preadv, "");
CALL(pwritev, "");
CALL(preadv2, "RWF_* accepted");
CALL(pwritev2, "RWF_APPEND");
CALL(lseek, "SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE");
CALL(truncate, "");
CALL(ftruncate, "");
CALL(fallocate, "FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE");
CALL(fsync, "");
CALL(fdatasync, "");
CALL(sync, "");
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
CALL(link, "");
CALL(linkat, "AT_SYMLINK_FOLLOW");
CALL(symlink, "");
CALL(symlinkat, "");
CALL(readlink, "");
CALL(readlinkat, "");
CALL(unlink, "");
CALL(unlinkat, "AT_REMOVEDIR");
CALL(rename, "");
CALL(renameat, "");
CALL(renameat2, "RENAME_NOREPLACE RENAME_EXCHANGE");
CALL(sendfile, "");
CALL(copy_file_range, "");
CALL(statfs, "");
CALL(fstatfs, "");
CALL(flock, "LOCK_SH LOCK_EX LOCK_UN LOCK_NB");

static mode_t mode_of(const char *path)
{
	struct stat s;
	OK(lstat(path, &s));
	return s.st_mode;
}

static long size_of(int fd)
{
	struct stat s;
	OK(fstat(fd, &s));
	return s.st_size;
}

static int text(const char *path, const char *bytes)
{
	int fd = open_new(path);
	EQ(write(fd, bytes, strlen(bytes)), strlen(bytes));
	EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void holds(int fd, const char *want)
{
	char got[200] = "";
	ssize_t n = OK(pread(fd, got, sizeof got - 1, 0));
	got[n] = 0;
	if (strcmp(got, want))
		FAIL("the file holds \"%s\", not \"%s\"", got, want);
}

CASE(openat, "no such file: ENOENT; a file as a directory: ENOTDIR")
{
	ERR(open("none", O_RDONLY), ENOENT);
	ERR(open("none/below", O_RDONLY | O_CREAT, 0644), ENOENT);
	ERR(open("", O_RDONLY), ENOENT);
	close(text("a", "x"));
	ERR(open("a/b", O_RDONLY), ENOTDIR);
	ERR(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
}

CASE(openat, "O_CREAT makes a file with the mode less the umask")
{
	umask(027);
	OK(open("a", O_CREAT | O_WRONLY, 0666));
	EQ(mode_of("a"), S_IFREG | 0640);
}

CASE(openat, "O_CREAT|O_EXCL of what exists: EEXIST, of a dangling link too")
{
	close(text("a", "x"));
	ERR(open("a", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
	OK(symlink("nowhere", "l"));
	ERR(open("l", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
	OK(open("l", O_CREAT | O_RDWR, 0644));
	EQ(mode_of("nowhere") & S_IFMT, S_IFREG);
}

CASE(openat, "O_TRUNC empties")
{
	close(text("a", "hello"));
	EQ(size_of(OK(open("a", O_RDWR | O_TRUNC))), 0);
}

CASE(openat, "O_APPEND writes at the end, wherever the offset is")
{
	close(text("a", "hello"));
	int fd = OK(open("a", O_RDWR | O_APPEND));
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(write(fd, "!", 1), 1);
	holds(fd, "hello!");
	EQ(lseek(fd, 0, SEEK_CUR), 6);
}

CASE(openat, "a directory for writing: EISDIR")
{
	OK(mkdir("d", 0755));
	ERR(open("d", O_WRONLY), EISDIR);
	ERR(open("d", O_CREAT | O_RDWR, 0644), EISDIR);
	OK(open("d", O_RDONLY));
}

CASE(openat, "O_NOFOLLOW of a link: ELOOP; a loop of links: ELOOP")
{
	OK(symlink("b", "a"));
	OK(symlink("a", "b"));
	ERR(open("a", O_RDONLY), ELOOP);
	close(text("c", "x"));
	OK(symlink("c", "l"));
	ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	OK(open("l", O_RDONLY));
}

CASE(openat, "names: longer than 255 ENAMETOOLONG, path longer than 4095 too, bad pointer EFAULT")
{
	static char name[5000];
	memset(name, 'n', 256);
	ERR(open(name, O_RDONLY), ENAMETOOLONG);
	name[255] = 0;
	OK(open(name, O_CREAT | O_RDWR, 0644));
	for (int i = 0; i < 4998; i++)
		name[i] = i % 2 ? '/' : '.';
	ERR(open(name, O_RDONLY), ENAMETOOLONG);
	EACH_BAD(bad)
		ERR(open(bad, O_RDONLY), EFAULT);
}

CASE(openat, "a path that ends at unmapped memory without NUL: EFAULT; with NUL: no error")
{
	char *p = edge(3);
	memcpy(p, "abc", 3);
	ERR(open(p, O_RDONLY), EFAULT);
	p[2] = 0;
	OK(open(p, O_CREAT | O_RDWR, 0644));
}

CASE(openat, "relative to a directory's descriptor; to a file's: ENOTDIR; closed: EBADF")
{
	OK(mkdir("d", 0755));
	int d = OK(open("d", O_RDONLY | O_DIRECTORY)), fd = text("f", "x");
	OK(openat(d, "below", O_CREAT | O_RDWR, 0644));
	OK(access("d/below", F_OK));
	ERR(openat(fd, "below", O_RDONLY), ENOTDIR);
	ERR(openat(999, "below", O_RDONLY), EBADF);
	char absolute[300];
	CHECK(getcwd(absolute, 200));
	OK(openat(999, strcat(absolute, "/f"), O_RDONLY));
}

CASE(openat, "the lowest free descriptor")
{
	int a = text("a", ""), b = text("b", "");
	EQ(b, a + 1);
	OK(close(a));
	EQ(open("a", O_RDONLY), a);
}

CASE(openat, "RLIMIT_NOFILE reached: EMFILE")
{
	int fd, last = -1;
	struct { unsigned long cur, max; } limit = { 20, 20 };
	OK(syscall(SYS_prlimit64, 0, 7, &limit, NULL));
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		last = fd;
	EQ(errno, EMFILE);
	EQ(last, 19);
}

CASE(openat, "O_PATH: no reading, but fstat, and a start for openat")
{
	close(text("a", "x"));
	int fd = OK(open("a", O_PATH));
	char c;
	ERR(read(fd, &c, 1), EBADF);
	EQ(size_of(fd), 1);
	fd = OK(open(".", O_PATH | O_DIRECTORY));
	OK(openat(fd, "a", O_RDONLY));
}

CASE(openat, "O_TMPFILE: no name, yet a file")
{
	int fd = OK(open(".", O_TMPFILE | O_RDWR, 0600));
	struct stat s;
	EQ(write(fd, "hello", 5), 5);
	holds(fd, "hello");
	OK(fstat(fd, &s));
	EQ(s.st_nlink, 0);
}

CASE(creat, "makes an empty file for writing only")
{
	close(text("a", "hello"));
	int fd = OK(creat("a", 0644));
	char c;
	EQ(size_of(fd), 0);
	ERR(read(fd, &c, 1), EBADF);
}

CASE(read, "moves the offset; 0 at the end")
{
	char b[10];
	int fd = text("a", "hello");
	EQ(read(fd, b, 3), 3);
	EQ(read(fd, b, 10), 2);
	EQ(memcmp(b, "lo", 2), 0);
	EQ(read(fd, b, 10), 0);
}

CASE(read, "not open, or for writing only: EBADF; a directory: EISDIR")
{
	char b[10];
	ERR(read(999, b, 1), EBADF);
	ERR(read(-1, b, 1), EBADF);
	close(text("a", "x"));
	ERR(read(OK(open("a", O_WRONLY)), b, 1), EBADF);
	ERR(read(OK(open(".", O_RDONLY)), b, 1), EISDIR);
}

CASE(read, "to a bad address: EFAULT, and the offset stays")
{
	char b[10];
	int fd = text("a", "hello");
	EACH_BAD(bad)
		ERR(read(fd, bad, 5), EFAULT);
	ERR(read(fd, read_only_page(), 5), EFAULT);
	EQ(read(fd, b, 10), 5);
}

CASE(read, "to memory that ends in the middle: the part that fits")
{
	int fd = text("a", "hello");
	char *p = edge(3);
	EQ(read(fd, p, 5), 3);
	EQ(memcmp(p, "hel", 3), 0);
}

CASE(read, "0 bytes: 0")
{
	char b[1];
	EQ(read(text("a", "x"), b, 0), 0);
}

CASE(write, "from a bad address: EFAULT; for reading only: EBADF")
{
	int fd = text("a", "hello");
	EACH_BAD(bad)
		ERR(write(fd, bad, 5), EFAULT);
	holds(fd, "hello");
	ERR(write(OK(open("a", O_RDONLY)), "x", 1), EBADF);
}

CASE(write, "beyond the end leaves a hole of zeros")
{
	char b[10];
	int fd = text("a", "ab");
	EQ(lseek(fd, 8, SEEK_SET), 8);
	EQ(write(fd, "x", 1), 1);
	EQ(pread(fd, b, 10, 0), 9);
	EQ(memcmp(b, "ab\0\0\0\0\0\0x", 9), 0);
}

CASE(write, "RLIMIT_FSIZE: EFBIG and SIGXFSZ")
{
	struct { unsigned long cur, max; } limit = { 4, 4 };
	int fd = open_new("a");
	signal(SIGXFSZ, SIG_IGN);
	OK(syscall(SYS_prlimit64, 0, 1, &limit, NULL));
	EQ(write(fd, "hello", 5), 4);
	ERR(write(fd, "x", 1), EFBIG);
	signal(SIGXFSZ, SIG_DFL);
	CHILD(pid) write(fd, "x", 1);
	child_killed(pid, SIGXFSZ);
}

CASE(write, "a megabyte, read back")
{
	static unsigned char a[1 << 20], b[1 << 20];
	for (size_t i = 0; i < sizeof a; i++)
		a[i] = (unsigned char)(i * 7 + i / 4096);
	int fd = open_new("a");
	EQ(write(fd, a, sizeof a), sizeof a);
	EQ(pread(fd, b, sizeof b, 0), sizeof b);
	EQ(memcmp(a, b, sizeof a), 0);
}

CASE(pread64, "at an offset, which stays; negative: EINVAL; a pipe: ESPIPE")
{
	char b[4];
	int fd = text("a", "hello"), p[2];
	EQ(pread(fd, b, 2, 3), 2);
	EQ(memcmp(b, "lo", 2), 0);
	EQ(lseek(fd, 0, SEEK_CUR), 0);
	EQ(pread(fd, b, 2, 100), 0);
	ERR(pread(fd, b, 1, -1), EINVAL);
	OK(pipe(p));
	ERR(pread(p[0], b, 1, 0), ESPIPE);
}

CASE(pwrite64, "at an offset; negative: EINVAL; bad address: EFAULT")
{
	int fd = text("a", "hello");
	EQ(pwrite(fd, "XY", 2, 1), 2);
	holds(fd, "hXYlo");
	ERR(pwrite(fd, "x", 1, -1), EINVAL);
	EACH_BAD(bad)
		ERR(pwrite(fd, bad, 1, 0), EFAULT);
}

CASE(readv, "fills the pieces in turn")
{
	char a[2], b[10];
	struct iovec v[] = { { a, 2 }, { NULL, 0 }, { b, 10 } };
	int fd = text("a", "hello");
	EQ(readv(fd, v, 3), 5);
	EQ(memcmp(a, "he", 2), 0);
	EQ(memcmp(b, "llo", 3), 0);
}

CASE(readv, "count negative or above 1024: EINVAL; bad vector: EFAULT; length overflow: EINVAL")
{
	static struct iovec v[1025];
	char b[4];
	int fd = text("a", "hello");
	ERR(readv(fd, v, -1), EINVAL);
	ERR(readv(fd, v, 1025), EINVAL);
	EQ(readv(fd, v, 0), 0);
	EACH_BAD(bad)
		ERR(readv(fd, bad, 1), EFAULT);
	v[0] = (struct iovec){ b, (size_t)-1 };
	ERR(readv(fd, v, 1), EINVAL);
}

CASE(writev, "gathers the pieces; a bad one behind good ones: what came before")
{
	struct iovec v[] = { { "ab", 2 }, { "cde", 3 }, { (void *)8, 4 } };
	int fd = open_new("a");
	EQ(writev(fd, v, 2), 5);
	holds(fd, "abcde");
	long n = writev(fd, v, 3);
	CHECK(n == 5 || (n == -1 && errno == EFAULT));
}

CASE(preadv, "and pwritev at an offset")
{
	char a[2], b[2];
	struct iovec in[] = { { a, 2 }, { b, 2 } }, out[] = { { "XY", 2 }, { "Z", 1 } };
	int fd = text("a", "hello");
	EQ(preadv(fd, in, 2, 1), 4);
	EQ(memcmp(b, "lo", 2), 0);
	EQ(pwritev(fd, out, 2, 1), 3);
	holds(fd, "hXYZo");
	ERR(preadv(fd, in, 2, -1), EINVAL);
}

CASE(pwritev2, "RWF_APPEND, offset -1 (the file's own), unknown flags EOPNOTSUPP")
{
	struct iovec v = { "!", 1 };
	int fd = text("a", "hello");
	EQ(pwritev2(fd, &v, 1, 0, RWF_APPEND), 1);
	holds(fd, "hello!");
	EQ(lseek(fd, 0, SEEK_SET), 0);
	EQ(pwritev2(fd, &v, 1, -1, 0), 1);
	EQ(lseek(fd, 0, SEEK_CUR), 1);
	ERR(pwritev2(fd, &v, 1, 0, 0x40000000), EOPNOTSUPP);
}

CASE(preadv2, "offset -1 is the file's own")
{
	char b[3];
	struct iovec v = { b, 3 };
	int fd = text("a", "hello");
	EQ(preadv2(fd, &v, 1, -1, 0), 3);
	EQ(preadv2(fd, &v, 1, -1, 0), 2);
}

CASE(lseek, "from the start, here, the end; negative or unknown: EINVAL; a pipe: ESPIPE")
{
	int fd = text("a", "hello"), p[2];
	EQ(lseek(fd, 2, SEEK_SET), 2);
	EQ(lseek(fd, 2, SEEK_CUR), 4);
	EQ(lseek(fd, -1, SEEK_END), 4);
	EQ(lseek(fd, 100, SEEK_END), 105);
	ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	ERR(lseek(fd, 0, 9), EINVAL);
	ERR(lseek(999, 0, SEEK_SET), EBADF);
	OK(pipe(p));
	ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
}

CASE(lseek, "SEEK_DATA and SEEK_HOLE of a file without holes; beyond the end: ENXIO")
{
	int fd = text("a", "hello");
	EQ(lseek(fd, 2, SEEK_DATA), 2);
	EQ(lseek(fd, 2, SEEK_HOLE), 5);
	ERR(lseek(fd, 9, SEEK_DATA), ENXIO);
}

CASE(lseek, "the offset is shared by dup and fork, not by a second open")
{
	int fd = text("a", "hello"), copy = OK(dup(fd)), other = OK(open("a", O_RDONLY));
	char b[2];
	EQ(read(fd, b, 2), 2);
	EQ(lseek(copy, 0, SEEK_CUR), 2);
	EQ(lseek(other, 0, SEEK_CUR), 0);
	CHILD(pid) EQ(read(fd, b, 1), 1);
	child_ok(pid);
	EQ(lseek(fd, 0, SEEK_CUR), 3);
}

CASE(ftruncate, "shorter and longer; what comes back is zero")
{
	char b[5];
	int fd = text("a", "hello");
	OK(ftruncate(fd, 2));
	OK(ftruncate(fd, 5));
	EQ(pread(fd, b, 5, 0), 5);
	EQ(memcmp(b, "he\0\0\0", 5), 0);
}

CASE(ftruncate, "negative, or open for reading: EINVAL; a pipe: EINVAL")
{
	int fd = text("a", "hello"), p[2];
	ERR(ftruncate(fd, -1), EINVAL);
	ERR(ftruncate(OK(open("a", O_RDONLY)), 1), EINVAL);
	OK(pipe(p));
	ERR(ftruncate(p[1], 1), EINVAL);
	ERR(ftruncate(999, 1), EBADF);
}

CASE(truncate, "by name; a directory: EISDIR; none: ENOENT; negative: EINVAL")
{
	close(text("a", "hello"));
	OK(truncate("a", 3));
	EQ(size_of(OK(open("a", O_RDONLY))), 3);
	ERR(truncate(".", 3), EISDIR);
	ERR(truncate("none", 3), ENOENT);
	ERR(truncate("a", -1), EINVAL);
	EACH_BAD(bad)
		ERR(truncate(bad, 0), EFAULT);
}

CASE(fallocate, "makes the file longer; with FALLOC_FL_KEEP_SIZE not; bad ranges: EINVAL")
{
	int fd = text("a", "hello");
	OK(fallocate(fd, 0, 0, 100));
	EQ(size_of(fd), 100);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 100, 8192));
	EQ(size_of(fd), 100);
	ERR(fallocate(fd, 0, -1, 1), EINVAL);
	ERR(fallocate(fd, 0, 0, 0), EINVAL);
}

CASE(fallocate, "FALLOC_FL_PUNCH_HOLE zeroes")
{
	char b[5];
	int fd = text("a", "hello");
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 3));
	EQ(pread(fd, b, 5, 0), 5);
	EQ(memcmp(b, "h\0\0\0o", 5), 0);
}

CASE(fsync, "of a file; a pipe: EINVAL; closed: EBADF")
{
	int p[2];
	OK(fsync(text("a", "x")));
	OK(pipe(p));
	ERR(fsync(p[0]), EINVAL);
	ERR(fsync(999), EBADF);
}

CASE(fdatasync, "of a file; closed: EBADF")
{
	OK(fdatasync(text("a", "x")));
	ERR(fdatasync(999), EBADF);
}

CASE(sync, "no error")
{
	sync();
}

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

CASE(write, "moves st_mtime; reading does not")
{
	struct stat before, after;
	char c;
	struct timespec t[2] = { { 1000, 0 }, { 1000, 0 } };
	int fd = text("a", "hello");
	OK(futimens(fd, t));
	OK(fstat(fd, &before));
	EQ(read(fd, &c, 1), 1);
	OK(fstat(fd, &after));
	EQ(after.st_mtim.tv_sec, 1000);
	EQ(write(fd, "x", 1), 1);
	OK(fstat(fd, &after));
	CHECK(after.st_mtim.tv_sec > 1000);
}

CASE(umask, "gives the one before; only the permission bits")
{
	umask(077);
	EQ(umask(01777), 077);
	EQ(umask(0), 0777);
}

CASE(link, "a second name; exists: EEXIST; of a directory: EPERM; none: ENOENT")
{
	int fd = text("a", "hello");
	OK(link("a", "b"));
	OK(unlink("a"));
	holds(OK(open("b", O_RDONLY)), "hello");
	OK(close(fd));
	close(text("c", ""));
	ERR(link("b", "c"), EEXIST);
	OK(mkdir("d", 0755));
	ERR(link("d", "e"), EPERM);
	ERR(link("none", "f"), ENOENT);
	EACH_BAD(bad)
		ERR(link("b", bad), EFAULT);
}

CASE(linkat, "of a link: the link, with AT_SYMLINK_FOLLOW its target")
{
	close(text("a", "x"));
	OK(symlink("a", "l"));
	OK(linkat(AT_FDCWD, "l", AT_FDCWD, "m", 0));
	EQ(mode_of("m") & S_IFMT, S_IFLNK);
	OK(linkat(AT_FDCWD, "l", AT_FDCWD, "n", AT_SYMLINK_FOLLOW));
	EQ(mode_of("n") & S_IFMT, S_IFREG);
	ERR(linkat(AT_FDCWD, "a", AT_FDCWD, "o", 0x40000000), EINVAL);
}

CASE(symlink, "and readlink give the text back, unchecked; exists: EEXIST; empty: ENOENT")
{
	char b[100];
	OK(symlink("no/such/../thing", "l"));
	EQ(readlink("l", b, 100), 16);
	EQ(memcmp(b, "no/such/../thing", 16), 0);
	ERR(symlink("x", "l"), EEXIST);
	ERR(symlink("", "m"), ENOENT);
	EACH_BAD(bad)
		ERR(symlink(bad, "m"), EFAULT);
}

CASE(readlink, "cut to the buffer; no link: EINVAL; size 0: EINVAL; bad address: EFAULT")
{
	char b[4] = "....";
	OK(symlink("target", "l"));
	EQ(readlink("l", b, 3), 3);
	EQ(memcmp(b, "tar.", 4), 0);
	ERR(readlink(".", b, 4), EINVAL);
	ERR(readlink("l", b, 0), EINVAL);
	ERR(readlink("none", b, 4), ENOENT);
	EACH_BAD(bad)
		ERR(readlink("l", bad, 4), EFAULT);
}

CASE(symlinkat, "and readlinkat relative to a directory")
{
	char b[10];
	OK(mkdir("d", 0755));
	int d = OK(open("d", O_RDONLY));
	OK(symlinkat("t", d, "l"));
	EQ(readlinkat(d, "l", b, 10), 1);
	ERR(readlinkat(999, "l", b, 10), EBADF);
}

CASE(readlinkat, "links in the middle of a path are followed")
{
	OK(mkdir("d", 0755));
	close(text("d/a", "x"));
	OK(symlink("d", "l"));
	OK(symlink("../d/a", "d/up"));
	OK(access("l/up", F_OK));
}

CASE(unlink, "the file lives on while it is open")
{
	int fd = text("a", "hello");
	OK(unlink("a"));
	ERR(open("a", O_RDONLY), ENOENT);
	holds(fd, "hello");
	ERR(unlink("a"), ENOENT);
}

CASE(unlink, "a directory: EISDIR; below a file: ENOTDIR; bad address: EFAULT")
{
	OK(mkdir("d", 0755));
	ERR(unlink("d"), EISDIR);
	close(text("a", ""));
	ERR(unlink("a/b"), ENOTDIR);
	EACH_BAD(bad)
		ERR(unlink(bad), EFAULT);
}

CASE(unlinkat, "AT_REMOVEDIR; unknown flags: EINVAL")
{
	OK(mkdir("d", 0755));
	OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	close(text("a", ""));
	ERR(unlinkat(AT_FDCWD, "a", AT_REMOVEDIR), ENOTDIR);
	ERR(unlinkat(AT_FDCWD, "a", 0x40000000), EINVAL);
	OK(unlinkat(AT_FDCWD, "a", 0));
}

CASE(rename, "replaces a file; open descriptors keep what they had")
{
	close(text("a", "new"));
	int old = text("b", "old");
	OK(rename("a", "b"));
	ERR(access("a", F_OK), ENOENT);
	holds(OK(open("b", O_RDONLY)), "new");
	holds(old, "old");
}

CASE(rename, "kinds: file over directory EISDIR, directory over file ENOTDIR, over full directory ENOTEMPTY")
{
	close(text("a", ""));
	OK(mkdir("d", 0755));
	OK(mkdir("e", 0755));
	close(text("e/f", ""));
	ERR(rename("a", "d"), EISDIR);
	ERR(rename("d", "a"), ENOTDIR);
	ERR(rename("d", "e"), ENOTEMPTY);
	OK(rename("e", "d"));
	OK(access("d/f", F_OK));
}

CASE(rename, "a directory into itself: EINVAL; none: ENOENT; to itself: nothing")
{
	OK(mkdir("d", 0755));
	ERR(rename("d", "d/e"), EINVAL);
	ERR(rename("none", "x"), ENOENT);
	OK(rename("d", "d"));
	close(text("a", ""));
	OK(link("a", "b"));
	OK(rename("a", "b"));
	OK(access("a", F_OK));
	EACH_BAD(bad)
		ERR(rename(bad, "x"), EFAULT);
}

CASE(rename, "moves a directory: .. follows")
{
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	OK(mkdir("a/c", 0755));
	close(text("b/mark", ""));
	OK(rename("a/c", "b/c"));
	OK(access("b/c/../mark", F_OK));
}

CASE(renameat, "between directories' descriptors")
{
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	close(text("a/x", ""));
	OK(renameat(OK(open("a", O_RDONLY)), "x", OK(open("b", O_RDONLY)), "y"));
	OK(access("b/y", F_OK));
}

CASE(renameat2, "RENAME_NOREPLACE: EEXIST; RENAME_EXCHANGE swaps; both: EINVAL")
{
	close(text("a", "A"));
	close(text("b", "B"));
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
	holds(OK(open("a", O_RDONLY)), "B");
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
}

CASE(sendfile, "file to pipe, from its offset or from a given one")
{
	char b[10];
	int fd = text("a", "hello"), p[2];
	off_t at = 1;
	OK(pipe(p));
	EQ(sendfile(p[1], fd, &at, 3), 3);
	EQ(at, 4);
	EQ(lseek(fd, 0, SEEK_CUR), 0);
	EQ(sendfile(p[1], fd, NULL, 100), 5);
	EQ(lseek(fd, 0, SEEK_CUR), 5);
	EQ(read(p[0], b, 10), 8);
	EQ(memcmp(b, "ellhello", 8), 0);
}

CASE(sendfile, "file to file; closed: EBADF; bad offset address: EFAULT")
{
	int fd = text("a", "hello"), to = open_new("b");
	EQ(sendfile(to, fd, NULL, 5), 5);
	holds(to, "hello");
	ERR(sendfile(to, 999, NULL, 5), EBADF);
	EACH_BAD(bad)
		ERR(syscall(SYS_sendfile, to, fd, bad, 5L), EFAULT);
}

CASE(copy_file_range, "copies with both offsets; flags: EINVAL")
{
	int fd = text("a", "hello"), to = open_new("b");
	off64_t from_at = 1, to_at = 0;
	EQ(copy_file_range(fd, &from_at, to, &to_at, 3, 0), 3);
	EQ(from_at, 4);
	holds(to, "ell");
	ERR(copy_file_range(fd, NULL, to, NULL, 1, 1), EINVAL);
	ERR(copy_file_range(999, NULL, to, NULL, 1, 0), EBADF);
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

CASE(flock, "exclusive keeps others out with LOCK_NB: EWOULDBLOCK; dup shares it")
{
	int a = text("a", ""), b = OK(open("a", O_RDONLY));
	OK(flock(a, LOCK_EX));
	ERR(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	OK(flock(OK(dup(a)), LOCK_EX | LOCK_NB));
	OK(flock(a, LOCK_SH));
	OK(flock(b, LOCK_SH | LOCK_NB));
	OK(flock(a, LOCK_UN));
	OK(flock(b, LOCK_EX | LOCK_NB));
	ERR(flock(a, 0), EINVAL);
	ERR(flock(999, LOCK_SH), EBADF);
}

CASE(flock, "goes with the last descriptor")
{
	int a = text("a", ""), b = OK(open("a", O_RDONLY));
	OK(flock(a, LOCK_EX));
	OK(close(a));
	OK(flock(b, LOCK_EX | LOCK_NB));
}

CASE(read, "/dev/zero, /dev/null, /dev/full, /dev/urandom")
{
	char b[16] = "xxxxxxxxxxxxxxx", zero[16] = "";
	EQ(read(OK(open("/dev/zero", O_RDONLY)), b, 16), 16);
	EQ(memcmp(b, zero, 16), 0);
	int null = OK(open("/dev/null", O_RDWR));
	EQ(read(null, b, 16), 0);
	EQ(write(null, b, 16), 16);
	ERR(write(OK(open("/dev/full", O_WRONLY)), b, 16), ENOSPC);
	EQ(read(OK(open("/dev/urandom", O_RDONLY)), b, 16), 16);
	CHECK(memcmp(b, zero, 16));
}

CASE(openat, "permissions of another user: EACCES")
{
	close(text("a", "x"));
	OK(chmod("a", 0600));
	OK(chmod(".", 0755));
	CHILD(pid) {
		OK(setgid(1000));
		OK(setuid(1000));
		ERR(open("a", O_RDONLY), EACCES);
		ERR(open("new", O_CREAT | O_RDWR, 0644), EACCES);
		ERR(unlink("a"), EACCES);
		ERR(chmod("a", 0777), EPERM);
	}
	child_ok(pid);
}
