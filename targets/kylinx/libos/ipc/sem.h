/* What sem.c (operations) and semctl.c (control) share. */
#ifndef KX_SEM_H
#define KX_SEM_H

#include "sysv.h"

#define SEM_SET_MOST 32000u   /* kernel.sem: SEMMSL, SEMMNS, SEMOPM, SEMMNI */
#define SEM_ALL_MOST 1024000000
#define SEM_OPS_MOST 500u
#define SEM_SETS_MOST 32000u
#define SEM_VALUE_MOST 32767

struct sem {
	int value;
	u32 pid, wait_more, wait_zero; /* those that sleep: for an increase, for zero */
};

struct undo {                   /* what a process's end adds to the set */
	struct list node;
	const struct proc *proc;
	short adjust[];
};

struct semset {
	struct ipc_object o;
	u32 count, version;     /* version: changes with every value */
	struct sem *sem;
	struct list undos;
	struct waitq wait;
	long operated_at, changed_at;
};

extern struct ipc_ids sem_sets;

static inline struct semset *semset_of(struct ipc_object *o) { return container_of(o, struct semset, o); }
void sem_changed(struct semset *);
void undo_clear(struct semset *, u32 first, u32 count);
void undo_drop_all(struct semset *);
#endif
