/* System V semaphores: sets, operations done all or none, and what SEM_UNDO gives back when a process ends. */
#include "sem.h"

struct ipc_ids sem_sets;
static u32 undos; /* in the family: usually none, and then an exit need not look */

static long sem_create(struct ipc_object *o, u64 size, u32 flags)
{
	struct semset *s = semset_of(o);

	(void)flags;
	if (!size || size > SEM_SET_MOST)
		return -EINVAL;
	s->sem = kzalloc(size * sizeof *s->sem);
	if (!s->sem)
		return -ENOMEM;
	if (!s->undos.next) { /* first use of this block */
		waitq_init(&s->wait);
		list_init(&s->undos);
	}
	s->count = (u32)size;
	s->operated_at = 0;
	s->changed_at = ipc_seconds();
	return 0;
}

static long sem_check(struct ipc_object *o, u64 size, u32 flags)
{
	(void)flags;
	return size > semset_of(o)->count ? -EINVAL : 0;
}

long sys_semget(s32 key, int count, u32 flags)
{
	if (count < 0 || (u32)count > SEM_SET_MOST)
		return -EINVAL;
	return ipc_get(&sem_sets, key, (u64)count, flags);
}

/* Locked; something changed: whoever waits looks again. */
void sem_changed(struct semset *s)
{
	__atomic_add_fetch(&s->version, 1, __ATOMIC_RELEASE);
}

/* ---- undo: the set is locked -------------------------------------------------------------------------------------------- */

static struct undo *undo_find(struct semset *s, const struct proc *p)
{
	list_for_each(n, &s->undos) {
		struct undo *u = list_entry(n, struct undo, node);

		if (u->proc == p)
			return u;
	}
	return NULL;
}

static struct undo *undo_get(struct semset *s, const struct proc *p)
{
	struct undo *u = undo_find(s, p);

	if (u)
		return u;
	u = kzalloc(sizeof *u + s->count * sizeof u->adjust[0]);
	if (u) {
		u->proc = p;
		list_push_back(&s->undos, &u->node);
		ref_get(&undos);
	}
	return u;
}

static void undo_free(struct undo *u)
{
	list_remove(&u->node);
	ref_put(&undos);
	kfree(u);
}

void undo_clear(struct semset *s, u32 first, u32 count)
{
	list_for_each(n, &s->undos)
		memset(&list_entry(n, struct undo, node)->adjust[first], 0, count * sizeof(short));
}

void undo_drop_all(struct semset *s)
{
	while (!list_empty(&s->undos))
		undo_free(list_entry(s->undos.next, struct undo, node));
}

static void undo_apply(struct semset *s, struct undo *u)
{
	for (u32 i = 0; i < s->count; i++) {
		int value = s->sem[i].value + u->adjust[i];

		if (!u->adjust[i])
			continue;
		s->sem[i].value = value < 0 ? 0 : value > SEM_VALUE_MOST ? SEM_VALUE_MOST : value;
		s->sem[i].pid = u->proc->pid;
	}
}

void sem_proc_exit(struct proc *p)
{
	for (u32 i = 0; __atomic_load_n(&undos, __ATOMIC_ACQUIRE) && i < sem_sets.highest; i++) {
		struct ipc_object *o = ipc_lock_index(&sem_sets, i);
		struct semset *s = semset_of(o);
		struct undo *u;

		if (!o)
			continue;
		u = undo_find(s, p);
		if (u) {
			undo_apply(s, u);
			undo_free(u);
			sem_changed(s);
		}
		unlock(&o->lock);
		if (u)
			wake_waiters(&s->wait, 0);
	}
}

/* ---- operations --------------------------------------------------------------------------------------------------------- */

struct attempt {
	struct sembuf *ops;
	u32 count, blocked;     /* blocked: index of the operation that has to wait */
	struct undo *undo;
};

/* One operation on the set: 0; 1: it would block; -errno. */
static long operate_one(struct semset *s, const struct sembuf *op, struct undo *undo)
{
	struct sem *sem = &s->sem[op->sem_num];
	int value = sem->value + op->sem_op;

	if (!op->sem_op)
		return sem->value != 0;
	if (value < 0)
		return 1;
	if (value > SEM_VALUE_MOST)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		int adjust = undo->adjust[op->sem_num] - op->sem_op;

		if (adjust < -SEM_VALUE_MOST - 1 || adjust > SEM_VALUE_MOST)
			return -ERANGE;
		undo->adjust[op->sem_num] = (short)adjust;
	}
	sem->value = value;
	return 0;
}

