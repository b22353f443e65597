/* Commands on whole strings. */
#include "expiry.h"

static void get(struct client *c)
{
	void *s;
	struct node *node = key_find(c->argv[1]);

	if (!node) {
		server.misses++;
		reply_null(c);
		return;
	}
	server.hits++;
	s = node->value;
	if (((struct value *)s)->kind == STRING)
		reply_string(c, s);
	else
		reply_error(c, WRONG_TYPE);
}

struct set_options {
	bool absent, present, keep, get, timed, seconds, relative;
	uint32_t time;             /* the argument's index */
};

/* EX and the like: the same one again is none the worse. */
static bool set_expiry_option(struct span word, struct set_options *o)
{
	bool seconds, relative;

	if (!expiry_option(word, &seconds, &relative) || (o->timed && (seconds != o->seconds || relative != o->relative)))
		return false;
	o->timed = true;
	o->seconds = seconds;
	o->relative = relative;
	return true;
}

/* false: a syntax error, answered. */
static bool set_options_get(struct client *c, struct set_options *o)
{
	for (uint32_t i = 3; i < c->argc; i++) {
		struct span word = c->argv[i];

		if (is_word(word, "nx") && !o->present) {
			o->absent = true;
		} else if (is_word(word, "xx") && !o->absent) {
			o->present = true;
		} else if (is_word(word, "get")) {
			o->get = true;
		} else if (is_word(word, "keepttl") && !o->timed) {
			o->keep = true;
		} else if (!o->keep && i + 1 < c->argc && set_expiry_option(word, o)) {
			o->time = ++i;
		} else {
			reply_error(c, SYNTAX);
			return false;
		}
	}
	return true;
}

/* The value, and the expiry if it is not to stay. */
static bool assign(struct node *node, struct span key, struct span bytes, bool keep, int64_t expires_ms)
{
	if (!key_assign(node, key, bytes))
		return false;
	if (keep || (!expires_ms && (!node || !node->number)))
		return true;
	key_expires(node ? node : dict_find(&server.keys, key), expires_ms);
	return true;
}

static void set_with_options(struct client *c)
{
	struct set_options o = { 0 };
	struct node *node;
	int64_t expires_ms = 0;

	if (!set_options_get(c, &o))
		return;
	if (o.timed && !expiry_argument(c, o.time, o.seconds, o.relative, true, &expires_ms))
		return;
	node = key_find(c->argv[1]);
	if (o.get && node && ((struct value *)node->value)->kind != STRING) {
		reply_error(c, WRONG_TYPE);
		return;
	}
	if (o.get && node)
		reply_string(c, node->value);
	else if (o.get)
		reply_null(c);
	if ((o.absent && node) || (o.present && !node)) {
		if (!o.get)
			reply_null(c);
		return;
	}
	if (!assign(node, c->argv[1], c->argv[2], o.keep, expires_ms)) {
		if (o.get)
			c->lost = true; /* what has been replied is taken back */
		else
			reply_error(c, NO_MEMORY);
	} else if (!o.get) {
		reply_ok(c);
	}
}

static void set(struct client *c)
{
	if (c->argc > 3)
		set_with_options(c);
	else if (assign(key_find(c->argv[1]), c->argv[1], c->argv[2], false, 0))
		reply_ok(c);
	else
		reply_error(c, NO_MEMORY);
}

static void set_timed(struct client *c, bool seconds)
{
	int64_t expires_ms;

	if (!expiry_argument(c, 2, seconds, true, true, &expires_ms))
		return;
	if (assign(key_find(c->argv[1]), c->argv[1], c->argv[3], false, expires_ms))
		reply_ok(c);
	else
		reply_error(c, NO_MEMORY);
}

static void setex(struct client *c)
{
	set_timed(c, true);
}

static void psetex(struct client *c)
{
	set_timed(c, false);
}

