/* Types, and their data from text to wire form. */
#include "dns.h"

/* What the data of a type consist of: 4, 6 addresses; N, n a name that may, must not be compressed; b, s, l numbers of 1, 2, 4
 * bytes; t a time; c a character string; C as many as there are; v text to the end without its length; h hexadecimal to the end. */
static const struct type {
	const char *name, *data;
	uint16_t number;
} types[] = {
	{ "a", "4", TYPE_A }, { "ns", "N", TYPE_NS }, { "cname", "N", TYPE_CNAME }, { "soa", "NNltttt", TYPE_SOA },
	{ "ptr", "N", TYPE_PTR }, { "hinfo", "cc", 13 }, { "mx", "sN", TYPE_MX }, { "txt", "C", 16 }, { "rp", "nn", 17 },
	{ "aaaa", "6", TYPE_AAAA }, { "srv", "sssn", TYPE_SRV }, { "naptr", "sscccn", 35 }, { "ds", "sbbh", TYPE_DS },
	{ "sshfp", "bbh", 44 }, { "tlsa", "bbbh", 52 }, { "smimea", "bbbh", 53 }, { "spf", "C", 99 }, { "uri", "ssv", 256 },
	{ "caa", "bcv", 257 },
};
#define TYPES (sizeof types / sizeof *types)

static const struct type *type_of(uint16_t number)
{
	for (size_t i = 0; i < TYPES; i++)
		if (types[i].number == number)
			return &types[i];
	return NULL;
}

uint16_t type_parse(struct span text)
{
	uint64_t number;

	for (size_t i = 0; i < TYPES; i++)
		if (is_word(text, types[i].name))
			return types[i].number;
	if (text.bytes > 4 && is_word((struct span){ text.at, 4 }, "type") && /* RFC 3597 section 5 */
	    decimal_get((struct span){ text.at + 4, text.bytes - 4 }, 65535, &number) && number != TYPE_OPT && (number < 128 || number > 255))
		return (uint16_t)number;
	return 0;
}

bool type_compresses(uint16_t number, size_t *name_at)
{
	*name_at = number == TYPE_MX ? 2 : number == TYPE_SRV ? 6 : 0;
	return number == TYPE_NS || number == TYPE_CNAME || number == TYPE_SOA || number == TYPE_PTR || number == TYPE_MX;
}

/* Seconds, or with units as in "1w2d3h4m5s". */
bool ttl_parse(struct span text, uint32_t *ttl)
{
	uint64_t total = 0, number = 0;
	bool digits = false;

	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t c = lower(text.at[i]);

		if (c >= '0' && c <= '9') {
			number = number * 10 + (c - '0');
			digits = true;
		} else {
			uint32_t unit = c == 's' ? 1 : c == 'm' ? 60 : c == 'h' ? 3600 : c == 'd' ? 86400 : c == 'w' ? 604800 : 0;

			if (!unit || !digits)
				return false;
			total += number * unit;
			number = 0;
			digits = false;
		}
		if (number > INT32_MAX || total > INT32_MAX) /* RFC 2181 section 8 */
			return false;
	}
	total += number;
	*ttl = (uint32_t)total;
	return text.bytes && total <= INT32_MAX && (digits || lower(text.at[text.bytes - 1]) >= 'a');
}

struct writer {
	uint8_t *at, *end;
};

static uint8_t *room(struct writer *w, size_t bytes)
{
	uint8_t *at = w->at;

	if ((size_t)(w->end - at) < bytes)
		return NULL;
	w->at += bytes;
	return at;
}

static bool put_number(struct writer *w, struct span text, unsigned bytes, bool is_time)
{
	uint8_t *to = room(w, bytes);
	uint64_t value;
	uint32_t time = 0;

	if (!to || (is_time ? !ttl_parse(text, &time) : !decimal_get(text, bytes == 4 ? UINT32_MAX : (1u << 8 * bytes) - 1, &value)))
		return false;
	if (is_time)
		value = time;
	for (unsigned i = bytes; i--; value >>= 8)
		to[i] = (uint8_t)value;
	return true;
}

