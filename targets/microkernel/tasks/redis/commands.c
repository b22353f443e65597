/* Which commands there are, and how one is executed. */
#include "redis.h"

#define NAME_MOST 32
#define SLOTS 512 /* a power of two, more than twice the commands */

extern const struct command string_commands[], substring_commands[], counter_commands[], key_commands[],
	expiry_commands[], scan_commands[], list_commands[], list_element_commands[], hash_commands[], set_commands[],
	set_algebra_commands[], zset_commands[], zset_range_commands[], transaction_commands[], server_commands[],
	config_commands[], connection_commands[];

const struct command *const command_groups[] = {
	string_commands, substring_commands, counter_commands, key_commands, expiry_commands, scan_commands,
	list_commands, list_element_commands, hash_commands, set_commands, set_algebra_commands, zset_commands,
	zset_range_commands, transaction_commands, server_commands, config_commands,
	connection_commands, NULL,
};

static const struct command *slots[SLOTS];

static uint32_t slot_of(struct span name)
{
	uint32_t h = (uint32_t)name.bytes;

	if (h) /* three characters tell most of them apart */
		h = h * 7 + (name.at[0] | 0x20u) * 31 + (name.at[h / 2] | 0x20u) * 131 + (name.at[h - 1] | 0x20u) * 17;
	return (h ^ h >> 9) % SLOTS;
}

void commands_begin(void)
{
	memset(slots, 0, sizeof slots);
	for (const struct command *const *group = command_groups; *group; group++)
		for (const struct command *command = *group; command->name; command++) {
			uint32_t slot = slot_of(span_of(command->name));

			while (slots[slot])
				slot = (slot + 1) % SLOTS;
			slots[slot] = command;
		}
}

static const struct command *find(struct span name)
{
	uint32_t slot;

	for (slot = slot_of(name); slots[slot]; slot = (slot + 1) % SLOTS)
		if (is_word(name, slots[slot]->name))
			return slots[slot];
	return NULL;
}

const struct command *command_find(struct span name)
{
	const struct command *command = name.bytes <= NAME_MOST ? find(name) : NULL;

	return command && !(command->flags & SUBCOMMAND) ? command : NULL;
}

static const struct command *subcommand_find(const struct command *container, struct span name)
{
	uint8_t whole[2 * NAME_MOST + 1];
	size_t n = strlen(container->name);

	if (name.bytes > NAME_MOST)
		return NULL;
	memcpy(whole, container->name, n);
	whole[n++] = '|';
	memcpy(whole + n, name.at, name.bytes);
	return find((struct span){ whole, n + name.bytes });
}

void wrong_arity(struct client *c)
{
	reply_error_about(c, "ERR wrong number of arguments for '", span_of(c->command->name), "' command");
}

/* What printf's "%.*s" would print of it, as Redis does. */
static size_t head_of(struct span text, size_t most)
{
	text = until_nul(text);
	return text.bytes < most ? text.bytes : most;
}

/* As Redis: the first 128 bytes of the name and of the arguments. */
static void unknown(struct client *c)
{
	uint8_t text[512];
	size_t n, arguments = 0;

	n = head_of(c->argv[0], 128);
	memcpy(text, c->argv[0].at, n);
	memcpy(text + n, "', with args beginning with: ", 29);
	n += 29;
	for (uint32_t i = 1; i < c->argc && arguments < 128; i++) {
		size_t bytes = head_of(c->argv[i], 128 - arguments);

		text[n] = '\'';
		memcpy(text + n + 1, c->argv[i].at, bytes);
		memcpy(text + n + 1 + bytes, "' ", 2);
		n += bytes + 3;
		arguments += bytes + 3;
	}
	reply_error_about(c, "ERR unknown command '", (struct span){ text, n }, "");
}

static void unknown_subcommand(struct client *c, const char *command)
{
	uint8_t text[192];
	size_t n = head_of(c->argv[1], 128);

	memcpy(text, c->argv[1].at, n);
	memcpy(text + n, "'. Try ", 7);
	for (n += 7; *command; command++)
		text[n++] = (uint8_t)(*command & ~0x20);
	reply_error_about(c, "ERR unknown subcommand '", (struct span){ text, n }, " HELP.");
}

/* What the arguments name, with as many of them as it takes; NULL: answered. */
static const struct command *resolved(struct client *c)
{
	const struct command *command = command_find(c->argv[0]);

	if (!command) {
		unknown(c);
		return NULL;
	}
	if (command->flags & CONTAINER && c->argc > 1) {
		const struct command *subcommand = subcommand_find(command, c->argv[1]);

		if (!subcommand) {
			unknown_subcommand(c, command->name);
			return NULL;
		}
		command = subcommand;
	}
	c->command = command;
	if (command->arity > 0 ? c->argc == (uint32_t)command->arity : c->argc >= (uint32_t)-command->arity)
		return command;
	if (command->run == exec)
		exec_refused(c);
	else
		wrong_arity(c);
	return NULL;
}

void command_execute(struct client *c)
{
	const struct command *command;

	server.commands_ever++;
	command = resolved(c);
	if (!command)
		c->spoiled = c->multi; /* EXEC will refuse */
	else if (!transaction_takes(c))
		command->run(c);
}

bool argument_integer(struct client *c, uint32_t index, int64_t *number)
{
	if (integer_get(c->argv[index], number))
		return true;
	reply_error(c, NOT_AN_INTEGER);
	return false;
}
