/* Guest memory of a family: the arena of reference-counted frames, the page tables of its pVMs, the commons.
 * vcpu.c and hypercall.c use it; it knows nothing of vCPUs but the CR3 it gives them. Thread-safe: vCPU threads call in
 * parallel (one thread at a time for one space). Addresses are guest-virtual, page-aligned, checked by the callee. */
#ifndef KX_MEMORY_H
#define KX_MEMORY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../abi/kx_abi.h"

struct space; /* page tables of one pVM */

struct memory_config {
	int vm_fd;                /* KVM's; the first, if there are to be more */
	unsigned long shadow_pages; /* at most so many shadow page tables in it (KVM_SET_NR_MMU_PAGES) */
	uint64_t limit_bytes;     /* of frames the family may hold at once, commons and page tables included */
	const void *image;        /* private host mapping of the image file, page-aligned; NULL for none */
	uint64_t image_bytes;
	const void *libos;        /* host bytes of the LibOS's ELF file */
	uint64_t libos_bytes;
};
/* Makes the arena, loads the LibOS, maps text, rodata, data, boot pages and image in the shared subtree. 0 or -errno, with
 * the reason in *why. */
int memory_init(const struct memory_config *, const char **why);

/* A further VM, whose vCPUs see the same memory: it gets all memslots that there are and will be. 0 or -errno. */
int memory_add_vm(int vm_fd, unsigned long shadow_pages);
void memory_remove_vm(int vm_fd);                   /* before it is closed */
uint32_t memory_vms(void);

struct kx_boot *memory_boot(void);                 /* host view of KX_VA_BOOT */
const struct kx_libos_header *memory_libos(void);
/* Host view of length bytes at a commons, LibOS-data or slot-area address; NULL when any of it is outside. The guest can
 * change it at any time: copy first, then check. */
void *memory_commons(uint64_t va, size_t length);
int memory_slot_area(uint32_t slot, bool spawn_pages); /* make the area's pages present, its first page zeroed; spawn_pages: the spawn block's,
	nothing zeroed */
void memory_slot_area_release(uint32_t slot);       /* spawn pages back */
int64_t memory_commons_grow(uint64_t blocks);       /* as KX_HC_COMMONS */
/* Supervisor pages at KX_VA_KERNEL..: guest va, host view; 0: no memory. page: read, write, execute (what a vCPU needs in one page);
 * text: read, execute (set the accessed bits of descriptors there); data: read, write. */
uint64_t memory_kernel_page(uint32_t pages, void **host);
uint64_t memory_kernel_text(uint32_t pages, void **host);
uint64_t memory_kernel_data(uint32_t pages, void **host);

struct space *space_create(void);                   /* empty but for the shared subtree; NULL: no memory */
/* Child with the parent's private memory, copied at the first write on either side; the parent's tables are made anew too:
 * load space_cr3 of both before either runs. Pages around rsp are copied in advance. NULL: no memory (nothing changed). */
struct space *space_fork(struct space *parent, uint64_t rsp);
/* The same for a child made by space_create() that has nothing of its own yet, though its CR3 may be in use already; or for one that
 * was kept. SPACE_MISFIT: what was kept is not as the parent is; nothing changed. After SPACE_NO_ROOM a kept one can only be destroyed. */
enum space_fork { SPACE_FORKED, SPACE_NO_ROOM, SPACE_MISFIT };
enum space_fork space_fork_into(struct space *parent, struct space *child, uint64_t rsp);
/* A pVM ended: its space, in place of being destroyed, may wait for the next child of the parent, and a vCPU in it. false: it may not. */
bool space_keep(struct space *);
bool space_is_kept(const struct space *);
bool space_suits(const struct space *, const struct space *parent); /* not kept, or for children of that parent (NULL: of nobody) */
bool space_orphaned(const struct space *);           /* kept, and nobody is left whose child could have it */
void space_destroy(struct space *);                 /* frames and tables back; the vCPU no longer runs on it */
/* Changes by fork, by operations that take rights away, and now and then (PWT bit: a flush) by faults: compare and reload
 * after each call into this file, before the vCPU runs on. Needs EFER.NXE and CR0.WP. */
uint64_t space_cr3(const struct space *);

enum space_result { SPACE_RESOLVED, SPACE_UPCALL, SPACE_NO_MEMORY };
/* A page fault at address; present, write, exec: from the error code (or as told by the caller when unknown: see unknown).
 * regions: host view of the guest's table, count entries. SPACE_UPCALL: the LibOS must decide. */
extern __thread bool space_cow; /* set by space_fault() when it was a write to a page shared after a fork: for the probe */
struct space_fault { uint64_t address; bool present, write, exec, unknown; };
enum space_result space_fault(struct space *, const struct space_fault *, const struct kx_region *regions, uint32_t count);

/* After SPACE_RESOLVED the vCPU has to execute the faulting instruction next (only that makes a shadow MMU see an entry that
 * replaced another). When it is sent elsewhere instead (a kick, a signal), call this first and reload space_cr3. */
void space_divert(struct space *);

int space_drop(struct space *, uint64_t start, uint64_t length);
int space_protect(struct space *, uint64_t start, uint64_t length);
/* The same with the region table at hand: entries get their new rights at once, without a fault each. */
int space_protect_as(struct space *, uint64_t start, uint64_t length, const struct kx_region *regions, uint32_t count);
int space_move(struct space *, uint64_t start, uint64_t length, uint64_t to);

int space_peek(const struct space *, uint64_t va);  /* the byte there, if its page is present; -1 */

struct memory_stats {
	uint64_t limit, frames_used, frames_peak, commons_bytes, table_pages, cow_copies, cow_reused, cow_pages, faults, zaps;
};
void memory_statistics(struct memory_stats *);
struct space_stats { uint64_t private_bytes, shared_bytes, table_pages; };
void space_statistics(const struct space *, struct space_stats *);
#endif
