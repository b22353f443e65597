/* Sockets whose data stay inside the family. A struct local is one end; unix.c and inet.c name them (struct naming), local.c,
 * listen.c, stream.c and packet.c do the rest.
 *
 * A stream's two ends refer to each other from connect until both are released, so a peer pointer once seen stays good; each
 * end owns the ring it receives into. Datagram sockets may change their peer: take it by local_peer(). local.lock guards
 * state, peer (datagram), the queues; no two of these locks are held at once. */
#ifndef KX_LOCAL_H
#define KX_LOCAL_H

#include "ring.h"
#include "socket.h"

#define STREAM_RING 524288u
#define DATAGRAM_QUEUE 10u     /* net.unix.max_dgram_qlen */
#define PACKET_OVERHEAD 256u   /* what a queued packet counts beside its bytes */

struct local;
struct naming {
	const struct socket_ops *ops;
	bool half_close;       /* TCP's: the end of one side does not end the other */
	bool lossy;            /* UDP's: a datagram that does not fit is lost */
	u32 datagram_most;
	long (*find)(struct local *, const struct address *, struct local **); /* whom it names, referenced; -ECONNREFUSED */
	long (*autobind)(struct local *, const struct address *to);           /* before it talks to to (NULL: listens) */
	void (*unbind)(struct local *);
	long (*bind)(struct local *, const struct address *);
	void (*source)(struct local *from, struct local *to, struct address *); /* of a datagram, as to sees it */
	void (*adapt)(struct local *, struct address *); /* an address as this socket's family writes it; may be absent */
};

struct mark {                  /* what a stream carries beside length bytes from position at on */
	struct list node;
	u32 at, length;
	struct scm *scm;
};

struct packet {
	struct list node;
	u32 length, from_length;
	struct scm *scm;
	u8 data[];             /* and the sender's address behind it */
};

enum { LOCAL_IDLE, LOCAL_LISTENING, LOCAL_CONNECTING, LOCAL_CONNECTED };

struct local {
	struct socket s;
	u32 refs;
	struct lock lock;
	const struct naming *naming;
	u32 state, shut;       /* shut: SHUT_* */
	bool closed;           /* its file is gone */
	bool in_progress;      /* connected, but connect said EINPROGRESS and has not been asked again */
	bool no_space;         /* its writer found the peer full and wants to know when it is not */
	struct local *peer;
	struct waitq wait_in, wait_out;
	struct ring ring;      /* stream: received */
	struct list marks;     /* under lock */
	u32 mark_count;
	bool stream_cred_known;
	struct user_ucred stream_cred; /* of the bytes at the ring's tail */
	struct list packets;
	u32 packet_count, packet_bytes;
	struct waitq wait_space; /* senders that sleep for room in packets */
	struct list space_watchers; /* locals whose poll waits for it; referenced */
	struct list space_node;
	struct local *space_of;
	struct list accepting, accept_node;
	u32 accept_count, backlog;
	struct address name, peer_name; /* peer_name: inet */
	struct inode *inode;   /* unix, bound to a path */
	struct list name_node; /* in unix.c's or inet.c's table */
	bool bound, v6only;
	u16 port;
	u8 ip[16];             /* inet: bound to; IPv4 mapped */
};

static inline struct local *local_of(struct socket *s) { return container_of(s, struct local, s); }
static inline struct local *local_ref(struct local *l) { ref_get(&l->refs); return l; }

/* local.c */
extern const struct socket_ops local_ops;
struct local *local_create(const struct naming *, u32 domain, u32 type, u32 protocol);
void local_put(struct local *);
struct local *local_peer(struct local *);       /* referenced; NULL */
void local_shut(struct local *, u32 shut);      /* and wake whom it concerns */
void local_link(struct local *, struct local *);/* streams: each other's peer */
void space_available(struct local *);           /* of its packets */

/* listen.c */
long local_connect(struct socket *, const struct address *, bool nonblock);
long local_listen(struct socket *, u32 backlog);
long local_accept(struct socket *, struct socket **, bool nonblock);
void local_refuse_pending(struct local *);

/* stream.c */
long stream_send(struct local *, struct message *);
long stream_receive(struct local *, struct message *);
bool stream_writable(struct local *);
void stream_drop(struct local *);               /* marks not yet received */

/* packet.c */
long packet_send(struct local *, struct message *);
long packet_receive(struct local *, struct message *);
long packet_push(struct local *, const void *, u32 length);
bool packet_writable(struct local *);           /* arranges for a wake when it is not */
void packet_drop(struct local *);
void packet_unwatch(struct local *);
#endif
