/* Little programs for some tasks, from the initrd's file "schedules"; what they do is logged in the order in which it is done, to
 * be compared with the model's prediction (tests/targets/microkernel/schedules.py, which writes the file and says its form).
 *
 * A unit of running is UNIT_NS instructions, so that what the kernel itself takes is little beside it. */
#include "test.h"
#include "../../include/cpio.h"

#define UNIT_NS 800000u
#define UNIT_US (UNIT_NS / 1000)
#define MOST_TASKS 6
#define OBJECTS 2
#define EVENTS 512

enum { RUN, YIELD, SLEEP, UP, DOWN, LOCK, UNLOCK, SEND, RECEIVE, CALL, REPLY, SET_PRIORITY, NOTIFY, EXIT, KILL };

struct operation { uint8_t what, on, more, timeout; }; /* timeout: in sixteenths of a unit */

struct program { uint8_t priority, count; const struct operation *operations; unsigned task, token; char *stack; };

static struct program programs[MOST_TASKS];
static unsigned semaphores[OBJECTS], mutexes[OBJECTS], ports[OBJECTS], event_count;
static struct { uint8_t task, operation; int16_t result; } events[EVENTS];

/* Two instructions a turn. */
static void run_units(unsigned units)
{
	unsigned turns = units * (UNIT_NS / 2);

	__asm__ volatile("1: subs %0, %0, #1\n\tbne 1b" : "+r"(turns)::"cc");
}

/* What came: 0 a message, 1 a call, 2 bits. */
static int receive(struct program *p, unsigned port, unsigned us)
{
	struct mk_message m;
	int token = mk_receive(port, &m, us);

	if (token > 0)
		p->token = (unsigned)token;
	return token < 0 ? token : token > 0 ? 1 : m.tag & MK_TAG_NOTIFIED ? 2 : 0;
}

static int reply(struct program *p)
{
	struct mk_message m = { 0 };
	unsigned token = p->token;

	p->token = 0;
	return mk_reply(token, &m);
}

static int operate(struct program *p, const struct operation *o)
{
	struct mk_message m = { .tag = MK_TAG(1, 2) };
	unsigned us = o->timeout * (UNIT_US / 16);

	switch (o->what) {
	case RUN: run_units(o->on); return 0;
	case YIELD: return mk_yield();
	case SLEEP: return mk_sleep(us);
	case UP: return mk_sem_up(semaphores[o->on]);
	case DOWN: return mk_sem_down(semaphores[o->on], us);
	case LOCK: return mk_mutex_lock(mutexes[o->on], us);
	case UNLOCK: return mk_mutex_unlock(mutexes[o->on]);
	case SEND: return mk_send(ports[o->on], &m, us);
	case RECEIVE: return receive(p, ports[o->on], us);
	case CALL: return mk_call(ports[o->on], &m, us);
	case REPLY: return reply(p);
	case SET_PRIORITY: return mk_task_priority(programs[o->on].task, o->more);
	case NOTIFY: return mk_notify(ports[o->on], 1);
	case KILL: return mk_task_kill(programs[o->on].task);
	default: mk_exit(0);
	}
}

static void note(unsigned task, unsigned operation, int result)
{
	events[event_count].task = (uint8_t)task;
	events[event_count].operation = (uint8_t)operation;
	events[event_count].result = (int16_t)result;
	event_count += event_count + 1 < EVENTS;
}

static void interpret(void *program)
{
	struct program *p = program;

	for (unsigned i = 0; i < p->count; i++)
		note((unsigned)(p - programs), i, operate(p, &p->operations[i]));
	mk_exit(0);
}

static void objects(bool made)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (made) {
			semaphores[i] = (unsigned)mk_sem_create(i);
			mutexes[i] = (unsigned)mk_mutex_create();
			ports[i] = (unsigned)mk_port_create();
		} else {
			mk_drop(semaphores[i]);
			mk_drop(mutexes[i]);
			mk_drop(ports[i]);
		}
	}
}

static void begin(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct program *p = &programs[i];

		if (!p->stack)
			p->stack = mk_pages(1);
		p->token = 0;
		p->task = (unsigned)mk_task_create(MK_SELF, (unsigned)interpret, (unsigned)p->stack + MK_PAGE - 64, (unsigned)p, p->priority);
	}
	for (unsigned i = 0; i < count; i++)
		mk_task_start(programs[i].task);
}

static void print_events(void)
{
	mk_print("schedule:");
	for (unsigned i = 0; i < event_count; i++)
		mk_print(" %u.%u=%d", events[i].task, events[i].operation, events[i].result);
	mk_print("\n");
}

/* Of a schedule: tasks, units until its end in two bytes, then of each task priority, operations, and those. */
static const uint8_t *schedule_run(const uint8_t *at)
{
	unsigned count = at[0], units = at[1] + 256u * at[2];

	at += 3;
	for (unsigned i = 0; i < count; i++) {
		programs[i].priority = at[0];
		programs[i].count = at[1];
		programs[i].operations = (const struct operation *)(at + 2);
		at += 2 + 4 * at[1];
	}
	event_count = 0;
	objects(true);
	begin(count);
	mk_sleep(units * UNIT_US);
	for (unsigned i = 0; i < count; i++) {
		mk_task_kill(programs[i].task);
		mk_drop(programs[i].task);
	}
	objects(false);
	print_events();
	return at;
}

static const uint8_t *file(const char *name, unsigned *bytes)
{
	const struct mk_start *s = mk_started;

	for (unsigned d = 0; d < s->devices; d++)
		if (s->device[d].kind == MK_DEVICE_INITRD) {
			char *at = mk_region(s->device[d].pages);
			const void *found = NULL;

			if (at && !mk_device_map(s->device[d].handle, (unsigned)at))
				found = cpio_find(at + s->device[d].physical % MK_PAGE, s->device[d].bytes, name, (unsigned)strlen(name), bytes);
			if (found)
				return found;
		}
	mk_fail("test: no file %s", name);
}

void schedules_run(void)
{
	unsigned bytes;
	const uint8_t *at = file("schedules", &bytes), *all = at + bytes;

	while (at < all)
		at = schedule_run(at);
}