static void setnx(struct client *c)
{
	if (key_find(c->argv[1]))
		reply_integer(c, 0);
	else if (key_assign(NULL, c->argv[1], c->argv[2]))
		reply_integer(c, 1);
	else
		reply_error(c, NO_MEMORY);
}

static void getset(struct client *c)
{
	struct node *node;
	void *old;

	if (!key_typed(c, c->argv[1], STRING, &old))
		return;
	if (old)
		reply_string(c, old);
	else
		reply_null(c);
	node = key_find(c->argv[1]);
	if (!assign(node, c->argv[1], c->argv[2], false, 0))
		c->lost = true;
}

static void getdel(struct client *c)
{
	void *old;

	if (!key_typed(c, c->argv[1], STRING, &old))
		return;
	if (!old) {
		reply_null(c);
		return;
	}
	reply_string(c, old);
	key_delete(c->argv[1]);
}

static void getex(struct client *c)
{
	bool seconds = false, relative = false, persist = c->argc == 3 && is_word(c->argv[2], "persist");
	int64_t expires_ms = 0;
	struct node *node;
	void *s;

	if (c->argc > 2 && !persist && (c->argc != 4 || !expiry_option(c->argv[2], &seconds, &relative))) {
		reply_error(c, SYNTAX);
		return;
	}
	if (!key_typed(c, c->argv[1], STRING, &s))
		return;
	if (!s) {
		reply_null(c);
		return;
	}
	if (c->argc == 4 && !expiry_argument(c, 3, seconds, relative, true, &expires_ms))
		return;
	reply_string(c, s);
	node = key_find(c->argv[1]);
	if (c->argc > 2 && (expires_ms || node->number)) {
		key_expires(node, expires_ms);
		key_changed(c->argv[1]);
	}
}

static void mget(struct client *c)
{
	reply_array(c, c->argc - 1);
	for (uint32_t i = 1; i < c->argc; i++) {
		struct node *node = key_find(c->argv[i]);

		if (node && ((struct value *)node->value)->kind == STRING)
			reply_string(c, node->value);
		else
			reply_null(c);
	}
}

/* Without memory for all of them those in front are set, and the reply says that it failed. */
static bool set_pairs(struct client *c)
{
	for (uint32_t i = 1; i < c->argc; i += 2)
		if (!assign(key_find(c->argv[i]), c->argv[i], c->argv[i + 1], false, 0)) {
			reply_error(c, NO_MEMORY);
			return false;
		}
	return true;
}

static void mset(struct client *c)
{
	if (c->argc % 2 == 0)
		wrong_arity(c);
	else if (set_pairs(c))
		reply_ok(c);
}

static void msetnx(struct client *c)
{
	if (c->argc % 2 == 0) {
		wrong_arity(c);
		return;
	}
	for (uint32_t i = 1; i < c->argc; i += 2)
		if (key_find(c->argv[i])) {
			reply_integer(c, 0);
			return;
		}
	if (set_pairs(c))
		reply_integer(c, 1);
}

const struct command string_commands[] = {
	{ "get", 2, FAST, 1, 1, 1, get },
	{ "set", -3, WRITES | GROWS, 1, 1, 1, set },
	{ "setex", 4, WRITES | GROWS, 1, 1, 1, setex },
	{ "psetex", 4, WRITES | GROWS, 1, 1, 1, psetex },
	{ "setnx", 3, WRITES | GROWS | FAST, 1, 1, 1, setnx },
	{ "getset", 3, WRITES | GROWS | FAST, 1, 1, 1, getset },
	{ "getdel", 2, WRITES | FAST, 1, 1, 1, getdel },
	{ "getex", -2, WRITES | FAST, 1, 1, 1, getex },
	{ "mget", -2, FAST, 1, -1, 1, mget },
	{ "mset", -3, WRITES | GROWS, 1, -1, 2, mset },
	{ "msetnx", -3, WRITES | GROWS, 1, -1, 2, msetnx },
	{ 0 },
};
