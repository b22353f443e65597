/* What a family shares: LibOS text and data, boot pages, slot areas, commons, image, supervisor pages. Mapped once in a subtree
 * of page tables that every space's root points to; entries are only ever added there. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "memory_private.h"

#define FIXED_BYTES (64 * MIB)
#define BOOT_PAGES 16
#define AREA_PAGES (KX_VCPU_IDLE_STACK_TOP / KX_PAGE)
#define SPAWN_PAGES (KX_SPAWN_BYTES / KX_PAGE)
#define COMMONS_SMALL (8 * MIB)       /* beyond: huge host pages */
#define SHARED_RW (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D | PTE_NX | PTE_FOREIGN)
#define SHARED_R (PTE_P | PTE_U | PTE_A | PTE_D | PTE_NX | PTE_FOREIGN)
#define SHARED_RX (PTE_P | PTE_U | PTE_A | PTE_D | PTE_FOREIGN)
#define AREA_MADE 1
#define AREA_SPAWN_MAPPED 2
#define AREA_SPAWN 4

static uint64_t fixed_next, kernel_next = KX_VA_KERNEL;
static struct kx_boot *boot;
static const struct kx_libos_header *libos_header;
static uint8_t *data_host;
static uint64_t data_bytes;
static uint8_t areas[KX_MAX_SLOTS];

/* The entry for va at level in the shared subtree, tables made on the way; NULL: no memory. */
static uint64_t *shared_entry(uint64_t va, int level)
{
	uint32_t table = memory.root_shared;

	for (int at = 4; at > level; at--) {
		uint64_t *entry = &table_entries(table)[entry_index(va, at)];

		if (!*entry) {
			uint32_t below = table_new(false, true);

			if (below == TABLE_NONE)
				return NULL;
			__atomic_store_n(entry, table_gpa(below) | PTE_TABLE, __ATOMIC_RELEASE);
		}
		table = table_of(*entry);
	}
	return &table_entries(table)[entry_index(va, level)];
}

int shared_map(uint64_t va, uint64_t gpa, uint64_t bytes, uint64_t flags)
{
	for (uint64_t at = 0, step; at < bytes; at += step) {
		bool large = !((va + at) % BLOCK_BYTES) && !((gpa + at) % BLOCK_BYTES) && bytes - at >= BLOCK_BYTES;
		uint64_t *entry = shared_entry(va + at, large ? 2 : 1);

		if (!entry)
			return -ENOMEM;
		__atomic_store_n(entry, (gpa + at) | flags | (large ? PTE_LARGE : 0), __ATOMIC_RELEASE);
		step = large ? BLOCK_BYTES : KX_PAGE;
	}
	return 0;
}

/* Pages that are never given back; lock held. 0: no memory. */
static uint64_t fixed_take(uint64_t bytes, void **host)
{
	uint64_t at = fixed_next;

	bytes = (bytes + KX_PAGE - 1) / KX_PAGE * KX_PAGE;
	if (bytes > FIXED_BYTES || range_grow(&memory.fixed, at + bytes) || !memory_charge(bytes / KX_PAGE))
		return 0;
	fixed_next += bytes;
	*host = memory.fixed.host + at;
	return memory.fixed.gpa + at;
}

void *libos_segment(uint64_t va, uint64_t bytes, bool write, bool exec)
{
	void *host = NULL;
	uint64_t gpa = fixed_take(bytes, &host);

	if (!gpa || shared_map(va, gpa, (bytes + KX_PAGE - 1) / KX_PAGE * KX_PAGE, exec ? SHARED_RX : write ? SHARED_RW : SHARED_R))
		return NULL;
	if (write) {
		data_host = host;
		data_bytes = (bytes + KX_PAGE - 1) / KX_PAGE * KX_PAGE;
	}
	if (exec)
		libos_header = host;
	return host;
}

