/* The system-call table, and the calls that are a few lines. Each checks all that it was given before it changes anything. */
#include "kernel.h"

#define LOG_BYTES 1024u

/* CALL(name): a system call: of which task, and its registers. */
#define CALL(name) static int sys_##name(struct task *t __attribute__((unused)), u32 *r __attribute__((unused)))

/* HANDLE(type, name, register, kind, rights): the object, or the call ends with the error. */
#define HANDLE(type, name, h, kind, rights) \
	int name##_error = 0; \
	struct type *name = handle_get(h, kind, rights, &name##_error); \
	if (!name) \
		return name##_error

/* ON(name, type, kind, rights, result): a call on an object, o, which r0 names. */
#define ON(name, type, kind, rights, result) \
	CALL(name) \
	{ \
		HANDLE(type, o, r[0], kind, rights); \
		return result; \
	}

CALL(null) { return 0; }
CALL(unknown) { return MK_ECALL; }
CALL(yield) { return yield(), 0; }
CALL(exit) { return task_end(t, r[0] & 0x3fffffffu), NO_RESULT; }

CALL(log)
{
	static char text[LOG_BYTES];
	u32 bytes = r[1];

	if (bytes > LOG_BYTES)
		return MK_EARGUMENT;
	if (space_copy_in(t->space, text, r[0], bytes))
		return MK_EADDRESS;
	print_text(text, bytes);
	return 0;
}

/* ---- Messages ---- */
CALL(send) { return ipc_send(t, false); }
CALL(call) { return ipc_send(t, true); }
CALL(receive) { return ipc_receive(t, r[0]); }
CALL(reply) { return ipc_reply(t, r[0]); }

/* A caller that has gone meanwhile is no reason not to serve the next. */
CALL(reply_receive)
{
	if (r[0])
		ipc_reply(t, r[0]);
	return ipc_receive(t, r[14]);
}

CALL(revoke) { return (int)grant_revoke(t); }

ON(notify, port, PORT, MK_RIGHT_SEND, (port_notify(o, r[1]), 0))

CALL(window)
{
	if (r[1] && !space_range(r[0], r[1]))
		return MK_EARGUMENT;
	if (r[1] && !space_free(t->space, r[0], r[1]))
		return MK_EADDRESS;
	t->window = r[0];
	t->window_pages = r[1];
	return 0;
}

/* A new object, whose handle is the caller's r0; NULL: r0 is the error. */
static void *create(enum kind kind, u32 *r)
{
	bool room = handle_room(current->space);
	struct object *o = room ? object_make(kind) : NULL;

	r[0] = (u32)(o ? handle_add(current->space, o, MK_RIGHT_ALL) : room ? MK_EMEMORY : MK_EFULL);
	return o;
}

CALL(port_create)
{
	struct port *p = create(PORT, r);

	if (p) {
		list_init(&p->senders);
		list_init(&p->receivers);
		list_init(&p->served);
	}
	return NO_RESULT;
}

/* ---- Tasks and spaces ---- */
CALL(task_create)
{
	struct task *made;
	int error;

	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	if (r[4] >= MK_PRIORITIES || r[1] >= MK_USER_END || r[2] > MK_USER_END || r[2] & 7)
		return MK_EARGUMENT;
	if (!handle_room(t->space))
		return MK_EFULL;
	error = task_make(s, r[1], r[2], r[3], r[4], &made);
	return error ? error : handle_add(t->space, &made->object, MK_RIGHT_ALL);
}

ON(task_start, task, TASK, MK_RIGHT_MANAGE, o->state == STOPPED ? (ready(o), 0) : MK_EBUSY)
ON(task_kill, task, TASK, MK_RIGHT_MANAGE, (task_end(o, MK_ENDED_KILLED), o == t ? NO_RESULT : 0))

CALL(task_priority)
{
	HANDLE(task, other, r[0], TASK, MK_RIGHT_MANAGE);
	u8 before = other->base;

	if (r[1] == MK_NONE)
		return before;
	if (r[1] >= MK_PRIORITIES)
		return MK_EARGUMENT;
	other->base = (u8)r[1];
	priority_update(other);
	return before;
}

CALL(space_create)
{
	struct port *watcher = NULL;
	struct space *s;
	int error = 0;

	if (r[1] != MK_NONE && !(watcher = handle_get(r[1], PORT, MK_RIGHT_SEND, &error)))
		return error;
	if (r[0] < 2)
		return MK_EARGUMENT;
	if (!handle_room(t->space))
		return MK_EFULL;
	s = space_make(r[0], watcher, r[2], (const char *)&r[3], &error);
	return s ? handle_add(t->space, &s->object, MK_RIGHT_ALL) : error;
}

CALL(space_kill)
{
	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	bool own = s == t->space;

	for (u32 i = 1; i < MK_TASKS && s->tasks; i++)
		if (tasks[i].object.kind == TASK && !tasks[i].object.dead && tasks[i].space == s)
			task_end(&tasks[i], MK_ENDED_KILLED);
	if (!s->object.dead) /* it never had a task */
		space_end(s);
	return own ? NO_RESULT : 0;
}

/* Also of one that has ended, as long as there is a handle. */
CALL(space_status)
{
	struct handle *handle = handle_at(t->space, r[0]);
	struct space *s = handle ? (struct space *)handle->object : NULL;

	if (!s || s->object.kind != SPACE)
		return MK_EHANDLE;
	r[1] = s->status;
	r[2] = s->pages;
	r[3] = s->number;
	return s->tasks;
}

/* ---- Memory and handles ---- */
ON(map, space, SPACE, MK_RIGHT_MANAGE, space_map(o, r[1], r[2], r[3]))
ON(unmap, space, SPACE, MK_RIGHT_MANAGE, space_unmap(o, r[1], r[2]))
ON(move, space, SPACE, MK_RIGHT_MANAGE, space_move(o, r[1], t->space, r[2], r[3], r[4]))

CALL(give)
{
	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	struct handle *own = handle_at(t->space, r[1]);

	if (!own)
		return MK_EHANDLE;
	return r[2] & ~own->rights ? MK_ERIGHT : handle_add(s, own->object, r[2]);
}

CALL(drop) { return handle_drop(t->space, r[0]); }

/* ---- Semaphores, mutexes, timers ---- */
CALL(sem_create)
{
	u32 count = r[0];
	struct semaphore *s = count <= INT32_MAX ? create(SEMAPHORE, r) : NULL;

	if (!s)
		return count <= INT32_MAX ? NO_RESULT : MK_EARGUMENT;
	s->count = count;
	list_init(&s->waiters);
	return NO_RESULT;
}

ON(sem_up, semaphore, SEMAPHORE, MK_RIGHT_SEND, semaphore_up(o))
ON(sem_down, semaphore, SEMAPHORE, MK_RIGHT_RECEIVE, semaphore_down(t, o))

CALL(mutex_create)
{
	struct mutex *m = create(MUTEX, r);

	if (m) {
		list_init(&m->waiters);
		list_init(&m->held);
	}
	return NO_RESULT;
}

ON(mutex_lock, mutex, MUTEX, MK_RIGHT_SEND, mutex_lock(t, o))
ON(mutex_unlock, mutex, MUTEX, MK_RIGHT_SEND, mutex_unlock(t, o))

CALL(timer_create)
{
	HANDLE(port, p, r[0], PORT, MK_RIGHT_SEND);
	u32 bits = r[1];
	struct timer *timer = create(TIMER, r);

	if (timer)
		timer_init(timer, p, bits);
	return NO_RESULT;
}

ON(timer_set, timer, TIMER, MK_RIGHT_MANAGE, timer_set(o, r[1], r[2]))

CALL(sleep)
{
	if (!r[0])
		return 0;
	block(t, ASLEEP);
	timeout_set(t, r[0]);
	return NO_RESULT;
}

/* ---- Devices and the machine ---- */
CALL(device_map)
{
	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_MANAGE);
	u32 protection = d->type == MK_DEVICE_INITRD ? MK_READ : MK_READ | MK_WRITE;

	return d->bytes ? space_map_device(t->space, r[1], d->physical, d->bytes, protection) : MK_EARGUMENT;
}

