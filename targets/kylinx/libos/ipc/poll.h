/* What poll.c and select.c share. */
#ifndef KX_POLL_H
#define KX_POLL_H

#include "ipc.h"

struct poll_item {
	struct file *file;      /* NULL: revents is set by the caller */
	u32 events, revents;
};

long poll_items(struct poll_item *, u32 count, u64 deadline); /* how many are ready (deadline 0: only look), -ERESTARTNOHAND */
void poll_items_put(struct poll_item *, u32 count);
void time_left(struct timespec __user *to, u64 deadline);     /* what Linux writes back; nothing for NULL or no deadline */
#endif
