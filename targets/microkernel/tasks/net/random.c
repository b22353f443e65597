/* HalfSipHash-2-4 (Aumasson & Bernstein's SipHash for 32-bit machines) under a key stirred from the times at which things happen.
 * The board has no source of randomness: on a machine in virtual time all of it is the same each time, and is meant to be. */
#include "random.h"

static uint32_t pool[2], secret[2];
static bool secret_drawn;

static uint32_t rotate(uint32_t x, unsigned by) { return x << by | x >> (32 - by); }

static uint32_t hash(const uint32_t key[2], const uint32_t *words, unsigned count)
{
	uint32_t v0 = key[0], v1 = key[1], v2 = 0x6c796765u ^ key[0], v3 = 0x74656462u ^ key[1];

	for (unsigned i = 0; i <= count; i++) {
		uint32_t m = i < count ? words[i] : count << 26; /* the last: the number of bytes in the highest 8 bits */

		v3 ^= m;
		for (unsigned rounds = i < count ? 2 : 6; rounds; rounds--) {
			if (i == count && rounds == 4) {
				v0 ^= m;
				v2 ^= 0xff;
			}
			v0 += v1, v1 = rotate(v1, 5) ^ v0, v0 = rotate(v0, 16);
			v2 += v3, v3 = rotate(v3, 8) ^ v2;
			v0 += v3, v3 = rotate(v3, 7) ^ v0;
			v2 += v1, v1 = rotate(v1, 13) ^ v2, v2 = rotate(v2, 16);
		}
		if (i < count)
			v0 ^= m;
	}
	return v1 ^ v3;
}

void random_stir(uint32_t what)
{
	uint32_t words[] = { what, mk_cycles() };

	pool[0] = hash(pool, words, 2);
	pool[1] ^= hash(pool, words, 2);
}

void random_start(void)
{
	uint64_t counter = mk_counter();

	random_stir((uint32_t)counter);
	random_stir((uint32_t)(counter >> 32) ^ (uint32_t)mk_info(MK_INFO_SWITCHES));
}

uint32_t random_word(void)
{
	static uint32_t drawn;

	drawn++;
	return hash(pool, &drawn, 1);
}

/* RFC 6528: a clock of 4 microseconds, and for each connection a place in the sequence of its own. */
uint32_t random_sequence(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port)
{
	uint32_t words[] = { ip_2_ip4(local)->addr, ip_2_ip4(remote)->addr, (uint32_t)local_port << 16 | remote_port };

	if (!secret_drawn) {
		secret[0] = random_word();
		secret[1] = random_word();
		secret_drawn = true;
	}
	return hash(secret, words, 3) + (uint32_t)(mk_counter() >> 8);
}
