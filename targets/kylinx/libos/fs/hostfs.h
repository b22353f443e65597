/* What hostfs.c (names) and hostfs_file.c (open files) share. */
#ifndef KX_HOSTFS_H
#define KX_HOSTFS_H
#include "fs.h"

struct host_inode { /* inode.gen.data: one for each file of a share, so that mappings and locks of it meet */
	struct list node;
	struct inode *inode;
	u32 share;
	u64 number;                     /* the host's inode number */
	struct kx_object *object;       /* its bytes, once mapped */
	u64 loaded_bytes;               /* the file when it was read for that */
	s64 loaded_mtime_ns;
	bool written;                   /* the mapping may be written: to be copied back */
};

struct kx_hostfs *host_request(const struct inode *);         /* zeroed, share and handle set; NULL: no memory */
long host_call(u32 op, struct kx_hostfs *);
long host_path(struct path *, struct name, char *to, size_t n); /* below the share; name may be empty */
void host_attributes(struct inode *, const struct kx_hostfs *);
long hostfs_open(struct path *, u32 flags, struct file **out);
long hostfs_truncate(struct path *, struct inode *, u64 size);
struct superblock *host_superblock(u32 share);
#endif
