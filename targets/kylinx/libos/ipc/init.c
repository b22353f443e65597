/* What ipc/ does when the family starts and when a process ends. */
#include "ipc.h"

void ipc_init(void)
{
	timerfd_init();
	signalfd_init();
	unix_init();
	inet_init();
	msg_init();
	sem_init();
	shm_init();
	mqueue_init();
}

void ipc_proc_exit(struct proc *p)
{
	sem_proc_exit(p);
	timerfd_proc_exit(p);
	mqueue_proc_exit(p);
}
