/* The monitor under a guest that may do anything: hypercalls with any arguments, region tables, faults, exceptions, kicks, host
 * files, memory that changes during a call. Input: operations, one byte each, then what they need (see the table below). */
#include <linux/kvm.h>
#include <poll.h>
#include "machine.h"

#define STEPS_MOST 160
#define REGIONS 16
#define TABLE_AT 0x1000                  /* of the region table in the window */
#define OBJECT_AT 0x2000                 /* objects, each with its chunk */
#define OBJECT_BYTES 0x200
#define REQUEST_AT 0x3000                /* struct kx_hostfs */
#define BUFFER_AT 0x4000

static uint32_t regions;                 /* in the table */

static uint64_t value(struct input *in)
{
	static const uint64_t places[] = { 0x400000, KX_USER_MIN, KX_USER_PIE, KX_USER_MMAP_TOP, KX_USER_MAX - 0x400000, 0x7f7fbff00000,
		KX_VA_SHARED - 0x200000, KX_VA_KERNEL_END, KX_VA_SHARED, KX_VA_IMAGE, KX_VA_KERNEL, KX_VA_TEXT, KX_VA_BOOT, 0x40000000 };
	uint8_t kind = take8(in);

	switch (kind % 12) {
	case 0: return take8(in);
	case 1: return take64(in);
	case 2: return KX_VA_COMMONS + take16(in) % WINDOW;
	case 3: return KX_VA_COMMONS + memory.commons_bytes - take8(in);
	case 4: return ~(uint64_t)take8(in);
	case 5: return places[take8(in) % (sizeof places / sizeof *places)] + (uint64_t)take16(in) % 2048 * KX_PAGE;
	case 6: return places[take8(in) % (sizeof places / sizeof *places)] + (uint64_t)take8(in) * 0x200000;
	case 7: return KX_VA_VCPUS + take32(in) % (8 * KX_VCPU_STRIDE);
	case 8: return KX_VA_DATA + take16(in) % 0x3000;
	case 9: return (uint64_t)take16(in) * KX_PAGE;
	case 10: return (uint64_t)take8(in) * 0x200000;
	default: return 1ull << take8(in) % 64;
	}
}

static void exit_with(struct vcpu *v, uint32_t reason, int error)
{
	v->run->exit_reason = reason;
	machine_run(v, error);
}

static void port(struct vcpu *v, uint16_t number, bool in)
{
	uint32_t slot = number % 5 ? 0 : KX_MAX_SLOTS + 1;

	v->run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	v->run->io.port = number;
	v->run->io.size = number == KX_PORT_NOTIFY ? 4 : 1;
	v->run->io.count = 1;
	v->run->io.data_offset = KX_PAGE;
	memcpy((uint8_t *)v->run + KX_PAGE, &slot, sizeof slot);
	exit_with(v, KVM_EXIT_IO, 0);
}

static void call(struct vcpu *v, uint64_t nr)
{
	bool memory_is_walked = nr == KX_HC_FORK || nr == KX_HC_MEMORY;

	machine_enter(v);
	v->area->hc_nr = nr;
	vcpu_regs(v)->rip = KX_VA_TEXT + 0x1200;
	machine_exact(!memory_is_walked);
	port(v, KX_PORT, false);
	machine_exact(false);
}

/* ---- operations ---- */

static void op_write(struct input *in, struct vcpu *v)
{
	uint32_t at = take16(in), n = take8(in);

	(void)v;
	for (; n && left(in); n--, at++)
		machine_window()[at % WINDOW] = take8(in);
}

static void op_call(struct input *in, struct vcpu *v)
{
	uint8_t nr = take8(in);

	for (int i = 0; i < 6; i++)
		v->area->hc_arg[i] = left(in) ? value(in) : 0;
	call(v, nr < 0xf0 ? nr % (KX_HC_COUNT + 1) : value(in));
}

static struct kx_region *table(void)
{
	return (struct kx_region *)(machine_window() + TABLE_AT);
}

static void give_table(struct vcpu *v)
{
	v->area->regions = KX_VA_COMMONS + TABLE_AT;
	v->area->region_count = regions;
}