/* All or none. 0; 1: would block; -errno. */
static long operate(struct semset *s, struct attempt *a)
{
	u32 done;
	long r = 0;

	for (done = 0; done < a->count; done++) {
		r = operate_one(s, &a->ops[done], a->undo);
		if (r)
			break;
	}
	if (!r) {
		for (u32 i = 0; i < a->count; i++)
			s->sem[a->ops[i].sem_num].pid = current->proc->pid;
		s->operated_at = ipc_seconds();
		return 0;
	}
	a->blocked = done;
	while (done--) {
		const struct sembuf *op = &a->ops[done];

		s->sem[op->sem_num].value -= op->sem_op;
		if (op->sem_flg & SEM_UNDO)
			a->undo->adjust[op->sem_num] = (short)(a->undo->adjust[op->sem_num] + op->sem_op);
	}
	return r == 1 && (a->ops[a->blocked].sem_flg & IPC_NOWAIT) ? -EAGAIN : r;
}

static long prepare(struct semset *s, struct attempt *a)
{
	bool alter = false, undo = false;
	long err;

	for (u32 i = 0; i < a->count; i++) {
		if (a->ops[i].sem_num >= s->count)
			return -EFBIG;
		alter |= a->ops[i].sem_op != 0;
		undo |= a->ops[i].sem_op && (a->ops[i].sem_flg & SEM_UNDO);
	}
	err = ipc_permission(&s->o, alter ? 2 : 4);
	if (err)
		return err;
	a->undo = undo ? undo_get(s, current->proc) : NULL;
	return undo && !a->undo ? -ENOMEM : 0;
}

static bool alters(const struct attempt *a)
{
	for (u32 i = 0; i < a->count; i++)
		if (a->ops[i].sem_op)
			return true;
	return false;
}

/* Locked on entry, not on return. The blocked operation is counted in its semaphore meanwhile. */
static long sem_sleep(struct semset *s, u32 id, const struct sembuf *op, u64 deadline)
{
	u32 seen = s->version;
	u32 *counted = op->sem_op ? &s->sem[op->sem_num].wait_more : &s->sem[op->sem_num].wait_zero;
	long err;

	++*counted;
	unlock(&s->o.lock);
	err = wait_until(&s->wait, __atomic_load_n(&s->version, __ATOMIC_ACQUIRE) != seen || ipc_id(&s->o) != id, deadline);
	lock(&s->o.lock);
	if (s->o.id == id)
		--*counted;
	unlock(&s->o.lock);
	return err;
}

static long sem_operate(u32 id, struct attempt *a, u64 deadline)
{
	long err, r;

	for (bool slept = false;; slept = true) {
		struct ipc_object *o = ipc_lock(&sem_sets, id, &err);
		struct semset *s = semset_of(o);

		if (!o)
			return slept ? -EIDRM : err;
		err = prepare(s, a);
		r = err ? err : operate(s, a);
		if (r <= 0) {
			if (!r && alters(a))
				sem_changed(s);
			unlock(&o->lock);
			if (!r && alters(a))
				wake_waiters(&s->wait, 0);
			return r;
		}
		r = sem_sleep(s, id, &a->ops[a->blocked], deadline);
		if (r)
			return ipc_id(o) != id ? -EIDRM : r == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
}

long sys_semtimedop(u32 id, const struct sembuf __user *from, size_t count, const struct timespec __user *timeout)
{
	struct sembuf few[8], *ops = few;
	struct attempt a = { .count = (u32)count };
	u64 deadline;
	long err;

	if (!count || (s32)id < 0)
		return -EINVAL;
	if (count > SEM_OPS_MOST)
		return -E2BIG;
	if (count > ARRAY_SIZE(few))
		ops = kmalloc(count * sizeof *ops);
	if (!ops)
		return -ENOMEM;
	a.ops = ops;
	err = copy_from_user(ops, from, count * sizeof *ops) ? -EFAULT : deadline_from_user(timeout, &deadline);
	if (!err)
		err = sem_operate(id, &a, deadline);
	if (ops != few)
		kfree(ops);
	return err;
}

long sys_semop(u32 id, const struct sembuf __user *from, size_t count)
{
	return sys_semtimedop(id, from, count, NULL);
}

void sem_init(void)
{
	ipc_ids_init(&sem_sets, sizeof(struct semset), SEM_SETS_MOST);
	sem_sets.create = sem_create;
	sem_sets.check = sem_check;
}
