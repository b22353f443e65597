/* Regular files: opening, reading, writing. */
#include "files.h"

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
