/* The same random calls on the LibOS's tree and on the host's tmpfs: every result, and at the end the whole trees, must be
 * equal. KX_HOST_DIR: an empty directory of a tmpfs, which becomes this process's root; KX_SEED, KX_STEPS. */
#include "hosted.h"
#include "fs/fs.h"
#include "fs_calls.h"

char *getenv(const char *);
int atoi(const char *);

#define FDS 12
#define NONE -1
static int ours[FDS], theirs[FDS];
static u64 state;
static u32 steps, step, each; /* each: from there on the trees are compared after every step */
static char what[600]; /* the call under way, for the report */
static bool verbose;
static bool users, ordinary; /* users: the calls are made by uid 1 now and then; ordinary: they are now */
static bool holes; /* seek them; then nothing is allocated in advance, whose pages tmpfs calls holes until they are written */

static long host6(long n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return r;
}
#define H(a) ((u64)(a))
#define host0(n) host6(n, 0, 0, 0, 0, 0, 0)
#define host1(n, a) host6(n, H(a), 0, 0, 0, 0, 0)
#define host2(n, a, b) host6(n, H(a), H(b), 0, 0, 0, 0)
#define host3(n, a, b, c) host6(n, H(a), H(b), H(c), 0, 0, 0)
#define host4(n, a, b, c, d) host6(n, H(a), H(b), H(c), H(d), 0, 0)
#define host5(n, a, b, c, d, e) host6(n, H(a), H(b), H(c), H(d), H(e), 0)

static u32 pick(u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)((state >> 11) % n);
}

static char before[sizeof what];

static void report(long a, long b)
{
	printf("after %s\n", before);
	printf("step %u: %s: %ld here, %ld on the host\n", step, what, a, b);
	CHECK_EQ(a, b);
}

static void equal(long a, long b)
{
	if (verbose)
		printf("%u %s = %ld\n", step, what, a);
	if (a != b)
		report(a, b);
}

/* A path of few names, so that calls meet. */
static const char *path(char *to)
{
	static const char *const names[] = { "a", "b", "c", "d", ".", "..", "e" };
	u32 parts = 1 + pick(3), n = 0;

	if (!pick(40)) {
		to[0] = 0;
		return to;
	}
	if (!pick(4))
		to[n++] = '/';
	for (u32 k = 0; k < parts; k++) {
		const char *s = names[pick(ARRAY_SIZE(names))];

		n += (u32)snprintf(to + n, 40, "%s%s", s, k + 1 < parts ? "/" : "");
	}
	if (!pick(12))
		to[n++] = '/';
	if (!pick(300)) {
		memset(to + n, 'x', 250);
		n += 250;
	}
	to[n] = 0;
	return to;
}

static u32 any_fd(void)
{
	return pick(FDS);
}

static void slot_fill(u32 k, long a, long b)
{
	equal(a < 0 ? a : 0, b < 0 ? b : 0);
	if (a < 0)
		return;
	if (ours[k] != NONE) {
		sys_close(ours[k]);
		host1(__NR_close, theirs[k]);
	}
	ours[k] = (int)a;
	theirs[k] = (int)b;
}

static void equal_stat(const struct stat *a, const struct stat *b)
{
	equal(a->st_mode, b->st_mode);
	equal((long)a->st_nlink, (long)b->st_nlink);
	equal(a->st_uid, b->st_uid);
	equal(a->st_gid, b->st_gid);
	if (!S_ISDIR(a->st_mode))
		equal(a->st_size, b->st_size);
}

static void do_open(void)
{
	static const u32 modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };
	static const u32 more[] = { O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_TMPFILE, O_NONBLOCK };
	char p[600];
	u32 flags = modes[pick(4)] | O_NONBLOCK, mode = pick(01000) | 0600, k = any_fd();

	for (u32 n = pick(3); n; n--)
		flags |= more[pick(ARRAY_SIZE(more))];
	path(p);
	if (pick(3)) {
		snprintf(what, sizeof what, "open %s %#o %#o", p, flags, mode);
		slot_fill(k, sys_open(p, flags, mode), host4(__NR_openat, AT_FDCWD, p, flags, mode));
	} else {
		u32 d = any_fd();

		snprintf(what, sizeof what, "openat %d %s %#o %#o", ours[d], p, flags, mode);
		slot_fill(k, sys_openat(ours[d], p, flags, mode), host4(__NR_openat, theirs[d], p, flags, mode));
	}
}

