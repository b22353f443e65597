/* Request-to-response time on a link, by TCP flow or DNS id. README.md defines what is matched.
 *
 * Packets are read with bpf_skb_load_bytes, which checks bounds, so that one source does for tc and for a packet
 * socket. IPv4 only. Sequence numbers are compared modulo 2^32 (RFC 9293, 3.4). */
#include <uapi/linux/if_ether.h>
#include <uapi/linux/if_packet.h>
#include <uapi/linux/in.h>
#include <uapi/linux/ip.h>
#include <uapi/linux/pkt_cls.h>
#include <uapi/linux/tcp.h>
#include <uapi/linux/udp.h>

#define CONFIG_PORT CONFIG_A
#define CONFIG_PROTOCOL CONFIG_B /* IPPROTO_TCP, or IPPROTO_UDP for DNS over UDP and TCP */
#define QUIET_NS 1000000	 /* README: after this, a flow that had several requests in flight has drained */
#define FRAGMENT 0x3fff		 /* more fragments, or an offset */
#define DNS_HEADER 12
#define DNS_RESPONSE 0x80

struct flow_key {
	u32 client, server;
	u16 client_port, server_port;
};
struct flow {
	u64 first_ns, last_ns;
	u32 first_end, end; /* sequence numbers after the first request of the busy period, and after the last */
	u8 waiting, overlapped, padding[6];
};
struct query_key {
	u32 client, server;
	u16 port, id;
};
BPF_HASH(flows, struct flow_key, struct flow, KXB_FLOWS);
BPF_HASH(queries, struct query_key, u64, KXB_FLOWS);

static __always_inline int before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

/* Request bytes up to `end`, the first of them at `begin`. */
static __always_inline void request(struct flow_key *key, u32 end, u64 now)
{
	struct flow *flow = flows.lookup(key), fresh = { .end = end, .first_end = end };

	if (!flow) {
		fresh.first_ns = fresh.last_ns = now;
		fresh.waiting = 1;
		count(COUNT_requests, 1);
		if (flows.update(key, &fresh))
			count(COUNT_lost, 1);
		return;
	}
	if (!before(flow->end, end)) {
		count(COUNT_retransmitted, 1);
		return;
	}
	count(COUNT_requests, 1);
	flow->end = end;
	if (flow->waiting || (flow->overlapped && now - flow->last_ns < QUIET_NS)) {
		flow->overlapped = 1;
		count(COUNT_overlapped, 1);
	} else {
		flow->waiting = 1;
		flow->overlapped = 0;
		flow->first_ns = now;
		flow->first_end = end;
	}
	flow->last_ns = now;
}

/* Response bytes, sent when everything before `acked` had come. */
static __always_inline void response(struct flow_key *key, u32 acked, u64 now)
{
	struct flow *flow = flows.lookup(key);

	if (!flow) {
		count(COUNT_unasked, 1);
		return;
	}
	flow->last_ns = now;
	if (!flow->waiting)
		return; /* the rest of a long response, or of an overlapped period */
	if (before(acked, flow->first_end)) {
		count(COUNT_stale, 1);
		return;
	}
	flow->waiting = 0;
	note(HIST_wire_latency, now - flow->first_ns);
}

static __always_inline void forget(struct flow_key *key)
{
	struct flow *flow = flows.lookup(key);

	if (flow && flow->waiting)
		count(COUNT_unanswered, 1);
	flows.delete(key);
}

