/* Names of files: links, symbolic links, unlink, rename. */
#include "files.h"

#define GROUP "files"

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
