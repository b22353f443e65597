/* Commands about the server: INFO, CONFIG, COMMAND, TIME, and what tools ask at their start. */
#include "redis.h"

#define VERSION "7.0.15" /* the one whose replies are kept to */

struct text {
	uint8_t bytes[2048];
	size_t count;
};

static void put(struct text *t, const char *words)
{
	for (; *words && t->count < sizeof t->bytes; words++)
		t->bytes[t->count++] = (uint8_t)*words;
}

static void put_field(struct text *t, const char *name, uint64_t number)
{
	put(t, name);
	if (t->count + DECIMAL_MOST < sizeof t->bytes)
		t->count += decimal_put(t->bytes + t->count, number);
	put(t, "\r\n");
}

static void section_server(struct text *t)
{
	uint64_t up_s = (app_unix_ms - server.started_ms) / 1000;

	put(t, "# Server\r\nredis_version:" VERSION "\r\nredis_mode:standalone\r\nos:kxbench micro kernel\r\n");
	put_field(t, "arch_bits:", 8 * sizeof(void *));
	put_field(t, "tcp_port:", app.port);
	put_field(t, "uptime_in_seconds:", up_s);
	put_field(t, "uptime_in_days:", up_s / 86400);
}

static void section_clients(struct text *t)
{
	put_field(t, "# Clients\r\nconnected_clients:", server.client_count);
	put_field(t, "maxclients:", CLIENTS_MOST);
}

static void section_stats(struct text *t)
{
	put_field(t, "# Stats\r\ntotal_connections_received:", server.clients_ever);
	put_field(t, "total_commands_processed:", server.commands_ever);
	put_field(t, "expired_keys:", server.expired_ever);
	put_field(t, "keyspace_hits:", server.hits);
	put_field(t, "keyspace_misses:", server.misses);
}

static void section_replication(struct text *t)
{
	put(t, "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n");
}

static void section_keyspace(struct text *t)
{
	put(t, "# Keyspace\r\n");
	if (!server.keys.count)
		return;
	put(t, "db0:keys=");
	t->count += decimal_put(t->bytes + t->count, server.keys.count);
	put(t, ",expires=");
	t->count += decimal_put(t->bytes + t->count, server.expiring);
	put(t, ",avg_ttl=0\r\n");
}

static const struct {
	const char *name;
	void (*put)(struct text *);
} sections[] = { { "server", section_server }, { "clients", section_clients }, { "stats", section_stats },
	{ "replication", section_replication }, { "keyspace", section_keyspace } };

static bool wanted(struct client *c, const char *name)
{
	for (uint32_t i = 1; i < c->argc; i++)
		if (is_word(c->argv[i], name) || is_word(c->argv[i], "all") || is_word(c->argv[i], "default") ||
		    is_word(c->argv[i], "everything"))
			return true;
	return c->argc == 1;
}

static void info(struct client *c)
{
	static struct text t;

	t.count = 0;
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		if (!wanted(c, sections[i].name))
			continue;
		if (t.count)
			put(&t, "\r\n");
		sections[i].put(&t);
	}
	reply_verbatim(c, (struct span){ t.bytes, t.count });
}

/* ---- COMMAND ---- */

static size_t command_total(void)
{
	size_t count = 0;

	for (const struct command *const *group = command_groups; *group; group++)
		for (const struct command *command = *group; command->name; command++)
			count += !(command->flags & SUBCOMMAND);
	return count;
}

static void reply_command(struct client *c, const struct command *command)
{
	size_t flags = 1u + !!(command->flags & GROWS) + !!(command->flags & FAST);

	reply_array(c, 10);
	reply_bulk(c, span_of(command->name));
	reply_integer(c, command->arity);
	reply_set(c, flags);
	reply_simple(c, command->flags & WRITES ? "write" : "readonly");
	if (command->flags & GROWS)
		reply_simple(c, "denyoom");
	if (command->flags & FAST)
		reply_simple(c, "fast");
	reply_integer(c, command->first);
	reply_integer(c, command->last);
	reply_integer(c, command->step);
	reply_set(c, 0);   /* categories of access lists, hints, key specifications, subcommands */
	reply_array(c, 0);
	reply_array(c, 0);
	reply_array(c, 0);
}

static void each_command(struct client *c, void (*reply)(struct client *, const struct command *))
{
	reply_array(c, command_total());
	for (const struct command *const *group = command_groups; *group; group++)
		for (const struct command *command = *group; command->name; command++)
			if (!(command->flags & SUBCOMMAND))
				reply(c, command);
}

static void reply_name(struct client *c, const struct command *command)
{
	reply_bulk(c, span_of(command->name));
}

static void command_list(struct client *c)
{
	each_command(c, reply_name);
}

static void command_count(struct client *c)
{
	reply_integer(c, (int64_t)command_total());
}

static void command_docs(struct client *c)
{
	reply_map(c, 0); /* redis-cli then keeps to the help that it was built with */
}

static void command_info(struct client *c)
{
	if (c->argc == 2) {
		each_command(c, reply_command);
		return;
	}
	reply_array(c, c->argc - 2);
	for (uint32_t i = 2; i < c->argc; i++) {
		const struct command *command = command_find(c->argv[i]);

		if (command)
			reply_command(c, command);
		else
			reply_null_array(c);
	}
}

static void command(struct client *c)
{
	each_command(c, reply_command);
}

static void time(struct client *c)
{
	uint8_t text[DECIMAL_MOST];

	reply_array(c, 2);
	reply_bulk(c, (struct span){ text, decimal_put(text, app_unix_ms / 1000) });
	reply_bulk(c, (struct span){ text, decimal_put(text, app_unix_ms % 1000 * 1000) });
}

const struct command server_commands[] = {
	{ "info", -1, 0, 0, 0, 0, info },
	{ "command", -1, CONTAINER, 0, 0, 0, command },
	{ "command|count", 2, SUBCOMMAND, 0, 0, 0, command_count },
	{ "command|docs", -2, SUBCOMMAND, 0, 0, 0, command_docs },
	{ "command|info", -2, SUBCOMMAND, 0, 0, 0, command_info },
	{ "command|list", 2, SUBCOMMAND, 0, 0, 0, command_list },
	{ "time", 1, FAST, 0, 0, 0, time },
	{ 0 },
};
