/* JSON: writing what the monitor says, checking what a guest says before it is passed on. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "json.h"

void json_begin(struct json *j, char *text, size_t room)
{
	*j = (struct json){ .text = text, .room = room };
	if (room)
		text[0] = 0;
}

void json_add(struct json *j, const char *format, ...)
{
	va_list list;

	if (j->full)
		return;
	va_start(list, format);
	int n = vsnprintf(j->text + j->length, j->room - j->length, format, list);
	va_end(list);
	if (n < 0 || (size_t)n >= j->room - j->length)
		j->full = true;
	else
		j->length += (size_t)n;
}

/* Length of a well-formed UTF-8 character of more than one byte at p, or 0. */
static size_t utf8(const unsigned char *p, size_t left)
{
	size_t n = p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;

	if (!n || p[0] >= 0xf5 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

void json_string(struct json *j, const char *text, size_t length)
{
	const unsigned char *p = (const unsigned char *)text;

	json_add(j, "\"");
	for (size_t i = 0; i < length && !j->full; i++) {
		size_t n = p[i] < 0x80 ? 1 : utf8(p + i, length - i);

		if (!n)
			json_add(j, "\\ufffd");
		else if (p[i] < ' ' || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f)
			json_add(j, "\\u%04x", p[i]);
		else
			json_add(j, "%.*s", (int)n, (const char *)p + i);
		i += n ? n - 1 : 0;
	}
	json_add(j, "\"");
}

struct reader { const char *at, *end; int depth; };

static void space(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

static bool take(struct reader *r, char c)
{
	space(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool string(struct reader *r)
{
	if (!take(r, '"'))
		return false;
	while (r->at < r->end && *r->at != '"') {
		size_t n = (unsigned char)*r->at < 0x80 ? 1 : utf8((const unsigned char *)r->at, (size_t)(r->end - r->at));

		if (!n || (unsigned char)*r->at < ' ')
			return false;
		if (*r->at == '\\') {
			if (++r->at == r->end || !*r->at || !strchr("\"\\/bfnrt", *r->at)) /* \u is more than the LibOS writes */
				return false;
		}
		r->at += n;
	}
	return take(r, '"');
}

static bool number(struct reader *r)
{
	const char *digits;

	if (r->at < r->end && *r->at == '-')
		r->at++;
	digits = r->at;
	while (r->at < r->end && isdigit((unsigned char)*r->at))
		r->at++;
	if (r->at == digits || (*digits == '0' && r->at - digits > 1))
		return false;
	if (r->at < r->end && *r->at == '.') {
		digits = ++r->at;
		while (r->at < r->end && isdigit((unsigned char)*r->at))
			r->at++;
		return r->at > digits;
	}
	return true;
}

static bool word(struct reader *r, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, w, n))
		return false;
	r->at += n;
	return true;
}

static bool value(struct reader *r);

static bool members(struct reader *r, bool object, char close)
{
	if (++r->depth > 16)
		return false;
	if (!take(r, close)) {
		do {
			space(r);
			if (object && (!string(r) || !take(r, ':')))
				return false;
			if (!value(r))
				return false;
		} while (take(r, ','));
		if (!take(r, close))
			return false;
	}
	r->depth--;
	return true;
}

static bool value(struct reader *r)
{
	space(r);
	if (r->at == r->end)
		return false;
	switch (*r->at) {
	case '{':
		r->at++;
		return members(r, true, '}');
	case '[':
		r->at++;
		return members(r, false, ']');
	case '"':
		return string(r);
	case 't':
		return word(r, "true");
	case 'f':
		return word(r, "false");
	case 'n':
		return word(r, "null");
	default:
		return number(r);
	}
}

bool json_valid(const char *text, size_t length)
{
	struct reader r = { text, text + length, 0 };

	space(&r);
	if (r.at == r.end || *r.at != '{' || !value(&r))
		return false;
	space(&r);
	return r.at == r.end;
}
