/* The region table, mappings, objects and the ELF parser, in the hosted LibOS: against a model, at random, and by hand. */
#include "hosted.h"
#include "mm/mm.h"

long sys_mmap(u64, u64, u64, u64, u64, u64);
long sys_munmap(u64, u64);
long sys_mprotect(u64, u64, u64);
long sys_mremap(u64, u64, u64, u64, u64);
long sys_madvise(u64, u64, u64);
long sys_brk(u64);

#define BASE 0x500000000000ul
#define PAGES 200
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static u64 seed = 4242;
static u64 random64(void) { seed ^= seed << 13; seed ^= seed >> 7; return seed ^= seed << 17; }

/* what each page of the arena should be: prot + 1, or 0: nothing; and the value in its first word */
static u8 model[PAGES];
static u64 value[PAGES];

static void check_table(void)
{
	const struct mm *mm = current->proc->mm;
	for (u32 i = 0; i < mm->count; i++) {
		const struct kx_region *r = &mm->regions[i];
		CHECK(r->start < r->end && !((r->start | r->end) & (KX_PAGE - 1)));
		if (i)
			CHECK(mm->regions[i - 1].end <= r->start);
	}
	CHECK_EQ(this_vcpu()->regions, (u64)mm->regions);
	CHECK_EQ(this_vcpu()->region_count, mm->count);
}

static void check_model(void)
{
	for (u32 i = 0; i < PAGES; i++) {
		const struct kx_region *r = mm_find(current->proc->mm, BASE + i * KX_PAGE);
		if (!model[i]) {
			CHECK(!r);
			continue;
		}
		CHECK(r && r->prot == model[i] - 1u);
		u64 seen;
		if (r->prot & KX_PROT_READ) {
			CHECK(!get_user(seen, (u64 *)(BASE + i * KX_PAGE)));
			CHECK_EQ(seen, value[i]);
		}
	}
}

static u32 pick_prot(void)
{
	static const u32 prots[] = { 0, 1, 3, 3, 3, 5 };
	return prots[random64() % ARRAY_SIZE(prots)];
}

static bool all_mapped(u32 at, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (!model[at + i])
			return false;
	return true;
}

static void random_step(void)
{
	u32 at = random64() % PAGES, n = 1 + random64() % 20;
	if (at + n > PAGES)
		n = PAGES - at;
	u64 start = BASE + at * KX_PAGE, bytes = n * KX_PAGE;
	u32 prot = pick_prot();
	switch (random64() % 6) {
	case 0:
	case 1:
		CHECK_EQ(sys_mmap(start, bytes, prot, ANON | MAP_FIXED, -1, 0), start);
		memset(model + at, prot + 1, n);
		memset(value + at, 0, n * sizeof *value);
		break;
	case 2:
		CHECK_EQ(sys_munmap(start, bytes), 0);
		memset(model + at, 0, n);
		memset(value + at, 0, n * sizeof *value);
		break;
	case 3:
		CHECK_EQ(sys_mprotect(start, bytes, prot), all_mapped(at, n) ? 0 : -ENOMEM);
		if (all_mapped(at, n))
			memset(model + at, prot + 1, n);
		break;
	case 4:
		for (u32 i = at; i < at + n; i++)
			if (model[i] == 4) {
				u64 v = random64();
				CHECK(!put_user(v, (u64 *)(BASE + i * KX_PAGE)));
				value[i] = v;
			}
		break;
	case 5:
		CHECK_EQ(sys_madvise(start, bytes, MADV_DONTNEED), all_mapped(at, n) ? 0 : -ENOMEM);
		for (u32 i = at; i < at + n; i++)
			value[i] = 0;
		break;
	}
}

static void test_random(void)
{
	u32 count = current->proc->mm->count;
	u64 mapped = current->proc->mm->bytes_mapped;
	for (int i = 0; i < 6000; i++) {
		random_step();
		check_table();
		if (i % 16 == 0)
			check_model();
	}
	CHECK_EQ(sys_munmap(BASE, PAGES * KX_PAGE), 0);
	CHECK_EQ(current->proc->mm->count, count);
	CHECK_EQ(current->proc->mm->bytes_mapped, mapped);
}

static void test_merging(void)
{
	struct mm *mm = current->proc->mm;
	u32 count = mm->count;
	for (u32 i = 0; i < 10; i++)
		CHECK_EQ(sys_mmap(BASE + (i * 7 % 10) * KX_PAGE, KX_PAGE, 3, ANON | MAP_FIXED, -1, 0), BASE + (i * 7 % 10) * KX_PAGE);
	CHECK_EQ(mm->count, count + 1);
	CHECK_EQ(sys_mprotect(BASE + 2 * KX_PAGE, KX_PAGE, 1), 0);
	CHECK_EQ(mm->count, count + 3);
	CHECK_EQ(sys_mprotect(BASE + 2 * KX_PAGE, KX_PAGE, 3), 0);
	CHECK_EQ(mm->count, count + 1);
	CHECK_EQ(sys_munmap(BASE, 10 * KX_PAGE), 0);
}

