/* virtio-net. Received packets stay in the buffer that the device wrote them to, as lwIP's pbufs, and go back to the device when
 * lwIP or a client is done with them. When many are out they are copied, so that those who do not read cannot stop the rest. */
#include "card.h"
#include "virtio.h"

#define BUFFER 2048u
#define HEADER 12u                /* struct virtio_net_hdr of version 1 */
#define FRAME_AT (2u + HEADER)    /* the frame's 14 bytes of Ethernet then end at a multiple of 4 */
#define FEW (VIRTIO_QUEUE / 4)    /* buffers left to the device */
#define NEEDS_CHECKSUM 1u         /* flags in the header */
#define DATA_VALID 2u

#define FEATURE_CHECKSUM (1ull << 0)
#define FEATURE_GUEST_CHECKSUM (1ull << 1)
#define FEATURE_MAC (1ull << 5)
#define FEATURE_VERSION_1 (1ull << 32)

struct header { uint8_t flags, segment_type; uint16_t header_bytes, segment_bytes, start, offset, buffers; };

static struct virtio device;
static struct virtio_queue in, out;
static uint8_t *in_buffers, *out_buffers;
static struct pbuf_custom packets[VIRTIO_QUEUE];
static uint8_t free_out[VIRTIO_QUEUE];
static unsigned free_out_count, in_given;
static bool was_full;

static uint8_t *buffers(struct virtio_queue *q, uint16_t flags)
{
	uint8_t *at = mk_pages(VIRTIO_QUEUE * BUFFER / MK_PAGE);

	for (unsigned i = 0; at && i < VIRTIO_QUEUE; i++)
		q->descriptors[i] = (struct virtio_descriptor){ mk_physical(device.handle, at + i * BUFFER) + 2u, BUFFER - 2u, flags, 0 };
	return at;
}

static void give_in(unsigned buffer)
{
	virtio_give(&in, buffer);
	in_given++;
}

/* lwIP's or a client's last use of a packet is over. */
static void packet_free(struct pbuf *p)
{
	give_in((unsigned)((struct pbuf_custom *)p - packets));
}

bool card_open(unsigned port, unsigned bits, uint8_t address[CARD_ADDRESS])
{
	if (!virtio_find(&device, VIRTIO_NETWORK) ||
	    !virtio_begin(&device, FEATURE_CHECKSUM | FEATURE_GUEST_CHECKSUM | FEATURE_MAC | FEATURE_VERSION_1) ||
	    !virtio_queue_open(&device, &in, 0) || !virtio_queue_open(&device, &out, 1))
		return false;
	in_buffers = buffers(&in, VIRTIO_DEVICE_WRITES);
	out_buffers = buffers(&out, 0);
	if (!in_buffers || !out_buffers || mk_irq_bind(device.handle, port, bits))
		return false;
	for (unsigned i = 0; i < CARD_ADDRESS; i++)
		address[i] = virtio_config(&device, i);
	for (unsigned i = 0; i < VIRTIO_QUEUE; i++) {
		packets[i].custom_free_function = packet_free;
		free_out[free_out_count++] = (uint8_t)i;
		give_in(i);
	}
	virtio_interrupts(&out, false);
	virtio_begun(&device);
	card_flush();
	return true;
}

bool card_computes_checksums(void)
{
	return device.features & FEATURE_CHECKSUM;
}

void card_acknowledge(void)
{
	virtio_acknowledge(&device);
}

/* The packet in its buffer, or a copy of it; NULL: no memory. */
static struct pbuf *packet(unsigned buffer, unsigned bytes)
{
	uint8_t *frame = in_buffers + buffer * BUFFER + FRAME_AT;
	struct pbuf *p;

	if (in_given >= FEW)
		return pbuf_alloced_custom(PBUF_RAW, (uint16_t)bytes, PBUF_REF, &packets[buffer], frame, BUFFER - FRAME_AT);
	p = net_memory_for_received() ? pbuf_alloc(PBUF_RAW_TX, (uint16_t)bytes, PBUF_RAM) : NULL;
	if (p)
		pbuf_take(p, frame, (uint16_t)bytes);
	give_in(buffer);
	return p;
}

void card_receive(void (*input)(struct pbuf *p, bool checked))
{
	while (virtio_has_used(&in)) {
		struct virtio_used u = virtio_take(&in);
		const struct header *h = (const struct header *)(in_buffers + u.index % VIRTIO_QUEUE * BUFFER + 2u);
		struct pbuf *p = NULL;

		if (u.index >= VIRTIO_QUEUE)
			continue;
		in_given--;
		if (u.bytes > HEADER && u.bytes <= BUFFER - 2u)
			p = packet(u.index, u.bytes - HEADER);
		else
			give_in(u.index);
		if (p)
			input(p, h->flags & (NEEDS_CHECKSUM | DATA_VALID));
	}
}

static void take_back_sent(void)
{
	while (virtio_has_used(&out)) {
		unsigned index = virtio_take(&out).index;

		if (index < VIRTIO_QUEUE && free_out_count < VIRTIO_QUEUE)
			free_out[free_out_count++] = (uint8_t)index;
	}
}

uint8_t *card_frame(unsigned *buffer)
{
	if (!free_out_count)
		take_back_sent();
	if (!free_out_count) {
		was_full = true;
		return NULL;
	}
	*buffer = free_out[--free_out_count];
	return out_buffers + *buffer * BUFFER + FRAME_AT;
}

void card_send(unsigned buffer, unsigned bytes, struct card_checksum checksum)
{
	struct header *h = (struct header *)(out_buffers + buffer * BUFFER + 2u);

	*h = (struct header){ .flags = checksum.wanted ? NEEDS_CHECKSUM : 0, .start = checksum.start, .offset = checksum.offset };
	out.descriptors[buffer].bytes = HEADER + bytes;
	virtio_give(&out, buffer);
}

void card_flush(void)
{
	virtio_publish(&device, &out);
	virtio_publish(&device, &in);
}

bool card_can_send_again(void)
{
	if (!was_full)
		return false;
	take_back_sent();
	if (free_out_count < VIRTIO_QUEUE / 2)
		return false;
	was_full = false;
	return true;
}

bool card_idle(void)
{
	virtio_interrupts(&in, true);
	virtio_interrupts(&out, was_full);
	return !virtio_has_used(&in) && !(was_full && virtio_has_used(&out));
}
