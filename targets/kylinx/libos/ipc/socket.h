/* Sockets: what socket.c (life), message.c (send, receive), sockopt.c and scm.c share with the families behind them. The seam
 * is struct socket_ops: local.c moves data inside the family for AF_UNIX (unix.c names its sockets) and for loopback (inet.c);
 * another transport gives operations of its own. */
#ifndef KX_SOCKET_H
#define KX_SOCKET_H

#include "ipc.h"
#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_SEQPACKET 5
#define SOCK_TYPE_MASK 15

#define MSG_OOB 1u
#define MSG_PEEK 2u
#define MSG_CTRUNC 8u
#define MSG_TRUNC 0x20u
#define MSG_DONTWAIT 0x40u
#define MSG_EOR 0x80u
#define MSG_WAITALL 0x100u
#define MSG_NOSIGNAL 0x4000u
#define MSG_ERRQUEUE 0x2000u
#define MSG_WAITFORONE 0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u

#define SHUT_IN 1u  /* no more is received */
#define SHUT_OUT 2u /* no more can be sent */

#define SOCKET_BUFFER 212992u /* net.core.wmem_default, rmem_default */
#define SOMAXCONN 4096u

struct address {
	u32 length; /* 0: none */
	union {
		u16 family;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		u8 bytes[128];
	};
};

struct scm { /* what a message carries beside its bytes */
	u32 count;
	bool has_cred, secure; /* secure: cred is as the LibOS knows it, not as the sender said */
	struct user_ucred cred;
	struct file *file[];
};

struct message {
	struct uio *data;
	const struct address *to; /* send: NULL for the connected peer */
	struct address *from;     /* receive: filled in; NULL: not wanted */
	struct scm *scm;          /* send: taken over (set to NULL); receive: the receiver's to free */
	u32 flags, flags_out;     /* MSG_* */
	u64 deadline;             /* NEVER; 0: do not wait */
	size_t whole;             /* receive: length of the datagram, for MSG_TRUNC */
};

struct socket;
struct socket_ops {
	long (*bind)(struct socket *, const struct address *);
	long (*connect)(struct socket *, const struct address *, bool nonblock);
	long (*listen)(struct socket *, u32 backlog);
	long (*accept)(struct socket *, struct socket **, bool nonblock);
	long (*name)(struct socket *, bool peer, struct address *);
	long (*send)(struct socket *, struct message *);    /* bytes */
	long (*receive)(struct socket *, struct message *); /* bytes copied */
	long (*shutdown)(struct socket *, u32 shut);        /* SHUT_* */
	u32 (*poll)(struct socket *, struct poll_table *);
	long (*option_set)(struct socket *, int level, int name, const void *, u32 length); /* what sockopt.c does not know */
	long (*option_get)(struct socket *, int level, int name, void *, u32 *length);
	long (*ioctl)(struct socket *, u32 cmd, u64 arg);
	void (*release)(struct socket *);
};

struct socket_option { int level, name, value; };

struct socket {
	const struct socket_ops *ops;
	u32 family, type, protocol;
	bool reuse_address, reuse_port, passcred, keepalive, broadcast, listening, send_buffer_set;
	u32 send_buffer, receive_buffer, low_water;
	int error;                        /* positive errno for SO_ERROR and the next call */
	u64 send_timeout, receive_timeout; /* ns; NEVER */
	struct linger { int on, seconds; } linger;
	struct user_ucred peer_cred;      /* pid 0: none */
	struct socket_option *options;    /* integers only remembered */
	u32 option_count;
	struct lock option_lock;
};

extern const struct file_ops socket_file_ops;

void socket_init(struct socket *, const struct socket_ops *, u32 family, u32 type, u32 protocol);
void socket_fini(struct socket *);
long socket_fd(struct socket *, u32 flags);       /* takes it over; flags: SOCK_CLOEXEC, SOCK_NONBLOCK */
struct fd socket_get(int fd, struct socket **, long *err); /* file NULL: failed */
int socket_take_error(struct socket *);           /* 0 or negative errno; clears it */
static inline u64 timeout_deadline(u64 timeout, bool nonblock)
{
	return nonblock ? 0 : timeout == NEVER ? NEVER : deadline_after(timeout);
}
static inline long wait_error(long err, u64 deadline) /* of a sleep until deadline, as a socket call reports it */
{
	return err == -ETIMEDOUT ? -EAGAIN : deadline == NEVER ? -ERESTARTSYS : -EINTR;
}

/* message.c */
long address_from_user(struct address *, const void __user *, u32 length);
long address_to_user(const struct address *, void __user *, u32 __user *length);

/* scm.c */
long scm_from_user(struct scm **, const void __user *control, size_t length);
long scm_to_user(struct scm *, struct socket *, struct user_msghdr *, u32 flags); /* adds MSG_CTRUNC; control length updated */
struct scm *scm_copy(const struct scm *);          /* references the files again */
struct scm *scm_cred(struct scm *);                /* with the sender's credentials added; NULL: no memory */
void scm_free(struct scm *);
struct user_ucred cred_current(void);

/* families */
long unix_create(u32 type, u32 protocol, struct socket **);
long unix_pair(u32 type, u32 protocol, struct socket *pair[2]);
long inet_create(u32 family, u32 type, u32 protocol, struct socket **);
long netlink_create(u32 type, u32 protocol, struct socket **);
#endif
