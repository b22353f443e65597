/* The page tables of all spaces looked through: counts are what the references are, nothing is writable that others have too or
 * that may be executed, and every entry leads to a frame of the arena's, to the image (never writable) or to the commons. */
#include "arena.c"
#include "machine.h"

#define TABLES_MOST 65536
#define FRAMES_MOST (2 * (MACHINE_MEMORY + 66 * MIB) / KX_PAGE)

static uint32_t table_count[TABLES_MOST], frame_count[FRAMES_MOST], block_count[FRAMES_MOST / BLOCK_FRAMES];
static uint32_t seen[TABLES_MOST], seen_count;
static uint64_t base_used;

static bool of_arena(uint64_t gpa, uint64_t bytes)
{
	const struct range *r[] = { &memory.arena_small, &memory.arena_large };

	for (int i = 0; i < 2; i++)
		if (gpa >= r[i]->gpa && gpa + bytes <= r[i]->gpa + r[i]->mapped)
			return true;
	return false;
}

static void check_leaf(uint64_t entry, int level)
{
	uint64_t gpa = entry & PTE_ADDRESS, bytes = level_bytes(level);
	bool image = gpa >= memory.image_gpa && gpa + bytes <= memory.image_gpa + memory.image_bytes;
	bool commons = gpa >= memory.commons.gpa && gpa + bytes <= memory.commons.gpa + memory.commons_bytes;

	FUZZ_CHECK(!(gpa % bytes) && !(entry & PTE_P && !(entry & PTE_U)));
	FUZZ_CHECK((entry & (PTE_P | PTE_W | PTE_NX)) != (PTE_P | PTE_W));
	if (!(entry & PTE_FOREIGN)) {
		FUZZ_CHECK(of_arena(gpa, bytes));
		if (level == 1)
			frame_count[(gpa - memory.arena_small.gpa) / KX_PAGE]++;
		else
			block_count[(gpa - memory.arena_small.gpa) / BLOCK_BYTES]++;
		return;
	}
	FUZZ_CHECK(image || commons);
	FUZZ_CHECK(!(image && entry & PTE_W) && !(commons && entry & PTE_P && !(entry & PTE_NX)));
}

static void count_from(uint32_t table, int level)
{
	const uint64_t *entries = table_entries(table);

	FUZZ_CHECK(table && table < TABLES_MOST);
	if (table_count[table]++)
		return;
	seen[seen_count++] = table;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t e = entries[i];

		if (level == 4 && (shared_root_entry(i) || i >= TABLE_ENTRIES / 2)) {
			FUZZ_CHECK(e == (shared_root_entry(i) ? table_entries(memory.root_shared)[i] : 0));
			continue;
		}
		FUZZ_CHECK(e & PTE_HOLDS || !e);
		if (!e)
			continue;
		if (level == 1 || (level == 2 && e & PTE_LARGE))
			check_leaf(e, level);
		else {
			FUZZ_CHECK(e & PTE_P && !(e & PTE_LARGE) && !(e & PTE_NX));
			count_from(table_of(e), level - 1);
		}
	}
}

/* What a space can write is its own: no count above one on the way there. */
static void check_writable(uint32_t table, int level)
{
	const uint64_t *entries = table_entries(table);

	FUZZ_CHECK(table_count[table] == 1);
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t e = entries[i], gpa = e & PTE_ADDRESS;

		if (!(e & PTE_P) || !(e & PTE_W) || (level == 4 && shared_root_entry(i)))
			continue;
		if (level > 1 && !(e & PTE_LARGE))
			check_writable(table_of(e), level - 1);
		else if (!(e & PTE_FOREIGN))
			FUZZ_CHECK(level == 1 ? frame_sole(gpa) : block_sole(gpa));
	}
}

static void check_counts(void)
{
	uint64_t used = base_used + seen_count;

	for (uint32_t i = 0; i < seen_count; i++)
		FUZZ_CHECK(*table_refs(seen[i]) == table_count[seen[i]]);
	for (uint32_t b = 0; b < FRAMES_MOST / BLOCK_FRAMES; b++) {
		uint64_t gpa = memory.arena_small.gpa + b * BLOCK_BYTES;
		uint32_t own = 0;

		if (!of_arena(gpa, BLOCK_BYTES))
			continue;
		FUZZ_CHECK(block_of(gpa)->large_refs == block_count[b]);
		for (uint32_t f = b * BLOCK_FRAMES; f < (b + 1) * BLOCK_FRAMES; f++) {
			FUZZ_CHECK(refs[f] == frame_count[f]);
			own += frame_count[f] != 0;
		}
		FUZZ_CHECK(block_of(gpa)->used == own);
		used += block_count[b] ? BLOCK_FRAMES : own;
	}
	for (uint32_t slot = 0; slot < family.vcpu_count; slot++)
		used += family.vcpus[slot]->spawn_pages ? KX_SPAWN_BYTES / KX_PAGE : 0;
	FUZZ_CHECK(memory.used == used + (memory.commons_bytes - BLOCK_BYTES) / KX_PAGE);
}

void tables_check(void)
{
	for (; seen_count; seen_count--)
		table_count[seen[seen_count - 1]] = 0;
	memset(frame_count, 0, sizeof frame_count);
	memset(block_count, 0, sizeof block_count);
	for (uint32_t slot = 0; slot < family.vcpu_count; slot++)
		if (family.vcpus[slot] && family.vcpus[slot]->space)
			count_from(family.vcpus[slot]->space->root, 4);
	check_counts();
	for (uint32_t slot = 0; slot < family.vcpu_count; slot++)
		if (family.vcpus[slot] && family.vcpus[slot]->space)
			check_writable(family.vcpus[slot]->space->root, 4);
}

void tables_baseline(void)
{
	base_used = memory.used;
}