static void test_errors(void)
{
	CHECK_EQ(sys_mmap(0, 0, 3, ANON, -1, 0), -EINVAL);
	CHECK_EQ(sys_mmap(0, 4096, 3, MAP_ANONYMOUS, -1, 0), -EINVAL);
	CHECK_EQ(sys_mmap(0, 4096, 7, ANON, -1, 0), -EACCES);
	CHECK_EQ(sys_mmap(1, 4096, 3, ANON | MAP_FIXED, -1, 0), -EINVAL);
	CHECK_EQ(sys_mmap(0, 4096, 3, MAP_PRIVATE, 999, 0), -EBADF);
	CHECK_EQ(sys_mmap(0, ~0ul, 3, ANON, -1, 0), -ENOMEM);
	CHECK_EQ(sys_mmap(KX_VA_TEXT, 4096, 3, ANON | MAP_FIXED, -1, 0), -ENOMEM);
	CHECK_EQ(sys_mmap(KX_VA_SHARED - 4096, 8192, 3, ANON | MAP_FIXED, -1, 0), -ENOMEM);
	CHECK_EQ(sys_mmap(BASE, 4096, 3, ANON | MAP_FIXED_NOREPLACE, -1, 0), BASE);
	CHECK_EQ(sys_mmap(BASE, 4096, 3, ANON | MAP_FIXED_NOREPLACE, -1, 0), -EEXIST);
	CHECK_EQ(sys_mprotect(BASE + 1, 4096, 1), -EINVAL);
	CHECK_EQ(sys_mprotect(BASE, 8192, 1), -ENOMEM);
	CHECK_EQ(sys_mprotect(BASE, 4096, 7), -EACCES);
	CHECK_EQ(sys_munmap(BASE + 1, 1), -EINVAL);
	CHECK_EQ(sys_munmap(BASE, 0), -EINVAL);
	CHECK_EQ(sys_munmap(BASE, 4096), 0);
	CHECK_EQ(sys_munmap(BASE, 4096), 0);
}

static void test_remap(void)
{
	u64 p = (u64)sys_mmap(0, 3 * KX_PAGE, 3, ANON, -1, 0);
	CHECK(!put_user(77ul, (u64 *)(p + 2 * KX_PAGE)));
	/* something behind it: it has to move */
	CHECK_EQ(sys_mmap(p + 3 * KX_PAGE, KX_PAGE, 1, ANON | MAP_FIXED, -1, 0), p + 3 * KX_PAGE);
	CHECK_EQ(sys_mremap(p, 3 * KX_PAGE, 5 * KX_PAGE, 0, 0), -ENOMEM);
	u64 q = (u64)sys_mremap(p, 3 * KX_PAGE, 5 * KX_PAGE, MREMAP_MAYMOVE, 0), seen;
	CHECK(q < KX_USER_MAX && q != p);
	CHECK(!get_user(seen, (u64 *)(q + 2 * KX_PAGE)));
	CHECK_EQ(seen, 77);
	CHECK(!get_user(seen, (u64 *)(q + 4 * KX_PAGE)));
	CHECK_EQ(seen, 0);
	CHECK(!mm_find(current->proc->mm, p));
	CHECK_EQ(sys_mremap(q, 5 * KX_PAGE, KX_PAGE, 0, 0), q);
	CHECK(!mm_find(current->proc->mm, q + KX_PAGE));
	CHECK_EQ(sys_mremap(q, KX_PAGE, KX_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, BASE), BASE);
	CHECK_EQ(sys_mremap(q, KX_PAGE, KX_PAGE, 0, 0), -EFAULT);
	CHECK_EQ(sys_munmap(BASE, KX_PAGE), 0);
	CHECK_EQ(sys_munmap(p + 3 * KX_PAGE, KX_PAGE), 0);
}

static void test_shared(void)
{
	u64 heap = heap_bytes_used(), seen;
	u64 p = (u64)sys_mmap(0, 4 * KX_PAGE, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p < KX_USER_MAX);
	CHECK(!put_user(5ul, (u64 *)(p + KX_PAGE)));
	u64 again = (u64)sys_mremap(p, 0, 4 * KX_PAGE, MREMAP_MAYMOVE, 0);
	CHECK(again < KX_USER_MAX);
	CHECK(!get_user(seen, (u64 *)(again + KX_PAGE)));
	CHECK_EQ(seen, 5);
	CHECK_EQ(sys_munmap(p + KX_PAGE, KX_PAGE), 0);
	CHECK_EQ(sys_munmap(p, 4 * KX_PAGE), 0);
	CHECK(!get_user(seen, (u64 *)(again + KX_PAGE)));
	CHECK_EQ(seen, 5);
	CHECK_EQ(sys_munmap(again, 4 * KX_PAGE), 0);
	CHECK_EQ(heap_bytes_used(), heap);
}

