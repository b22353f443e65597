/* lwIP's blocks: the task library's, up to a limit, so that clients who let data pile up cannot take the machine's memory. */
#include "lwip/opt.h"
#include "card.h"

#define MOST_BYTES (24u << 20)
#define HEAD 8u

static size_t taken;

void *net_memory_take(size_t bytes)
{
	size_t *p = bytes <= MOST_BYTES - taken ? mk_alloc(bytes + HEAD) : NULL;

	if (!p)
		return NULL;
	*p = bytes;
	taken += bytes;
	return (char *)p + HEAD;
}

void *net_memory_take_zeroed(size_t count, size_t bytes)
{
	void *p = net_memory_take(count * bytes);

	if (p)
		memset(p, 0, count * bytes);
	return p;
}

/* Half is kept for what is sent. */
bool net_memory_for_received(void)
{
	return taken < MOST_BYTES / 2;
}

void net_memory_give(void *p)
{
	size_t *head = (size_t *)((char *)p - HEAD);

	taken -= *head;
	mk_free(head);
}
