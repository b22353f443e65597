/* Intersections, differences and unions of sets. The result is a set of its own first: its size stands in front of it. */
#include "redis.h"

enum operation { INTERSECTION, DIFFERENCE, UNION };

struct combining {
	struct client *c;
	struct table *result;
	enum operation operation;
	uint32_t first, end;       /* arguments: the keys */
	bool failed;
};

/* key_typed() has been through them all, and none is of another kind. */
static struct table *set_at(const struct combining *k, uint32_t index)
{
	struct node *node = dict_find(&server.keys, k->c->argv[index]);

	return node ? node->value : NULL;
}

static void combine(void *context, struct node *node)
{
	struct combining *k = context;

	if (dict_find(&k->result->dict, node_key(node)))
		return;
	for (uint32_t i = k->first + 1; k->operation == INTERSECTION && i < k->end; i++) {
		struct table *other = set_at(k, i);

		if (!other || !dict_find(&other->dict, node_key(node)))
			return;
	}
	if (!dict_add(&k->result->dict, node_key(node)))
		k->failed = true;
}

static void take_out(void *context, struct node *node)
{
	struct combining *k = context;

	app_release(dict_take(&k->result->dict, node_key(node)));
}

/* The keys from argument `first` up to `end` -> the caller's result, maybe empty; NULL: answered. */
static struct table *combined(struct client *c, enum operation operation, uint32_t first, uint32_t end)
{
	struct combining k = { .c = c, .operation = operation, .first = first, .end = end };
	void *value;

	for (uint32_t i = first; i < end; i++)
		if (!key_typed(c, c->argv[i], SET, &value))
			return NULL;
	if (!(k.result = value_new(SET))) {
		reply_error(c, NO_MEMORY);
		return NULL;
	}
	for (uint32_t i = first; i < (operation == INTERSECTION ? first + 1 : end); i++) {
		struct table *set = set_at(&k, i);

		if (set)
			dict_each(&set->dict, operation == DIFFERENCE && i > first ? take_out : combine, &k);
	}
	if (!k.failed)
		return k.result;
	value_free(k.result);
	reply_error(c, NO_MEMORY);
	return NULL;
}

static void reply_member(void *context, struct node *node)
{
	reply_bulk(context, node_key(node));
}

static void answer(struct client *c, enum operation operation)
{
	struct table *result = combined(c, operation, 1, c->argc);

	if (!result)
		return;
	reply_set(c, result->dict.count);
	dict_each(&result->dict, reply_member, c);
	value_free(result);
}

static void store(struct client *c, enum operation operation)
{
	struct table *result = combined(c, operation, 2, c->argc);
	uint32_t count;

	if (!result)
		return;
	count = result->dict.count;
	if (count && key_set(c->argv[1], result)) {
		reply_integer(c, count);
		return;
	}
	value_free(result);
	if (count) {
		reply_error(c, NO_MEMORY);
		return;
	}
	if (key_find(c->argv[1]))
		key_delete(c->argv[1]);
	reply_integer(c, 0);
}

static void sinter(struct client *c)
{
	answer(c, INTERSECTION);
}

static void sdiff(struct client *c)
{
	answer(c, DIFFERENCE);
}

static void sunion(struct client *c)
{
	answer(c, UNION);
}

static void sinterstore(struct client *c)
{
	store(c, INTERSECTION);
}

static void sdiffstore(struct client *c)
{
	store(c, DIFFERENCE);
}

static void sunionstore(struct client *c)
{
	store(c, UNION);
}

static void sintercard(struct client *c)
{
	int64_t keys, limit = 0;
	struct table *result;

	if (!integer_get(c->argv[1], &keys) || keys < 1) {
		reply_error(c, "ERR numkeys should be greater than 0");
		return;
	}
	if (keys > c->argc - 2) {
		reply_error(c, "ERR Number of keys can't be greater than number of args");
		return;
	}
	for (uint32_t i = 2 + (uint32_t)keys; i < c->argc; i += 2) {
		if (!is_word(c->argv[i], "limit") || i + 1 == c->argc) {
			reply_error(c, SYNTAX);
			return;
		}
		if (!integer_get(c->argv[i + 1], &limit) || limit < 0) {
			reply_error(c, "ERR LIMIT can't be negative");
			return;
		}
	}
	if (!(result = combined(c, INTERSECTION, 2, 2 + (uint32_t)keys)))
		return;
	reply_integer(c, limit && limit < result->dict.count ? limit : result->dict.count);
	value_free(result);
}

const struct command set_algebra_commands[] = {
	{ "sinter", -2, 0, 1, -1, 1, sinter },
	{ "sdiff", -2, 0, 1, -1, 1, sdiff },
	{ "sunion", -2, 0, 1, -1, 1, sunion },
	{ "sinterstore", -3, WRITES | GROWS, 1, -1, 1, sinterstore },
	{ "sdiffstore", -3, WRITES | GROWS, 1, -1, 1, sdiffstore },
	{ "sunionstore", -3, WRITES | GROWS, 1, -1, 1, sunionstore },
	{ "sintercard", -3, 0, 0, 0, 0, sintercard },
	{ 0 },
};
