/* Commands on parts of strings. */
#include "redis.h"

static void string_length(struct client *c)
{
	void *s;

	if (key_typed(c, c->argv[1], STRING, &s))
		reply_integer(c, s ? ((struct string *)s)->bytes : 0);
}

static void getrange(struct client *c)
{
	int64_t first, last, bytes;
	struct string *s;
	void *value;

	if (!argument_integer(c, 2, &first) || !argument_integer(c, 3, &last) || !key_typed(c, c->argv[1], STRING, &value))
		return;
	s = value;
	bytes = s ? s->bytes : 0;
	if (first < 0 && last < 0 && first > last) {
		reply_bulk(c, TEXT(""));
		return;
	}
	first = first < -bytes ? 0 : first < 0 ? bytes + first : first;
	last = last < -bytes ? 0 : last < 0 ? bytes + last : last >= bytes ? bytes - 1 : last;
	if (!bytes || first > last)
		reply_bulk(c, TEXT(""));
	else
		reply_bulk(c, (struct span){ s->data + first, (size_t)(last - first + 1) });
}

/* The key's string with so many bytes, new ones 0; to be had even if there is none. NULL: answered. */
static struct string *stretched(struct client *c, struct span key, uint64_t bytes)
{
	struct node *node = key_find(key);
	struct string *s;

	if (bytes > BULK_MOST) {
		reply_error(c, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
		return NULL;
	}
	if (!node && key_assign(NULL, key, TEXT("")))
		node = dict_find(&server.keys, key);
	s = node ? node->value : NULL;
	if (s && s->capacity < bytes) /* twice as much: APPEND after APPEND is not quadratic */
		s = string_widened(s, (uint32_t)(bytes < BULK_MOST / 2 ? 2 * bytes : bytes));
	else if (s)
		s = string_widened(s, (uint32_t)bytes);
	if (!s) {
		reply_error(c, NO_MEMORY);
		return NULL;
	}
	node->value = s;
	if (s->bytes < bytes) {
		memset(s->data + s->bytes, 0, (size_t)bytes - s->bytes);
		s->bytes = (uint32_t)bytes;
	}
	key_changed(key);
	return s;
}

static void append(struct client *c)
{
	struct span more = c->argv[2];
	struct string *s;
	uint32_t had;
	void *value;

	if (!key_typed(c, c->argv[1], STRING, &value))
		return;
	had = value ? ((struct string *)value)->bytes : 0;
	if (!(s = stretched(c, c->argv[1], had + (uint64_t)more.bytes)))
		return;
	memcpy(s->data + had, more.at, more.bytes);
	reply_integer(c, s->bytes);
}

static void setrange(struct client *c)
{
	struct span more = c->argv[3];
	struct string *s;
	int64_t offset;
	void *value;

	if (!argument_integer(c, 2, &offset))
		return;
	if (offset < 0) {
		reply_error(c, "ERR offset is out of range");
		return;
	}
	if (!key_typed(c, c->argv[1], STRING, &value))
		return;
	s = value;
	if (more.bytes && !(s = stretched(c, c->argv[1], (uint64_t)offset + more.bytes)))
		return;
	if (more.bytes)
		memcpy(s->data + offset, more.at, more.bytes);
	reply_integer(c, s ? s->bytes : 0);
}

const struct command substring_commands[] = {
	{ "strlen", 2, FAST, 1, 1, 1, string_length },
	{ "getrange", 4, 0, 1, 1, 1, getrange },
	{ "substr", 4, 0, 1, 1, 1, getrange },
	{ "append", 3, WRITES | GROWS | FAST, 1, 1, 1, append },
	{ "setrange", 4, WRITES | GROWS, 1, 1, 1, setrange },
	{ 0 },
};
