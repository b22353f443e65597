/* The Internet checksum (RFC 1071) by words of 32 bits: of headers always, of data where the card does not compute it. */
#include "lwip/opt.h"
#include "mk.h"

/* The sum in the order of the bytes in memory, not complemented. Data may lie at any address. */
unsigned short stack_checksum(const void *data, int bytes)
{
	const uint8_t *at = data;
	uint64_t sum = 0;
	uint32_t folded;

	for (; bytes >= 4; bytes -= 4, at += 4) {
		uint32_t word;

		__builtin_memcpy(&word, at, sizeof word);
		sum += word;
	}
	if (bytes & 2) {
		sum += (uint32_t)(at[0] | at[1] << 8);
		at += 2;
	}
	if (bytes & 1)
		sum += at[0];
	sum = (sum & 0xffffffffu) + (sum >> 32);
	folded = (uint32_t)sum + (uint32_t)(sum >> 32);
	folded = (folded & 0xffff) + (folded >> 16);
	return (uint16_t)((folded & 0xffff) + (folded >> 16));
}
