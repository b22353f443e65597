/* The ring: see ring.h. A waiter says so first, looks again, then sleeps; who moves the ring on looks for a waiter
 * after moving it. Both orders are sequentially consistent, so one of the two always sees the other. What is slept on is the
 * word that says so: a waiter whose word was taken back for a change it has seen already does not fall asleep without it. */
#include "ring.h"
#include "futex.h"

#include <string.h>

static unsigned char *memory;

static size_t slot_bytes(void)
{
	return ((size_t)ipc_size + RING_LINE - 1) & ~(size_t)(RING_LINE - 1);
}

size_t ring_bytes(void)
{
	return 2 * (sizeof(struct ring) + RING_SLOTS * slot_bytes());
}

void ring_use(void *shared)
{
	memory = shared;
}

static struct ring *ring_of(int writer)
{
	return (struct ring *)(void *)(memory + (size_t)writer * (ring_bytes() / 2));
}

/* Until `counter` is no longer `seen`. */
static void wait_for_change(_Atomic uint32_t *counter, uint32_t seen, _Atomic uint32_t *waits)
{
	unsigned polls = 0;

	while (atomic_load_explicit(counter, memory_order_acquire) == seen) {
		if (ipc_awake) {
			micro_poll(&polls);
			continue;
		}
		atomic_store(waits, 1);
		if (atomic_load(counter) == seen)
			futex_wait(waits, 1);
	}
}

static void move_on(_Atomic uint32_t *counter, uint32_t value, _Atomic uint32_t *waits)
{
	if (ipc_awake) {
		atomic_store_explicit(counter, value, memory_order_release);
		return;
	}
	atomic_store(counter, value);
	if (atomic_exchange(waits, 0))
		futex_wake_all(waits);
}

void ring_send(int side, const unsigned char *message)
{
	struct ring *ring = ring_of(side);
	uint32_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);

	wait_for_change(&ring->read, written - RING_SLOTS, &ring->writer_waits);
	memcpy(ring->slots + (written % RING_SLOTS) * slot_bytes(), message, (size_t)ipc_size);
	move_on(&ring->written, written + 1, &ring->reader_waits);
}

uint64_t ring_receive(int side, unsigned char *message)
{
	struct ring *ring = ring_of(!side);
	uint32_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
	uint64_t at;

	wait_for_change(&ring->written, read, &ring->reader_waits);
	memcpy(message, ring->slots + (read % RING_SLOTS) * slot_bytes(), (size_t)ipc_size);
	at = now_ns();
	move_on(&ring->read, read + 1, &ring->writer_waits);
	return at;
}
