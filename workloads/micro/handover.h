/* A turn that two sides give one another, or several threads go round with. */
#ifndef KXB_HANDOVER_H
#define KXB_HANDOVER_H

#include "micro.h"

enum between { BETWEEN_THREADS, BETWEEN_PROCESSES };

/* A way to give the turn to a side, and to wait for one's own; with a message of so many bytes where it has one. */
struct handover {
	void (*give)(int to, size_t bytes);
	void (*take)(int me, size_t bytes);
};

extern const struct handover handover_yield, handover_semaphore, handover_pipe;

/* Rounds, there and back, the other side being a thread or a process: each divided by `share` is a sample. */
void handover_measure(struct micro_series *to, const struct handover *way, enum between between, size_t bytes, int share);

/* `threads` threads yield in turn for `ns`: one sample, the turns they would have had in 30 s. */
void handover_count(struct micro_series *to, int threads, uint64_t ns);

#endif
