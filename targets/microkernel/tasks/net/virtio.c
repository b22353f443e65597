/* virtio over MMIO: finding a device, agreeing on features, queues. */
#include "virtio.h"

#define MAGIC 0x000u
#define VERSION 0x004u
#define DEVICE_ID 0x008u
#define DEVICE_FEATURES 0x010u
#define DEVICE_FEATURES_SELECT 0x014u
#define DRIVER_FEATURES 0x020u
#define DRIVER_FEATURES_SELECT 0x024u
#define QUEUE_SELECT 0x030u
#define QUEUE_MOST 0x034u
#define QUEUE_SIZE 0x038u
#define QUEUE_READY 0x044u
#define QUEUE_NOTIFY 0x050u
#define INTERRUPT_STATUS 0x060u
#define INTERRUPT_ACKNOWLEDGE 0x064u
#define STATUS 0x070u
#define QUEUE_DESCRIPTORS 0x080u
#define QUEUE_GIVEN 0x090u
#define QUEUE_USED 0x0a0u

#define MAGIC_VALUE 0x74726976u   /* "virt" */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define NO_NOTIFY 1u              /* in the flags of the used ring */
#define USED_AT 1024u             /* the used ring shares a page with the other */

static volatile uint32_t *reg(const struct virtio *v, unsigned at)
{
	return (volatile uint32_t *)(v->registers + at);
}

/* Devices share pages; each page is mapped once. */
static volatile uint8_t *mapped(unsigned device, unsigned physical)
{
	static struct { unsigned physical; uint8_t *at; } pages[MK_START_DEVICES];
	unsigned page = physical & ~(MK_PAGE - 1), i = 0;

	while (i < MK_START_DEVICES - 1 && pages[i].at && pages[i].physical != page)
		i++;
	if (!pages[i].at) {
		uint8_t *at = mk_region(1);

		if (!at || mk_device_map(device, (unsigned)at))
			return NULL;
		pages[i].physical = page;
		pages[i].at = at;
	}
	return pages[i].at + (physical - page);
}

bool virtio_find(struct virtio *v, unsigned kind)
{
	for (unsigned i = 0; i < mk_started->devices; i++) {
		if (mk_started->device[i].kind != MK_DEVICE_VIRTIO)
			continue;
		v->handle = mk_started->device[i].handle;
		v->registers = mapped(v->handle, mk_started->device[i].physical);
		if (v->registers && *reg(v, MAGIC) == MAGIC_VALUE && *reg(v, VERSION) == 2 && *reg(v, DEVICE_ID) == kind)
			return true;
	}
	return false;
}

bool virtio_begin(struct virtio *v, uint64_t wanted)
{
	uint64_t offered;

	*reg(v, STATUS) = 0; /* it may be a dead driver's */
	while (*reg(v, STATUS))
		;
	*reg(v, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
	*reg(v, DEVICE_FEATURES_SELECT) = 1;
	offered = (uint64_t)*reg(v, DEVICE_FEATURES) << 32;
	*reg(v, DEVICE_FEATURES_SELECT) = 0;
	offered |= *reg(v, DEVICE_FEATURES);
	v->features = offered & wanted;
	for (unsigned i = 0; i < 2; i++) {
		*reg(v, DRIVER_FEATURES_SELECT) = i;
		*reg(v, DRIVER_FEATURES) = (uint32_t)(v->features >> 32 * i);
	}
	*reg(v, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
	return *reg(v, STATUS) & STATUS_FEATURES_OK;
}

static void queue_address(struct virtio *v, unsigned at, const volatile void *part)
{
	*reg(v, at) = mk_physical(v->handle, (const void *)part);
	*reg(v, at + 4) = 0;
}

bool virtio_queue_open(struct virtio *v, struct virtio_queue *q, uint16_t number)
{
	uint8_t *table = mk_pages(1), *rings = mk_pages(1); /* each need be contiguous only in itself */

	*reg(v, QUEUE_SELECT) = number;
	if (!table || !rings || *reg(v, QUEUE_MOST) < VIRTIO_QUEUE)
		return false;
	*q = (struct virtio_queue){ .descriptors = (struct virtio_descriptor *)table, .given = (uint16_t *)rings,
		.used = (uint16_t *)(rings + USED_AT), .number = number };
	*reg(v, QUEUE_SIZE) = VIRTIO_QUEUE;
	queue_address(v, QUEUE_DESCRIPTORS, table);
	queue_address(v, QUEUE_GIVEN, rings);
	queue_address(v, QUEUE_USED, rings + USED_AT);
	*reg(v, QUEUE_READY) = 1;
	return true;
}

void virtio_begun(struct virtio *v)
{
	*reg(v, STATUS) = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
}

void virtio_acknowledge(struct virtio *v)
{
	*reg(v, INTERRUPT_ACKNOWLEDGE) = *reg(v, INTERRUPT_STATUS);
	mk_irq_ack(v->handle);
}

void virtio_publish(struct virtio *v, struct virtio_queue *q)
{
	if (q->given[1] == q->next)
		return;
	__asm__ volatile("dmb" ::: "memory"); /* numbers before the index */
	q->given[1] = q->next;
	__asm__ volatile("dmb" ::: "memory"); /* the index before the look at the flags */
	if (!(q->used[0] & NO_NOTIFY))
		*reg(v, QUEUE_NOTIFY) = q->number;
}

uint8_t virtio_config(struct virtio *v, unsigned at)
{
	return v->registers[VIRTIO_CONFIG + at];
}
