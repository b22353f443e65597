/* snprintf for /proc and logs; lines to the monitor's log; the end of the family by panic. */
#include <stdarg.h>
#include "core.h"

struct out { char *to; size_t room, length; };

static void put(struct out *o, char c)
{
	if (o->length + 1 < o->room)
		o->to[o->length] = c;
	o->length++;
}

struct spec { bool left, zero, plus; int width, precision, size; char conversion; };

static void put_padded(struct out *o, const struct spec *s, const char *prefix, const char *text, size_t n)
{
	size_t lead = strlen(prefix), width = s->width > 0 ? (size_t)s->width : 0;
	size_t pad = width > n + lead ? width - n - lead : 0;
	if (!s->left && !s->zero)
		while (pad)
			put(o, ' '), pad--;
	while (*prefix)
		put(o, *prefix++);
	if (!s->left)
		while (pad)
			put(o, '0'), pad--;
	while (n--)
		put(o, *text++);
	while (pad)
		put(o, ' '), pad--;
}

static void put_number(struct out *o, struct spec *s, u64 value, bool negative)
{
	char digits[72], *p = digits + sizeof digits;
	unsigned base = s->conversion == 'x' || s->conversion == 'X' || s->conversion == 'p' ? 16 : s->conversion == 'o' ? 8 : 10;
	const char *alphabet = s->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	int least = s->precision < 0 ? 1 : s->precision > 64 ? 64 : s->precision;
	for (; value || least > 0; value /= base, least--)
		*--p = alphabet[value % base];
	if (s->precision >= 0)
		s->zero = false;
	const char *prefix = negative ? "-" : s->conversion == 'p' ? "0x" : s->plus ? "+" : "";
	put_padded(o, s, prefix, p, (size_t)(digits + sizeof digits - p));
}

static const char *parse(const char *f, struct spec *s, va_list *args)
{
	*s = (struct spec){ .precision = -1 };
	for (;; f++) {
		if (*f == '-')
			s->left = true;
		else if (*f == '0')
			s->zero = true;
		else if (*f == '+')
			s->plus = true;
		else if (*f != '#' && *f != ' ')
			break;
	}
	if (*f == '*') {
		s->width = va_arg(*args, int);
		f++;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		s->width = s->width * 10 + *f - '0';
	if (*f == '.') {
		s->precision = 0;
		if (*++f == '*') {
			s->precision = va_arg(*args, int);
			f++;
		}
		for (; *f >= '0' && *f <= '9'; f++)
			s->precision = s->precision * 10 + *f - '0';
	}
	for (; *f == 'l' || *f == 'z' || *f == 'j' || *f == 't' || *f == 'h'; f++)
		s->size += *f == 'h' ? -1 : 1;
	if (s->left)
		s->zero = false;
	s->conversion = *f;
	return f;
}

static void put_signed(struct out *o, struct spec *s, va_list *args)
{
	s64 v = s->size > 0 ? va_arg(*args, s64) : va_arg(*args, int);
	if (s->size == -1)
		v = (short)v;
	if (s->size <= -2)
		v = (signed char)v;
	put_number(o, s, v < 0 ? -(u64)v : (u64)v, v < 0);
}

static void put_unsigned(struct out *o, struct spec *s, va_list *args)
{
	u64 v = s->size > 0 ? va_arg(*args, u64) : va_arg(*args, u32);
	if (s->size == -1)
		v = (u16)v;
	if (s->size <= -2)
		v = (u8)v;
	put_number(o, s, v, false);
}

static int format(char *to, size_t room, const char *f, va_list *args)
{
	struct out o = { to, room, 0 };
	for (; *f; f++) {
		struct spec s;
		char c;
		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f = parse(f + 1, &s, args);
		switch (s.conversion) {
		case 'd': case 'i': put_signed(&o, &s, args); break;
		case 'u': case 'x': case 'X': case 'o': put_unsigned(&o, &s, args); break;
		case 'p': put_number(&o, &s, (u64)va_arg(*args, void *), false); break;
		case 'c':
			c = (char)va_arg(*args, int);
			put_padded(&o, &s, "", &c, 1);
			break;
		case 's': {
			const char *text = va_arg(*args, const char *);
			if (!text)
				text = "(null)";
			s.zero = false;
			put_padded(&o, &s, "", text, s.precision >= 0 ? strnlen(text, (size_t)s.precision) : strlen(text));
			break;
		}
		case 0: f--; break;
		default: put(&o, s.conversion);
		}
	}
	if (room)
		to[o.length < room ? o.length : room - 1] = 0;
	return (int)o.length;
}

#ifdef KX_HOSTED /* libc has its own under the usual name */
#define snprintf kx_snprintf
__attribute__((format(printf, 3, 4))) int kx_snprintf(char *, size_t, const char *, ...);
#endif
int snprintf(char *to, size_t room, const char *f, ...)
{
	va_list args;
	va_start(args, f);
	int n = format(to, room, f, &args);
	va_end(args);
	return n;
}

void klog(const char *f, ...)
{
	char text[256];
	va_list args;
	va_start(args, f);
	size_t n = (size_t)format(text, sizeof text, f, &args);
	va_end(args);
	hypercall(KX_HC_REPORT, KX_REPORT_LOG, (u64)text, n < sizeof text ? n : sizeof text - 1, 0, 0);
}

/* Return addresses, for addr2line -e libos.elf. */
static size_t add_backtrace(char *to, size_t room)
{
	u64 *fp = __builtin_frame_address(0), *top = fp + 4096;
	size_t n = 0;
	for (u32 depth = 0; depth < 10 && n < room; depth++) {
		u64 *next = (u64 *)fp[0];
		n += (size_t)snprintf(to + n, room - n, "%s%lx", depth ? " " : "; from ", fp[1]);
		if (next <= fp || next >= top)
			break;
		fp = next;
	}
	return n;
}

void panic(const char *f, ...)
{
	char text[400];
	va_list args;
	va_start(args, f);
	size_t n = (size_t)format(text, sizeof text, f, &args);
	va_end(args);
	if (!HOSTED)
		n += add_backtrace(text + n, n < sizeof text ? sizeof text - n : 0);
	for (;;)
		hypercall(KX_HC_REPORT, KX_REPORT_PANIC, (u64)text, n < sizeof text ? n : sizeof text - 1, 0, 0);
}