static int map_image(const struct memory_config *config)
{
	uint64_t bytes = (config->image_bytes + KX_PAGE - 1) / KX_PAGE * KX_PAGE;
	int error;

	if (!config->image || !bytes)
		return 0;
	if (bytes > KX_VA_SHARED_END - KX_VA_IMAGE || (uint64_t)config->image % KX_PAGE)
		return -EINVAL;
	memory.image = config->image;
	memory.image_bytes = bytes;
	memory.image_owned = calloc(bytes / IMAGE_OWN_BYTES + 1, 1);
	if (!memory.image_owned)
		return -ENOMEM;
	memory.image_gpa = gpa_reserve(bytes);
	error = memslot_set(memory.next_memslot++, memory.image_gpa, bytes, config->image, false);
	return error ? error : shared_map(KX_VA_IMAGE, memory.image_gpa, bytes, SHARED_R);
}

static const char *map_shared(const struct memory_config *config)
{
	static const uint64_t roots[] = { KX_VA_SHARED, KX_VA_IMAGE, KX_VA_KERNEL };
	void *host;
	uint64_t gpa;

	memory.root_shared = table_new(false, true);
	for (unsigned i = 0; i < 3; i++)
		if (!memory.root_shared || !shared_entry(roots[i], 3))
			return "no memory for page tables";
	gpa = fixed_take(BOOT_PAGES * KX_PAGE, &host);
	if (!gpa || shared_map(KX_VA_BOOT, gpa, BOOT_PAGES * KX_PAGE, SHARED_R))
		return "no memory for the boot pages";
	boot = host;
	if (map_image(config))
		return "the image cannot be mapped (is it page-aligned, and smaller than 512 GiB?)";
	return config->libos ? libos_load(config->libos, config->libos_bytes) : NULL;
}

int memory_init(const struct memory_config *config, const char **why)
{
	uint64_t commons = config->limit_bytes < KX_COMMONS_MAX ? config->limit_bytes : KX_COMMONS_MAX;
	int error;

	memory.limit = config->limit_bytes / KX_PAGE;
	memory.next_gpa = 4 * GIB;
	*why = "no memory for the family's address ranges";
	error = memory_add_vm(config->vm_fd, config->shadow_pages);
	if (!error)
		error = range_reserve(&memory.fixed, FIXED_BYTES, 2 * MIB);
	if (!error)
		error = range_reserve(&memory.vcpus, (uint64_t)KX_MAX_SLOTS * KX_VCPU_STRIDE, 4 * MIB);
	if (!error)
		error = range_reserve(&memory.commons, commons / BLOCK_BYTES * BLOCK_BYTES + BLOCK_BYTES, 8 * MIB);
	if (!error)
		error = arena_init();
	if (!error)
		error = tables_init();
	if (error)
		return error;
	madvise(memory.fixed.host, memory.fixed.size, MADV_NOHUGEPAGE);
	madvise(memory.vcpus.host, memory.vcpus.size, MADV_NOHUGEPAGE);
	madvise(memory.commons.host, COMMONS_SMALL < memory.commons.size ? COMMONS_SMALL : memory.commons.size, MADV_NOHUGEPAGE);
	if (memory.commons.size > COMMONS_SMALL)
		madvise(memory.commons.host + COMMONS_SMALL, memory.commons.size - COMMONS_SMALL, MADV_HUGEPAGE);
	memory_lock();
	*why = map_shared(config);
	memory_unlock();
	return *why ? -EINVAL : 0;
}

struct kx_boot *memory_boot(void)
{
	return boot;
}

const struct kx_libos_header *memory_libos(void)
{
	return libos_header;
}

void *memory_commons(uint64_t va, size_t length)
{
	const struct { uint64_t start, bytes; uint8_t *host; } parts[] = {
		{ KX_VA_COMMONS, __atomic_load_n(&memory.commons_bytes, __ATOMIC_ACQUIRE), memory.commons.host },
		{ KX_VA_VCPUS, __atomic_load_n(&memory.vcpus.mapped, __ATOMIC_ACQUIRE), memory.vcpus.host },
		{ KX_VA_DATA, data_bytes, data_host },
	};

	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
		if (va >= parts[i].start && va - parts[i].start < parts[i].bytes && length <= parts[i].bytes - (va - parts[i].start))
			return parts[i].host + (va - parts[i].start);
	return NULL;
}

static int area_map(uint32_t slot, uint64_t offset, uint64_t pages)
{
	uint64_t at = (uint64_t)slot * KX_VCPU_STRIDE + offset;

	return shared_map(KX_VA_VCPUS + at, memory.vcpus.gpa + at, pages * KX_PAGE, SHARED_RW);
}

