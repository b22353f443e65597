/* KEYS, and SCAN of the key space, of sets, hashes and sorted sets. */
#include "redis.h"

#define STEPS_PER_COUNT 10 /* empty buckets that SCAN goes over for each element asked for: as Redis */

/* What is found is counted first and replied then, since the count stands in front. */
struct finding {
	struct client *c;
	struct span pattern, type;
	bool all;                  /* without a pattern */
	bool replying;
	enum kind kind;            /* what the dict is of; STRING: the key space */
	size_t count, seen;
};

static const char *const kind_names[] = { "string", "list", "set", "zset", "hash" };

static bool is_found(const struct finding *f, const struct node *node)
{
	if (!f->all && !glob_matches(f->pattern, node_key(node)))
		return false;
	if (f->kind != STRING)
		return true;
	if (f->type.at && !is_word(f->type, kind_names[((struct value *)node->value)->kind]))
		return false;
	return !key_has_expired(node);
}

static void find(void *context, struct node *node)
{
	struct finding *f = context;

	f->seen++;
	if (!is_found(f, node))
		return;
	if (!f->replying) {
		f->count++;
		return;
	}
	reply_bulk(f->c, node_key(node));
	if (f->kind == HASH) {
		reply_string(f->c, node->value);
	} else if (f->kind == ZSET) {
		uint8_t text[NUMBER_MOST];

		reply_bulk(f->c, (struct span){ text, millionths_put(text, node->number) });
	}
}

static void keys(struct client *c)
{
	struct finding f = { .c = c, .pattern = c->argv[1], .all = same_bytes(c->argv[1], TEXT("*")), .kind = STRING };

	dict_each(&server.keys, find, &f);
	f.replying = true;
	reply_array(c, f.count);
	dict_each(&server.keys, find, &f);
}

/* MATCH, COUNT, TYPE; false: answered. */
static bool options_get(struct client *c, uint32_t i, struct finding *f, int64_t *wanted)
{
	for (; i < c->argc; i += 2) {
		bool has_value = i + 1 < c->argc;

		if (has_value && is_word(c->argv[i], "match")) {
			f->pattern = c->argv[i + 1];
			f->all = same_bytes(f->pattern, TEXT("*"));
		} else if (has_value && is_word(c->argv[i], "count")) {
			if (!argument_integer(c, i + 1, wanted))
				return false;
			if (*wanted < 1) {
				reply_error(c, SYNTAX);
				return false;
			}
		} else if (has_value && f->kind == STRING && is_word(c->argv[i], "type")) {
			f->type = c->argv[i + 1];
		} else {
			reply_error(c, SYNTAX);
			return false;
		}
	}
	return true;
}

/* Goes on from the cursor until enough was seen -> the cursor then. Twice the same unless the table changes between. */
static uint32_t walk(struct dict *dict, uint32_t cursor, int64_t wanted, struct finding *f)
{
	int64_t steps = wanted > INT64_MAX / STEPS_PER_COUNT ? INT64_MAX : wanted * STEPS_PER_COUNT;

	f->seen = 0;
	do
		cursor = dict_scan(dict, cursor, find, f);
	while (cursor && --steps > 0 && (int64_t)f->seen < wanted);
	return cursor;
}

static void scan_reply(struct client *c, uint32_t options, uint32_t cursor, struct dict *dict, enum kind kind)
{
	struct finding f = { .c = c, .all = true, .kind = kind };
	uint8_t text[DECIMAL_MOST];
	int64_t wanted = 10;
	uint32_t next;

	if (!options_get(c, options, &f, &wanted))
		return;
	next = walk(dict, cursor, wanted, &f);
	reply_array(c, 2);
	reply_bulk(c, (struct span){ text, decimal_put(text, next) });
	reply_array(c, kind == HASH || kind == ZSET ? 2 * f.count : f.count);
	f.replying = true;
	walk(dict, cursor, wanted, &f);
}

/* As strtoul, which Redis reads it with: a sign may stand in front, nothing at all is 0. */
static bool cursor_get(struct client *c, uint32_t index, uint32_t *cursor)
{
	struct span text = c->argv[index];
	uint64_t number = 0;
	bool negative = text.bytes > 1 && text.at[0] == '-';

	if (text.bytes > 1 && (negative || text.at[0] == '+')) {
		text.at++;
		text.bytes--;
	}
	if (text.bytes && !decimal_get(text, UINT64_MAX, &number)) {
		reply_error(c, "ERR invalid cursor");
		return false;
	}
	*cursor = (uint32_t)(negative ? -number : number);
	return true;
}

static void scan(struct client *c)
{
	uint32_t cursor;

	if (cursor_get(c, 1, &cursor))
		scan_reply(c, 2, cursor, &server.keys, STRING);
}

static void scan_of(struct client *c, enum kind kind)
{
	uint32_t cursor;
	void *value;

	if (!cursor_get(c, 2, &cursor) || !key_typed(c, c->argv[1], kind, &value))
		return;
	if (value) {
		scan_reply(c, 3, cursor, &((struct table *)value)->dict, kind);
		return;
	}
	reply_array(c, 2);
	reply_bulk(c, TEXT("0"));
	reply_array(c, 0);
}

static void sscan(struct client *c)
{
	scan_of(c, SET);
}

static void hscan(struct client *c)
{
	scan_of(c, HASH);
}

static void zscan(struct client *c)
{
	scan_of(c, ZSET);
}

const struct command scan_commands[] = {
	{ "keys", 2, 0, 0, 0, 0, keys },
	{ "scan", -2, 0, 0, 0, 0, scan },
	{ "sscan", -3, 0, 1, 1, 1, sscan },
	{ "hscan", -3, 0, 1, 1, 1, hscan },
	{ "zscan", -3, 0, 1, 1, 1, zscan },
	{ 0 },
};
