/* What the files of the control socket share. All of it belongs to the main thread, but for the queues, which have a lock. */
#ifndef KX_CONTROL_H
#define KX_CONTROL_H
#include "family.h"
#include "json.h"

#define REQUEST_MOST 32768
#define ANSWER_MOST 65536
#define FIELDS_MOST 4096
#define CONNECTIONS 256
#define SPAWNS 1024

struct connection {
	int fd;                              /* -1: free */
	uint64_t serial;                     /* of all connections ever: an event does not reach a later one */
	struct message *head, *tail;         /* packets that wait to be sent */
	uint32_t queued;
	size_t queued_bytes;
};

struct request {
	struct connection *from;
	const char *verb;
	uint64_t id;
	const char *field[FIELDS_MOST];      /* key=value */
	uint32_t fields;
	int fd[3];
	uint32_t fds;
};

/* A program started by 'spawn', from its start to its end. */
struct spawn_record { bool used, keep; uint64_t serial, id; uint32_t console, slot; };

void control_request(struct request *);  /* control_ops.c: carry out and answer */
void control_send(struct connection *, const char *text, size_t length); /* at once, or queued */
void control_queue(uint64_t serial, const char *text, size_t length);    /* from any thread; serial 0: to all connections */
void control_queue_report(uint64_t serial, const char *text, size_t length); /* the same; lost when the connection does not keep up */
void control_await_sent(void);           /* from a pVM's thread: until the main thread has sent what is queued now; 10 s at most */
bool control_spawn_get(uint32_t console, struct spawn_record *copy); /* from any thread; false: nobody's */
void control_hangup(uint64_t serial);    /* control_ops.c: end what a closed connection had started */
void control_stats_tick(void);           /* control_ops.c: give up waiting for the LibOS's statistics */
bool control_stats_pending(void);
void stats_memory(struct json *);        /* stats.c */
void stats_vcpus(struct json *);
void stats_hypercalls(struct json *);
uint32_t stats_pvms(struct json *, uint32_t from); /* array of pVMs; returns the slot to go on from, or KX_MAX_SLOTS */
#endif
