/* Prints the tree of $KX_IMAGE as system calls show it, changes it, prints it again: the test that runs this does the same to
 * a directory of the host. A line: path, mode, size, checksum of the bytes or target of the link. */
#include "hosted.h"
#include "fs/fs.h"
#include "fs_calls.h"

static u64 checksum(const char *path)
{
	static u8 bytes[7777];
	int fd = (int)sys_open(path, O_RDONLY, 0);
	u64 h = 14695981039346656037ull;
	long n;

	CHECK(fd >= 0);
	while ((n = sys_read(fd, bytes, sizeof bytes)) > 0)
		for (long k = 0; k < n; k++)
			h = (h ^ bytes[k]) * 1099511628211ull;
	CHECK_EQ(n, 0);
	CHECK_EQ(sys_close(fd), 0);
	return h;
}

static void show(const char *path)
{
	char target[512] = { 0 };
	struct stat st;

	CHECK_EQ(sys_lstat(path, &st), 0);
	if (S_ISREG(st.st_mode))
		printf("%s %o %lu %016lx\n", path, st.st_mode, (u64)st.st_size, checksum(path));
	else if (S_ISLNK(st.st_mode))
		printf("%s %o %lu %s\n", path, st.st_mode, (u64)st.st_size, sys_readlink(path, target, 511) > 0 ? target : "?");
	else
		printf("%s %o\n", path, st.st_mode);
}

static void list(const char *path)
{
	int fd = (int)sys_open(path, O_RDONLY | O_DIRECTORY, 0);
	char *raw = host_alloc(1000), *child = host_alloc(4096);
	long n;

	CHECK(fd >= 0);
	show(path);
	while ((n = sys_getdents64(fd, raw, 1000)) > 0)
		for (long at = 0; at < n; at += ((struct linux_dirent64 *)(raw + at))->d_reclen) {
			const struct linux_dirent64 *d = (const void *)(raw + at);

			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
				continue;
			snprintf(child, 4096, "%s/%s", path, d->d_name);
			if (d->d_type == DT_DIR)
				list(child);
			else
				show(child);
		}
	CHECK_EQ(n, 0);
	CHECK_EQ(sys_close(fd), 0);
	host_free(raw);
	host_free(child);
}

static void put(const char *path, u32 flags, const char *s, s64 at)
{
	int fd = (int)sys_open(path, O_WRONLY | flags, 0640);

	CHECK(fd >= 0);
	CHECK_EQ(at < 0 ? sys_write(fd, s, strlen(s)) : sys_pwrite64(fd, s, strlen(s), at), strlen(s));
	CHECK_EQ(sys_close(fd), 0);
}

static void map_checks(void)
{
	int fd = (int)sys_open("/data/large", O_RDONLY, 0), rw;
	const char *p, *q;
	char *w;

	CHECK(fd >= 0);
	p = (const char *)sys_mmap(0, 8192, PROT_READ, MAP_PRIVATE, (u64)fd, 4096);
	CHECK((long)p > 0);
	CHECK_EQ(sys_pread64(fd, (char[1]){ 0 }, 1, 4096), 1);
	rw = (int)sys_open("/data/large", O_RDWR, 0);
	w = (char *)sys_mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, (u64)rw, 0);
	q = (const char *)sys_mmap(0, 8192, PROT_READ, MAP_PRIVATE, (u64)fd, 4096);
	CHECK((long)w > 0 && (long)q > 0);
	CHECK(!memcmp(p, q, 8192));
	CHECK(!memcmp(w + 4096, p, 4096));
	w[3] = 'W'; /* seen by read, as by all */
	CHECK_EQ(sys_pread64(fd, w + 100, 1, 3), 1);
	CHECK_EQ(w[100], 'W');
	CHECK_EQ(sys_munmap((u64)p, 8192) | sys_munmap((u64)q, 8192) | sys_munmap((u64)w, 8192), 0);
	CHECK_EQ(sys_close(fd) | sys_close(rw), 0);
}

void test_main(void)
{
	CHECK(image_present());
	list("/data");
	printf("--\n");
	put("/data/small", O_APPEND, "more", -1);
	put("/data/odd", 0, "XY", 5000);
	put("/data/new", O_CREAT, "new", -1);
	put("/data/empty", 0, "no longer", 10000);
	put("/data/sub/gone", O_TRUNC, "t", -1);
	CHECK_EQ(sys_truncate("/data/cut", 100), 0);
	CHECK_EQ(sys_truncate("/data/cut", 9000), 0);
	CHECK_EQ(sys_unlink("/data/many/f7"), 0);
	CHECK_EQ(sys_rename("/data/many/f8", "/data/many/f9"), 0);
	CHECK_EQ(sys_rename("/data/sub", "/data/moved"), 0);
	CHECK_EQ(sys_rename("/data/moved/deep", "/data/deep"), 0);
	CHECK_EQ(sys_mkdir("/data/many/dir", 0711), 0);
	CHECK_EQ(sys_symlink("small", "/data/link2"), 0);
	CHECK_EQ(sys_chmod("/data/small", 0600), 0);
	CHECK_EQ(sys_link("/data/odd", "/data/odd2"), 0);
	CHECK_EQ(sys_open("/data/many/f7", O_RDONLY, 0), -ENOENT);
	CHECK_EQ(sys_rmdir("/data/moved"), -ENOTEMPTY);
	list("/data");
	map_checks();
}
