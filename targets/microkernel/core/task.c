/* Tasks: made, ended, and ended by their own faults. */
#include "kernel.h"

#define PSR_USER 0x10u
#define PSR_MODE 0x1fu
#define PSR_THUMB 0x20u

u32 tasks_alive;

int task_make(struct space *s, u32 entry, u32 stack, u32 argument, u32 priority, struct task **made)
{
	for (u32 i = 1; i < MK_TASKS; i++) {
		struct task *t = &tasks[i];
		u32 token = t->token;

		if (t->object.kind != FREE)
			continue;
		*t = (struct task){ .object.kind = TASK, .state = STOPPED, .base = (u8)priority, .priority = (u8)priority, .space = s };
		t->token = token ? token : i; /* no token of the one before is valid again */
		t->frame.pc = entry & ~1u;
		t->frame.psr = PSR_USER | (entry & 1 ? PSR_THUMB : 0);
		t->frame.r[0] = argument;
		t->frame.r[13] = stack;
		list_init(&t->donors);
		list_init(&t->donor);
		list_init(&t->link);
		list_init(&t->held);
		list_init(&t->served);
		list_init(&t->alarm.link);
		s->tasks++;
		tasks_alive++;
		*made = t;
		return 0;
	}
	return MK_EFULL;
}

void task_end(struct task *t, u32 status)
{
	struct space *s = t->space;

	block(t, UNUSED);
	wait_end(t);
	while (!list_empty(&t->served))
		port_serve(CONTAINER(t->served.next, struct port, served), NULL);
	holder_lost(t);
	mutexes_release(t);
	if (t->lent)
		t->lent->lender = NULL;
	s->status = status;
	tasks_alive--;
	t->object.dead = true;
	if (!t->object.handles)
		t->object.kind = FREE;
	if (--s->tasks == 0)
		space_end(s);
}

int task_repeat(struct task *t)
{
	t->frame.pc -= t->frame.psr & PSR_THUMB ? 2 : 4;
	return NO_RESULT;
}

static const char *const faults[] = { "", "data access to", "instruction fetch from", "undefined instruction" };

/* From start.S. In user mode: the task's end. In the kernel: its own. */
void task_fault(struct task *t, u32 kind, u32 address, u32 why)
{
	const struct frame *f = &t->frame;

	if (kind == MK_FAULT_UNDEFINED)
		address = f->pc, why = 0;
	if ((f->psr & PSR_MODE) != PSR_USER)
		panic("%s %x at %x, status %x, psr %x", faults[kind], address, f->pc, why, f->psr);
	print("mk: fault: task %d of %s (space %d): %s %x at %x, status %x, sp %x, lr %x\n", (u32)(t - tasks), t->space->name,
	      t->space->number, faults[kind], address, f->pc, why, f->r[13], f->r[14]);
	task_end(t, MK_ENDED_FAULT | kind);
}
