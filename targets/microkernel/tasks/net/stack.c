/* lwIP between the card and the sockets: one interface with the address of the line's option ip=A.B.C.D/BITS. */
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "card.h"
#include "random.h"
#include "sockets.h"
#include "stack.h"

#define ETHERNET 14u
#define STIRS 64u                 /* interrupts whose times go into the random numbers */

static struct netif interface;
static uint32_t now_ms, counted_to, counts_in_ms;

/* ---- Time: milliseconds without 64-bit division, looked at once a turn ---- */

void stack_look_at_clock(void)
{
	uint32_t past = (uint32_t)mk_counter() - counted_to, ms;

	if (past < counts_in_ms)
		return;
	ms = past / counts_in_ms;
	now_ms += ms;
	counted_to += ms * counts_in_ms;
}

uint32_t sys_now(void) { return now_ms; }
uint32_t stack_ms(void) { return now_ms; }

uint32_t stack_sleep_ms(void)
{
	uint32_t ms = sys_timeouts_sleeptime();

	return ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE || ms > 1000 ? 1000 : ms ? ms : 1;
}

/* ---- Out ---- */

static uint32_t sum_words(const uint8_t *at, unsigned bytes)
{
	uint32_t sum = 0;

	for (; bytes; bytes -= 2, at += 2)
		sum += (uint32_t)at[0] << 8 | at[1];
	return sum;
}

/* TCP and UDP leave lwIP with no checksum; the card adds it to the sum of the pseudo header (RFC 9293, 3.1). */
static struct card_checksum checksum(uint8_t *frame, unsigned bytes)
{
	uint8_t *ip = frame + ETHERNET, *field;
	unsigned header = (ip[0] & 15u) * 4, offset = ip[9] == IP_PROTO_TCP ? 16 : 6, segment;
	bool fragment = (ip[6] & 0x3f) | ip[7];
	uint32_t sum;

	if (frame[12] != 8 || frame[13] || (ip[9] != IP_PROTO_TCP && ip[9] != IP_PROTO_UDP) || fragment ||
	    bytes < ETHERNET + header + offset + 2)
		return (struct card_checksum){ 0 };
	segment = ((unsigned)ip[2] << 8 | ip[3]) - header;
	sum = sum_words(ip + 12, 8) + ip[9] + segment;
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	field = ip + header + offset;
	field[0] = (uint8_t)(sum >> 8);
	field[1] = (uint8_t)sum;
	return (struct card_checksum){ (uint16_t)(ETHERNET + header), (uint16_t)offset, true };
}

static err_t output(struct netif *n, struct pbuf *p)
{
	struct card_checksum sum = { 0 };
	unsigned buffer, bytes = 0;
	uint8_t *frame;

	(void)n;
	if (p->tot_len > CARD_FRAME_MOST)
		return ERR_BUF;
	frame = card_frame(&buffer);
	if (!frame)
		return ERR_MEM;
	for (const struct pbuf *q = p; q; q = q->next) {
		memcpy(frame + bytes, q->payload, q->len);
		bytes += q->len;
	}
	if (card_computes_checksums())
		sum = checksum(frame, bytes);
	card_send(buffer, bytes, sum);
	return ERR_OK;
}

/* The card has room again after it had none: what connections could not send then is sent now. */
static void output_again(void)
{
	for (struct tcp_pcb *pcb = tcp_active_pcbs, *next; pcb; pcb = next) {
		next = pcb->next;
		if (pcb->unsent)
			tcp_output(pcb);
	}
}

/* ---- In ---- */

/* A packet whose checksum the host never computed cannot be checked, and one that came over a wire must be. */
static void input(struct pbuf *p, bool checked)
{
	uint16_t flags = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;

	lookup_packet(p);
	interface.chksum_flags = (uint16_t)(checked ? interface.chksum_flags & ~flags : interface.chksum_flags | flags);
	if (interface.input(p, &interface) != ERR_OK)
		pbuf_free(p);
}

void stack_interrupt(void)
{
	static unsigned stirs;

	card_acknowledge();
	if (stirs < STIRS) {
		stirs++;
		random_stir((uint32_t)mk_counter());
	}
}

void stack_run(void)
{
	card_receive(input);
	sys_check_timeouts();
	if (card_can_send_again())
		output_again();
}

void stack_flush(void) { card_flush(); }
bool stack_idle(void) { return card_idle(); }

/* ---- Beginning ---- */

static err_t describe(struct netif *n)
{
	uint16_t generated = NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP;

	n->name[0] = 'v';
	n->name[1] = 'n';
	n->mtu = CARD_FRAME_MOST - ETHERNET;
	n->hwaddr_len = CARD_ADDRESS;
	n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
	n->output = etharp_output;
	n->linkoutput = output;
	n->chksum_flags = (uint16_t)(NETIF_CHECKSUM_ENABLE_ALL & ~(card_computes_checksums() ? generated : 0));
	return ERR_OK;
}

/* A.B.C.D, and the bits of its network behind a slash. */
static bool address_option(const char *name, ip4_addr_t *address, ip4_addr_t *mask)
{
	char text[24], *slash;
	unsigned bits = 0;

	if (!mk_option(name, text, sizeof text))
		return false;
	for (slash = text; *slash && *slash != '/'; slash++)
		;
	for (char *d = slash + 1; *slash && *d >= '0' && *d <= '9'; d++)
		bits = bits * 10 + (unsigned)(*d - '0');
	*slash = 0;
	if (!ip4addr_aton(text, address) || bits > 32)
		return false;
	mask->addr = lwip_htonl(bits ? ~0u << (32 - bits) : 0);
	return true;
}

const char *stack_open(unsigned port, unsigned interrupt_bits)
{
	ip4_addr_t address, mask, gateway = { 0 }, none;

	counts_in_ms = mk_counter_hz() / 1000;
	counted_to = (uint32_t)mk_counter();
	random_start();
	if (!address_option("ip", &address, &mask))
		return "no address: the command line needs ip=A.B.C.D/BITS";
	address_option("gateway", &gateway, &none);
	lwip_init();
	if (!card_open(port, interrupt_bits, interface.hwaddr))
		return "no virtio network card of version 2 (of QEMU: -global virtio-mmio.force-legacy=false)";
	netif_add(&interface, &address, &mask, &gateway, NULL, describe, ethernet_input);
	netif_set_default(&interface);
	netif_set_up(&interface); /* announces itself by ARP */
	card_flush();
	return NULL;
}
