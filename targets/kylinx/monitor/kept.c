/* What a forked pVM leaves for the next child of its parent: tables of 4 KiB entries that the fork made for it (share.c: eager) and
 * that nobody changed since, with their pages. A shadowing KVM knows such a table already, and to learn it again is the larger part
 * of a child's first steps. The vCPU waits in the space they are in; the next fork writes the parent's pages into those that are
 * there. Every page that can be written is written over, so nothing of the pVM before is left; all else is as the parent has it,
 * or the table does not fit and the fork takes another vCPU. */
#include "memory_private.h"

/* What one table holds does not matter to whether two of them agree: the MMU sets these. */
#define LEARNT (PTE_A | PTE_D)

/* tables of 4 KiB entries (level 1), or one above of which all are kept */
struct kept { uint64_t va; uint32_t table; int level; };
struct found { struct kept kept[SHARE_TABLES]; unsigned count, tables; };

static bool worth_keeping(uint32_t table)
{
	return *table_as_forked(table) && *table_refs(table) == 1;
}

/* Tables to keep below table (of that level, for base on). false: there is something else. Lock held. */
static bool find(struct found *f, uint32_t table, int level, uint64_t base)
{
	const uint64_t *entries = table_entries(table);
	bool all = true;

	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t entry = entries[i], va = base + i * level_bytes(level);
		unsigned before = f->count;
		uint32_t below = table_of(entry);

		if (i % 8 == 0 && !any_of_eight(entries + i)) {
			i += 7;
			continue;
		}
		if (!entry || (level == 4 && shared_root_entry(i)))
			continue;
		if ((entry & (PTE_P | PTE_W | PTE_LARGE)) != (PTE_P | PTE_W)) {
			all = false;
		} else if (level > 2) {
			if (!find(f, below, level - 1, va))
				all = false;
			else if (level == 3 && worth_keeping(below) && f->count > before) {
				f->count = before;
				f->kept[f->count++] = (struct kept){ va, below, 2 };
			}
		} else if (f->count < SHARE_TABLES && worth_keeping(below)) {
			f->kept[f->count++] = (struct kept){ va, below, 1 };
			f->tables++;
		} else {
			all = false;
		}
	}
	return all;
}

/* The entry for va of a table of that level, below root; what is missing on the way is made. NULL: no memory. Lock held. */
static uint64_t *way_to(uint32_t root, uint64_t va, int of)
{
	uint64_t *entry = &table_entries(root)[entry_index(va, 4)];

	for (int level = 3; level > of; level--) {
		if (!*entry) {
			uint32_t table = table_new(true, true);

			if (table == TABLE_NONE)
				return NULL;
			*entry = table_gpa(table) | PTE_TABLE;
		}
		entry = &table_entries(table_of(*entry))[entry_index(va, level)];
	}
	return entry;
}

/* Only they stay, below a new root. false: no memory, and s holds what it held. Lock held. */
static bool alone(struct space *s, const struct found *f)
{
	uint32_t root = table_new(true, true), gone = root;
	bool ok = root != TABLE_NONE;

	if (!ok)
		return false;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		if (shared_root_entry(i))
			table_entries(root)[i] = table_entries(s->root)[i];
	for (unsigned i = 0; ok && i < f->count; i++) {
		uint64_t *entry = way_to(root, f->kept[i].va, f->kept[i].level);

		ok = entry;
		if (ok) {
			*entry = table_gpa(f->kept[i].table) | PTE_TABLE;
			++*table_refs(f->kept[i].table);
		}
	}
	if (ok) {
		gone = s->root;
		s->root = root;
	}
	table_put(gone, 4);
	return ok;
}

bool space_keep(struct space *s)
{
	struct found f = {0};
	bool kept;

	memory_lock();
	kept = lineage_members(s) > 1 && memory.used < memory.limit - memory.limit / 8;
	if (kept) {
		bool all = find(&f, s->root, 4, 0) && !s->unsettled;

		kept = f.count && (all || alone(s, &f));
	}
	if (kept) {
		lineage_keep(s);
		*s = (struct space){ .root = s->root, .lineage = s->lineage, .kept = f.tables };
	}
	memory_unlock();
	return kept;
}

bool space_suits(const struct space *kept, const struct space *parent)
{
	bool suits;

	memory_lock();
	suits = !kept->kept || (parent && kept->lineage == parent->lineage);
	memory_unlock();
	return suits;
}

bool space_is_kept(const struct space *s)
{
	return s->kept;
}

bool space_orphaned(const struct space *s)
{
	bool orphaned;

	memory_lock();
	orphaned = s->kept && !lineage_members(s);
	memory_unlock();
	return orphaned;
}

enum kept_match kept_compare(const uint64_t *ours, const uint64_t *parents, unsigned *writable, unsigned *missing)
{
	enum kept_match match = KEPT_SAME;

	*writable = *missing = 0;
	for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
		uint64_t entry = ours[i] & ~LEARNT, other = parents[i] & ~LEARNT;
		bool private = page_is_private(other);

		if (i % 8 == 0 && !(any_of_eight(ours + i) | any_of_eight(parents + i))) {
			i += 7;
			continue;
		}
		*writable += private;
		if (entry == other)
			continue;
		if (!(entry & PTE_HOLDS)) {
			match = KEPT_LACKS;
			*missing += private;
		} else if (!private || !page_is_private(entry) || (entry ^ other) & ~PTE_ADDRESS) {
			return KEPT_DIFFERS;
		}
	}
	return match;
}
