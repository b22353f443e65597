/* Commands on sets. */
#include "redis.h"

static bool set_typed(struct client *c, struct span key, struct table **set)
{
	void *value;

	if (!key_typed(c, key, SET, &value))
		return false;
	*set = value;
	return true;
}

static bool has(struct table *set, struct span member)
{
	return set && dict_find(&set->dict, member);
}

static void sadd(struct client *c)
{
	struct table *set = key_or_new(c, c->argv[1], SET);
	int64_t added = 0;

	if (!set)
		return;
	for (uint32_t i = 2; i < c->argc; i++) {
		if (has(set, c->argv[i]))
			continue;
		if (!dict_add(&set->dict, c->argv[i])) {
			key_delete_if_empty(c->argv[1], set);
			reply_error(c, NO_MEMORY);
			return;
		}
		added++;
	}
	if (added)
		key_changed(c->argv[1]);
	reply_integer(c, added);
}

static void srem(struct client *c)
{
	int64_t removed = 0;
	struct table *set;

	if (!set_typed(c, c->argv[1], &set))
		return;
	for (uint32_t i = 2; set && i < c->argc; i++) {
		struct node *node = dict_take(&set->dict, c->argv[i]);

		removed += node != NULL;
		app_release(node);
	}
	if (removed) {
		key_changed(c->argv[1]);
		key_delete_if_empty(c->argv[1], set);
	}
	reply_integer(c, removed);
}

static void scard(struct client *c)
{
	struct table *set;

	if (set_typed(c, c->argv[1], &set))
		reply_integer(c, set ? set->dict.count : 0);
}

static void sismember(struct client *c)
{
	struct table *set;

	if (set_typed(c, c->argv[1], &set))
		reply_integer(c, has(set, c->argv[2]));
}

static void smismember(struct client *c)
{
	struct table *set;

	if (!set_typed(c, c->argv[1], &set))
		return;
	reply_array(c, c->argc - 2);
	for (uint32_t i = 2; i < c->argc; i++)
		reply_integer(c, has(set, c->argv[i]));
}

static void reply_member(void *context, struct node *node)
{
	reply_bulk(context, node_key(node));
}

static void smembers(struct client *c)
{
	struct table *set;

	if (!set_typed(c, c->argv[1], &set))
		return;
	reply_set(c, set ? set->dict.count : 0);
	if (set)
		dict_each(&set->dict, reply_member, c);
}

/* Some member, out of the set. */
static struct node *drawn(struct table *set)
{
	return dict_take(&set->dict, node_key(dict_some(&set->dict, next_random())));
}

static void spop(struct client *c)
{
	int64_t wanted = 1;
	struct table *set;

	if (c->argc > 3) {
		reply_error(c, SYNTAX);
		return;
	}
	if (c->argc == 3 && (!integer_get(c->argv[2], &wanted) || wanted < 0)) {
		reply_error(c, "ERR value is out of range, must be positive");
		return;
	}
	if (!set_typed(c, c->argv[1], &set))
		return;
	if (!set && c->argc == 2) {
		reply_null(c);
		return;
	}
	if (!set || wanted > set->dict.count)
		wanted = set ? set->dict.count : 0;
	if (c->argc == 3)
		reply_set(c, (size_t)wanted);
	for (int64_t i = 0; i < wanted; i++) {
		struct node *node = drawn(set);

		reply_bulk(c, node_key(node));
		app_release(node);
	}
	if (wanted) {
		key_changed(c->argv[1]);
		key_delete_if_empty(c->argv[1], set);
	}
}

/* ---- SINTER, SDIFF, SUNION: the result is a set of its own first, since its size stands in front ---- */

struct combining {
	struct client *c;
	struct table *result;
	bool intersection, failed;
};

static void combine(void *context, struct node *node)
{
	struct combining *k = context;
	struct client *c = k->c;

	if (has(k->result, node_key(node)))
		return;
	for (uint32_t i = 2; k->intersection && i < c->argc; i++) {
		struct node *other = dict_find(&server.keys, c->argv[i]); /* key_find() has been through them all */

		if (!other || !has(other->value, node_key(node)))
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

static void sets_combined(struct client *c, bool intersection, bool difference)
{
	struct combining k = { .c = c, .intersection = intersection, .result = NULL };

	for (uint32_t i = 1; i < c->argc; i++) {
		struct table *set;

		if (!set_typed(c, c->argv[i], &set))
			return;
	}
	if (!(k.result = value_new(SET))) {
		reply_error(c, NO_MEMORY);
		return;
	}
	for (uint32_t i = 1; i < (intersection ? 2 : c->argc); i++) {
		struct node *node = dict_find(&server.keys, c->argv[i]);
		struct table *set = node ? node->value : NULL;

		if (set)
			dict_each(&set->dict, difference && i > 1 ? take_out : combine, &k);
	}
	if (k.failed) {
		reply_error(c, NO_MEMORY);
	} else {
		reply_set(c, k.result->dict.count);
		dict_each(&k.result->dict, reply_member, c);
	}
	value_free(k.result);
}

static void sinter(struct client *c)
{
	sets_combined(c, true, false);
}

static void sdiff(struct client *c)
{
	sets_combined(c, false, true);
}

static void sunion(struct client *c)
{
	sets_combined(c, false, false);
}

const struct command set_commands[] = {
	{ "sadd", -3, WRITES | GROWS | FAST, 1, 1, 1, sadd },
	{ "srem", -3, WRITES | FAST, 1, 1, 1, srem },
	{ "scard", 2, FAST, 1, 1, 1, scard },
	{ "sismember", 3, FAST, 1, 1, 1, sismember },
	{ "smismember", -3, FAST, 1, 1, 1, smismember },
	{ "smembers", 2, 0, 1, 1, 1, smembers },
	{ "spop", -2, WRITES | FAST, 1, 1, 1, spop },
	{ "sinter", -2, 0, 1, -1, 1, sinter },
	{ "sdiff", -2, 0, 1, -1, 1, sdiff },
	{ "sunion", -2, 0, 1, -1, 1, sunion },
	{ 0 },
};
