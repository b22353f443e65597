/* AF_INET and AF_INET6 on loopback: ports and addresses. All addresses are kept as IPv6, IPv4 ones mapped (::ffff:a.b.c.d). */
#include "local.h"
#include <linux/tcp.h>

#define BUCKETS 256
#define EPHEMERAL_FIRST 32768u
#define EPHEMERAL_COUNT 28232u /* net.ipv4.ip_local_port_range */
#define UDP_MOST 65507u
#define IN6_LEAST 24u          /* before sin6_scope_id was added */

static struct lock ports_lock;
static struct list ports[BUCKETS]; /* bound locals, by port */
static u32 next_ephemeral, next_listener;
static struct socket_ops inet_ops;

static const u8 loopback6[16] = { [15] = 1 }, any6[16];
static const u8 mapped[16] = { [10] = 0xff, [11] = 0xff }; /* 0.0.0.0 */

static u16 swap16(u16 v) { return (u16)(v << 8 | v >> 8); }
static bool is_v4(const u8 *ip) { return !memcmp(ip, mapped, 12); }
static bool is_any(const u8 *ip) { return is_v4(ip) ? !memcmp(ip + 12, any6, 4) : !memcmp(ip, any6, 16); }
static bool is_loopback(const u8 *ip) { return is_v4(ip) ? ip[12] == 127 : !memcmp(ip, loopback6, 16); }

/* ---- addresses ------------------------------------------------------------------------------------------------------------ */

