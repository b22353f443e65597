/* System V shared memory: an object's pages, mapped through a file made for each attach. The memory code counts references of
 * the file by region, so a file's release is the end of an attach, however the mapping went. */
#include "sysv.h"

#define SEGMENTS_MOST 4096u                    /* kernel.shmmni */
#define SEGMENT_BYTES_MOST 0xfffffffffeffffffull /* kernel.shmmax, shmall as Linux reports them */
#define SHM_DEST_BIT 01000u
#define PAGES(bytes) (((bytes) + KX_PAGE - 1) / KX_PAGE)

struct segment {
	struct ipc_object o;
	u64 size;
	struct kx_object *pages;
	u32 attaches;
	bool removed;           /* goes with the last attach; the key is free already */
	long attached_at, detached_at, changed_at;
	u32 creator, last;
};

struct attach {
	struct segment *segment;
};

static struct ipc_ids segments;

static struct segment *segment_of(struct ipc_object *o)
{
	return container_of(o, struct segment, o);
}

static long segment_create(struct ipc_object *o, u64 size, u32 flags)
{
	struct segment *s = segment_of(o);

	(void)flags;
	if (!size || size > SEGMENT_BYTES_MOST)
		return -EINVAL;
	if (size > boot_info->memory_limit)
		return -ENOMEM;
	s->pages = object_create();
	if (!s->pages)
		return -ENOMEM;
	object_resize(s->pages, PAGES(size));
	if (s->pages->count != PAGES(size)) {
		object_destroy(s->pages);
		return -ENOMEM;
	}
	s->size = size;
	s->attaches = 0;
	s->removed = false;
	s->attached_at = s->detached_at = 0;
	s->changed_at = ipc_seconds();
	s->creator = current->proc->pid;
	s->last = 0;
	return 0;
}

static long segment_check(struct ipc_object *o, u64 size, u32 flags)
{
	(void)flags;
	return size > segment_of(o)->size ? -EINVAL : 0;
}

long sys_shmget(s32 key, u64 size, u32 flags)
{
	return ipc_get(&segments, key, size, flags);
}

/* Locked on entry, not on return: gone, if it was removed and nobody has it attached. */
static void segment_unlock(struct segment *s)
{
	struct kx_object *gone = NULL;

	if (s->removed && !s->attaches) {
		gone = s->pages;
		s->pages = NULL;
		ipc_remove(&segments, &s->o);
	}
	unlock(&s->o.lock);
	if (gone)
		object_destroy(gone);
}

/* ---- an attach, as a file ------------------------------------------------------------------------------------------------- */

static long attach_mmap(struct file *f, struct kx_region *r, u32 flags)
{
	struct attach *a = f->data;

	(void)flags;
	r->kind = KX_REGION_OBJECT;
	r->source = (u64)a->segment->pages;
	r->offset = (r->flags & ~(u64)(KX_PAGE - 1)) / KX_PAGE;
	return 0;
}

static void attach_release(struct file *f)
{
	struct attach *a = f->data;
	struct segment *s = a->segment;

	lock(&s->o.lock);
	s->attaches--;
	s->detached_at = ipc_seconds();
	if (current && current->proc)
		s->last = current->proc->pid;
	segment_unlock(s);
	kfree(a);
}

static const struct file_ops attach_ops = { .mmap = attach_mmap, .release = attach_release };

/* Locked: the segment counts it from here on. NULL: no memory. */
static struct file *attach_create(struct segment *s, bool writable)
{
	struct attach *a = kmalloc(sizeof *a);
	struct file *f = a ? file_create(&attach_ops, a, writable ? O_RDWR : O_RDONLY) : NULL;

	if (!f) {
		kfree(a);
		return NULL;
	}
	a->segment = s;
	s->attaches++;
	s->attached_at = ipc_seconds();
	s->last = current->proc->pid;
	return f;
}

static long attach_locked(struct segment *s, u32 flags, struct file **f)
{
	bool writable = !(flags & SHM_RDONLY);
	long err = ipc_permission(&s->o, 4 | (writable ? 2 : 0) | (flags & SHM_EXEC ? 1 : 0));

	if (err)
		return err;
	*f = attach_create(s, writable);
	return *f ? 0 : -ENOMEM;
}

long sys_shmat(u32 id, u64 addr, u32 flags)
{
	u32 prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
	u32 how = MAP_SHARED | (!addr ? 0 : flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE);
	struct ipc_object *o;
	struct file *f = NULL;
	u64 size;
	long r;

	if (addr & (KX_PAGE - 1)) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		addr &= ~(u64)(KX_PAGE - 1);
	}
	if (!addr && (flags & SHM_REMAP))
		return -EINVAL;
	o = ipc_lock(&segments, id, &r);
	if (!o)
		return r;
	r = attach_locked(segment_of(o), flags, &f);
	size = segment_of(o)->size;
	unlock(&o->lock);
	if (r)
		return r;
	r = mm_map(current->proc->mm, addr, size, prot, how, f, 0);
	file_put(f);
	return r == -EEXIST ? -EINVAL : r;
}

