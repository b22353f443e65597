/* What the monitor gives up before any guest code runs: descriptors, namespaces, its root directory, capabilities. The system
 * calls are seccomp.c's. A PID namespace of its own would need a second process (the monitor must stay one, so that killing
 * it ends all); in its place no system call that takes a foreign PID is allowed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "family.h"

/* Before anything is opened: what a careless parent left open is not passed on. */
void confine_descriptors(const struct settings *s)
{
	int keep[] = { s->control_fd, s->stats_fd, s->ready_fd };
	struct rlimit r;
	unsigned from = 3;

	for (;;) {
		unsigned next = ~0u;

		for (size_t i = 0; i < 3; i++)
			if (keep[i] >= (int)from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > from)
			syscall(SYS_close_range, from, next == ~0u ? next : next - 1, 0);
		if (next == ~0u)
			break;
		from = next + 1;
	}
	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max < 16384 ? r.rlim_max : 16384; /* a vCPU, a console's three and a host file are one each */
	setrlimit(RLIMIT_NOFILE, &r);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Without privileges a user namespace comes first; the user is the same inside, so that host shares look as they should. */
static int namespaces(const char **why)
{
	const int others = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWCGROUP;
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (!unshare(others))
		return 0;
	*why = "user namespaces are not allowed (kernel.unprivileged_userns_clone, user.max_user_namespaces)";
	if (errno != EPERM || unshare(CLONE_NEWUSER | others))
		return -errno;
	*why = "/proc/self/uid_map";
	snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
	if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
		return -EPERM;
	snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
	return write_file("/proc/self/gid_map", map) ? 0 : -EPERM;
}

/* The root directory becomes one that is empty, cannot be written and exists no more. */
static int empty_root(const char **why)
{
	static char path[] = "/tmp/kylinx-XXXXXX";
	int r, root;

	*why = path;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || !mkdtemp(path))
		return -errno;
	r = chdir(path) || chroot(".") ? -errno : 0;
	if (unlinkat(root, path + 1, AT_REMOVEDIR))
		log_line("%s: %s", path, strerror(errno));
	close(root);
	return r;
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	for (int cap = 0; cap <= 63; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none))
		die("capset: %s", strerror(errno));
}

/* While there is one thread, and after all files have been opened. 0, or -errno with what could not be done. */
int confine_privileges(const char **why)
{
	struct rlimit none = { 0, 0 };
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs: %s", strerror(errno));
	setrlimit(RLIMIT_CORE, &none);
	r = namespaces(why);
	if (!r)
		r = empty_root(why);
	drop_capabilities();
	return r;
}
