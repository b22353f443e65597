/* What the cases of sockets share. */
#ifndef CONFORMANCE_SOCKETS_H
#define CONFORMANCE_SOCKETS_H
#include "suite.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

static inline void nothing(int signo) { (void)signo; }

static inline struct sockaddr_un named(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	strcpy(a.sun_path, path);
	return a;
}

static inline int listener(const char *path, int type)
{
	struct sockaddr_un a = named(path);
	int s = OK(socket(AF_UNIX, type, 0));
	OK(bind(s, (struct sockaddr *)&a, sizeof a));
	OK(listen(s, 5));
	return s;
}

static inline int connected(const char *path, int type)
{
	struct sockaddr_un a = named(path);
	int s = OK(socket(AF_UNIX, type, 0));
	OK(connect(s, (struct sockaddr *)&a, sizeof a));
	return s;
}

static inline void pair(int type, int *s)
{
	OK(socketpair(AF_UNIX, type, 0, s));
}

#endif
