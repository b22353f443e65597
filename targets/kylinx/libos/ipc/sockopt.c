/* getsockopt and setsockopt: SOL_SOCKET here; TCP's, IP's and IPv6's integers are remembered; the rest is the family's. */
#include "socket.h"
#include <linux/tcp.h>

#define SOL_TCP 6
#define BUFFER_MOST 212992u /* net.core.wmem_max; doubled as Linux does */
#define SO_PEERPIDFD_NR 77

/* ---- integers that are only remembered --------------------------------------------------------------------------------- */

static const struct { u16 level, first, last; } remembered[] = {
	{ SOL_TCP, TCP_NODELAY, TCP_WINDOW_CLAMP },
	{ SOL_TCP, TCP_QUICKACK, TCP_QUICKACK },
	{ SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, TCP_USER_TIMEOUT },
	{ SOL_TCP, TCP_FASTOPEN, TCP_FASTOPEN },
	{ SOL_TCP, TCP_NOTSENT_LOWAT, TCP_NOTSENT_LOWAT },
	{ SOL_TCP, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_CONNECT },
	{ IPPROTO_IP, IP_TOS, IP_HDRINCL },
	{ IPPROTO_IP, IP_PKTINFO, IP_TRANSPARENT },
	{ IPPROTO_IP, IP_MINTTL, IP_BIND_ADDRESS_NO_PORT },
	{ IPPROTO_IP, IP_MULTICAST_TTL, IP_MULTICAST_LOOP },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_MULTICAST_LOOP },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_RECVERR },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, IPV6_TCLASS },
	{ SOL_SOCKET, SO_DEBUG, SO_DEBUG },
	{ SOL_SOCKET, SO_DONTROUTE, SO_DONTROUTE },
	{ SOL_SOCKET, SO_OOBINLINE, SO_PRIORITY },
	{ SOL_SOCKET, SO_TIMESTAMP_OLD, SO_TIMESTAMP_OLD },
	{ SOL_SOCKET, SO_TIMESTAMPNS_OLD, SO_TIMESTAMPING_OLD },
	{ SOL_SOCKET, SO_MARK, SO_MARK },
	{ SOL_SOCKET, SO_RXQ_OVFL, SO_RXQ_OVFL },
	{ SOL_SOCKET, SO_BUSY_POLL, SO_BUSY_POLL },
	{ SOL_SOCKET, SO_INCOMING_CPU, SO_INCOMING_CPU },
	{ SOL_SOCKET, SO_ZEROCOPY, SO_ZEROCOPY },
};

static bool is_remembered(int level, int name)
{
	for (u32 i = 0; i < ARRAY_SIZE(remembered); i++)
		if (level == remembered[i].level && name >= remembered[i].first && name <= remembered[i].last)
			return true;
	return false;
}

static long remember(struct socket *s, int level, int name, int value)
{
	struct socket_option *o = NULL;
	long err = 0;

	lock(&s->option_lock);
	for (u32 i = 0; i < s->option_count; i++)
		if (s->options[i].level == level && s->options[i].name == name)
			o = &s->options[i];
	if (!o) {
		struct socket_option *more = krealloc(s->options, (s->option_count + 1) * sizeof *more);

		if (more) {
			s->options = more;
			o = &more[s->option_count++];
		}
	}
	if (o)
		*o = (struct socket_option){ level, name, value };
	else
		err = -ENOMEM;
	unlock(&s->option_lock);
	return err;
}

static int recall(struct socket *s, int level, int name)
{
	int value = 0;

	lock(&s->option_lock);
	for (u32 i = 0; i < s->option_count; i++)
		if (s->options[i].level == level && s->options[i].name == name)
			value = s->options[i].value;
	unlock(&s->option_lock);
	return value;
}

/* ---- set ------------------------------------------------------------------------------------------------------------------ */

static long set_timeout(u64 *timeout, const void *value, u32 length)
{
	struct timeval t;

	if (length < sizeof t)
		return -EINVAL;
	memcpy(&t, value, sizeof t);
	if (t.tv_usec < 0 || t.tv_usec >= 1000000)
		return -EDOM;
	if (t.tv_sec < 0)
		*timeout = 0;
	else if ((!t.tv_sec && !t.tv_usec) || (u64)t.tv_sec > NEVER / NS_PER_S / 2)
		*timeout = NEVER;
	else
		*timeout = (u64)t.tv_sec * NS_PER_S + (u64)t.tv_usec * 1000;
	return 0;
}

static u32 buffer_size(int value, u32 least)
{
	u32 size = value < 0 || (u32)value > BUFFER_MOST ? BUFFER_MOST * 2 : (u32)value * 2;

	return size < least ? least : size;
}

static long set_socket(struct socket *s, int name, const void *value, u32 length)
{
	int number = 0;

	if (length < sizeof number)
		return -EINVAL;
	memcpy(&number, value, sizeof number);
	switch (name) {
	case SO_REUSEADDR:
		s->reuse_address = number;
		return 0;
	case SO_REUSEPORT:
		s->reuse_port = number;
		return 0;
	case SO_KEEPALIVE:
		s->keepalive = number;
		return 0;
	case SO_BROADCAST:
		s->broadcast = number;
		return 0;
	case SO_PASSCRED:
		if (s->family != AF_UNIX)
			return -EOPNOTSUPP;
		s->passcred = number;
		return 0;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		s->send_buffer = buffer_size(number, 4608);
		s->send_buffer_set = true;
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		s->receive_buffer = buffer_size(number, 2304);
		return 0;
	case SO_RCVLOWAT:
		s->low_water = number > 0 ? (u32)number : 1;
		return 0;
	case SO_LINGER:
		if (length < sizeof s->linger)
			return -EINVAL;
		memcpy(&s->linger, value, sizeof s->linger);
		s->linger.on = !!s->linger.on;
		return 0;
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
		return set_timeout(&s->receive_timeout, value, length);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		return set_timeout(&s->send_timeout, value, length);
	case SO_BINDTODEVICE:
	case SO_ATTACH_FILTER:
	case SO_DETACH_FILTER:
		return -EPERM;
	default:
		return -ENOPROTOOPT;
	}
}