static void ip_loopback(u8 *ip)
{
	bool v4 = is_v4(ip);

	memcpy(ip, v4 ? (const u8[16]){ [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } : loopback6, 16);
}

static long address_parse(const struct local *l, const struct address *a, u8 *ip, u16 *port)
{
	if (a->family == AF_INET && a->length >= sizeof a->in && l->s.family == AF_INET) {
		memcpy(ip, mapped, 12);
		memcpy(ip + 12, &a->in.sin_addr, 4);
		*port = swap16(a->in.sin_port);
		return 0;
	}
	if (a->family == AF_INET6 && a->length >= IN6_LEAST && l->s.family == AF_INET6) {
		memcpy(ip, &a->in6.sin6_addr, 16);
		*port = swap16(a->in6.sin6_port);
		return 0;
	}
	return a->length < (l->s.family == AF_INET ? sizeof a->in : IN6_LEAST) ? -EINVAL : -EAFNOSUPPORT;
}

static void address_format(const struct local *l, const u8 *ip, u16 port, struct address *a)
{
	memset(a, 0, sizeof *a);
	a->family = (u16)l->s.family;
	if (l->s.family == AF_INET) {
		a->length = sizeof a->in;
		a->in.sin_port = swap16(port);
		memcpy(&a->in.sin_addr, ip + 12, 4);
	} else {
		a->length = sizeof a->in6;
		a->in6.sin6_port = swap16(port);
		memcpy(&a->in6.sin6_addr, ip, 16);
	}
}

static void inet_adapt(struct local *l, struct address *a)
{
	struct local as = { .s.family = a->family };
	u8 ip[16];
	u16 port;

	if (a->family != l->s.family && !address_parse(&as, a, ip, &port))
		address_format(l, ip, port, a);
}

static void ip_any(const struct local *l, u8 *ip)
{
	memset(ip, 0, 16);
	if (l->s.family == AF_INET)
		memcpy(ip, mapped, sizeof mapped);
}

/* The address that l's packets to ip come from. */
static void source_ip(const struct local *l, const u8 *to, u8 *ip)
{
	memcpy(ip, l->bound && !is_any(l->ip) ? l->ip : to, 16);
	if (!l->bound || is_any(l->ip))
		ip_loopback(ip);
}

static void inet_source(struct local *from, struct local *to, struct address *a)
{
	u8 ip[16];

	if (to->s.type == SOCK_STREAM) { /* TCP does not say */
		a->length = 0;
		return;
	}
	source_ip(from, from->s.family == AF_INET || to->s.family == AF_INET ? mapped : loopback6, ip);
	address_format(to, ip, from->port, a);
}

/* ---- the table of ports: ports_lock held ------------------------------------------------------------------------------------ */

static bool covers(const struct local *l, const u8 *ip)
{
	if (!is_any(l->ip))
		return !memcmp(l->ip, ip, 16);
	if (is_v4(l->ip))
		return is_v4(ip);
	return !is_v4(ip) || !l->v6only;
}

static bool overlap(const struct local *a, const u8 *ip, bool v6only)
{
	struct local b = { .v6only = v6only };

	memcpy(b.ip, ip, 16);
	return covers(a, ip) || covers(&b, a->ip);
}

static bool share_port(const struct local *a, const struct local *b)
{
	if (a->s.reuse_port && b->s.reuse_port)
		return true;
	return a->s.reuse_address && b->s.reuse_address && (a->s.type == SOCK_DGRAM || a->state != LOCAL_LISTENING);
}

static bool port_free(const struct local *l, const u8 *ip, u16 port, bool chosen)
{
	list_for_each(n, &ports[port % BUCKETS]) {
		const struct local *o = list_entry(n, struct local, name_node);

		if (o->port == port && o->s.type == l->s.type && overlap(o, ip, l->v6only) && (chosen || !share_port(o, l)))
			return false;
	}
	return true;
}

static long port_take(struct local *l, const u8 *ip, u16 port)
{
	bool found = port_free(l, ip, port, false);

	for (u32 i = 0; !port && i < EPHEMERAL_COUNT; i++) {
		u16 candidate = (u16)(EPHEMERAL_FIRST + (next_ephemeral += 1) % EPHEMERAL_COUNT);

		if (port_free(l, ip, candidate, true))
			port = candidate;
	}
	if (!port || !found)
		return -EADDRINUSE;
	memcpy(l->ip, ip, 16);
	l->port = port;
	list_push_back(&ports[port % BUCKETS], &l->name_node);
	l->bound = true;
	return 0;
}

/* ---- naming ------------------------------------------------------------------------------------------------------------------- */

static long bind_to(struct local *l, const u8 *ip, u16 port)
{
	long err;

	lock(&ports_lock);
	err = l->bound ? -EINVAL : port_take(l, ip, port);
	unlock(&ports_lock);
	if (!err)
		address_format(l, ip, l->port, &l->name);
	return err;
}

static long inet_bind(struct local *l, const struct address *a)
{
	u8 ip[16];
	u16 port;
	long err = address_parse(l, a, ip, &port);

	if (err)
		return err;
	if (!is_any(ip) && !is_loopback(ip))
		return -EADDRNOTAVAIL;
	if (port && port < 1024 && current->proc->cred.euid)
		return -EACCES;
	return bind_to(l, ip, port);
}

static long inet_autobind(struct local *l, const struct address *to)
{
	u8 ip[16], peer[16];
	u16 port;
	long err;

	ip_any(l, ip);
	if (!to || l->s.type == SOCK_DGRAM)
		return l->bound ? 0 : bind_to(l, ip, 0);
	err = address_parse(l, to, peer, &port);
	if (err)
		return err;
	if (is_any(peer))
		ip_loopback(peer);
	source_ip(l, peer, ip);
	if (!l->bound)
		err = bind_to(l, ip, 0);
	if (!err) {
		address_format(l, ip, l->port, &l->name);
		address_format(l, peer, port, &l->peer_name);
	}
	return err;
}

static void inet_unbind(struct local *l)
{
	lock(&ports_lock);
	list_remove(&l->name_node);
	unlock(&ports_lock);
}

/* Does a connected datagram socket take what s sends? */
static bool accepts_from(const struct local *l, const struct local *s, const u8 *dest)
{
	u8 ip[16], from[16];
	u16 port;

	if (!l->peer_name.length || address_parse(l, &l->peer_name, ip, &port))
		return true;
	if (is_any(ip))
		ip_loopback(ip);
	source_ip(s, dest, from);
	return port == s->port && !memcmp(ip, from, 16);
}

/* 0: not for it; else the better the greater. */
static u32 score(const struct local *l, const struct local *s, const u8 *ip, u16 port)
{
	if (l->port != port || l->s.type != s->s.type || l->closed || !covers(l, ip))
		return 0;
	if (s->s.type == SOCK_STREAM)
		return l->state == LOCAL_LISTENING ? 1 + !is_any(l->ip) : 0;
	if (!accepts_from(l, s, ip))
		return 0;
	return 1 + !is_any(l->ip) + 2 * !!l->peer_name.length;
}

static long inet_find(struct local *s, const struct address *to, struct local **found)
{
	u32 best = 0, ties = 0, pick;
	u8 ip[16];
	u16 port;
	long err = address_parse(s, to, ip, &port);

	if (err)
		return err;
	if (is_any(ip))
		ip_loopback(ip);
	if (!is_loopback(ip))
		return -ENETUNREACH;
	*found = NULL;
	lock(&ports_lock);
	list_for_each(n, &ports[port % BUCKETS]) {
		u32 it = score(list_entry(n, struct local, name_node), s, ip, port);

		ties = it > best ? 1 : ties + (it && it == best);
		best = it > best ? it : best;
	}
	pick = ties ? next_listener++ % ties : 0; /* of those that share a port by SO_REUSEPORT, each in turn */
	list_for_each(n, &ports[port % BUCKETS]) {
		struct local *l = list_entry(n, struct local, name_node);

		if (best && score(l, s, ip, port) == best && !pick--) {
			*found = local_ref(l);
			break;
		}
	}
	unlock(&ports_lock);
	return *found ? 0 : -ECONNREFUSED;
}

static const struct naming tcp_naming = {
	.ops = &inet_ops,
	.half_close = true,
	.find = inet_find,
	.autobind = inet_autobind,
	.unbind = inet_unbind,
	.bind = inet_bind,
	.source = inet_source,
	.adapt = inet_adapt,
};

static const struct naming udp_naming = {
	.ops = &inet_ops,
	.lossy = true,
	.datagram_most = UDP_MOST,
	.find = inet_find,
	.autobind = inet_autobind,
	.unbind = inet_unbind,
	.bind = inet_bind,
	.source = inet_source,
	.adapt = inet_adapt,
};

/* ---- options --------------------------------------------------------------------------------------------------------------------- */

static long inet_name(struct socket *s, bool peer, struct address *to)
{
	struct local *l = local_of(s);
	u8 ip[16];

	if (peer && s->type == SOCK_DGRAM) {
		*to = l->peer_name;
		return to->length ? 0 : -ENOTCONN;
	}
	if (peer || l->name.length)
		return local_ops.name(s, peer, to);
	ip_any(l, ip);
	address_format(l, ip, 0, to);
	return 0;
}

static long inet_option_set(struct socket *s, int level, int name, const void *value, u32 length)
{
	struct local *l = local_of(s);
	int number = 0;

	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return 0;
	if (level != IPPROTO_IPV6 || name != IPV6_V6ONLY || s->family != AF_INET6)
		return -ENOPROTOOPT;
	if (length < sizeof number || l->bound)
		return -EINVAL;
	memcpy(&number, value, sizeof number);
	l->v6only = number;
	return 0;
}

static long inet_option_get(struct socket *s, int level, int name, void *value, u32 *length)
{
	struct local *l = local_of(s);
	struct tcp_info info;
	int number = l->v6only;

	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		*length = sizeof "cubic";
		memcpy(value, "cubic", sizeof "cubic");
		return 0;
	}
	if (level == IPPROTO_TCP && name == TCP_INFO) {
		memset(&info, 0, sizeof info);
		info.tcpi_state = l->state == LOCAL_LISTENING ? 10 : l->state == LOCAL_CONNECTED ? 1 : 7;
		*length = sizeof info < 256 ? sizeof info : 256;
		memcpy(value, &info, *length);
		return 0;
	}
	if (level != IPPROTO_IPV6 || name != IPV6_V6ONLY || s->family != AF_INET6)
		return -ENOPROTOOPT;
	memcpy(value, &number, sizeof number);
	return 0;
}

long inet_create(u32 domain, u32 type, u32 protocol, struct socket **to)
{
	struct local *l;
	u32 own = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;

	if (type == SOCK_RAW)
		return -EPERM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol && protocol != own)
		return -EPROTONOSUPPORT;
	l = local_create(type == SOCK_STREAM ? &tcp_naming : &udp_naming, domain, type, own);
	if (!l)
		return -ENOMEM;
	*to = &l->s;
	return 0;
}

void inet_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++)
		list_init(&ports[i]);
	inet_ops = local_ops;
	inet_ops.name = inet_name;
	inet_ops.option_set = inet_option_set;
	inet_ops.option_get = inet_option_get;
	next_ephemeral = (u32)now_real_ns();
}
