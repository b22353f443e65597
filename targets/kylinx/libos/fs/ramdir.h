/* The table of a directory of the in-memory tree; its inode's lock is held by the caller of all of these. */
#ifndef KX_RAMDIR_H
#define KX_RAMDIR_H
#include "fs.h"

struct path *ramdir_find(struct inode *dir, struct name);   /* unreferenced; NULL: none, even in the image */
long ramdir_load(struct inode *dir);                        /* all that the image has; before any change */
long ramdir_insert(struct inode *dir, struct path *);       /* takes a reference of its own */
void ramdir_remove(struct inode *dir, struct path *);       /* gives it back: the caller holds another */
long ramdir_reserve(struct inode *dir);                     /* after it, one insert cannot fail */
void ramdir_free(struct inode *dir);

/* ramfs.c, rename.c */
long ramfs_rename(struct path *from, struct name, struct path *to, struct name, u32 flags);
long ramfs_bury(struct inode *dir, struct path *, bool directory); /* may it go? on 0 its link is gone */
bool ramfs_sticky_forbids(const struct inode *dir, const struct inode *);
void ramfs_touch(struct inode *dir);
long tmpfs_open(struct path *, u32 flags, struct file **out);
long tmpfs_getattr(struct path *, struct inode *, struct stat *);
#endif