CALL(irq_bind)
{
	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_MANAGE);
	HANDLE(port, p, r[1], PORT, MK_RIGHT_SEND);
	struct port *before = d->port;

	if (!d->irq)
		return MK_EARGUMENT;
	p->object.handles++;
	d->port = p;
	d->bits = r[2];
	if (before)
		object_drop(&before->object);
	irq_enable(d->irq, DEVICE_IRQ_PRIORITY);
	return 0;
}

ON(irq_ack, device, DEVICE, MK_RIGHT_MANAGE, o->port ? (irq_enable(o->irq, DEVICE_IRQ_PRIORITY), 0) : MK_EARGUMENT)
ON(irq_raise, device, DEVICE, MK_RIGHT_MANAGE, o->irq ? (irq_raise(o->irq), 0) : MK_EARGUMENT)

CALL(physical)
{
	u32 physical = space_physical(t->space, r[1]);

	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_DMA);
	r[0] = physical;
	return physical ? NO_RESULT : MK_EADDRESS;
}

CALL(info)
{
	switch (r[0]) {
	case MK_INFO_FREE_PAGES: return (int)pages_free;
	case MK_INFO_PAGES: return (int)boot_info.ram_pages;
	case MK_INFO_IRQ_STAMP: r[0] = irq_stamp; return NO_RESULT;
	case MK_INFO_SWITCHES: return (int)(switches & INT32_MAX);
	case MK_INFO_OBJECTS: return (int)objects_alive;
	case MK_INFO_TASKS: return (int)tasks_alive;
	case MK_INFO_BOOT_CYCLES: return (int)boot_info.boot_cycles;
	default: return MK_EARGUMENT;
	}
}

