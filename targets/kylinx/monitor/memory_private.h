/* What the files of the memory side share: ranges of guest-physical memory, frames, page tables, the walk. */
#ifndef KX_MEMORY_PRIVATE_H
#define KX_MEMORY_PRIVATE_H
#include <pthread.h>
#include <string.h>
#include "memory.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)
#define BLOCK_BYTES (2 * MIB)
#define BLOCK_FRAMES 512
#define PIECE_FRAMES 16
#define TABLE_ENTRIES 512
#define IMAGE_OWN_BYTES 65536
#define SLAB_MEMSLOT 1024 /* id of the first slab's memslot; ranges use those below */
#define SLABS_MAX 8192

/* ---- page-table entries ---- */
#define PTE_P (1ull << 0)
#define PTE_W (1ull << 1)
#define PTE_U (1ull << 2)
#define PTE_A (1ull << 5)
#define PTE_D (1ull << 6)
#define PTE_LARGE (1ull << 7)
#define PTE_COW (1ull << 9)      /* its region allows writing: a write fault copies, or makes writable on the last reference */
#define PTE_FOREIGN (1ull << 10) /* the frame is not the arena's (image, object): no reference is held */
#define PTE_KEPT (1ull << 11)    /* P is 0 but the page is kept: its rights went to none, a fault asks the table again */
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull
#define PTE_TABLE (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define PTE_HOLDS (PTE_P | PTE_KEPT)

/* ---- a range: guest-physical addresses, one host reservation, memslots added as it fills ---- */
struct range {
	uint64_t gpa, size;    /* reserved */
	uint64_t mapped, step; /* bytes that have memslots; least growth */
	uint8_t *host;
};

struct memory {
	pthread_mutex_t lock;  /* all of the metadata; data are zeroed and copied outside where a page is worth it */
	uint64_t limit, used, peak; /* frames of 4 KiB */
	uint32_t next_memslot;
	uint64_t next_gpa;
	struct range fixed, vcpus, commons, arena_small, arena_large;
	uint64_t image_gpa, image_bytes;
	const uint8_t *image;
	uint8_t *image_owned;  /* for each IMAGE_OWN_BYTES of it: whether they are the monitor's copy; fault.c */
	uint32_t root_shared;  /* PML4 template: shared entries only */
	uint64_t commons_bytes;
	bool wake;             /* the background thread has work */
	struct memory_stats stats; /* counters only */
};
extern struct memory memory;

static inline void memory_lock(void) { pthread_mutex_lock(&memory.lock); }
void tables_signal(void);
static inline void memory_unlock(void)
{
	bool wake = memory.wake; /* the background thread would only run into the lock if it were woken before */

	memory.wake = false;
	pthread_mutex_unlock(&memory.lock);
	if (wake)
		tables_signal();
}
bool memory_charge(uint64_t frames);   /* lock held; false: over the limit */
static inline void memory_uncharge(uint64_t frames) { memory.used -= frames; }

int range_reserve(struct range *, uint64_t size, uint64_t step); /* 0 or -errno */
int range_grow(struct range *, uint64_t bytes);                  /* memslots for at least so many from its start */
int memslot_set(uint32_t id, uint64_t gpa, uint64_t bytes, const void *host, bool read_only); /* memslots.c: in every VM; no bytes: none */
uint64_t gpa_reserve(uint64_t size);
void *host_reserve(uint64_t size, uint64_t alignment);           /* NULL */

/* ---- frames (arena.c); addresses are guest-physical, 0 is none ---- */
int arena_init(void);
unsigned frames_alloc(unsigned want, uint64_t *out, bool zero);  /* takes the lock; as many as there are, each with one reference */
uint64_t block_alloc(bool zero);                                 /* takes the lock; 2 MiB, one reference */
void *frame_host(uint64_t gpa);
/* lock held: */
void frame_get(uint64_t gpa);
void frame_put(uint64_t gpa);
bool frame_sole(uint64_t gpa);
void block_get(uint64_t gpa);
void block_put(uint64_t gpa);
bool block_sole(uint64_t gpa);
void block_split(uint64_t gpa);  /* the caller's reference to the block becomes one to each of its frames */
uint64_t arena_idle(void);       /* populated blocks that nobody has used for now, beyond a few */
void arena_trim(void);           /* takes the lock; gives the host half of them back */

