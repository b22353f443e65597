/* Files of the in-memory tree, descriptors, /dev, /proc and /sys as system calls see them. */
#include "hosted.h"
#include "fs/fs.h"
#include "fs_calls.h"

static char text[65536];

static const char *slurp(const char *path)
{
	long fd = sys_open(path, O_RDONLY, 0), n = 0, r;

	if (fd < 0)
		printf("open %s: %ld\n", path, fd);
	CHECK(fd >= 0);
	while ((r = sys_read((int)fd, text + n, sizeof text - 1 - (size_t)n)) > 0)
		n += r;
	if (r < 0)
		printf("read %s: %ld\n", path, r);
	CHECK_EQ(r, 0);
	text[n] = 0;
	CHECK_EQ(sys_close((int)fd), 0);
	return text;
}

static long spew(const char *path, const char *s)
{
	long fd = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644), r;

	CHECK(fd >= 0);
	r = sys_write((int)fd, s, strlen(s));
	CHECK_EQ(sys_close((int)fd), 0);
	return r;
}

static bool same(const char *a, const char *b)
{
	if (strcmp(a, b))
		printf("got \"%s\", expected \"%s\"\n", a, b);
	return !strcmp(a, b);
}

static bool contains(const char *a, const char *b)
{
	size_t n = strlen(b);

	for (; *a; a++)
		if (!strncmp(a, b, n))
			return true;
	return false;
}

static void test_files(void)
{
	struct stat st;

	CHECK_EQ(spew("/tmp/a", "hello"), 5);
	CHECK(same(slurp("/tmp/a"), "hello"));
	CHECK_EQ(sys_stat("/tmp/a", &st), 0);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(sys_link("/tmp/a", "/tmp/b"), 0);
	CHECK_EQ(sys_stat("/tmp/b", &st), 0);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_EQ(sys_unlink("/tmp/a"), 0);
	CHECK_EQ(sys_stat("/tmp/a", &st), -ENOENT);
	CHECK(same(slurp("/tmp/b"), "hello"));
	CHECK_EQ(sys_rename("/tmp/b", "/tmp/c"), 0);
	CHECK_EQ(sys_truncate("/tmp/c", 3), 0);
	CHECK(same(slurp("/tmp/c"), "hel"));
	CHECK_EQ(sys_mkdir("/tmp/d", 0755), 0);
	CHECK_EQ(sys_rename("/tmp/c", "/tmp/d"), -EISDIR);
	CHECK_EQ(sys_rename("/tmp/d", "/tmp/d/e"), -EINVAL);
	CHECK_EQ(sys_unlink("/tmp/d"), -EISDIR);
	CHECK_EQ(sys_rmdir("/tmp/c"), -ENOTDIR);
	CHECK_EQ(sys_rmdir("/tmp/d"), 0);
	CHECK_EQ(sys_unlink("/tmp/c"), 0);
	CHECK_EQ(sys_rmdir("/dev"), -EBUSY);
	CHECK_EQ(sys_open("/tmp/none", O_RDONLY, 0), -ENOENT);
	CHECK_EQ(sys_open((void *)8, O_RDONLY, 0), -EFAULT);
	CHECK_EQ(sys_read(77, text, 1), -EBADF);
}