static void do_close(void)
{
	u32 k = any_fd();

	snprintf(what, sizeof what, "close %d", ours[k]);
	equal(sys_close(ours[k]), host1(__NR_close, theirs[k]));
	ours[k] = theirs[k] = NONE;
}

static void do_dup(void)
{
	u32 k = any_fd(), to = any_fd();

	snprintf(what, sizeof what, "dup %d", ours[k]);
	slot_fill(to, sys_dup(ours[k]), host1(__NR_dup, theirs[k]));
}

static char left[20000], right[20000];

/* what pipes hold is another test's */
static bool is_fifo(u32 k)
{
	struct stat st;

	return ours[k] != NONE && !sys_fstat(ours[k], &st) && S_ISFIFO(st.st_mode);
}

static void do_read(void)
{
	u32 k = any_fd(), n = pick(3) ? pick(100) : pick(sizeof left);
	s64 at = (s64)pick(30000) - 5;

	if (is_fifo(k))
		return;
	memset(left, 1, sizeof left);
	memset(right, 1, sizeof right);
	snprintf(what, sizeof what, "read %d %u at %ld", ours[k], n, at);
	if (pick(2))
		equal(sys_read(ours[k], left, n), host3(__NR_read, theirs[k], right, n));
	else
		equal(sys_pread64(ours[k], left, n, at), host4(__NR_pread64, theirs[k], right, n, at));
	equal(memcmp(left, right, sizeof left), 0);
}

static void do_write(void)
{
	u32 k = any_fd(), n = pick(3) ? pick(100) : pick(sizeof left);
	s64 at = (s64)pick(30000) - 5;

	if (is_fifo(k))
		return;
	for (u32 i = 0; i < n; i++)
		left[i] = (char)(step + i);
	snprintf(what, sizeof what, "write %d %u at %ld", ours[k], n, at);
	if (pick(2)) {
		equal(sys_write(ours[k], left, n), host3(__NR_write, theirs[k], left, n));
	} else if (pick(3)) {
		equal(sys_pwrite64(ours[k], left, n, at), host4(__NR_pwrite64, theirs[k], left, n, at));
	} else {
		struct iovec v[3] = { { left, n / 3 }, { left, 0 }, { left + n / 3, n - n / 3 } };

		equal(sys_writev(ours[k], v, 3), host3(__NR_writev, theirs[k], v, 3));
	}
}

static void do_seek(void)
{
	u32 k = any_fd();
	int whence = (int)pick(holes ? 7 : 4) - 1;
	s64 at = (s64)pick(30000) - 100;

	snprintf(what, sizeof what, "lseek %d %ld %d", ours[k], at, whence);
	/* a directory's cookies are the file system's own */
	if (ours[k] != NONE) {
		struct stat st;

		sys_fstat(ours[k], &st);
		if (S_ISDIR(st.st_mode))
			return;
	}
	equal(sys_lseek(ours[k], at, whence), host3(__NR_lseek, theirs[k], at, whence));
}

static void do_size(void)
{
	u32 k = any_fd();
	s64 n = (s64)pick(30000) - 10, at = (s64)pick(20000) - 10;
	char p[600];

	switch (pick(3)) {
	case 0:
		snprintf(what, sizeof what, "ftruncate %d %ld", ours[k], n);
		equal(sys_ftruncate(ours[k], n), host2(__NR_ftruncate, theirs[k], n));
		return;
	case 1:
		path(p);
		snprintf(what, sizeof what, "truncate %s %ld", p, n);
		equal(sys_truncate(p, n), host2(__NR_truncate, p, n));
		return;
	}
	if (holes)
		return;
	snprintf(what, sizeof what, "fallocate %d %ld %ld", ours[k], at, n);
	equal(sys_fallocate(ours[k], 0, at, n), host4(__NR_fallocate, theirs[k], 0, at, n));
}

static void do_stat(void)
{
	struct stat a = { 0 }, b = { 0 };
	u32 k = any_fd(), flags = pick(2) ? AT_SYMLINK_NOFOLLOW : 0;
	char p[600];
	long r;

	if (pick(3)) {
		path(p);
		snprintf(what, sizeof what, "stat %s %#x", p, flags);
		r = sys_newfstatat(AT_FDCWD, p, &a, flags);
		equal(r, host4(__NR_newfstatat, AT_FDCWD, p, &b, flags));
	} else {
		snprintf(what, sizeof what, "fstat %d", ours[k]);
		r = sys_fstat(ours[k], &a);
		equal(r, host2(__NR_fstat, theirs[k], &b));
	}
	if (!r)
		equal_stat(&a, &b);
}