/* ---- tables (tables.c); named by index; lock held ---- */
#define TABLE_NONE 0
int tables_init(void);
uint32_t table_new(bool copy, bool zero);   /* refs 1; TABLE_NONE: no memory; copy: of another, so likely short-lived */
void table_release(uint32_t table);         /* the page only; entries are the caller's business */
void table_put(uint32_t table, int level);  /* and what the entries hold, when it was the last reference */
uint64_t *table_entries(uint32_t table);
uint32_t table_at(const uint64_t *entry);   /* the one it lies in */
uint64_t table_gpa(uint32_t table);
uint32_t table_of(uint64_t entry);
uint32_t *table_refs(uint32_t table);
uint64_t *table_stamp(uint32_t table);      /* of the operation that made it */
uint8_t *table_heat(uint32_t table);        /* faults so far: windows grow with them */
bool *table_as_forked(uint32_t table);      /* made for a child by a fork, and no entry was changed since: kept.c */
bool table_sparse(uint32_t table);          /* lies in a slab that a few tables pin */
bool tables_pressed(void);                  /* many slabs are pinned so */
void entry_put(uint64_t entry, int level);  /* what an entry holds */
uint64_t tables_live(void);
extern __thread bool tables_beyond_limit;   /* giving memory back must not fail for want of a table */

/* ---- spaces ---- */
#define STREAMS 4
#define UNSETTLED 4
struct stream { uint64_t start, end; uint32_t pages, age; };

struct space {
	uint32_t root;
	uint64_t flip;           /* CR3.PWT: toggled, it makes KVM flush */
	uint32_t unsettled;      /* how many entries replaced others while the vCPU may not have used them; where the last of them are */
	uint64_t unsettled_va[UNSETTLED];
	uint64_t stamp;          /* operation under way */
	struct stream stream[STREAMS];
	uint32_t age;
	unsigned stream_at;      /* the one stream_window() chose */
	struct lineage *lineage; /* ahead.c: NULL until the first fork */
	uint32_t ahead, early;   /* pieces copied in advance at the last fork; faults since */
	unsigned kept;           /* tables of a pVM that ended, for the next child of its lineage: kept.c; nothing runs here */
};

static inline bool user_range(uint64_t start, uint64_t length)
{
	uint64_t end = start + length;

	return start >= KX_USER_MIN && end >= start && end <= KX_USER_MAX && (end <= KX_VA_SHARED || start >= KX_VA_KERNEL_END);
}
/* A page of an object: the only kind that several may write in place, and that is never executed in place. */
static inline bool entry_of_commons(uint64_t entry)
{
	return entry & PTE_FOREIGN && (entry & PTE_ADDRESS) - memory.commons.gpa < memory.commons.size;
}
/* Tables are mostly empty, and gone through a cache line at a time. */
static inline uint64_t any_of_eight(const uint64_t *e) { return e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]; }
static inline bool page_is_private(uint64_t entry) { return (entry & (PTE_P | PTE_W | PTE_FOREIGN)) == (PTE_P | PTE_W); }
static inline unsigned entry_index(uint64_t va, int level) { return va >> (12 + 9 * (level - 1)) & 511; }
static inline uint64_t level_bytes(int level) { return 1ull << (12 + 9 * (level - 1)); }
static inline bool shared_root_entry(unsigned i) { return i >= entry_index(KX_VA_SHARED, 4) && i < entry_index(KX_VA_KERNEL_END, 4); }

/* walk.c; lock held */
uint64_t *walk_find(const struct space *, uint64_t va, int *level, bool *writable); /* the leaf's entry, or the empty one where the walk
                                                                                       ends; writable: every entry above has W */
uint64_t *walk_own(struct space *, uint64_t va, int level, bool *fresh);  /* entry at level for va in tables of our own, made or copied in place;
                                                                            NULL: no memory, or a large entry above level */
