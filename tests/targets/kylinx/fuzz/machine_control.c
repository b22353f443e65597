/* The control socket: a connection to the monitor, packets to it, and what comes back held to be JSON. */
#include "control.c"
#undef write
#include "machine.h"

static int peer = -1;

void control_connect(void)
{
	int pair[2], one = 1 << 20;

	if (peer >= 0 && connections[0].fd >= 0)
		return;
	if (peer >= 0)
		close(peer); /* the monitor hung up */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
		abort();
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &one, sizeof one);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &one, sizeof one);
	peer = pair[0];
	listen_fd = pair[0]; /* others may come: a hang-up does not end the monitor */
	serials = 0;
	add_connection(pair[1]);
}

void control_packet(const char *text, size_t n, unsigned descriptors)
{
	union { char bytes[CMSG_SPACE(sizeof(int) * 6)]; struct cmsghdr align; } space = { 0 };
	struct iovec iov = { (void *)text, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = descriptors ? &space : NULL,
		.msg_controllen = descriptors ? CMSG_SPACE(sizeof(int) * descriptors) : 0 };
	int null = 0;

	if (peer < 0)
		return;
	for (unsigned i = 0; i < descriptors; i++) {
		space.align.cmsg_level = SOL_SOCKET;
		space.align.cmsg_type = SCM_RIGHTS;
		space.align.cmsg_len = CMSG_LEN(sizeof(int) * descriptors);
		memcpy(CMSG_DATA(&space.align) + i * sizeof null, &null, sizeof null);
	}
	if (sendmsg(peer, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return; /* its queue is full of what was not read */
	receive(&connections[0]);
}

void control_drain(void)
{
	static char text[ANSWER_MOST + 1];
	ssize_t n;

	hand_out_inbox();
	for (int i = 0; i < 2; i++) {
		while (peer >= 0 && (n = recv(peer, text, sizeof text, MSG_DONTWAIT)) > 0) {
			text[n < (ssize_t)sizeof text ? n : (ssize_t)sizeof text - 1] = 0;
			FUZZ_CHECK(n <= ANSWER_MOST && json_strict(text, (size_t)n));
		}
		if (connections[0].fd >= 0)
			flush(&connections[0]);
	}
	FUZZ_CHECK(!connections[0].head);
	connections[0].queued = 0;
}
