/* Conformance: programs in the guest that look at the kernel from outside. Its parts. */
#ifndef TEST_H
#define TEST_H
#include "../lib/mk.h"

#define PRIORITY 20               /* of who tests: in real time, so that it goes on until it waits */

/* A check that does not hold is told, and the case goes on. */
#define CHECK(x) ((x) ? (void)0 : check_failed(__FILE__, __LINE__, #x))
#define IS(x, value) check_is((int)(x), (int)(value), __FILE__, __LINE__, #x)
void check_failed(const char *file, int line, const char *what);
void check_is(int found, int wanted, const char *file, int line, const char *what);

struct test { const char *name; void (*run)(void); };
extern const struct test refusal_tests[], ipc_tests[], grant_tests[], sync_tests[], life_tests[], memory_tests[], time_tests[],
	isolation_tests[];

unsigned device(unsigned kind);
unsigned thread(void (*run)(void *), void *argument, unsigned priority); /* -> task */
void end(unsigned task);          /* kills it, if it is alive, and drops its handle */

/* Another space with this program's text in it, so that its tasks may run what is here: what it shares is the text alone. */
struct other { unsigned space, watch; };
struct other other_make(unsigned limit);
unsigned other_run(struct other *o, void (*run)(void *), unsigned argument, unsigned priority); /* -> task */
unsigned other_end(struct other *o); /* -> how its last task ended */

/* schedule.c: runs the schedules of the initrd's file of that name, for the model in tests/ to be compared with */
void schedules_run(void);
#endif
