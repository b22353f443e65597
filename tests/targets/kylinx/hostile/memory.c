/* Trials on memory: writing text, executing data, reading what belongs to the monitor or to another pVM; region tables that lie. */
#include "hostile.h"
#include <sys/auxv.h>
#include <sys/mman.h>

static const uint8_t code_42[] = { 0xb8, 42, 0, 0, 0, 0xc3 }, code_43[] = { 0xb8, 43, 0, 0, 0, 0xc3 }; /* mov $n, %eax; ret */

static int call(const volatile void *p)
{
	return ((int (*)(void))(uintptr_t)p)();
}

static void read_at(uint64_t va) { (void)*(volatile uint8_t *)va; }
static void write_at(uint64_t va) { *(volatile uint8_t *)va = 0xcc; }
static void execute_at(uint64_t va) { call((void *)va); }

static void refused(const char *what, void (*f)(uint64_t), uint64_t va)
{
	int status = fate_with(f, va);

	if (!died(status, SIGSEGV) && !died(status, SIGKILL))
		fail("%s at %llx: status %x", what, (unsigned long long)va, status);
}

TRIAL(write_text, "write-text")
{
	const uint64_t at[] = { KX_VA_TEXT, libos()->entry_syscall, libos()->entry_upcall, libos()->text_end - 1, KX_VA_RODATA, KX_VA_BOOT,
		KX_VA_BOOT + 15 * PAGE, KX_VA_IMAGE, KX_VA_IMAGE + PAGE, (uint64_t)call, (uint64_t)getauxval(AT_ENTRY) };

	for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
		uint8_t before = *(volatile uint8_t *)at[i];

		refused("write", write_at, at[i]);
		CHECK(*(volatile uint8_t *)at[i] == before);
	}
}

static const uint64_t forbidden[] = { 0, 8, PAGE, KX_USER_MIN - 1, KX_VA_KERNEL, KX_VA_KERNEL + 0x100, KX_VA_KERNEL + 0x400,
	KX_VA_KERNEL + PAGE, KX_VA_KERNEL + 2 * PAGE, KX_VA_KERNEL + 64 * PAGE, KX_VA_KERNEL_END - 1, KX_VA_COMMONS + KX_COMMONS_MAX - 1,
	KX_VA_SHARED_END - 1, KX_VA_VCPUS + (uint64_t)(KX_MAX_SLOTS - 1) * KX_VCPU_STRIDE, 0x7ffffffff000, 0x800000000000, 0xffff800000000000,
	0xffff888000000000, 0xffffffff81000000, 0xffffffffff600000, 0xfffffffffffffff0 };

TRIAL(supervisor, "supervisor-memory")
{
	for (unsigned i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
		refused("read", read_at, forbidden[i]);
		refused("write", write_at, forbidden[i]);
		refused("execute", execute_at, forbidden[i]);
	}
}

