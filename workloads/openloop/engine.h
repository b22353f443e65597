/* The loop: gives due requests to connections, flushes, waits, reads. Transports are stream.c (TCP) and
 * datagram.c (UDP). */
#ifndef KXB_ENGINE_H
#define KXB_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "framing.h"
#include "options.h"
#include "requests.h"
#include "schedule.h"
#include "tally.h"

#define NONE UINT32_MAX

enum link { DOWN, CONNECTING, READY };

struct conn {
	int fd;
	enum link link;
	bool dirty;	   /* in engine.dirty, has something to send */
	bool wants_out;	   /* waits for EPOLLOUT */
	bool closing;	   /* the server said that it will close */
	uint32_t in_flight; /* given to this connection and not answered, sent or not */
	uint32_t before, after, bucket; /* list of the connections with as many in flight; bucket NONE: in none */
	uint64_t retry_at;
	/* Places in `flights` (a power of two of them). TCP: a ring, positions count up: oldest <= unsent <= next.
	 * UDP: `ids` is a ring of places (the low bits of the id): free ones are taken at `next` and given back at
	 * `oldest`, so that a place rests as long as possible; those in unsent..next are still to be sent. */
	struct flight *flights;
	uint32_t oldest, unsent, next;
	uint32_t *ids;
	size_t written; /* TCP: bytes of request `unsent` already in the socket */
	struct framer framer;
};

struct engine;

struct transport {
	const char *name;
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	void (*knock)(struct engine *e); /* die if nobody is there, where connect() cannot tell; may be NULL */
	void (*give)(struct engine *e, struct conn *c, const struct flight *f);
	void (*flush)(struct engine *e, struct conn *c);
	/* events of epoll; `at` is when they were reported */
	void (*ready)(struct engine *e, struct conn *c, uint32_t events, uint64_t at);
	/* time-outs and reconnects */
	void (*scan)(struct engine *e, uint64_t at);
	/* count all that is still in flight as lost */
	void (*abandon)(struct engine *e, enum loss loss, uint64_t at);
};

struct engine {
	const struct options *options;
	const struct requests *requests;
	const struct transport *transport;
	struct schedule schedule;
	struct tally tally;
	int epoll;
	struct conn *conns;
	struct flight *flights;
	uint32_t *ids;
	uint32_t *dirty, dirty_count;
	uint32_t depth; /* pipeline */
	uint32_t mask;	/* places of a connection - 1 */
	/* lists of connections with room, by requests in flight */
	uint32_t *first, *last, lowest, with_room;
	uint64_t room_at; /* since when there has been room without a break */
	uint64_t in_flight;
	uint32_t ready_count;
	uint64_t ready_at;	 /* when a connection was last up */
	uint64_t active_at;	 /* last send or answer */
	struct arrival arrival;	 /* the next one */
	bool arrivals_left;
	uint64_t started, ends, deadline; /* of the schedule; of the drain */
	/* UDP: list of all in flight in order of sending, by place in `flights` */
	uint32_t oldest, newest;
	uint16_t generation;
};

/* Connects all or dies (EXIT_REFUSED). */
void engine_open(struct engine *e);
/* 0, or EXIT_REFUSED when the target went away for good. Returns early when *stop is set. */
int engine_run(struct engine *e, const volatile int *stop);
void engine_close(struct engine *e);

/* For the transports: room may have changed; a new socket for c; c has something to send; watch for EPOLLOUT. */
void engine_room(struct engine *e, struct conn *c, uint64_t at);
void engine_dirty(struct engine *e, struct conn *c);
int engine_socket(const struct engine *e);
void engine_watch(struct engine *e, struct conn *c, bool add);
void engine_sent(struct engine *e, struct flight *f, uint64_t at);

extern const struct transport stream_transport, datagram_transport;

#endif
