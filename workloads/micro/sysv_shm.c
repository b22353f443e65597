/* sysv_shm: messages through a System V shared memory segment, marked for removal as soon as it is attached. */
#include "ring.h"
#include "sysv.h"

#include <string.h>
#include <sys/shm.h>

static int segment = -1;
static void *at;

static int get(key_t key, size_t bytes)
{
	return shmget(key, bytes, IPC_CREAT | IPC_EXCL | 0600);
}

static void remove_segment(void)
{
	if (segment >= 0)
		shmctl(segment, IPC_RMID, NULL);
	segment = -1;
}

static void create(void)
{
	segment = sysv_new(get, ring_bytes(), "shmget");
	at = shmat(segment, NULL, 0);
	if (at == (void *)-1)
		die_errno("shmat");
	remove_segment();
	ring_use(at);
}

static void destroy(void)
{
	remove_segment();
	if (at && at != (void *)-1)
		shmdt(at);
	at = NULL;
}

int main(int argc, char **argv)
{
	static const struct ipc_way way = { "sysv_shm", true, create, NULL, ring_send, ring_receive, destroy };

	return ipc_main(&way, argc, argv);
}
