/* The system-call table. Each call checks all that it was given before it changes anything. */
#include "kernel.h"

#define LOG_BYTES 1024u

/* HANDLE(type, name, register, kind, rights): the object, or the call ends with the error. */
#define HANDLE(type, name, h, kind, rights) \
	int name##_error; \
	struct type *name = handle_get(h, kind, rights, &name##_error); \
	if (!name) \
		return name##_error

static int sys_null(struct task *t, u32 *r)
{
	(void)t, (void)r;
	return 0;
}

static int sys_unknown(struct task *t, u32 *r)
{
	(void)t, (void)r;
	return MK_ECALL;
}

static int sys_yield(struct task *t, u32 *r)
{
	(void)t, (void)r;
	yield();
	return 0;
}

static int sys_exit(struct task *t, u32 *r)
{
	task_end(t, r[0] & 0x3fffffffu);
	return NO_RESULT;
}

static int sys_log(struct task *t, u32 *r)
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

static int sys_send(struct task *t, u32 *r) { return (void)r, ipc_send(t); }
static int sys_receive(struct task *t, u32 *r) { return (void)r, ipc_receive(t); }
static int sys_call(struct task *t, u32 *r) { return (void)r, ipc_call(t); }
static int sys_reply(struct task *t, u32 *r) { return (void)r, ipc_reply(t); }
static int sys_reply_receive(struct task *t, u32 *r) { return (void)r, ipc_reply_receive(t); }

static int sys_notify(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(port, p, r[0], PORT, MK_RIGHT_SEND);
	port_notify(p, r[1]);
	return 0;
}

/* A new object with the caller's handle of it; no room in the table: none. */
static int name(struct object *o)
{
	int h = handle_add(current->space, o, MK_RIGHT_ALL);

	if (h < 0)
		object_free(o);
	return h;
}

static int sys_port_create(struct task *t, u32 *r)
{
	struct port *p = object_make(PORT);

	(void)t, (void)r;
	if (!p)
		return MK_EMEMORY;
	list_init(&p->senders);
	list_init(&p->receivers);
	return name(&p->object);
}

static int sys_window(struct task *t, u32 *r)
{
	if (r[1] && !space_range(r[0], r[1]))
		return MK_EARGUMENT;
	if (r[1] && !space_free(t->space, r[0], r[1]))
		return MK_EADDRESS;
	t->window = r[0];
	t->window_pages = r[1];
	return 0;
}

static int sys_revoke(struct task *t, u32 *r)
{
	(void)r;
	return (int)grant_revoke(t);
}

static int sys_task_create(struct task *t, u32 *r)
{
	struct task *made;
	int h, error;

	(void)t;
	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	if (r[4] >= MK_PRIORITIES || r[1] >= MK_USER_END || r[2] > MK_USER_END || r[2] & 7)
		return MK_EARGUMENT;
	error = task_make(s, r[1], r[2], r[3], r[4], &made);
	if (error)
		return error;
	h = handle_add(current->space, &made->object, MK_RIGHT_ALL);
	if (h < 0)
		task_end(made, MK_ENDED_KILLED);
	return h;
}

static int sys_task_start(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(task, other, r[0], TASK, MK_RIGHT_MANAGE);
	if (other->state != STOPPED)
		return MK_EBUSY;
	ready(other);
	return 0;
}

static int sys_task_kill(struct task *t, u32 *r)
{
	HANDLE(task, other, r[0], TASK, MK_RIGHT_MANAGE);
	task_end(other, MK_ENDED_KILLED);
	return other == t ? NO_RESULT : 0;
}

static int sys_task_priority(struct task *t, u32 *r)
{
	(void)t;
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

static int sys_space_create(struct task *t, u32 *r)
{
	struct port *watcher = NULL;
	struct space *s;
	int h, error;

	(void)t;
	if (r[1] != MK_NONE) {
		watcher = handle_get(r[1], PORT, MK_RIGHT_SEND, &error);
		if (!watcher)
			return error;
	}
	if (r[0] < 2)
		return MK_EARGUMENT;
	s = space_make(r[0], watcher, r[2], (const char *)&r[3], &error);
	if (!s)
		return error;
	h = handle_add(current->space, &s->object, MK_RIGHT_ALL);
	if (h < 0) {
		s->watcher_bits = 0;
		space_end(s);
	}
	return h;
}

static int sys_space_kill(struct task *t, u32 *r)
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
static int sys_space_status(struct task *t, u32 *r)
{
	struct handle *handle = r[0] < MK_HANDLES ? &t->space->handles[r[0]] : NULL;
	struct space *s;

	if (!handle || !handle->object || handle->object->kind != SPACE)
		return MK_EHANDLE;
	s = (struct space *)handle->object;
	r[1] = s->status;
	r[2] = s->pages;
	r[3] = s->number;
	return s->tasks;
}

static int sys_map(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	return space_map(s, r[1], r[2], r[3]);
}

static int sys_unmap(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	return r[2] ? space_unmap(s, r[1], r[2]) : MK_EARGUMENT;
}

static int sys_move(struct task *t, u32 *r)
{
	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	return s == t->space && r[1] < r[2] + r[3] * MK_PAGE && r[2] < r[1] + r[3] * MK_PAGE ? MK_EADDRESS :
											       space_move(s, r[1], t->space, r[2], r[3], r[4]);
}

static int sys_give(struct task *t, u32 *r)
{
	HANDLE(space, s, r[0], SPACE, MK_RIGHT_MANAGE);
	struct handle *own = r[1] < MK_HANDLES ? &t->space->handles[r[1]] : NULL;

	if (!own || !own->object)
		return MK_EHANDLE;
	if (r[2] & ~own->rights)
		return MK_ERIGHT;
	return handle_add(s, own->object, r[2]);
}

static int sys_drop(struct task *t, u32 *r) { return handle_drop(t->space, r[0]); }

static int sys_sem_create(struct task *t, u32 *r)
{
	struct semaphore *s = r[0] <= INT32_MAX ? object_make(SEMAPHORE) : NULL;

	(void)t;
	if (!s)
		return r[0] <= INT32_MAX ? MK_EMEMORY : MK_EARGUMENT;
	s->count = r[0];
	list_init(&s->waiters);
	return name(&s->object);
}

static int sys_sem_up(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(semaphore, s, r[0], SEMAPHORE, MK_RIGHT_SEND);
	return semaphore_up(s);
}

static int sys_sem_down(struct task *t, u32 *r)
{
	HANDLE(semaphore, s, r[0], SEMAPHORE, MK_RIGHT_RECEIVE);
	return semaphore_down(t, s);
}

static int sys_mutex_create(struct task *t, u32 *r)
{
	struct mutex *m = object_make(MUTEX);

	(void)t, (void)r;
	if (!m)
		return MK_EMEMORY;
	list_init(&m->waiters);
	list_init(&m->held);
	return name(&m->object);
}

static int sys_mutex_lock(struct task *t, u32 *r)
{
	HANDLE(mutex, m, r[0], MUTEX, MK_RIGHT_SEND);
	return mutex_lock(t, m);
}

static int sys_mutex_unlock(struct task *t, u32 *r)
{
	HANDLE(mutex, m, r[0], MUTEX, MK_RIGHT_SEND);
	return mutex_unlock(t, m);
}

static void timer_ring(struct alarm *a)
{
	struct timer *timer = CONTAINER(a, struct timer, alarm);
	u64 at = now();

	timer->due += timer->period;
	if (timer->period) /* from when it was due, so that periods do not drift; those missed are one */
		alarm_set(a, timer->due > at ? timer->due : (timer->due = at + timer->period));
	port_notify(timer->port, timer->bits);
}

static int sys_timer_create(struct task *t, u32 *r)
{
	struct timer *timer;

	(void)t;
	HANDLE(port, p, r[0], PORT, MK_RIGHT_SEND);
	timer = object_make(TIMER);
	if (!timer)
		return MK_EMEMORY;
	list_init(&timer->alarm.link);
	timer->alarm.ring = timer_ring;
	timer->port = p;
	timer->bits = r[1];
	p->object.handles++;
	int h = name(&timer->object);

	if (h < 0)
		p->object.handles--;
	return h;
}

static int sys_timer_set(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(timer, timer, r[0], TIMER, MK_RIGHT_MANAGE);
	alarm_off(&timer->alarm);
	timer->period = (u32)counts_of(r[2]);
	if (r[2] && (r[2] > MK_TIMEOUT_MAX_US || !timer->period))
		return MK_EARGUMENT;
	timer->due = now() + counts_of(r[1]);
	if (r[1])
		alarm_set(&timer->alarm, timer->due);
	return 0;
}

static int sys_sleep(struct task *t, u32 *r)
{
	u32 us = r[0];

	if (!us)
		return 0;
	block(t, ASLEEP);
	timeout_set(t, us);
	return NO_RESULT;
}

static int sys_device_map(struct task *t, u32 *r)
{
	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_MANAGE);
	u32 protection = d->type == MK_DEVICE_INITRD ? MK_READ : MK_READ | MK_WRITE;

	return d->bytes ? space_map_device(t->space, r[1], d->physical, d->bytes, protection) : MK_EARGUMENT;
}

static int sys_irq_bind(struct task *t, u32 *r)
{
	(void)t;
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

static int sys_irq_ack(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_MANAGE);
	if (!d->port)
		return MK_EARGUMENT;
	irq_enable(d->irq, DEVICE_IRQ_PRIORITY);
	return 0;
}

static int sys_irq_raise(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_MANAGE);
	if (!d->irq)
		return MK_EARGUMENT;
	irq_raise(d->irq);
	return 0;
}

