/* A POSIX message queue: what mqueue.c (names, files), mqueue_message.c (messages) and mqueue_notify.c share. */
#ifndef KX_MQUEUE_H
#define KX_MQUEUE_H

#include "ipc.h"

struct mq_message {
	struct list node;
	u32 priority;
	size_t size;
	u8 data[];
};

struct mqueue {
	u32 refs;               /* open files, and the name */
	struct lock lock;
	bool linked;
	char name[256];
	u32 mode, uid, gid;
	u32 most, message_bytes;
	u32 count;              /* under lock, read without */
	u64 bytes;
	struct list messages;   /* by falling priority, then age */
	struct waitq readable, writable;
	u32 receivers;          /* asleep in mq_receive: they go before a notification */
	u32 notify_pid;         /* 0: nobody is registered */
	struct sigevent notify;
	struct file *notify_file; /* registered through it, compared only */
	struct file *notify_socket; /* SIGEV_THREAD: referenced */
	u8 cookie[32];          /* what goes to it; the last byte says why */
	struct list node;
};

extern const struct file_ops mqueue_file_ops;

struct fd mqueue_fd(int fd, struct mqueue **); /* file NULL: EBADF */
void mqueue_notify(struct mqueue *);           /* a message came to an empty queue that nobody waits on */
void mqueue_notify_drop(struct mqueue *, u32 pid, struct file *);
#endif
