#include "count.h"

#define VALUE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SET "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$64\r\n" VALUE "\r\n"
#define GET "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n"

struct memory_file file = { "/", "", 0 };

const struct request requests[] = {
	{ "SET", LITERAL(SET), 1 },
	{ "GET", LITERAL(GET), 1 },
	{ "GET, 16 in a pipeline", LITERAL(GET), 16 },
	{ "SET, 16 in a pipeline", LITERAL(SET), 16 },
	{ "GET of none", LITERAL("*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n"), 1 },
	{ "INCR", LITERAL("*2\r\n$4\r\nINCR\r\n$7\r\ncounter\r\n"), 1 },
	{ "PING", LITERAL("*1\r\n$4\r\nPING\r\n"), 1 },
	{ "PING, inline", LITERAL("PING\r\n"), 1 },
	{ NULL, NULL, 0, 0 },
};

const char *prepare(void)
{
	return NULL;
}
