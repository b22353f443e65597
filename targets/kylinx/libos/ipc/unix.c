/* AF_UNIX: names of sockets (paths and abstract names), pairs. */
#include "local.h"

#define BUCKETS 64
#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

static struct lock names_lock;
static struct list names[BUCKETS]; /* bound locals: by inode, or by abstract name */
static u32 next_abstract;

static u32 hash_bytes(const void *p, u32 n)
{
	const u8 *b = p;
	u32 h = 2166136261u;

	while (n--)
		h = (h ^ *b++) * 16777619u;
	return (h ^ h >> 16) % BUCKETS;
}

static bool is_abstract(const struct address *a)
{
	return a->length > PATH_OFFSET && !a->un.sun_path[0];
}

static struct list *bucket_of(const struct inode *inode, const struct address *a)
{
	return &names[inode ? hash_bytes(&inode, sizeof inode) : hash_bytes(a->bytes, a->length)];
}

/* names_lock held. Referenced; NULL. */
static struct local *name_find(const struct inode *inode, const struct address *a)
{
	list_for_each(n, bucket_of(inode, a)) {
		struct local *l = list_entry(n, struct local, name_node);

		if (l->closed || (inode ? l->inode != inode
					: l->inode || l->name.length != a->length || memcmp(l->name.bytes, a->bytes, a->length)))
			continue;
		return local_ref(l);
	}
	return NULL;
}

static long unix_find(struct local *s, const struct address *to, struct local **found)
{
	char path[sizeof to->un.sun_path + 1];
	struct inode *inode = NULL;
	u32 n = to->length - (u32)PATH_OFFSET;
	long err = 0;

	if (to->length <= PATH_OFFSET || to->length > sizeof to->un || to->family != AF_UNIX)
		return -EINVAL;
	if (!is_abstract(to)) {
		memcpy(path, to->un.sun_path, n);
		path[n] = '\0';
		inode = inode_lookup_socket(path, &err);
		if (!inode)
			return err;
	}
	lock(&names_lock);
	*found = name_find(inode, to);
	unlock(&names_lock);
	if (inode)
		inode_put(inode);
	if (!*found)
		return -ECONNREFUSED;
	if ((*found)->s.type != s->s.type)
		err = -EPROTOTYPE;
	else if (s->s.type != SOCK_DGRAM && (*found)->state != LOCAL_LISTENING)
		err = -ECONNREFUSED;
	if (err)
		local_put(*found);
	return err;
}

static void name_add(struct local *l)
{
	list_push_back(bucket_of(l->inode, &l->name), &l->name_node);
}

static long bind_abstract(struct local *l, const struct address *a)
{
	struct local *other;

	lock(&names_lock);
	other = name_find(NULL, a);
	if (!other) {
		l->name = *a;
		name_add(l);
	}
	unlock(&names_lock);
	if (!other)
		return 0;
	local_put(other);
	return -EADDRINUSE;
}

static long bind_auto(struct local *l)
{
	static const char digits[] = "0123456789abcdef";
	struct address a = { .length = PATH_OFFSET + 6, .un.sun_family = AF_UNIX };
	long err = -EADDRINUSE;

	for (u32 tries = 0; err == -EADDRINUSE && tries < 1u << 20; tries++) {
		u32 number = __atomic_fetch_add(&next_abstract, 1, __ATOMIC_RELAXED);

		for (u32 i = 0; i < 5; i++)
			a.un.sun_path[1 + i] = digits[number >> (16 - 4 * i) & 15];
		err = bind_abstract(l, &a);
	}
	return err;
}

static long bind_path(struct local *l, const struct address *from)
{
	struct address a = *from;
	char path[sizeof a.un.sun_path + 1];
	u32 n = a.length - (u32)PATH_OFFSET;
	struct inode *inode;
	long err;

	memcpy(path, a.un.sun_path, n);
	path[n] = '\0';
	err = inode_create_socket(path, l, &inode);
	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	a.length = (u32)(PATH_OFFSET + strlen(path) + 1);
	lock(&names_lock);
	l->name = a;
	l->inode = inode;
	name_add(l);
	unlock(&names_lock);
	return 0;
}

static long unix_bind(struct local *l, const struct address *a)
{
	bool taken;
	long err;

	if (a->length < sizeof a->family || a->length > sizeof a->un || a->family != AF_UNIX)
		return -EINVAL;
	lock(&l->lock); /* one bind at a time */
	taken = l->bound;
	l->bound = true;
	unlock(&l->lock);
	if (taken)
		return -EINVAL;
	if (a->length == sizeof a->family)
		err = bind_auto(l);
	else
		err = is_abstract(a) ? bind_abstract(l, a) : bind_path(l, a);
	if (err)
		l->bound = false;
	return err;
}

static void unix_unbind(struct local *l)
{
	lock(&names_lock);
	list_remove(&l->name_node);
	unlock(&names_lock);
}

static long unix_autobind(struct local *l, const struct address *to)
{
	(void)to;
	return l->s.passcred && !l->bound ? unix_bind(l, &(struct address){ .length = 2, .family = AF_UNIX }) : 0;
}

static void unix_source(struct local *from, struct local *to, struct address *a)
{
	(void)to;
	*a = from->name;
	if (!from->bound)
		a->length = 0;
}

static const struct naming unix_naming = {
	.ops = &local_ops,
	.find = unix_find,
	.autobind = unix_autobind,
	.unbind = unix_unbind,
	.bind = unix_bind,
	.source = unix_source,
};

long unix_create(u32 type, u32 protocol, struct socket **to)
{
	struct local *l;

	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	l = local_create(&unix_naming, AF_UNIX, type, 0);
	if (!l)
		return -ENOMEM;
	l->name.length = sizeof l->name.family;
	l->name.family = AF_UNIX;
	*to = &l->s;
	return 0;
}

long unix_pair(u32 type, u32 protocol, struct socket *pair[2])
{
	long err = unix_create(type, protocol, &pair[0]);

	if (err)
		return err;
	err = unix_create(type, protocol, &pair[1]);
	if (err) {
		pair[0]->ops->release(pair[0]);
		return err;
	}
	pair[0]->peer_cred = pair[1]->peer_cred = cred_current();
	local_link(local_of(pair[0]), local_of(pair[1]));
	return 0;
}

void unix_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++)
		list_init(&names[i]);
}
