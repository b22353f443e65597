/* The other side: answers each message, and tells when it came and when its answer went. */
#include "bench.h"

struct semaphores { unsigned handle[2], count; };

void peer_answer(void *semaphores)
{
	const unsigned *handle = semaphores;

	for (;;) {
		mk_sem_down(handle[0], 0);
		mk_sem_up(handle[1]);
	}
}

static void take_semaphore(unsigned handle)
{
	static unsigned handles[2], count;

	handles[count++] = handle;
	if (count == 2)
		thread(peer_answer, handles, PRIORITY);
}

void peer_serve(void *port)
{
	struct mk_message m = { 0 };
	unsigned token = 0, received = 0;

	mk_window(mk_region(1), 1);
	for (;;) {
		unsigned left = mk_cycles(), came;

		token = (unsigned)mk_reply_receive(token, &m, (unsigned)port, 0);
		came = mk_cycles();
		switch (MK_LABEL(m.tag)) {
		case PEER_STAMPS:
			m.word[0] = received;
			m.word[1] = left;
			m.tag = MK_TAG(0, 2);
			break;
		case PEER_SEMAPHORE:
			take_semaphore(m.word[9]);
			m.tag = 0;
			break;
		default:
			received = came;
			m.tag &= ~MK_TAG_GRANT;
		}
	}
}

int peer_main(void)
{
	unsigned port = good(mk_port_create());

	thread(peer_serve, (void *)port, PRIORITY);
	good(mk_name_register("peer", port, false));
	return 0;
}

unsigned peer_other(void)
{
	good(mk_spawn("bench role=peer", 12));
	return good(mk_name_find("peer", 0));
}
