/* Commands on ranges of sorted sets, by rank or by score. */
#include "zset.h"

struct range {
	uint32_t first, count;     /* ranks, from the lowest score on */
	bool reverse, with_scores;
};

void reply_member_and_score(struct client *c, const struct node *node, bool with_score)
{
	if (with_score && c->protocol == 3)
		reply_array(c, 2);
	reply_bulk(c, node_key(node));
	if (with_score)
		reply_millionths(c, node->number);
}

static void reply_range(struct client *c, const struct table *z, const struct range *r)
{
	reply_array(c, r->with_scores && c->protocol == 2 ? 2 * (size_t)r->count : r->count);
	for (uint32_t i = 0; i < r->count; i++)
		reply_member_and_score(c, z->sorted[r->reverse ? r->first + r->count - 1 - i : r->first + i], r->with_scores);
}

/* A bound of scores: "(" in front leaves it out. Nothing at all is 0, as strtod has it. */
static bool bound_get(struct span text, int64_t *score, bool *inclusive)
{
	*inclusive = !text.bytes || text.at[0] != '(';
	if (!*inclusive) {
		text.at++;
		text.bytes--;
	}
	*score = 0;
	return !text.bytes || millionths_get(text, score);
}

/* Arguments 2 and 3 as bounds, the lower one first -> ranks; z may be NULL. */
static bool by_score(struct client *c, const struct table *z, uint32_t low, uint32_t high, struct range *r)
{
	bool low_inclusive, high_inclusive;
	int64_t from, to;
	uint32_t end;

	if (!bound_get(c->argv[low], &from, &low_inclusive) || !bound_get(c->argv[high], &to, &high_inclusive)) {
		reply_error(c, "ERR min or max is not a float");
		return false;
	}
	r->first = z ? zset_below(z, from, !low_inclusive) : 0;
	end = z ? zset_below(z, to, high_inclusive) : 0;
	r->count = end > r->first ? end - r->first : 0;
	return true;
}

/* Arguments 2 and 3 as ranks, negative ones from the end. */
static bool by_rank(struct client *c, const struct table *z, struct range *r)
{
	int64_t first, last, count = z ? z->dict.count : 0;

	if (!argument_integer(c, 2, &first) || !argument_integer(c, 3, &last))
		return false;
	first = first < -count ? 0 : first < 0 ? count + first : first;
	last = last < 0 ? count + last : last >= count ? count - 1 : last;
	if (first > last || first >= count)
		return true;
	r->count = (uint32_t)(last - first + 1);
	r->first = (uint32_t)(r->reverse ? count - 1 - last : first);
	return true;
}

static void limited(struct range *r, int64_t offset, int64_t count)
{
	uint32_t skipped = offset < 0 || offset > r->count ? r->count : (uint32_t)offset;
	uint32_t left = r->count - skipped, taken = count < 0 || count > left ? left : (uint32_t)count;

	if (!r->reverse)
		r->first += skipped;
	else
		r->first += left - taken;
	r->count = taken;
}

struct range_options {
	bool by_score, has_limit;
	int64_t offset, count;
};

static bool options_get(struct client *c, struct range *r, struct range_options *o, bool may_choose)
{
	for (uint32_t i = 4; i < c->argc; i++) {
		struct span word = c->argv[i];

		if (is_word(word, "withscores")) {
			r->with_scores = true;
		} else if (may_choose && !o->by_score && is_word(word, "byscore")) {
			o->by_score = true;
		} else if (may_choose && !r->reverse && is_word(word, "rev")) {
			r->reverse = true;
		} else if (is_word(word, "limit") && i + 2 < c->argc) {
			if (!argument_integer(c, i + 1, &o->offset) || !argument_integer(c, i + 2, &o->count))
				return false;
			o->has_limit = true;
			i += 2;
		} else {
			reply_error(c, SYNTAX);
			return false;
		}
	}
	if (o->has_limit && !o->by_score) {
		reply_error(c, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
		return false;
	}
	return true;
}

static void range_as(struct client *c, struct range_options o, bool reverse, bool may_choose)
{
	struct range r = { .reverse = reverse };
	struct table *z;
	bool sound;

	if (!options_get(c, &r, &o, may_choose) || !zset_typed(c, &z))
		return;
	if (o.by_score)
		sound = by_score(c, z, r.reverse ? 3 : 2, r.reverse ? 2 : 3, &r);
	else
		sound = by_rank(c, z, &r);
	if (!sound)
		return;
	if (o.has_limit)
		limited(&r, o.offset, o.count);
	reply_range(c, z, &r);
}

static void zrange(struct client *c)
{
	range_as(c, (struct range_options){ 0 }, false, true);
}

static void zrevrange(struct client *c)
{
	range_as(c, (struct range_options){ 0 }, true, false);
}

static void zrangebyscore(struct client *c)
{
	range_as(c, (struct range_options){ .by_score = true }, false, false);
}

static void zrevrangebyscore(struct client *c)
{
	range_as(c, (struct range_options){ .by_score = true }, true, false);
}

static void zcount(struct client *c)
{
	struct range r = { 0 };
	struct table *z;

	if (zset_typed(c, &z) && by_score(c, z, 2, 3, &r))
		reply_integer(c, r.count);
}

static void pop(struct client *c, bool greatest)
{
	int64_t wanted = 1;
	struct table *z;
	bool nested = c->protocol == 3 && c->argc == 3;

	if (c->argc > 3) {
		reply_error(c, SYNTAX);
		return;
	}
	if (c->argc == 3 && (!integer_get(c->argv[2], &wanted) || wanted < 0)) {
		reply_error(c, "ERR value is out of range, must be positive");
		return;
	}
	if (!zset_typed(c, &z))
		return;
	if (!z || wanted > z->dict.count)
		wanted = z ? z->dict.count : 0;
	reply_array(c, (size_t)(nested ? wanted : 2 * wanted));
	for (; wanted; wanted--) {
		struct node *node = z->sorted[greatest ? z->dict.count - 1 : 0];

		if (nested)
			reply_array(c, 2);
		reply_bulk(c, node_key(node));
		reply_millionths(c, node->number);
		zset_delete(c, z, node);
	}
}

static void zpopmin(struct client *c)
{
	pop(c, false);
}

static void zpopmax(struct client *c)
{
	pop(c, true);
}

const struct command zset_range_commands[] = {
	{ "zrange", -4, 0, 1, 1, 1, zrange },
	{ "zrevrange", -4, 0, 1, 1, 1, zrevrange },
	{ "zrangebyscore", -4, 0, 1, 1, 1, zrangebyscore },
	{ "zrevrangebyscore", -4, 0, 1, 1, 1, zrevrangebyscore },
	{ "zcount", 4, FAST, 1, 1, 1, zcount },
	{ "zpopmin", -2, WRITES | FAST, 1, 1, 1, zpopmin },
	{ "zpopmax", -2, WRITES | FAST, 1, 1, 1, zpopmax },
	{ 0 },
};
