/* UDP. */
#include "sockets.h"

static void on_datagram(void *argument, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
	struct socket *s = argument;

	(void)pcb;
	if (s->count == NET_DATAGRAMS_WAITING) {
		pbuf_free(p);
		return;
	}
	s->waiting[(s->first + s->count++) % NET_DATAGRAMS_WAITING] =
		(struct datagram){ p, lwip_ntohl(ip_2_ip4(from)->addr), port };
	if (!s->held)
		socket_tell(s, 0);
}

int datagrams_open(struct socket *s, uint16_t port)
{
	struct udp_pcb *pcb = udp_new();

	s->waiting = pcb ? mk_alloc(NET_DATAGRAMS_WAITING * sizeof *s->waiting) : NULL;
	if (!s->waiting || udp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK) {
		bool memory = s->waiting;

		mk_free(s->waiting);
		s->waiting = NULL;
		if (pcb)
			udp_remove(pcb);
		return memory ? MK_EBUSY : MK_EMEMORY;
	}
	s->udp = pcb;
	s->port = pcb->local_port;
	udp_recv(pcb, on_datagram, s);
	return 0;
}

void datagrams_close(struct socket *s)
{
	udp_remove(s->udp);
	for (; s->count; s->count--, s->first++)
		pbuf_free(s->waiting[s->first % NET_DATAGRAMS_WAITING].data);
	mk_free(s->waiting);
	socket_free(s);
}

/* As ever with datagrams, one that cannot be sent is lost. */
void datagram_send(struct socket *s, uint32_t address, uint16_t port, const void *data, uint16_t bytes)
{
	ip_addr_t to = IPADDR4_INIT(lwip_htonl(address));
	struct pbuf *p = bytes <= NET_DATAGRAM_MOST ? pbuf_alloc(PBUF_TRANSPORT, bytes, PBUF_RAM) : NULL;

	if (!p)
		return;
	memcpy(p->payload, data, bytes);
	udp_sendto(s->udp, p, &to, port);
	pbuf_free(p);
}
