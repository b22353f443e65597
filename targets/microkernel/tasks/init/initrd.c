/* The initrd: a "newc" archive (cpio(5)), mapped read-only. */
#include "init.h"

#define HEADER 110u
#define AT_SIZE 54u
#define AT_NAME_SIZE 94u

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

static unsigned hex(const char *digits)
{
	unsigned value = 0;

	for (int i = 0; i < 8; i++)
		value = (value << 4) + (unsigned)(digits[i] & 15) + (unsigned)(digits[i] >> 6) * 9;
	return value;
}

const void *initrd_find(const char *name, size_t name_bytes, unsigned *bytes)
{
	for (unsigned at = 0; at + HEADER < archive_bytes;) {
		const char *header = archive + at;
		unsigned size = hex(header + AT_SIZE), name_size = hex(header + AT_NAME_SIZE);
		unsigned data = (at + HEADER + name_size + 3) & ~3u;

		if (memcmp(header, "070701", 6) || data > archive_bytes || size > archive_bytes - data)
			return NULL;
		if (name_size == name_bytes + 1 && !memcmp(header + HEADER, name, name_bytes)) {
			*bytes = size;
			return archive + data;
		}
		at = (data + size + 3) & ~3u;
	}
	return NULL;
}