/* As a LibOS does it: in order. Whether they overlap is the input's business; op_write makes worse of them. */
static void op_region(struct input *in, struct vcpu *v)
{
	struct kx_region r = { .start = value(in) };
	uint32_t i = regions < REGIONS ? regions++ : REGIONS - 1;
	uint8_t kind = take8(in);

	r.end = r.start + (kind & 0x80 ? take16(in) % 2048 : take8(in) % 64) * KX_PAGE;
	r.prot = take8(in) % (kind & 0x40 ? 256 : 8);
	r.kind = kind % 6;
	r.source = r.kind == KX_REGION_IMAGE ? take8(in) % 32 * KX_PAGE : r.kind == KX_REGION_ANON ? 0 :
		kind & 0x20 ? value(in) : KX_VA_COMMONS + OBJECT_AT + take8(in) % 4 * OBJECT_BYTES;
	r.offset = r.kind == KX_REGION_IMAGE ? take32(in) % (40 * KX_PAGE) : r.kind == KX_REGION_ANON ? 0 : take8(in);
	for (; i && table()[i - 1].start > r.start; i--)
		table()[i] = table()[i - 1];
	table()[i] = r;
	give_table(v);
}

/* Near one of the regions. */
static uint64_t mapped(struct input *in)
{
	uint8_t which = take8(in);
	const struct kx_region *r = &table()[which % REGIONS];

	return which & 0x80 ? r->end - KX_PAGE * (take8(in) % 4) : r->start + (uint64_t)take16(in) % 2048 * KX_PAGE;
}

static void op_fork(struct input *in, struct vcpu *v)
{
	uint8_t how = take8(in);

	v->area->hc_arg[0] = how;
	v->area->hc_arg[1] = how % 4 == 3;
	v->area->hc_arg[2] = how & 8 ? value(in) : mapped(in);
	v->area->hc_arg[3] = KX_VA_COMMONS + TABLE_AT;
	v->area->hc_arg[4] = regions;
	call(v, KX_HC_FORK);
}

static void op_memory(struct input *in, struct vcpu *v)
{
	uint8_t how = take8(in);

	v->area->hc_arg[0] = how % 4;
	v->area->hc_arg[1] = mapped(in);
	v->area->hc_arg[2] = (uint64_t)(how & 0x80 ? take16(in) % 2048 : take8(in) % 32) * KX_PAGE;
	v->area->hc_arg[3] = how & 0x40 ? value(in) : mapped(in);
	if (how & 0x20) { /* the table changes before, as it should */
		table()[take8(in) % REGIONS].prot = take8(in) % 8;
		give_table(v);
	}
	call(v, KX_HC_MEMORY);
}

static void op_object(struct input *in, struct vcpu *v)
{
	uint8_t n = take8(in) % 4, pages = take8(in) % 64;
	struct kx_object *o = (void *)(machine_window() + OBJECT_AT + n * OBJECT_BYTES);
	uint64_t *chunk = (uint64_t *)(o + 1);
	uint32_t *page = (uint32_t *)(chunk + 1);

	(void)v;
	*o = (struct kx_object){ .magic = KX_OBJECT_MAGIC, .count = pages ? pages : value(in),
		.chunks = KX_VA_COMMONS + OBJECT_AT + n * OBJECT_BYTES + sizeof *o };
	*chunk = o->chunks + sizeof *chunk;
	for (int i = 0; i < 64; i++)
		page[i] = left(in) ? take16(in) : 0;
}

static void op_area(struct input *in, struct vcpu *v)
{
	uint8_t at = take8(in) % 64;
	uint64_t to = value(in);

	memcpy((uint8_t *)v->area + at * 8, &to, sizeof to);
}

static void registers(struct input *in, struct vcpu *v)
{
	struct kvm_regs *r = vcpu_regs(v);
	uint8_t how = take8(in);

	machine_enter(v);
	r->rip = how & 1 ? KX_VA_TEXT + 0x1000 + take8(in) * 4 : value(in);
	r->rsp = value(in);
	r->rbp = how & 2 ? value(in) : 0;
	r->rflags = how;
}

