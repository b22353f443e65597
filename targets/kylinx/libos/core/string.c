/* Memory and strings. No vector registers: the application's are live while the LibOS runs. Long runs go by rep movsb and
 * rep stosb, which current processors do by whole cache lines. */
#include "core.h"

#ifndef KX_HOSTED /* there libc's are used */
#define REP_FROM 256 /* bytes from which the string instructions' start-up pays */
#define NO_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))
typedef u64 __attribute__((may_alias, aligned(1))) v64;
typedef u32 __attribute__((may_alias, aligned(1))) v32;
typedef u16 __attribute__((may_alias, aligned(1))) v16;

/* up to 16 bytes, all loads before the stores: right for overlapping moves too */
static inline void copy_small(u8 *d, const u8 *s, size_t n)
{
	if (n >= 8) {
		u64 a = *(const v64 *)s, b = *(const v64 *)(s + n - 8);
		*(v64 *)d = a;
		*(v64 *)(d + n - 8) = b;
	} else if (n >= 4) {
		u32 a = *(const v32 *)s, b = *(const v32 *)(s + n - 4);
		*(v32 *)d = a;
		*(v32 *)(d + n - 4) = b;
	} else if (n >= 2) {
		u16 a = *(const v16 *)s, b = *(const v16 *)(s + n - 2);
		*(v16 *)d = a;
		*(v16 *)(d + n - 2) = b;
	} else if (n) {
		*d = *s;
	}
}

NO_IDIOM void *memcpy(void *to, const void *from, size_t n)
{
	u8 *d = to;
	const u8 *s = from;
	if (n >= REP_FROM) {
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
		return to;
	}
	for (; n > 16; n -= 16, d += 16, s += 16) {
		u64 a = *(const v64 *)s, b = *(const v64 *)(s + 8);
		*(v64 *)d = a;
		*(v64 *)(d + 8) = b;
	}
	copy_small(d, s, n);
	return to;
}

NO_IDIOM void *memmove(void *to, const void *from, size_t n)
{
	u8 *d = to;
	const u8 *s = from;
	if (d == s)
		return to;
	if (d < s || d >= s + n) {
		if (n >= REP_FROM && (d >= s + n || s - d >= 64)) {
			__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
			return to;
		}
		for (; n > 16; n -= 8, d += 8, s += 8)
			*(v64 *)d = *(const v64 *)s;
		copy_small(d, s, n);
		return to;
	}
	for (; n > 16; n -= 8)
		*(v64 *)(d + n - 8) = *(const v64 *)(s + n - 8);
	copy_small(d, s, n);
	return to;
}

NO_IDIOM void *memset(void *to, int byte, size_t n)
{
	u8 *d = to;
	u64 fill = 0x0101010101010101 * (u8)byte;
	if (n >= REP_FROM) {
		__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(byte) : "memory");
		return to;
	}
	if (n < 8) {
		while (n--)
			*d++ = (u8)byte;
		return to;
	}
	v64 *last = (v64 *)(d + n - 8);
	for (; d < (u8 *)last; d += 8)
		*(v64 *)d = fill;
	*last = fill;
	return to;
}

NO_IDIOM int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;
	for (; n >= 8 && *(const v64 *)x == *(const v64 *)y; n -= 8)
		x += 8, y += 8;
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

NO_IDIOM size_t strlen(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

NO_IDIOM size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;
	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;
	do {
		if (*s == (char)c)
			last = s;
	} while (*s++);
	return (char *)last;
}
#endif

size_t strlcpy(char *to, const char *from, size_t room)
{
	size_t n = strlen(from);
	if (room) {
		size_t take = n < room ? n : room - 1;
		memcpy(to, from, take);
		to[take] = 0;
	}
	return n;
}
