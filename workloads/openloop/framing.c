/* RESP 2 (redis.io/docs/reference/protocol-spec), HTTP/1.1 (RFC 9112) and DNS (RFC 1035) response framing. */
#include "framing.h"

#include <string.h>
#include <strings.h>

enum state {
	START,
	/* RESP */
	TEXT,
	TEXT_LF,
	NUMBER,
	NUMBER_LF,
	BULK,
	BULK_CR,
	BULK_LF,
	/* HTTP */
	HEADER,
	BODY,
	CHUNK_SIZE,
	CHUNK,
	CHUNK_END,
	TRAILER,
};

void framer_reset(struct framer *f)
{
	f->state = START;
	f->depth = 0;
	f->refused = false;
	f->status = 0;
	f->interim = 0;
	f->line = 0;
	f->skip = 0;
	f->has_length = f->chunked = f->closing = f->cut = false;
	f->text_length = 0;
}

/* A RESP value ended: is the whole reply over? */
static bool resp_over(struct framer *f)
{
	while (f->depth > 0) {
		if (--f->remaining[f->depth - 1] > 0) {
			f->state = START;
			return false;
		}
		f->depth--;
	}
	return true;
}

static enum frame resp_type(struct framer *f, uint8_t type)
{
	f->type = type;
	f->number = 0;
	f->digits = 0;
	f->negative = false;
	f->line = 0;
	switch (type) {
	case '-':
		f->refused = true;
		/* fall through */
	case '+':
		f->state = TEXT;
		return FRAME_MORE;
	case ':':
	case '$':
	case '*':
		f->state = NUMBER;
		return FRAME_MORE;
	default:
		return FRAME_MALFORMED;
	}
}

static enum frame resp_digit(struct framer *f, uint8_t byte)
{
	if (byte >= '0' && byte <= '9') {
		if (++f->digits > 19)
			return FRAME_MALFORMED;
		f->number = f->number * 10 + (uint64_t)(byte - '0');
	} else if (byte == '-' && !f->negative && f->digits == 0) {
		f->negative = true;
	} else if (byte == '\r' && f->digits > 0) {
		f->state = NUMBER_LF;
	} else {
		return FRAME_MALFORMED;
	}
	return FRAME_MORE;
}

/* The number of an integer, a bulk string or an array is known. FRAME_OK: the value is complete. */
static enum frame resp_number(struct framer *f)
{
	if (f->type == ':')
		return FRAME_OK;
	if (f->negative)
		return f->number == 1 ? FRAME_OK : FRAME_MALFORMED; /* $-1 and *-1 are null */
	if (f->type == '$') {
		if (f->number > FRAME_MAX_BULK)
			return FRAME_MALFORMED;
		f->skip = f->number;
		f->state = BULK;
		return FRAME_MORE;
	}
	if (f->number == 0)
		return FRAME_OK;
	if (f->number > FRAME_MAX_ELEMENTS || f->depth == FRAME_MAX_DEPTH)
		return FRAME_MALFORMED;
	f->remaining[f->depth++] = (uint32_t)f->number;
	f->state = START;
	return FRAME_MORE;
}

static const uint8_t *skip_some(struct framer *f, const uint8_t *p, const uint8_t *end)
{
	uint64_t n = (uint64_t)(end - p);

	if (n > f->skip)
		n = f->skip;
	f->skip -= n;
	return p + n;
}

/* Text of a simple string or an error, up to its CR. */
static enum frame resp_text(struct framer *f, const uint8_t **p, const uint8_t *end)
{
	const uint8_t *cr = memchr(*p, '\r', (size_t)(end - *p));
	size_t n = (size_t)((cr ? cr : end) - *p);

	if (n > FRAME_MAX_LINE - f->line)
		return FRAME_MALFORMED;
	f->line += (uint32_t)n;
	*p = cr ? cr + 1 : end;
	if (cr)
		f->state = TEXT_LF;
	return FRAME_MORE;
}

/* One step of the machine. FRAME_OK: a value (not yet the reply) is complete. */
static enum frame resp_step(struct framer *f, const uint8_t **p, const uint8_t *end)
{
	switch (f->state) {
	case START:
		return resp_type(f, *(*p)++);
	case TEXT:
		return resp_text(f, p, end);
	case NUMBER:
		return resp_digit(f, *(*p)++);
	case NUMBER_LF:
		return *(*p)++ == '\n' ? resp_number(f) : FRAME_MALFORMED;
	case BULK:
		*p = skip_some(f, *p, end);
		if (f->skip == 0)
			f->state = BULK_CR;
		return FRAME_MORE;
	case BULK_CR:
		f->state = BULK_LF;
		return *(*p)++ == '\r' ? FRAME_MORE : FRAME_MALFORMED;
	case BULK_LF:
	case TEXT_LF:
		return *(*p)++ == '\n' ? FRAME_OK : FRAME_MALFORMED;
	default:
		return FRAME_MALFORMED;
	}
}

