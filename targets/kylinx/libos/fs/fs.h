/* Inside fs/: inodes, paths (directory entries), the walk, and what the file systems offer it.
 *
 * A struct path is a name in a directory: parent, name, inode. In the in-memory tree (ramfs.c) the directory holds one
 * reference on each of its children's paths; the generated trees (/proc, /sys) and host shares make a path anew at each walk.
 * A mount is a path whose inode belongs to another superblock, so a walk crosses it without noticing.
 *
 * Locks: rename_lock > inode.lock of directories, parents first > inode.lock of others. rename_lock guards every path's
 * parent and name and is taken by rename, rmdir, "..", and whoever spells a path out. */
#ifndef KX_FS_H
#define KX_FS_H
#include "../libos.h"
#include <linux/stat.h>
#include <linux/fs.h>
#include <linux/magic.h>

/* linux/stat.h leaves these to libc, and a libc may be about in the hosted build */
#ifndef S_IFMT
#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define S_ISUID 0004000
#define S_ISGID 0002000
#define S_ISVTX 0001000
#define S_IXGRP 00010
#define S_ISLNK(m) (((m) & S_IFMT) == S_IFLNK)
#define S_ISREG(m) (((m) & S_IFMT) == S_IFREG)
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
#define S_ISCHR(m) (((m) & S_IFMT) == S_IFCHR)
#define S_ISFIFO(m) (((m) & S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m) & S_IFMT) == S_IFSOCK)
#endif
#ifndef UTIME_NOW
#define UTIME_NOW ((1l << 30) - 1l)
#define UTIME_OMIT ((1l << 30) - 2l)
#endif

#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12
#define NAME_BYTES 255
#define FILE_BYTES_MAX ((u64)1 << 42) /* the chunk table of a sparse file of this size is 2 MiB */
#define IO_BYTES_MAX 0x7ffff000ul     /* Linux' MAX_RW_COUNT */

struct name { const char *s; u32 n; }; /* of one component; not NUL-terminated */

struct superblock {
	const char *type, *source, *options; /* as /proc/mounts shows them */
	u32 magic, dev;
	u64 last_ino;
};

struct attributes { /* what chmod, chown and utimensat change */
	u32 valid, mode, uid, gid;
	s64 atime_ns, mtime_ns;
};
enum { ATTR_MODE = 1, ATTR_UID = 2, ATTR_GID = 4, ATTR_ATIME = 8, ATTR_MTIME = 16 };

struct new_inode { /* what create makes */
	u32 mode;                /* type and permission */
	u64 rdev;
	const char *target;      /* symlink */
	void *private;           /* socket */
};

struct inode_ops { /* an absent operation: -EPERM for those that change, -ENOTDIR for lookup */
	long (*lookup)(struct path *dir, struct name, struct path **out); /* referenced; -ENOENT */
	long (*create)(struct path *dir, struct name, const struct new_inode *, struct path **out); /* -EEXIST */
	long (*link)(struct path *dir, struct name, struct path *old);
	long (*remove)(struct path *dir, struct name, bool directory);
	long (*rename)(struct path *from, struct name, struct path *to, struct name, u32 flags);
	long (*open)(struct path *, u32 flags, struct file **out);
	long (*readlink)(struct path *, char *to, size_t n); /* bytes, not terminated */
	long (*follow)(struct path *, struct path **out);    /* a link that is no text: /proc/self/fd/N */
	long (*getattr)(struct path *, struct inode *, struct stat *); /* absent: inode_stat */
	long (*setattr)(struct path *, struct inode *, const struct attributes *); /* absent: inode_set */
	long (*truncate)(struct path *, struct inode *, u64 size);
	bool (*drop)(struct inode *);                        /* gives a reference back where lookups find inodes; true: the last */
	void (*release)(struct inode *);                     /* last reference gone */
};

struct inode {
	u32 refs, mode, uid, gid, nlink;
	struct lock lock;
	const struct inode_ops *ops;
	struct superblock *sb;
	u64 ino, size, rdev;
	s64 atime_ns, mtime_ns, ctime_ns, btime_ns;
	void *private;                  /* inode_private() */
	struct file_locks *locks;       /* fcntl and flock; locks.c */
	union {
		struct {                    /* regular file of the in-memory tree */
			struct kx_object *object; /* NULL: the image's bytes, or empty */
			const char *image;      /* its bytes in the image */
			u64 image_bytes;
			u32 exec;               /* of the image, or KX_IMAGE_NONE */
			u32 seals;              /* F_SEAL_*, of a memfd */
			u64 pages;              /* made by writing; with mapped, faults may have made more */
			bool written, mapped;   /* written: has left the image */
		} file;
		struct {                    /* directory of the in-memory tree */
			struct path **hash;
			struct path *self;      /* its one name; no reference */
			struct list children;   /* in order of seq */
			u32 buckets, count;
			u32 image_first, image_count;
			u64 next_seq;           /* getdents' cookies */
			bool loaded, dead;      /* loaded: children has all that the image has */
		} dir;
		struct { const char *target; u32 length; bool heap; } link;
		struct { const void *node; u64 id, id2; void *data; } gen; /* generated files: procfs.c, sysfs.c, hostfs.c */
	};
};

