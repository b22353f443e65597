/* What is in files: the archive's own bytes until a file is written to. */
#include "tree.h"

#define OWN_MOST (16u << 20)      /* bytes of all files that were written to */

static size_t own_bytes;

size_t node_read(const struct node *n, uint32_t from, void *to, size_t bytes)
{
	const uint8_t *content = n->own ? n->own : n->archived;

	if (from >= n->bytes)
		return 0;
	if (bytes > n->bytes - from)
		bytes = n->bytes - from;
	memcpy(to, content + from, bytes);
	return bytes;
}

/* Room doubles, so that a file that grows bit by bit is not copied each time. */
static bool grow(struct node *n, uint32_t bytes)
{
	uint32_t room = n->room ? n->room : 256;
	uint8_t *own;

	while (room < bytes)
		room *= 2;
	if (room == n->room)
		return true;
	own = room - n->room <= OWN_MOST - own_bytes ? mk_resize(n->own, room) : NULL;
	if (!own)
		return false;
	if (!n->own && n->bytes)
		memcpy(own, n->archived, n->bytes);
	own_bytes += room - n->room;
	n->own = own;
	n->room = room;
	return true;
}

int node_write(struct node *n, uint32_t from, const void *data, size_t bytes)
{
	uint32_t end = from + (uint32_t)bytes;

	if (from > FILES_BYTES_MOST || bytes > FILES_BYTES_MOST - from)
		return MK_EARGUMENT;
	if (!bytes)
		return 0;
	if (!grow(n, end > n->bytes ? end : n->bytes))
		return MK_EMEMORY;
	if (from > n->bytes)
		memset(n->own + n->bytes, 0, from - n->bytes);
	memcpy(n->own + from, data, bytes);
	if (end > n->bytes)
		n->bytes = end;
	n->modified_s = (uint32_t)(mk_unix_ms() / 1000);
	return (int)bytes;
}

void node_empty(struct node *n)
{
	mk_free(n->own);
	own_bytes -= n->room;
	n->own = NULL;
	n->archived = NULL;
	n->bytes = n->room = 0;
}
