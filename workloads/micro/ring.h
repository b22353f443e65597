/* Messages of one size over a ring in shared memory: one writer, one reader, spinning or waiting on futexes. */
#ifndef KXB_RING_H
#define KXB_RING_H

#include "ipc.h"

#include <stdatomic.h>

#define RING_SLOTS 16u
#define RING_LINE 64

struct ring {
	_Alignas(RING_LINE) _Atomic uint32_t written; /* messages ever */
	_Alignas(RING_LINE) _Atomic uint32_t read;
	_Alignas(RING_LINE) _Atomic uint32_t reader_waits;
	_Alignas(RING_LINE) _Atomic uint32_t writer_waits;
	_Alignas(RING_LINE) unsigned char slots[];
};

/* Of two rings, one a direction. */
size_t ring_bytes(void);
/* `memory` is zeroed and shared. */
void ring_use(void *memory);
void ring_send(int side, const unsigned char *message);
uint64_t ring_receive(int side, unsigned char *message);

#endif
