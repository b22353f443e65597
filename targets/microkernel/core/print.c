/* The kernel's own words, on the PL011 by polling: a banner, faults, panics. */
#include <stdarg.h>
#include "kernel.h"
#include "../boot/board.h"

#define UART_DATA (*(volatile u32 *)BOARD_UART)
#define UART_FLAGS (*(volatile u32 *)(BOARD_UART + 0x18))
#define UART_FULL (1u << 5)

static void put(char c)
{
	while (UART_FLAGS & UART_FULL)
		;
	UART_DATA = (u8)c;
}

void print_text(const char *text, u32 bytes)
{
	for (u32 i = 0; i < bytes; i++)
		put(text[i]);
}

static void print_number(u32 value, u32 base)
{
	char digits[10];
	u32 n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		put(digits[--n]);
}

/* %s, %d (unsigned), %x */
void print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (; *format; format++) {
		if (*format != '%')
			put(*format);
		else if (*++format == 's')
			for (const char *s = va_arg(arguments, const char *); *s; s++)
				put(*s);
		else
			print_number(va_arg(arguments, u32), *format == 'x' ? 16 : 10);
	}
	va_end(arguments);
}
