/* Programs that do not behave, and those that are harmed if a server lets them. Their parts. */
#ifndef TRIAL_H
#define TRIAL_H
#include "../../include/console.h"
#include "../../include/files.h"
#include "../../include/names.h"
#include "../../include/net.h"
#include "../lib/mk.h"

#define PAGES 4u
#define SIZE (PAGES * MK_PAGE)
#define CALL_US MK_TIMEOUT_MAX_US /* in which even a loaded machine answers */
#define BOTH (MK_READ | MK_WRITE)

struct trial { const char *name; void (*run)(void); };
extern const struct trial any_trials[], net_trials[], files_trials[], console_trials[], fault_trials[], names_trials[];

extern uint8_t *pages;            /* PAGES, for what is lent */
void expect(const char *what, int got, int wanted);
unsigned server(const char *name); /* -> handle */
int call(unsigned port, unsigned tag, unsigned w0, unsigned w1, unsigned w2, unsigned w3, unsigned protection); /* word 0, or MK_E* */
void hold(void) __attribute__((noreturn)); /* all that this program has, until it is killed */

/* Another program of this kind, and its end. */
unsigned child(const char *name);
void child_ended(unsigned number);
#endif
