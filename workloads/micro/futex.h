/* Waiting on a 32-bit word in shared or private memory. */
#ifndef KXB_FUTEX_H
#define KXB_FUTEX_H

#include "micro.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Returns at once if the word is not `seen`; may also return early. */
static inline void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
	if (syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0) < 0 && errno != EAGAIN && errno != EINTR)
		die_errno("futex(FUTEX_WAIT)");
}

static inline void futex_wake_all(_Atomic uint32_t *word)
{
	if (syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) < 0)
		die_errno("futex(FUTEX_WAKE)");
}

#endif
