/* AF_NETLINK, as far as it goes without a network: sockets of NETLINK_ROUTE can be made and named, and receive what the LibOS
 * puts there (mq_notify's messages to glibc's thread). Nobody answers a request. */
#include "local.h"
#include <linux/netlink.h>

static long netlink_find(struct local *s, const struct address *to, struct local **found)
{
	(void)s;
	(void)to;
	(void)found;
	return -ECONNREFUSED;
}

static long netlink_bind(struct local *l, const struct address *a)
{
	struct sockaddr_nl name;

	if (a->length < sizeof name || a->family != AF_NETLINK)
		return -EINVAL;
	memcpy(&name, a->bytes, sizeof name);
	if (!name.nl_pid)
		name.nl_pid = current->proc->pid;
	lock(&l->lock);
	memcpy(l->name.bytes, &name, sizeof name);
	l->bound = true;
	unlock(&l->lock);
	return 0;
}

static long netlink_autobind(struct local *l, const struct address *to)
{
	struct address a = { .length = sizeof(struct sockaddr_nl), .family = AF_NETLINK };

	(void)to;
	return l->bound ? 0 : netlink_bind(l, &a);
}

static void netlink_unbind(struct local *l)
{
	(void)l;
}

static void netlink_source(struct local *from, struct local *to, struct address *a)
{
	(void)to;
	*a = from->name;
}

static const struct naming netlink_naming = {
	.ops = &local_ops,
	.find = netlink_find,
	.autobind = netlink_autobind,
	.unbind = netlink_unbind,
	.bind = netlink_bind,
	.source = netlink_source,
};

long netlink_create(u32 type, u32 protocol, struct socket **to)
{
	struct local *l;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	l = local_create(&netlink_naming, AF_NETLINK, SOCK_DGRAM, protocol);
	if (!l)
		return -ENOMEM;
	l->name.length = sizeof(struct sockaddr_nl);
	l->name.family = AF_NETLINK;
	*to = &l->s;
	return 0;
}
