/* Host directories the user shares with the family. Every path is resolved by the host's kernel below the share, never through a
 * symbolic link (the LibOS follows those itself) and never out of it; a share that is read-only refuses all that writes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "family.h"

#define HANDLES 1024
#define MOST_AT_ONCE (1u << 20)
#define OPEN_FLAGS (O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_DIRECTORY) /* that a guest may ask for */

static struct { int fd; bool writable; char guest[120]; } shares[KX_MAX_SHARES];
static uint32_t share_count;
static struct { int fd; uint32_t share, users; bool used; } handles[HANDLES];
static pthread_mutex_t handle_lock = PTHREAD_MUTEX_INITIALIZER;

int hostfs_open_shares(const struct settings *s, const char **why)
{
	for (uint32_t i = 0; i < s->shares; i++) {
		*why = s->share[i].host;
		shares[i].fd = open(s->share[i].host, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (shares[i].fd < 0)
			return -errno;
		shares[i].writable = s->share[i].writable;
		snprintf(shares[i].guest, sizeof shares[i].guest, "%s", s->share[i].guest);
		share_count++;
	}
	return 0;
}

void hostfs_describe(struct kx_boot *b)
{
	b->shares = share_count;
	for (uint32_t i = 0; i < share_count; i++) {
		memcpy(b->share[i].path, shares[i].guest, sizeof b->share[i].path);
		b->share[i].writable = shares[i].writable;
	}
}

static int open_below(uint32_t share, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW), .mode = flags & O_CREAT ? mode & 07777 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, shares[share].fd, *path ? path : ".", &how, sizeof how);

	return fd < 0 ? -errno : (int)fd;
}

/* The directory a path's last name lies in, and that name. */
static int open_parent(uint32_t share, char *path, const char **name)
{
	char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (!**name || !strcmp(*name, ".") || !strcmp(*name, ".."))
		return -EINVAL;
	if (slash)
		*slash = 0;
	return open_below(share, slash ? path : "", O_PATH | O_DIRECTORY, 0);
}

static int handle_get(int32_t h)
{
	int fd = -EBADF;

	pthread_mutex_lock(&handle_lock);
	if (h >= 0 && h < HANDLES && handles[h].used) {
		handles[h].users++;
		fd = handles[h].fd;
	}
	pthread_mutex_unlock(&handle_lock);
	return fd;
}

/* closing: the guest's reference goes; the last user closes the descriptor. */
static void handle_put(int32_t h, bool closing)
{
	int fd = -1;

	pthread_mutex_lock(&handle_lock);
	if (closing && handles[h].used) {
		handles[h].used = false;
		handles[h].users--;
	}
	if (--handles[h].users == 0) {
		fd = handles[h].fd;
		handles[h].fd = -1;
	}
	pthread_mutex_unlock(&handle_lock);
	if (fd >= 0)
		close(fd);
}

static int handle_make(int fd, uint32_t share)
{
	int h = -ENFILE;

	pthread_mutex_lock(&handle_lock);
	for (int i = 0; i < HANDLES && h < 0; i++)
		if (!handles[i].used && !handles[i].users) {
			handles[i].used = true;
			handles[i].users = 1;
			handles[i].fd = fd;
			handles[i].share = share;
			h = i;
		}
	pthread_mutex_unlock(&handle_lock);
	if (h < 0)
		close(fd);
	return h;
}

/* Regular files and directories only: a device or a FIFO of the host is nobody's business. */
static int64_t op_open(struct kx_hostfs *r)
{
	int flags = (int)(r->flags & OPEN_FLAGS);
	struct stat st;

	if (!shares[r->share].writable && ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC)))
		return -EROFS;
	int fd = open_below(r->share, r->path, O_PATH, 0);
	if (fd >= 0) {
		int bad = fstat(fd, &st) || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));

		close(fd);
		if (bad)
			return -EACCES;
	}
	fd = open_below(r->share, r->path, flags | O_NONBLOCK | O_NOCTTY, (mode_t)r->mode);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		close(fd);
		return -EACCES;
	}
	return handle_make(fd, r->share);
}

static int64_t op_close(struct kx_hostfs *r)
{
	int fd = handle_get(r->handle);

	if (fd < 0)
		return fd;
	handle_put(r->handle, true);
	return 0;
}

static int64_t transfer(struct kx_hostfs *r, uint64_t op, int fd)
{
	size_t n = r->length < MOST_AT_ONCE ? r->length : MOST_AT_ONCE;
	void *host = memory_commons(r->buffer, n);
	ssize_t done;

	if (!host)
		return -EFAULT;
	if (op == KX_HOSTFS_READ)
		done = pread(fd, host, n, (off_t)r->offset);
	else if (op == KX_HOSTFS_WRITE)
		done = pwrite(fd, host, n, (off_t)r->offset);
	else
		done = syscall(SYS_getdents64, fd, host, n);
	return done < 0 ? -errno : done;
}

