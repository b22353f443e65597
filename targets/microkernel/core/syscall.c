/* The system-call table, and the calls that are a few lines. Each checks all that it was given before it changes anything. */
#include "kernel.h"
#include "../boot/board.h"

#define LOG_BYTES 1024u

/* CALL(name): a system call: of which task, and its registers. */
#define CALL(name) static int sys_##name(struct task *t __attribute__((unused)), u32 *r __attribute__((unused)))

/* HANDLE(type, name, register, kind, rights): the object, or the call ends with the error. */
#define HANDLE(type, name, h, kind, rights) \
	int name##_error = 0; \
	struct type *name = handle_get(h, kind, rights, &name##_error); \
	if (!name) \
		return name##_error

/* A call over many pages, the first *done of which are done: where an interrupt waits, the task makes the call again after it. */
static int go_on(struct task *t, const u32 *done, int result)
{
	t->frame.r[12] = (t->frame.r[12] & 0xff) | (result == AGAIN ? *done << 8 : 0);
	return result == AGAIN ? task_repeat(t) : result;
}

/* ON(name, type, kind, rights, result): a call on an object, o, which r0 names. */
#define ON(name, type, kind, rights, result) \
	CALL(name) \
	{ \
		HANDLE(type, o, r[0], kind, rights); \
		return result; \
	}

/* OVER(name, type, kind, result): such a call, over many pages. */
#define OVER(name, type, kind, result) \
	CALL(name) \
	{ \
		u32 done = r[12] >> 8; \
		HANDLE(type, o, r[0], kind, MK_RIGHT_MANAGE); \
		return go_on(t, &done, result); \
	}

CALL(null) { return 0; }
CALL(unknown) { return MK_ECALL; }
CALL(yield) { return yield(), 0; }
CALL(exit) { return task_end(t, r[0] & 0x3fffffffu), NO_RESULT; }

CALL(log)
{
	u32 bytes = r[1], first = MK_PAGE - r[0] % MK_PAGE; /* in its first page, of at most two */
	u32 from = space_physical(t->space, r[0]), last = space_physical(t->space, r[0] + bytes - 1);

	if (bytes > LOG_BYTES)
		return MK_EARGUMENT;
	if (bytes && (from < BOARD_RAM || last < BOARD_RAM)) /* nothing, or a device */
		return MK_EADDRESS;
	first = first < bytes ? first : bytes;
	print_text((const char *)from, first);
	print_text((const char *)(last + 1 - (bytes - first)), bytes - first);
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

CALL(revoke)
{
	int taken = grant_revoke(t);

	return taken == AGAIN ? task_repeat(t) : taken;
}

ON(notify, port, PORT, MK_RIGHT_SEND, (port_notify(o, r[1]), 0))

CALL(window)
{
	if (r[1] > MK_GRANT_PAGES || (r[1] && !space_range(r[0], r[1])))
		return MK_EARGUMENT;
	if (!space_free(t->space, r[0], r[1]))
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

/* NEW(name, type, kind, init): a call that makes an object, o. */
#define NEW(name, type, kind, init) \
	CALL(name) \
	{ \
		struct type *o = create(kind, r); \
		if (o) \
			init; \
		return NO_RESULT; \
	}

NEW(port_create, port, PORT, (list_init(&o->senders), list_init(&o->receivers), list_init(&o->served)))

/* ---- Tasks and spaces ---- */
CALL(task_create)
{
	struct task *made;
	int error;

	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	if (r[4] >= MK_PRIORITIES || r[1] >= MK_USER_END || r[2] > MK_USER_END || r[2] & 7)
		return MK_EARGUMENT;
	if (r[4] > s->ceiling)
		return MK_ERIGHT;
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
	if (r[1] > other->space->ceiling)
		return MK_ERIGHT;
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
	if (r[0] < 2 || r[5] >= MK_PRIORITIES)
		return MK_EARGUMENT;
	if (r[5] > t->space->ceiling)
		return MK_ERIGHT;
	if (!handle_room(t->space))
		return MK_EFULL;
	error = space_make(r[0], r[5], (const char *)&r[3], &s);
	if (error)
		return error;
	s->watcher = watcher;
	s->watcher_bits = r[2];
	if (watcher)
		watcher->object.handles++; /* it must not go before */
	return handle_add(t->space, &s->object, MK_RIGHT_ALL);
}

CALL(space_kill)
{
	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);

	for (struct task *one = &tasks[1]; one < &tasks[MK_TASKS] && s->tasks; one++) {
		if (one->object.kind != TASK || one->object.dead || one->space != s || one == t)
			continue;
		task_end(one, MK_ENDED_KILLED);
		if (s->tasks && cpu_interrupted())
			return task_repeat(t);
	}
	if (t->space == s)
		task_end(t, MK_ENDED_KILLED);
	else if (!s->object.dead) /* it never had a task */
		space_end(s);
	return t->space == s ? NO_RESULT : 0;
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
OVER(map, space, SPACE, space_fill(o, r[1], r[2], r[3], NULL, 0, &done))
OVER(unmap, space, SPACE, space_unmap(o, r[1], r[2], &done))
OVER(move, space, SPACE, space_fill(o, r[1], r[3], r[4], t->space, r[2], &done))

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
	struct semaphore *s;

	if (count > INT32_MAX)
		return MK_EARGUMENT;
	s = create(SEMAPHORE, r);
	if (s) {
		s->count = count;
		list_init(&s->waiters);
	}
	return NO_RESULT;
}

ON(sem_up, semaphore, SEMAPHORE, MK_RIGHT_SEND, semaphore_up(o))
ON(sem_down, semaphore, SEMAPHORE, MK_RIGHT_RECEIVE, semaphore_down(t, o))

NEW(mutex_create, mutex, MUTEX, (list_init(&o->waiters), list_init(&o->held)))
ON(mutex_lock, mutex, MUTEX, MK_RIGHT_SEND, mutex_lock(t, o))
ON(mutex_unlock, mutex, MUTEX, MK_RIGHT_SEND, mutex_unlock(t, o))

CALL(timer_create)
{
	HANDLE(port, p, r[0], PORT, MK_RIGHT_SEND);
	struct timer *timer = create(TIMER, r);

	if (timer)
		timer_init(timer, p, r[1]);
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
static int device_map(struct space *s, u32 va, const struct device *d, u32 *done)
{
	u32 protection = d->type == MK_DEVICE_INITRD ? MK_READ : MK_READ | MK_WRITE;

	return space_fill(s, va, d->pages, protection, NULL, d->physical & ~(MK_PAGE - 1), done);
}

OVER(device_map, device, DEVICE, device_map(t->space, r[1], o, &done))

CALL(irq_bind)
{
	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_MANAGE);
	HANDLE(port, p, r[1], PORT, MK_RIGHT_SEND);

	if (!d->irq)
		return MK_EARGUMENT;
	p->object.handles++;
	if (d->port)
		object_drop(&d->port->object);
	d->port = p;
	d->bits = r[2];
	irq_enable(d->irq);
	return 0;
}

ON(irq_ack, device, DEVICE, MK_RIGHT_MANAGE, o->port ? (irq_enable(o->irq), 0) : MK_EARGUMENT)
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
	static const u32 *const facts[] = {
		[MK_INFO_FREE_PAGES] = &pages_free, [MK_INFO_PAGES] = &boot_info.ram_pages, [MK_INFO_IRQ_STAMP] = &irq_stamp,
		[MK_INFO_SWITCHES] = &switches, [MK_INFO_OBJECTS] = &objects_alive, [MK_INFO_TASKS] = &tasks_alive,
		[MK_INFO_BOOT_CYCLES] = &boot_info.boot_cycles,
	};

	if (r[0] >= COUNT(facts))
		return MK_EARGUMENT;
	r[0] = *facts[r[0]];
	return NO_RESULT;
}

ON(shutdown, device, DEVICE, MK_RIGHT_MANAGE, o->type == MK_DEVICE_MACHINE ? (board_off(), 0) : MK_EARGUMENT)

system_call *const system_calls[MK_CALLS + 1] = {
	[MK_NULL] = sys_null, [MK_YIELD] = sys_yield, [MK_EXIT] = sys_exit, [MK_LOG] = sys_log, [MK_SEND] = sys_send,
	[MK_RECEIVE] = sys_receive, [MK_CALL] = sys_call, [MK_REPLY] = sys_reply, [MK_REPLY_RECEIVE] = sys_reply_receive,
	[MK_NOTIFY] = sys_notify, [MK_PORT_CREATE] = sys_port_create, [MK_WINDOW] = sys_window, [MK_REVOKE] = sys_revoke,
	[MK_TASK_CREATE] = sys_task_create, [MK_TASK_START] = sys_task_start, [MK_TASK_KILL] = sys_task_kill,
	[MK_TASK_PRIORITY] = sys_task_priority, [MK_SPACE_CREATE] = sys_space_create, [MK_SPACE_KILL] = sys_space_kill,
	[MK_SPACE_STATUS] = sys_space_status, [MK_MAP] = sys_map, [MK_UNMAP] = sys_unmap, [MK_MOVE] = sys_move, [MK_GIVE] = sys_give,
	[MK_DROP] = sys_drop, [MK_SEM_CREATE] = sys_sem_create, [MK_SEM_UP] = sys_sem_up, [MK_SEM_DOWN] = sys_sem_down,
	[MK_MUTEX_CREATE] = sys_mutex_create, [MK_MUTEX_LOCK] = sys_mutex_lock, [MK_MUTEX_UNLOCK] = sys_mutex_unlock,
	[MK_TIMER_CREATE] = sys_timer_create, [MK_TIMER_SET] = sys_timer_set, [MK_SLEEP] = sys_sleep,
	[MK_DEVICE_MAP] = sys_device_map, [MK_IRQ_BIND] = sys_irq_bind, [MK_IRQ_ACK] = sys_irq_ack, [MK_IRQ_RAISE] = sys_irq_raise,
	[MK_PHYSICAL] = sys_physical, [MK_INFO] = sys_info, [MK_SHUTDOWN] = sys_shutdown, [MK_CALLS] = sys_unknown,
};
