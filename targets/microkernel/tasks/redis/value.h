/* What a key holds. */
#ifndef REDIS_VALUE_H
#define REDIS_VALUE_H
#include "dict.h"

enum kind { STRING, LIST, SET, ZSET, HASH };

struct value {
	enum kind kind;
};

/* Replies that wait for room hold strings too, hence the count. One that is shared is not written to. */
struct string {
	struct value head;
	uint32_t holders;
	uint32_t bytes, capacity;
	uint8_t data[];
};

/* A ring: element i is at (first + i) modulo the capacity, which is a power of two. */
struct list {
	struct value head;
	uint32_t first, count, capacity;
	struct string **ring;
};

/* Sets have no values in their nodes, hashes strings, sorted sets scores. */
struct table {
	struct value head;
	struct dict dict;
	struct node **sorted;      /* sorted sets: the dict's nodes by score, then key */
	uint32_t capacity;         /* of that */
};

void *value_new(enum kind kind);  /* empty, any but a string; NULL: no memory */
void value_free(void *value);     /* NULL does nothing */

struct string *string_new(struct span bytes, uint32_t capacity); /* at least as many bytes as there are; NULL: no memory */
struct string *string_hold(struct string *s);
void string_drop(void *string);   /* NULL does nothing */
/* A string of one holder with room for so many bytes, in the place of the one given, whose bytes it has; NULL: no memory,
 * and the one given is as it was. */
struct string *string_widened(struct string *s, uint32_t capacity);

static inline struct span string_span(const struct string *s)
{
	return (struct span){ s->data, s->bytes };
}

bool list_push(struct list *l, struct string *s, bool front); /* takes the string over, unless there is no memory: false */
struct string *list_pop(struct list *l, bool front);          /* the caller's; of a list that is not empty */

static inline struct string **list_at(const struct list *l, uint32_t index)
{
	return &l->ring[(l->first + index) & (l->capacity - 1)];
}

uint32_t zset_rank(const struct table *z, int64_t score, struct span key); /* how many come before it */
uint32_t zset_below(const struct table *z, int64_t score, bool inclusive); /* how many have a score below, or up to it */
bool zset_put(struct table *z, struct span key, struct node *node, int64_t score); /* node: there already, or NULL */
void zset_remove(struct table *z, struct node *node);
#endif
