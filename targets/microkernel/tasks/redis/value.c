#include "value.h"

#define STRING_ROUND 8u /* room is had in these, so that a value of about the same length needs no other memory */

void *value_new(enum kind kind)
{
	size_t bytes = kind == LIST ? sizeof(struct list) : sizeof(struct table);
	struct value *v = app_allocate(bytes);

	if (!v)
		return NULL;
	memset(v, 0, bytes);
	v->kind = kind;
	return v;
}

static void list_free(struct list *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		string_drop(*list_at(l, i));
	app_release(l->ring);
	app_release(l);
}

void value_free(void *value)
{
	struct value *v = value;
	struct table *table = value;

	if (!v)
		return;
	if (v->kind == STRING) {
		string_drop(v);
	} else if (v->kind == LIST) {
		list_free(value);
	} else {
		dict_clear(&table->dict, v->kind == HASH ? string_drop : NULL);
		app_release(table->sorted);
		app_release(v);
	}
}

/* ---- strings ---- */

struct string *string_new(struct span bytes, uint32_t capacity)
{
	struct string *s;

	if (capacity < bytes.bytes)
		capacity = (uint32_t)bytes.bytes;
	capacity = (capacity + STRING_ROUND - 1) / STRING_ROUND * STRING_ROUND;
	if (!(s = app_allocate(sizeof *s + capacity)))
		return NULL;
	s->head.kind = STRING;
	s->holders = 1;
	s->bytes = (uint32_t)bytes.bytes;
	s->capacity = capacity;
	memcpy(s->data, bytes.at, bytes.bytes);
	return s;
}

struct string *string_hold(struct string *s)
{
	s->holders++;
	return s;
}

void string_drop(void *string)
{
	struct string *s = string;

	if (s && !--s->holders)
		app_release(s);
}

struct string *string_widened(struct string *s, uint32_t capacity)
{
	struct string *new;

	if (s->holders == 1) {
		if (capacity <= s->capacity)
			return s;
		new = app_resize(s, sizeof *s + capacity);
		if (new)
			new->capacity = capacity;
		return new;
	}
	new = string_new(string_span(s), capacity);
	if (new)
		string_drop(s);
	return new;
}

/* ---- lists ---- */

static bool list_grow(struct list *l)
{
	uint32_t capacity = l->capacity ? 2 * l->capacity : 4;
	struct string **ring = app_allocate(capacity * sizeof *ring);

	if (!ring)
		return false;
	for (uint32_t i = 0; i < l->count; i++)
		ring[i] = *list_at(l, i);
	app_release(l->ring);
	l->ring = ring;
	l->first = 0;
	l->capacity = capacity;
	return true;
}

bool list_push(struct list *l, struct string *s, bool front)
{
	if (l->count == l->capacity && !list_grow(l))
		return false;
	if (front)
		l->first = (l->first - 1) & (l->capacity - 1);
	*list_at(l, front ? 0 : l->count) = s;
	l->count++;
	return true;
}

struct string *list_pop(struct list *l, bool front)
{
	struct string *s = *list_at(l, front ? 0 : l->count - 1);

	l->count--;
	if (front)
		l->first = (l->first + 1) & (l->capacity - 1);
	return s;
}

/* ---- sorted sets ---- */

static bool before(const struct node *node, int64_t score, struct span key)
{
	size_t common = node->key_bytes < key.bytes ? node->key_bytes : key.bytes;
	int order;

	if (node->number != score)
		return node->number < score;
	order = memcmp(node->key, key.at, common);
	return order ? order < 0 : node->key_bytes < key.bytes;
}

/* How many of the first nodes come before. */
static uint32_t search(const struct table *z, int64_t score, struct span key, uint32_t count)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (before(z->sorted[middle], score, key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t zset_rank(const struct table *z, int64_t score, struct span key)
{
	return search(z, score, key, z->dict.count);
}

uint32_t zset_below(const struct table *z, int64_t score, bool inclusive)
{
	if (inclusive && score == INT64_MAX)
		return z->dict.count;
	return zset_rank(z, inclusive ? score + 1 : score, (struct span){ (const uint8_t *)"", 0 });
}

static bool sorted_room(struct table *z)
{
	uint32_t capacity = z->capacity ? 2 * z->capacity : 4;
	struct node **sorted;

	if (z->dict.count < z->capacity)
		return true;
	if (!(sorted = app_resize(z->sorted, capacity * sizeof *sorted)))
		return false;
	z->sorted = sorted;
	z->capacity = capacity;
	return true;
}

static void unsort(struct table *z, const struct node *node)
{
	uint32_t rank = zset_rank(z, node->number, node_key(node));

	memmove(&z->sorted[rank], &z->sorted[rank + 1], (z->dict.count - rank - 1) * sizeof *z->sorted);
}

/* A node of the dict that is not among the sorted ones, which are one fewer. */
static void sort_in(struct table *z, struct node *node)
{
	uint32_t others = z->dict.count - 1, rank = search(z, node->number, node_key(node), others);

	memmove(&z->sorted[rank + 1], &z->sorted[rank], (others - rank) * sizeof *z->sorted);
	z->sorted[rank] = node;
}

bool zset_put(struct table *z, struct span key, struct node *node, int64_t score)
{
	if (!node) {
		if (!sorted_room(z) || !(node = dict_add(&z->dict, key)))
			return false;
	} else {
		unsort(z, node);
	}
	node->number = score;
	sort_in(z, node);
	return true;
}

void zset_remove(struct table *z, struct node *node)
{
	unsort(z, node);
	dict_take(&z->dict, node_key(node));
	app_release(node);
}
