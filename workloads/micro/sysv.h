/* Keys of System V objects: recognisably ours (0x6b78....), and never another process's. */
#ifndef KXB_SYSV_H
#define KXB_SYSV_H

#include "micro.h"

#include <errno.h>
#include <sys/ipc.h>
#include <unistd.h>

#define SYSV_KEY 0x6b780000
#define SYSV_TRIES 64

/* A new object made by `get`, which is msgget or shmget; its identifier. */
static inline int sysv_new(int (*get)(key_t key, size_t bytes), size_t bytes, const char *what)
{
	for (int i = 0; i < SYSV_TRIES; i++) {
		int id = get(SYSV_KEY | (((key_t)getpid() + i * 7919) & 0xffff), bytes);

		if (id >= 0)
			return id;
		if (errno != EEXIST)
			die_errno(what);
	}
	die("%s: %d keys are taken; ipcs -a shows by what", what, SYSV_TRIES);
}

#endif
