/* A hash table from binary keys to a value and a number, which grows and shrinks a bucket at a time (as Redis's dict), so that no
 * single request pays for it. */
#ifndef REDIS_DICT_H
#define REDIS_DICT_H
#include "text.h"

struct node {
	struct node *next;
	void *value;
	int64_t number;            /* key space: when it expires, unix ms (0: never); sorted set: the score */
	uint32_t hash;
	uint32_t key_bytes;
	uint8_t key[];
};

struct dict {
	struct node **table[2];    /* the second while its elements move there from the first */
	uint32_t buckets[2];       /* powers of two, or 0 */
	uint32_t moved;            /* buckets of the first table that are empty for good */
	uint32_t count;
};

typedef void dict_visit(void *context, struct node *node);

uint32_t dict_hash(const uint8_t *key, size_t bytes);
struct node *dict_find(struct dict *d, struct span key);
struct node *dict_add(struct dict *d, struct span key); /* a key that is not there; NULL: no memory */
struct node *dict_take(struct dict *d, struct span key); /* out of the table, for the caller to free; or NULL */
struct node *dict_some(struct dict *d, uint32_t random); /* any one; NULL: it is empty */
void dict_clear(struct dict *d, void (*drop)(void *value)); /* drop may be NULL */

/* Visits some elements (one bucket of the smaller table and all that are or may come from it) -> the next cursor, 0 after the
 * last. Whoever was there from cursor 0 to 0 is visited at least once, however the table grew or shrank meanwhile. The visitor
 * must not change the table. */
uint32_t dict_scan(struct dict *d, uint32_t cursor, dict_visit *visit, void *context);
void dict_each(struct dict *d, dict_visit *visit, void *context); /* everyone, once */

static inline struct span node_key(const struct node *node)
{
	return (struct span){ node->key, node->key_bytes };
}
#endif
