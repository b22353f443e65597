/* Stand-ins for parts of the LibOS that are still to come: weak, the real ones win. */
#include "core.h"

#define WEAK __attribute__((weak))

WEAK long shm_attach_fork(struct mm *parent, struct mm *child) { (void)parent; (void)child; return 0; }
WEAK void ipc_proc_exit(struct proc *p) { (void)p; }
