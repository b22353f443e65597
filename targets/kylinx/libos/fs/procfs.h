/* What the files of /proc share. */
#ifndef KX_PROCFS_H
#define KX_PROCFS_H
#include "fs.h"

#define NS 1000000000ul
#define USER_HZ 100ul

extern const struct gen_node proc_sys_children[];
u64 proc_now_ticks(void);
bool proc_number(struct name, u32 *number);                   /* a name that is a number, as a pid or descriptor */
long proc_emit_number(struct file *, struct uio *, u64 base, u32 number, const struct gen_node *);
struct proc *proc_of_inode(const struct inode *);            /* family.tree held; NULL: gone */
bool proc_task_runs(const struct task *);
void gen_mount(const char *path, struct superblock *, const struct gen_node *);

/* procfs_maps.c */
long proc_show_maps(struct text *, struct inode *);
long proc_show_smaps(struct text *, struct inode *);
long proc_show_smaps_rollup(struct text *, struct inode *);
void proc_memory_pages(struct mm *, u64 *size, u64 *resident, u64 *shared, u64 *text, u64 *data); /* family.tree held */
/* procfs_fd.c */
long proc_fd_lookup(struct path *dir, struct name, struct path **out);
long proc_fd_list(struct file *, struct uio *, u64 base);
long proc_fdinfo_lookup(struct path *dir, struct name, struct path **out);
long proc_fdinfo_list(struct file *, struct uio *, u64 base);
#endif