struct path {
	u32 refs;
	bool linked, mount, name_heap;  /* linked: in its parent's table */
	u32 hash, length;
	const char *name;
	struct path *parent;            /* referenced; NULL: a root, or nameless */
	struct inode *inode;            /* referenced */
	struct path *hash_next;
	struct list sibling;
	u64 seq;
};

extern struct lock rename_lock;
extern u32 fs_live_inodes;              /* for tests of leaks */
extern struct superblock root_sb, proc_sb, sys_sb, dev_sb, shm_sb, mqueue_sb, anon_sb;
extern struct path *root_path;

/* ---- inode.c ---- */
struct inode *inode_create(struct superblock *, const struct inode_ops *, u32 mode); /* refs 1, nlink 1, owner current */
static inline struct inode *inode_ref(struct inode *i) { ref_get(&i->refs); return i; }
void inode_stat(const struct inode *, struct stat *);
void inode_set(struct inode *, const struct attributes *);
long inode_permission(const struct inode *, u32 mask); /* mask: 4 read, 2 write, 1 search or execute; by fsuid */
bool current_in_group(u32 gid);
void inode_drop_privileges(struct inode *);
bool inode_owner_or_root(const struct inode *);
long path_getattr(struct path *, struct stat *);
long path_setattr(struct path *, const struct attributes *);
static inline bool superblock_read_only(const struct superblock *sb) { return sb->options[1] == 'o'; } /* "ro" */
u64 superblock_ino(struct superblock *);
struct path *path_create(struct path *parent, struct name, struct inode *); /* takes the inode's reference over; refs 1, not linked */
static inline struct path *path_ref(struct path *p) { ref_get(&p->refs); return p; }
void path_put(struct path *);
long path_spell(struct path *, struct path *root, char *, size_t); /* length with NUL; -ERANGE; "(unreachable)" outside root */
bool path_is_below(struct path *, struct path *top); /* rename_lock held */
u32 name_hash(struct name);

/* ---- path.c: the walk ---- */
enum { WALK_FOLLOW = 1, WALK_PARENT = 2, WALK_EMPTY = 4, WALK_BENEATH = 8, WALK_IN_ROOT = 16, WALK_NO_SYMLINKS = 32,
       WALK_NO_MAGIC = 64, WALK_NO_XDEV = 128, WALK_DIRECTORY = 256 };
struct walk {
	struct path *root, *at;         /* referenced */
	struct path *top;               /* of WALK_BENEATH */
	char *buffer;                   /* what a symlink made of the rest; NULL or heap */
	const char *rest;
	struct name last;               /* WALK_PARENT: the last component, in rest's memory; n 0: the directory itself */
	u32 flags, links;
	bool trailing;                  /* a slash ended it */
};
struct user_name { char *s, small[232]; };
long user_name_get(struct user_name *, const char __user *, bool empty_allowed); /* -ENOENT for "" unless allowed */
void user_name_put(struct user_name *);
long walk_begin(struct walk *, int dirfd, const char *name, u32 flags);
long walk_step(struct walk *);      /* goes on with rest; on 0 at is the result (or the parent) */
long walk_symlink(struct walk *, struct path *link); /* rest becomes the link's text; call walk_step next */
void walk_end(struct walk *);
long path_lookup(int dirfd, const char *name, u32 flags, struct path **out);
long path_lookup_user(int dirfd, const char __user *name, u32 at_flags, u32 flags, struct path **out); /* AT_EMPTY_PATH known */
long path_lookup_child(struct path *dir, struct name, struct path **out);
struct path *current_root(void);
struct path *current_cwd(void);

/* ---- image.c ---- */
void image_init(const void *base, u64 bytes);
bool image_present(void);
long image_dirent(u32 first, u32 count, u32 i, struct name *, u32 *inode); /* -EINVAL: a bad entry, skip it */
bool image_find(u32 first, u32 count, struct name, struct name *stored, u32 *inode, u32 *place);
bool image_inode(u32 index, struct kx_image_inode *); /* checked: data and entries lie in the image */
const char *image_bytes_at(u64 offset);
const struct kx_image_exec *image_exec(u32 index, u64 size);
const void *image_base(void);
bool image_holds(const char *);

