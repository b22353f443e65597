/* A device of virtio over MMIO, version 2, and its split queues (Virtio 1.1, 4.2 and 2.6). */
#ifndef NET_VIRTIO_H
#define NET_VIRTIO_H
#include "mk.h"

#define VIRTIO_QUEUE 256          /* descriptors of a queue */
#define VIRTIO_NETWORK 1          /* DeviceID */
#define VIRTIO_CONFIG 0x100u

struct virtio_descriptor { uint64_t address; uint32_t bytes; uint16_t flags, next; };
struct virtio_used { uint32_t index, bytes; };
#define VIRTIO_DEVICE_WRITES 2u   /* flags of a descriptor */

/* Descriptor n always means buffer n: what goes round is its number alone. */
struct virtio_queue {
	struct virtio_descriptor *descriptors;
	volatile uint16_t *given;     /* the "available" ring: flags, index, numbers */
	volatile uint16_t *used;      /* flags, index; then struct virtio_used */
	uint16_t number, next, taken; /* next: to give, published by virtio_publish; taken: of used */
};

struct virtio {
	unsigned handle;              /* of the device */
	volatile uint8_t *registers;
	uint64_t features;            /* agreed */
};

bool virtio_find(struct virtio *v, unsigned kind);
bool virtio_begin(struct virtio *v, uint64_t wanted); /* reset, and features agreed */
bool virtio_queue_open(struct virtio *v, struct virtio_queue *q, uint16_t number);
void virtio_begun(struct virtio *v);
void virtio_acknowledge(struct virtio *v);
void virtio_publish(struct virtio *v, struct virtio_queue *q); /* what was given since, and a kick if the device wants one */
uint8_t virtio_config(struct virtio *v, unsigned at);

static inline void virtio_give(struct virtio_queue *q, unsigned buffer)
{
	q->given[2 + q->next++ % VIRTIO_QUEUE] = (uint16_t)buffer;
}

static inline bool virtio_has_used(const struct virtio_queue *q)
{
	return q->used[1] != q->taken;
}

/* Only after virtio_has_used. What the device says is not believed: callers check index and bytes. */
static inline struct virtio_used virtio_take(struct virtio_queue *q)
{
	const volatile struct virtio_used *u = (const volatile struct virtio_used *)(q->used + 2) + q->taken++ % VIRTIO_QUEUE;

	__asm__ volatile("dmb" ::: "memory"); /* the index was seen before */
	return (struct virtio_used){ u->index, u->bytes };
}

static inline void virtio_interrupts(struct virtio_queue *q, bool on)
{
	q->given[0] = !on;
	__asm__ volatile("dmb" ::: "memory"); /* seen before the ring is looked at again */
}
#endif
