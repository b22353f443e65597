/* sysv_mq: messages over two System V message queues, one a direction. */
#include "ipc.h"
#include "sysv.h"

#include <string.h>
#include <sys/msg.h>

static struct {
	long type;
	unsigned char bytes[65536];
} buffer = { .type = 1 };
static int queues[2] = { -1, -1 }; /* by who sends */

static int get(key_t key, size_t bytes)
{
	(void)bytes;
	return msgget(key, IPC_CREAT | IPC_EXCL | 0600);
}

static void create(void)
{
	for (int side = 0; side < 2; side++)
		queues[side] = sysv_new(get, 0, "msgget");
}

static void destroy(void)
{
	for (int side = 0; side < 2; side++)
		if (queues[side] >= 0)
			msgctl(queues[side], IPC_RMID, NULL);
	queues[0] = queues[1] = -1;
}

static void send_message(int side, const unsigned char *message)
{
	unsigned polls = 0;

	memcpy(buffer.bytes, message, (size_t)ipc_size);
	while (msgsnd(queues[side], &buffer, (size_t)ipc_size, ipc_awake ? IPC_NOWAIT : 0)) {
		if (errno == EINVAL)
			die_unsupported("msgsnd: %lld bytes are over the system's limit of a message", ipc_size);
		if (errno == EAGAIN)
			micro_poll(&polls);
		else if (errno != EINTR)
			die_errno("msgsnd");
	}
}

static uint64_t receive(int side, unsigned char *message)
{
	unsigned polls = 0;
	ssize_t got;

	while ((got = msgrcv(queues[!side], &buffer, sizeof(buffer.bytes), 0, ipc_awake ? IPC_NOWAIT : 0)) < 0) {
		if (errno == ENOMSG)
			micro_poll(&polls);
		else if (errno != EINTR)
			die_errno("msgrcv");
	}
	if (got != ipc_size)
		die("a message of %zd bytes where one of %lld was sent", got, ipc_size);
	memcpy(message, buffer.bytes, (size_t)ipc_size);
	return now_ns();
}

int main(int argc, char **argv)
{
	static const struct ipc_way way = { "sysv_mq", true, create, NULL, send_message, receive, destroy };

	return ipc_main(&way, argc, argv);
}