static void test_object(void)
{
	u64 heap = heap_bytes_used();
	struct kx_object *o = object_create();
	CHECK(o && !object_page(o, 0, false));
	object_resize(o, 5000);
	CHECK_EQ(o->count, 5000);
	for (u64 i = 0; i < 5000; i += 7) {
		u64 *page = object_page(o, i, true);
		CHECK(page && !*page);
		*page = i;
	}
	object_resize(o, 2000);
	CHECK(!object_page(o, 2002, false));
	object_resize(o, 5000);
	CHECK(!object_page(o, 2002, false));
	CHECK_EQ(*(u64 *)object_page(o, 1001, false), 1001);
	object_map(o);
	object_resize(o, 100);
	object_resize(o, 2000);
	u64 *page = object_page(o, 1001, true);
	CHECK(page && !*page); /* emptied, not given away while mapped */
	object_unmap(o);
	object_destroy(o);
	CHECK_EQ(heap_bytes_used(), heap);
}

static void test_brk(void)
{
	struct mm *mm = current->proc->mm;
	mm->brk_start = mm->brk = BASE + 0x1000000;
	u64 seen, start = mm->brk;
	CHECK_EQ(sys_brk(0), start);
	CHECK_EQ(sys_brk(start + 100), start + 100);
	CHECK_EQ(sys_brk(start + 3 * KX_PAGE), start + 3 * KX_PAGE);
	CHECK(!put_user(9ul, (u64 *)(start + 2 * KX_PAGE)));
	CHECK_EQ(sys_brk(start + KX_PAGE), start + KX_PAGE);
	CHECK_EQ(sys_brk(start + 3 * KX_PAGE), start + 3 * KX_PAGE);
	CHECK(!get_user(seen, (u64 *)(start + 2 * KX_PAGE)));
	CHECK_EQ(seen, 0);
	CHECK_EQ(sys_brk(start), start);
}

/* the parser must survive any bytes: flips in a valid header */
static void test_elf(void)
{
	struct { struct elf64_hdr h; struct elf64_phdr p[4]; char rest[256]; } good = {
		.h = { .e_ident = "\177ELF\2\1\1", .e_type = ET_DYN, .e_machine = EM_X86_64, .e_entry = 0x1000,
			.e_phoff = sizeof good.h, .e_phentsize = sizeof good.p[0], .e_phnum = 4 },
		.p = { { .p_type = PT_PHDR, .p_vaddr = 64, .p_offset = 64, .p_filesz = 224, .p_memsz = 224 },
			{ .p_type = PT_INTERP, .p_offset = 300, .p_filesz = 20 },
			{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 0x2000, .p_memsz = 0x2000, .p_align = 0x1000 },
			{ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x2100, .p_vaddr = 0x3100, .p_filesz = 0x100, .p_memsz = 0x5000 } } };
	struct elf_plan plan;
	CHECK_EQ(elf_parse(&good, sizeof good, 0x2200, &plan), 0);
	CHECK_EQ(plan.segments, 2);
	CHECK_EQ(plan.high, 0x9000);
	CHECK_EQ(plan.headers_vaddr, 64);
	CHECK_EQ(plan.interpreter_bytes, 20);
	CHECK_EQ(elf_parse(&good, sizeof good, 0x21ff, &plan), -ENOEXEC);
	CHECK_EQ(elf_parse(&good, 100, 0x2200, &plan), -ENODATA);
	for (int i = 0; i < 300000; i++) {
		u8 bytes[sizeof good];
		memcpy(bytes, &good, sizeof good);
		for (u32 n = 1 + random64() % 4; n; n--)
			bytes[random64() % (64 + 224)] = random64() % 3 ? (u8)random64() : 0xff;
		int e = elf_parse(bytes, random64() % 8 ? sizeof good : random64() % sizeof good, random64() % 4 ? 0x2200 : random64(), &plan);
		if (e)
			continue;
		CHECK(plan.segments && plan.segments <= ELF_SEGMENTS_MAX && plan.low < plan.high && plan.high <= KX_USER_MAX);
		for (u32 s = 0; s < plan.segments; s++) {
			const struct elf_segment *g = &plan.segment[s];
			CHECK(g->vaddr >= plan.low && g->vaddr + g->memory_bytes <= plan.high && g->file_bytes <= g->memory_bytes);
			CHECK((g->prot & 6) != 6);
		}
	}
}

void test_main(void)
{
	test_errors();
	test_merging();
	test_random();
	test_remap();
	test_object();
	test_shared();
	test_brk();
	test_elf();
}
