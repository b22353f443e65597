/* The initrd, a "newc" archive (cpio(5)): mapped, and its files made nodes that point into it. */
#include "tree.h"

#define HEADER 110u
#define AT_MODE 14u
#define AT_MODIFIED 46u
#define AT_SIZE 54u
#define AT_NAME_SIZE 94u
#define MODE_KIND 0170000u
#define MODE_FOLDER 0040000u
#define MODE_FILE 0100000u

struct entry { const uint8_t *data; const char *name; uint32_t mode, modified_s, bytes, name_bytes; };

static uint32_t hex(const uint8_t *digits)
{
	uint32_t value = 0;

	for (int i = 0; i < 8; i++)
		value = (value << 4) + (digits[i] & 15u) + (digits[i] >> 6) * 9u;
	return value;
}

/* The entry at an offset -> the next's; 0: there is none, or what is there is none. */
static uint32_t entry_at(const uint8_t *archive, uint32_t size, uint32_t at, struct entry *e)
{
	const uint8_t *header = archive + at;
	uint32_t name_size, data;

	if (size < HEADER || at > size - HEADER || memcmp(header, "070701", 6))
		return 0;
	name_size = hex(header + AT_NAME_SIZE);
	if (!name_size || name_size > FILES_PATH_MOST || name_size > size - HEADER - at)
		return 0;
	data = (at + HEADER + name_size + 3) & ~3u;
	*e = (struct entry){ archive + data, (const char *)header + HEADER, hex(header + AT_MODE), hex(header + AT_MODIFIED),
		hex(header + AT_SIZE), name_size - 1 };
	if (data > size || e->bytes > size - data)
		return 0;
	return (data + e->bytes + 3) & ~3u;
}

/* A file whose folders are not there, or with a name that no path can have, is left out. */
static void add(const struct entry *e)
{
	char path[FILES_PATH_MOST + 1];
	struct place p;
	struct node *n;

	path[0] = '/';
	memcpy(path + 1, e->name, e->name_bytes);
	if (((e->mode & MODE_KIND) != MODE_FILE && (e->mode & MODE_KIND) != MODE_FOLDER) ||
	    tree_place(path, e->name_bytes + 1, &p) || tree_make(&p, (e->mode & MODE_KIND) == MODE_FOLDER, &n))
		return;
	if (!n->directory) {
		n->archived = e->data;
		n->bytes = e->bytes;
	}
	if (e->modified_s)
		n->modified_s = e->modified_s;
}

const char *archive_load(void)
{
	const uint8_t *archive = NULL;
	uint32_t size = 0, next;
	struct entry e;

	for (unsigned i = 0; i < mk_started->devices && !archive; i++) {
		if (mk_started->device[i].kind != MK_DEVICE_INITRD)
			continue;
		archive = mk_region(mk_started->device[i].pages);
		size = mk_started->device[i].bytes;
		if (!archive || mk_device_map(mk_started->device[i].handle, (unsigned)archive))
			return "the initrd cannot be mapped";
	}
	if (!archive)
		return "no initrd";
	for (uint32_t at = 0; (next = entry_at(archive, size, at, &e)); at = next)
		add(&e);
	return NULL;
}
