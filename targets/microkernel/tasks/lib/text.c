/* Text: comparisons, formats, the console. */
#include "mk.h"

int memcmp(const void *a, const void *b, size_t bytes)
{
	const unsigned char *p = a, *q = b;

	for (; bytes && *p == *q; bytes--)
		p++, q++;
	return bytes ? *p - *q : 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

uint64_t mk_time_us(void)
{
	return mk_counter() * 2 / (mk_counter_hz() / 500000);
}

struct out { char *to; size_t size, used; };

static void put(struct out *o, char c)
{
	if (o->used + 1 < o->size)
		o->to[o->used] = c;
	o->used++;
}

static void put_number(struct out *o, uint64_t value, unsigned base, unsigned width, char pad)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	for (; width > n; width--)
		put(o, pad);
	while (n)
		put(o, digits[--n]);
}

static void put_signed(struct out *o, int64_t value, unsigned width, char pad)
{
	if (value < 0)
		put(o, '-');
	put_number(o, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, width, pad);
}

size_t mk_format_list(char *to, size_t size, const char *format, va_list arguments)
{
	struct out o = { to, size, 0 };

	for (; *format; format++) {
		char pad = ' ';
		unsigned width = 0, longs = 0;

		if (*format != '%') {
			put(&o, *format);
			continue;
		}
		if (*++format == '0')
			pad = *format++;
		for (; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + (unsigned)(*format - '0');
		for (; *format == 'l'; format++)
			longs++;
		if (*format == 's')
			for (const char *s = va_arg(arguments, const char *); *s; s++)
				put(&o, *s);
		else if (*format == 'c')
			put(&o, (char)va_arg(arguments, int));
		else if (*format == 'd')
			put_signed(&o, longs > 1 ? va_arg(arguments, long long) : va_arg(arguments, int), width, pad);
		else if (*format == 'u' || *format == 'x')
			put_number(&o, longs > 1 ? va_arg(arguments, unsigned long long) : va_arg(arguments, unsigned),
				   *format == 'x' ? 16 : 10, width, pad);
		else
			put(&o, *format);
	}
	if (size)
		to[o.used < size ? o.used : size - 1] = 0;
	return o.used;
}

size_t mk_format(char *to, size_t size, const char *format, ...)
{
	va_list arguments;
	size_t n;

	va_start(arguments, format);
	n = mk_format_list(to, size, format, arguments);
	va_end(arguments);
	return n;
}

static void print_list(const char *format, va_list arguments)
{
	char line[1024];
	size_t n = mk_format_list(line, sizeof line, format, arguments);

	mk_log(line, n < sizeof line ? n : sizeof line - 1);
}

void mk_print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_list(format, arguments);
	va_end(arguments);
}

void mk_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_list(format, arguments);
	va_end(arguments);
	mk_log("\n", 1);
	mk_exit(1);
}
