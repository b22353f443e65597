/* The network server's clients: batches (batch.c), and plain sockets on top of them (net.c). One user at a time. */
#ifndef MK_LIB_NET_H
#define MK_LIB_NET_H
#include "mk.h"
#include "../../include/net.h"

/* ---- Batches: actions are put together, exchanged for events, and those read one by one ----
 * Two areas take turns: while events are read from one, what they lead to is put into the other. */
struct net_batch {
	unsigned port;            /* of the server; 0: not found yet, or it went */
	unsigned lent;            /* pages for events: as many as lately were of use */
	unsigned actions, events, next; /* bytes put; bytes there; read up to there */
	uint8_t *put, *got;       /* the two areas */
};

bool net_batch_open(struct net_batch *b);  /* waits for the server; false: no memory */
int net_exchange(struct net_batch *b, unsigned us); /* 0; or MK_E*: MK_EDEAD: the server is gone, with all sockets; MK_EFULL: one that was
	* to be made there is no room for, and what was put after it is not done */
int net_flush(struct net_batch *b);        /* only carries out what was put; events are as they were */
const struct net_record *net_next(struct net_batch *b); /* NULL: no more; good until the next exchange */

/* A record with so many bytes of data, to be filled in. Flushes where there is no room; NULL: the server is gone.
 * net_room: how many bytes of data a record can have without that. net_trim: the last one has only so many; net_take_back:
 * it is not wanted. */
struct net_record *net_put(struct net_batch *b, unsigned kind, uint32_t socket, unsigned bytes);
unsigned net_room(const struct net_batch *b);
void net_trim(struct net_batch *b, struct net_record *r, unsigned bytes);
void net_take_back(struct net_batch *b, const struct net_record *last);

/* ---- Sockets. Addresses and ports are in host order; us: how long to wait, 0: not at all; MK_ETIMEOUT then. MK_EDEAD: the
 * connection was lost, or the server; the socket is still to be closed. At most NET_OWN_SOCKETS at once: MK_EFULL ---- */
#define NET_OWN_SOCKETS 64
#define NET_FOR_EVER 0xffffffffu

int net_listen(uint16_t port);                             /* -> socket */
int net_accept(int listener, unsigned us);                 /* -> socket */
int net_connect(uint32_t address, uint16_t port, unsigned us); /* -> socket */
int net_receive(int socket, void *to, size_t bytes, unsigned us); /* -> bytes; 0: the peer sends no more */
int net_send(int socket, const void *data, size_t bytes, unsigned us); /* all of them, or an error */
int net_datagrams(uint16_t port);                          /* -> socket; port 0: any */
int net_send_to(int socket, uint32_t address, uint16_t port, const void *data, size_t bytes);
int net_receive_from(int socket, uint32_t *address, uint16_t *port, void *to, size_t bytes, unsigned us); /* -> its bytes */
int net_peer(int socket, uint32_t *address, uint16_t *port);
void net_close(int socket);
#endif
