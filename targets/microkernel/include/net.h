/* The network server, "net": TCP and UDP sockets by batches. tasks/net/README.md tells more.
 *
 * A client calls with NET_EXCHANGE and lends pages. In them are actions, one record after another; the server carries them out,
 * waits until there is an event for the client or the time is over, puts events into the same pages and replies. One call thus
 * carries what many sockets want and what became of them.
 *
 * A record is a struct net_record and `bytes` bytes of data behind it; the next begins at a multiple of 4. */
#ifndef MK_NET_H
#define MK_NET_H
#include <stdint.h>

#define NET_EXCHANGE 1
/* Call:  word 0  bytes of actions
 *        word 1  how long to wait for an event, in microseconds; 0: not at all
 *        word 2  bytes for events at most, in whole words; 0: only carry out the actions
 *        words 7, 8  the pages, MK_READ | MK_WRITE
 * Reply: word 0  bytes of events, or MK_E*: MK_EARGUMENT: a record that is none, MK_EFULL: no socket for it; those before it have
 *                been carried out
 *        word 1  1: there are more events than there was room for
 * A client has one call at a time: a second ends the wait of the first. With a call that it gives up (a time-out of mk_call)
 * it loses the events that were in it: the wait is for the server to end (word 1). */

struct net_record {
	uint16_t kind;            /* NET_* below */
	uint16_t bytes;           /* of data */
	uint32_t socket;          /* the server's number for it; its index is socket % NET_SOCKETS */
	uint32_t value;           /* an IPv4 address in host order, or what the kind says */
	uint16_t port;            /* in host order */
	uint16_t tag;             /* of the client: comes back with NET_BOUND and NET_OPENED */
};
#define NET_RECORD_BYTES(data) (sizeof(struct net_record) + (((data) + 3u) & ~3u))

#define NET_SOCKETS 2048          /* of all clients, listening ones too */
#define NET_SOCKETS_SURE 16       /* so many a client can have, whatever others take */
#define NET_BOUND_MOST 8          /* of a client's may be of NET_LISTEN and NET_DATAGRAMS */
#define NET_SEND_MOST 32768       /* a connection's room for what was sent and not yet acknowledged */
#define NET_DATAGRAM_MOST 8192    /* bytes of one that is sent */
#define NET_DATAGRAMS_WAITING 64  /* of a socket; those that come when so many wait are lost */

/* ---- Actions. One on a socket that has gone meanwhile is no error: the event that tells of it is on its way ---- */
#define NET_LISTEN 1              /* port, tag -> NET_BOUND; then NET_OPENED for each connection, with this tag */
#define NET_DATAGRAMS 2           /* port (0: any), tag -> NET_BOUND; then NET_DATAGRAM */
#define NET_CONNECT 3             /* value address, port, tag -> NET_BOUND; then NET_OPENED or NET_CLOSED */
#define NET_SEND 4                /* socket, data: no more than its room */
#define NET_WANT_ROOM 5           /* socket, value: tell with NET_ROOM when there is room for so much */
#define NET_HOLD 6                /* socket, value 1: no NET_DATA until value 0 */
#define NET_CLOSE 7               /* socket: after what was sent has arrived; what still comes is dropped. Its number is void */
#define NET_ABORT 8               /* socket: at once, with a reset. Its number is void */
#define NET_SEND_TO 9             /* socket, value, port, data: a datagram */
#define NET_FINISH 10             /* socket: sends no more, but still receives */

/* ---- Events ---- */
#define NET_BOUND 32              /* socket, port, tag; value: 0 or MK_E*, then there is no socket */
#define NET_OPENED 33             /* socket, value, port: the peer; tag */
#define NET_DATA 34               /* socket, data; value: room for sending */
#define NET_ROOM 35               /* socket; value: room for sending */
#define NET_ENDED 36              /* socket: the peer sends no more */
#define NET_CLOSED 37             /* socket; value: MK_EDEAD (reset by the peer), MK_ETIMEOUT, MK_EMEMORY. Its number is void */
#define NET_DATAGRAM 38           /* socket, value, port, data */
#endif
