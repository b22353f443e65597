/* Kernel objects and the handles that name them. Small objects come from pages cut into 64 bytes. */
#include "kernel.h"

#define OBJECT_BYTES 64
_Static_assert(sizeof(struct port) <= OBJECT_BYTES && sizeof(struct timer) <= OBJECT_BYTES && sizeof(struct grant) <= OBJECT_BYTES, "");

union slot { union slot *next; u8 bytes[OBJECT_BYTES]; };

u32 objects_alive;
static union slot *free_slots;

void *object_make(enum kind kind)
{
	union slot *slot;
	u32 *words;

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
	words = (u32 *)slot;
	for (u32 i = 0; i < OBJECT_BYTES / 4; i++)
		words[i] = 0;
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

int handle_add(struct space *s, struct object *o, u32 rights)
{
	for (u32 h = 0; h < MK_SELF; h++)
		if (!s->handles[h].object) {
			s->handles[h] = (struct handle){ o, rights };
			o->handles++;
			if (o->kind == PORT && rights & MK_RIGHT_RECEIVE)
				((struct port *)o)->receivers_named++;
			return (int)h;
		}
	return MK_EFULL;
}

/* The last handle is gone: nobody can name it any more. */
static void unnamed(struct object *o)
{
	struct timer *t = (struct timer *)o;

	switch (o->kind) {
	case PORT: port_died((struct port *)o); break;
	case SEMAPHORE: semaphore_died((struct semaphore *)o); break;
	case MUTEX: mutex_died((struct mutex *)o); break;
	case TIMER:
		alarm_off(&t->alarm);
		object_drop(&t->port->object);
		break;
	case TASK:
	case SPACE:
		if (o->dead)
			o->kind = FREE; /* its place in the table */
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
	struct handle *handle = &s->handles[h];
	struct object *o = h < MK_HANDLES && h != MK_SELF ? handle->object : NULL;

	if (!o)
		return MK_EHANDLE;
	if (o->kind == PORT && handle->rights & MK_RIGHT_RECEIVE && --((struct port *)o)->receivers_named == 0)
		port_died((struct port *)o);
	handle->object = NULL;
	object_drop(o);
	return 0;
}

void handles_drop_all(struct space *s)
{
	for (u32 h = 0; h < MK_SELF; h++)
		if (s->handles[h].object)
			handle_drop(s, h);
}

void *handle_get(u32 h, enum kind kind, u32 rights, int *error)
{
	struct handle *handle = h < MK_HANDLES ? &current->space->handles[h] : NULL;

	if (!handle || !handle->object || handle->object->kind != kind)
		*error = MK_EHANDLE;
	else if (handle->object->dead)
		*error = MK_EDEAD;
	else if ((handle->rights & rights) != rights)
		*error = MK_ERIGHT;
	else
		return handle->object;
	return NULL;
}
