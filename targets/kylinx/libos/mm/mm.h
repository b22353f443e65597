/* What the files of mm/ share, and what others may know of a mapping: the flags of kx_region.
 *
 * A process's table is changed only by code on its own pVM, which nothing preempts inside the LibOS; mm->lock is for readers
 * on other pVMs (/proc/PID/maps). So its own pVM reads without the lock, and the monitor (which reads while this slot
 * faults) never sees a change half made, as long as no application memory is touched in the middle of one. */
#ifndef KX_MM_H
#define KX_MM_H
#include "libos.h"

#define PAGE_UP(x) (((u64)(x) + KX_PAGE - 1) & ~(u64)(KX_PAGE - 1))
#define PAGE_DOWN(x) ((u64)(x) & ~(u64)(KX_PAGE - 1))
#define LARGE_PAGE 0x200000ul

/* kx_region.flags: the low 12 bits; above them the byte offset in the file at start (page-aligned) */
#define KXR_SHARED 0x001
#define KXR_STACK 0x002
#define KXR_HEAP 0x004
#define KXR_TRAMPOLINE 0x008   /* behind an ELF's span: goes with it */
#define KXR_PATCHED 0x010      /* source is the patched copy of the file's text */
#define KXR_NO_WRITE 0x020     /* shared, of a descriptor not open for writing: mprotect may not add it */
#define KXR_DONTFORK 0x080
#define KXR_WIPEONFORK 0x100
#define KXR_FILLED KX_REGION_FILLED
#define KXR_FLAGS 0xfff
static inline u64 region_file_offset(const struct kx_region *r) { return r->flags & ~(u64)KXR_FLAGS; }
static inline u64 region_bytes(const struct kx_region *r) { return r->end - r->start; }
static inline bool region_is_object(const struct kx_region *r) { return r->kind == KX_REGION_OBJECT || r->kind == KX_REGION_OBJECT_PRIVATE; }

#define MAP_COUNT_MAX 65530    /* Linux' vm.max_map_count */

/* ---- region.c: the table ---- */
struct region_trash { /* what was cut out: references to give back when the pages are gone */
	struct kx_region small[4], *list;
	u32 count;
	bool filled;               /* some pages were there */
};
bool mm_live(const struct mm *);                       /* it is the table of this slot */
u32 region_after(const struct mm *, u64 addr);         /* index of the first with end > addr */
bool region_range_free(const struct mm *, u64 start, u64 end);
long region_room(struct mm *, u32 more);               /* so many insertions will not fail; -ENOMEM */
void region_insert(struct mm *, const struct kx_region *); /* takes its references over; room was made; merges */
void region_split(struct mm *, u64 at);                /* room for one was made */
long region_cut(struct mm *, u64 start, u64 end, struct region_trash *); /* lock held */
void region_trash_free(struct region_trash *);         /* no lock held */
void region_merge_around(struct mm *, u64 start, u64 end);
void region_ref(const struct kx_region *);
void region_unref(const struct kx_region *);
void region_publish(struct mm *);

/* ---- place.c ---- */
bool range_allowed(u64 start, u64 end);                /* application addresses only */
u64 place_find(const struct mm *, u64 length, u64 align, u64 below); /* 0: none; top down */

/* ---- map.c ---- */
struct map_request {
	u64 addr, length;          /* length: rounded up */
	u32 prot;                  /* KX_PROT_* */
	u32 flags;                 /* MAP_* */
	struct file *file;         /* NULL: anonymous; a reference is taken */
	u64 offset;
	u64 region_flags;          /* KXR_* to add */
};
long map_region(struct mm *, const struct map_request *);
void unmap_pages(struct mm *, u64 start, u64 end, bool filled); /* KX_MEMORY_DROP, if mm is this slot's */