static void test_unlinked_stays(void)
{
	long fd = sys_open("/tmp/u", O_RDWR | O_CREAT | O_EXCL, 0600);
	struct stat st;
	char b[4];

	CHECK(fd >= 0);
	CHECK_EQ(sys_write((int)fd, "abcd", 4), 4);
	CHECK_EQ(sys_unlink("/tmp/u"), 0);
	CHECK_EQ(sys_fstat((int)fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(sys_pread64((int)fd, b, 4, 0), 4);
	CHECK(!memcmp(b, "abcd", 4));
	snprintf(text, sizeof text, "/proc/self/fd/%ld", fd);
	CHECK_EQ(sys_readlink(text, text + 100, 100), 16);
	CHECK(!memcmp(text + 100, "/tmp/u (deleted)", 16));
	CHECK_EQ(sys_close((int)fd), 0);
}

static void test_symlinks(void)
{
	struct stat st;

	CHECK_EQ(sys_symlink("loop2", "/tmp/loop1"), 0);
	CHECK_EQ(sys_symlink("loop1", "/tmp/loop2"), 0);
	CHECK_EQ(sys_stat("/tmp/loop1", &st), -ELOOP);
	CHECK_EQ(sys_lstat("/tmp/loop1", &st), 0);
	CHECK_EQ(sys_symlink("/tmp/target", "/tmp/dangling"), 0);
	CHECK_EQ(spew("/tmp/dangling", "x"), 1); /* O_CREAT through a dangling link makes its target */
	CHECK(same(slurp("/tmp/target"), "x"));
	CHECK_EQ(sys_open("/tmp/dangling", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
	CHECK_EQ(sys_open("/tmp/dangling", O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
	CHECK_EQ(sys_unlink("/tmp/loop1") | sys_unlink("/tmp/loop2") | sys_unlink("/tmp/dangling") | sys_unlink("/tmp/target"), 0);
}

static void test_descriptors(void)
{
	int fd = (int)sys_open("/dev/null", O_RDWR, 0);
	long other;

	CHECK_EQ(sys_dup2(fd, fd), fd);
	CHECK_EQ(sys_dup3(fd, fd, 0), -EINVAL);
	other = sys_fcntl(fd, F_DUPFD_CLOEXEC, 100);
	CHECK_EQ(other, 100);
	CHECK_EQ(sys_fcntl(100, F_GETFD, 0), FD_CLOEXEC);
	CHECK_EQ(sys_fcntl(100, F_SETFD, 0), 0);
	CHECK_EQ(sys_fcntl(100, F_GETFD, 0), 0);
	CHECK_EQ(sys_fcntl(fd, F_GETFL, 0), O_RDWR | 0100000);
	CHECK_EQ(sys_fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(sys_fcntl(100, F_GETFL, 0), O_RDWR | O_NONBLOCK | 0100000); /* one description */
	CHECK_EQ(sys_dup2(fd, 1000), 1000);
	CHECK_EQ(sys_close_range(100, 1000, 0), 0);
	CHECK_EQ(sys_fcntl(1000, F_GETFD, 0), -EBADF);
	CHECK_EQ(sys_dup2(fd, 1 << 30), -EBADF);
	CHECK_EQ(sys_close(fd), 0);
	CHECK_EQ(sys_close(fd), -EBADF);
}

static void test_devices(void)
{
	long fd = sys_open("/dev/zero", O_RDWR, 0), k;
	u8 b[300], sum = 0;

	memset(b, 7, sizeof b);
	CHECK_EQ(sys_read((int)fd, b, sizeof b), sizeof b);
	for (k = 0; k < (long)sizeof b; k++)
		sum |= b[k];
	CHECK_EQ(sum, 0);
	CHECK_EQ(sys_close((int)fd), 0);
	fd = sys_open("/dev/full", O_WRONLY, 0);
	CHECK_EQ(sys_write((int)fd, b, 1), -ENOSPC);
	CHECK_EQ(sys_close((int)fd), 0);
	fd = sys_open("/dev/urandom", O_RDONLY, 0);
	CHECK_EQ(sys_read((int)fd, b, sizeof b), sizeof b);
	for (k = 0; k < (long)sizeof b; k++)
		sum |= b[k];
	CHECK_EQ(sum, 255);
	CHECK_EQ(sys_close((int)fd), 0);
}

static void test_generated(void)
{
	struct stat st;

	CHECK(same(slurp("/proc/sys/kernel/pid_max"), "4194304\n"));
	CHECK(contains(slurp("/proc/self/status"), "Threads:\t1\n"));
	CHECK(contains(slurp("/proc/self/stat"), ") R "));
	CHECK(contains(slurp("/proc/meminfo"), "MemTotal:"));
	CHECK(contains(slurp("/proc/cpuinfo"), "processor\t: 0"));
	CHECK(contains(slurp("/proc/mounts"), "proc /proc proc "));
	CHECK(contains(slurp("/proc/self/mountinfo"), " - sysfs sysfs "));
	CHECK(contains(slurp("/proc/self/limits"), "Max open files "));
	CHECK_EQ(strlen(slurp("/proc/sys/kernel/random/uuid")), 37);
	CHECK(contains(slurp("/sys/kernel/mm/transparent_hugepage/enabled"), "[madvise]"));
	slurp("/sys/devices/system/cpu/online");
	slurp("/proc/self/maps");
	slurp("/proc/self/smaps");
	slurp("/proc/self/smaps_rollup");
	slurp("/proc/self/statm");
	slurp("/proc/stat");
	slurp("/proc/loadavg");
	slurp("/proc/uptime");
	slurp("/proc/self/io");
	slurp("/proc/thread-self/stat");
	slurp("/proc/self/auxv");
	slurp("/proc/self/cmdline");
	CHECK_EQ(sys_stat("/proc/self/fd", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0500);
	CHECK_EQ(sys_stat("/proc/99999", &st), -ENOENT);
	CHECK_EQ(sys_open("/proc/version", O_WRONLY, 0), -EACCES);
	CHECK_EQ(sys_mkdir("/proc/x", 0755), -EPERM);
}

static int list(const char *path, bool (*each)(const char *))
{
	long fd = sys_open(path, O_RDONLY | O_DIRECTORY, 0), n;
	int entries = 0;

	CHECK(fd >= 0);
	while ((n = sys_getdents64((int)fd, text, 200)) > 0)
		for (long at = 0; at < n; at += ((struct linux_dirent64 *)(text + at))->d_reclen) {
			entries++;
			if (each)
				CHECK(each(((struct linux_dirent64 *)(text + at))->d_name));
		}
	CHECK_EQ(n, 0);
	CHECK_EQ(sys_close((int)fd), 0);
	return entries;
}

static bool removed_while_listing(const char *name)
{
	char path[64];

	if (name[0] == '.')
		return true;
	snprintf(path, sizeof path, "/tmp/many/%s", name);
	return !sys_unlink(path);
}

static void test_listing(void)
{
	char path[64];

	CHECK_EQ(sys_mkdir("/tmp/many", 0700), 0);
	for (int k = 0; k < 500; k++) {
		snprintf(path, sizeof path, "/tmp/many/file%d", k);
		CHECK_EQ(spew(path, "1"), 1);
	}
	CHECK_EQ(list("/tmp/many", NULL), 502);
	CHECK_EQ(sys_rmdir("/tmp/many"), -ENOTEMPTY);
	CHECK_EQ(list("/tmp/many", removed_while_listing), 502); /* as rm -r does */
	CHECK_EQ(sys_rmdir("/tmp/many"), 0);
	CHECK(list("/proc", NULL) > 10);
	CHECK(list("/proc/self/fd", NULL) >= 3);
	CHECK(list("/proc/self/task", NULL) == 3);
	CHECK(list("/sys/devices/system/cpu", NULL) >= 9);
	CHECK(list("/dev", NULL) > 10);
}

static void test_places(void)
{
	char cwd[256];

	CHECK_EQ(sys_mkdir("/tmp/p", 0755) | sys_mkdir("/tmp/p/q", 0755) | sys_chdir("/tmp/p/q"), 0);
	CHECK_EQ(sys_getcwd(cwd, sizeof cwd), 9);
	CHECK(same(cwd, "/tmp/p/q"));
	CHECK_EQ(sys_rename("/tmp/p", "/tmp/r"), 0);
	CHECK_EQ(sys_getcwd(cwd, sizeof cwd), 9);
	CHECK(same(cwd, "/tmp/r/q"));
	CHECK_EQ(sys_getcwd(cwd, 8), -ERANGE);
	CHECK_EQ(sys_rmdir("../q"), 0);
	CHECK_EQ(sys_getcwd(cwd, sizeof cwd), -ENOENT);
	CHECK_EQ(sys_open("new", O_CREAT | O_WRONLY, 0600), -ENOENT);
	CHECK_EQ(sys_chdir(".."), 0);
	CHECK_EQ(sys_getcwd(cwd, sizeof cwd), 7);
	CHECK_EQ(spew("in", "jail"), 4);
	CHECK_EQ(sys_chroot("."), 0);
	CHECK(same(slurp("/in"), "jail"));
	CHECK(same(slurp("/../../in"), "jail"));
	path_put(current->proc->fs->root);
	current->proc->fs->root = path_ref(root_path);
	CHECK_EQ(sys_chdir("/"), 0);
	CHECK_EQ(sys_unlink("/tmp/r/in") | sys_rmdir("/tmp/r"), 0);
}

static void test_seals_and_memfd(void)
{
	int fd = (int)sys_memfd_create("seal", MFD_ALLOW_SEALING);
	char link[64];

	CHECK(fd >= 0);
	CHECK_EQ(sys_ftruncate(fd, 10000), 0);
	CHECK_EQ(sys_fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	CHECK_EQ(sys_ftruncate(fd, 0), -EPERM);
	CHECK_EQ(sys_ftruncate(fd, 20000), -EPERM);
	CHECK_EQ(sys_pwrite64(fd, "x", 1, 9999), 1);
	CHECK_EQ(sys_pwrite64(fd, "x", 1, 10000), -EPERM);
	CHECK_EQ(sys_lseek(fd, 0, SEEK_DATA), 8192);
	CHECK_EQ(sys_lseek(fd, 8192, SEEK_HOLE), 10000);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	CHECK_EQ(sys_readlink(link, text, 100), 21);
	CHECK(!memcmp(text, "/memfd:seal (deleted)", 21));
	CHECK_EQ(sys_close(fd), 0);
}

static void test_tmpfile(void)
{
	int fd = (int)sys_open("/tmp", O_TMPFILE | O_RDWR, 0600);
	char link[64];

	CHECK(fd >= 0);
	CHECK_EQ(sys_write(fd, "tmp", 3), 3);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	CHECK_EQ(sys_linkat(AT_FDCWD, link, AT_FDCWD, "/tmp/named", AT_SYMLINK_FOLLOW), 0);
	CHECK(same(slurp("/tmp/named"), "tmp"));
	CHECK_EQ(sys_unlink("/tmp/named"), 0);
	CHECK_EQ(sys_close(fd), 0);
}

static void test_locks(void)
{
	int a = (int)sys_open("/tmp/l", O_RDWR | O_CREAT, 0600), b = (int)sys_open("/tmp/l", O_RDWR, 0);
	struct flock l = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };

	CHECK_EQ(sys_fcntl(a, F_OFD_SETLK, (u64)&l), 0);
	CHECK_EQ(sys_fcntl(b, F_OFD_SETLK, (u64)&l), -EAGAIN);
	l.l_start = 0;
	CHECK_EQ(sys_fcntl(b, F_OFD_SETLK, (u64)&l), 0);
	l.l_start = 12;
	l.l_len = 2;
	l.l_type = F_UNLCK;
	CHECK_EQ(sys_fcntl(a, F_OFD_SETLK, (u64)&l), 0); /* splits */
	l.l_type = F_WRLCK;
	CHECK_EQ(sys_fcntl(b, F_OFD_SETLK, (u64)&l), 0);
	l.l_start = 11;
	l.l_len = 100;
	CHECK_EQ(sys_fcntl(b, F_OFD_GETLK, (u64)&l), 0);
	CHECK_EQ(l.l_type, F_WRLCK);
	CHECK(l.l_start == 10 || l.l_start == 14);
	CHECK_EQ(sys_flock(a, LOCK_EX), 0);
	CHECK_EQ(sys_flock(b, LOCK_SH | LOCK_NB), -EAGAIN);
	CHECK_EQ(sys_close(a), 0);
	CHECK_EQ(sys_flock(b, LOCK_SH | LOCK_NB), 0);
	CHECK_EQ(sys_close(b), 0);
	CHECK_EQ(sys_unlink("/tmp/l"), 0);
}

static void test_copies(void)
{
	int a, b;
	s64 off = 1;

	spew("/tmp/from", "0123456789");
	a = (int)sys_open("/tmp/from", O_RDONLY, 0);
	b = (int)sys_open("/tmp/to", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(sys_sendfile(b, a, &off, 4), 4);
	CHECK_EQ(off, 5);
	CHECK_EQ(sys_copy_file_range(a, NULL, b, NULL, 3, 0), 3);
	CHECK(same(slurp("/tmp/to"), "1234012"));
	CHECK_EQ(sys_sendfile(b, a, NULL, 100), 7);
	CHECK(same(slurp("/tmp/to"), "12340123456789"));
	CHECK_EQ(sys_close(a) | sys_close(b), 0);
	CHECK_EQ(sys_unlink("/tmp/from") | sys_unlink("/tmp/to"), 0);
}

static void all(void)
{
	test_files();
	test_unlinked_stays();
	test_symlinks();
	test_descriptors();
	test_devices();
	test_generated();
	test_listing();
	test_places();
	test_seals_and_memfd();
	test_tmpfile();
	test_locks();
	test_copies();
}

void test_main(void)
{
	u64 before;

	sys_close(sys_open("/tmp/warm", O_CREAT | O_WRONLY, 0600));
	sys_unlink("/tmp/warm");
	all();
	before = heap_bytes_used();
	for (int k = 0; k < 3; k++)
		all();
	CHECK_EQ(heap_bytes_used(), before);
}
