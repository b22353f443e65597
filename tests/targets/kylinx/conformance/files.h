/* What the cases of files share. */
#ifndef CONFORMANCE_FILES_H
#define CONFORMANCE_FILES_H
#include "suite.h"
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

static inline mode_t mode_of(const char *path)
{
	struct stat s;
	OK(lstat(path, &s));
	return s.st_mode;
}

static inline long size_of(int fd)
{
	struct stat s;
	OK(fstat(fd, &s));
	return s.st_size;
}

static inline int text(const char *path, const char *bytes)
{
	int fd = open_new(path);
	EQ(write(fd, bytes, strlen(bytes)), strlen(bytes));
	EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static inline void holds(int fd, const char *want)
{
	char got[200] = "";
	ssize_t n = OK(pread(fd, got, sizeof got - 1, 0));
	got[n] = 0;
	if (strcmp(got, want))
		FAIL("the file holds \"%s\", not \"%s\"", got, want);
}

#endif
