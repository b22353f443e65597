/* Names. */
#include "dns.h"

size_t name_bytes(const uint8_t *name)
{
	const uint8_t *at = name;

	while (*at)
		at += 1 + *at;
	return (size_t)(at - name) + 1;
}

size_t name_check(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *from = at;

	for (; at < end && at - from < NAME_MOST; at += 1 + *at) {
		if (!*at)
			return (size_t)(at - from) + 1;
		if (*at > LABEL_MOST) /* a pointer: no question needs one, and there may be loops */
			return 0;
	}
	return 0;
}

void name_labels(const uint8_t *name, size_t bytes, struct labels *labels)
{
	uint32_t h = app_seed;
	unsigned count = 0;

	for (size_t at = 0; name[at]; at += 1u + name[at])
		labels->start[count++] = (uint8_t)at;
	labels->bytes = (uint8_t)bytes;
	labels->count = (uint8_t)count;
	labels->name[bytes - 1] = 0;
	while (count--) {
		const uint8_t *label = name + labels->start[count], *end = label + 1 + *label;
		uint8_t *to = labels->name + labels->start[count];

		for (; label < end; label++, to++) { /* FNV-1a, from the right on; lengths are below 'A' */
			*to = lower(*label);
			h = (h ^ *to) * 0x01000193u;
		}
		h ^= h >> 15;
		labels->hash[count] = h;
	}
}

bool name_same(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

/* "\X" or "\DDD" (RFC 1035 section 5.1) at *i, which is moved to its last character; -1: neither. */
static int escaped(struct span text, size_t *i)
{
	uint64_t value;

	if (*i + 1 >= text.bytes)
		return -1;
	if (text.at[*i + 1] < '0' || text.at[*i + 1] > '9')
		return text.at[++*i];
	if (*i + 3 >= text.bytes || !decimal_get((struct span){ text.at + *i + 1, 3 }, 255, &value))
		return -1;
	*i += 3;
	return (int)value;
}

size_t name_parse(struct span text, const uint8_t *origin, uint8_t to[NAME_MOST])
{
	size_t n = 1, label = 0, origin_bytes = name_bytes(origin);
	bool absolute = false;

	if (text.bytes == 1 && text.at[0] == '@') {
		memcpy(to, origin, origin_bytes);
		return origin_bytes;
	}
	if (text.bytes == 1 && text.at[0] == '.') {
		to[0] = 0;
		return 1;
	}
	for (size_t i = 0; i < text.bytes; i++) {
		int c = text.at[i];

		absolute = c == '.';
		if (absolute) {
			if (n == label + 1)
				return 0; /* an empty label */
			to[label] = (uint8_t)(n - label - 1);
			label = n++;
		} else {
			if (c == '\\' && (c = escaped(text, &i)) < 0)
				return 0;
			if (n - label > LABEL_MOST)
				return 0;
			to[n++] = (uint8_t)c;
		}
		if (n >= NAME_MOST)
			return 0;
	}
	if (absolute) {
		to[label] = 0;
		return n;
	}
	if (n == 1 || n + origin_bytes > NAME_MOST)
		return 0;
	to[label] = (uint8_t)(n - label - 1);
	memcpy(to + n, origin, origin_bytes);
	return n + origin_bytes;
}