/* Text without its escapes, at most that many bytes of it; with a length in front if it is a character string. */
static bool put_text(struct writer *w, struct span text, size_t most, bool with_length)
{
	uint8_t *length = with_length ? room(w, 1) : NULL, *from = w->at;

	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t *to = room(w, 1), c = text.at[i];
		uint64_t value;

		if (!to)
			return false;
		if (c == '\\' && i + 3 < text.bytes && decimal_get((struct span){ text.at + i + 1, 3 }, 255, &value)) {
			c = (uint8_t)value;
			i += 3;
		} else if (c == '\\' && i + 1 < text.bytes) {
			c = text.at[++i];
			if (c >= '0' && c <= '9')
				return false;
		}
		*to = c;
	}
	if (with_length && length)
		*length = (uint8_t)(w->at - from);
	return (size_t)(w->at - from) <= most && (!with_length || length);
}

static bool put_hex(struct writer *w, struct span text)
{
	if (text.bytes % 2)
		return false;
	for (size_t i = 0; i < text.bytes; i += 2) {
		int high = hex_digit(text.at[i]), low = hex_digit(text.at[i + 1]);
		uint8_t *to = room(w, 1);

		if (high < 0 || low < 0 || !to)
			return false;
		*to = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool put_field(struct writer *w, char kind, struct span text, const uint8_t *origin)
{
	uint8_t name[NAME_MOST], *to;
	size_t bytes;

	switch (kind) {
	case '4': return (to = room(w, 4)) && address_parse(text, false, to);
	case '6': return (to = room(w, 16)) && address_parse(text, true, to);
	case 'b': return put_number(w, text, 1, false);
	case 's': return put_number(w, text, 2, false);
	case 'l': return put_number(w, text, 4, false);
	case 't': return put_number(w, text, 4, true);
	case 'c': case 'C': return put_text(w, text, 255, true);
	case 'v': return put_text(w, text, RDATA_MOST, false);
	case 'h': return put_hex(w, text);
	default: /* N, n */
		bytes = name_parse(text, origin, name);
		to = bytes ? room(w, bytes) : NULL;
		if (to)
			memcpy(to, name, bytes);
		return to;
	}
}

/* "\# LENGTH HEX" (RFC 3597 section 5), after the first word. */
static const char *generic(struct lexer *lexer, struct writer *w)
{
	const uint8_t *start = w->at;
	uint64_t length;
	enum token token;

	if (lexer_next(lexer) != WORD || !decimal_get(lexer->text, RDATA_MOST, &length))
		return "no length after \\#";
	while ((token = lexer_next(lexer)) == WORD)
		if (!put_hex(w, lexer->text))
			return "data that are not hexadecimal";
	lexer->again = true;
	if (token != LINE_END && token != FILE_END)
		return "data that are not hexadecimal";
	return (uint64_t)(w->at - start) == length ? NULL : "data of another length than said";
}

const char *rdata_parse(struct lexer *lexer, uint16_t number, const uint8_t *origin, uint8_t to[RDATA_MOST], size_t *bytes)
{
	struct writer w = { to, to + RDATA_MOST };
	const struct type *type = type_of(number);
	const char *field = type ? type->data : "", *wrong = NULL;
	enum token token = lexer_next(lexer);
	bool any = false;

	if (token == WORD && same_bytes(lexer->text, TEXT("\\#"))) {
		if (type) /* would have to be checked against the type's own form */
			return "\\# with a type that is known";
		wrong = generic(lexer, &w);
	} else {
		for (; token == WORD || token == QUOTED; token = lexer_next(lexer)) {
			if (!*field || !put_field(&w, *field, lexer->text, origin))
				return *field ? "data that do not fit the type" : "more data than the type has";
			any = true;
			if (*field != 'C' && *field != 'h')
				field++;
		}
		lexer->again = true;
		if (token == TOKEN_BAD)
			wrong = lexer->wrong;
		else if (!any || (*field && *field != 'C' && *field != 'h'))
			wrong = "data are missing";
	}
	*bytes = (size_t)(w.at - to);
	return wrong;
}
