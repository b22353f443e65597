/* Sizes of files, copying, locks of whole files. */
#include "files.h"

#define GROUP "files"

CALL(truncate, "");
CALL(ftruncate, "");
CALL(fallocate, "FALLOC_FL_KEEP_SIZE FALLOC_FL_PUNCH_HOLE");
CALL(fsync, "");
CALL(fdatasync, "");
CALL(sync, "");
CALL(sendfile, "");
CALL(copy_file_range, "");
CALL(flock, "LOCK_SH LOCK_EX LOCK_UN LOCK_NB");

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
