/* What the generator counts, and how it is told. Only requests meant for the measured window are counted. */
#ifndef KXB_TALLY_H
#define KXB_TALLY_H

#include <stdint.h>
#include <stdio.h>

#include "../../vocabulary/loglinear.h"
#include "framing.h"
#include "options.h"

struct distribution {
	uint64_t count, bins[KXB_BINS];
};

static inline void distribution_add(struct distribution *d, uint64_t value)
{
	d->bins[kxb_bin(value)]++;
	d->count++;
}

/* Lower edge of the bin that holds the nearest-rank percentile; 0 when empty. */
uint64_t distribution_percentile(const struct distribution *d, double percent);

enum loss { LOSS_MALFORMED, LOSS_RESET, LOSS_TIMEOUT, LOSS_UNANSWERED, LOSSES };

struct moment { /* one point of the timeline */
	uint64_t worst_ns, sum_ns, answered, lost;
};

struct tally {
	uint64_t from_ns, to_ns; /* the measured window */
	struct distribution latency, service, lateness, own_lateness;
	/* by intended time in the window */
	uint64_t scheduled, sent, received, refused, losses[LOSSES], held, unsent;
	/* by when it happened in the window, whatever was intended when */
	uint64_t sends_inside, answers_inside;
	/* of the whole run */
	uint64_t unsolicited, reconnects, connect_failures;
	uint64_t idle_ns, cpu_ns, run_delay_ns; /* inside the window */
	uint64_t stopped_ns;			/* when the window really ended */
	uint64_t schedule_hash;
	uint64_t timeline_ns, moments;
	struct moment *timeline;
};

/* One request in flight. */
struct flight {
	uint64_t intended, ready, sent; /* ready: intended, or later if all connections were full until then */
	uint32_t request;
	uint32_t before, after; /* UDP: neighbours in order of sending */
	uint16_t id;		/* UDP: of the DNS message */
};

static inline bool tally_inside(const struct tally *t, uint64_t at)
{
	return at >= t->from_ns && at < t->to_ns;
}

void tally_sent(struct tally *t, const struct flight *f);
void tally_answer(struct tally *t, const struct flight *f, enum frame result, uint64_t at);
void tally_loss(struct tally *t, const struct flight *f, enum loss loss, uint64_t at);
/* Prints everything between the markers of docs/architecture.md. */
void tally_print(const struct tally *t, const struct options *o, const char *protocol, bool interrupted);

#endif
