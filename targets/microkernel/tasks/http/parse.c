/* The head of a request (RFC 9112 sections 2 to 5), strictly: what two parsers might read in two ways is refused. */
#include "http.h"

struct cursor {
	const uint8_t *at, *end;
};

/* RFC 9110 section 5.6.2: letters, digits and !#$%&'*+-.^_`|~ */
const uint32_t token_bits[8] = { 0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff };

static struct span token(struct cursor *k)
{
	const uint8_t *from = k->at, *at = from;

	while (at < k->end && is_token(*at))
		at++;
	k->at = at;
	return (struct span){ from, (size_t)(at - from) };
}

static bool takes(struct cursor *k, char c)
{
	if (k->at == k->end || *k->at != (uint8_t)c)
		return false;
	k->at++;
	return true;
}

static bool takes_line_end(struct cursor *k)
{
	return takes(k, '\r') && takes(k, '\n');
}

static enum method method_of(struct span name)
{
	static const char *const others[] = { "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH" };

	if (same_bytes(name, TEXT("GET")))
		return GET;
	if (same_bytes(name, TEXT("HEAD")))
		return HEAD;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (same_bytes(name, span_of(others[i])))
			return OTHER_METHOD;
	return UNKNOWN_METHOD;
}

/* The absolute form (RFC 9112 section 3.2.2): the path is after "http://" and the authority. */
static bool strip_authority(struct span *target)
{
	size_t i = 7;

	if (target->bytes < 8 || !is_word((struct span){ target->at, 7 }, "http://"))
		return false;
	while (i < target->bytes && target->at[i] != '/' && target->at[i] != '?')
		i++;
	*target = i < target->bytes && target->at[i] == '/' ? (struct span){ target->at + i, target->bytes - i } : TEXT("/");
	return true;
}

static unsigned target_parse(struct request *r, struct span target)
{
	if (!target.bytes)
		return 400;
	if (r->method == OTHER_METHOD || r->method == UNKNOWN_METHOD) /* "*", a host: it will be refused anyway */
		return 0;
	if (target.at[0] != '/' && !strip_authority(&target))
		return 400;
	r->path.at = target.at;
	for (r->path.bytes = 0; r->path.bytes < target.bytes && target.at[r->path.bytes] != '?'; r->path.bytes++)
		if (target.at[r->path.bytes] == '#')
			return 400;
	return 0;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static unsigned version_parse(struct cursor *k, struct request *r)
{
	if (k->end - k->at < 10 || !equal(k->at, (const uint8_t *)"HTTP/", 5) || !is_digit(k->at[5]) || k->at[6] != '.' || !is_digit(k->at[7]))
		return 400;
	if (k->at[5] != '1')
		return 505;
	r->minor = k->at[7] != '0';
	k->at += 8;
	return takes_line_end(k) ? 0 : 400;
}

static unsigned line_parse(struct cursor *k, struct request *r)
{
	struct span method = token(k), target;
	unsigned refused;

	if (!method.bytes || !takes(k, ' '))
		return 400;
	r->method = method_of(method);
	target.at = k->at;
	while (k->at < k->end && *k->at > ' ' && *k->at < 0x7f)
		k->at++;
	target.bytes = (size_t)(k->at - target.at);
	if (target.bytes > TARGET_MOST)
		return 414;
	if ((refused = target_parse(r, target)))
		return refused;
	return takes(k, ' ') ? version_parse(k, r) : 400;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* A line of a field. No blank before the colon, no line that goes on in the next one (RFC 9112 section 5). */
static unsigned field_parse(struct cursor *k, struct request *r)
{
	struct span name = token(k), value;
	const uint8_t *at, *end;

	if (!name.bytes || !takes(k, ':'))
		return 400;
	at = k->at;
	while (at < k->end && is_blank(*at))
		at++;
	value.at = at;
	while (at < k->end && (*at >= ' ' ? *at != 0x7f : *at == '\t'))
		at++;
	k->at = end = at;
	while (end > value.at && is_blank(end[-1]))
		end--;
	value.bytes = (size_t)(end - value.at);
	if (!takes_line_end(k))
		return 400;
	request_field(r, name, value);
	return 0;
}

unsigned request_parse(struct span head, struct request *r)
{
	struct cursor k = { head.at, head.at + head.bytes };
	unsigned refused, fields = 0;

	*r = (struct request){ 0 };
	if ((refused = line_parse(&k, r)))
		return refused;
	while (k.at < k.end && *k.at != '\r') {
		if (++fields > FIELDS_MOST)
			return 431;
		if ((refused = field_parse(&k, r)))
			return refused;
	}
	if (!takes_line_end(&k) || k.at != k.end)
		return 400;
	return request_framing(r);
}
