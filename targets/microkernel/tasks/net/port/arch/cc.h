/* lwIP's view of the compiler and of this system. */
#ifndef NET_ARCH_CC_H
#define NET_ARCH_CC_H
#include "mk.h"

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_LIMITS_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_PLATFORM_DIAG(x) do { } while (0)
#define LWIP_PLATFORM_ASSERT(what) mk_fail("net: lwIP: %s", what)
#define INT_MAX __INT_MAX__
#define SSIZE_MAX __INT_MAX__
typedef int ssize_t;
#define X8_F "x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "u"

#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_ntohs(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)
#define lwip_ntohl(x) __builtin_bswap32(x)

uint32_t random_word(void);
#define LWIP_RAND() random_word()

static inline int strncmp(const char *a, const char *b, size_t most)
{
	while (most && *a && *a == *b)
		a++, b++, most--;
	return most ? (unsigned char)*a - (unsigned char)*b : 0;
}

static inline int atoi(const char *digits)
{
	int value = 0;

	while (*digits >= '0' && *digits <= '9')
		value = value * 10 + *digits++ - '0';
	return value;
}
#endif
