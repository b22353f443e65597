/* CONFIG, and FUNCTION as far as a server without scripts has it. */
#include "redis.h"

#define VALUE_MOST 24

/* Redis's limits to its compact encodings may be set, as its tests do, and are told: there is one encoding of each kind here.
 * Others have their one value. */
static struct setting {
	const char *name, *value;
	bool variable;
	uint8_t own[VALUE_MOST];   /* what it was set to */
	size_t own_bytes;
} settings[] = {
	{ .name = "appendonly", .value = "no" },
	{ .name = "databases", .value = "1" },
	{ .name = "hash-max-listpack-entries", .value = "512", .variable = true },
	{ .name = "hash-max-listpack-value", .value = "64", .variable = true },
	{ .name = "hash-max-ziplist-entries", .value = "512", .variable = true },
	{ .name = "hash-max-ziplist-value", .value = "64", .variable = true },
	{ .name = "list-compress-depth", .value = "0", .variable = true },
	{ .name = "list-max-listpack-size", .value = "-2", .variable = true },
	{ .name = "list-max-ziplist-size", .value = "-2", .variable = true },
	{ .name = "maxmemory", .value = "0" },
	{ .name = "maxmemory-policy", .value = "noeviction" },
	{ .name = "save", .value = "" },
	{ .name = "set-max-intset-entries", .value = "512", .variable = true },
	{ .name = "timeout", .value = "0" },
	{ .name = "zset-max-listpack-entries", .value = "128", .variable = true },
	{ .name = "zset-max-listpack-value", .value = "64", .variable = true },
	{ .name = "zset-max-ziplist-entries", .value = "128", .variable = true },
	{ .name = "zset-max-ziplist-value", .value = "64", .variable = true },
};
#define SETTINGS (sizeof settings / sizeof *settings)

static bool is_asked(struct client *c, const char *setting)
{
	uint8_t pattern[64];

	for (uint32_t i = 2; i < c->argc; i++) {
		size_t n = c->argv[i].bytes;

		if (n > sizeof pattern)
			continue;
		for (size_t k = 0; k < n; k++)
			pattern[k] = lower(c->argv[i].at[k]);
		if (glob_matches((struct span){ pattern, n }, span_of(setting)))
			return true;
	}
	return false;
}

static void config_get(struct client *c)
{
	size_t count = 0;

	for (size_t i = 0; i < SETTINGS; i++)
		count += is_asked(c, settings[i].name);
	reply_map(c, count);
	for (const struct setting *s = settings; s < settings + SETTINGS; s++)
		if (is_asked(c, s->name)) {
			reply_bulk(c, span_of(s->name));
			reply_bulk(c, s->own_bytes ? (struct span){ s->own, s->own_bytes } : span_of(s->value));
		}
}

/* The setting of that name, if it can have that value; NULL: answered. */
static struct setting *settable(struct client *c, struct span name, struct span value)
{
	int64_t number;

	for (struct setting *s = settings; s < settings + SETTINGS; s++)
		if (is_word(name, s->name)) {
			if (s->variable ? value.bytes < VALUE_MOST && integer_get(value, &number) : same_bytes(value, span_of(s->value)))
				return s;
			reply_error_about(c, "ERR CONFIG SET failed (possibly related to argument '", name, "') - argument must be as it is");
			return NULL;
		}
	reply_error_about(c, "ERR Unknown option or number of arguments for CONFIG SET - '", name, "'");
	return NULL;
}

/* All or none. */
static void config_set(struct client *c)
{
	if (c->argc % 2) {
		wrong_arity(c);
		return;
	}
	for (uint32_t i = 2; i < c->argc; i += 2)
		if (!settable(c, c->argv[i], c->argv[i + 1]))
			return;
	for (uint32_t i = 2; i < c->argc; i += 2) {
		struct setting *s = settable(c, c->argv[i], c->argv[i + 1]);

		if (s->variable) {
			memcpy(s->own, c->argv[i + 1].at, c->argv[i + 1].bytes);
			s->own_bytes = c->argv[i + 1].bytes;
		}
	}
	reply_ok(c);
}

static void config_resetstat(struct client *c)
{
	server.commands_ever = server.expired_ever = server.hits = server.misses = 0;
	reply_ok(c);
}

/* There are none to take away. */
static void function_flush(struct client *c)
{
	reply_ok(c);
}

const struct command config_commands[] = {
	{ "config", -2, CONTAINER, 0, 0, 0, NULL },
	{ "config|get", -3, SUBCOMMAND, 0, 0, 0, config_get },
	{ "config|set", -4, SUBCOMMAND, 0, 0, 0, config_set },
	{ "config|resetstat", 2, SUBCOMMAND, 0, 0, 0, config_resetstat },
	{ "function", -2, CONTAINER, 0, 0, 0, NULL },
	{ "function|flush", -2, SUBCOMMAND, 0, 0, 0, function_flush },
	{ 0 },
};