static void do_names(void)
{
	char p[600], q[600];
	u32 mode = pick(01000) | 0700, flags = pick(4) ? 0 : 1 + pick(3), d = pick(4) ? FDS : any_fd();
	int od = d < FDS ? ours[d] : AT_FDCWD, td = d < FDS ? theirs[d] : AT_FDCWD;

	path(p);
	path(q);
	switch (pick(8)) {
	case 0: case 1:
		snprintf(what, sizeof what, "mkdirat %d %s %#o", od, p, mode);
		equal(sys_mkdirat(od, p, mode), host3(__NR_mkdirat, td, p, mode));
		return;
	case 2:
		flags = pick(2) ? AT_REMOVEDIR : 0;
		snprintf(what, sizeof what, "unlinkat %d %s %#x", od, p, flags);
		equal(sys_unlinkat(od, p, flags), host3(__NR_unlinkat, td, p, flags));
		return;
	case 3: case 4:
		snprintf(what, sizeof what, "renameat2 %d %s %s %u", od, p, q, flags);
		equal(sys_renameat2(od, p, AT_FDCWD, q, flags), host5(__NR_renameat2, td, p, AT_FDCWD, q, flags));
		return;
	case 5:
		flags = pick(3) ? 0 : AT_SYMLINK_FOLLOW;
		if (ordinary) /* sysctl fs.protected_hardlinks would be asked */
			return;
		snprintf(what, sizeof what, "linkat %d %s %s %#x", od, p, q, flags);
		equal(sys_linkat(od, p, AT_FDCWD, q, flags), host5(__NR_linkat, td, p, AT_FDCWD, q, flags));
		return;
	case 6:
		snprintf(what, sizeof what, "symlinkat %s %d %s", q, od, p);
		equal(sys_symlinkat(q, od, p), host3(__NR_symlinkat, q, td, p));
		return;
	}
	mode |= pick(2) ? S_IFIFO : pick(2) ? S_IFSOCK : pick(3) ? S_IFREG : 0;
	snprintf(what, sizeof what, "mknodat %d %s %#o", od, p, mode);
	equal(sys_mknodat(od, p, mode, 0), host4(__NR_mknodat, td, p, mode, 0));
}

static void do_attributes(void)
{
	char p[600];
	u32 mode = pick(010000), owner = pick(3) ? ~0u : pick(3), group = pick(3) ? ~0u : pick(3);
	u32 flags = pick(2) ? AT_SYMLINK_NOFOLLOW : 0;

	path(p);
	switch (pick(4)) {
	case 0:
		mode = (mode | 0700) & ~01000u; /* no sticky directories: sysctl fs.protected_* would be asked */
		snprintf(what, sizeof what, "fchmodat %s %#o", p, mode);
		equal(sys_fchmodat(AT_FDCWD, p, mode), host3(__NR_fchmodat, AT_FDCWD, p, mode));
		return;
	case 1:
		snprintf(what, sizeof what, "fchownat %s %d %d %#x", p, owner, group, flags);
		equal(sys_fchownat(AT_FDCWD, p, owner, group, flags), host5(__NR_fchownat, AT_FDCWD, p, owner, group, flags));
		return;
	case 2: {
		struct timespec t[2] = { { pick(1000), pick(10) ? pick(1000) : UTIME_OMIT }, { pick(1000), pick(10) ? pick(1000) : 1u << 31 } };
		struct stat a, b;

		snprintf(what, sizeof what, "utimensat %s", p);
		mode = (u32)sys_utimensat(AT_FDCWD, p, t, flags);
		equal((s32)mode, host4(__NR_utimensat, AT_FDCWD, p, t, flags));
		if (!mode && t[0].tv_nsec != UTIME_OMIT) {
			equal(sys_newfstatat(AT_FDCWD, p, &a, flags), host4(__NR_newfstatat, AT_FDCWD, p, &b, flags));
			equal((long)a.st_mtime_nsec, (long)b.st_mtime_nsec);
		}
		return;
	}
	}
	snprintf(what, sizeof what, "faccessat %s %u", p, mode & 15);
	equal(sys_faccessat(AT_FDCWD, p, mode & 15), host3(__NR_faccessat, AT_FDCWD, p, mode & 15));
}