static int sys_physical(struct task *t, u32 *r)
{
	u32 physical = space_physical(t->space, r[1]);

	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_DMA);
	r[0] = physical;
	return physical ? NO_RESULT : MK_EADDRESS;
}

static int sys_info(struct task *t, u32 *r)
{
	u32 alive = 0;

	(void)t;
	for (u32 i = 1; r[0] == MK_INFO_TASKS && i < MK_TASKS; i++)
		alive += tasks[i].object.kind == TASK && !tasks[i].object.dead;
	switch (r[0]) {
	case MK_INFO_FREE_PAGES: return (int)pages_free;
	case MK_INFO_PAGES: return (int)boot_info.ram_pages;
	case MK_INFO_IRQ_STAMP: r[0] = irq_stamp; return NO_RESULT;
	case MK_INFO_SWITCHES: return (int)(switches & INT32_MAX);
	case MK_INFO_OBJECTS: return (int)objects_alive;
	case MK_INFO_TASKS: return (int)alive;
	case MK_INFO_BOOT_CYCLES: return (int)boot_info.boot_cycles;
	default: return MK_EARGUMENT;
	}
}

static int sys_shutdown(struct task *t, u32 *r)
{
	(void)t;
	HANDLE(device, d, r[0], DEVICE, MK_RIGHT_MANAGE);
	if (d->type != MK_DEVICE_MACHINE)
		return MK_EARGUMENT;
	board_off();
}

