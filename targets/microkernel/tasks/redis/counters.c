/* INCR and its kin. */
#include "redis.h"

/* The key's string, or none: false if it is of another kind, answered. */
static bool counter(struct client *c, struct node **node, struct string **s)
{
	*node = key_find(c->argv[1]);
	*s = *node ? (*node)->value : NULL;
	if (!*s || (*s)->head.kind == STRING)
		return true;
	reply_error(c, WRONG_TYPE);
	return false;
}

/* Over the key's string, or as a new one. */
static bool store(struct client *c, struct node *node, const uint8_t *text, size_t bytes)
{
	if (key_assign(node, c->argv[1], (struct span){ text, bytes }))
		return true;
	reply_error(c, NO_MEMORY);
	return false;
}

static void add(struct client *c, int64_t by)
{
	uint8_t text[NUMBER_MOST];
	int64_t number = 0;
	struct string *s;
	struct node *node;

	if (!counter(c, &node, &s))
		return;
	if (s && !integer_get(string_span(s), &number))
		reply_error(c, NOT_AN_INTEGER);
	else if (__builtin_add_overflow(number, by, &number))
		reply_error(c, "ERR increment or decrement would overflow");
	else if (store(c, node, text, integer_put(text, number)))
		reply_integer(c, number);
}

static void incr(struct client *c)
{
	add(c, 1);
}

static void decr(struct client *c)
{
	add(c, -1);
}

static void incrby(struct client *c)
{
	int64_t by;

	if (argument_integer(c, 2, &by))
		add(c, by);
}

static void decrby(struct client *c)
{
	int64_t by;

	if (!argument_integer(c, 2, &by))
		return;
	if (by == INT64_MIN)
		reply_error(c, "ERR decrement would overflow");
	else
		add(c, -by);
}

static void incrbyfloat(struct client *c)
{
	uint8_t text[NUMBER_MOST];
	int64_t number = 0, by;
	size_t bytes;
	struct string *s;
	struct node *node;

	if (!counter(c, &node, &s))
		return;
	if ((s && !millionths_get(string_span(s), &number)) || !millionths_get(c->argv[2], &by)) {
		reply_error(c, NOT_A_FLOAT);
		return;
	}
	if (by == INFINITE || by == -INFINITE || __builtin_add_overflow(number, by, &number) || number == INFINITE ||
	    number <= -INFINITE) {
		reply_error(c, "ERR increment would produce NaN or Infinity");
		return;
	}
	bytes = millionths_put(text, number);
	if (store(c, node, text, bytes))
		reply_bulk(c, (struct span){ text, bytes });
}

const struct command counter_commands[] = {
	{ "incr", 2, WRITES | GROWS | FAST, 1, 1, 1, incr },
	{ "decr", 2, WRITES | GROWS | FAST, 1, 1, 1, decr },
	{ "incrby", 3, WRITES | GROWS | FAST, 1, 1, 1, incrby },
	{ "decrby", 3, WRITES | GROWS | FAST, 1, 1, 1, decrby },
	{ "incrbyfloat", 3, WRITES | GROWS | FAST, 1, 1, 1, incrbyfloat },
	{ 0 },
};
