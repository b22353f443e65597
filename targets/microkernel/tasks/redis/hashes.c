/* Commands on hashes. */
#include "redis.h"

static bool hash_typed(struct client *c, struct table **hash)
{
	void *value;

	if (!key_typed(c, c->argv[1], HASH, &value))
		return false;
	*hash = value;
	return true;
}

static struct node *field(struct table *hash, struct span name)
{
	return hash ? dict_find(&hash->dict, name) : NULL;
}

/* -> 1: new, 0: over the old one, -1: no memory, answered. */
static int put(struct client *c, struct table *hash, struct span name, struct span bytes)
{
	struct node *node = dict_find(&hash->dict, name);
	struct string *s = string_new(bytes, 0);
	bool new = !node;

	if (!s || (new && !(node = dict_add(&hash->dict, name)))) {
		string_drop(s);
		key_delete_if_empty(c->argv[1], hash);
		reply_error(c, NO_MEMORY);
		return -1;
	}
	string_drop(node->value);
	node->value = s;
	key_changed(c->argv[1]);
	return new;
}

static bool put_all(struct client *c, int64_t *added)
{
	struct table *hash;

	*added = 0;
	if (c->argc % 2) {
		wrong_arity(c);
		return false;
	}
	if (!(hash = key_or_new(c, c->argv[1], HASH)))
		return false;
	for (uint32_t i = 2; i < c->argc; i += 2) {
		int new = put(c, hash, c->argv[i], c->argv[i + 1]);

		if (new < 0)
			return false;
		*added += new;
	}
	return true;
}

static void hset(struct client *c)
{
	int64_t added;

	if (put_all(c, &added))
		reply_integer(c, added);
}

static void hmset(struct client *c)
{
	int64_t added;

	if (put_all(c, &added))
		reply_ok(c);
}

static void hsetnx(struct client *c)
{
	struct table *hash;

	if (!hash_typed(c, &hash))
		return;
	if (field(hash, c->argv[2]))
		reply_integer(c, 0);
	else if ((hash = key_or_new(c, c->argv[1], HASH)) && put(c, hash, c->argv[2], c->argv[3]) > 0)
		reply_integer(c, 1);
}

static void reply_field(struct client *c, struct table *hash, struct span name)
{
	struct node *node = field(hash, name);

	if (node)
		reply_string(c, node->value);
	else
		reply_null(c);
}

static void hget(struct client *c)
{
	struct table *hash;

	if (hash_typed(c, &hash))
		reply_field(c, hash, c->argv[2]);
}

static void hmget(struct client *c)
{
	struct table *hash;

	if (!hash_typed(c, &hash))
		return;
	reply_array(c, c->argc - 2);
	for (uint32_t i = 2; i < c->argc; i++)
		reply_field(c, hash, c->argv[i]);
}

static void hdel(struct client *c)
{
	int64_t deleted = 0;
	struct table *hash;

	if (!hash_typed(c, &hash))
		return;
	for (uint32_t i = 2; hash && i < c->argc; i++) {
		struct node *node = dict_take(&hash->dict, c->argv[i]);

		if (!node)
			continue;
		deleted++;
		string_drop(node->value);
		app_release(node);
	}
	if (deleted) {
		key_changed(c->argv[1]);
		key_delete_if_empty(c->argv[1], hash);
	}
	reply_integer(c, deleted);
}

static void hlen(struct client *c)
{
	struct table *hash;

	if (hash_typed(c, &hash))
		reply_integer(c, hash ? hash->dict.count : 0);
}

static void hexists(struct client *c)
{
	struct table *hash;

	if (hash_typed(c, &hash))
		reply_integer(c, field(hash, c->argv[2]) != NULL);
}

static void hstrlen(struct client *c)
{
	struct table *hash;
	struct node *node;

	if (!hash_typed(c, &hash))
		return;
	node = field(hash, c->argv[2]);
	reply_integer(c, node ? ((struct string *)node->value)->bytes : 0);
}

static void hincrby(struct client *c)
{
	uint8_t text[NUMBER_MOST];
	int64_t by, number = 0;
	struct table *hash;
	struct node *node;

	if (!argument_integer(c, 3, &by) || !hash_typed(c, &hash))
		return;
	node = field(hash, c->argv[2]);
	if (node && !integer_get(string_span(node->value), &number))
		reply_error(c, "ERR hash value is not an integer");
	else if (__builtin_add_overflow(number, by, &number))
		reply_error(c, "ERR increment or decrement would overflow");
	else if ((hash = key_or_new(c, c->argv[1], HASH)) &&
		 put(c, hash, c->argv[2], (struct span){ text, integer_put(text, number) }) >= 0)
		reply_integer(c, number);
}

static void reply_key(void *context, struct node *node)
{
	reply_bulk(context, node_key(node));
}

static void reply_value(void *context, struct node *node)
{
	reply_string(context, node->value);
}

static void reply_both(void *context, struct node *node)
{
	reply_key(context, node);
	reply_value(context, node);
}

static void hgetall(struct client *c)
{
	struct table *hash;

	if (!hash_typed(c, &hash))
		return;
	reply_map(c, hash ? hash->dict.count : 0);
	if (hash)
		dict_each(&hash->dict, reply_both, c);
}

static void list_of(struct client *c, dict_visit *visit)
{
	struct table *hash;

	if (!hash_typed(c, &hash))
		return;
	reply_array(c, hash ? hash->dict.count : 0);
	if (hash)
		dict_each(&hash->dict, visit, c);
}

static void hkeys(struct client *c)
{
	list_of(c, reply_key);
}

static void hvals(struct client *c)
{
	list_of(c, reply_value);
}

const struct command hash_commands[] = {
	{ "hset", -4, WRITES | GROWS | FAST, 1, 1, 1, hset },
	{ "hmset", -4, WRITES | GROWS | FAST, 1, 1, 1, hmset },
	{ "hsetnx", 4, WRITES | GROWS | FAST, 1, 1, 1, hsetnx },
	{ "hget", 3, FAST, 1, 1, 1, hget },
	{ "hmget", -3, FAST, 1, 1, 1, hmget },
	{ "hdel", -3, WRITES | FAST, 1, 1, 1, hdel },
	{ "hlen", 2, FAST, 1, 1, 1, hlen },
	{ "hexists", 3, FAST, 1, 1, 1, hexists },
	{ "hstrlen", 3, FAST, 1, 1, 1, hstrlen },
	{ "hincrby", 4, WRITES | GROWS | FAST, 1, 1, 1, hincrby },
	{ "hgetall", 2, 0, 1, 1, 1, hgetall },
	{ "hkeys", 2, 0, 1, 1, 1, hkeys },
	{ "hvals", 2, 0, 1, 1, 1, hvals },
	{ 0 },
};
