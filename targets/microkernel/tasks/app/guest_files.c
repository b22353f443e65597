/* An application's files, of the RAM file system server: http's are below /www, dns has its zone. */
#include "../lib/files.h"
#include "app.h"
#include "guest.h"

#define PAGES "/www"
#define ZONE "/zone"

static const char *below = "";    /* where the application's "/" is */

const char *guest_files(void)
{
	if (!strcmp(app.name, "http"))
		below = PAGES;
	return strcmp(app.name, "dns") ? NULL : ZONE;
}

static bool real_path(const char *path, char real[FILES_PATH_MOST + 1])
{
	size_t bytes = mk_format(real, FILES_PATH_MOST + 1, "%s%s", below, path);

	while (bytes > 1 && bytes <= FILES_PATH_MOST && real[bytes - 1] == '/')
		real[--bytes] = 0;
	return bytes <= FILES_PATH_MOST;
}

bool app_file_open(const char *path, struct app_file *file)
{
	char real[FILES_PATH_MOST + 1];
	struct file_status status;
	int handle = real_path(path, real) ? file_open(real, 0, &status) : -1;

	if (handle < 0)
		return false;
	*file = (struct app_file){ .handle = (uintptr_t)handle, .bytes = status.bytes, .directory = status.directory,
		.modified_s = status.modified_s };
	return true;
}

size_t app_file_read(const struct app_file *file, uint32_t offset, void *to, size_t bytes)
{
	int n = file_read((int)file->handle, offset, to, bytes);

	return n < 0 ? 0 : (size_t)n;
}

void app_file_close(const struct app_file *file)
{
	file_close((int)file->handle);
}

bool app_file_list(const char *path, unsigned index, char name[APP_NAME])
{
	char real[FILES_PATH_MOST + 1];

	return real_path(path, real) && !file_list(real, index, name, NULL);
}