/* ---- ramfs.c, tmpfs.c ---- */
extern const struct inode_ops ramfs_dir_ops, ramfs_link_ops, ramfs_special_ops, tmpfs_inode_ops;
extern const struct file_ops ramfs_dir_file_ops, tmpfs_file_ops;
struct inode *ramfs_inode(struct superblock *, const struct new_inode *);
void ramfs_inherit(const struct inode *dir, struct inode *);
long ramfs_root(struct superblock *, bool from_image, struct path **out);
struct path *ramfs_directory(const char *absolute, u32 mode); /* makes what is missing; for fs_init; referenced */
void ramfs_mount(struct path *at, struct inode *);            /* takes the inode's reference over */
long ramfs_getdents(struct file *, struct uio *);
void ramfs_forget_shared(void);
struct inode *image_inode_instance(struct superblock *, u32 index, long *err);
long tmpfs_truncate(struct path *, struct inode *, u64 size);
u64 tmpfs_blocks(struct inode *);
long tmpfs_fallocate(struct file *, u32 mode, u64 offset, u64 length);
long dirent_emit(struct uio *, u64 ino, u64 next, u32 type, struct name); /* 0, or -EINVAL: no room */
static inline u32 mode_to_dt(u32 mode) { return (mode & S_IFMT) >> 12; }

/* ---- open.c, fdtable.c, locks.c ---- */
long path_open(struct path *, u32 flags, struct file **out);  /* by the inode's type; no permission checks */
struct file *file_create_at(const struct file_ops *, struct path *, u32 flags); /* references path and inode */
struct path *nameless_path(struct superblock *, const char *name, struct inode *); /* memfd, O_TMPFILE */
struct file *files_file(struct files *, u32 fd);              /* referenced; for /proc/PID/fd */
void locks_release(struct inode *, const void *owner);
void locks_free(struct file_locks *);
long fd_cloexec(int fd, int set);                             /* set < 0: ask */
long fcntl_lock(struct file *, u32 cmd, u64 arg);
struct fd { struct file *file; bool counted; };
struct fd fd_get(int fd);                                     /* as file_get, without the count when nobody else can close it */
static inline void fd_put(struct fd f) { if (f.counted) file_put(f.file); }
static inline bool file_readable(const struct file *f) { return (f->flags & (O_PATH | O_ACCMODE)) != O_WRONLY && !(f->flags & O_PATH); }
static inline bool file_writable(const struct file *f) { return (f->flags & O_ACCMODE) && !(f->flags & O_PATH); }
static inline bool file_seekable(const struct file *f) { return f->ops->lseek != NULL; }
long generic_lseek(struct file *, s64 offset, int whence, u64 size);

/* ---- generated trees ---- */
struct text { char *s; size_t n, capacity; bool failed; };
bool text_room(struct text *, size_t);
void text_add(struct text *, const char *, size_t);
#define text_printf(t, ...) do { \
	if (text_room((t), 256)) { \
		int text_n = snprintf((t)->s + (t)->n, (t)->capacity - (t)->n, __VA_ARGS__); \
		if ((size_t)text_n >= (t)->capacity - (t)->n && text_room((t), (size_t)text_n + 1)) \
			text_n = snprintf((t)->s + (t)->n, (t)->capacity - (t)->n, __VA_ARGS__); \
		(t)->n += (size_t)text_n; \
	} } while (0)

struct gen_node { /* a file or directory of /proc or /sys; arrays end with name NULL */
	const char *name;
	u32 mode;
	long (*show)(struct text *, struct inode *);              /* regular: its text. symlink: its target */
	long (*store)(struct inode *, const char *, size_t);      /* bytes taken or -errno; absent: -EACCES */
	const struct gen_node *children;                          /* fixed entries of a directory */
	long (*lookup)(struct path *dir, struct name, struct path **out);      /* more entries, made up at a look */
	long (*list)(struct file *, struct uio *, u64 base);      /* more entries: cookies from base up, kept in file->pos */
	long (*follow)(struct path *, struct path **out);         /* symlink that is no text */
};
extern const struct inode_ops gen_ops;
u64 gen_ino(const struct gen_node *, u64 id, u64 id2);
struct inode *gen_inode(struct superblock *, const struct gen_node *, u64 id, u64 id2);
long gen_path(struct path *dir, struct name, const struct gen_node *, u64 id, u64 id2, struct path **out);
void procfs_init(void);
void sysfs_init(void);
void devfs_init(void);
void random_bytes(void *, size_t);                            /* mm/random.c */
void hostfs_init(void);
long device_open(struct path *, u32 flags, struct file **out);
void mounts_add(const char *path, struct superblock *);
void mounts_show(struct text *, bool info);
extern const struct gen_node proc_pid_node, proc_tid_node;
struct path *file_reference_path(struct file *);              /* stands for an open file without a path; open duplicates it */

/* ---- console.c ---- */
#define CONSOLE_TTY 0x100
struct file *console_open(u32 console, u32 stream);           /* stream 0, 1, 2; | CONSOLE_TTY: isatty() is true */
struct file *console_tty(u32 console, u32 flags);             /* /dev/tty; NULL: it is none */
#endif
