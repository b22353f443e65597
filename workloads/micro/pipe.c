/* pipe: messages over two pipes, one a direction. */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int ends[2][2]; /* [who writes][read end, write end] */

static void create(void)
{
	for (int side = 0; side < 2; side++)
		if (pipe2(ends[side], ipc_awake ? O_NONBLOCK : 0))
			die_errno("pipe2");
}

/* Each side closes the ends that are not its own, so that a dead peer is an end of file. */
static void attach(int side, pid_t peer)
{
	(void)peer;
	if (close(ends[side][0]) || close(ends[!side][1]))
		die_errno("close");
}

static void send_message(int side, const unsigned char *message)
{
	unsigned polls = 0;

	for (size_t done = 0; done < (size_t)ipc_size;) {
		ssize_t wrote = write(ends[side][1], message + done, (size_t)ipc_size - done);

		if (wrote > 0)
			done += (size_t)wrote;
		else if (errno == EAGAIN)
			micro_poll(&polls);
		else if (errno != EINTR)
			die_errno("write to the pipe");
	}
}

static uint64_t receive(int side, unsigned char *message)
{
	unsigned polls = 0;

	for (size_t done = 0; done < (size_t)ipc_size;) {
		ssize_t got = read(ends[!side][0], message + done, (size_t)ipc_size - done);

		if (got > 0)
			done += (size_t)got;
		else if (got == 0)
			die("the peer closed the pipe");
		else if (errno == EAGAIN)
			micro_poll(&polls);
		else if (errno != EINTR)
			die_errno("read from the pipe");
	}
	return now_ns();
}

static void destroy(void)
{
	close(ends[0][1]);
	close(ends[1][0]);
}

int main(int argc, char **argv)
{
	static const struct ipc_way way = { "pipe", true, create, attach, send_message, receive, destroy };

	return ipc_main(&way, argc, argv);
}
