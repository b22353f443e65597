/* A pipe: what pipe.c (data) and fifo.c (ends of a pipe with a name) share. */
#ifndef KX_PIPE_H
#define KX_PIPE_H

#include "ring.h"

#define PIPE_DEFAULT 65536u
#define PIPE_MOST 1048576u          /* /proc/sys/fs/pipe-max-size */
#define PIPE_PACKETS 256u

/* Where the packets of O_DIRECT writes begin and end in the ring; added under write_lock, taken under read_lock. */
struct packets {
	u32 head, tail;
	struct { u32 start, end; } bound[PIPE_PACKETS];
};

struct pipe {
	struct ring ring;
	struct waitq readable, writable;
	struct packets *packets;      /* NULL until the first */
	u32 readers, writers;         /* open file descriptions */
	u32 refs;                     /* those, and opens under way */
	u32 reader_opens, writer_opens; /* ever, for a FIFO's open and poll */
	struct waitq opened;
	void **slot;                  /* FIFO: the word of its inode that points here */
};

extern const struct file_ops pipe_ops;

struct pipe *pipe_create(void);
void pipe_free(struct pipe *);
struct file *pipe_file(struct pipe *, u32 flags); /* counts as reader or writer already */
void pipe_end_gone(struct pipe *, u32 flags);     /* counts and wakes; the reference is the caller's */
void fifo_put(struct pipe *);

static inline bool reads(u32 flags) { return (flags & O_ACCMODE) != O_WRONLY; }
static inline bool writes(u32 flags) { return (flags & O_ACCMODE) != O_RDONLY; }
#endif
