/* Conformance: programs in the guest that look at the kernel from outside. Its parts. */
#ifndef TEST_H
#define TEST_H
#include "../lib/mk.h"

#define PRIORITY 20               /* of who tests: in real time, so that it goes on until it waits */
#define HIGHEST (MK_PRIORITIES - 1) /* that a task of this program may have */

/* A check that does not hold is told, and the case goes on. */
#define CHECK(x) ((x) ? (void)0 : check_failed(__FILE__, __LINE__, #x))
#define IS(x, value) check_is((int)(x), (int)(value), __FILE__, __LINE__, #x)
void check_failed(const char *file, int line, const char *what);
void check_is(int found, int wanted, const char *file, int line, const char *what);

struct test { const char *name; void (*run)(void); };
extern const struct test refusal_tests[], ipc_tests[], grant_tests[], sync_tests[], life_tests[], memory_tests[], time_tests[],
	isolation_tests[], restart_tests[], strings_tests[], latency_tests[], ceiling_tests[], names_tests[];
void frail_serve(void), child_serve(void);

unsigned device(unsigned kind);
unsigned thread(void (*run)(void *), void *argument, unsigned priority); /* -> task */
void end(unsigned task);          /* kills it, if it is alive, and drops its handle */

/* ---- other.c: another space with this program's text and constants in it, so that its tasks may run what is here, as long as
 * it uses no variables. It ends by mk_exit. ---- */
struct other { unsigned space, watch, stacks; };
struct other other_make(unsigned limit, unsigned highest);
unsigned other_run(struct other *o, void (*run)(unsigned), unsigned argument, unsigned priority); /* -> task */
unsigned other_give(const struct other *o, unsigned handle, unsigned rights); /* -> handle there */
unsigned other_ended(struct other *o); /* waits for its end -> how its last task ended */
void other_kill(struct other *o);

/* What a refused call may not change. */
struct counts { int pages, objects, tasks; };
struct counts counts_now(void);
void counts_same(const struct counts *before, const char *what);

/* schedule.c: runs the schedules of the initrd's file of that name, for the model in tests/ to be compared with */
void schedules_run(void);
#endif
