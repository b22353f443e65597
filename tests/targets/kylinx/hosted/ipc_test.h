/* What the hosted tests of ipc/ share: the calls they make, and small tools. */
#ifndef IPC_TEST_H
#define IPC_TEST_H
#include "hosted.h"

long sys_read(int, void *, size_t);
long sys_write(int, const void *, size_t);
long sys_close(int);
long sys_fcntl(int, u32, u64);
long sys_ioctl(int, u32, u64);
long sys_pipe2(int *, u32);
long sys_eventfd2(u32, u32);
long sys_poll(struct pollfd *, u32, int);
long sys_ppoll(struct pollfd *, u32, struct timespec *, const u64 *, size_t);
long sys_select(int, u64 *, u64 *, u64 *, struct timeval *);
long sys_epoll_create1(u32);
long sys_epoll_ctl(int, int, int, struct epoll_event *);
long sys_epoll_wait(int, struct epoll_event *, int, int);
long sys_dup(int);

#define MS 1000000ull

/* A pVM has descriptors of its own, as after fork, which its function's return does not close: */
static inline void close_all(void)
{
	for (int fd = 0; fd < (int)current->proc->files->capacity; fd++)
		sys_close(fd);
}

static inline short ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	CHECK(sys_poll(&p, 1, 0) >= 0);
	return p.revents;
}
#endif