static void do_places(void)
{
	char p[600];
	u32 k = any_fd();
	long r;

	switch (pick(4)) {
	case 0:
		snprintf(what, sizeof what, "chdir %s", path(p));
		equal(sys_chdir(p), host1(__NR_chdir, p));
		return;
	case 1:
		snprintf(what, sizeof what, "fchdir %d", ours[k]);
		equal(sys_fchdir(ours[k]), host1(__NR_fchdir, theirs[k]));
		return;
	case 2:
		memset(left, 0, 400);
		memset(right, 0, 400);
		snprintf(what, sizeof what, "getcwd");
		r = sys_getcwd(left, 400);
		equal(r, host2(__NR_getcwd, right, 400));
		equal(memcmp(left, right, 400), 0);
		return;
	}
	memset(left, 0, 400);
	memset(right, 0, 400);
	snprintf(what, sizeof what, "readlink %s", path(p));
	r = (long)pick(40);
	equal(sys_readlink(p, left, (s32)r), host3(__NR_readlink, p, right, r));
	equal(memcmp(left, right, 400), 0);
}

static void do_descriptor(void)
{
	u32 k = any_fd(), j = any_fd(), n = pick(9000);
	struct flock a = { .l_type = (short)pick(3), .l_start = pick(50), .l_len = (long)pick(20) - 5 }, b = a;
	s64 o = pick(10000), t = o, o2 = pick(10000), t2 = o2;
	struct stat in, out;

	switch (pick(5)) {
	case 0:
		snprintf(what, sizeof what, "F_GETFL %d", ours[k]);
		equal(sys_fcntl(ours[k], F_GETFL, 0), host3(__NR_fcntl, theirs[k], F_GETFL, 0));
		return;
	case 1:
		snprintf(what, sizeof what, "F_OFD_SETLK %d %d %ld+%ld", ours[k], a.l_type, a.l_start, a.l_len);
		equal(sys_fcntl(ours[k], F_OFD_SETLK, H(&a)), host3(__NR_fcntl, theirs[k], F_OFD_SETLK, &b));
		return;
	case 2:
		snprintf(what, sizeof what, "F_SETLK %d %d %ld+%ld", ours[k], a.l_type, a.l_start, a.l_len);
		equal(sys_fcntl(ours[k], F_SETLK, H(&a)), host3(__NR_fcntl, theirs[k], F_SETLK, &b));
		return;
	case 3:
		snprintf(what, sizeof what, "copy_file_range %d %ld %d %ld %u", ours[k], o, ours[j], o2, n);
		equal(sys_copy_file_range(ours[k], &o, ours[j], &o2, n, 0), host6(__NR_copy_file_range, H(theirs[k]), H(&t), H(theirs[j]), H(&t2), n, 0));
		equal(o, t);
		equal(o2, t2);
		return;
	}
	if (is_fifo(k) || is_fifo(j))
		return;
	if (!sys_fstat(ours[k], &in) && !sys_fstat(ours[j], &out) && in.st_ino == out.st_ino)
		return; /* the host lends pages, so what is read may have been written just now */
	snprintf(what, sizeof what, "sendfile %d %d %ld %u", ours[j], ours[k], o, n);
	equal(sys_sendfile(ours[j], ours[k], &o, n), host4(__NR_sendfile, theirs[j], theirs[k], &t, n));
	equal(o, t);
}

/* Descriptors, those of removed files too: where they stand, what they read. */
static void compare_descriptors(void)
{
	for (u32 k = 0; k < FDS; k++) {
		struct stat st;
		s64 at = 0;
		long n;

		snprintf(what, sizeof what, "position and bytes of %d", ours[k]);
		if (ours[k] == NONE || sys_fstat(ours[k], &st) || !S_ISREG(st.st_mode))
			continue;
		equal(sys_lseek(ours[k], 0, SEEK_CUR), host3(__NR_lseek, theirs[k], 0, SEEK_CUR));
		do {
			memset(left, 0, sizeof left);
			memset(right, 0, sizeof right);
			n = sys_pread64(ours[k], left, sizeof left, at);
			equal(n, host4(__NR_pread64, theirs[k], right, sizeof right, at));
			equal(memcmp(left, right, sizeof left), 0);
			at += n;
		} while (n > 0);
	}
}

static void become(bool other)
{
	struct credentials *c = &current->proc->cred;

	ordinary = other;
	c->fsuid = c->fsgid = other;
	host1(__NR_setfsgid, other);
	host1(__NR_setfsuid, other);
}

static void do_user(void)
{
	u32 mask = pick(0100);

	if (users && !pick(8))
		become(!ordinary);
	snprintf(what, sizeof what, "umask %#o", mask);
	if (!pick(4))
		equal(sys_umask(mask), host1(__NR_umask, mask));
}

