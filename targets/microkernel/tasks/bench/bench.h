/* The guest's benchmark program: what kernels' own benchmarks measure, by groups, in instructions. Its parts.
 *
 * Names and definitions are those of Zephyr's latency_measure (tests/benchmarks/latency_measure), sel4bench
 * (apps/ipc, apps/irq, apps/signal, ...) and Thread-Metric (Eclipse ThreadX, utility/benchmarks/thread_metric); each
 * summary says which. Stamps are PMCCNTR's; the cost of taking one is measured and subtracted, as sel4bench does. */
#ifndef BENCH_H
#define BENCH_H
#include "../lib/mk.h"

#define PRIORITY 20               /* of what is measured: real time, so that no quantum ends in a figure */
#define HIGHER 22
#define LOWER 18
#define WARMUP 4                  /* turns that are not kept: first use of tables, lists and translated code */

/* ---- main.c ---- */
extern unsigned iterations, interval_ms, stamp_cost;
unsigned thread(void (*run)(void *), void *argument, unsigned priority); /* -> task; ends the program when there is none */
unsigned good(int result);        /* the result, or the end of the program when it is an error */
unsigned device(unsigned kind);   /* handle of the first of that kind */
void until_blocked(void);         /* others of lower priority go on until all of them wait */

/* ---- series.c ---- */
struct series;
struct series *series(const char *name, const char *labels, const char *summary); /* labels: JSON's, or NULL */
struct series *series_count(const char *name, const char *summary); /* one figure: per 30 virtual seconds */
void sample(struct series *s, int turn, unsigned begin, unsigned end); /* turns below 0 are warm-up */
void sample_value(struct series *s, unsigned value);
void series_print(const char *group);

/* ---- peer.c: the other side of a message, in this space or in another ---- */
enum { PEER_ECHO, PEER_STAMPS, PEER_SEMAPHORE };
void peer_serve(void *port);
int peer_main(void);
unsigned peer_other(void);        /* handle: the port of a peer in another space */
void peer_answer(void *semaphores); /* for ever: down on the first of two, up on the second */

/* ---- The groups ---- */
void measure_syscall(void), measure_scheduling(void), measure_ipc(void), measure_irq(void), measure_sync(void),
	measure_memory(void), measure_task(void), measure_thread_metric(void);
#endif
