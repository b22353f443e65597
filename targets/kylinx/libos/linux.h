/* Linux' user ABI, from the kernel's own uapi headers; the few structures they leave to libc are here. */
#ifndef KX_LINUX_H
#define KX_LINUX_H
#include <stddef.h>
#include <asm/unistd_64.h>
#include <linux/errno.h>
#include <linux/types.h>
#include <linux/time.h>
#include <linux/fcntl.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/uio.h>
#include <linux/poll.h>
#include <linux/eventpoll.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <linux/resource.h>
#include <linux/mman.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <linux/prctl.h>
#include <asm/prctl.h>
#include <linux/utsname.h>
#include <linux/sysinfo.h>
#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/ipc.h>
#include <linux/msg.h>
#include <linux/sem.h>
#include <linux/shm.h>
#include <linux/mqueue.h>
#include <linux/socket.h>
#include <linux/un.h>
#include <linux/times.h>
#include <asm/termios.h>
#include <asm/ioctls.h>
#include <linux/random.h>
#include <linux/timerfd.h>
#include <linux/signalfd.h>
#include <linux/limits.h>

/* the AF_UNIX part of socket(2): uapi has no header for it */
struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	struct iovec *msg_iov;
	size_t msg_iovlen;
	void *msg_control;
	size_t msg_controllen;
	unsigned int msg_flags;
};
struct user_cmsghdr {
	size_t cmsg_len;
	int cmsg_level, cmsg_type;
};
struct user_ucred {
	int pid;
	unsigned int uid, gid;
};

/* getdents64 */
struct linux_dirent64 {
	unsigned long long d_ino;
	long long d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};
#endif