long sys_shmdt(u64 addr)
{
	struct mm *mm = current->proc->mm;
	const struct kx_region *r = mm_find(mm, addr);
	struct file *f = r ? (struct file *)r->file : NULL;
	long err = -EINVAL;

	if (!f || r->start != addr || f->ops != &attach_ops || r->kind != KX_REGION_OBJECT || r->offset)
		return -EINVAL;
	file_ref(f);
	for (u32 i = 0; i < mm->count;) { /* it may have been split: all of its pieces */
		if (mm->regions[i].file != (u64)f) {
			i++;
			continue;
		}
		err = mm_unmap(mm, mm->regions[i].start, mm->regions[i].end - mm->regions[i].start);
		if (err)
			break;
	}
	file_put(f);
	return err;
}

/* The child's mappings of a segment are attaches of its own. */
long shm_attach_fork(struct mm *parent, struct mm *child)
{
	(void)parent;
	for (u32 i = 0; i < child->count; i++) {
		struct file *old = (struct file *)child->regions[i].file, *new;
		struct segment *s;

		if (!old || old->ops != &attach_ops)
			continue;
		s = ((struct attach *)old->data)->segment;
		lock(&s->o.lock);
		new = attach_create(s, (old->flags & O_ACCMODE) == O_RDWR);
		unlock(&s->o.lock);
		if (!new)
			return -ENOMEM;
		for (u32 j = i; j < child->count; j++)
			if (child->regions[j].file == (u64)old) {
				child->regions[j].file = (u64)file_ref(new);
				file_put(old);
			}
		file_put(new);
	}
	return 0;
}

/* ---- control ------------------------------------------------------------------------------------------------------------------ */

static long shm_stat(u32 id, int op, struct shmid64_ds __user *to)
{
	struct shmid64_ds ds;
	long err = -EINVAL;
	struct ipc_object *o = op == IPC_STAT ? ipc_lock(&segments, id, &err) : ipc_lock_index(&segments, id);
	struct segment *s = segment_of(o);

	if (!o)
		return err;
	err = op == SHM_STAT_ANY ? 0 : ipc_permission(o, 4);
	memset(&ds, 0, sizeof ds);
	ipc_perm_out(o, &ds.shm_perm);
	ds.shm_segsz = s->size;
	ds.shm_atime = s->attached_at;
	ds.shm_dtime = s->detached_at;
	ds.shm_ctime = s->changed_at;
	ds.shm_cpid = (int)s->creator;
	ds.shm_lpid = (int)s->last;
	ds.shm_nattch = s->attaches;
	if (!err && op != IPC_STAT)
		err = o->id;
	unlock(&o->lock);
	return err < 0 || !put_user(ds, to) ? err : -EFAULT;
}

static long shm_limits(struct shminfo64 __user *to)
{
	struct shminfo64 info = { .shmmax = SEGMENT_BYTES_MOST, .shmmin = 1, .shmmni = SEGMENTS_MOST, .shmseg = SEGMENTS_MOST,
				  .shmall = SEGMENT_BYTES_MOST };

	if (put_user(info, to))
		return -EFAULT;
	return segments.highest ? segments.highest - 1 : 0;
}

static long shm_usage(struct shm_info __user *to)
{
	struct shm_info info;

	memset(&info, 0, sizeof info);
	info.used_ids = (int)segments.count;
	for (u32 i = 0; i < segments.highest; i++) {
		struct ipc_object *o = ipc_lock_index(&segments, i);
		struct segment *s = segment_of(o);

		if (!o)
			continue;
		info.shm_tot += PAGES(s->size);
		for (u64 page = 0; page < PAGES(s->size); page++)
			info.shm_rss += object_page(s->pages, page, false) != NULL;
		unlock(&o->lock);
	}
	if (put_user(info, to))
		return -EFAULT;
	return segments.highest ? segments.highest - 1 : 0;
}

static long shm_change(u32 id, int op, const struct shmid64_ds *ds)
{
	long err;
	struct ipc_object *o = ipc_lock(&segments, id, &err);
	struct segment *s = segment_of(o);

	if (!o)
		return err;
	if (!ipc_owner(o)) {
		err = -EPERM;
	} else if (op == IPC_SET) {
		err = ipc_perm_set(o, &ds->shm_perm);
		s->changed_at = ipc_seconds();
	} else {
		s->removed = true;
		o->mode |= SHM_DEST_BIT;
		o->key = IPC_PRIVATE;
	}
	segment_unlock(s);
	return err;
}

long sys_shmctl(u32 id, int op, void __user *buffer)
{
	struct shmid64_ds ds;
	struct ipc_object *o;
	long err;

	if ((s32)id < 0)
		return -EINVAL;
	switch (op) {
	case IPC_INFO:
		return shm_limits(buffer);
	case SHM_INFO:
		return shm_usage(buffer);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return shm_stat(id, op, buffer);
	case IPC_SET:
		if (copy_from_user(&ds, buffer, sizeof ds))
			return -EFAULT;
		return shm_change(id, op, &ds);
	case IPC_RMID:
		return shm_change(id, op, NULL);
	case SHM_LOCK:
	case SHM_UNLOCK: /* nothing is ever paged out */
		o = ipc_lock(&segments, id, &err);
		if (!o)
			return err;
		err = ipc_owner(o) ? 0 : -EPERM;
		unlock(&o->lock);
		return err;
	default:
		return -EINVAL;
	}
}

void shm_init(void)
{
	ipc_ids_init(&segments, sizeof(struct segment), SEGMENTS_MOST);
	segments.create = segment_create;
	segments.check = segment_check;
}
