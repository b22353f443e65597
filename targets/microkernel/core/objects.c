/* Kernel objects and the handles that name them. Small objects come from pages cut into 64 bytes. */
#include "kernel.h"

#define OBJECT_BYTES (16 * sizeof(void *))
_Static_assert(sizeof(struct port) <= OBJECT_BYTES && sizeof(struct timer) <= OBJECT_BYTES && sizeof(struct grant) <= OBJECT_BYTES, "");

union slot { union slot *next; u8 bytes[OBJECT_BYTES]; };

u32 objects_alive;
static union slot *free_slots;

void *object_make(enum kind kind)
{
	union slot *slot;

	if (!free_slots) {
		union slot *page = page_take();

		for (u32 i = 0; page && i < MK_PAGE / OBJECT_BYTES; i++) {
			page[i].next = free_slots;
			free_slots = &page[i];
		}
	}
	slot = free_slots;
	if (!slot)
		return NULL;
	free_slots = slot->next;
	*slot = (union slot){ .bytes = { 0 } };
	((struct object *)slot)->kind = (u8)kind;
	objects_alive++;
	return slot;
}

void object_free(struct object *o)
{
	union slot *slot = (union slot *)o;

	o->kind = FREE;
	slot->next = free_slots;
	free_slots = slot;
	objects_alive--;
}

/* ---- Handles ---- */

/* MK_SELF: there is none. */
static u32 handle_free(const struct space *s)
{
	u32 h = 0;

	while (h < MK_SELF && s->handles[h].object)
		h++;
	return h;
}

bool handle_room(const struct space *s) { return handle_free(s) != MK_SELF; }

int handle_add(struct space *s, struct object *o, u32 rights)
{
	u32 h = handle_free(s);

	if (h == MK_SELF)
		return MK_EFULL;
	s->handles[h] = (struct handle){ o, rights };
	o->handles++;
	if (o->kind == PORT && rights & MK_RIGHT_RECEIVE)
		((struct port *)o)->receivers_named++;
	return (int)h;
}

/* The last handle is gone: nobody can name it any more. */
static void unnamed(struct object *o)
{
	switch (o->kind) {
	case PORT: port_died((struct port *)o); break;
	case SEMAPHORE: wake_all(&((struct semaphore *)o)->waiters, MK_EDEAD); break;
	case MUTEX: mutex_died((struct mutex *)o); break;
	case TIMER:
		alarm_off(&((struct timer *)o)->alarm);
		object_drop(&((struct timer *)o)->port->object);
		break;
	case TASK: /* its place in the table is free, if it has ended; one that was not started never will be */
		if (o->dead)
			o->kind = FREE;
		else if (((struct task *)o)->state == STOPPED)
			task_end((struct task *)o, MK_ENDED_KILLED);
		return;
	case SPACE: /* likewise; its end may still be under way, and then frees the place */
		if (!((struct space *)o)->table)
			o->kind = FREE;
		else if (!o->dead && !((struct space *)o)->tasks)
			space_end((struct space *)o);
		return;
	default: return;
	}
	object_free(o);
}

void object_drop(struct object *o)
{
	if (o->kind != DEVICE && --o->handles == 0)
		unnamed(o);
}

int handle_drop(struct space *s, u32 h)
{
	struct handle *handle = handle_at(s, h);
	struct object *o = handle ? handle->object : NULL;

	if (!o || h == MK_SELF)
		return MK_EHANDLE;
	if (o->kind == PORT && handle->rights & MK_RIGHT_RECEIVE && --((struct port *)o)->receivers_named == 0)
		port_died((struct port *)o);
	handle->object = NULL;
	object_drop(o);
	return 0;
}
