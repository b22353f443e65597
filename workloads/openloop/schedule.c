/* Arrival schedule. Random numbers: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
#include "schedule.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return z ^ (z >> 31);
}

static void mix(uint64_t *hash, uint64_t value)
{
	for (int i = 0; i < 8; i++) {
		*hash = (*hash ^ (value & 0xff)) * 0x100000001B3ULL;
		value >>= 8;
	}
}

/* The first arrival is at 0 (uniform) or one random gap after it (Poisson). */
static void advance(struct schedule *s)
{
	if (s->arrivals == ARRIVALS_UNIFORM) {
		s->at = (double)s->index * s->gap_ns; /* no accumulated rounding */
		return;
	}
	/* 53 random bits in (0, 1] */
	s->at -= log((double)((splitmix(&s->gaps) >> 11) + 1) * 0x1p-53) * s->gap_ns;
}

void schedule_start(struct schedule *s, uint64_t seed)
{
	s->gaps = splitmix(&seed);
	s->choices = splitmix(&seed);
	s->at = 0;
	s->index = 0;
	s->hash = 0xCBF29CE484222325ULL;
	advance(s);
}

uint32_t schedule_choose(struct schedule *s)
{
	uint64_t k = s->index++;

	if (s->choice == CHOICE_ROUND_ROBIN)
		return (uint32_t)(k % s->requests);
	/* multiply-shift (Lemire, 2019) without the rejection: the bias is below 2^-32 */
	return (uint32_t)(((splitmix(&s->choices) >> 32) * s->requests) >> 32);
}

bool schedule_next(struct schedule *s, struct arrival *a)
{
	if (s->at >= (double)s->end_ns)
		return false;
	a->offset_ns = (uint64_t)s->at;
	a->request = schedule_choose(s);
	mix(&s->hash, a->offset_ns);
	mix(&s->hash, a->request);
	advance(s);
	return true;
}