static int64_t op_transfer(struct kx_hostfs *r, uint64_t op)
{
	int fd = handle_get(r->handle);

	if (fd < 0)
		return fd;
	int64_t result = op == KX_HOSTFS_SYNC ? (fsync(fd) ? -errno : 0) : transfer(r, op, fd);
	handle_put(r->handle, false);
	return result;
}

static int64_t op_stat(struct kx_hostfs *r)
{
	int fd = r->handle < 0 ? open_below(r->share, r->path, O_PATH, 0) : handle_get(r->handle);
	struct stat st;

	if (fd < 0)
		return fd;
	int error = fstat(fd, &st) ? -errno : 0;
	if (r->handle < 0)
		close(fd);
	else
		handle_put(r->handle, false);
	if (error)
		return error;
	r->mode = st.st_mode;
	r->ino = st.st_ino;
	r->size = (uint64_t)st.st_size;
	r->mtime_ns = (uint64_t)st.st_mtim.tv_sec * NS_PER_SECOND + (uint64_t)st.st_mtim.tv_nsec;
	r->nlink = st.st_nlink;
	r->blocks = (uint64_t)st.st_blocks;
	r->uid = st.st_uid;
	r->gid = st.st_gid;
	return 0;
}

static int64_t op_names(struct kx_hostfs *r, uint64_t op)
{
	const char *name, *name2;
	int64_t result;
	int parent, parent2;

	if (!shares[r->share].writable)
		return -EROFS;
	parent = open_parent(r->share, r->path, &name);
	if (parent < 0)
		return parent;
	if (op == KX_HOSTFS_MKDIR) {
		result = mkdirat(parent, name, (mode_t)(r->mode & 07777)) ? -errno : 0;
	} else if (op == KX_HOSTFS_UNLINK) {
		result = unlinkat(parent, name, r->flags & AT_REMOVEDIR) ? -errno : 0;
	} else {
		parent2 = open_parent(r->share, r->path2, &name2);
		result = parent2 < 0 ? parent2 : syscall(SYS_renameat2, parent, name, parent2, name2, r->flags & 3) ? -errno : 0;
		if (parent2 >= 0)
			close(parent2);
	}
	close(parent);
	return result;
}

static int64_t op_truncate(struct kx_hostfs *r)
{
	if (!shares[r->share].writable)
		return -EROFS;
	int fd = r->handle < 0 ? open_below(r->share, r->path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0) : handle_get(r->handle);
	if (fd < 0)
		return fd;
	int64_t result = ftruncate(fd, (off_t)r->length) ? -errno : 0;
	if (r->handle < 0)
		close(fd);
	else
		handle_put(r->handle, false);
	return result;
}

static int64_t op_readlink(struct kx_hostfs *r)
{
	size_t n = r->length < 4096 ? r->length : 4096;
	char *host = memory_commons(r->buffer, n);
	int fd = host ? open_below(r->share, r->path, O_PATH, 0) : -EFAULT;

	if (fd < 0)
		return fd;
	ssize_t done = readlinkat(fd, "", host, n);
	int64_t result = done < 0 ? -errno : done;
	close(fd);
	return result;
}

static int64_t dispatch(struct kx_hostfs *r, uint64_t op)
{
	switch (op) {
	case KX_HOSTFS_OPEN: return op_open(r);
	case KX_HOSTFS_CLOSE: return op_close(r);
	case KX_HOSTFS_READ:
	case KX_HOSTFS_WRITE:
	case KX_HOSTFS_READDIR:
	case KX_HOSTFS_SYNC: return op_transfer(r, op);
	case KX_HOSTFS_STAT: return op_stat(r);
	case KX_HOSTFS_MKDIR:
	case KX_HOSTFS_UNLINK:
	case KX_HOSTFS_RENAME: return op_names(r, op);
	case KX_HOSTFS_TRUNCATE: return op_truncate(r);
	case KX_HOSTFS_READLINK: return op_readlink(r);
	default: return -EINVAL;
	}
}

/* The request is worked on in a copy; only what STAT tells goes back. */
int64_t hostfs_call(uint64_t op, uint64_t va)
{
	struct kx_hostfs *guest = memory_commons(va, sizeof *guest), r;

	if (!guest)
		return -EFAULT;
	memcpy(&r, guest, sizeof r);
	r.path[sizeof r.path - 1] = r.path2[sizeof r.path2 - 1] = 0;
	if (r.share >= share_count)
		return -ENODEV;
	if (r.path[0] == '/' || r.path2[0] == '/')
		return -EXDEV;
	int64_t result = dispatch(&r, op);
	if (op == KX_HOSTFS_STAT && !result) {
		size_t from = offsetof(struct kx_hostfs, mode), to = offsetof(struct kx_hostfs, path);

		memcpy((char *)guest + from, (const char *)&r + from, to - from);
	}
	return result;
}