system_call *const system_calls[MK_CALLS + 1] = {
	[MK_NULL] = sys_null,
	[MK_YIELD] = sys_yield,
	[MK_EXIT] = sys_exit,
	[MK_LOG] = sys_log,
	[MK_SEND] = sys_send,
	[MK_RECEIVE] = sys_receive,
	[MK_CALL] = sys_call,
	[MK_REPLY] = sys_reply,
	[MK_REPLY_RECEIVE] = sys_reply_receive,
	[MK_NOTIFY] = sys_notify,
	[MK_PORT_CREATE] = sys_port_create,
	[MK_WINDOW] = sys_window,
	[MK_REVOKE] = sys_revoke,
	[MK_TASK_CREATE] = sys_task_create,
	[MK_TASK_START] = sys_task_start,
	[MK_TASK_KILL] = sys_task_kill,
	[MK_TASK_PRIORITY] = sys_task_priority,
	[MK_SPACE_CREATE] = sys_space_create,
	[MK_SPACE_KILL] = sys_space_kill,
	[MK_SPACE_STATUS] = sys_space_status,
	[MK_MAP] = sys_map,
	[MK_UNMAP] = sys_unmap,
	[MK_MOVE] = sys_move,
	[MK_GIVE] = sys_give,
	[MK_DROP] = sys_drop,
	[MK_SEM_CREATE] = sys_sem_create,
	[MK_SEM_UP] = sys_sem_up,
	[MK_SEM_DOWN] = sys_sem_down,
	[MK_MUTEX_CREATE] = sys_mutex_create,
	[MK_MUTEX_LOCK] = sys_mutex_lock,
	[MK_MUTEX_UNLOCK] = sys_mutex_unlock,
	[MK_TIMER_CREATE] = sys_timer_create,
	[MK_TIMER_SET] = sys_timer_set,
	[MK_SLEEP] = sys_sleep,
	[MK_DEVICE_MAP] = sys_device_map,
	[MK_IRQ_BIND] = sys_irq_bind,
	[MK_IRQ_ACK] = sys_irq_ack,
	[MK_IRQ_RAISE] = sys_irq_raise,
	[MK_PHYSICAL] = sys_physical,
	[MK_INFO] = sys_info,
	[MK_SHUTDOWN] = sys_shutdown,
	[MK_CALLS] = sys_unknown,
};
