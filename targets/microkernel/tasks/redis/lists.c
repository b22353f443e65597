/* Commands on lists. */
#include "redis.h"

static void push(struct client *c, bool front, bool only_if_there)
{
	struct list *l;
	void *value;

	if (only_if_there) {
		if (!key_typed(c, c->argv[1], LIST, &value))
			return;
		if (!value) {
			reply_integer(c, 0);
			return;
		}
	}
	if (!(l = key_or_new(c, c->argv[1], LIST)))
		return;
	for (uint32_t i = 2; i < c->argc; i++) {
		struct string *s = string_new(c->argv[i], 0);

		if (!s || !list_push(l, s, front)) {
			string_drop(s);
			reply_error(c, NO_MEMORY);
			key_delete_if_empty(c->argv[1], l);
			return;
		}
	}
	key_changed(c->argv[1]);
	reply_integer(c, l->count);
}

static void lpush(struct client *c)
{
	push(c, true, false);
}

static void rpush(struct client *c)
{
	push(c, false, false);
}

static void lpushx(struct client *c)
{
	push(c, true, true);
}

static void rpushx(struct client *c)
{
	push(c, false, true);
}

static void pop(struct client *c, bool front)
{
	int64_t wanted = 1;
	struct list *l;
	void *value;

	if (c->argc > 3) {
		wrong_arity(c);
		return;
	}
	if (c->argc == 3 && (!integer_get(c->argv[2], &wanted) || wanted < 0)) {
		reply_error(c, "ERR value is out of range, must be positive");
		return;
	}
	if (!key_typed(c, c->argv[1], LIST, &value))
		return;
	l = value;
	if (!l) {
		if (c->argc == 3)
			reply_null_array(c);
		else
			reply_null(c);
		return;
	}
	if (wanted > l->count)
		wanted = l->count;
	if (c->argc == 3)
		reply_array(c, (size_t)wanted);
	for (; wanted; wanted--) {
		struct string *s = list_pop(l, front);

		reply_string(c, s);
		string_drop(s);
	}
	key_changed(c->argv[1]);
	key_delete_if_empty(c->argv[1], l);
}

static void lpop(struct client *c)
{
	pop(c, true);
}

static void rpop(struct client *c)
{
	pop(c, false);
}

static void llen(struct client *c)
{
	void *l;

	if (key_typed(c, c->argv[1], LIST, &l))
		reply_integer(c, l ? ((struct list *)l)->count : 0);
}

static void lindex(struct client *c)
{
	int64_t index;
	struct list *l;
	void *value;

	if (!key_typed(c, c->argv[1], LIST, &value))
		return;
	if (!(l = value)) {
		reply_null(c);
		return;
	}
	if (!argument_integer(c, 2, &index))
		return;
	if (index < 0)
		index += l->count;
	if (index < 0 || index >= l->count)
		reply_null(c);
	else
		reply_string(c, *list_at(l, (uint32_t)index));
}

static void lset(struct client *c)
{
	struct string *s, **at;
	struct list *l;
	int64_t index;
	void *value;

	if (!key_typed(c, c->argv[1], LIST, &value))
		return;
	if (!(l = value)) {
		reply_error(c, "ERR no such key");
		return;
	}
	if (!argument_integer(c, 2, &index))
		return;
	if (index < 0)
		index += l->count;
	if (index < 0 || index >= l->count) {
		reply_error(c, "ERR index out of range");
	} else if (!(s = string_new(c->argv[3], 0))) {
		reply_error(c, NO_MEMORY);
	} else {
		at = list_at(l, (uint32_t)index);
		string_drop(*at);
		*at = s;
		key_changed(c->argv[1]);
		reply_ok(c);
	}
}

/* From the end if negative, then within [0, count - 1]; false: nothing is left. */
static bool within(int64_t *first, int64_t *last, int64_t count)
{
	*first = *first < -count ? 0 : *first < 0 ? count + *first : *first;
	*last = *last < 0 ? count + *last : *last >= count ? count - 1 : *last;
	return *first <= *last && *first < count;
}

static void lrange(struct client *c)
{
	int64_t first, last;
	struct list *l;
	void *value;

	if (!argument_integer(c, 2, &first) || !argument_integer(c, 3, &last) || !key_typed(c, c->argv[1], LIST, &value))
		return;
	l = value;
	if (!l || !within(&first, &last, l->count)) {
		reply_array(c, 0);
		return;
	}
	reply_array(c, (size_t)(last - first + 1));
	for (int64_t i = first; i <= last; i++)
		reply_string(c, *list_at(l, (uint32_t)i));
}

static void ltrim(struct client *c)
{
	int64_t first, last;
	struct list *l;
	void *value;

	if (!argument_integer(c, 2, &first) || !argument_integer(c, 3, &last) || !key_typed(c, c->argv[1], LIST, &value))
		return;
	if ((l = value)) {
		uint32_t kept = within(&first, &last, l->count) ? (uint32_t)(last - first + 1) : 0;

		for (; kept && first; first--)
			string_drop(list_pop(l, true));
		while (l->count > kept)
			string_drop(list_pop(l, false));
		key_changed(c->argv[1]);
		key_delete_if_empty(c->argv[1], l);
	}
	reply_ok(c);
}

const struct command list_commands[] = {
	{ "lpush", -3, WRITES | GROWS | FAST, 1, 1, 1, lpush },
	{ "rpush", -3, WRITES | GROWS | FAST, 1, 1, 1, rpush },
	{ "lpushx", -3, WRITES | GROWS | FAST, 1, 1, 1, lpushx },
	{ "rpushx", -3, WRITES | GROWS | FAST, 1, 1, 1, rpushx },
	{ "lpop", -2, WRITES | FAST, 1, 1, 1, lpop },
	{ "rpop", -2, WRITES | FAST, 1, 1, 1, rpop },
	{ "llen", 2, FAST, 1, 1, 1, llen },
	{ "lindex", 3, 0, 1, 1, 1, lindex },
	{ "lset", 4, WRITES | GROWS, 1, 1, 1, lset },
	{ "lrange", 4, 0, 1, 1, 1, lrange },
	{ "ltrim", 4, WRITES, 1, 1, 1, ltrim },
	{ 0 },
};
