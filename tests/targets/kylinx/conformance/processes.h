/* What the cases of processes share. */
#ifndef CONFORMANCE_PROCESSES_H
#define CONFORMANCE_PROCESSES_H
#include "suite.h"
#include <linux/sched.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static __attribute__((unused)) volatile int handled;
static inline void count(int signo) { (void)signo; handled++; }

static __attribute__((unused)) int before, in_parent, in_child;
static inline void prepare(void) { before++; }
static inline void parent(void) { in_parent++; }
static inline void child(void) { in_child++; }

#endif
