/* A request's body: read, to find where the next request begins, and dropped. Chunks as in RFC 9112 section 7.1. */
#include "http.h"

void body_begin(struct body *b, const struct request *r)
{
	*b = (struct body){ 0 };
	if (r->chunked) {
		b->state = BODY_SIZE;
	} else if (r->length) {
		b->state = BODY_LENGTH;
		b->left = (uint32_t)r->length;
	}
}

/* A byte of "size;extensions". */
static bool size_byte(struct body *b, uint8_t c)
{
	int digit = hex_digit(c);

	if (++b->line > CHUNK_LINE_MOST)
		return false;
	if (c == '\r' && b->digits) {
		b->state = BODY_SIZE_LF;
		return true;
	}
	if (b->extension)
		return (c >= ' ' && c != 0x7f) || c == '\t';
	if (c == ';' && b->digits) {
		b->extension = true;
		return true;
	}
	if (digit < 0 || b->left > BODY_MOST)
		return false;
	b->left = b->left << 4 | (uint32_t)digit;
	b->digits = true;
	return true;
}

static bool size_over(struct body *b)
{
	b->total += b->left;
	if (b->left > BODY_MOST || b->total > BODY_MOST)
		return false;
	b->state = b->left ? BODY_CHUNK : BODY_TRAILER;
	b->line = 0;
	b->digits = b->extension = b->line_begun = false;
	return true;
}

static bool trailer_byte(struct body *b, uint8_t c)
{
	if (++b->line > HEAD_MOST)
		return false;
	if (c == '\r') {
		b->state = BODY_TRAILER_LF;
		return true;
	}
	if (!b->line_begun && !is_token(c))
		return false;
	b->line_begun = true;
	return (c >= ' ' && c != 0x7f) || c == '\t';
}

/* A byte of anything but a chunk's content. */
static bool framing_byte(struct body *b, uint8_t c)
{
	switch (b->state) {
	case BODY_SIZE:
		return size_byte(b, c);
	case BODY_SIZE_LF:
		return c == '\n' && size_over(b);
	case BODY_CHUNK_CR:
		b->state = BODY_CHUNK_LF;
		return c == '\r';
	case BODY_CHUNK_LF:
		b->state = BODY_SIZE;
		return c == '\n';
	case BODY_TRAILER:
		return trailer_byte(b, c);
	default: /* BODY_TRAILER_LF; an empty line ends it */
		b->state = b->line_begun ? BODY_TRAILER : BODY_NONE;
		b->line_begun = false;
		return c == '\n';
	}
}

bool body_skip(struct body *b, struct app_io *io)
{
	while (b->state != BODY_NONE && io->in_bytes) {
		size_t n = 1;

		if (b->state == BODY_LENGTH || b->state == BODY_CHUNK) {
			n = b->left < io->in_bytes ? b->left : io->in_bytes;
			b->left -= (uint32_t)n;
			if (!b->left)
				b->state = b->state == BODY_LENGTH ? BODY_NONE : BODY_CHUNK_CR;
		} else if (!framing_byte(b, *io->in)) {
			return false;
		}
		io->in += n;
		io->in_bytes -= n;
	}
	return true;
}
