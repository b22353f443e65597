#include "count.h"

#define NAMES 10000
#define ASK(label, type) "\0\1\0\0\0\1\0\0\0\0\0\0" label "\7kxbench\4test\0\0" type "\0\1"

static char text[NAMES * 24 + 400];
struct memory_file file = { "/kxbench.test.zone", text, 0 };

const struct request requests[] = {
	{ "A", LITERAL(ASK("\7n001230", "\1")), 0 },
	{ "MX with its address", LITERAL(ASK("", "\17")), 0 },
	{ "an alias and its address", LITERAL(ASK("\5alias", "\1")), 0 },
	{ "a name that is not there", LITERAL(ASK("\7nothing", "\1")), 0 },
	{ "a wildcard's", LITERAL(ASK("\3any\4wild", "\1")), 0 },
	{ "a referral", LITERAL(ASK("\4host\5child", "\1")), 0 },
	{ NULL, NULL, 0, 0 },
};

static void put(const char *line)
{
	memcpy(text + file.count, line, strlen(line));
	file.count += strlen(line);
}

const char *prepare(void)
{
	char name[] = "n000000 A 192.0.2.1\n";

	put("$TTL 60\n@ SOA ns h 1 2 3 4 5\n NS ns\n MX 10 mail\nns A 192.0.2.1\nmail A 192.0.2.2\nalias CNAME mail\n"
	    "*.wild A 192.0.2.3\nchild NS ns.child\nns.child A 192.0.2.4\n");
	for (unsigned i = 0; i < NAMES; i++) {
		unsigned number = i;

		for (unsigned digit = 6; digit; digit--, number /= 10)
			name[digit] = (char)('0' + number % 10);
		put(name);
	}
	return "/kxbench.test.zone";
}
