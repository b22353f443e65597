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

/* ---- SRANDMEMBER ---- */

#define REPLIES_MOST 10000000 /* more, with repetitions, would find no memory, late */

struct members {
	struct node **at;
	uint32_t count;
};

static void gather(void *context, struct node *node)
{
	struct members *m = context;

	m->at[m->count++] = node;
}

/* Each as likely as any other: with repetitions if fewer than 0 are wanted. */
static void reply_some(struct client *c, struct table *set, int64_t wanted)
{
	struct members m = { .at = wanted < -REPLIES_MOST ? NULL : app_allocate(set->dict.count * sizeof *m.at) };

	if (!m.at) {
		reply_error(c, NO_MEMORY);
		return;
	}
	dict_each(&set->dict, gather, &m);
	if (wanted > m.count)
		wanted = m.count;
	reply_array(c, (size_t)(wanted < 0 ? -wanted : wanted));
	for (; wanted < 0 && !c->lost; wanted++)
		reply_bulk(c, node_key(m.at[next_random() % m.count]));
	for (; wanted > 0; wanted--) {
		uint32_t i = next_random() % m.count;

		reply_bulk(c, node_key(m.at[i]));
		m.at[i] = m.at[--m.count];
	}
	app_release(m.at);
}

static void srandmember(struct client *c)
{
	int64_t wanted = 0;
	struct table *set;

	if (c->argc > 3) {
		reply_error(c, SYNTAX);
		return;
	}
	if (c->argc == 3 && !argument_integer(c, 2, &wanted))
		return;
	if (wanted == INT64_MIN) {
		reply_error(c, "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
		return;
	}
	if (!set_typed(c, c->argv[1], &set))
		return;
	if (c->argc == 2 && set)
		reply_bulk(c, node_key(dict_some(&set->dict, next_random())));
	else if (c->argc == 2)
		reply_null(c);
	else if (set && wanted)
		reply_some(c, set, wanted);
	else
		reply_array(c, 0);
}

static void smove(struct client *c)
{
	struct span member = c->argv[3];
	struct table *from, *to;
	bool added;

	if (!set_typed(c, c->argv[1], &from))
		return;
	if (!from) {
		reply_integer(c, 0);
		return;
	}
	if (!set_typed(c, c->argv[2], &to))
		return;
	if (from == to || !has(from, member)) {
		reply_integer(c, has(from, member));
		return;
	}
	added = !has(to, member);
	if (added && (!(to = key_or_new(c, c->argv[2], SET)) || !dict_add(&to->dict, member))) {
		if (to) {
			key_delete_if_empty(c->argv[2], to);
			reply_error(c, NO_MEMORY);
		}
		return;
	}
	app_release(dict_take(&from->dict, member));
	key_changed(c->argv[1]);
	if (added)
		key_changed(c->argv[2]);
	key_delete_if_empty(c->argv[1], from);
	reply_integer(c, 1);
}

const struct command set_commands[] = {
	{ "sadd", -3, WRITES | GROWS | FAST, 1, 1, 1, sadd },
	{ "srem", -3, WRITES | FAST, 1, 1, 1, srem },
	{ "scard", 2, FAST, 1, 1, 1, scard },
	{ "sismember", 3, FAST, 1, 1, 1, sismember },
	{ "smismember", -3, FAST, 1, 1, 1, smismember },
	{ "smembers", 2, 0, 1, 1, 1, smembers },
	{ "spop", -2, WRITES | FAST, 1, 1, 1, spop },
	{ "srandmember", -2, 0, 1, 1, 1, srandmember },
	{ "smove", 4, WRITES | GROWS | FAST, 1, 2, 1, smove },
	{ 0 },
};