/* The LibOS reads and writes for us: never what we could not. */
TRIAL(by_calls, "supervisor-memory-by-system-calls")
{
	const uint64_t at[] = { KX_VA_TEXT, KX_VA_RODATA, KX_VA_DATA, KX_VA_BOOT, KX_VA_VCPUS, KX_VA_COMMONS, KX_VA_IMAGE, KX_VA_KERNEL,
		KX_VA_KERNEL_END - 8, KX_VA_SHARED - 4, KX_USER_MAX - 4, 0x800000000000, 0xffff800000000000, 0xffffffffffffffff };
	int fd[2];

	CHECK(!pipe(fd) && write(fd[1], "12345678", 8) == 8);
	for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
		void *p = (void *)at[i], *page = (void *)(at[i] & -PAGE);

		CHECK(read(fd[0], p, 8) < 0 && errno == EFAULT);
		CHECK(write(fd[1], p, 8) < 0 && errno == EFAULT);
		CHECK(open(p, O_RDONLY) < 0 && errno == EFAULT);
		CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) < 0);
		CHECK(mmap(page, PAGE * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
		CHECK(mremap(page, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
		CHECK(madvise(page, PAGE, MADV_DONTNEED) < 0);
	}
	munmap((void *)KX_VA_SHARED, KX_VA_KERNEL_END - KX_VA_SHARED); /* nothing of ours is there */
	CHECK(write(fd[1], "", 1) == 1);
}

TRIAL(execute_data, "execute-data")
{
	static uint8_t in_data[64];
	uint8_t on_stack[64], *heap = malloc(64), *mapped = pages(PAGE);
	uint8_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *commons = (uint8_t *)area()->scratch;
	uint8_t *places[] = { in_data, on_stack, heap, mapped, shared, commons, (uint8_t *)area() + KX_VCPU_IDLE_STACK_TOP - 64 };

	for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
		uint8_t before[sizeof code_42];

		memcpy(before, places[i], sizeof before);
		memcpy(places[i], code_42, sizeof code_42);
		refused("execute", execute_at, (uint64_t)places[i]);
		memcpy(places[i], before, sizeof before);
	}
	const uint64_t others[] = { KX_VA_RODATA, KX_VA_DATA, KX_VA_BOOT, KX_VA_COMMONS + 0x200000, KX_VA_IMAGE, (uint64_t)area() };
	for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
		refused("execute", execute_at, others[i]);
}

/* ---- Write or execute: by calls, by a table that changes its mind, by two views of one page ---- */

static uint8_t *code_page(void)
{
	uint8_t *p = pages(PAGE);

	memcpy(p, code_42, sizeof code_42);
	CHECK(!mprotect(p, PAGE, PROT_READ | PROT_EXEC) && call(p) == 42);
	return p;
}

static uint8_t *victim;
static void rewrite_and_call(void)
{
	memcpy(victim, code_43, sizeof code_43);
	if (call(victim) == 43)
		_exit(43);
}

static void must_not_run_what_was_written(const char *how)
{
	int status = fate(rewrite_and_call);

	if (status == GONE || (WIFEXITED(status) && WEXITSTATUS(status)))
		fail("%s: wrote code and ran it, status %x", how, status);
}

TRIAL(both_by_calls, "write-and-execute-by-calls")
{
	uint8_t *p = pages(2 * PAGE);

	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	CHECK(mmap(NULL, PAGE, PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) < 0);
	victim = p;
	CHECK(!mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	must_not_run_what_was_written("read, execute");
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) < 0 && errno == EACCES);
	p = victim;
	CHECK(!mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	must_not_run_what_was_written("read, write");
}

static void turn(uint32_t prot, uint32_t kind)
{
	volatile struct kx_region *r = region_of(victim);

	r->prot = prot;
	r->kind = kind;
}

static void executable_then_writable(void)
{
	turn(KX_PROT_READ | KX_PROT_WRITE, KX_REGION_ANON);
	memcpy(victim, code_43, sizeof code_43);
	if (call(victim) == 43)
		_exit(43);
}

static void back_and_forth(void)
{
	for (int i = 0; i < 20; i++) {
		turn(KX_PROT_READ | KX_PROT_WRITE, KX_REGION_ANON);
		memcpy(victim, code_43, sizeof code_43);
		turn(KX_PROT_READ | KX_PROT_EXEC, KX_REGION_ANON);
		if (i & 1)
			raw(KX_HC_MEMORY, KX_MEMORY_PROTECT, (uint64_t)victim, PAGE, 0, 0);
		(void)*(volatile uint8_t *)victim;
		if (i == 19 && call(victim) == 43) { /* fine: it is not writable now */
			victim[0] = 0xb8;
			_exit(43);
		}
	}
}

static void all_rights(void)
{
	turn(KX_PROT_READ | KX_PROT_WRITE | KX_PROT_EXEC, KX_REGION_ANON);
	raw(KX_HC_MEMORY, KX_MEMORY_PROTECT, (uint64_t)victim, PAGE, 0, 0);
	rewrite_and_call();
}

static void all_rights_of_a_fresh_page(void)
{
	victim = pages(16 * PAGE);
	turn(7, KX_REGION_ANON);
	rewrite_and_call();
}

TRIAL(both_by_table, "write-and-execute-by-region-table")
{
	void (*const ways[])(void) = { executable_then_writable, back_and_forth, all_rights, all_rights_of_a_fresh_page };

	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		victim = code_page();
		int status = fate(ways[i]);

		if (!died(status, SIGSEGV) && !died(status, SIGKILL))
			fail("way %u: status %x", i, status);
	}
	victim = code_page(); /* the same page after a fork, as its last owner and as one of two */
	int status = fate(executable_then_writable);
	CHECK(died(status, SIGSEGV) && call(victim) == 42);
}

/* Code seen through one mapping, changed through another: what runs does not change. */
static void two_views(uint8_t *writable, const uint8_t *executable, bool may_die)
{
	memcpy(writable, code_42, sizeof code_42);
	CHECK(call(executable) == 42 || may_die);
	memcpy(writable, code_43, sizeof code_43);
	if (call(executable) == 43)
		_exit(43);
}