/* ---- text.c: patched text and trampolines ---- */
u64 text_extra(struct file *, const struct map_request *); /* bytes to reserve behind a mapping of the whole span */
void text_mapped(struct mm *, struct file *, u64 start, u64 end); /* lock held: executable mapping became patched */
u64 text_trampolines_behind(const struct mm *, u64 start, u64 end); /* end, or the end of the trampolines to go with the range */
#define TEXT_ROOM 6 /* insertions text_mapped may make */

/* ---- object.c ---- */
void *object_fill(struct kx_object *, u64 index, u64 end); /* as object_page with create, perhaps with pages behind it (below end) */
void object_map(struct kx_object *);
void object_unmap(struct kx_object *);

/* ---- elf.c ---- */
#define ELF_SEGMENTS_MAX 32
#define ELF_HEAD_BYTES 4096
struct elf_segment { u64 vaddr, offset, file_bytes, memory_bytes; u32 prot; };
struct elf_plan {
	u64 entry, low, high;      /* addresses before relocation; low and high: pages */
	u64 align;                 /* of the load address */
	u64 headers_vaddr;         /* 0: not mapped */
	u64 headers_offset;
	u32 headers, segments;
	bool position_independent;
	u64 interpreter_offset;
	u32 interpreter_bytes;     /* with NUL; 0: none */
	struct elf_segment segment[ELF_SEGMENTS_MAX];
};
/* The first n bytes of a file. 0; -ENOEXEC, -EACCES (write and execute asked), -ENODATA: headers_offset and headers are set,
 * the program headers lie beyond n: read them and call elf_parse_headers. */
int elf_parse(const void *head, size_t n, u64 file_size, struct elf_plan *);
int elf_parse_headers(const void *headers, u64 file_size, struct elf_plan *);

/* ---- args.c, stack.c ---- */
struct exec_args { /* strings: argv's, then envp's, each ended by NUL */
	char *text;
	size_t bytes, capacity, argv_bytes, limit;
	u32 argc, envc;
};
long args_user(struct exec_args *, const char *const __user *argv, const char *const __user *envp);
long args_kernel(struct exec_args *, char **argv, char **envp);
long args_prepend(struct exec_args *, const char *const *strings, u32 count); /* in place of argv[0] */
void args_free(struct exec_args *);
struct exec_auxv { u64 word[48]; u32 words; };
void auxv_add(struct exec_auxv *, u64 type, u64 value);
long stack_build(struct mm *, const struct exec_args *, const char *name, struct exec_auxv *, u64 *rsp); /* mm is live */

/* ---- program.c: what to run, and a memory map for it ---- */
struct program {
	struct exec_args args;
	char *name;                /* as given; AT_EXECFN */
	struct file *file;         /* what the map is of: the script's interpreter, not the script */
	struct file *interpreter;  /* NULL: none */
	struct elf_plan plan, interpreter_plan;
	struct mm *mm;
	u64 bias, interpreter_bias; /* added to the plans' addresses */
	u32 mode, uid, gid;        /* of the file, for set-user-ID */
};
long program_open(int dirfd, const char *path, u32 at_flags, struct file **); /* a regular file that may be executed */
long program_prepare(struct program *);                /* file, name and args are set: plans and mm; nothing of current changes */
void program_free(struct program *);                   /* with all that is in it; it is on the heap */
long program_map(struct program *);                    /* load.c: makes mm */
void program_auxv(const struct program *, struct exec_auxv *);
u64 program_entry(const struct program *);
long program_clear_tails(const struct program *);      /* mm is live: zero behind the files' bytes */

/* ---- pid.c, fork.c, exit.c ---- */
void pid_insert(struct proc *);                        /* family.tree held */
void pid_remove(struct proc *);
void proc_put(struct proc *);
static inline void proc_ref(struct proc *p) { ref_get(&p->refs); }
void proc_gone(struct proc *);                         /* killed with its pVM by the monitor */
void vfork_release(struct proc *);                     /* its parent goes on */

/* ---- limits.c, random.c ---- */
void limits_default(struct proc *);
u64 limit_of(const struct proc *, u32 which);
void random_bytes(void *, size_t);

#endif
