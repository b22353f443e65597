/* Random numbers for the whole family: ChaCha20 (RFC 8439) under a key that is replaced at every draw, so that what was
 * drawn cannot be found from what is left. Seeded by the monitor from the host. */
#include "../core/core.h"
#include "mm.h"

#define BLOCK_BYTES 64
#define DRAW_BYTES 4096

static struct { struct lock lock; u32 key[8]; bool seeded; u64 draws; } pool;

static u32 rotate(u32 x, u32 n)
{
	return x << n | x >> (32 - n);
}

static void quarter(u32 *s, u32 a, u32 b, u32 c, u32 d)
{
	s[a] += s[b]; s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d]; s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b]; s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d]; s[b] = rotate(s[b] ^ s[c], 7);
}

static void block(const u32 key[8], const u32 tail[4], u32 out[16])
{
	u32 start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	memcpy(start + 4, key, 32);
	memcpy(start + 12, tail, 16);
	memcpy(out, start, sizeof start);
	for (u32 i = 0; i < 10; i++) {
		quarter(out, 0, 4, 8, 12);
		quarter(out, 1, 5, 9, 13);
		quarter(out, 2, 6, 10, 14);
		quarter(out, 3, 7, 11, 15);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (u32 i = 0; i < 16; i++)
		out[i] += start[i];
}

/* A key for one draw; the pool's own is replaced by the other half of the block. */
static void take_key(u32 key[8])
{
	u32 out[16], tail[4] = { 0 };
	lock(&pool.lock);
	if (!pool.seeded) {
		u32 first[8], second[8];
		memcpy(first, boot_info->seed, 32);
		memcpy(second, boot_info->seed + 32, 32);
		for (u32 i = 0; i < 8; i++)
			pool.key[i] = first[i] ^ rotate(second[i], 1);
		pool.seeded = true;
	}
	pool.draws++;
	u64 now = rdtsc();
	memcpy(tail, &pool.draws, 8);
	memcpy(tail + 2, &now, 8);
	block(pool.key, tail, out);
	memcpy(pool.key, out, 32);
	unlock(&pool.lock);
	memcpy(key, out + 8, 32);
}

void random_bytes(void *to, size_t n)
{
	u32 key[8], out[16], tail[4] = { 0 };
	take_key(key);
	for (u8 *at = to; n; tail[0]++) {
		size_t part = n < BLOCK_BYTES ? n : BLOCK_BYTES;
		block(key, tail, out);
		memcpy(at, out, part);
		at += part;
		n -= part;
	}
}

long sys_getrandom(u8 __user *to, size_t n, u32 flags)
{
	u8 drawn[256];
	if ((flags & ~(u32)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) || (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if (n > 0x7fffffff)
		n = 0x7fffffff;
	for (size_t done = 0; done < n;) {
		size_t part = n - done < sizeof drawn ? n - done : sizeof drawn;
		random_bytes(drawn, part);
		if (copy_to_user(to + done, drawn, part))
			return done ? (long)done : -EFAULT;
		done += part;
		if (done < n && done % DRAW_BYTES == 0 && signal_due(current))
			return (long)done;
	}
	return (long)n;
}
