/* What is in files: the archive's own bytes until a file is written to, then pages. Those beyond its end are zeros. */
#include "tree.h"

#define OWN_MOST (16u << 20)      /* bytes of all pages of files */

union page { union page *next; uint8_t bytes[MK_PAGE]; };

static union page *free_pages;
static unsigned pages_made;

static union page *page_take(void)
{
	union page *p = free_pages;

	if (p) {
		free_pages = p->next;
		memset(p, 0, sizeof *p);
	} else if (pages_made < OWN_MOST / MK_PAGE && (p = mk_pages(1))) {
		pages_made++;
	}
	return p;
}

static void shrink(struct node *n, uint32_t pages)
{
	while (n->own_pages > pages) {
		union page *p = n->own[--n->own_pages];

		p->next = free_pages;
		free_pages = p;
	}
}

/* false: no memory, and nothing has changed */
static bool grow(struct node *n, uint32_t bytes)
{
	uint32_t pages = (bytes + MK_PAGE - 1) / MK_PAGE, before = n->own_pages;
	union page **own = mk_resize(n->own, pages * sizeof *own);

	if (!own)
		return false;
	n->own = own;
	while (n->own_pages < pages) {
		union page *p = page_take();

		if (!p) {
			shrink(n, before);
			return false;
		}
		own[n->own_pages++] = p;
	}
	return true;
}

/* How many bytes from there on lie in one page. */
static size_t piece(uint32_t at, size_t bytes)
{
	size_t left = MK_PAGE - at % MK_PAGE;

	return bytes < left ? bytes : left;
}

static void put(struct node *n, uint32_t at, const uint8_t *from, size_t bytes)
{
	for (size_t some; bytes; at += some, from += some, bytes -= some) {
		some = piece(at, bytes);
		memcpy(&n->own[at / MK_PAGE]->bytes[at % MK_PAGE], from, some);
	}
}

size_t node_read(const struct node *n, uint32_t from, void *to, size_t bytes)
{
	uint8_t *out = to;
	size_t some;

	if (from >= n->bytes)
		return 0;
	if (bytes > n->bytes - from)
		bytes = n->bytes - from;
	if (!n->own_pages) {
		memcpy(to, n->archived + from, bytes);
		return bytes;
	}
	for (size_t left = bytes; left; from += some, out += some, left -= some) {
		some = piece(from, left);
		memcpy(out, &n->own[from / MK_PAGE]->bytes[from % MK_PAGE], some);
	}
	return bytes;
}

int node_write(struct node *n, uint32_t from, const void *data, size_t bytes)
{
	uint32_t end = from + (uint32_t)bytes;
	bool first = !n->own_pages;

	if (from > FILES_BYTES_MOST || bytes > FILES_BYTES_MOST - from)
		return MK_EARGUMENT;
	if (!bytes)
		return 0;
	if (!grow(n, end > n->bytes ? end : n->bytes))
		return MK_EMEMORY;
	if (first)
		put(n, 0, n->archived, n->bytes);
	put(n, from, data, bytes);
	if (end > n->bytes)
		n->bytes = end;
	n->modified_s = (uint32_t)(mk_unix_ms() / 1000);
	return (int)bytes;
}

void node_empty(struct node *n)
{
	shrink(n, 0);
	mk_free(n->own);
	n->own = NULL;
	n->archived = NULL;
	n->bytes = 0;
}
