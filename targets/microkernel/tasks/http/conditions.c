/* Conditional requests (RFC 9110 section 13): tags are strong, made of a file's time and size as nginx makes them. */
#include "http.h"

static size_t hex_put(char *to, uint64_t number)
{
	char digits[16], *at = digits + sizeof digits;
	size_t n;

	do
		*--at = "0123456789abcdef"[number & 15];
	while (number >>= 4);
	n = (size_t)(digits + sizeof digits - at);
	memcpy(to, at, n);
	return n;
}

void file_tags(const struct app_file *file, struct file_tags *tags)
{
	size_t n = 0;

	tags->modified_s = file->modified_s;
	tags->tag[n++] = '"';
	n += hex_put(tags->tag + n, (uint64_t)file->modified_s & 0xffffffffffff);
	tags->tag[n++] = '-';
	n += hex_put(tags->tag + n, file->bytes);
	tags->tag[n++] = '"';
	tags->tag_bytes = n;
}

static struct span tag_of(const struct file_tags *tags)
{
	return (struct span){ (const uint8_t *)tags->tag, tags->tag_bytes };
}

/* Whether the list has the tag, or is "*". A weak one in the list is the same tag if weak ones will do (section 8.8.3.2). */
static bool lists_tag(struct span list, struct span tag, bool weak_will_do)
{
	size_t i = 0;

	if (list.bytes == 1 && list.at[0] == '*')
		return true;
	while (i < list.bytes) {
		bool weak = list.bytes - i > 2 && list.at[i] == 'W' && list.at[i + 1] == '/';
		size_t start, end;

		start = i + (weak ? 2 : 0);
		if (list.at[start] != '"') { /* between two of them, or nonsense */
			i = start + 1;
			continue;
		}
		for (end = start + 1; end < list.bytes && list.at[end] != '"'; end++)
			;
		if (end == list.bytes)
			return false;
		if ((!weak || weak_will_do) && same_bytes((struct span){ list.at + start, end - start + 1 }, tag))
			return true;
		i = end + 1;
	}
	return false;
}

/* One that was there twice is as if it were not: the answer is the whole then, never a wrong "not modified". */
static bool is_set(const struct field *f)
{
	return f->times == 1;
}

unsigned conditions_fail(const struct request *r, const struct file_tags *tags)
{
	int64_t since;

	if (is_set(&r->if_match)) {
		if (!lists_tag(r->if_match.value, tag_of(tags), false))
			return 412;
	} else if (is_set(&r->if_unmodified) && date_get(r->if_unmodified.value, &since) && tags->modified_s > since) {
		return 412;
	}
	if (r->if_none_match.times)
		return is_set(&r->if_none_match) && lists_tag(r->if_none_match.value, tag_of(tags), true) ? 304 : 0;
	if (is_set(&r->if_modified) && date_get(r->if_modified.value, &since) && tags->modified_s <= since)
		return 304;
	return 0;
}

/* If-Range (section 13.1.5): a tag or a date, which must be the file's exactly. */
bool range_applies(const struct request *r, const struct file_tags *tags)
{
	int64_t date;

	if (r->method != GET || !is_set(&r->range))
		return false;
	if (!r->if_range.times)
		return true;
	if (!is_set(&r->if_range))
		return false;
	return same_bytes(r->if_range.value, tag_of(tags)) || (date_get(r->if_range.value, &date) && date == tags->modified_s);
}
