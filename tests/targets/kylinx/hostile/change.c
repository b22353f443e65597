/* Trials on arguments that change during the call: another pVM of the family writes over them all the while (double fetch). */
#include "hostile.h"

#define FOR_NS 700000000ull
static uint64_t until;
static volatile uint64_t *target;        /* what the other pVM writes: word by word */
static unsigned words;
static const uint64_t *values;
static unsigned value_count;

static void hammer(void)
{
	while (now_ns() < until)
		for (int i = 0; i < 2000; i++) {
			unsigned w = (unsigned)(draw() % words);

			target[w] = values[(w + draw() % 8 * words) % value_count];
		}
}

static pid_t begin(void)
{
	until = now_ns() + FOR_NS;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		hammer();
		_exit(0);
	}
	return pid;
}

/* The victim is a child, and one after another: what is changed may well kill it, and on a busy machine there are few of them. */
static void under_fire(void (*victim)(void))
{
	unsigned ended = 0, killed = 0;

	for (int volley = 0; volley < 8 && !ended; volley++) {
		pid_t pid = begin();

		do {
			int status = fate(victim);

			CHECK(status != GONE);
			ended += status == 0;
			killed += status != 0;
		} while (now_ns() < until);
		waitpid(pid, NULL, 0);
	}
	CHECK(ended);
	printf("%u ended, %u killed\n", ended, killed);
}

/* ---- The argument words of the slot. The victim runs in the first child's slot: all live ones but ours and the hammer's get it. */

static volatile struct kx_vcpu *areas(unsigned slot)
{
	return (volatile struct kx_vcpu *)(KX_VA_VCPUS + (uint64_t)slot * KX_VCPU_STRIDE);
}

static void hammer_arguments(unsigned mine, unsigned parents)
{
	while (now_ns() < until)
		for (int i = 0; i < 500; i++)
			for (unsigned slot = 0; slot < 4; slot++)
				if (slot != mine && slot != parents)
					for (unsigned a = 0; a < 5; a++) {
						uint64_t odd = limits[draw() % limit_count];

						/* a report of a fault is not to become a panic, which is the family's end */
						areas(slot)->hc_arg[a] = !a && odd == KX_REPORT_PANIC ? KX_REPORT_LOG : odd;
					}
}

/* Not fork: with other flags it would start a task that is none, which is the end of the family by its own LibOS. */
static void call_all(void)
{
	uint64_t end = now_ns() + 50000000, va;

	commons_page(&va, 1);
	uint8_t *own = pages(16 * PAGE);
	while (now_ns() < end) {
		raw(KX_HC_NOTIFY, area()->slot, 0, 0, 0, 0);
		raw(KX_HC_KICK, area()->slot, 0, 0, 0, 0);
		raw(KX_HC_TIMER, ~0ul, 0, 0, 0, 0);
		own[draw() % (16 * PAGE)] = 1;
		raw(KX_HC_MEMORY, draw() % 2, (uint64_t)own, 16 * PAGE, 0, 0);
		raw(KX_HC_CONSOLE, KX_CONSOLE_READ, 512, va, 8, 0);
		raw(KX_HC_WAIT, area()->events + 1u, 0, 0, 0, 0);
	}
}

TRIAL(arguments, "arguments-change")
{
	unsigned mine = area()->slot, killed = 0, ended = 0;

	may_be_stuck = true; /* asleep for good, say */
	patience_ns = 200000000;
	until = now_ns() + FOR_NS;
	pid_t pid = fork();
	if (!pid) {
		hammer_arguments(area()->slot, mine);
		_exit(0);
	}
	do {
		int status = fate(call_all);

		ended += status == 0;
		killed += status != 0;
	} while (now_ns() < until);
	waitpid(pid, NULL, 0);
	printf("%u ended, %u killed\n", ended, killed);
}

/* ---- A request to the host's files: the path turns from an inner one into one that leads out ---- */

static struct kx_hostfs *request;
static uint64_t request_va, buffer_va;
static uint8_t *buffer;

static void hammer_request(void)
{
	static const char in[] = "file\0\0\0\0\0\0\0\0\0\0", out[] = "../secret\0\0\0\0\0", other[] = "linkdir/secret", fifo[] = "fifo\0\0\0\0\0\0\0\0\0\0";
	static const char *const paths[] = { in, out, other, fifo };

	while (now_ns() < until)
		for (int i = 0; i < 500; i++) {
			memcpy(request->path, paths[draw() % 4], 14);
			request->share = (uint32_t)(draw() % 16 ? draw() % 2 : draw());
			request->handle = (int32_t)(draw() % 8 ? draw() % 6 : limits[draw() % limit_count]);
			request->buffer = draw() % 4 ? buffer_va : limits[draw() % 21]; /* below the commons */
			request->length = draw() % 4 ? draw() % PAGE : limits[draw() % limit_count];
			request->offset = draw() % 4 ? 0 : limits[draw() % limit_count];
			request->flags = (uint32_t)(draw() % 2 ? 0 : draw());
		}
}

static void ask(const uint8_t *ops, unsigned count)
{
	uint64_t end = now_ns() + 100000000;

	while (now_ns() < end) {
		raw(KX_HC_HOSTFS, ops[draw() % count], request_va, 0, 0, 0);
		if (memmem(buffer, PAGE, "not shared", 10))
			_exit(43);
	}
}

