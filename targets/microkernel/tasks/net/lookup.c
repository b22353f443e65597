/* lwIP searches its list of connections from the front for each packet. Here the connection that a packet is for is found by a hash
 * and put to the front before. Its place in the list, which is linked one way, is found by a note of which was before it: notes are
 * checked, and where one is wrong the list is searched. */
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include "sockets.h"

#define BUCKETS 2048u             /* a power of two */
#define ETHERNET 14u
#define LEAST (ETHERNET + IP_HLEN + TCP_HLEN)

static struct socket *buckets[BUCKETS];

/* Ports as they stand in a packet: the peer's in the low half. */
static struct socket **bucket_of(uint32_t address, uint32_t ports)
{
	uint32_t h = (address ^ ports) * 2654435769u; /* Knuth, TAOCP 3, 6.4 */

	return &buckets[h >> 21];
}

static uint32_t ports_of(const struct tcp_pcb *pcb)
{
	return lwip_htons(pcb->remote_port) | (uint32_t)lwip_htons(pcb->local_port) << 16;
}

void lookup_add(struct socket *s)
{
	struct socket **bucket = bucket_of(ip_2_ip4(&s->tcp->remote_ip)->addr, ports_of(s->tcp));

	s->bucket = bucket;
	s->same_bucket = *bucket;
	*bucket = s;
	s->before = NULL;
}

void lookup_remove(struct socket *s)
{
	struct socket **at = s->bucket;

	if (!at)
		return;
	while (*at != s)
		at = &(*at)->same_bucket;
	*at = s->same_bucket;
	s->bucket = NULL;
}

/* A pcb that is in one of these states is in that list; pcbs lie in a pool for ever, so one may look at any. */
static bool is_before(const struct tcp_pcb *before, const struct tcp_pcb *pcb)
{
	return before && before->next == pcb && before->state > LISTEN && before->state != TIME_WAIT;
}

static void note(struct tcp_pcb *pcb, struct tcp_pcb *before)
{
	if (pcb && stream_owns(pcb))
		((struct socket *)pcb->callback_arg)->before = before;
}

static void to_front(struct socket *s)
{
	struct tcp_pcb *pcb = s->tcp, *head = tcp_active_pcbs, *before = s->before;

	if (pcb == head)
		return;
	if (!is_before(before, pcb))
		for (before = head; before && before->next != pcb;)
			before = before->next;
	if (!before)
		return;
	before->next = pcb->next;
	note(pcb->next, before);
	note(head, pcb);
	pcb->next = head;
	tcp_active_pcbs = pcb;
}

void lookup_packet(const struct pbuf *p)
{
	const uint8_t *frame = p->payload, *ip = frame + ETHERNET;
	uint32_t address, ports;

	if (p->len < LEAST || frame[12] != 8 || frame[13] || ip[0] != 0x45 || ip[9] != IP_PROTO_TCP)
		return;
	__builtin_memcpy(&address, ip + 12, sizeof address);
	__builtin_memcpy(&ports, ip + IP_HLEN, sizeof ports);
	for (struct socket *s = *bucket_of(address, ports); s; s = s->same_bucket)
		if (ip_2_ip4(&s->tcp->remote_ip)->addr == address && ports_of(s->tcp) == ports) {
			to_front(s);
			return;
		}
}