ON(shutdown, device, DEVICE, MK_RIGHT_MANAGE, o->type == MK_DEVICE_MACHINE ? (board_off(), 0) : MK_EARGUMENT)

system_call *const system_calls[MK_CALLS + 1] = {
	[MK_NULL] = sys_null, [MK_YIELD] = sys_yield, [MK_EXIT] = sys_exit, [MK_LOG] = sys_log,
	[MK_SEND] = sys_send, [MK_RECEIVE] = sys_receive, [MK_CALL] = sys_call, [MK_REPLY] = sys_reply,
	[MK_REPLY_RECEIVE] = sys_reply_receive, [MK_NOTIFY] = sys_notify, [MK_PORT_CREATE] = sys_port_create,
	[MK_WINDOW] = sys_window, [MK_REVOKE] = sys_revoke,
	[MK_TASK_CREATE] = sys_task_create, [MK_TASK_START] = sys_task_start, [MK_TASK_KILL] = sys_task_kill,
	[MK_TASK_PRIORITY] = sys_task_priority,
	[MK_SPACE_CREATE] = sys_space_create, [MK_SPACE_KILL] = sys_space_kill, [MK_SPACE_STATUS] = sys_space_status,
	[MK_MAP] = sys_map, [MK_UNMAP] = sys_unmap, [MK_MOVE] = sys_move, [MK_GIVE] = sys_give, [MK_DROP] = sys_drop,
	[MK_SEM_CREATE] = sys_sem_create, [MK_SEM_UP] = sys_sem_up, [MK_SEM_DOWN] = sys_sem_down,
	[MK_MUTEX_CREATE] = sys_mutex_create, [MK_MUTEX_LOCK] = sys_mutex_lock, [MK_MUTEX_UNLOCK] = sys_mutex_unlock,
	[MK_TIMER_CREATE] = sys_timer_create, [MK_TIMER_SET] = sys_timer_set, [MK_SLEEP] = sys_sleep,
	[MK_DEVICE_MAP] = sys_device_map, [MK_IRQ_BIND] = sys_irq_bind, [MK_IRQ_ACK] = sys_irq_ack,
	[MK_IRQ_RAISE] = sys_irq_raise, [MK_PHYSICAL] = sys_physical, [MK_INFO] = sys_info, [MK_SHUTDOWN] = sys_shutdown,
	[MK_CALLS] = sys_unknown,
};
