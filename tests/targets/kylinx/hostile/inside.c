/* Where the LibOS keeps what a peer may corrupt, by its own headers. */
#include "libos.h"
#include "ipc/pipe.h"

void *inside_pipe(int fd);
void inside_ring(void *, volatile u32 **, volatile u32 **);

void *inside_pipe(int fd)
{
	return current->proc->files->table[fd]->data;
}

void inside_ring(void *pipe, volatile u32 **head, volatile u32 **tail)
{
	struct ring *r = &((struct pipe *)pipe)->ring;

	*head = &r->head;
	*tail = &r->tail;
}
