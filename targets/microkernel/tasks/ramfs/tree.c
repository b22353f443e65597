/* Names: found by a hash of the folder and the name. */
#include "tree.h"

#define BUCKETS 1024u
#define NODES_MOST 8192u

static struct node *buckets[BUCKETS], *root;
static unsigned nodes;

static uint32_t hash_of(const struct node *folder, const char *name, size_t bytes)
{
	uint32_t h = 2166136261u ^ (uint32_t)folder; /* FNV-1a */

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h ^ h >> 15;
}

struct node *tree_child(struct node *folder, const char *name, size_t bytes)
{
	uint32_t hash = hash_of(folder, name, bytes);

	for (struct node *n = buckets[hash % BUCKETS]; n; n = n->same_hash)
		if (n->hash == hash && n->parent == folder && n->name_bytes == bytes && !memcmp(n->name, name, bytes))
			return n;
	return NULL;
}

static struct node *node_make(struct node *folder, const char *name, size_t bytes, bool directory)
{
	struct node *n = nodes < NODES_MOST ? mk_alloc(sizeof *n + bytes) : NULL;

	if (!n)
		return NULL;
	nodes++;
	*n = (struct node){ .parent = folder, .directory = directory, .name_bytes = (uint8_t)bytes,
		.modified_s = (uint32_t)(mk_unix_ms() / 1000), .hash = hash_of(folder, name, bytes) };
	memcpy(n->name, name, bytes);
	if (!folder)
		return n;
	n->same_hash = buckets[n->hash % BUCKETS];
	buckets[n->hash % BUCKETS] = n;
	n->sibling = folder->children;
	if (n->sibling)
		n->sibling->previous = n;
	folder->children = n;
	return n;
}

static void node_free(struct node *n)
{
	node_empty(n);
	mk_free(n);
	nodes--;
}

static void unlink_node(struct node *n)
{
	struct node **at = &buckets[n->hash % BUCKETS];

	while (*at != n)
		at = &(*at)->same_hash;
	*at = n->same_hash;
	if (n->sibling)
		n->sibling->previous = n->previous;
	*(n->previous ? &n->previous->sibling : &n->parent->children) = n->sibling;
}

void tree_init(void)
{
	root = node_make(NULL, "", 0, true);
	if (!root)
		mk_fail("ramfs: no memory");
}

/* ---- Paths ---- */

static bool name_valid(const char *name, size_t bytes)
{
	if (!bytes || bytes > FILES_NAME_MOST || (bytes <= 2 && name[0] == '.' && name[bytes - 1] == '.'))
		return false;
	for (size_t i = 0; i < bytes; i++)
		if ((uint8_t)name[i] < ' ')
			return false;
	return true;
}

int tree_place(const char *path, size_t bytes, struct place *p)
{
	const char *end = path + bytes;

	if (bytes < 2 || bytes > FILES_PATH_MOST || path[0] != '/')
		return FILES_EPATH;
	*p = (struct place){ .folder = root, .name = path + 1 };
	for (const char *at = p->name;; at++) {
		if (at < end && *at != '/')
			continue;
		p->bytes = (size_t)(at - p->name);
		if (!name_valid(p->name, p->bytes))
			return FILES_EPATH;
		if (at == end)
			return 0;
		p->folder = tree_child(p->folder, p->name, p->bytes);
		if (!p->folder)
			return FILES_ENONE;
		if (!p->folder->directory)
			return FILES_EKIND;
		p->name = at + 1;
	}
}

int tree_find(const char *path, size_t bytes, struct node **found)
{
	struct place p;
	int error;

	*found = root;
	if (bytes == 1 && path[0] == '/')
		return 0;
	error = tree_place(path, bytes, &p);
	if (error)
		return error;
	*found = tree_child(p.folder, p.name, p.bytes);
	return *found ? 0 : FILES_ENONE;
}

/* ---- Making and removing ---- */

int tree_make(const struct place *p, bool directory, struct node **made)
{
	if (tree_child(p->folder, p->name, p->bytes))
		return FILES_ETHERE;
	*made = node_make(p->folder, p->name, p->bytes, directory);
	return *made ? 0 : MK_EMEMORY;
}

int tree_remove(struct node *n)
{
	if (n == root)
		return FILES_EPATH;
	if (n->children)
		return FILES_EUSED;
	unlink_node(n);
	n->removed = true;
	if (!n->opens)
		node_free(n);
	return 0;
}

void tree_release(struct node *n)
{
	if (!--n->opens && n->removed)
		node_free(n);
}