static void private_view(void)
{
	int fd = memfd_create("code", 0);
	uint8_t *w, *x;

	CHECK(fd >= 0 && !ftruncate(fd, PAGE));
	w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(w, code_42, sizeof code_42);
	x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	CHECK(w != MAP_FAILED && x != MAP_FAILED);
	two_views(w, x, false);
}

static void shared_view(void)
{
	int fd = memfd_create("code", 0);
	uint8_t *w, *x;

	CHECK(fd >= 0 && !ftruncate(fd, PAGE));
	w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (x == MAP_FAILED)
		_exit(0);
	two_views(w, x, true);
}

static void read_first_then_execute(void)
{
	int fd = memfd_create("code", 0);
	uint8_t *w, *x;

	CHECK(fd >= 0 && !ftruncate(fd, PAGE));
	w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(w, code_42, sizeof code_42);
	x = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(*(volatile uint8_t *)x == 0xb8 && !mprotect(x, PAGE, PROT_READ | PROT_EXEC));
	two_views(w, x, false);
}

static void forged_view_of_the_commons(void)
{
	uint8_t *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *x = pages(PAGE);
	volatile struct kx_region *from = region_of(w), *to = region_of(x);

	w[0] = 1;
	to->source = from->source;
	to->offset = from->offset;
	to->kind = KX_REGION_OBJECT;
	to->prot = KX_PROT_READ;
	(void)*(volatile uint8_t *)x;
	to->prot = KX_PROT_READ | KX_PROT_EXEC;
	raw(KX_HC_MEMORY, KX_MEMORY_PROTECT, (uint64_t)x, PAGE, 0, 0);
	two_views(w, x, true);
}

TRIAL(two_views, "two-views-of-code")
{
	void (*const ways[])(void) = { private_view, shared_view, read_first_then_execute, forged_view_of_the_commons };

	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		int status = fate(ways[i]);

		if (status == GONE || (WIFEXITED(status) && WEXITSTATUS(status)) || (i != 1 && i != 3 && status))
			fail("way %u: status %x", i, status);
	}
}

/* ---- Another pVM's private pages ---- */

static size_t mine_bytes;
static uint8_t *mine;

static void write_all(uint64_t way)
{
	volatile struct kx_region *r = region_of(mine);
	uint8_t *theirs = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	theirs[0] = 1;
	r = region_of(mine);
	r->source = region_of(theirs)->source;
	r->kind = way & 1 ? KX_REGION_OBJECT_PRIVATE : KX_REGION_OBJECT;
	r->prot = KX_PROT_READ | KX_PROT_WRITE;
	if (way & 2) {
		r->prot = 0;
		raw(KX_HC_MEMORY, KX_MEMORY_PROTECT, (uint64_t)mine, mine_bytes, 0, 0);
		r->prot = KX_PROT_READ | KX_PROT_WRITE;
	}
	if (way & 4)
		raw(KX_HC_MEMORY, KX_MEMORY_PROTECT, (uint64_t)mine, mine_bytes, 0, 0);
	for (size_t i = 0; i < mine_bytes; i += PAGE)
		mine[i + 8] = 0x66;
}

static void check_mine(const char *when, unsigned way)
{
	for (size_t i = 0; i < mine_bytes; i += PAGE)
		if (mine[i + 8] != 0x11)
			fail("%s, way %u: page %zu of the parent was changed to %x", when, way, i / PAGE, mine[i + 8]);
}

TRIAL(siblings_pages, "private-pages-shared-since-a-fork")
{
	for (unsigned way = 0; way < 16; way++) {
		mine_bytes = way & 8 ? 6ul << 20 : 65536; /* with 2 MiB entries; with 4 KiB ones */
		mine = pages(mine_bytes);
		memset(mine, 0x11, mine_bytes);
		fate_with(write_all, way);
		check_mine("while shared", way);
		CHECK(!munmap(mine, mine_bytes));
	}
}

/* The image and the LibOS's constants, claimed as pages of an object that may be written. */
static void claim_own_text(uint64_t way)
{
	volatile struct kx_region *r = region_of((void *)claim_own_text);

	uint8_t *theirs = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	theirs[0] = *(volatile uint8_t *)claim_own_text;
	r = region_of((void *)claim_own_text);
	if (way & 1)
		r->source = region_of(theirs)->source;
	r->kind = way & 1 ? KX_REGION_OBJECT : KX_REGION_ANON;
	r->prot = KX_PROT_READ | KX_PROT_WRITE;
	if (way & 2)
		raw(KX_HC_MEMORY, KX_MEMORY_PROTECT, r->start, r->end - r->start, 0, 0);
	*(volatile uint8_t *)((uint64_t)write_all & -PAGE) = 0x66;
}

