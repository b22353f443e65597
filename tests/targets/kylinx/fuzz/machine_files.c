/* Calls on files: each is checked before it is done (never out of its share, never a change in one that is read-only), and the
 * guest may write into its request between any two of them. The shares lie beside a file that nobody may reach. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sanitizer/asan_interface.h>
#include "machine.h"

static char base[160], read_only[180], writable[180];
uint32_t machine_console[2];
static bool changed, opened;
static int lowest, console_in, full_pipe[2], empty_pipe[2];
static struct { unsigned calls; uint32_t at; uint64_t value; } races[4];

/* ---- the guest, meanwhile ---- */

void machine_race(unsigned calls, uint32_t at, uint64_t value)
{
	for (int i = 0; i < 4; i++)
		if (!races[i].calls) {
			races[i].calls = calls + 1;
			races[i].at = at % (WINDOW - 8);
			races[i].value = value;
			return;
		}
}

__attribute__((no_sanitize("address", "undefined"))) void guest_writes(void)
{
	for (int i = 0; i < 4; i++)
		if (races[i].calls && !--races[i].calls) {
			volatile uint8_t *to = memory.commons.host + races[i].at;

			for (int k = 0; k < 8; k++)
				to[k] = (uint8_t)(races[i].value >> 8 * k);
		}
}

bool guest_poisoned(const void *p, size_t n)
{
	return n && __asan_region_is_poisoned((void *)p, n);
}

/* ---- the shares ---- */

static void text(const char *folder, const char *name, const char *value)
{
	char path[240];
	int fd;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	FUZZ_CHECK(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value));
	close(fd);
}

static void fill(const char *share)
{
	char path[240], *name = path + snprintf(path, sizeof path, "%s/", share);

	text(share, "f", "a file of the share\n");
	strcpy(name, "d");
	FUZZ_CHECK(!mkdir(path, 0755));
	text(path, "g", "below\n");
	strcpy(name, "out");
	FUZZ_CHECK(!symlink("../canary", path));
	strcpy(name, "root");
	FUZZ_CHECK(!symlink("/", path));
	strcpy(name, "up");
	FUZZ_CHECK(!symlink("..", path));
	strcpy(name, "fifo");
	FUZZ_CHECK(!mkfifo(path, 0600));
}

static int removed(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	if (at->level > 0 || strcmp(path, writable))
		remove(path);
	return 0;
}

static void wipe(const char *path)
{
	nftw(path, removed, 8, FTW_DEPTH | FTW_PHYS);
}

static void leave(void)
{
	wipe(base);
	rmdir(writable);
	rmdir(base);
}

void files_open(struct settings *s)
{
	const char *folder = getenv("KX_FUZZ_FOLDER");

	FUZZ_CHECK(!folder || strlen(folder) < sizeof base - 16);
	snprintf(base, sizeof base, "%s/kx-fuzz-XXXXXX", folder ? folder : access("/dev/shm", W_OK) ? "." : "/dev/shm");
	FUZZ_CHECK(mkdtemp(base));
	atexit(leave);
	snprintf(read_only, sizeof read_only, "%s/ro", base);
	snprintf(writable, sizeof writable, "%s/rw", base);
	FUZZ_CHECK(!mkdir(read_only, 0755) && !mkdir(writable, 0755));
	text(base, "canary", "untouched");
	fill(read_only);
	changed = true;
	s->share[0] = (struct share_option){ .host = read_only, .guest = "/ro" };
	s->share[1] = (struct share_option){ .host = writable, .guest = "/rw", .writable = true };
	s->shares = 2;
	console_in = memfd_create("input", MFD_CLOEXEC);
	FUZZ_CHECK(console_in > 2 && !pipe2(full_pipe, O_CLOEXEC | O_NONBLOCK) && !pipe2(empty_pipe, O_CLOEXEC | O_NONBLOCK));
	while (write(full_pipe[1], base, sizeof base) > 0)
		;
}

void files_begin(void)
{
	if (changed) {
		wipe(writable);
		fill(writable);
		changed = false;
	}
	memset(races, 0, sizeof races);
	FUZZ_CHECK(!ftruncate(console_in, 0) && pwrite(console_in, "input\n", 6, 0) == 6 && !lseek(console_in, 0, SEEK_SET));
	lowest = dup(console_in);
	close(lowest);
}

void files_console(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	machine_console[0] = (uint32_t)console_create(dup(console_in), null, dup(null));
	machine_console[1] = (uint32_t)console_create(dup(empty_pipe[0]), dup(full_pipe[1]), dup(full_pipe[1]));
}

static void canary(void)
{
	char bytes[16] = "", path[80];
	struct stat st;

	snprintf(path, sizeof path, "%s/canary", base);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && read(fd, bytes, sizeof bytes) == 9 && !memcmp(bytes, "untouched", 9));
	FUZZ_CHECK(!fstat(fd, &st) && st.st_nlink == 1 && (st.st_mode & 07777) == 0644);
	close(fd);
}

void files_end(void)
{
	struct kx_hostfs *r = (void *)memory.commons.host;

	memset(races, 0, sizeof races);
	__asan_unpoison_memory_region(memory.commons.host, memory.commons_bytes);
	memset(r, 0, sizeof *r);
	for (; opened && r->handle < 1024; r->handle++)
		hostfs_call(KX_HOSTFS_CLOSE, KX_VA_COMMONS);
	opened = false;
	for (int i = 0; i < 2; i++)
		console_release(machine_console[i]);
	if (changed)
		canary();
}

void files_closed(bool left_early)
{
	for (int fd = lowest; fd < lowest + 64; fd++)
		FUZZ_CHECK(fcntl(fd, F_GETFD) < 0 || (left_early && !close(fd)));
}

