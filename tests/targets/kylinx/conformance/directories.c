/* Directories and special files. */
#include "suite.h"
#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define GROUP "directories"

CALL(mkdir, "");
CALL(mkdirat, "");
CALL(rmdir, "");
CALL(chdir, "");
CALL(fchdir, "");
CALL(getcwd, "");
CALL(getdents64, "");
CALL(mknod, "S_IFIFO S_IFREG");
CALL(mknodat, "S_IFIFO S_IFREG");
CALL(chroot, "");

static int entries(const char *path, char *names, size_t size)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;
	CHECK(d);
	names[0] = 0;
	while ((e = readdir(d))) {
		n++;
		CHECK(strlen(names) + strlen(e->d_name) + 2 < size);
		strcat(strcat(names, e->d_name), " ");
	}
	closedir(d);
	return n;
}

static void touch_file(const char *path)
{
	close(open_new(path));
}

CASE(mkdir, "mode less the umask, two links; one more in the parent")
{
	struct stat s;
	umask(027);
	OK(mkdir("d", 0777));
	OK(stat("d", &s));
	EQ(s.st_mode, S_IFDIR | 0750);
	EQ(s.st_nlink, 2);
	OK(mkdir("d/e", 0777));
	OK(stat("d", &s));
	EQ(s.st_nlink, 3);
}

CASE(mkdir, "exists: EEXIST, a file or dangling link too; no parent: ENOENT; below a file: ENOTDIR")
{
	touch_file("a");
	OK(symlink("nowhere", "l"));
	ERR(mkdir("a", 0755), EEXIST);
	ERR(mkdir(".", 0755), EEXIST);
	ERR(mkdir("l", 0755), EEXIST);
	ERR(mkdir("x/y", 0755), ENOENT);
	ERR(mkdir("a/y", 0755), ENOTDIR);
	EACH_BAD(bad)
		ERR(mkdir(bad, 0755), EFAULT);
}

CASE(mkdir, "a slash behind the name")
{
	OK(mkdir("d/", 0755));
	OK(access("d", F_OK));
}

CASE(mkdirat, "relative to a directory; closed: EBADF")
{
	OK(mkdir("d", 0755));
	OK(mkdirat(OK(open("d", O_RDONLY)), "e", 0755));
	OK(access("d/e", F_OK));
	ERR(mkdirat(999, "e", 0755), EBADF);
}

CASE(rmdir, "full: ENOTEMPTY; a file: ENOTDIR; none: ENOENT; .: EINVAL")
{
	OK(mkdir("d", 0755));
	touch_file("d/a");
	ERR(rmdir("d"), ENOTEMPTY);
	ERR(rmdir("d/a"), ENOTDIR);
	OK(unlink("d/a"));
	ERR(rmdir("d/."), EINVAL);
	OK(rmdir("d"));
	ERR(rmdir("d"), ENOENT);
	EACH_BAD(bad)
		ERR(rmdir(bad), EFAULT);
}

CASE(rmdir, "one that is open or current lives on, empty")
{
	char b[300];
	OK(mkdir("d", 0755));
	OK(chdir("d"));
	OK(rmdir("../d"));
	ERR(open("new", O_CREAT | O_RDWR, 0644), ENOENT);
	ERR(syscall(SYS_getcwd, b, sizeof b), ENOENT);
}

CASE(chdir, "and getcwd; a file: ENOTDIR; none: ENOENT; bad address: EFAULT")
{
	char before[300], after[300];
	CHECK(getcwd(before, 200));
	OK(mkdir("d", 0755));
	touch_file("a");
	OK(chdir("d"));
	CHECK(getcwd(after, 300));
	EQ(strcmp(after, strcat(before, "/d")), 0);
	ERR(chdir("../a"), ENOTDIR);
	ERR(chdir("none"), ENOENT);
	EACH_BAD(bad)
		ERR(chdir(bad), EFAULT);
	OK(chdir("../d/.././d"));
	CHECK(getcwd(after, 300));
	EQ(strcmp(after, before), 0);
}

CASE(chdir, "a child's is its own")
{
	char before[300], after[300];
	CHECK(getcwd(before, 300));
	CHILD(pid) OK(chdir("/"));
	child_ok(pid);
	CHECK(getcwd(after, 300));
	EQ(strcmp(after, before), 0);
}

CASE(fchdir, "by descriptor; a file: ENOTDIR; closed: EBADF")
{
	OK(mkdir("d", 0755));
	touch_file("d/a");
	OK(fchdir(OK(open("d", O_RDONLY))));
	OK(access("a", F_OK));
	ERR(fchdir(OK(open("a", O_RDONLY))), ENOTDIR);
	ERR(fchdir(999), EBADF);
}

CASE(getcwd, "the length with NUL; too small: ERANGE; bad address: EFAULT")
{
	char b[300];
	OK(chdir("/"));
	EQ(syscall(SYS_getcwd, b, 300), 2);
	ERR(syscall(SYS_getcwd, b, 1), ERANGE);
	EACH_BAD(bad)
		ERR(syscall(SYS_getcwd, bad, 300), EFAULT);
}