/* READ and WRITE never together: WRITE with a length beyond the page would put the LibOS's memory into the file, and READ an old
 * state of it back over the LibOS, which is the guest's right and the end of its family. Files read here are shorter than a page. */
static void read_files(void)
{
	static const uint8_t ops[] = { KX_HOSTFS_OPEN, KX_HOSTFS_READ, KX_HOSTFS_STAT, KX_HOSTFS_CLOSE, KX_HOSTFS_READDIR, KX_HOSTFS_READLINK,
		KX_HOSTFS_SYNC };

	ask(ops, sizeof ops);
}

static void write_files(void)
{
	static const uint8_t ops[] = { KX_HOSTFS_OPEN, KX_HOSTFS_WRITE, KX_HOSTFS_STAT, KX_HOSTFS_CLOSE, KX_HOSTFS_SYNC };

	ask(ops, sizeof ops);
}

static void ask_under_fire(void (*victim)(void))
{
	until = now_ns() + FOR_NS;
	pid_t pid = fork();
	if (!pid) {
		hammer_request();
		_exit(0);
	}
	while (now_ns() < until) {
		int status = fate(victim);

		if (status != 0 && !died(status, SIGKILL) && !died(status, SIGSEGV))
			fail("status %x", status);
	}
	waitpid(pid, NULL, 0);
}

TRIAL(files, "file-requests-change")
{
	uint64_t va[2];

	request = (struct kx_hostfs *)commons_page(va, 2);
	buffer = (uint8_t *)request + PAGE;
	request_va = va[0];
	buffer_va = va[1];
	ask_under_fire(read_files);
	ask_under_fire(write_files);
	for (int32_t i = 0; i < 1024; i++) {
		request->handle = i;
		request->share = 0;
		request->path[0] = 0;
		raw(KX_HC_HOSTFS, KX_HOSTFS_CLOSE, request_va, 0, 0, 0);
	}
}

/* ---- The region table and an object of it, while the monitor resolves faults by them ---- */

#define TOUCHED (64 * PAGE)
static uint8_t *touched;                 /* to the LibOS nothing is there; to the monitor, by the forged table, what the trial claims */
static uint64_t forged_va;

static void touch_and_drop(void)
{
	uint64_t end = now_ns() + 100000000, seen, honest_va = area()->regions, sum = 0;

	survive_faults();
	while (now_ns() < end) {
		area()->regions = forged_va;
		for (int i = 0; i < 16; i++)
			sum += touch((volatile uint64_t *)(touched + draw() % TOUCHED / 8 * 8), &seen, draw() % 2);
		raw(KX_HC_MEMORY, draw() % 2, (uint64_t)touched, TOUCHED, 0, 0);
	}
	raw(KX_HC_MEMORY, KX_MEMORY_DROP, (uint64_t)touched, TOUCHED, 0, 0);
	area()->regions = honest_va;
	_exit(sum ? 0 : 42);
}

static volatile struct kx_region *claim(uint32_t kind, uint64_t source)
{
	volatile struct kx_region *r;

	touched = mmap(NULL, TOUCHED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r = forged_table(touched, &forged_va);
	r->kind = kind;
	r->prot = KX_PROT_READ | KX_PROT_WRITE;
	r->source = source;
	r->offset = 0;
	return r;
}

static void choose(uint64_t *odd, const volatile uint64_t *normal, unsigned count)
{
	for (unsigned i = 0; i < 8 * count; i++)
		odd[i] = i < 5 * count ? normal[i % count] : limits[draw() % limit_count];
	target = (volatile uint64_t *)normal;
	words = count;
	values = odd;
	value_count = 8 * count;
}

TRIAL(table, "region-table-changes")
{
	static uint64_t odd[48];
	uint64_t pages_va[64];
	uint8_t *object = commons_page(pages_va, 64);
	volatile struct kx_region *r = claim(KX_REGION_ANON, region_of(object)->source);

	choose(odd, (volatile uint64_t *)r, 6); /* start, end, prot and kind, source, offset, file */
	for (unsigned i = 2; i < 48; i += 6)
		odd[i] = (i < 30 ? draw() % 4 : draw()) << 32 | draw() % 8;
	under_fire(touch_and_drop);
}

TRIAL(object, "object-changes")
{
	static uint64_t odd[24];
	uint64_t va, pages_va[64];
	volatile struct kx_object *o = (volatile struct kx_object *)commons_page(&va, 1);
	uint8_t *object = commons_page(pages_va, 64);

	*o = *(volatile struct kx_object *)region_of(object)->source;
	claim(KX_REGION_OBJECT, va);
	choose(odd, (volatile uint64_t *)o, 3);
	under_fire(touch_and_drop);
}

/* ---- A fault report, read while its counts change ---- */

static struct kx_fault_report *told;
static uint64_t told_va;

static void report(void)
{
	uint64_t end = now_ns() + 50000000;

	while (now_ns() < end)
		raw(KX_HC_REPORT, KX_REPORT_FAULT, told_va, draw() % PAGE, 0, 0);
}

TRIAL(fault_report, "fault-report-changes")
{
	static uint64_t odd[16];

	told = (struct kx_fault_report *)commons_page(&told_va, 1);
	target = (volatile uint64_t *)told;
	words = sizeof *told / 8;
	values = odd;
	value_count = 16;
	for (unsigned i = 0; i < 16; i++)
		odd[i] = limits[draw() % limit_count] | (draw() % 2 ? 0 : 0x22222222);
	under_fire(report);
}