/* ---- the calls ---- */

#define PLAIN(name) (*(name) && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, ".."))

/* Where an open descriptor leads: 1 in the share that is read-only, 2 in the other, 0 elsewhere. */
static int where(int fd)
{
	char link[40], path[4200];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return 0;
	path[n] = 0;
	const char *const roots[] = { read_only, writable };
	for (int i = 0; i < 2; i++) {
		size_t length = strlen(roots[i]);

		if (!strncmp(path, roots[i], length) && (!path[length] || path[length] == '/' || path[length] == ' '))
			return i + 1;
	}
	return 0;
}

static long openat2(int dir, const char *path, const struct open_how *how)
{
	int share = where(dir), access_mode = (int)how->flags & O_ACCMODE;
	bool writes = !(how->flags & O_PATH) && (access_mode != O_RDONLY || how->flags & (O_CREAT | O_TRUNC));

	FUZZ_CHECK(share && (how->flags & O_CLOEXEC));
	FUZZ_CHECK((how->resolve & (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)) == (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
	FUZZ_CHECK(!(writes && share == 1));
	changed |= writes;
	long fd = syscall(SYS_openat2, dir, path, how, sizeof *how);
	if (fd >= 0) {
		FUZZ_CHECK(where((int)fd) == share);
		opened = true;
	}
	return fd;
}

static long futex(int op)
{
	static bool late;

	if ((op & FUTEX_CMD_MASK) == FUTEX_WAKE)
		return 0;
	late = !late;
	errno = late ? ETIMEDOUT : EINTR;
	return -1;
}

long fuzz_syscall(long number, ...)
{
	va_list list;
	long a[5];

	va_start(list, number);
	for (int i = 0; i < 5; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	guest_writes();
	switch (number) {
	case SYS_openat2:
		return openat2((int)a[0], (const char *)a[1], (const struct open_how *)a[2]);
	case SYS_renameat2:
		FUZZ_CHECK(where((int)a[0]) == 2 && where((int)a[2]) == 2 && PLAIN((const char *)a[1]) && PLAIN((const char *)a[3]));
		changed = true;
		return syscall(number, (int)a[0], a[1], (int)a[2], a[3], (unsigned)a[4]);
	case SYS_getdents64:
		FUZZ_CHECK(where((int)a[0]) && !guest_poisoned((const void *)a[1], (size_t)a[2]));
		return syscall(number, (int)a[0], a[1], a[2]);
	case SYS_futex:
		return futex((int)a[1]);
	case SYS_gettid:
		return syscall(number);
	case SYS_tgkill:
		return 0;
	}
	FUZZ_CHECK(!"a system call the fuzzer does not know");
	return -1;
}

int fuzz_open(const char *path, int flags, ...)
{
	return open(strcmp(path, "/dev/kvm") ? path : "/dev/null", flags, 0600);
}

int fuzz_fstat(int fd, struct stat *st)
{
	guest_writes();
	return fstat(fd, st);
}

ssize_t fuzz_pread(int fd, void *to, size_t n, off_t at)
{
	FUZZ_CHECK(where(fd));
	guest_writes();
	return pread(fd, to, n, at);
}

ssize_t fuzz_pwrite(int fd, const void *from, size_t n, off_t at)
{
	struct stat st;

	FUZZ_CHECK(where(fd) == 2 || fcntl(fd, F_GETFL) % 4 == O_RDONLY);
	guest_writes();
	changed = true;
	if (!fstat(fd, &st) && st.st_size > 1 << 24) /* enough was kept of it */
		n = n < 64 ? n : 64;
	return pwrite(fd, from, n, at);
}

int fuzz_ftruncate(int fd, off_t length)
{
	FUZZ_CHECK(where(fd) == 2 || fcntl(fd, F_GETFL) % 4 == O_RDONLY);
	guest_writes();
	changed = true;
	return ftruncate(fd, length);
}

int fuzz_mkdirat(int dir, const char *name, mode_t mode)
{
	FUZZ_CHECK(where(dir) == 2 && PLAIN(name));
	guest_writes();
	changed = true;
	return mkdirat(dir, name, mode);
}

int fuzz_unlinkat(int dir, const char *name, int flags)
{
	FUZZ_CHECK(where(dir) == 2 && PLAIN(name));
	guest_writes();
	changed = true;
	return unlinkat(dir, name, flags);
}

ssize_t fuzz_readlinkat(int fd, const char *name, char *to, size_t room)
{
	FUZZ_CHECK(where(fd) && !*name && !guest_poisoned(to, room));
	guest_writes();
	return readlinkat(fd, name, to, room);
}

/* What lies behind a packet, of longer ones before it, is not the packet's. */
ssize_t fuzz_recvmsg(int fd, struct msghdr *m, int flags)
{
	const struct iovec *to = m->msg_iov;
	ssize_t n;

	__asan_unpoison_memory_region(to->iov_base, to->iov_len);
	n = recvmsg(fd, m, flags);
	if (n >= 0)
		__asan_poison_memory_region((char *)to->iov_base + n, to->iov_len - (size_t)n);
	return n;
}

int fuzz_poll(struct pollfd *set, nfds_t n, int timeout)
{
	(void)timeout;
	guest_writes();
	return poll(set, n, 0);
}

int fuzz_ppoll(struct pollfd *set, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	(void)mask;
	FUZZ_CHECK(!timeout || (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < 1000000000));
	guest_writes();
	return poll(set, n, 0);
}

ssize_t fuzz_write(int fd, const void *from, size_t n)
{
	guest_writes();
	if (fd == STDERR_FILENO) { /* the monitor's log */
		FUZZ_CHECK(!guest_poisoned(from, n));
		return (ssize_t)n;
	}
	return write(fd, from, n);
}
