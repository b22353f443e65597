/* Commands on members of sorted sets. Scores are in millionths. */
#include "zset.h"

bool zset_typed(struct client *c, struct table **z)
{
	void *value;

	if (!key_typed(c, c->argv[1], ZSET, &value))
		return false;
	*z = value;
	return true;
}

void zset_delete(struct client *c, struct table *z, struct node *node)
{
	zset_remove(z, node);
	key_changed(c->argv[1]);
	key_delete_if_empty(c->argv[1], z);
}

struct adding {
	bool only_new, only_old, only_greater, only_less, changed, increment;
	uint32_t first;            /* the index of the first score */
};

static void adding_options(struct client *c, struct adding *a)
{
	for (a->first = 2; a->first < c->argc; a->first++) {
		struct span word = c->argv[a->first];

		if (is_word(word, "nx"))
			a->only_new = true;
		else if (is_word(word, "xx"))
			a->only_old = true;
		else if (is_word(word, "gt"))
			a->only_greater = true;
		else if (is_word(word, "lt"))
			a->only_less = true;
		else if (is_word(word, "ch"))
			a->changed = true;
		else if (is_word(word, "incr"))
			a->increment = true;
		else
			break;
	}
}

static bool adding_is_sound(struct client *c, const struct adding *a)
{
	uint32_t left = c->argc - a->first;
	int64_t score;

	if (!left || left % 2) {
		reply_error(c, SYNTAX);
		return false;
	}
	if (a->only_new && a->only_old) {
		reply_error(c, "ERR XX and NX options at the same time are not compatible");
		return false;
	}
	if ((a->only_greater && a->only_new) || (a->only_less && a->only_new) || (a->only_greater && a->only_less)) {
		reply_error(c, "ERR GT, LT, and/or NX options at the same time are not compatible");
		return false;
	}
	if (a->increment && left > 2) {
		reply_error(c, "ERR INCR option supports a single increment-element pair");
		return false;
	}
	for (uint32_t i = a->first; i < c->argc; i += 2)
		if (!millionths_get(c->argv[i], &score)) {
			reply_error(c, NOT_A_FLOAT);
			return false;
		}
	return true;
}

enum added { UNTOUCHED, ADDED, CHANGED, SAME, FAILED }; /* FAILED: answered */

static enum added add_one(struct client *c, struct table *z, const struct adding *a, struct span member, int64_t *score)
{
	struct node *node = dict_find(&z->dict, member);

	if (node ? a->only_new : a->only_old)
		return UNTOUCHED;
	if (node && a->increment && *score != INFINITE && *score != -INFINITE && node->number != INFINITE &&
	    node->number != -INFINITE) {
		if (__builtin_add_overflow(node->number, *score, score)) {
			reply_error(c, NOT_A_FLOAT);
			return FAILED;
		}
	} else if (node && a->increment && (node->number == INFINITE || node->number == -INFINITE)) {
		if (*score == -node->number) {
			reply_error(c, "ERR resulting score is not a number (NaN)");
			return FAILED;
		}
		*score = node->number;
	}
	if (node && ((a->only_greater && *score <= node->number) || (a->only_less && *score >= node->number)))
		return UNTOUCHED;
	if (node && node->number == *score)
		return SAME;
	if (!zset_put(z, member, node, *score)) {
		key_delete_if_empty(c->argv[1], z);
		reply_error(c, NO_MEMORY);
		return FAILED;
	}
	key_changed(c->argv[1]);
	return node ? CHANGED : ADDED;
}

static void add(struct client *c, const struct adding *a)
{
	int64_t added = 0, changed = 0, score = 0;
	enum added state = UNTOUCHED;
	struct table *z;

	if (!zset_typed(c, &z) || (!z && !a->only_old && !(z = key_or_new(c, c->argv[1], ZSET))))
		return;
	for (uint32_t i = a->first; z && i < c->argc; i += 2) {
		millionths_get(c->argv[i], &score);
		state = add_one(c, z, a, c->argv[i + 1], &score);
		if (state == FAILED)
			return;
		added += state == ADDED;
		changed += state == CHANGED;
	}
	if (!a->increment)
		reply_integer(c, a->changed ? added + changed : added);
	else if (state == UNTOUCHED)
		reply_null(c);
	else
		reply_millionths(c, score);
}

static void zadd(struct client *c)
{
	struct adding a = { 0 };

	adding_options(c, &a);
	if (adding_is_sound(c, &a))
		add(c, &a);
}

static void zincrby(struct client *c)
{
	struct adding a = { .increment = true, .first = 2 };

	if (adding_is_sound(c, &a))
		add(c, &a);
}

static void zrem(struct client *c)
{
	struct table *z;
	int64_t removed = 0;

	if (!zset_typed(c, &z))
		return;
	for (uint32_t i = 2; z && i < c->argc; i++) {
		struct node *node = dict_find(&z->dict, c->argv[i]);

		if (!node)
			continue;
		removed++;
		zset_remove(z, node);
	}
	if (removed) {
		key_changed(c->argv[1]);
		key_delete_if_empty(c->argv[1], z);
	}
	reply_integer(c, removed);
}

static void zcard(struct client *c)
{
	struct table *z;

	if (zset_typed(c, &z))
		reply_integer(c, z ? z->dict.count : 0);
}

static void zscore(struct client *c)
{
	struct table *z;
	struct node *node;

	if (!zset_typed(c, &z))
		return;
	node = z ? dict_find(&z->dict, c->argv[2]) : NULL;
	if (node)
		reply_millionths(c, node->number);
	else
		reply_null(c);
}

static void rank(struct client *c, bool reverse)
{
	struct table *z;
	struct node *node;
	uint32_t rank;

	if (!zset_typed(c, &z))
		return;
	if (!z || !(node = dict_find(&z->dict, c->argv[2]))) {
		reply_null(c);
		return;
	}
	rank = zset_rank(z, node->number, node_key(node));
	reply_integer(c, reverse ? z->dict.count - 1 - rank : rank);
}

static void zrank(struct client *c)
{
	rank(c, false);
}

static void zrevrank(struct client *c)
{
	rank(c, true);
}

const struct command zset_commands[] = {
	{ "zadd", -4, WRITES | GROWS | FAST, 1, 1, 1, zadd },
	{ "zincrby", 4, WRITES | GROWS | FAST, 1, 1, 1, zincrby },
	{ "zrem", -3, WRITES | FAST, 1, 1, 1, zrem },
	{ "zcard", 2, FAST, 1, 1, 1, zcard },
	{ "zscore", 3, FAST, 1, 1, 1, zscore },
	{ "zrank", 3, FAST, 1, 1, 1, zrank },
	{ "zrevrank", 3, FAST, 1, 1, 1, zrevrank },
	{ 0 },
};
