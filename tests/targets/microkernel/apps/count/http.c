#include "count.h"

#define FIELDS "Host: kxbench.test\r\n"
#define BROWSER "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" \
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" \
	"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"

static uint8_t page[612];
struct memory_file file = { "/page-612.html", page, sizeof page };

const struct request requests[] = {
	{ "GET of 612 bytes", LITERAL("GET /page-612.html HTTP/1.1\r\n" FIELDS "\r\n"), 1 },
	{ "GET of 612 bytes, a browser's", LITERAL("GET /page-612.html HTTP/1.1\r\n" FIELDS BROWSER "\r\n"), 1 },
	{ "HEAD", LITERAL("HEAD /page-612.html HTTP/1.1\r\n" FIELDS "\r\n"), 1 },
	{ "GET, not modified", LITERAL("GET /page-612.html HTTP/1.1\r\n" FIELDS "If-None-Match: \"6955b900-264\"\r\n\r\n"), 1 },
	{ "GET of what is not there", LITERAL("GET /none HTTP/1.1\r\n" FIELDS "\r\n"), 1 },
	{ NULL, NULL, 0, 0 },
};

const char *prepare(void)
{
	return NULL;
}
