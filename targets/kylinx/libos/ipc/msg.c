/* System V message queues. A message is copied once into a block of the heap and once out of it; the queue's lock covers only
 * the list. Calls that poll an empty queue do not take it at all. */
#include "sysv.h"

#define MSG_MOST 8192u        /* kernel.msgmax */
#define QUEUE_BYTES 16384u    /* kernel.msgmnb */
#define QUEUES_MOST 32000u    /* kernel.msgmni */
#define QUEUE_BYTES_LIMIT 0x7fffffffu

struct msg {
	struct list node;
	long type;
	size_t size;
	u8 data[];
};

struct msgq {
	struct ipc_object o;
	u32 most_bytes, bytes, count;
	u32 sends;              /* ever: a receiver that found nothing for it waits until this changes */
	struct list messages;
	struct waitq senders, receivers;
	long sent_at, received_at, changed_at;
	u32 last_sender, last_receiver;
};

static struct ipc_ids queues;

static struct msgq *msgq_of(struct ipc_object *o)
{
	return container_of(o, struct msgq, o);
}

static long msgq_create(struct ipc_object *o, u64 size, u32 flags)
{
	struct msgq *q = msgq_of(o);

	(void)size;
	(void)flags;
	if (!q->messages.next) { /* first use of this block: later ones keep the wait queues, somebody may be leaving them */
		waitq_init(&q->senders);
		waitq_init(&q->receivers);
	}
	list_init(&q->messages);
	q->most_bytes = QUEUE_BYTES;
	q->bytes = q->count = 0;
	q->sent_at = q->received_at = 0;
	q->last_sender = q->last_receiver = 0;
	q->changed_at = ipc_seconds();
	return 0;
}

long sys_msgget(s32 key, u32 flags)
{
	return ipc_get(&queues, key, 0, flags);
}

/* ---- sending ------------------------------------------------------------------------------------------------------------- */

static bool msgq_room(const struct msgq *q, size_t size)
{
	return q->bytes + size <= q->most_bytes && q->count < q->most_bytes;
}

/* 0: queued; 1: no room; -errno. */
static long msg_queue(u32 id, struct msg *m)
{
	long err;
	struct ipc_object *o = ipc_lock(&queues, id, &err);
	struct msgq *q = msgq_of(o);

	if (!o)
		return err;
	err = ipc_permission(o, 2);
	if (!err && !msgq_room(q, m->size))
		err = 1;
	if (!err) {
		list_push_back(&q->messages, &m->node);
		q->bytes += (u32)m->size;
		q->last_sender = current->proc->pid;
		q->sent_at = ipc_seconds();
		__atomic_store_n(&q->sends, q->sends + 1, __ATOMIC_RELEASE);
		__atomic_store_n(&q->count, q->count + 1, __ATOMIC_RELEASE);
	}
	unlock(&o->lock);
	if (!err)
		wake_waiters(&q->receivers, 0);
	return err;
}

static long msg_send(u32 id, struct msg *m, u32 flags)
{
	for (bool slept = false;; slept = true) {
		struct msgq *q = msgq_of(ipc_at(&queues, id));
		long err = msg_queue(id, m);

		if (err == -EINVAL && slept)
			return -EIDRM;
		if (err <= 0)
			return err;
		if (flags & IPC_NOWAIT)
			return -EAGAIN;
		if (wait_until(&q->senders, msgq_room(q, m->size) || ipc_id(&q->o) != id, NEVER))
			return -ERESTARTNOHAND;
	}
}

long sys_msgsnd(u32 id, const void __user *from, size_t size, u32 flags)
{
	struct msg *m;
	long err;

	if (size > MSG_MOST || (s32)id < 0)
		return -EINVAL;
	m = kmalloc(sizeof *m + size);
	if (!m)
		return -ENOMEM;
	m->size = size;
	err = get_user(m->type, (const long __user *)from) ||
			      (size && copy_from_user(m->data, (const char __user *)from + sizeof(long), size)) ? -EFAULT : 0;
	if (!err && m->type < 1)
		err = -EINVAL;
	if (!err)
		err = msg_send(id, m, flags);
	if (err)
		kfree(m);
	return err;
}

/* ---- receiving ----------------------------------------------------------------------------------------------------------- */

static struct msg *msg_find(const struct msgq *q, long type, u32 flags)
{
	struct msg *best = NULL;

