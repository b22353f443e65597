/* When keys expire: EXPIRE and its kin, TTL and its kin. */
#include "expiry.h"

bool expiry_option(struct span word, bool *seconds, bool *relative)
{
	*seconds = is_word(word, "ex") || is_word(word, "exat");
	*relative = is_word(word, "ex") || is_word(word, "px");
	return *seconds || *relative || is_word(word, "pxat");
}

bool expiry_argument(struct client *c, uint32_t index, bool seconds, bool relative, bool must_be_positive, int64_t *unix_ms)
{
	int64_t time;

	if (!argument_integer(c, index, &time))
		return false;
	if ((must_be_positive && time <= 0) || (seconds && __builtin_mul_overflow(time, 1000, &time)) ||
	    (relative && __builtin_add_overflow(time, (int64_t)app_unix_ms, &time))) {
		reply_error_about(c, "ERR invalid expire time in '", span_of(c->command->name), "' command");
		return false;
	}
	*unix_ms = time;
	return true;
}

struct conditions {
	bool none, some, later, earlier;
};

/* NX, XX, GT, LT; false: answered. */
static bool conditions_get(struct client *c, struct conditions *o)
{
	for (uint32_t i = 3; i < c->argc; i++) {
		if (is_word(c->argv[i], "nx")) {
			o->none = true;
		} else if (is_word(c->argv[i], "xx")) {
			o->some = true;
		} else if (is_word(c->argv[i], "gt")) {
			o->later = true;
		} else if (is_word(c->argv[i], "lt")) {
			o->earlier = true;
		} else {
			reply_error_about(c, "ERR Unsupported option ", until_nul(c->argv[i]), "");
			return false;
		}
	}
	if (o->none && (o->some || o->later || o->earlier))
		reply_error(c, "ERR NX and XX, GT or LT options at the same time are not compatible");
	else if (o->later && o->earlier)
		reply_error(c, "ERR GT and LT options at the same time are not compatible");
	else
		return true;
	return false;
}

/* A key without an expiry counts as one that expires never. */
static bool allowed(const struct conditions *o, int64_t now, int64_t wanted)
{
	return !(o->none && now) && !(o->some && !now) && !(o->later && (!now || wanted <= now)) &&
		!(o->earlier && now && wanted >= now);
}

static void expire_as(struct client *c, bool seconds, bool relative)
{
	struct conditions o = { 0 };
	struct node *node;
	int64_t unix_ms;

	if (!conditions_get(c, &o) || !expiry_argument(c, 2, seconds, relative, false, &unix_ms))
		return;
	node = key_find(c->argv[1]);
	if (!node || !allowed(&o, node->number, unix_ms)) {
		reply_integer(c, 0);
		return;
	}
	if (unix_ms <= (int64_t)app_unix_ms) {
		key_delete(c->argv[1]);
	} else {
		key_expires(node, unix_ms);
		key_changed(c->argv[1]);
	}
	reply_integer(c, 1);
}

static void expire(struct client *c)
{
	expire_as(c, true, true);
}

static void pexpire(struct client *c)
{
	expire_as(c, false, true);
}

static void expireat(struct client *c)
{
	expire_as(c, true, false);
}

static void pexpireat(struct client *c)
{
	expire_as(c, false, false);
}

/* -2: no such key, -1: it does not expire. */
static int64_t expiry_of(struct client *c)
{
	struct node *node = key_find(c->argv[1]);

	return !node ? -2 : !node->number ? -1 : node->number;
}

static void ttl(struct client *c)
{
	int64_t at = expiry_of(c);

	reply_integer(c, at < 0 ? at : (at - (int64_t)app_unix_ms + 500) / 1000);
}

static void pttl(struct client *c)
{
	int64_t at = expiry_of(c);

	reply_integer(c, at < 0 ? at : at - (int64_t)app_unix_ms);
}

static void expiretime(struct client *c)
{
	int64_t at = expiry_of(c);

	reply_integer(c, at < 0 ? at : (at + 500) / 1000);
}

static void pexpiretime(struct client *c)
{
	reply_integer(c, expiry_of(c));
}

static void persist(struct client *c)
{
	struct node *node = key_find(c->argv[1]);

	if (!node || !node->number) {
		reply_integer(c, 0);
		return;
	}
	key_expires(node, 0);
	key_changed(c->argv[1]);
	reply_integer(c, 1);
}

const struct command expiry_commands[] = {
	{ "expire", -3, WRITES | FAST, 1, 1, 1, expire },
	{ "pexpire", -3, WRITES | FAST, 1, 1, 1, pexpire },
	{ "expireat", -3, WRITES | FAST, 1, 1, 1, expireat },
	{ "pexpireat", -3, WRITES | FAST, 1, 1, 1, pexpireat },
	{ "ttl", 2, FAST, 1, 1, 1, ttl },
	{ "pttl", 2, FAST, 1, 1, 1, pttl },
	{ "expiretime", 2, FAST, 1, 1, 1, expiretime },
	{ "pexpiretime", 2, FAST, 1, 1, 1, pexpiretime },
	{ "persist", 2, WRITES | FAST, 1, 1, 1, persist },
	{ 0 },
};
