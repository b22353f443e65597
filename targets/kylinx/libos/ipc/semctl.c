/* semctl: values, counts and life of semaphore sets. */
#include "sem.h"

static long sem_info(int op, struct seminfo __user *to)
{
	struct seminfo info = { .semmap = SEM_ALL_MOST, .semmni = SEM_SETS_MOST, .semmns = SEM_ALL_MOST, .semmnu = SEM_ALL_MOST,
				.semmsl = SEM_SET_MOST, .semopm = SEM_OPS_MOST, .semume = SEM_OPS_MOST, .semusz = 20,
				.semvmx = SEM_VALUE_MOST, .semaem = SEM_VALUE_MOST };
	u32 highest = sem_sets.highest;

	if (op == SEM_INFO) {
		info.semusz = (int)sem_sets.count;
		info.semaem = 0;
		for (u32 i = 0; i < highest; i++) {
			struct ipc_object *o = ipc_lock_index(&sem_sets, i);

			if (!o)
				continue;
			info.semaem += (int)semset_of(o)->count;
			unlock(&o->lock);
		}
	}
	if (copy_to_user(to, &info, sizeof info))
		return -EFAULT;
	return highest ? highest - 1 : 0;
}

static long sem_stat(u32 id, int op, struct semid64_ds __user *to)
{
	struct semid64_ds ds;
	long err = -EINVAL;
	struct ipc_object *o = op == IPC_STAT ? ipc_lock(&sem_sets, id, &err) : ipc_lock_index(&sem_sets, id);
	struct semset *s = semset_of(o);

	if (!o)
		return err;
	err = op == SEM_STAT_ANY ? 0 : ipc_permission(o, 4);
	memset(&ds, 0, sizeof ds);
	ipc_perm_out(o, &ds.sem_perm);
	ds.sem_otime = s->operated_at;
	ds.sem_ctime = s->changed_at;
	ds.sem_nsems = s->count;
	if (!err && op != IPC_STAT)
		err = o->id;
	unlock(&o->lock);
	return err < 0 || !put_user(ds, to) ? err : -EFAULT;
}

static long sem_set_perm(u32 id, const struct semid64_ds __user *from)
{
	struct semid64_ds ds;
	struct ipc_object *o;
	long err;

	if (get_user(ds, from))
		return -EFAULT;
	o = ipc_lock(&sem_sets, id, &err);
	if (!o)
		return err;
	err = ipc_owner(o) ? ipc_perm_set(o, &ds.sem_perm) : -EPERM;
	if (!err)
		semset_of(o)->changed_at = ipc_seconds();
	unlock(&o->lock);
	return err;
}

static long sem_remove(u32 id)
{
	long err;
	struct ipc_object *o = ipc_lock(&sem_sets, id, &err);
	struct semset *s = semset_of(o);

	if (!o)
		return err;
	if (!ipc_owner(o)) {
		unlock(&o->lock);
		return -EPERM;
	}
	undo_drop_all(s);
	kfree(s->sem);
	s->sem = NULL;
	s->count = 0;
	ipc_remove(&sem_sets, o);
	unlock(&o->lock);
	wake_waiters(&s->wait, 0);
	return 0;
}

/* GETVAL and its like: one number of one semaphore. */
static long sem_one(u32 id, u32 number, int op)
{
	long r;
	struct ipc_object *o = ipc_lock(&sem_sets, id, &r);
	struct semset *s = semset_of(o);

	if (!o)
		return r;
	r = ipc_permission(o, 4);
	if (!r && number >= s->count)
		r = -EINVAL;
	if (!r) {
		const struct sem *sem = &s->sem[number];

		r = op == GETVAL ? sem->value : (long)(op == GETPID ? sem->pid : op == GETNCNT ? sem->wait_more : sem->wait_zero);
	}
	unlock(&o->lock);
	return r;
}

static long sem_set_value(u32 id, u32 number, int value)
{
	struct ipc_object *o;
	struct semset *s;
	long err;

	if (value < 0 || value > SEM_VALUE_MOST)
		return -ERANGE;
	o = ipc_lock(&sem_sets, id, &err);
	s = semset_of(o);
	if (!o)
		return err;
	err = ipc_permission(o, 2);
	if (number >= s->count)
		err = -EINVAL;
	if (!err) {
		s->sem[number].value = value;
		s->sem[number].pid = current->proc->pid;
		s->changed_at = ipc_seconds();
		undo_clear(s, number, 1);
		sem_changed(s);
	}
	unlock(&o->lock);
	if (!err)
		wake_waiters(&s->wait, 0);
	return err;
}

/* Locked. */
static long sem_put_all(struct semset *s, const u16 *values, u32 count)
{
	if (count != s->count)
		return -EIDRM;
	for (u32 i = 0; i < count; i++)
		if (values[i] > SEM_VALUE_MOST)
			return -ERANGE;
	for (u32 i = 0; i < count; i++) {
		s->sem[i].value = values[i];
		s->sem[i].pid = current->proc->pid;
	}
	s->changed_at = ipc_seconds();
	undo_clear(s, 0, count);
	sem_changed(s);
	return 0;
}

/* GETALL, SETALL: the values go through a copy, made while nothing is locked. */
static long sem_all(u32 id, int op, u16 __user *user)
{
	long err;
	struct ipc_object *o = ipc_lock(&sem_sets, id, &err);
	struct semset *s = semset_of(o);
	u32 count;
	u16 *values;

	if (!o)
		return err;
	count = s->count;
	unlock(&o->lock);
	values = kmalloc(count * sizeof *values);
	if (!values)
		return -ENOMEM;
	if (op == SETALL && copy_from_user(values, user, count * sizeof *values)) {
		kfree(values);
		return -EFAULT;
	}
	o = ipc_lock(&sem_sets, id, &err);
	if (o) {
		err = ipc_permission(o, op == SETALL ? 2 : 4);
		if (!err && op == SETALL)
			err = sem_put_all(s, values, count);
		for (u32 i = 0; !err && op == GETALL && i < count && i < s->count; i++)
			values[i] = (u16)s->sem[i].value;
		unlock(&o->lock);
	}
	if (!err && op == SETALL)
		wake_waiters(&s->wait, 0);
	if (!err && op == GETALL && copy_to_user(user, values, count * sizeof *values))
		err = -EFAULT;
	kfree(values);
	return err;
}

long sys_semctl(u32 id, u32 number, int op, u64 argument)
{
	if ((s32)id < 0)
		return -EINVAL;
	switch (op) {
	case IPC_INFO:
	case SEM_INFO:
		return sem_info(op, (void __user *)argument);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return sem_stat(id, op, (void __user *)argument);
	case IPC_SET:
		return sem_set_perm(id, (void __user *)argument);
	case IPC_RMID:
		return sem_remove(id);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
		return sem_one(id, number, op);
	case SETVAL:
		return sem_set_value(id, number, (int)argument);
	case GETALL:
	case SETALL:
		return sem_all(id, op, (void __user *)argument);
	default:
		return -EINVAL;
	}
}
