/* What tmpfs.c (bytes) offers tmpfs_file.c (open files). */
#ifndef KX_TMPFS_H
#define KX_TMPFS_H
#include "fs.h"

long tmpfs_read(struct file *, struct uio *, u64 *pos);
long tmpfs_write(struct file *, struct uio *, u64 *pos);
long tmpfs_object(struct inode *); /* lock held: the bytes are in i->file.object from now on */
#endif