	list_for_each(n, &q->messages) {
		struct msg *m = list_entry(n, struct msg, node);

		if (!type || (type > 0 && (m->type == type) == !(flags & MSG_EXCEPT)))
			return m;
		if (type < 0 && m->type <= -type && (!best || m->type < best->type))
			best = m;
	}
	return best;
}

/* 0: *to is the message; 1: none; -errno. */
static long msg_take(u32 id, size_t size, long type, u32 flags, struct msg **to)
{
	long err;
	struct ipc_object *o = ipc_lock(&queues, id, &err);
	struct msgq *q = msgq_of(o);
	struct msg *m;

	if (!o)
		return err;
	err = ipc_permission(o, 4);
	m = err ? NULL : msg_find(q, type, flags);
	if (!m) {
		err = err ? err : 1;
	} else if (m->size > size && !(flags & MSG_NOERROR)) {
		err = -E2BIG;
	} else {
		list_remove(&m->node);
		q->bytes -= (u32)m->size;
		q->last_receiver = current->proc->pid;
		q->received_at = ipc_seconds();
		__atomic_store_n(&q->count, q->count - 1, __ATOMIC_RELEASE);
		*to = m;
	}
	unlock(&o->lock);
	if (!err)
		wake_waiters(&q->senders, 0);
	return err;
}

static long msg_receive(u32 id, size_t size, long type, u32 flags, struct msg **to)
{
	for (bool slept = false;; slept = true) {
		struct ipc_object *o = ipc_at(&queues, id);
		struct msgq *q = msgq_of(o);
		u32 seen;
		long err;

		if (!o)
			return -EINVAL;
		seen = __atomic_load_n(&q->sends, __ATOMIC_ACQUIRE);
		if (!__atomic_load_n(&q->count, __ATOMIC_ACQUIRE) && (flags & IPC_NOWAIT) && ipc_id(o) == id && !ipc_permission(o, 4))
			return -ENOMSG;
		err = msg_take(id, size, type, flags, to);
		if (err == -EINVAL && slept)
			return -EIDRM;
		if (err <= 0)
			return err;
		if (flags & IPC_NOWAIT)
			return -ENOMSG;
		if (wait_until(&q->receivers, __atomic_load_n(&q->sends, __ATOMIC_ACQUIRE) != seen || ipc_id(o) != id, NEVER))
			return -ERESTARTNOHAND;
	}
}

static long msg_out(const struct msg *m, void __user *to, size_t size)
{
	size_t n = m->size < size ? m->size : size;

	if (put_user(m->type, (long __user *)to) || (n && copy_to_user((char __user *)to + sizeof(long), m->data, n)))
		return -EFAULT;
	return (long)n;
}

/* MSG_COPY: the message at a place of the queue, which stays there. */
static long msg_copy(u32 id, void __user *to, size_t size, long place, u32 flags)
{
	struct msg *copy;
	struct ipc_object *o;
	long err = -ENOMSG;

	if ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT))
		return -EINVAL;
	copy = kmalloc(sizeof *copy + MSG_MOST);
	if (!copy)
		return -ENOMEM;
	o = ipc_lock(&queues, id, &err);
	if (o) {
		err = ipc_permission(o, 4);
		err = err ? err : -ENOMSG;
		list_for_each(n, &msgq_of(o)->messages) {
			struct msg *m = list_entry(n, struct msg, node);

			if (err != -ENOMSG || place--)
				continue;
			err = m->size > size && !(flags & MSG_NOERROR) ? -E2BIG : 0;
			memcpy(copy, m, sizeof *m + m->size);
		}
		unlock(&o->lock);
	}
	if (!err)
		err = msg_out(copy, to, size);
	kfree(copy);
	return err;
}

long sys_msgrcv(u32 id, void __user *to, size_t size, long type, u32 flags)
{
	struct msg *m = NULL;
	long r;

	if ((long)size < 0 || (s32)id < 0)
		return -EINVAL;
	if (flags & MSG_COPY)
		return msg_copy(id, to, size, type, flags);
	if (type == -__LONG_MAX__ - 1)
		type = -__LONG_MAX__;
	r = msg_receive(id, size, type, flags, &m);
	if (r)
		return r;
	r = msg_out(m, to, size);
	kfree(m);
	return r;
}

/* ---- control ---------------------------------------------------------------------------------------------------------------- */

