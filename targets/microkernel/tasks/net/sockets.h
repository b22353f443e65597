/* Sockets, and the clients that they belong to. */
#ifndef NET_SOCKETS_H
#define NET_SOCKETS_H
#include "../../include/net.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "mk.h"

#define NET_CLIENTS 48u           /* as many as the name server runs programs */

struct link { struct link *next, *previous; };

enum kind { FREE, LISTENER, STREAM, LINGERING, DATAGRAMS }; /* LINGERING: a stream that its client has closed */

/* What there is to tell of a socket, beside its data. In this order it is told. */
#define NEWS_BOUND 1u
#define NEWS_OPENED 2u
#define NEWS_ROOM 4u
#define NEWS_ENDED 8u
#define NEWS_CLOSED 16u

struct datagram { struct pbuf *data; uint32_t address; uint16_t port; };

struct socket {
	struct link told;         /* in its client's list of those with news; first, so that a link is its socket */
	uint8_t kind, news;
	bool held, ended, dirty;  /* ended: the peer sends no more; dirty: in the list of those with something to put out */
	uint8_t lingers;          /* half seconds left */
	uint16_t port, tag;
	uint32_t number, room_wanted;
	int32_t error;            /* of NEWS_BOUND, NEWS_CLOSED */
	struct client *client;
	struct socket *next_dirty, *next_free;
	struct socket **bucket, *same_bucket; /* lookup.c */
	struct tcp_pcb *before;   /* perhaps, in lwIP's list */
	union { struct tcp_pcb *tcp; struct udp_pcb *udp; };
	struct pbuf *received;    /* of a stream */
	struct datagram *waiting; /* NET_DATAGRAMS_WAITING, a ring */
	unsigned first, count;    /* of that ring */
};

struct client {
	unsigned space;           /* 0: none */
	unsigned token;           /* of the call that waits for events; 0: none */
	unsigned slot;            /* of the window, where its pages are */
	uint8_t *area;
	unsigned event_room;      /* bytes */
	uint32_t deadline_ms;
	struct link news;         /* sockets */
	unsigned sockets, bound;  /* bound: those of them that listen or have datagrams */
};

/* sockets.c */
void sockets_init(void);
struct socket *socket_make(struct client *c, enum kind kind); /* NULL: there are too many, or it has */
struct socket *socket_of(struct client *c, uint32_t number);  /* NULL: it has none of that number */
void socket_free(struct socket *s);
void socket_forget(struct socket *s);  /* by its client: it has no news any more, but counts until it is freed */
void socket_tell(struct socket *s, unsigned news);
void sockets_end(struct client *c);    /* the client's end: all that it has is closed */

/* stream.c */
int stream_listen(struct socket *s, uint16_t port);
int stream_connect(struct socket *s, uint32_t address, uint16_t port);
void stream_send(struct socket *s, const void *data, uint16_t bytes);
void stream_want_room(struct socket *s, uint32_t bytes);
void stream_finish(struct socket *s);
void stream_close(struct socket *s);
void stream_abort(struct socket *s);
uint32_t stream_room(const struct socket *s);
void stream_consumed(struct socket *s, uint16_t bytes); /* of what it received: the peer may send more */
void streams_output(void);
bool stream_owns(const struct tcp_pcb *pcb);            /* its argument is a socket */

/* lookup.c */
void lookup_add(struct socket *s);
void lookup_remove(struct socket *s);
void lookup_packet(const struct pbuf *p); /* whose connection lwIP finds at once then */

/* datagram.c */
int datagrams_open(struct socket *s, uint16_t port);
void datagrams_close(struct socket *s);
void datagram_send(struct socket *s, uint32_t address, uint16_t port, const void *data, uint16_t bytes);

/* actions.c, events.c */
int actions_run(struct client *c, const uint8_t *area, unsigned bytes); /* 0 or MK_E* */
unsigned events_put(struct client *c);                                  /* -> bytes */

/* clients.c */
void clients_init(unsigned server_port);
void client_call(unsigned token, struct mk_message *m);
void clients_ended(void);
uint32_t clients_sleep_ms(uint32_t most);
unsigned clients_answer(struct mk_message *m); /* all that can be; but the last: -> its token, with the reply in m; 0: none */
#endif