static void op_fault(struct input *in, struct vcpu *v)
{
	registers(in, v);
	uint64_t address = value(in);
	uint8_t how = take8(in);

	if (how & 0x80 && v->shutdown_faults) {
		vcpu_sregs(v)->cr2 = address;
		exit_with(v, KVM_EXIT_SHUTDOWN, 0);
		return;
	}
	uint64_t *frame = (uint64_t *)(v->kernel + KERNEL_STACK_TOP) - 5;

	frame[-1] = how & 0x1f;
	frame[0] = vcpu_regs(v)->rip;
	frame[1] = how & 0x40 ? SELECTOR_KERNEL_CODE : SELECTOR_USER_CODE;
	frame[2] = vcpu_regs(v)->rflags;
	frame[3] = vcpu_regs(v)->rsp;
	vcpu_sregs(v)->cr2 = address;
	port(v, STUB_PORT + (how & 0x20 ? take8(in) % STUB_VECTORS : 14), false);
}

/* A fault at a page, nothing else odd: what makes page tables grow. */
static void op_touch(struct input *in, struct vcpu *v)
{
	uint64_t *frame = (uint64_t *)(v->kernel + KERNEL_STACK_TOP) - 5;
	uint8_t how = take8(in);

	machine_enter(v);
	frame[-1] = 4 | (how & 1 ? 2 : 0) | (how & 2 ? 16 : 0);
	frame[0] = 0x400000;
	frame[1] = SELECTOR_USER_CODE;
	frame[3] = 0x7f7ffffff000;
	v->area->stack_top = KX_VA_COMMONS + 0xf000;
	vcpu_sregs(v)->cr2 = how & 8 ? value(in) : mapped(in);
	give_table(v);
	if (how & 4 && v->shutdown_faults)
		exit_with(v, KVM_EXIT_SHUTDOWN, 0);
	else
		port(v, STUB_PORT + 14, false);
}

static void op_kick(struct input *in, struct vcpu *v)
{
	uint8_t how = take8(in);

	registers(in, v);
	v->kick = how & 1;
	vcpu_sregs(v)->cs.dpl = how & 2 ? 3 : 0;
	if (!(how & 2))
		vcpu_regs(v)->rip = family.stubs_va + take16(in) % 512;
	exit_with(v, KVM_EXIT_INTR, how & 4 ? EINTR : how & 8 ? EAGAIN : 0);
	vcpu_sregs(v)->cs.dpl = 3;
}

static void op_exit(struct input *in, struct vcpu *v)
{
	uint8_t how = take8(in);

	registers(in, v);
	if (how & 1)
		port(v, how & 4 ? KX_PORT_NOTIFY : take16(in), how & 2);
	else
		exit_with(v, how, how & 0x80 ? take8(in) : 0);
}

static void op_hostfs(struct input *in, struct vcpu *v)
{
	static const char *const names[] = { "", ".", "f", "d", "d/g", "d/../f", "out", "root/etc", "up/canary", "../canary", "d/../../canary",
		"/etc/passwd", "fifo", "new", "d/new", "new/x", "f/", "d/", "//", "d//g", "up", "root", "new/..", "d/." };
	struct kx_hostfs *r = (void *)(machine_window() + REQUEST_AT);
	uint8_t op = take8(in), how = take8(in);

	memset(r, 0, sizeof *r);
	r->share = how & 3 ? how % 2 : take8(in);
	r->flags = take16(in) | (how & 4 ? (uint32_t)take16(in) << 16 : 0);
	r->handle = how & 8 ? -1 : take8(in) % 8;
	r->offset = how & 16 ? value(in) : take8(in);
	r->length = how & 32 ? value(in) : take8(in);
	r->buffer = how & 64 ? value(in) : KX_VA_COMMONS + BUFFER_AT;
	r->mode = take16(in);
	for (int i = 0; i < 2; i++) {
		uint8_t name = take8(in);
		char *path = i ? r->path2 : r->path;

		if (name == 0xff) /* no NUL anywhere */
			memset(path, 'a', sizeof r->path);
		else if (name < 0xc0)
			strcpy(path, names[name % (sizeof names / sizeof *names)]);
		else
			for (name %= 64; name && left(in); name--)
				*path++ = (char)take8(in);
	}
	v->area->hc_arg[0] = op % 13;
	v->area->hc_arg[1] = how & 128 ? value(in) : KX_VA_COMMONS + REQUEST_AT;
	call(v, KX_HC_HOSTFS);
}

static void op_race(struct input *in, struct vcpu *v)
{
	uint8_t calls = take8(in) % 8;
	uint32_t at = take8(in) & 1 ? REQUEST_AT + take8(in) * 8 % sizeof(struct kx_hostfs) : take16(in);

	(void)v;
	machine_race(calls, at, take64(in));
}

