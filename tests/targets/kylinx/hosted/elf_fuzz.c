/* Hostile programs: headers of real files with random bytes in them, and scripts of random bytes, through the parser and the
 * loader, up to the memory map that they would get. Nothing of the process that asks may change. */
#include "hosted.h"
#include "mm/mm.h"
#include "fs_calls.h"

static u64 seed = 20260101;
static u64 random64(void) { seed ^= seed << 13; seed ^= seed >> 7; return seed ^= seed << 17; }

#define FILE_BYTES 0x4000

struct elf_image { struct elf64_hdr h; struct elf64_phdr p[5]; char rest[FILE_BYTES - 64 - 5 * 56]; };

static void make_good(struct elf_image *e)
{
	memset(e, 0, sizeof *e);
	e->h = (struct elf64_hdr){ .e_ident = "\177ELF\2\1\1", .e_type = random64() % 2 ? ET_DYN : ET_EXEC, .e_machine = EM_X86_64,
		.e_entry = 0x401000, .e_phoff = 64, .e_phentsize = sizeof e->p[0], .e_phnum = random64() % 3 + 3 };
	u64 base = e->h.e_type == ET_EXEC ? 0x400000 : 0;
	e->p[0] = (struct elf64_phdr){ .p_type = PT_PHDR, .p_vaddr = base + 64, .p_offset = 64, .p_filesz = 280, .p_memsz = 280 };
	e->p[1] = (struct elf64_phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = base, .p_filesz = 0x2000, .p_memsz = 0x2000, .p_align = 0x1000 };
	e->p[2] = (struct elf64_phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x2100, .p_vaddr = base + 0x3100, .p_filesz = 0x100, .p_memsz = 0x5000 };
	e->p[3] = (struct elf64_phdr){ .p_type = random64() % 2 ? PT_INTERP : PT_GNU_STACK, .p_offset = 400, .p_filesz = 8 };
	e->p[4] = (struct elf64_phdr){ .p_type = PT_LOAD, .p_flags = PF_R, .p_offset = 0x3000, .p_vaddr = base + 0x20000, .p_filesz = 0x1000, .p_memsz = 0x1000 };
	memcpy((char *)e + 400, "/interp", 8);
}

static void spoil(void *bytes, size_t n)
{
	for (u32 k = 1 + random64() % 5; k; k--) {
		u64 at = random64() % n;
		u64 value = random64() % 4 == 0 ? ~0ul : random64() >> random64() % 64;
		memcpy((char *)bytes + at, &value, n - at < 8 ? n - at : random64() % 2 ? 8 : 1);
	}
}

static void put_file(const char *path, const void *bytes, size_t n)
{
	long fd = sys_open(path, O_CREAT | O_WRONLY | O_TRUNC, 0755);
	CHECK(fd >= 0);
	CHECK_EQ(sys_write((int)fd, bytes, n), n);
	CHECK_EQ(sys_close((int)fd), 0);
}

static void check_map(const struct mm *mm)
{
	for (u32 i = 0; i < mm->count; i++) {
		const struct kx_region *r = &mm->regions[i];
		CHECK(range_allowed(r->start, r->end) && !((r->start | r->end) & (KX_PAGE - 1)) && (r->prot & 6) != 6);
		CHECK(!i || mm->regions[i - 1].end <= r->start);
	}
}

static long prepare(const char *path)
{
	char *argv[] = { "program", "argument", NULL };
	struct program *p = kzalloc(sizeof *p);
	CHECK(p && (p->name = kmalloc(strlen(path) + 1)));
	memcpy(p->name, path, strlen(path) + 1);
	long e = args_kernel(&p->args, argv, NULL);
	if (!e)
		e = program_open(AT_FDCWD, path, 0, &p->file);
	if (!e)
		e = program_prepare(p);
	if (!e)
		check_map(p->mm);
	program_free(p);
	return e;
}

static void test_elf(void)
{
	static struct elf_image e;
	u32 good = 0;
	make_good(&e);
	put_file("/interp", &e, sizeof e);
	for (int i = 0; i < 4000; i++) {
		make_good(&e);
		if (i % 50)
			spoil(&e, random64() % 4 ? 64 + 5 * 56 : sizeof e);
		put_file("/program", &e, random64() % 8 ? sizeof e : random64() % sizeof e + 1);
		good += !prepare("/program");
		if (i % 10 == 0) { /* the same for who is asked to load it */
			put_file("/interp", &e, sizeof e);
			make_good(&e);
			e.p[3].p_type = PT_INTERP;
			put_file("/program", &e, sizeof e);
			prepare("/program");
			e.p[3].p_type = PT_GNU_STACK;
			put_file("/interp", &e, sizeof e);
		}
	}
	CHECK(good > 100 && good < 3900);
}

static void test_scripts(void)
{
	static const char alphabet[] = "#!/ \t\nprogaminte\0\377";
	for (int i = 0; i < 4000; i++) {
		char line[600] = "#!";
		size_t n = 2 + random64() % (i % 3 ? 40 : 590);
		for (size_t k = 2; k < n; k++)
			line[k] = alphabet[random64() % (sizeof alphabet - 1)];
		if (i % 5 == 0)
			memcpy(line, "#!/script \n", 11);
		put_file("/script", line, n);
		CHECK(prepare("/script") < 0);
	}
}

void test_main(void)
{
	const struct kx_region *table = current->proc->mm->regions;
	u32 count = current->proc->mm->count;
	test_elf();
	test_scripts(); /* what is made at the first time */
	CHECK_EQ(sys_unlink("/script"), 0);
	u64 heap = heap_bytes_used();
	test_scripts();
	CHECK_EQ(sys_unlink("/script"), 0);
	CHECK_EQ(heap_bytes_used(), heap);
	CHECK(current->proc->mm->regions == table && current->proc->mm->count == count);
}
