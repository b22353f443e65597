/* MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
#include "redis.h"


static void forget_queue(struct client *c)
{
	while (c->queue) {
		struct queued *q = c->queue;

		c->queue = q->next;
		app_release(q);
	}
	c->queue_last = NULL;
}

void unwatch(struct client *c)
{
	while (c->watched) {
		struct watched *w = c->watched;

		c->watched = w->next;
		app_release(w);
		server.watchers--;
	}
	c->dirty = false;
}

void transaction_forget(struct client *c)
{
	forget_queue(c);
	unwatch(c);
	c->multi = c->spoiled = false;
}

/* The client's command as it is, with all its bytes. */
static struct queued *copied(struct client *c)
{
	size_t bytes = sizeof(struct queued) + c->argc * sizeof(struct span);
	struct queued *q;
	uint8_t *to;

	for (uint32_t i = 0; i < c->argc; i++)
		bytes += c->argv[i].bytes;
	if (!(q = app_allocate(bytes)))
		return NULL;
	q->next = NULL;
	q->command = c->command;
	q->argc = c->argc;
	to = (uint8_t *)&q->argv[q->argc];
	for (uint32_t i = 0; i < q->argc; i++) {
		q->argv[i] = (struct span){ to, c->argv[i].bytes };
		memcpy(to, c->argv[i].at, c->argv[i].bytes);
		to += c->argv[i].bytes;
	}
	return q;
}

bool transaction_takes(struct client *c)
{
	struct queued *q;

	if (!c->multi || c->command->flags & AT_ONCE)
		return false;
	if (!(q = copied(c))) {
		c->spoiled = true;
		reply_error(c, NO_MEMORY);
		return true;
	}
	if (c->queue)
		c->queue_last->next = q;
	else
		c->queue = q;
	c->queue_last = q;
	reply_raw(c, "+QUEUED\r\n", 9);
	return true;
}

static void multi(struct client *c)
{
	if (c->multi) {
		reply_error(c, "ERR MULTI calls can not be nested");
		return;
	}
	c->multi = true;
	c->spoiled = false;
	reply_ok(c);
}

static void discard(struct client *c)
{
	if (!c->multi) {
		reply_error(c, "ERR DISCARD without MULTI");
		return;
	}
	transaction_forget(c);
	reply_ok(c);
}

static bool watched_has_changed(struct client *c)
{
	for (struct watched *w = c->watched; w && !c->dirty; w = w->next)
		key_find(w->key); /* one that has expired goes, and has changed by that */
	return c->dirty;
}

static void run_queue(struct client *c)
{
	uint32_t argc = c->argc, count = 0;
	struct span *argv = c->argv;
	const struct command *command = c->command;

	for (struct queued *q = c->queue; q; q = q->next)
		count++;
	reply_array(c, count);
	for (struct queued *q = c->queue; q; q = q->next) {
		c->command = q->command;
		c->argc = q->argc;
		c->argv = q->argv;
		c->command->run(c);
	}
	c->command = command;
	c->argc = argc;
	c->argv = argv;
}

void exec_refused(struct client *c)
{
	transaction_forget(c);
	reply_error(c, "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command");
}

void exec(struct client *c)
{
	if (!c->multi) {
		reply_error(c, "ERR EXEC without MULTI");
		return;
	}
	if (c->spoiled) {
		reply_error(c, "EXECABORT Transaction discarded because of previous errors.");
	} else if (watched_has_changed(c)) {
		reply_null_array(c);
	} else {
		unwatch(c);
		c->multi = false; /* what is run is run, not queued */
		run_queue(c);
	}
	transaction_forget(c);
}

static bool watch_one(struct client *c, struct span key)
{
	struct watched *w;

	for (w = c->watched; w; w = w->next)
		if (same_bytes(w->key, key))
			return true;
	key_find(key); /* if it has expired before, that is no change */
	if (!(w = app_allocate(sizeof *w + key.bytes)))
		return false;
	memcpy(w->copy, key.at, key.bytes);
	w->key = (struct span){ w->copy, key.bytes };
	w->next = c->watched;
	c->watched = w;
	server.watchers++;
	return true;
}

static void watch(struct client *c)
{
	if (c->multi) {
		reply_error(c, "ERR WATCH inside MULTI is not allowed");
		return;
	}
	for (uint32_t i = 1; i < c->argc; i++)
		if (!watch_one(c, c->argv[i])) {
			reply_error(c, NO_MEMORY);
			return;
		}
	reply_ok(c);
}

static void unwatch_all(struct client *c)
{
	unwatch(c);
	reply_ok(c);
}

const struct command transaction_commands[] = {
	{ "multi", 1, FAST | AT_ONCE, 0, 0, 0, multi },
	{ "exec", 1, AT_ONCE, 0, 0, 0, exec },
	{ "discard", 1, FAST | AT_ONCE, 0, 0, 0, discard },
	{ "watch", -2, FAST | AT_ONCE, 1, -1, 1, watch },
	{ "unwatch", 1, FAST, 0, 0, 0, unwatch_all },
	{ 0 },
};
