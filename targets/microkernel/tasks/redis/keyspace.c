/* Commands on keys of any kind. */
#include "redis.h"

static void del(struct client *c)
{
	int64_t deleted = 0;

	for (uint32_t i = 1; i < c->argc; i++)
		deleted += key_find(c->argv[i]) && key_delete(c->argv[i]);
	reply_integer(c, deleted);
}

static void exists(struct client *c)
{
	int64_t found = 0;

	for (uint32_t i = 1; i < c->argc; i++)
		found += key_find(c->argv[i]) != NULL;
	reply_integer(c, found);
}

static void type(struct client *c)
{
	static const char *const names[] = { "string", "list", "set", "zset", "hash" };
	struct node *node = key_find(c->argv[1]);

	reply_simple(c, node ? names[((struct value *)node->value)->kind] : "none");
}

static bool moved(struct client *c, struct node *from)
{
	int64_t expires_ms = from->number;
	struct node *to = key_find(c->argv[2]);

	if (!to && !(to = dict_add(&server.keys, c->argv[2]))) {
		reply_error(c, NO_MEMORY);
		return false;
	}
	value_free(to->value);
	to->value = from->value;
	from->value = NULL;
	key_expires(to, expires_ms);
	key_delete(c->argv[1]);
	key_changed(c->argv[2]);
	return true;
}

static void rename_key(struct client *c)
{
	struct node *from = key_find(c->argv[1]);

	if (!from)
		reply_error(c, "ERR no such key");
	else if (same_bytes(c->argv[1], c->argv[2]) || moved(c, from))
		reply_ok(c);
}

static void renamenx(struct client *c)
{
	struct node *from = key_find(c->argv[1]);

	if (!from)
		reply_error(c, "ERR no such key");
	else if (key_find(c->argv[2]))
		reply_integer(c, 0);
	else if (moved(c, from))
		reply_integer(c, 1);
}

static void dbsize(struct client *c)
{
	reply_integer(c, server.keys.count);
}

static void flush(struct client *c)
{
	if (c->argc > 2 || (c->argc == 2 && !is_word(c->argv[1], "async") && !is_word(c->argv[1], "sync"))) {
		reply_error(c, SYNTAX);
		return;
	}
	keys_clear();
	reply_ok(c);
}

static void randomkey(struct client *c)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		struct node *node = dict_some(&server.keys, next_random());

		if (node && !key_has_expired(node)) {
			reply_bulk(c, node_key(node));
			return;
		}
	}
	reply_null(c);
}

static void add_node(void *bytes, struct node *node)
{
	struct string *s = node->value;

	*(size_t *)bytes += sizeof *node + node->key_bytes + (s ? sizeof *s + s->capacity : 0);
}

/* -> bytes, without what the allocator adds. */
static size_t memory_of(void *value)
{
	struct value *v = value;
	struct table *t = value;
	struct list *l = value;
	size_t bytes;

	if (v->kind == STRING)
		return sizeof(struct string) + ((struct string *)value)->capacity;
	if (v->kind == LIST) {
		bytes = sizeof *l + l->capacity * sizeof *l->ring;
		for (uint32_t i = 0; i < l->count; i++)
			bytes += sizeof(struct string) + (*list_at(l, i))->capacity;
		return bytes;
	}
	bytes = sizeof *t + (t->dict.buckets[0] + t->dict.buckets[1] + t->capacity) * sizeof(struct node *);
	dict_each(&t->dict, add_node, &bytes);
	return bytes;
}

static void memory_usage(struct client *c)
{
	struct node *node = key_find(c->argv[2]);
	int64_t samples;

	if (c->argc > 3 && (c->argc != 5 || !is_word(c->argv[3], "samples"))) {
		reply_error(c, SYNTAX);
		return;
	}
	if (c->argc > 3 && !argument_integer(c, 4, &samples)) /* all are counted, however many are wanted */
		return;
	if (node)
		reply_integer(c, (int64_t)(sizeof *node + node->key_bytes + memory_of(node->value)));
	else
		reply_null(c);
}

const struct command key_commands[] = {
	{ "del", -2, WRITES, 1, -1, 1, del },
	{ "unlink", -2, WRITES | FAST, 1, -1, 1, del },
	{ "exists", -2, FAST, 1, -1, 1, exists },
	{ "touch", -2, FAST, 1, -1, 1, exists },
	{ "type", 2, FAST, 1, 1, 1, type },
	{ "rename", 3, WRITES, 1, 2, 1, rename_key },
	{ "renamenx", 3, WRITES | FAST, 1, 2, 1, renamenx },
	{ "dbsize", 1, FAST, 0, 0, 0, dbsize },
	{ "flushdb", -1, WRITES, 0, 0, 0, flush },
	{ "flushall", -1, WRITES, 0, 0, 0, flush },
	{ "memory", -2, CONTAINER, 0, 0, 0, NULL },
	{ "memory|usage", -3, SUBCOMMAND, 2, 2, 1, memory_usage },
	{ "randomkey", 1, 0, 0, 0, 0, randomkey },
	{ 0 },
};