CASE(getcwd, "through a link: the real path")
{
	char a[300], b[300];
	OK(mkdir("d", 0755));
	OK(symlink("d", "l"));
	OK(chdir("l"));
	CHECK(getcwd(a, 300));
	OK(chdir("../d"));
	CHECK(getcwd(b, 300));
	EQ(strcmp(a, b), 0);
}

CASE(getdents64, "all entries with . and .. once each")
{
	char names[4000], want[20];
	for (int i = 0; i < 100; i++) {
		snprintf(want, sizeof want, "f%d", i);
		touch_file(want);
	}
	EQ(entries(".", names, sizeof names), 102);
	for (int i = 0; i < 100; i++) {
		snprintf(want, sizeof want, "f%d ", i);
		CHECK(strstr(names, want));
	}
}

CASE(getdents64, "types and inode numbers as stat says")
{
	struct dirent *e;
	struct stat s;
	DIR *d;
	touch_file("a");
	OK(mkdir("d", 0755));
	OK(symlink("a", "l"));
	OK(mkfifo("p", 0644));
	CHECK((d = opendir(".")));
	while ((e = readdir(d))) {
		OK(lstat(e->d_name, &s));
		EQ(e->d_type, IFTODT(s.st_mode));
		if (strcmp(e->d_name, ".."))
			EQ(e->d_ino, s.st_ino);
	}
}

CASE(getdents64, "rewinding sees what came since; seekdir goes back")
{
	struct dirent *e;
	DIR *d = opendir(".");
	int n = 0;
	CHECK(d);
	while (readdir(d))
		n++;
	EQ(n, 2);
	touch_file("a");
	rewinddir(d);
	CHECK(readdir(d));
	long at = telldir(d);
	CHECK((e = readdir(d)));
	char name[256];
	strcpy(name, e->d_name);
	CHECK(readdir(d));
	seekdir(d, at);
	CHECK((e = readdir(d)));
	EQ(strcmp(name, e->d_name), 0);
}

CASE(getdents64, "removing what was read misses nothing")
{
	char name[20];
	struct dirent *e;
	int n = 0;
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "f%d", i);
		touch_file(name);
	}
	DIR *d = opendir(".");
	CHECK(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] != 'f')
			continue;
		OK(unlink(e->d_name));
		n++;
	}
	EQ(n, 50);
}

CASE(getdents64, "buffer too small: EINVAL; a file: ENOTDIR; closed: EBADF; bad address: EFAULT")
{
	char b[400];
	int d = OK(open(".", O_RDONLY | O_DIRECTORY));
	ERR(syscall(SYS_getdents64, d, b, 8), EINVAL);
	EACH_BAD(bad)
		ERR(syscall(SYS_getdents64, d, bad, 400), EFAULT);
	ERR(syscall(SYS_getdents64, open_new("a"), b, 400), ENOTDIR);
	ERR(syscall(SYS_getdents64, 999, b, 400), EBADF);
	CHECK(syscall(SYS_getdents64, d, b, 400) > 0);
	EQ(syscall(SYS_getdents64, d, b, 400), 0);
}

CASE(getdents64, "/proc shows this process, /dev shows null")
{
	char names[100000], pid[20];
	snprintf(pid, sizeof pid, " %d ", (int)getpid());
	CHECK(entries("/proc", names, sizeof names) > 2);
	CHECK(strstr(names, pid));
	CHECK(entries("/dev", names, sizeof names) > 2);
	CHECK(strstr(names, "null "));
}

CASE(mknod, "a FIFO and a regular file; exists: EEXIST; unknown type: EINVAL")
{
	struct stat s;
	OK(mknod("p", S_IFIFO | 0640, 0));
	OK(stat("p", &s));
	EQ(s.st_mode, S_IFIFO | 0640);
	OK(mknod("f", S_IFREG | 0600, 0));
	OK(stat("f", &s));
	EQ(s.st_mode, S_IFREG | 0600);
	ERR(mknod("f", S_IFREG | 0600, 0), EEXIST);
	ERR(mknod("g", S_IFMT | 0600, 0), EINVAL);
	EACH_BAD(bad)
		ERR(mknod(bad, S_IFIFO, 0), EFAULT);
}

CASE(mknodat, "relative to a directory")
{
	OK(mkdir("d", 0755));
	OK(mknodat(OK(open("d", O_RDONLY)), "p", S_IFIFO | 0644, 0));
	OK(access("d/p", F_OK));
}

CASE(chroot, "paths begin there, .. stays there; a file: ENOTDIR; another user: EPERM")
{
	OK(mkdir("d", 0755));
	touch_file("d/a");
	ERR(chroot("d/a"), ENOTDIR);
	ERR(chroot("none"), ENOENT);
	CHILD(pid) {
		OK(setuid(1000));
		ERR(chroot("/"), EPERM);
	}
	child_ok(pid);
	CHILD(second) {
		OK(chroot("d"));
		OK(chdir("/"));
		OK(access("/a", F_OK));
		OK(access("/../../a", F_OK));
	}
	child_ok(second);
}