static void op_report(struct input *in, struct vcpu *v)
{
	struct kx_fault_report *f = (void *)(machine_window() + BUFFER_AT);
	uint8_t kind = take8(in);

	if (kind & 0x80) {
		f->depth = take8(in);
		f->maps = take8(in);
		f->frame.rip = value(in);
		for (int i = 0; i < 4; i++)
			f->backtrace[i] = value(in);
	}
	v->area->hc_arg[0] = kind % 5;
	v->area->hc_arg[1] = KX_VA_COMMONS + BUFFER_AT;
	v->area->hc_arg[2] = kind & 0x40 ? sizeof *f + take16(in) : left(in) % 200;
	for (uint32_t i = 0; !(kind & 0x80) && i < v->area->hc_arg[2] && i < 200; i++)
		machine_window()[BUFFER_AT + i] = take8(in);
	call(v, KX_HC_REPORT);
}

static void op_spawn(struct input *in, struct vcpu *v)
{
	(void)in;
	(void)v;
	machine_spawn();
}

/* The toolstack asks meanwhile. */
static void op_toolstack(struct input *in, struct vcpu *v)
{
#define PACKET(text) { text, sizeof text }
	static const struct { const char *text; size_t bytes; } packets[] = { PACKET("hello\0id=1"), PACKET("list\0id=2"),
		PACKET("stats\0id=3"), PACKET("log\0id=4"), PACKET("kill\0id=5\0slot=1\0force=1"), PACKET("kill\0id=7\0slot=0"),
		PACKET("spawn\0id=6\0program=/a\0arg=a"), PACKET("window\0id=8\0console=0\0rows=3\0cols=5") };
#undef PACKET
	struct pollfd set[4];
	uint8_t which = take8(in) % 8;
	uint32_t n = console_poll_set(set, 4);

	(void)v;
	for (uint32_t i = 0; i < n; i++)
		set[i].revents = POLLIN;
	console_poll_done(set, n);
	control_packet(packets[which].text, packets[which].bytes, 0);
	control_stats_tick();
	control_drain();
}

static void op_limit(struct input *in, struct vcpu *v)
{
	uint64_t spare = take8(in);

	(void)v;
	memory.limit = spare < 128 ? memory.used + spare : MACHINE_MEMORY / KX_PAGE;
}

static void op_fast(struct input *in, struct vcpu *v)
{
	family.fast_faults = take8(in) & 1;
	if (v->cr3)
		space_peek(v->space, value(in));
}

/* An idle vCPU does what it should not: its area is the family's, after all. */
static void op_stray(struct input *in, struct vcpu *v)
{
	uint8_t how = take8(in);

	v = machine_parked(how);
	if (!v)
		return;
	v->area->hc_nr = how >> 2 == KX_HC_PARK ? 0 : how >> 2;
	vcpu_regs(v)->rip = how & 4 ? value(in) : KX_VA_TEXT + 0x1200;
	v->kick = how >> 3 & 1;
	if (how & 0x80)
		port(v, take16(in), false);
	else if (how & 0x40)
		exit_with(v, take8(in), how & 0x20 ? EINTR : how & 0x10 ? EFAULT : 0);
	else
		port(v, KX_PORT, false);
}

static void (*const operations[])(struct input *, struct vcpu *) = {
	op_write, op_call, op_region, op_touch, op_area, op_fault, op_kick, op_exit, op_hostfs, op_race, op_report, op_spawn, op_limit,
	op_toolstack, op_object, op_fast, op_fork, op_touch, op_hostfs, op_memory, op_touch, op_region, op_stray,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { data, data + n };
	int left_with;

	regions = 0;
	machine_begin();
	machine_park(take8(&in) % 4);
	left_with = sigsetjmp(machine_gone, 0);
	for (volatile int step = 0; !left_with && left(&in) && step < STEPS_MOST; step = step + 1) {
		uint8_t op = take8(&in), who = take8(&in);
		struct vcpu *v = machine_vcpu(who);

		if (!v && !(v = machine_spawn()))
			break;
		operations[op % (sizeof operations / sizeof *operations)](&in, v);
	}
	machine_end();
	return 0;
}
