/* Further tasks of a program, each with a stack of its own between empty pages. */
#include "mk.h"

#define STACK_PAGES 4

void mk_thread_start(void);
struct begin { void (*run)(void *); void *argument; };

int mk_thread_make(void (*run)(void *), void *argument, unsigned priority)
{
	char *stack = mk_pages(STACK_PAGES);
	struct begin *begin = (struct begin *)(stack + STACK_PAGES * MK_PAGE) - 1;

	if (!stack)
		return MK_EMEMORY;
	*begin = (struct begin){ run, argument };
	return mk_task_create(MK_SELF, (unsigned)mk_thread_start, (unsigned)begin, (unsigned)begin, priority);
}

int mk_thread(void (*run)(void *), void *argument, unsigned priority)
{
	int task = mk_thread_make(run, argument, priority), error = task < 0 ? task : mk_task_start((unsigned)task);

	return error ? error : task;
}
