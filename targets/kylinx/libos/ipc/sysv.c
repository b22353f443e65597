/* Identifiers, keys and permissions of System V IPC: see sysv.h. */
#include "sysv.h"

#define INDEX_BITS 15
#define SEQUENCE_MOST 0xffffu

void ipc_ids_init(struct ipc_ids *ids, size_t bytes, u32 limit)
{
	ids->bytes = bytes;
	ids->limit = limit;
}

static struct ipc_object **slot_of(struct ipc_ids *ids, u32 index)
{
	struct ipc_object **chunk = __atomic_load_n(&ids->chunk[index / IPC_CHUNK], __ATOMIC_ACQUIRE);

	return chunk ? &chunk[index % IPC_CHUNK] : NULL;
}

struct ipc_object *ipc_at(struct ipc_ids *ids, u32 id)
{
	struct ipc_object **slot = (s32)id < 0 ? NULL : slot_of(ids, id % IPC_IDS_MOST);

	return slot ? __atomic_load_n(slot, __ATOMIC_ACQUIRE) : NULL;
}

struct ipc_object *ipc_lock(struct ipc_ids *ids, u32 id, long *err)
{
	struct ipc_object *o = ipc_at(ids, id);

	*err = -EINVAL;
	if (!o)
		return NULL;
	lock(&o->lock);
	if (o->id == id) {
		*err = 0;
		return o;
	}
	unlock(&o->lock);
	return NULL;
}

struct ipc_object *ipc_lock_index(struct ipc_ids *ids, u32 index)
{
	struct ipc_object *o = index < ids->highest ? ipc_at(ids, index) : NULL;

	if (!o)
		return NULL;
	lock(&o->lock);
	if (o->id != IPC_GONE)
		return o;
	unlock(&o->lock);
	return NULL;
}

/* ---- permissions -------------------------------------------------------------------------------------------------------- */

long ipc_permission(const struct ipc_object *o, u32 mode)
{
	const struct credentials *c = &current->proc->cred;
	u32 granted = o->mode;

	if (!c->euid)
		return 0;
	if (c->euid == o->cuid || c->euid == o->uid)
		granted >>= 6;
	else if (c->egid == o->cgid || c->egid == o->gid)
		granted >>= 3;
	return mode & ~granted & 7 ? -EACCES : 0;
}

bool ipc_owner(const struct ipc_object *o)
{
	const struct credentials *c = &current->proc->cred;

	return !c->euid || c->euid == o->cuid || c->euid == o->uid;
}

void ipc_perm_out(const struct ipc_object *o, struct ipc64_perm *p)
{
	memset(p, 0, sizeof *p);
	p->key = o->key;
	p->uid = o->uid;
	p->gid = o->gid;
	p->cuid = o->cuid;
	p->cgid = o->cgid;
	p->mode = (__kernel_mode_t)o->mode;
	p->seq = (u16)o->sequence;
}

long ipc_perm_set(struct ipc_object *o, const struct ipc64_perm *p)
{
	if (p->uid == ~0u || p->gid == ~0u)
		return -EINVAL;
	o->uid = p->uid;
	o->gid = p->gid;
	o->mode = (o->mode & ~0777u) | (p->mode & 0777u);
	return 0;
}

/* ---- get ------------------------------------------------------------------------------------------------------------------ */

/* ids->lock held. An index that is free, with its object made; NULL: no memory. */
static struct ipc_object *object_new(struct ipc_ids *ids)
{
	u32 index = 0;
	struct ipc_object **slot, *o;

	while (index < ids->highest && (o = ipc_at(ids, index)) && ipc_id(o) != IPC_GONE)
		index++;
	slot = slot_of(ids, index);
	if (!slot) {
		slot = kzalloc(IPC_CHUNK * sizeof *slot);
		if (!slot)
			return NULL;
		__atomic_store_n(&ids->chunk[index / IPC_CHUNK], slot, __ATOMIC_RELEASE);
		slot += index % IPC_CHUNK;
	}
	o = *slot;
	if (!o) {
		o = kzalloc(ids->bytes);
		if (!o)
			return NULL;
		o->id = IPC_GONE;
		o->index = index;
		__atomic_store_n(slot, o, __ATOMIC_RELEASE);
	}
	return o;
}

/* ids->lock held. */
static long object_create_key(struct ipc_ids *ids, s32 key, u64 size, u32 flags)
{
	const struct credentials *c = &current->proc->cred;
	struct ipc_object *o;
	long err;

	if (ids->count >= ids->limit)
		return -ENOSPC;
	o = object_new(ids);
	if (!o)
		return -ENOMEM;
	lock(&o->lock);
	o->key = key;
	o->uid = o->cuid = c->euid;
	o->gid = o->cgid = c->egid;
	o->mode = flags & 0777;
	err = ids->create(o, size, flags);
	if (!err) {
		__atomic_store_n(&o->id, o->sequence << INDEX_BITS | o->index, __ATOMIC_RELEASE);
		ids->count++;
		if (o->index >= ids->highest)
			ids->highest = o->index + 1;
		err = o->id;
	}
	unlock(&o->lock);
	return err;
}

/* ids->lock held; the object comes locked. */
static struct ipc_object *object_by_key(struct ipc_ids *ids, s32 key)
{
	for (u32 i = 0; i < ids->highest; i++) {
		struct ipc_object *o = ipc_at(ids, i);

		if (o && o->key == key && (o = ipc_lock_index(ids, i))) {
			if (o->key == key)
				return o;
			unlock(&o->lock);
		}
	}
	return NULL;
}

long ipc_get(struct ipc_ids *ids, s32 key, u64 size, u32 flags)
{
	struct ipc_object *o;
	long r;

	lock(&ids->lock);
	o = key == IPC_PRIVATE ? NULL : object_by_key(ids, key);
	if (!o) {
		r = key == IPC_PRIVATE || (flags & IPC_CREAT) ? object_create_key(ids, key, size, flags) : -ENOENT;
		unlock(&ids->lock);
		return r;
	}
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		r = -EEXIST;
	else
		r = ids->check ? ids->check(o, size, flags) : 0;
	if (!r)
		r = ipc_permission(o, (flags >> 6 | flags >> 3 | flags) & 7);
	if (!r)
		r = o->id;
	unlock(&o->lock);
	unlock(&ids->lock);
	return r;
}

void ipc_remove(struct ipc_ids *ids, struct ipc_object *o)
{
	__atomic_store_n(&o->id, IPC_GONE, __ATOMIC_RELEASE);
	o->sequence = (o->sequence + 1) & SEQUENCE_MOST;
	o->key = IPC_PRIVATE;
	__atomic_sub_fetch(&ids->count, 1, __ATOMIC_RELAXED);
}