enum frame frame_resp(struct framer *f, const uint8_t *data, size_t length, size_t *used)
{
	const uint8_t *p = data, *end = data + length;
	enum frame result = FRAME_MORE;

	while (p < end) {
		result = resp_step(f, &p, end);
		if (result == FRAME_OK) {
			if (!resp_over(f)) {
				result = FRAME_MORE;
				continue;
			}
			if (f->refused)
				result = FRAME_REFUSED;
		}
		if (result != FRAME_MORE) {
			framer_reset(f);
			break;
		}
	}
	*used = (size_t)(p - data);
	return result;
}

struct line {
	const char *text;
	size_t length; /* without the line end */
	bool cut;      /* longer than what was kept */
};

static void keep(struct framer *f, const uint8_t *p, size_t n)
{
	size_t room = FRAME_TEXT - f->text_length;

	if (n > room) {
		n = room;
		f->cut = true;
	}
	memcpy(f->text + f->text_length, p, n);
	f->text_length = (uint8_t)(f->text_length + n);
}

/* FRAME_OK: a whole line is in *line, where it lies or, if it was split between reads, from what was kept. */
static enum frame take_line(struct framer *f, const uint8_t **p, const uint8_t *end, struct line *line)
{
	const uint8_t *start = *p, *lf = memchr(start, '\n', (size_t)(end - start));
	size_t n = (size_t)((lf ? lf + 1 : end) - start);

	if (n > FRAME_MAX_LINE - f->line)
		return FRAME_MALFORMED;
	f->line += (uint32_t)n;
	*p = start + n;
	if (!lf) {
		keep(f, start, n);
		return FRAME_MORE;
	}
	if (f->text_length == 0 && !f->cut) {
		/* the same limit as for split lines, so that a response means the same however it is split */
		line->text = (const char *)start;
		line->cut = n > FRAME_TEXT;
		line->length = line->cut ? FRAME_TEXT : n;
	} else {
		keep(f, start, n);
		line->text = f->text;
		line->cut = f->cut;
		line->length = f->text_length;
		f->text_length = 0;
		f->cut = false;
	}
	if (!line->cut)
		line->length--;
	if (!line->cut && line->length > 0 && line->text[line->length - 1] == '\r')
		line->length--;
	return FRAME_OK;
}

static enum frame http_status(struct framer *f, const struct line *line)
{
	const char *t = line->text;

	if (line->length < 12 || memcmp(t, "HTTP/1.", 7) != 0 || (t[7] != '0' && t[7] != '1') || t[8] != ' ')
		return FRAME_MALFORMED;
	if (line->length > 12 && t[12] != ' ')
		return FRAME_MALFORMED;
	f->status = 0;
	for (int i = 9; i < 12; i++) {
		if (t[i] < '0' || t[i] > '9')
			return FRAME_MALFORMED;
		f->status = (uint16_t)(f->status * 10 + (t[i] - '0'));
	}
	if (f->status < 100 || f->status == 101)
		return FRAME_MALFORMED; /* we never ask to switch protocols */
	f->closing = t[7] == '0';	/* HTTP/1.0 closes unless it says otherwise */
	f->has_length = f->chunked = false;
	f->skip = 0;
	f->state = HEADER;
	return FRAME_MORE;
}

