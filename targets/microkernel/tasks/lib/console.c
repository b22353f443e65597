/* Calls of the console server. */
#include "console.h"

static unsigned server;
static _Alignas(MK_PAGE) char page[MK_PAGE];

static int ask(struct mk_message *m, unsigned us)
{
	return mk_ask(&server, "console", m, us);
}

int console_write(const char *text, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		struct mk_message m = { .tag = MK_TAG(CONSOLE_WRITE, 9) | MK_TAG_GRANT };
		int n;

		m.word[0] = bytes - done < sizeof page ? (unsigned)(bytes - done) : (unsigned)sizeof page;
		memcpy(page, text + done, m.word[0]);
		m.word[7] = (unsigned)page | MK_READ;
		m.word[8] = 1;
		n = ask(&m, 0);
		if (n <= 0)
			return n;
		done += (size_t)n;
	}
	return (int)done;
}

int console_print(const char *format, ...)
{
	char text[1024];
	va_list arguments;
	size_t n;

	va_start(arguments, format);
	n = mk_format_list(text, sizeof text, format, arguments);
	va_end(arguments);
	return console_write(text, n < sizeof text ? n : sizeof text - 1);
}

int console_read_line(char *to, size_t size, unsigned us)
{
	size_t n = 0;

	for (;;) {
		struct mk_message m = { .tag = MK_TAG(CONSOLE_READ, 0) };
		const char *piece = (const char *)&m.word[1];
		int bytes = ask(&m, us);

		if (bytes < 0)
			return bytes;
		for (int i = 0; i < bytes && i < CONSOLE_PIECE; i++) {
			if (piece[i] == '\n') {
				to[n] = 0;
				return (int)n;
			}
			if (n + 1 < size)
				to[n++] = piece[i];
		}
	}
}
