/* Commands on lists that look for elements, or move one. */
#include "redis.h"

static bool list_typed(struct client *c, struct span key, struct list **l)
{
	void *value;

	if (!key_typed(c, key, LIST, &value))
		return false;
	*l = value;
	return true;
}

static bool is_at(const struct list *l, uint32_t index, struct span element)
{
	return same_bytes(string_span(*list_at(l, index)), element);
}

static void linsert(struct client *c)
{
	bool after = is_word(c->argv[2], "after");
	struct string *s;
	struct list *l;
	uint32_t at = 0;

	if (!after && !is_word(c->argv[2], "before")) {
		reply_error(c, SYNTAX);
		return;
	}
	if (!list_typed(c, c->argv[1], &l))
		return;
	while (l && at < l->count && !is_at(l, at, c->argv[3]))
		at++;
	if (!l || at == l->count) {
		reply_integer(c, l ? -1 : 0);
		return;
	}
	s = string_new(c->argv[4], 0);
	if (!s || !list_push(l, s, false)) {
		string_drop(s);
		reply_error(c, NO_MEMORY);
		return;
	}
	at += after;
	for (uint32_t i = l->count - 1; i > at; i--)
		*list_at(l, i) = *list_at(l, i - 1);
	*list_at(l, at) = s;
	key_changed(c->argv[1]);
	reply_integer(c, l->count);
}

/* At most so many, from that end on -> how many. Those that stay move towards that end. */
static uint32_t removed(struct list *l, struct span element, uint64_t most, bool backwards)
{
	uint32_t count = l->count, gone = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = backwards ? count - 1 - i : i;

		if (gone < most && is_at(l, at, element)) {
			string_drop(*list_at(l, at));
			gone++;
		} else {
			*list_at(l, backwards ? at + gone : at - gone) = *list_at(l, at);
		}
	}
	if (backwards)
		l->first = (l->first + gone) & (l->capacity - 1);
	l->count -= gone;
	return gone;
}

static void lrem(struct client *c)
{
	int64_t wanted;
	struct list *l;
	uint32_t gone;

	if (!argument_integer(c, 2, &wanted) || !list_typed(c, c->argv[1], &l))
		return;
	gone = l ? removed(l, c->argv[3], wanted > 0 ? (uint64_t)wanted : wanted ? -(uint64_t)wanted : UINT64_MAX, wanted < 0) : 0;
	if (gone) {
		key_changed(c->argv[1]);
		key_delete_if_empty(c->argv[1], l);
	}
	reply_integer(c, gone);
}

/* ---- LPOS ---- */

struct seeking {
	bool backwards, has_count;
	uint64_t rank;             /* 1: from the first on */
	int64_t count, length;     /* 0: all */
};

static bool amount(struct client *c, uint32_t index, int64_t *number, const char *otherwise)
{
	if (integer_get(c->argv[index], number) && *number >= 0)
		return true;
	reply_error(c, otherwise);
	return false;
}

/* false: answered */
static bool seeking_get(struct client *c, struct seeking *s)
{
	int64_t rank = 1;

	for (uint32_t i = 3; i < c->argc; i += 2) {
		if (i + 1 == c->argc) {
			reply_error(c, SYNTAX);
			return false;
		}
		if (is_word(c->argv[i], "rank")) {
			if (!argument_integer(c, i + 1, &rank))
				return false;
			if (!rank) {
				reply_error(c, "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
					"or use negative to start from the end of the list");
				return false;
			}
		} else if (is_word(c->argv[i], "count")) {
			s->has_count = true;
			if (!amount(c, i + 1, &s->count, "ERR COUNT can't be negative"))
				return false;
		} else if (is_word(c->argv[i], "maxlen")) {
			if (!amount(c, i + 1, &s->length, "ERR MAXLEN can't be negative"))
				return false;
		} else {
			reply_error(c, SYNTAX);
			return false;
		}
	}
	s->backwards = rank < 0;
	s->rank = rank < 0 ? -(uint64_t)rank : (uint64_t)rank;
	return true;
}

/* -> how many there are; answers with their places if so told. */
static uint32_t places(struct client *c, const struct list *l, const struct seeking *s, bool answer)
{
	uint64_t matches = 0;
	uint32_t found = 0;

	for (uint32_t i = 0; i < l->count && (!s->length || i < s->length); i++) {
		uint32_t at = s->backwards ? l->count - 1 - i : i;

		if (!is_at(l, at, c->argv[2]) || ++matches < s->rank)
			continue;
		found++;
		if (answer)
			reply_integer(c, at);
		if (s->count && found == s->count)
			break;
	}
	return found;
}

static void lpos(struct client *c)
{
	struct seeking s = { 0 };
	struct list *l;
	uint32_t found;

	if (!seeking_get(c, &s) || !list_typed(c, c->argv[1], &l))
		return;
	if (!s.has_count)
		s.count = 1;
	found = l ? places(c, l, &s, false) : 0;
	if (s.has_count)
		reply_array(c, found);
	else if (!found)
		reply_null(c);
	if (found)
		places(c, l, &s, true);
}

/* ---- from one list to another, or from one end to the other ---- */

static void move(struct client *c, bool from_front, bool to_front)
{
	struct list *from, *to;
	struct string *s;

	if (!list_typed(c, c->argv[1], &from))
		return;
	if (!from) {
		reply_null(c);
		return;
	}
	if (!(to = key_or_new(c, c->argv[2], LIST)))
		return;
	s = list_pop(from, from_front);
	if (!list_push(to, s, to_front)) {
		list_push(from, s, from_front); /* where it was is room */
		key_delete_if_empty(c->argv[2], to);
		reply_error(c, NO_MEMORY);
		return;
	}
	reply_string(c, s);
	key_changed(c->argv[1]);
	key_changed(c->argv[2]);
	key_delete_if_empty(c->argv[1], from);
}

static void rpoplpush(struct client *c)
{
	move(c, false, true);
}

static void lmove(struct client *c)
{
	bool from_front = is_word(c->argv[3], "left"), to_front = is_word(c->argv[4], "left");

	if ((!from_front && !is_word(c->argv[3], "right")) || (!to_front && !is_word(c->argv[4], "right")))
		reply_error(c, SYNTAX);
	else
		move(c, from_front, to_front);
}

const struct command list_element_commands[] = {
	{ "linsert", 5, WRITES | GROWS, 1, 1, 1, linsert },
	{ "lrem", 4, WRITES, 1, 1, 1, lrem },
	{ "lpos", -3, 0, 1, 1, 1, lpos },
	{ "rpoplpush", 3, WRITES | GROWS, 1, 2, 1, rpoplpush },
	{ "lmove", 5, WRITES | GROWS, 1, 2, 1, lmove },
	{ 0 },
};