/* The value of header `name`, if `line` is that header: its text and *length. */
static const char *header_value(const struct line *line, const char *name, size_t *length)
{
	size_t n = strlen(name), end = line->length;

	if (end <= n || line->text[n] != ':' || strncasecmp(line->text, name, n) != 0)
		return NULL;
	n++;
	while (n < end && (line->text[n] == ' ' || line->text[n] == '\t'))
		n++;
	while (end > n && (line->text[end - 1] == ' ' || line->text[end - 1] == '\t'))
		end--;
	*length = end - n;
	return line->text + n;
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

static enum frame http_length(struct framer *f, const char *text, size_t length)
{
	uint64_t n = 0;

	if (length == 0 || length > 13)
		return FRAME_MALFORMED;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return FRAME_MALFORMED;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	if (n > FRAME_MAX_BODY || (f->has_length && f->skip != n))
		return FRAME_MALFORMED;
	f->has_length = true;
	f->skip = n;
	return FRAME_MORE;
}

static enum frame http_header(struct framer *f, const struct line *line)
{
	size_t n;
	const char *value;

	switch (line->text[0]) {
	case 'C':
	case 'c':
		value = header_value(line, "content-length", &n);
		if (value)
			return line->cut ? FRAME_MALFORMED : http_length(f, value, n);
		value = header_value(line, "connection", &n);
		if (value && is_word(value, n, "close"))
			f->closing = true;
		else if (value && is_word(value, n, "keep-alive"))
			f->closing = false;
		return FRAME_MORE;
	case 'T':
	case 't':
		value = header_value(line, "transfer-encoding", &n);
		if (value && (line->cut || !is_word(value, n, "chunked")))
			return FRAME_MALFORMED;
		if (value)
			f->chunked = true;
		return FRAME_MORE;
	default:
		return FRAME_MORE;
	}
}

/* The blank line after the headers. FRAME_OK: there is no body. */
static enum frame http_head_over(struct framer *f)
{
	if (f->status < 200) {
		if (++f->interim > FRAME_MAX_INTERIM)
			return FRAME_MALFORMED;
		f->state = START;
		return FRAME_MORE;
	}
	if (f->chunked && f->has_length)
		return FRAME_MALFORMED; /* RFC 9112 6.3: an attempt at request smuggling */
	if (f->status == 204 || f->status == 304)
		return FRAME_OK;
	f->line = 0;
	if (f->chunked) {
		f->state = CHUNK_SIZE;
		return FRAME_MORE;
	}
	if (!f->has_length)
		return FRAME_MALFORMED; /* ends when the server closes: cannot be kept alive */
	f->state = BODY;
	return f->skip == 0 ? FRAME_OK : FRAME_MORE;
}

static enum frame http_chunk_size(struct framer *f, const struct line *line)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < line->length; i++) {
		int c = line->text[i] | 0x20;

		if (c >= '0' && c <= '9')
			n = n * 16 + (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	if (i == 0 || i > 10 || n > FRAME_MAX_BODY)
		return FRAME_MALFORMED;
	if (i < line->length && line->text[i] != ';' && line->text[i] != ' ' && line->text[i] != '\t')
		return FRAME_MALFORMED;
	f->skip = n;
	f->line = 0;
	f->state = n ? CHUNK : TRAILER;
	return FRAME_MORE;
}

static enum frame http_line(struct framer *f, const struct line *line)
{
	bool blank = line->length == 0;

	switch (f->state) {
	case START:
		return http_status(f, line);
	case HEADER:
		return blank ? http_head_over(f) : http_header(f, line);
	case CHUNK_SIZE:
		return http_chunk_size(f, line);
	case CHUNK_END:
		f->line = 0;
		f->state = CHUNK_SIZE;
		return blank ? FRAME_MORE : FRAME_MALFORMED;
	case TRAILER:
		return blank ? FRAME_OK : FRAME_MORE;
	default:
		return FRAME_MALFORMED;
	}
}

enum frame frame_http(struct framer *f, const uint8_t *data, size_t length, size_t *used)
{
	const uint8_t *p = data, *end = data + length;
	enum frame result = FRAME_MORE;
	struct line line;

	if (f->state == START && f->line == 0)
		f->closing = false;
	while (p < end && result == FRAME_MORE) {
		if (f->state == BODY || f->state == CHUNK) {
			p = skip_some(f, p, end);
			if (f->skip == 0 && f->state == BODY)
				result = FRAME_OK;
			else if (f->skip == 0)
				f->state = CHUNK_END;
		} else {
			result = take_line(f, &p, end, &line);
			if (result == FRAME_OK)
				result = http_line(f, &line);
		}
	}
	if (result != FRAME_MORE) {
		bool closing = f->closing;

		if (result == FRAME_OK && f->status != 200)
			result = FRAME_REFUSED;
		framer_reset(f);
		f->closing = closing;
	}
	*used = (size_t)(p - data);
	return result;
}

enum frame frame_dns(const uint8_t *data, size_t length, uint16_t *id)
{
	if (length < 12)
		return FRAME_MALFORMED;
	*id = (uint16_t)(data[0] << 8 | data[1]);
	if (!(data[2] & 0x80))
		return FRAME_MALFORMED; /* QR: not a response */
	if ((data[3] & 0x0f) || (data[2] & 0x02))
		return FRAME_REFUSED; /* RCODE other than NOERROR, or TC: truncated */
	return FRAME_OK;
}
