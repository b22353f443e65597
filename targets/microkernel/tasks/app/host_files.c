/* The files of a folder of the host, as app.h wants them. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host.h"

static const char *root = ".";

void host_files(const char *folder)
{
	root = folder;
}

static bool real_path(const char *path, char to[PATH_MAX])
{
	return snprintf(to, PATH_MAX, "%s/%s", root, path) < PATH_MAX;
}

bool app_file_open(const char *path, struct app_file *file)
{
	char real[PATH_MAX];
	struct stat st;
	int fd;

	if (!real_path(path, real) || (fd = open(real, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	if (fstat(fd, &st) || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) || st.st_size > UINT32_MAX) {
		close(fd);
		return false;
	}
	*file = (struct app_file){ .handle = (uintptr_t)fd, .bytes = (uint32_t)st.st_size, .directory = S_ISDIR(st.st_mode),
		.modified_s = st.st_mtime };
	return true;
}

size_t app_file_read(const struct app_file *file, uint32_t offset, void *to, size_t bytes)
{
	ssize_t n = pread((int)file->handle, to, bytes, offset);

	return n < 0 ? 0 : (size_t)n;
}

void app_file_close(const struct app_file *file)
{
	close((int)file->handle);
}

bool app_file_list(const char *path, unsigned index, char name[APP_NAME])
{
	char real[PATH_MAX];
	struct dirent *entry = NULL;
	DIR *folder;
	unsigned i = 0;

	if (!real_path(path, real) || !(folder = opendir(real)))
		return false;
	while ((entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && i++ == index)
			break;
	if (entry)
		snprintf(name, APP_NAME, "%s", entry->d_name);
	closedir(folder);
	return entry;
}
