/* The key space: what is found, what has expired, who watches. */
#include "redis.h"

#define EXPIRY_BUCKETS 64 /* looked at in a step */

bool key_has_expired(const struct node *node)
{
	return node->number && (uint64_t)node->number <= app_unix_ms;
}

static void release(struct node *node)
{
	if (node->number)
		server.expiring--;
	value_free(node->value);
	app_release(node);
}

bool key_delete(struct span key)
{
	struct node *node = dict_take(&server.keys, key);

	if (!node)
		return false;
	key_changed(node_key(node));
	release(node);
	return true;
}

struct node *key_find(struct span key)
{
	struct node *node = dict_find(&server.keys, key);

	if (node && node->number && key_has_expired(node)) {
		server.expired_ever++;
		key_delete(key);
		return NULL;
	}
	return node;
}

bool key_typed(struct client *c, struct span key, enum kind kind, void **value)
{
	struct node *node = key_find(key);

	*value = node ? node->value : NULL;
	if (!node || ((struct value *)node->value)->kind == kind)
		return true;
	reply_error(c, WRONG_TYPE);
	return false;
}

void *key_or_new(struct client *c, struct span key, enum kind kind)
{
	void *value;

	if (!key_typed(c, key, kind, &value))
		return NULL;
	if (value)
		return value;
	value = value_new(kind);
	if (value && key_set(key, value))
		return value;
	value_free(value);
	reply_error(c, NO_MEMORY);
	return NULL;
}

void key_expires(struct node *node, int64_t unix_ms)
{
	server.expiring += (unix_ms != 0) - (uint32_t)(node->number != 0);
	node->number = unix_ms;
}

bool key_set(struct span key, void *value)
{
	struct node *node = key_find(key);

	if (node) {
		key_expires(node, 0);
		value_free(node->value);
	} else if (!(node = dict_add(&server.keys, key))) {
		return false;
	}
	node->value = value;
	key_changed(key);
	return true;
}

bool key_assign(struct node *node, struct span key, struct span bytes)
{
	struct string *s = node ? node->value : NULL;

	/* over the old one, if it is large enough and not much too large */
	if (s && s->head.kind == STRING && s->holders == 1 && bytes.bytes <= s->capacity && s->capacity <= 2 * bytes.bytes + 64) {
		memmove(s->data, bytes.at, bytes.bytes);
		s->bytes = (uint32_t)bytes.bytes;
		key_changed(key);
		return true;
	}
	if (!(s = string_new(bytes, 0)))
		return false;
	if (!node && !(node = dict_add(&server.keys, key))) {
		string_drop(s);
		return false;
	}
	value_free(node->value);
	node->value = s;
	key_changed(key);
	return true;
}

void key_changed(struct span key)
{
	if (!server.watchers)
		return;
	for (struct client *c = server.clients.next; c != &server.clients; c = c->next)
		for (struct watched *w = c->watched; w; w = w->next)
			if (same_bytes(w->key, key))
				c->dirty = true;
}

void key_delete_if_empty(struct span key, void *value)
{
	struct value *v = value;

	if (v->kind == LIST ? !((struct list *)value)->count : !((struct table *)value)->dict.count)
		key_delete(key);
}

void keys_clear(void)
{
	for (struct client *c = server.clients.next; c != &server.clients; c = c->next)
		for (struct watched *w = c->watched; w; w = w->next)
			if (dict_find(&server.keys, w->key))
				c->dirty = true;
	dict_clear(&server.keys, value_free);
	server.expiring = 0;
}

/* ---- active expiry: keys that nobody asks for any more go too ---- */

struct found {
	struct node *expired[EXPIRY_BUCKETS];
	uint32_t count;
};

static void look(void *context, struct node *node)
{
	struct found *f = context;

	if (f->count < EXPIRY_BUCKETS && key_has_expired(node))
		f->expired[f->count++] = node;
}

void keys_expire_some(void)
{
	for (int i = 0; i < EXPIRY_BUCKETS && server.expiring; i++) {
		struct found found = { .count = 0 };

		server.expiry_cursor = dict_scan(&server.keys, server.expiry_cursor, look, &found);
		for (uint32_t k = 0; k < found.count; k++) {
			server.expired_ever++;
			key_delete(node_key(found.expired[k]));
		}
	}
}
