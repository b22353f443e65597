/* The structures of epoll, for epoll.c (the set) and epoll_wait.c (taking events from it).
 *
 * Lock order: epoll.ctl > (locks of the watched file, nested epolls' ctl) > waitq.lock > epoll.ready_lock > the waitq.lock of
 * its own queues. A wake therefore only queues the item; whether it is really ready is asked under ctl, when the events are
 * taken. links_lock (files' lists of items) is below ctl. */
#ifndef KX_EPOLL_H
#define KX_EPOLL_H

#include "ipc.h"

#define EPOLL_PRIVATE (EPOLLONESHOT | EPOLLET | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define EPOLL_NESTS 4

struct item;
struct watch {                  /* an item on one of its file's wait queues */
	struct waiter waiter;
	struct waitq *queue;
	struct item *item;
	struct watch *next;
};

struct item {                   /* a file in the set */
	struct item *next;      /* in its bucket */
	struct file *file;      /* no reference: the file's release takes the item out */
	int fd;
	struct epoll *ep;
	struct epoll_event event;
	bool ready;             /* on the ready list, or about to be put back there */
	struct list ready_node;
	struct list link;       /* file->epoll_links */
	struct watch first, *watches;
	bool first_used, no_memory;
};

struct epoll {
	u32 refs;
	struct lock ctl, ready_lock;
	struct list ready;
	struct waitq wait;      /* sleepers in epoll_wait */
	struct waitq watchers;  /* those that poll this epoll */
	struct item **bucket;
	u32 buckets, count;
};

extern const struct file_ops epoll_ops;

bool epoll_ready(struct epoll *);                /* anything on the ready list? */
void epoll_queue(struct epoll *, struct item *); /* put it there, wake */
struct item *epoll_pop(struct epoll *);          /* ctl held; NULL */
static inline u32 item_poll(struct item *it) { return file_poll(it->file, NULL) & it->event.events; }
#endif
