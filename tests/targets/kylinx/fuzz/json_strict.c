/* One JSON object, as RFC 8259 has it: a reader apart from the monitor's, to check what the monitor writes. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

bool json_strict(const char *, size_t);

struct text { const uint8_t *at, *end; };

static int next(struct text *t)
{
	return t->at < t->end ? *t->at : -1;
}

static bool is(struct text *t, int c)
{
	while (next(t) == ' ' || next(t) == '\n' || next(t) == '\t' || next(t) == '\r')
		t->at++;
	if (next(t) != c)
		return false;
	t->at++;
	return true;
}

static bool continued(struct text *t, unsigned n)
{
	for (; n; n--, t->at++)
		if ((next(t) & 0xc0) != 0x80 || next(t) < 0)
			return false;
	return true;
}

static bool escape(struct text *t)
{
	int c = next(t);

	t->at++;
	if (c != 'u')
		return c > 0 && strchr("\"\\/bfnrt", c);
	for (int i = 0; i < 4; i++, t->at++)
		if (next(t) <= 0 || !strchr("0123456789abcdefABCDEF", next(t)))
			return false;
	return true;
}

static bool string(struct text *t)
{
	for (int c; (c = next(t)) != '"';) {
		if (c < ' ')
			return false;
		t->at++;
		if (c == '\\' ? !escape(t) : c >= 0xf0 ? c > 0xf4 || !continued(t, 3) : c >= 0xe0 ? !continued(t, 2) :
			c >= 0x80 && (c < 0xc2 || !continued(t, 1)))
			return false;
	}
	t->at++;
	return true;
}

static bool digits(struct text *t)
{
	const uint8_t *from = t->at;

	while (next(t) >= '0' && next(t) <= '9')
		t->at++;
	return t->at > from;
}

static bool number(struct text *t)
{
	if (next(t) == '-')
		t->at++;
	if (next(t) == '0')
		t->at++;
	else if (!digits(t))
		return false;
	if (next(t) == '.') {
		t->at++;
		if (!digits(t))
			return false;
	}
	return next(t) != 'e' && next(t) != 'E'; /* nobody writes these */
}

static bool word(struct text *t, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(t->end - t->at) < n || memcmp(t->at, w, n))
		return false;
	t->at += n;
	return true;
}

static bool value(struct text *t);

static bool members(struct text *t, int close)
{
	if (is(t, close))
		return true;
	do {
		if (close == '}' && (!is(t, '"') || !string(t) || !is(t, ':')))
			return false;
		if (!value(t))
			return false;
	} while (is(t, ','));
	return is(t, close);
}

static bool value(struct text *t)
{
	if (is(t, '{'))
		return members(t, '}');
	if (is(t, '['))
		return members(t, ']');
	if (is(t, '"'))
		return string(t);
	return next(t) == 't' ? word(t, "true") : next(t) == 'f' ? word(t, "false") : next(t) == 'n' ? word(t, "null") : number(t);
}

bool json_strict(const char *text, size_t n)
{
	struct text t = { (const uint8_t *)text, (const uint8_t *)text + n };

	return is(&t, '{') && members(&t, '}') && t.at == t.end;
}
