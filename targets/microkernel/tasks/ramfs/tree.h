/* The tree of files and folders. */
#ifndef RAMFS_TREE_H
#define RAMFS_TREE_H
#include "../lib/mk.h"
#include "../../include/files.h"

struct node {
	struct node *parent, *children, *sibling, *previous, *same_hash;
	union page **own;         /* pages of one that was written to; with none its bytes are those of the archive */
	const uint8_t *archived;
	uint32_t bytes, own_pages;
	uint32_t modified_s, hash;
	unsigned opens;           /* it stays while it is open, even when it is removed */
	bool directory, removed;
	uint8_t name_bytes;
	char name[];
};

/* A folder and the last part of a path. */
struct place { struct node *folder; const char *name; size_t bytes; };

void tree_init(void);
int tree_find(const char *path, size_t bytes, struct node **found);       /* 0 or FILES_E* */
int tree_place(const char *path, size_t bytes, struct place *place);      /* whether there is something or not */
struct node *tree_child(struct node *folder, const char *name, size_t bytes);
int tree_make(const struct place *p, bool directory, struct node **made);
int tree_remove(struct node *n);
void tree_release(struct node *n);                                        /* one who had it open has not any more */

size_t node_read(const struct node *n, uint32_t from, void *to, size_t bytes);
int node_write(struct node *n, uint32_t from, const void *data, size_t bytes); /* -> bytes, or MK_E* */
void node_empty(struct node *n);

const char *archive_load(void);                                           /* archive.c: NULL, or why not */
#endif
