/* When each request is meant to be sent and which one it is: a pure function of (rate, arrivals, choice, seed). */
#ifndef KXB_SCHEDULE_H
#define KXB_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum arrivals { ARRIVALS_UNIFORM, ARRIVALS_POISSON };
enum choice { CHOICE_ROUND_ROBIN, CHOICE_RANDOM };

struct schedule {
	enum arrivals arrivals;
	enum choice choice;
	double gap_ns; /* mean time between arrivals */
	uint64_t end_ns;
	uint32_t requests;
	uint64_t gaps, choices; /* states of two independent random streams */
	double at;
	uint64_t index;
	uint64_t hash; /* FNV-1a over the arrivals given so far */
};

struct arrival {
	uint64_t offset_ns; /* since the start of the schedule */
	uint32_t request;
};

void schedule_start(struct schedule *s, uint64_t seed);
/* False when the schedule is over. */
bool schedule_next(struct schedule *s, struct arrival *a);
/* The next request alone, for the closed loop. */
uint32_t schedule_choose(struct schedule *s);

#endif
