/* A zone from its master file: directives, and lines of "owner ttl class type data". */
#include "dns.h"

struct loading {
	struct lexer lexer;
	uint8_t origin[NAME_MOST], owner[NAME_MOST];
	bool has_owner, has_default_ttl, has_last_ttl;
	uint32_t default_ttl, last_ttl;
	uint8_t data[RDATA_MOST];
};

static char message[160];

/* "zone FILE, line N: what". */
static const char *told(uint32_t line, const char *what)
{
	size_t n = 0, words = strlen(what);

	memcpy(message, "the zone file, line ", 20);
	n = 20 + decimal_put((uint8_t *)message + 20, line);
	memcpy(message + n, ": ", 2);
	n += 2;
	if (words > sizeof message - n - 1)
		words = sizeof message - n - 1;
	memcpy(message + n, what, words);
	message[n + words] = 0;
	return message;
}

static const char *directive(struct loading *l)
{
	bool origin = is_word(l->lexer.text, "$origin");
	uint8_t name[NAME_MOST];
	size_t bytes;

	if (!origin && !is_word(l->lexer.text, "$ttl"))
		return "a directive that is not supported";
	if (lexer_next(&l->lexer) != WORD)
		return "a directive without its argument";
	if (!origin) {
		l->has_default_ttl = ttl_parse(l->lexer.text, &l->default_ttl);
		return l->has_default_ttl ? NULL : "a time that is none";
	}
	if (!(bytes = name_parse(l->lexer.text, l->origin, name)))
		return "a name that is none";
	memcpy(l->origin, name, bytes);
	return NULL;
}

/* TTL and class, in any order or not at all, then the type. Its token is the current one. */
static const char *header(struct loading *l, uint16_t *type, uint32_t *ttl, bool *has_ttl)
{
	bool has_class = false;

	for (*has_ttl = false; ; lexer_next(&l->lexer)) {
		struct span text = l->lexer.text;

		if (l->lexer.last != WORD)
			return l->lexer.last == TOKEN_BAD ? l->lexer.wrong : "no type";
		if (!*has_ttl && text.at[0] >= '0' && text.at[0] <= '9' && ttl_parse(text, ttl))
			*has_ttl = true;
		else if (!has_class && is_word(text, "in"))
			has_class = true;
		else if ((*type = type_parse(text)))
			return NULL;
		else
			return is_word(text, "ch") || is_word(text, "hs") ? "a class that is not IN" : "a type that is not known";
	}
}

static const char *record(struct loading *l)
{
	const char *wrong;
	uint16_t type = 0;
	uint32_t ttl = 0;
	bool has_ttl;
	size_t bytes;

	if ((wrong = header(l, &type, &ttl, &has_ttl)))
		return wrong;
	if (!has_ttl && l->has_default_ttl)
		ttl = l->default_ttl;
	else if (!has_ttl && l->has_last_ttl) /* RFC 1035: the one before */
		ttl = l->last_ttl;
	else if (!has_ttl && type != TYPE_SOA)
		return "no time to live";
	if ((wrong = rdata_parse(&l->lexer, type, l->origin, l->data, &bytes)))
		return wrong;
	if (type == TYPE_SOA && !has_ttl && !l->has_default_ttl)
		ttl = get32(l->data + bytes - 4);
	l->last_ttl = ttl;
	l->has_last_ttl = true;
	return zone_add(l->owner, type, ttl, (struct span){ l->data, bytes });
}

/* A line that is not empty; its first token is the current one. */
static const char *line(struct loading *l, bool blank_first)
{
	struct lexer *x = &l->lexer;
	size_t bytes;

	if (x->last != WORD)
		return x->last == TOKEN_BAD ? x->wrong : "a line that begins with a quoted string";
	if (!blank_first && x->text.at[0] == '$')
		return directive(l);
	if (!blank_first) {
		uint8_t name[NAME_MOST];

		if (!(bytes = name_parse(x->text, l->origin, name)))
			return "a name that is none";
		memcpy(l->owner, name, bytes);
		l->has_owner = true;
		lexer_next(x);
	}
	return l->has_owner ? record(l) : "no owner";
}

static const char *load(struct loading *l)
{
	for (;;) {
		const char *wrong;
		uint32_t at;

		lexer_next(&l->lexer);
		at = l->lexer.line;
		if (l->lexer.last == FILE_END)
			break;
		if (l->lexer.last == LINE_END)
			continue;
		if ((wrong = line(l, l->lexer.blank_first)))
			return told(at, wrong);
		at = l->lexer.line;
		lexer_next(&l->lexer);
		if (l->lexer.last == FILE_END)
			break;
		if (l->lexer.last != LINE_END)
			return told(at, l->lexer.last == TOKEN_BAD ? l->lexer.wrong : "more on the line than there should be");
	}
	return zone_finish();
}

/* What the names in the file are relative to, until it says otherwise: its own name, without ".zone". */
static void first_origin(struct loading *l, const char *path)
{
	struct span name = span_of(path);
	static const uint8_t root[1];

	for (size_t i = name.bytes; i; i--)
		if (path[i - 1] == '/') {
			name = (struct span){ name.at + i, name.bytes - i };
			break;
		}
	if (name.bytes > 5 && is_word((struct span){ name.at + name.bytes - 5, 5 }, ".zone"))
		name.bytes -= 5;
	if (!name_parse(name, root, l->origin))
		l->origin[0] = 0;
}

const char *zone_load(const char *path)
{
	struct loading *l = app_allocate(sizeof *l);
	const char *wrong;

	if (!l)
		return "no memory";
	memset(l, 0, sizeof *l);
	first_origin(l, path);
	if (lexer_open(&l->lexer, path)) {
		wrong = load(l);
		app_file_close(&l->lexer.file);
	} else {
		wrong = "the zone file cannot be read";
	}
	app_release(l);
	if (wrong)
		zone_clear();
	return wrong;
}
