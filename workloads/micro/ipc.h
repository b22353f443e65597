/* What the inter-process communication programs share: two processes, messages of one size back and forth.
 * Side 0 is the parent, side 1 the forked child; both directions exist. */
#ifndef KXB_IPC_H
#define KXB_IPC_H

#include "micro.h"

struct ipc_way {
	const char *program;
	bool sized;		/* messages have a size, and can be streamed */
	void (*create)(void);	/* before the child exists; timed as `channel_open` */
	void (*attach)(int side, pid_t peer); /* in each process after the fork; may be NULL */
	void (*send)(int side, const unsigned char *message);
	/* The next message, whole. Returns CLOCK_MONOTONIC of having it. */
	uint64_t (*receive)(int side, unsigned char *message);
	void (*destroy)(void);	/* in the parent, also after a failure: async-signal-safe */
};

/* As asked for by the options --size-bytes and --mode. */
extern long long ipc_size;
extern bool ipc_awake;	/* receivers poll; else they block */

int ipc_main(const struct ipc_way *way, int argc, char **argv);

#endif
