/* posix_shm: messages through a POSIX shared memory object, whose name is gone as soon as it is open. */
#include "ring.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void *at;

static void create(void)
{
	char name[64];
	int object;

	snprintf(name, sizeof(name), "/kxbench-%ld", (long)getpid());
	object = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (object < 0)
		die_errno("shm_open");
	if (shm_unlink(name))
		die_errno("shm_unlink");
	if (ftruncate(object, (off_t)ring_bytes()))
		die_errno("ftruncate");
	at = mmap(NULL, ring_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, object, 0);
	if (at == MAP_FAILED)
		die_errno("mmap");
	if (close(object))
		die_errno("close");
	ring_use(at);
}

static void destroy(void)
{
	if (at && at != MAP_FAILED)
		munmap(at, ring_bytes());
	at = NULL;
}

int main(int argc, char **argv)
{
	static const struct ipc_way way = { "posix_shm", true, create, NULL, ring_send, ring_receive, destroy };

	return ipc_main(&way, argc, argv);
}
