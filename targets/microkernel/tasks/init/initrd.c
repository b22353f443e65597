/* The initrd: a "newc" archive (cpio(5)), mapped read-only. */
#include "init.h"
#include "../../include/cpio.h"

static const char *archive;
static unsigned archive_bytes;

void initrd_open(void)
{
	unsigned pages = boot->device[1].pages;
	void *at = pages ? mk_region(pages) : NULL;

	if (!at || mk_device_map(1, (unsigned)at))
		mk_fail("init: no initrd");
	archive = at;
	archive_bytes = boot->device[1].bytes;
}

const void *initrd_find(const char *name, size_t name_bytes, unsigned *bytes)
{
	return cpio_find(archive, archive_bytes, name, (unsigned)name_bytes, bytes);
}