/* Both trees below the same path, entry by entry. */
static u32 entries(const char *p, char *buffer, size_t room, bool host)
{
	long fd = host ? host4(__NR_openat, AT_FDCWD, p, O_RDONLY | O_DIRECTORY, 0) : sys_open(p, O_RDONLY | O_DIRECTORY, 0), n;
	u32 count = 0, used = 0;
	static char raw[4096];

	CHECK(fd >= 0);
	while ((n = host ? host3(__NR_getdents64, fd, raw, sizeof raw) : sys_getdents64((int)fd, raw, sizeof raw)) > 0)
		for (long at = 0; at < n; at += ((struct linux_dirent64 *)(raw + at))->d_reclen) {
			const struct linux_dirent64 *d = (const void *)(raw + at);

			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
				continue;
			if (buffer && used + strlen(d->d_name) + 1 < room)
				used += (u32)snprintf(buffer + used, room - used, "%s", d->d_name) + 1;
			count++;
		}
	CHECK_EQ(n, 0);
	if (host)
		host1(__NR_close, fd);
	else
		sys_close((int)fd);
	return count;
}

static void compare_bytes(const char *p)
{
	long a = sys_open(p, O_RDONLY, 0), b = host4(__NR_openat, AT_FDCWD, p, O_RDONLY, 0), n;

	do {
		memset(left, 0, sizeof left);
		memset(right, 0, sizeof right);
		n = sys_read((int)a, left, sizeof left);
		equal(n, host3(__NR_read, b, right, sizeof right));
		for (u32 k = 0; k < sizeof left; k++)
			if (left[k] != right[k]) {
				printf("byte %u of a piece differs\n", k);
				break;
			}
		equal(memcmp(left, right, sizeof left), 0);
	} while (n > 0);
	sys_close((int)a);
	host1(__NR_close, b);
}

static void compare(const char *p, u32 depth)
{
	char *names = host_alloc(8192), *at = names, *child = host_alloc(4096);
	u32 n = entries(p, names, 8192, false);
	struct stat a, b;

	snprintf(what, sizeof what, "listing %s", p);
	equal(n, entries(p, NULL, 0, true));
	for (; n; n--, at += strlen(at) + 1) {
		snprintf(child, 4096, "%s/%s", p, at);
		snprintf(what, sizeof what, "comparing %s", child);
		equal(sys_lstat(child, &a), host4(__NR_newfstatat, AT_FDCWD, child, &b, AT_SYMLINK_NOFOLLOW));
		equal_stat(&a, &b);
		if (S_ISREG(a.st_mode))
			compare_bytes(child);
		else if (S_ISDIR(a.st_mode) && depth < 60)
			compare(child, depth + 1);
	}
	host_free(names);
	host_free(child);
}

void test_main(void)
{
	static void (*const calls[])(void) = { do_open, do_open, do_open, do_close, do_dup, do_read, do_write, do_write, do_seek, do_size,
		do_stat, do_stat, do_names, do_names, do_names, do_names, do_attributes, do_places, do_descriptor,
		do_user };
	const char *dir = getenv("KX_HOST_DIR");

	state = 88172645463325252ull + (getenv("KX_SEED") ? (u64)atoi(getenv("KX_SEED")) * 7919 : 0);
	steps = getenv("KX_STEPS") ? (u32)atoi(getenv("KX_STEPS")) : 20000;
	each = getenv("KX_EACH") ? (u32)atoi(getenv("KX_EACH")) : 0;
	holes = state & 1;
	users = state & 2;
	CHECK_EQ(host2(__NR_setgroups, 0, NULL), 0);
	verbose = getenv("KX_VERBOSE") != NULL;
	CHECK(dir);
	CHECK_EQ(host1(__NR_chdir, dir), 0);
	CHECK_EQ(host1(__NR_chroot, "."), 0);
	host1(__NR_umask, 022);
	CHECK_EQ(sys_mkdir("/tmp/w", 0755), 0);
	CHECK_EQ(sys_chdir("/tmp/w"), 0);
	CHECK_EQ(sys_chroot("."), 0);
	for (u32 k = 0; k < FDS; k++)
		ours[k] = theirs[k] = NONE;
	for (step = 0; step < steps; step++) {
		strlcpy(before, what, sizeof before);
		calls[pick(ARRAY_SIZE(calls))]();
		if (step % 1000 == 999 || (each && step >= each)) {
			become(false);
			compare_descriptors();
			compare("/", 0);
		}
	}
	become(false);
	compare("/", 0);
}
