/* posix_mq: messages over two POSIX message queues, one a direction. Their names are gone as soon as they are open. */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>

#define QUEUED 10 /* the kernel's default limit (mq_overview(7)) */
#define QUEUED_BYTES 400000 /* two queues fit the default RLIMIT_MSGQUEUE, 819,200 bytes (getrlimit(2)) */

static mqd_t queues[2]; /* by who sends */

static void create(void)
{
	long fit = QUEUED_BYTES / (long)ipc_size;
	struct mq_attr attributes = { .mq_maxmsg = fit < QUEUED ? fit : QUEUED, .mq_msgsize = (long)ipc_size };

	for (int side = 0; side < 2; side++) {
		char name[64];

		snprintf(name, sizeof(name), "/kxbench-%ld-%d", (long)getpid(), side);
		queues[side] = mq_open(name, O_RDWR | O_CREAT | O_EXCL | (ipc_awake ? O_NONBLOCK : 0), 0600, &attributes);
		if (queues[side] < 0 && (errno == EINVAL || errno == EMFILE))
			die_unsupported("mq_open: %ld messages of %lld bytes are over the system's limits", attributes.mq_maxmsg, ipc_size);
		if (queues[side] < 0)
			die_errno("mq_open");
		if (mq_unlink(name))
			die_errno("mq_unlink");
	}
}

static void destroy(void)
{
	close(queues[0]); /* mq_close is not in the list of async-signal-safe functions; on Linux it is close */
	close(queues[1]);
}

static void send_message(int side, const unsigned char *message)
{
	unsigned polls = 0;

	while (mq_send(queues[side], (const char *)message, (size_t)ipc_size, 0)) {
		if (errno == EAGAIN)
			micro_poll(&polls);
		else if (errno != EINTR)
			die_errno("mq_send");
	}
}

static uint64_t receive(int side, unsigned char *message)
{
	unsigned polls = 0;
	ssize_t got;

	while ((got = mq_receive(queues[!side], (char *)message, (size_t)ipc_size, NULL)) < 0) {
		if (errno == EAGAIN)
			micro_poll(&polls);
		else if (errno != EINTR)
			die_errno("mq_receive");
	}
	if (got != ipc_size)
		die("a message of %zd bytes where one of %lld was sent", got, ipc_size);
	return now_ns();
}

int main(int argc, char **argv)
{
	static const struct ipc_way way = { "posix_mq", true, create, NULL, send_message, receive, destroy };

	return ipc_main(&way, argc, argv);
}