int memory_slot_area(uint32_t slot, bool spawn_pages)
{
	uint64_t at = (uint64_t)slot * KX_VCPU_STRIDE;
	int error;

	if (slot >= KX_MAX_SLOTS)
		return -EINVAL;
	memory_lock();
	error = range_grow(&memory.vcpus, at + KX_VCPU_STRIDE);
	if (!error && !(areas[slot] & AREA_MADE)) {
		error = memory_charge(AREA_PAGES) ? area_map(slot, 0, AREA_PAGES) : -ENOMEM;
		if (!error)
			areas[slot] |= AREA_MADE;
	}
	if (!error && spawn_pages && !(areas[slot] & AREA_SPAWN)) {
		error = memory_charge(SPAWN_PAGES) ? 0 : -ENOMEM;
		if (!error && !(areas[slot] & AREA_SPAWN_MAPPED))
			error = area_map(slot, KX_VCPU_SPAWN, SPAWN_PAGES);
		if (!error)
			areas[slot] |= AREA_SPAWN_MAPPED | AREA_SPAWN;
	}
	memory_unlock();
	if (!error && !spawn_pages)
		memset(memory.vcpus.host + at, 0, KX_PAGE);
	return error;
}

/* The mapping stays, so that no table has to be taken away from running vCPUs; the memory goes and would read as zero. */
void memory_slot_area_release(uint32_t slot)
{
	memory_lock();
	if (slot < KX_MAX_SLOTS && areas[slot] & AREA_SPAWN) {
		areas[slot] &= (uint8_t)~AREA_SPAWN;
		memory_uncharge(SPAWN_PAGES);
		madvise(memory.vcpus.host + (uint64_t)slot * KX_VCPU_STRIDE + KX_VCPU_SPAWN, KX_SPAWN_BYTES, MADV_DONTNEED);
	}
	memory_unlock();
}

int64_t memory_commons_grow(uint64_t blocks)
{
	uint64_t from, to;
	int error = -ENOMEM;

	memory_lock();
	from = memory.commons_bytes;
	if (blocks <= (memory.commons.size - from) / BLOCK_BYTES && memory_charge(blocks * BLOCK_FRAMES)) {
		to = from + blocks * BLOCK_BYTES;
		error = range_grow(&memory.commons, to);
		if (!error)
			error = shared_map(KX_VA_COMMONS + from, memory.commons.gpa + from, to - from, SHARED_RW);
		if (error)
			memory_uncharge(blocks * BLOCK_FRAMES);
		else
			__atomic_store_n(&memory.commons_bytes, to, __ATOMIC_RELEASE);
	}
	memory_unlock();
	return error ? error : (int64_t)(memory.commons_bytes / BLOCK_BYTES);
}

static uint64_t kernel_take(uint32_t pages, void **host, uint64_t flags)
{
	uint64_t va = 0, gpa;

	memory_lock();
	gpa = pages ? fixed_take((uint64_t)pages * KX_PAGE, host) : 0;
	if (gpa && !shared_map(kernel_next, gpa, (uint64_t)pages * KX_PAGE, flags)) {
		va = kernel_next;
		kernel_next += (uint64_t)pages * KX_PAGE;
	}
	memory_unlock();
	return va;
}

uint64_t memory_kernel_page(uint32_t pages, void **host)
{
	return kernel_take(pages, host, PTE_P | PTE_W | PTE_A | PTE_D | PTE_FOREIGN);
}

uint64_t memory_kernel_text(uint32_t pages, void **host)
{
	return kernel_take(pages, host, PTE_P | PTE_A | PTE_D | PTE_FOREIGN);
}

uint64_t memory_kernel_data(uint32_t pages, void **host)
{
	return kernel_take(pages, host, PTE_P | PTE_W | PTE_A | PTE_D | PTE_FOREIGN | PTE_NX);
}

void memory_statistics(struct memory_stats *out)
{
	memory_lock();
	*out = memory.stats;
	out->limit = memory.limit;
	out->frames_used = memory.used;
	out->frames_peak = memory.peak;
	out->commons_bytes = memory.commons_bytes;
	out->table_pages = tables_live();
	memory_unlock();
}
