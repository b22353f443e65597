/* Commands about the connection: PING, HELLO, CLIENT and the like. */
#include "redis.h"

static void ping(struct client *c)
{
	if (c->argc > 2)
		wrong_arity(c);
	else if (c->argc == 2)
		reply_bulk(c, c->argv[1]);
	else
		reply_raw(c, "+PONG\r\n", 7);
}

static void echo(struct client *c)
{
	reply_bulk(c, c->argv[1]);
}

static void quit(struct client *c)
{
	reply_ok(c);
	c->closing = true;
}

static void select_database(struct client *c)
{
	int64_t number;

	if (!integer_get(c->argv[1], &number))
		reply_error(c, "ERR value is not an integer or out of range");
	else if (number)
		reply_error(c, "ERR DB index is out of range");
	else
		reply_ok(c);
}

/* Takes over what the argument says; names have no spaces or control characters. */
static bool named(struct client *c, struct string **to, uint32_t index, const char *what)
{
	struct span name = c->argv[index];
	struct string *s;

	for (size_t i = 0; i < name.bytes; i++)
		if (name.at[i] < '!' || name.at[i] > '~') {
			reply_error_about(c, "ERR ", span_of(what), " cannot contain spaces, newlines or special characters.");
			return false;
		}
	if (!(s = string_new(name, 0))) {
		reply_error(c, NO_MEMORY);
		return false;
	}
	string_drop(*to);
	*to = s;
	return true;
}

static void hello_reply(struct client *c)
{
	reply_map(c, 7);
	reply_bulk(c, TEXT("server"));
	reply_bulk(c, TEXT("redis"));
	reply_bulk(c, TEXT("version"));
	reply_bulk(c, TEXT("7.0.15"));
	reply_bulk(c, TEXT("proto"));
	reply_integer(c, c->protocol);
	reply_bulk(c, TEXT("id"));
	reply_integer(c, (int64_t)c->id);
	reply_bulk(c, TEXT("mode"));
	reply_bulk(c, TEXT("standalone"));
	reply_bulk(c, TEXT("role"));
	reply_bulk(c, TEXT("master"));
	reply_bulk(c, TEXT("modules"));
	reply_array(c, 0);
}

static void hello(struct client *c)
{
	int64_t protocol = c->protocol;

	if (c->argc > 1 && !integer_get(c->argv[1], &protocol)) {
		reply_error(c, "ERR Protocol version is not an integer or out of range");
		return;
	}
	if (protocol < 2 || protocol > 3) {
		reply_error(c, "NOPROTO unsupported protocol version");
		return;
	}
	for (uint32_t i = 2; i < c->argc; i++) {
		if (is_word(c->argv[i], "auth") && i + 2 < c->argc) {
			reply_error(c, "ERR AUTH <password> called without any password configured for the default user. "
				"Are you sure your configuration is correct?");
			return;
		}
		if (!is_word(c->argv[i], "setname") || i + 1 >= c->argc) {
			reply_error_about(c, "ERR Syntax error in HELLO option '", c->argv[i], "'");
			return;
		}
		if (!named(c, &c->name, ++i, "Client names"))
			return;
	}
	c->protocol = (uint8_t)protocol;
	hello_reply(c);
}

static void client_getname(struct client *c)
{
	if (c->name && c->name->bytes)
		reply_string(c, c->name);
	else
		reply_null(c);
}

static void client_setinfo(struct client *c)
{
	if (is_word(c->argv[2], "lib-name")) {
		if (named(c, &c->library, 3, "lib-name"))
			reply_ok(c);
	} else if (is_word(c->argv[2], "lib-ver")) {
		if (named(c, &c->library_version, 3, "lib-ver"))
			reply_ok(c);
	} else {
		reply_error_about(c, "ERR Unrecognized option '", c->argv[2], "'");
	}
}

/* "id=3 name=x resp=2 db=0" -> characters, at most 120 of them the name's. */
static size_t described(const struct client *of, uint8_t *to)
{
	size_t n = 0, name = of->name ? of->name->bytes : 0;

	memcpy(to, "id=", 3);
	n = 3 + decimal_put(to + 3, of->id);
	memcpy(to + n, " name=", 6);
	n += 6;
	if (name > 120)
		name = 120;
	if (name)
		memcpy(to + n, of->name->data, name);
	n += name;
	memcpy(to + n, " db=0 resp=", 11);
	n += 11;
	to[n++] = (uint8_t)('0' + of->protocol);
	to[n++] = '\n';
	return n;
}
#define DESCRIBED_MOST 192

static void client_info(struct client *c)
{
	uint8_t text[DESCRIBED_MOST];

	reply_verbatim(c, (struct span){ text, described(c, text) });
}

static void client_list(struct client *c)
{
	uint8_t *text = app_allocate(server.client_count * DESCRIBED_MOST);
	size_t bytes = 0;

	if (!text) {
		reply_error(c, NO_MEMORY);
		return;
	}
	for (struct client *other = server.clients.next; other != &server.clients; other = other->next)
		bytes += described(other, text + bytes);
	reply_verbatim(c, (struct span){ text, bytes });
	app_release(text);
}

static void client_id(struct client *c)
{
	reply_integer(c, (int64_t)c->id);
}

static void client_setname(struct client *c)
{
	if (named(c, &c->name, 2, "Client names"))
		reply_ok(c);
}

static void reset(struct client *c)
{
	transaction_forget(c);
	string_drop(c->name);
	c->name = NULL;
	c->protocol = 2;
	reply_simple(c, "RESET");
}

const struct command connection_commands[] = {
	{ "ping", -1, FAST, 0, 0, 0, ping },
	{ "echo", 2, FAST, 0, 0, 0, echo },
	{ "quit", -1, FAST | AT_ONCE, 0, 0, 0, quit },
	{ "select", 2, FAST, 0, 0, 0, select_database },
	{ "hello", -1, FAST, 0, 0, 0, hello },
	{ "client", -2, CONTAINER, 0, 0, 0, NULL },
	{ "client|id", 2, SUBCOMMAND, 0, 0, 0, client_id },
	{ "client|getname", 2, SUBCOMMAND, 0, 0, 0, client_getname },
	{ "client|setname", 3, SUBCOMMAND, 0, 0, 0, client_setname },
	{ "client|setinfo", 4, SUBCOMMAND, 0, 0, 0, client_setinfo },
	{ "client|info", 2, SUBCOMMAND, 0, 0, 0, client_info },
	{ "client|list", 2, SUBCOMMAND, 0, 0, 0, client_list },
	{ "reset", 1, FAST | AT_ONCE, 0, 0, 0, reset },
	{ 0 },
};