static __always_inline void see_tcp(struct __sk_buff *skb, u32 at, u32 end, struct iphdr *ip, int to_target, u64 now)
{
	struct flow_key key = {};
	struct tcphdr tcp;
	u64 port = configured(CONFIG_PORT);
	u32 header, payload;

	if (bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp))) {
		count(COUNT_malformed, 1);
		return;
	}
	key.client = to_target ? ip->saddr : ip->daddr;
	key.server = to_target ? ip->daddr : ip->saddr;
	key.client_port = to_target ? tcp.source : tcp.dest;
	key.server_port = to_target ? tcp.dest : tcp.source;
	if (port && key.server_port != bpf_htons(port))
		return;
	header = tcp.doff * 4;
	if (header < sizeof(tcp) || at + header > end) {
		count(COUNT_malformed, 1);
		return;
	}
	payload = end - at - header;
	if (payload && to_target)
		request(&key, bpf_ntohl(tcp.seq) + payload, now);
	else if (payload)
		response(&key, bpf_ntohl(tcp.ack_seq), now);
	if (tcp.rst || (tcp.fin && !to_target))
		forget(&key);
}

static __always_inline void see_dns(struct __sk_buff *skb, u32 at, u32 end, struct iphdr *ip, int to_target, u64 now)
{
	struct query_key key = {};
	struct udphdr udp;
	u64 *begin;
	u8 dns[4];

	if (bpf_skb_load_bytes(skb, at, &udp, sizeof(udp))) {
		count(COUNT_malformed, 1);
		return;
	}
	if ((to_target ? udp.dest : udp.source) != bpf_htons(configured(CONFIG_PORT)))
		return;
	if (at + sizeof(udp) + DNS_HEADER > end || bpf_skb_load_bytes(skb, at + sizeof(udp), dns, sizeof(dns)) ||
	    !(dns[2] & DNS_RESPONSE) != to_target) {
		count(COUNT_malformed, 1);
		return;
	}
	key.client = to_target ? ip->saddr : ip->daddr;
	key.server = to_target ? ip->daddr : ip->saddr;
	key.port = to_target ? udp.source : udp.dest;
	key.id = dns[0] << 8 | dns[1];
	begin = queries.lookup(&key);
	if (to_target) {
		if (begin) { /* sent again, or its id used again: the time runs from the first */
			count(COUNT_retransmitted, 1);
			return;
		}
		count(COUNT_requests, 1);
		if (queries.update(&key, &now))
			count(COUNT_lost, 1);
	} else if (begin) {
		note(HIST_wire_latency, now - *begin);
		queries.delete(&key);
	} else {
		count(COUNT_unasked, 1);
	}
}

static __always_inline void see(struct __sk_buff *skb, int to_target)
{
	u64 now = bpf_ktime_get_ns();
	u32 at, end;
	struct iphdr ip;
	u16 type;

	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type)))
		return;
	if (type == bpf_htons(ETH_P_IPV6)) {
		count(COUNT_ipv6, 1);
		return;
	}
	if (type != bpf_htons(ETH_P_IP))
		return;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5) {
		count(COUNT_malformed, 1);
		return;
	}
	at = ETH_HLEN + ip.ihl * 4;
	/* Ethernet pads short packets, so the length is the IP header's, but for "big TCP", where that is 0. */
	end = ip.tot_len ? ETH_HLEN + bpf_ntohs(ip.tot_len) : skb->len;
	if (end > skb->len || end < at) {
		count(COUNT_malformed, 1);
		return;
	}
	if (ip.frag_off & bpf_htons(FRAGMENT))
		count(COUNT_fragments, 1);
	else if (ip.protocol == IPPROTO_TCP)
		see_tcp(skb, at, end, &ip, to_target, now);
	else if (ip.protocol == IPPROTO_UDP && configured(CONFIG_PROTOCOL) == IPPROTO_UDP)
		see_dns(skb, at, end, &ip, to_target, now);
}

/* The link is the suite's end: what leaves it goes to the target. */
int on_egress(struct __sk_buff *skb)
{
	see(skb, 1);
	return TC_ACT_UNSPEC;
}

int on_ingress(struct __sk_buff *skb)
{
	see(skb, 0);
	return TC_ACT_UNSPEC;
}

/* The same on a packet socket, which is to receive nothing. */
int on_packet(struct __sk_buff *skb)
{
	see(skb, skb->pkt_type == PACKET_OUTGOING);
	return 0;
}
