#include "dict.h"

#define SMALLEST 4
#define LARGEST (1u << 26)
#define SPARSE 8           /* shrinks when there are so many buckets an element */
#define EMPTY_STEPS 10     /* empty buckets that one step of moving skips */

static inline uint32_t rotate(uint32_t x, int by)
{
	return x << by | x >> (32 - by);
}

/* MurmurHash3's 32-bit variant, from a seed that clients do not know. */
uint32_t dict_hash(const uint8_t *key, size_t bytes)
{
	uint32_t h = app_seed, word;
	size_t left = bytes;

	for (; left >= 4; left -= 4, key += 4) {
		memcpy(&word, key, 4);
		h = rotate(h ^ rotate(word * 0xcc9e2d51u, 15) * 0x1b873593u, 13) * 5 + 0xe6546b64u;
	}
	word = 0;
	for (size_t i = 0; i < left; i++)
		word |= (uint32_t)key[i] << 8 * i;
	h ^= rotate(word * 0xcc9e2d51u, 15) * 0x1b873593u;
	h ^= (uint32_t)bytes;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

static void move_bucket(struct dict *d, uint32_t bucket)
{
	struct node *next;

	for (struct node *node = d->table[0][bucket]; node; node = next) {
		struct node **to = &d->table[1][node->hash & (d->buckets[1] - 1)];

		next = node->next;
		node->next = *to;
		*to = node;
	}
	d->table[0][bucket] = NULL;
}

/* One step of moving to the second table, which takes the first's place at the end. */
static void move_step(struct dict *d)
{
	for (int i = 0; i < EMPTY_STEPS && d->moved < d->buckets[0]; i++)
		if (d->table[0][d->moved++]) {
			move_bucket(d, d->moved - 1);
			break;
		}
	if (d->moved < d->buckets[0])
		return;
	app_release(d->table[0]);
	d->table[0] = d->table[1];
	d->buckets[0] = d->buckets[1];
	d->table[1] = NULL;
	d->buckets[1] = 0;
	d->moved = 0;
}

/* Begins to move to a table of another size. Without memory for it the old one stays, only fuller: false. */
static bool resize(struct dict *d, uint32_t buckets)
{
	struct node **table = app_allocate(buckets * sizeof *table);

	if (!table)
		return false;
	memset(table, 0, buckets * sizeof *table);
	if (!d->buckets[0]) {
		d->table[0] = table;
		d->buckets[0] = buckets;
	} else {
		d->table[1] = table;
		d->buckets[1] = buckets;
	}
	return true;
}

/* Where the pointer to that key's node is, or NULL. */
static struct node **place(struct dict *d, struct span key, uint32_t hash)
{
	for (int t = 0; t < 2 && d->buckets[t]; t++) {
		struct node **at = &d->table[t][hash & (d->buckets[t] - 1)];

		for (; *at; at = &(*at)->next)
			if ((*at)->hash == hash && same_bytes(node_key(*at), key))
				return at;
	}
	return NULL;
}

struct node *dict_find(struct dict *d, struct span key)
{
	struct node **at;

	if (!d->count)
		return NULL;
	if (d->buckets[1])
		move_step(d);
	at = place(d, key, dict_hash(key.at, key.bytes));
	return at ? *at : NULL;
}

struct node *dict_add(struct dict *d, struct span key)
{
	struct node *node = app_allocate(sizeof *node + key.bytes);
	struct node **at;
	int t;

	if (!node)
		return NULL;
	if (d->buckets[1])
		move_step(d);
	else if (d->count >= d->buckets[0] && d->buckets[0] < LARGEST &&
		 !resize(d, d->buckets[0] ? 2 * d->buckets[0] : SMALLEST) && !d->buckets[0]) {
		app_release(node);
		return NULL;
	}
	t = d->buckets[1] != 0;
	node->hash = dict_hash(key.at, key.bytes);
	node->key_bytes = (uint32_t)key.bytes;
	node->value = NULL;
	node->number = 0;
	memcpy(node->key, key.at, key.bytes);
	at = &d->table[t][node->hash & (d->buckets[t] - 1)];
	node->next = *at;
	*at = node;
	d->count++;
	return node;
}

struct node *dict_take(struct dict *d, struct span key)
{
	struct node **at, *node;

	if (!d->count || !(at = place(d, key, dict_hash(key.at, key.bytes))))
		return NULL;
	node = *at;
	*at = node->next;
	d->count--;
	if (d->buckets[1])
		move_step(d);
	else if (d->buckets[0] > SMALLEST * SPARSE && d->count < d->buckets[0] / SPARSE)
		resize(d, d->buckets[0] / SPARSE * 2);
	return node;
}

static struct node *some_of(struct node *chain, uint32_t random)
{
	struct node *node = chain;
	uint32_t length = 0;

	for (; node; node = node->next)
		length++;
	for (random %= length; random; random--)
		chain = chain->next;
	return chain;
}

struct node *dict_some(struct dict *d, uint32_t random)
{
	if (!d->count)
		return NULL;
	for (;; random ^= 0x80000000u) { /* the other table, where this one has none */
		int t = d->buckets[1] && random & 0x80000000u;
		uint32_t bucket = random & (d->buckets[t] - 1);

		for (uint32_t i = 0; i < d->buckets[t]; i++, bucket = (bucket + 1) & (d->buckets[t] - 1))
			if (d->table[t][bucket])
				return some_of(d->table[t][bucket], random >> 16 & 0x7fff);
	}
}

void dict_clear(struct dict *d, void (*drop)(void *value))
{
	for (int t = 0; t < 2; t++) {
		for (uint32_t bucket = 0; bucket < d->buckets[t]; bucket++)
			for (struct node *node = d->table[t][bucket], *next; node; node = next) {
				next = node->next;
				if (drop)
					drop(node->value);
				app_release(node);
			}
		app_release(d->table[t]);
	}
	*d = (struct dict){ 0 };
}

static uint32_t reversed(uint32_t x)
{
	x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
	x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
	x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
	return __builtin_bswap32(x);
}

/* The cursor counts with its bits reversed, the highest bit of the mask first: buckets that share their low bits, which are those
 * that one bucket is split into or that are merged into one, come one after another whatever the table's size (Pieter
 * Noordhuis's algorithm of Redis's dictScan). */
static uint32_t next_cursor(uint32_t cursor, uint32_t mask)
{
	return reversed(reversed(cursor | ~mask) + 1);
}

static void visit_bucket(struct node *node, dict_visit *visit, void *context)
{
	for (; node; node = node->next)
		visit(context, node);
}

uint32_t dict_scan(struct dict *d, uint32_t cursor, dict_visit *visit, void *context)
{
	int small = d->buckets[1] && d->buckets[1] < d->buckets[0];
	uint32_t mask = d->buckets[small] - 1, other_mask = d->buckets[!small] - 1;

	if (!d->count)
		return 0;
	visit_bucket(d->table[small][cursor & mask], visit, context);
	if (!d->buckets[1])
		return next_cursor(cursor, mask);
	do { /* all buckets of the larger table that the smaller one's bucket stands for */
		visit_bucket(d->table[!small][cursor & other_mask], visit, context);
		cursor = next_cursor(cursor, other_mask);
	} while (cursor & (mask ^ other_mask));
	return cursor;
}

void dict_each(struct dict *d, dict_visit *visit, void *context)
{
	for (int t = 0; t < 2; t++)
		for (uint32_t bucket = 0; bucket < d->buckets[t]; bucket++)
			visit_bucket(d->table[t][bucket], visit, context);
}
