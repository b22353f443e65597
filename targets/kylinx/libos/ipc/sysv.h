/* System V IPC: identifiers, keys and permissions, common to queues (msg.c), semaphores (sem.c) and memory (shm.c).
 *
 * Objects of one kind live in a table that only grows and are used again but never given back to the heap, so a call finds
 * its object without a lock of the table: index, lock the object, compare the identifier. A sleeper compares again. */
#ifndef KX_SYSV_H
#define KX_SYSV_H

#include "ipc.h"

#define IPC_IDS_MOST 32768u
#define IPC_CHUNK 128u
#define IPC_GONE 0xffffffffu

struct ipc_object {
	struct lock lock;
	u32 id;                 /* sequence << 15 | index; IPC_GONE while not in use */
	s32 key;
	u32 uid, gid, cuid, cgid, mode;
	u32 sequence, index;
};

struct ipc_ids {
	struct lock lock;       /* table, keys, counts; above the objects' locks */
	u32 limit, count, highest; /* highest: index in use, plus one */
	size_t bytes;           /* of an object */
	struct ipc_object **chunk[IPC_IDS_MOST / IPC_CHUNK];
	long (*create)(struct ipc_object *, u64 size, u32 flags); /* its own part; locked */
	long (*check)(struct ipc_object *, u64 size, u32 flags);  /* may an existing one be had so? */
};

void ipc_ids_init(struct ipc_ids *, size_t bytes, u32 limit);
long ipc_get(struct ipc_ids *, s32 key, u64 size, u32 flags);      /* the identifier */
struct ipc_object *ipc_at(struct ipc_ids *, u32 id);               /* not locked; NULL: there was never such an index */
struct ipc_object *ipc_lock(struct ipc_ids *, u32 id, long *err);  /* NULL: -EINVAL, -EIDRM */
struct ipc_object *ipc_lock_index(struct ipc_ids *, u32 index);    /* NULL: none there */
void ipc_remove(struct ipc_ids *, struct ipc_object *);            /* locked; its own part is the caller's */
long ipc_permission(const struct ipc_object *, u32 mode);          /* mode: 4 read, 2 write: -EACCES */
bool ipc_owner(const struct ipc_object *);
void ipc_perm_out(const struct ipc_object *, struct ipc64_perm *);
long ipc_perm_set(struct ipc_object *, const struct ipc64_perm *);
static inline u32 ipc_id(const struct ipc_object *o) { return __atomic_load_n(&o->id, __ATOMIC_ACQUIRE); }
static inline long ipc_seconds(void) { return (long)(now_real_ns() / NS_PER_S); }
#endif