TRIAL(image_pages, "pages-of-the-image")
{
	uint8_t *at = (uint8_t *)((uint64_t)write_all & -PAGE), before[PAGE];

	memcpy(before, at, PAGE);
	for (unsigned way = 0; way < 4; way++) {
		int status = fate_with(claim_own_text, way);

		CHECK(status != GONE && !memcmp(before, at, PAGE));
	}
}

/* ---- Region tables of all kinds, while another pVM (trial "secret") holds memory that must not be seen ---- */

#define SECRET 0x5ec2e7c0ffee1357ull

TRIAL(secret, "secret")
{
	uint64_t *p = pages(8 << 20), *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < (8 << 20) / 8; i++)
		p[i] = SECRET ^ (uint64_t)getpid() << 48; /* so that it is nowhere in the text */
	s[0] = p[0];
	puts("ready");
	fflush(stdout);
	while (getchar() >= 0)
		;
	for (size_t i = 0; i < (8 << 20) / 8; i++)
		CHECK(p[i] == (SECRET ^ (uint64_t)getpid() << 48));
}

static uint64_t secret_xor;

static uint64_t some_number(void)
{
	switch (draw() % 4) {
	case 0: return limits[draw() % limit_count];
	case 1: return (draw() % 4096) * PAGE;
	case 2: return KX_VA_COMMONS + (draw() % 0x1000) * 0x1000;
	default: return draw() >> draw() % 64;
	}
}

static void lie(volatile struct kx_region *r, uint8_t *at, size_t bytes)
{
	uint64_t odd = draw() % 16;

	r->start = (uint64_t)at;
	r->end = (uint64_t)at + bytes;
	r->prot = (uint32_t)(draw() % 9);
	r->kind = (uint32_t)(draw() % 6);
	r->source = some_number();
	r->offset = some_number();
	if (odd == 0)
		r->start = some_number();
	if (odd == 1)
		r->end = some_number();
	if (odd == 2)
		r->start += 1 + draw() % 4095;
	if (odd == 3)
		r->kind = (uint32_t)draw();
	if (odd == 4)
		r->prot = (uint32_t)draw();
}

static void lie_and_look(uint64_t rounds)
{
	size_t bytes = 64 * PAGE;
	uint8_t *at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t table_va, honest_va = area()->regions, n = 0;
	volatile struct kx_region *r = forged_table(at, &table_va);
	uint32_t count = area()->region_count;

	survive_faults();
	for (; n < rounds; n++) {
		lie(r, at, bytes);
		area()->regions = draw() % 64 ? table_va : some_number();
		area()->region_count = draw() % 64 ? count : (uint32_t)draw();
		for (int i = 0; i < 4; i++) {
			bool write = draw() % 4 == 0 && r->kind != KX_REGION_OBJECT; /* not over the LibOS's own */
			uint64_t seen = 0;

			if (touch((volatile uint64_t *)(at + draw() % bytes / 8 * 8), &seen, write) && seen == (SECRET ^ secret_xor))
				_exit(43);
		}
		area()->regions = table_va;
		area()->region_count = count;
		if (draw() % 8 == 0)
			raw(KX_HC_MEMORY, 1 + draw() % 3, some_number() & -PAGE, (draw() % 64) * PAGE, some_number() & -PAGE, 0);
		if (draw() % 4 == 0)
			raw(KX_HC_MEMORY, draw() % 2, (uint64_t)at, bytes, 0, 0);
	}
	raw(KX_HC_MEMORY, KX_MEMORY_DROP, (uint64_t)at, bytes, 0, 0);
	area()->regions = honest_va;
}

/* argv[0]: pid of the secret's holder */
TRIAL(region_tables, "region-tables-that-lie")
{
	uint64_t until = now_ns() + 3000000000;
	unsigned ended = 0, rounds = 0;

	CHECK(argc == 1);
	secret_xor = (uint64_t)atoi(argv[0]) << 48;
	while (now_ns() < until || rounds < 20) {
		draw();
		int status = fate_with(lie_and_look, 400);

		rounds++;
		ended += status == 0;
		if (status != GONE && WIFEXITED(status) && WEXITSTATUS(status))
			fail("saw another pVM's memory");
	}
	printf("%u rounds, %u to their end\n", rounds, ended);
}
