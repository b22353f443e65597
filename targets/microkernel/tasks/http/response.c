/* A response's head, and the short pages that come with errors. */
#include "http.h"

#define PAGE_MOST 160
#define WHOLE_MOST (512 + 3 * PATH_MOST + PAGE_MOST)

static uint8_t buffer[WHOLE_MOST] __attribute__((aligned(8))); /* so that it is copied by words */
static size_t filled;

static void put(const void *bytes, size_t count)
{
	memcpy(buffer + filled, bytes, count);
	filled += count;
}

#define PUT(literal) put(literal, sizeof(literal) - 1)

static void put_number(uint64_t number)
{
	filled += decimal_put(buffer + filled, number);
}

static struct span reason(unsigned status)
{
	switch (status) {
	case 200: return TEXT("200 OK");
	case 206: return TEXT("206 Partial Content");
	case 301: return TEXT("301 Moved Permanently");
	case 304: return TEXT("304 Not Modified");
	case 400: return TEXT("400 Bad Request");
	case 403: return TEXT("403 Forbidden");
	case 404: return TEXT("404 Not Found");
	case 405: return TEXT("405 Method Not Allowed");
	case 412: return TEXT("412 Precondition Failed");
	case 413: return TEXT("413 Content Too Large");
	case 414: return TEXT("414 URI Too Long");
	case 416: return TEXT("416 Range Not Satisfiable");
	case 431: return TEXT("431 Request Header Fields Too Large");
	case 501: return TEXT("501 Not Implemented");
	case 505: return TEXT("505 HTTP Version Not Supported");
	default: return TEXT("500 Internal Server Error");
	}
}

/* Date, made once a second. */
static void put_now(void)
{
	static char text[DATE_BYTES];
	static uint64_t of_ms = UINT64_MAX; /* when that second began */

	if (of_ms == UINT64_MAX || app_unix_ms - of_ms >= 1000) {
		of_ms = app_unix_ms - app_unix_ms % 1000;
		date_put((int64_t)(of_ms / 1000), text);
	}
	put(text, DATE_BYTES);
}

static void put_modified(int64_t unix_s)
{
	static char text[DATE_BYTES];
	static int64_t of_s = INT64_MIN; /* most files have the one time that all were made at */

	if (of_s != unix_s) {
		of_s = unix_s;
		date_put(unix_s, text);
	}
	put(text, DATE_BYTES);
}

/* A path in a field: all but what needs no escape is escaped. */
static void put_path(const char *path)
{
	for (; *path; path++) {
		uint8_t c = (uint8_t)*path;

		if (c == '/' || (c != '%' && is_token(c))) {
			put(&c, 1);
		} else {
			uint8_t escape[] = { '%', (uint8_t)"0123456789ABCDEF"[c >> 4], (uint8_t)"0123456789ABCDEF"[c & 15] };

			put(escape, 3);
		}
	}
}

static void put_file_fields(const struct response *r)
{
	PUT("\r\nLast-Modified: ");
	put_modified(r->tags->modified_s);
	PUT("\r\nETag: ");
	put(r->tags->tag, r->tags->tag_bytes);
	PUT("\r\nAccept-Ranges: bytes");
}

static void put_range(const struct response *r)
{
	PUT("\r\nContent-Range: bytes ");
	if (r->status == 416) {
		PUT("*");
	} else {
		put_number(r->range.first);
		PUT("-");
		put_number((uint64_t)r->range.first + r->range.bytes - 1);
	}
	PUT("/");
	put_number(r->size);
}

/* The body of what is no file: its length must be known before it is written. */
static void put_page(const struct response *r)
{
	static const char head[] = "<!DOCTYPE html>\n<title>", middle[] = "</title>\n<h1>", end[] = "</h1>\n";
	struct span text = reason(r->status);

	PUT("\r\nContent-Type: text/html\r\nContent-Length: ");
	put_number(sizeof head + sizeof middle + sizeof end - 3 + 2 * text.bytes);
	PUT("\r\n\r\n");
	if (r->head_only)
		return;
	put(head, sizeof head - 1);
	put(text.at, text.bytes);
	put(middle, sizeof middle - 1);
	put(text.at, text.bytes);
	put(end, sizeof end - 1);
}

/* Whether the buffer has the very same head still, of this second: for files asked for again and again nothing is written. */
static bool is_there(const struct response *r)
{
	static struct response last;
	static struct file_tags tags;
	static uint64_t of_ms;
	bool same = r->status == 200 && last.status == 200 && last.closing == r->closing && last.keeping == r->keeping &&
		last.type.at == r->type.at && last.bytes == r->bytes && app_unix_ms - of_ms < 1000 &&
		tags.modified_s == r->tags->modified_s && tags.tag_bytes == r->tags->tag_bytes &&
		equal((const uint8_t *)tags.tag, (const uint8_t *)r->tags->tag, tags.tag_bytes);

	if (!same) {
		last = *r;
		of_ms = app_unix_ms - app_unix_ms % 1000;
		if (r->tags)
			tags = *r->tags;
	}
	return same;
}

struct span response_head(const struct response *r)
{
	struct span status = reason(r->status);

	if (is_there(r))
		return (struct span){ buffer, filled };
	filled = 0;
	PUT("HTTP/1.1 ");
	put(status.at, status.bytes);
	PUT("\r\nServer: kxbench\r\nDate: ");
	put_now();
	if (r->closing)
		PUT("\r\nConnection: close");
	else if (r->keeping)
		PUT("\r\nConnection: keep-alive");
	if (r->tags)
		put_file_fields(r);
	if (r->status == 206 || r->status == 416)
		put_range(r);
	if (r->status == 405)
		PUT("\r\nAllow: GET, HEAD");
	if (r->status == 301) {
		PUT("\r\nLocation: ");
		put_path(r->location);
		PUT("/");
	}
	if (r->status == 304) {
		PUT("\r\n\r\n");
	} else if (r->status >= 300) {
		put_page(r);
	} else {
		PUT("\r\nContent-Type: ");
		put(r->type.at, r->type.bytes);
		PUT("\r\nContent-Length: ");
		put_number(r->bytes);
		PUT("\r\n\r\n");
	}
	return (struct span){ buffer, filled };
}