long sys_setsockopt(int fd, int level, int name, const void __user *from, int length)
{
	char value[64];
	struct socket *s;
	long err;
	struct fd f = socket_get(fd, &s, &err);
	u32 n = length < 0 ? 0 : (u32)length < sizeof value ? (u32)length : sizeof value;

	if (!f.file)
		return err;
	if (length < 0)
		err = -EINVAL;
	else if (n && copy_from_user(value, from, n))
		err = -EFAULT;
	else if (is_remembered(level, name) && (level == SOL_SOCKET || s->family != AF_UNIX)) {
		int number = 0;

		memcpy(&number, value, n < sizeof number ? n : sizeof number);
		err = n < (level == IPPROTO_IP ? 1 : sizeof number) ? -EINVAL : remember(s, level, name, number);
	} else {
		err = level == SOL_SOCKET ? set_socket(s, name, value, n) : -ENOPROTOOPT;
		if (err == -ENOPROTOOPT && s->ops->option_set)
			err = s->ops->option_set(s, level, name, value, n);
		else if (err == -ENOPROTOOPT && level != SOL_SOCKET && s->family == AF_UNIX)
			err = -EOPNOTSUPP;
	}
	fd_put(f);
	return err;
}

/* ---- get ------------------------------------------------------------------------------------------------------------------ */

static struct timeval timeout_value(u64 timeout)
{
	if (timeout == NEVER)
		return (struct timeval){ 0 };
	return (struct timeval){ .tv_sec = (long)(timeout / NS_PER_S), .tv_usec = (long)(timeout % NS_PER_S / 1000) };
}

/* An integer option's value; -ENOPROTOOPT: it is none of these. */
static long get_number(struct socket *s, int name, int *value)
{
	switch (name) {
	case SO_REUSEADDR:
		*value = s->reuse_address;
		return 0;
	case SO_REUSEPORT:
		*value = s->reuse_port;
		return 0;
	case SO_KEEPALIVE:
		*value = s->keepalive;
		return 0;
	case SO_BROADCAST:
		*value = s->broadcast;
		return 0;
	case SO_PASSCRED:
		*value = s->passcred;
		return 0;
	case SO_TYPE:
		*value = (int)s->type;
		return 0;
	case SO_DOMAIN:
		*value = (int)s->family;
		return 0;
	case SO_PROTOCOL:
		*value = (int)s->protocol;
		return 0;
	case SO_ERROR:
		*value = -socket_take_error(s);
		return 0;
	case SO_SNDBUF:
		*value = (int)s->send_buffer;
		return 0;
	case SO_RCVBUF:
		*value = (int)s->receive_buffer;
		return 0;
	case SO_RCVLOWAT:
		*value = (int)s->low_water;
		return 0;
	case SO_SNDLOWAT:
		*value = 1;
		return 0;
	case SO_ACCEPTCONN:
		*value = s->listening;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static long get_socket(struct socket *s, int name, void *value, u32 *length)
{
	struct user_ucred nobody = { .pid = 0, .uid = ~0u, .gid = ~0u };
	struct timeval t;

	switch (name) {
	case SO_LINGER:
		*length = sizeof s->linger;
		memcpy(value, &s->linger, sizeof s->linger);
		return 0;
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW:
		t = timeout_value(name == SO_RCVTIMEO_OLD || name == SO_RCVTIMEO_NEW ? s->receive_timeout : s->send_timeout);
		*length = sizeof t;
		memcpy(value, &t, sizeof t);
		return 0;
	case SO_PEERCRED:
		*length = sizeof nobody;
		memcpy(value, s->peer_cred.pid ? &s->peer_cred : &nobody, sizeof nobody);
		return 0;
	default:
		*length = sizeof(int);
		return get_number(s, name, value);
	}
}

static long get_option(struct socket *s, int level, int name, void *value, u32 *length)
{
	long err = -ENOPROTOOPT;
	int number;

	*length = sizeof number;
	if (is_remembered(level, name) && (level == SOL_SOCKET || s->family != AF_UNIX)) {
		number = recall(s, level, name);
		memcpy(value, &number, sizeof number);
		return 0;
	}
	if (level == SOL_SOCKET)
		err = get_socket(s, name, value, length);
	else if (s->family == AF_UNIX)
		return -EOPNOTSUPP;
	if (err == -ENOPROTOOPT && s->ops->option_get)
		err = s->ops->option_get(s, level, name, value, length);
	return err;
}

long sys_getsockopt(int fd, int level, int name, void __user *to, int __user *length)
{
	char value[256];
	struct socket *s;
	u32 n = 0;
	int room;
	long err;
	struct fd f = socket_get(fd, &s, &err);

	if (!f.file)
		return err;
	memset(value, 0, sizeof value);
	if (get_user(room, length))
		err = -EFAULT;
	else if (room < 0)
		err = -EINVAL;
	else
		err = get_option(s, level, name, value, &n);
	if (!err) {
		n = n < (u32)room ? n : (u32)room;
		if ((n && copy_to_user(to, value, n)) || put_user((int)n, length))
			err = -EFAULT;
	}
	fd_put(f);
	return err;
}
