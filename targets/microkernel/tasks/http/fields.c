/* What the fields of a request say (RFC 9110), and how long its body is (RFC 9112 section 6). */
#include "http.h"

/* Goes through the words of a comma-separated list; false at its end. */
static bool next_word(struct span *list, struct span *word)
{
	size_t i = 0, end;

	while (i < list->bytes && (list->at[i] == ',' || list->at[i] == ' ' || list->at[i] == '\t'))
		i++;
	if (i == list->bytes)
		return false;
	for (end = i; end < list->bytes && list->at[end] != ','; end++)
		;
	*word = (struct span){ list->at + i, end - i };
	*list = (struct span){ list->at + end, list->bytes - end };
	while (word->bytes && (word->at[word->bytes - 1] == ' ' || word->at[word->bytes - 1] == '\t'))
		word->bytes--;
	return true;
}

static void connection_words(struct request *r, struct span list)
{
	struct span word;

	while (next_word(&list, &word)) {
		r->close |= is_word(word, "close");
		r->keep_alive |= is_word(word, "keep-alive");
	}
}

/* Where a field that must stand alone goes; NULL: it is another. The length tells most of them apart. */
static struct field *alone(struct request *r, struct span name)
{
	switch (name.bytes) {
	case 4: return is_word(name, "host") ? &r->host : NULL;
	case 5: return is_word(name, "range") ? &r->range : NULL;
	case 8: return is_word(name, "if-match") ? &r->if_match : is_word(name, "if-range") ? &r->if_range : NULL;
	case 13: return is_word(name, "if-none-match") ? &r->if_none_match : NULL;
	case 14: return is_word(name, "content-length") ? &r->content_length : NULL;
	case 17: return is_word(name, "transfer-encoding") ? &r->transfer_encoding :
			is_word(name, "if-modified-since") ? &r->if_modified : NULL;
	case 19: return is_word(name, "if-unmodified-since") ? &r->if_unmodified : NULL;
	default: return NULL;
	}
}

void request_field(struct request *r, struct span name, struct span value)
{
	struct field *field = alone(r, name);

	if (field) {
		field->value = value;
		field->times = field->times ? 2 : 1;
	} else if (name.bytes == 10 && is_word(name, "connection")) {
		connection_words(r, value);
	} else if (name.bytes == 6 && is_word(name, "expect")) {
		r->expects = true;
	}
}

/* RFC 9112 section 3.2: one Host, which is a host and perhaps a port. */
static bool host_is_sound(const struct request *r)
{
	if (r->host.times != 1)
		return !r->host.times && !r->minor;
	for (size_t i = 0; i < r->host.value.bytes; i++) {
		uint8_t c = r->host.value.at[i];

		if (!is_token(c) && c != ':' && c != '[' && c != ']' && c != '(' && c != ')' && c != ';' && c != '=' && c != ',')
			return false;
	}
	return true;
}

/* RFC 9112 section 6.3. What gives a length twice, or in two ways, is how requests are smuggled (section 11.2): refused even where
 * it would agree. */
unsigned request_framing(struct request *r)
{
	if (!host_is_sound(r))
		return 400;
	if (r->transfer_encoding.times) {
		if (r->content_length.times || r->transfer_encoding.times > 1 || !r->minor)
			return 400;
		if (!is_word(r->transfer_encoding.value, "chunked"))
			return 501;
		r->chunked = true;
	} else if (r->content_length.times) {
		if (r->content_length.times > 1 || !decimal_get(r->content_length.value, UINT64_MAX, &r->length))
			return 400;
		r->has_length = true;
		if (r->length > BODY_MOST)
			return 413;
	}
	return r->method == UNKNOWN_METHOD ? 501 : 0;
}