static void msgq_stat(struct msgq *q, struct msqid64_ds *to)
{
	memset(to, 0, sizeof *to);
	ipc_perm_out(&q->o, &to->msg_perm);
	to->msg_stime = q->sent_at;
	to->msg_rtime = q->received_at;
	to->msg_ctime = q->changed_at;
	to->msg_cbytes = q->bytes;
	to->msg_qnum = q->count;
	to->msg_qbytes = q->most_bytes;
	to->msg_lspid = (int)q->last_sender;
	to->msg_lrpid = (int)q->last_receiver;
}

static long msgctl_stat(u32 id, int op, struct msqid64_ds __user *to)
{
	struct msqid64_ds ds;
	struct ipc_object *o;
	long err = -EINVAL;

	o = op == IPC_STAT ? ipc_lock(&queues, id, &err) : ipc_lock_index(&queues, id);
	if (!o)
		return err;
	err = op == MSG_STAT_ANY ? 0 : ipc_permission(o, 4);
	msgq_stat(msgq_of(o), &ds);
	if (!err && op != IPC_STAT)
		err = o->id;
	unlock(&o->lock);
	return err < 0 || !put_user(ds, to) ? err : -EFAULT;
}

static long msgctl_info(int op, struct msginfo __user *to)
{
	struct msginfo info = { .msgpool = (int)(QUEUES_MOST * QUEUE_BYTES / 1024), .msgmap = QUEUE_BYTES, .msgmax = MSG_MOST,
				.msgmnb = QUEUE_BYTES, .msgmni = QUEUES_MOST, .msgssz = 16, .msgtql = QUEUE_BYTES, .msgseg = 0xffff };
	u32 highest = queues.highest;

	if (op == MSG_INFO) {
		info.msgpool = (int)queues.count;
		info.msgmap = info.msgtql = 0;
		for (u32 i = 0; i < highest; i++) {
			struct ipc_object *o = ipc_lock_index(&queues, i);

			if (!o)
				continue;
			info.msgmap += (int)msgq_of(o)->count;
			info.msgtql += (int)msgq_of(o)->bytes;
			unlock(&o->lock);
		}
	}
	if (copy_to_user(to, &info, sizeof info))
		return -EFAULT;
	return highest ? highest - 1 : 0;
}

static long msgctl_set(struct msgq *q, const struct msqid64_ds *ds)
{
	long err;

	if (!ipc_owner(&q->o))
		return -EPERM;
	if (ds->msg_qbytes > QUEUE_BYTES && (current->proc->cred.euid || ds->msg_qbytes > QUEUE_BYTES_LIMIT))
		return -EPERM;
	err = ipc_perm_set(&q->o, &ds->msg_perm);
	if (!err) {
		q->most_bytes = (u32)ds->msg_qbytes;
		q->changed_at = ipc_seconds();
	}
	return err;
}

/* Locked. Its messages, for the caller to free. */
static long msgctl_remove(struct msgq *q, struct list *gone)
{
	if (!ipc_owner(&q->o))
		return -EPERM;
	while (!list_empty(&q->messages)) {
		struct list *n = q->messages.next;

		list_remove(n);
		list_push_back(gone, n);
	}
	q->count = q->bytes = 0;
	ipc_remove(&queues, &q->o);
	return 0;
}

long sys_msgctl(u32 id, int op, void __user *buffer)
{
	struct msqid64_ds ds;
	struct ipc_object *o;
	struct msgq *q;
	struct list gone;
	long err;

	if ((s32)id < 0)
		return -EINVAL;
	if (op == IPC_INFO || op == MSG_INFO)
		return msgctl_info(op, buffer);
	if (op == IPC_STAT || op == MSG_STAT || op == MSG_STAT_ANY)
		return msgctl_stat(id, op, buffer);
	if (op != IPC_SET && op != IPC_RMID)
		return -EINVAL;
	if (op == IPC_SET && copy_from_user(&ds, buffer, sizeof ds))
		return -EFAULT;
	o = ipc_lock(&queues, id, &err);
	if (!o)
		return err;
	q = msgq_of(o);
	list_init(&gone);
	err = op == IPC_SET ? msgctl_set(q, &ds) : msgctl_remove(q, &gone);
	unlock(&o->lock);
	wake_waiters(&q->senders, 0);
	wake_waiters(&q->receivers, 0);
	while (!list_empty(&gone)) {
		struct msg *m = list_entry(gone.next, struct msg, node);

		list_remove(&m->node);
		kfree(m);
	}
	return err;
}

void msg_init(void)
{
	ipc_ids_init(&queues, sizeof(struct msgq), QUEUES_MOST);
	queues.create = msgq_create;
}
