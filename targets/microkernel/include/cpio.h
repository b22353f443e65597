/* A file of an archive in the "newc" format (cpio(5)): headers of 110 characters, name, file; both padded to 4 bytes. */
#ifndef MK_CPIO_H
#define MK_CPIO_H
#include <stddef.h>
#include <stdint.h>

#define CPIO_HEADER 110u
#define CPIO_SIZE 54u             /* where in it, in 8 hexadecimal digits */
#define CPIO_NAME_SIZE 94u        /* with its zero */

static inline unsigned cpio_number(const char *digits)
{
	unsigned value = 0;

	for (int i = 0; i < 8; i++)
		value = (value << 4) + (unsigned)(digits[i] & 15) + (unsigned)(digits[i] >> 6) * 9;
	return value;
}

/* NULL: there is none, or the archive is damaged before it. The name has `length` characters. */
static inline const void *cpio_find(const char *archive, unsigned size, const char *name, unsigned length, unsigned *bytes)
{
	for (unsigned at = 0; at < size && size - at > CPIO_HEADER;) {
		const char *header = archive + at;
		unsigned name_size = cpio_number(header + CPIO_NAME_SIZE), left = size - at, same = 0, data;

		*bytes = cpio_number(header + CPIO_SIZE);
		data = (CPIO_HEADER + name_size + 3) & ~3u;
		if (header[0] != '0' || header[5] != '1' || name_size > left || data > left || *bytes > left - data)
			return NULL;
		while (same < length && name_size == length + 1 && header[CPIO_HEADER + same] == name[same])
			same++;
		if (same == length && name_size == length + 1)
			return header + data;
		at += (data + *bytes + 3) & ~3u;
	}
	return NULL;
}
#endif