uint32_t table_renew(uint32_t old, int level, bool demote);               /* fresh copy; our reference to old is gone */
int walk_split(uint64_t *pde);                                            /* large entry to a table of 4 KiB ones */
uint64_t operation_stamp(void);
bool walk_settled(const struct space *, uint64_t va);                     /* nothing on va's path that could be replaced is known to an MMU: the
                                                                            path was made in this operation down to where it is shared */
void entry_get(uint64_t entry, int level);
uint64_t *walk_fresh(struct space *, uint64_t va, int level);             /* as walk_own, all of the path made in this operation (new CR3) */

/* An entry at va was replaced in place by another present one; neighbours: so were others, which a TLB may know: flush. */
void space_replaced(struct space *, uint64_t va, bool neighbours);

/* fault.c */
bool region_find(const struct kx_region *, uint32_t count, uint64_t va, struct kx_region *copy); /* checked copy of the region at va */
uint64_t region_flags(const struct kx_region *);  /* of a present, private, not yet writable entry */
static inline bool region_covers_block(const struct kx_region *r, uint64_t va)
{
	uint64_t block = va & ~(BLOCK_BYTES - 1);

	return r->start <= block && r->end >= block + BLOCK_BYTES;
}
unsigned stream_window(struct space *, uint64_t va, unsigned first, unsigned heat); /* pages to handle around a fault */
void stream_note(struct space *, uint64_t start, uint64_t end, unsigned pages);     /* what was handled */

/* cow.c */
enum space_result cow_fault(struct space *, uint64_t va, const struct kx_region *); /* takes the lock */
bool block_promote(struct space *, uint64_t va, const struct kx_region *);          /* takes the lock: 4 KiB entries become a 2 MiB one */
bool cow_page(struct space *, uint64_t va, uint64_t frame);  /* lock held; copies a present page in advance; true: frame was used */
const void *any_host(uint64_t gpa);

/* share.c: what a fork does with each part of the parent's tables */
#define SHARE_TABLES 12
#define SHARE_FRAMES 128
#define SHARE_SCANNED 1024
struct share_plan {
	unsigned tables, pages, scanned, kept;
	bool same;                      /* the child's tables are what they are to be, but for what is written in its pages */
	struct {
		uint64_t va;
		unsigned first, pages;  /* of the frames that its pages are copied to */
		uint32_t kept;          /* the child's table with pages of its own to copy to, or TABLE_NONE */
		bool placed;
	} eager[SHARE_TABLES];
};
bool share_plan(const struct space *parent, const struct space *child, struct share_plan *); /* by the parent's own thread, as the next;
	false: what the child has kept does not fit */
void share_copy(const struct space *parent, const struct share_plan *, const uint64_t *frames);
bool share_tables(struct space *parent, struct space *child, struct share_plan *, const uint64_t *frames); /* lock held; false: no
	memory, the child has a part and neither lost anything */

bool share_known(const struct share_plan *, uint64_t va); /* va's table is one that the child has kept: an MMU knows it */

/* kept.c */
enum kept_match { KEPT_SAME, KEPT_LACKS, KEPT_DIFFERS };
/* Tables of 4 KiB entries: ours becomes a copy of the parent's by what is written to its pages alone; by entries where it has none, too; or
 * not at all. The parent's writable private pages; those of them that we lack. */
enum kept_match kept_compare(const uint64_t *ours, const uint64_t *parents, unsigned *writable, unsigned *missing);

/* ahead.c; lock held */
unsigned lineage_members(const struct space *);        /* spaces of it that are in use */
void lineage_keep(struct space *);                     /* this one no longer is, though it stays */
void ahead_note(struct space *, uint64_t va);          /* a fault that copied */
unsigned ahead_frames(const struct space *parent);     /* how many ahead_copy() may want */
unsigned ahead_copy(struct space *parent, struct space *child, const struct share_plan *, uint64_t rsp, const uint64_t *frames,
	unsigned count); /* frames used */
void ahead_review(struct space *, bool ends);
#define AHEAD_MAX 64

/* commons.c */
int shared_map(uint64_t va, uint64_t gpa, uint64_t bytes, uint64_t flags); /* lock held; in the subtree common to all */
const char *libos_load(const void *elf, uint64_t bytes);
void *libos_segment(uint64_t va, uint64_t bytes, bool write, bool exec); /* lock held; host view of zeroed pages mapped at va */
#endif
