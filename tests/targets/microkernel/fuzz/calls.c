/* The system-call layer: several tasks in three spaces make whatever calls the input says, and after each all that must hold is
 * looked at (calls_check.c). A call that is refused must have changed nothing. */
#include "calls.h"
#include <sys/mman.h>

#include "../../../../targets/microkernel/core/objects.c"
#include "../../../../targets/microkernel/core/pages.c"
#include "../../../../targets/microkernel/core/sched.c"
#include "../../../../targets/microkernel/core/time.c"
#include "../../../../targets/microkernel/core/ipc.c"
#include "../../../../targets/microkernel/core/grant.c"
#include "../../../../targets/microkernel/core/irq.c"
#include "../../../../targets/microkernel/core/space.c"
#include "../../../../targets/microkernel/core/sync.c"
#include "../../../../targets/microkernel/core/task.c"
#include "../../../../targets/microkernel/core/syscall.c"
#include "calls_check.c"

#define LIMIT 60u
#define MOST_CALLS 400
#define CEILING 24u

/* ---- Board and processor ---- */
struct mk_boot boot_info;
struct device devices[MK_BOOT_DEVICES];
u32 kernel_table[4096], empty_table[1024];
u64 host_counter, host_alarm;
u32 host_first_page;
static u64 irqs_on, irqs_raised;  /* of the first 64 */
static jmp_buf over;

void irq_enable(u32 irq) { irqs_on |= 1ull << irq; }
void irq_disable(u32 irq) { irqs_on &= ~(1ull << irq); }
void irq_raise(u32 irq) { irqs_raised |= 1ull << irq; }
void irq_end(u32 irq) { (void)irq; }

static u64 irqs_pending(void)
{
	if (host_counter >= host_alarm)
		irqs_raised |= 1ull << BOARD_TIMER_IRQ;
	return irqs_raised & irqs_on;
}

/* Asked after each page: so time passes in long calls too. */
bool host_interrupted(void)
{
	host_counter++;
	return irqs_pending();
}

u32 irq_begin(void)
{
	u64 pending = irqs_pending();

	if (!pending)
		return 1023;
	irqs_raised &= ~(pending & -pending);
	return (u32)__builtin_ctzll(pending);
}

/* Nobody can go on: time does, or this is the end. */
void host_wait(void)
{
	if (host_alarm == UINT64_MAX)
		longjmp(over, 1);
	if (host_counter < host_alarm)
		host_counter = host_alarm;
}

void board_off(void) { longjmp(over, 1); }
void board_quiet(const struct device *d) { (void)d; }
void print_text(const char *text, u32 bytes) { (void)text, (void)bytes; }

void print(const char *format, ...)
{
	if (strstr(format, "panic"))
		abort();
}

/* ---- A machine ---- */

static void device_add(u32 type, u32 physical, u32 pages, u32 irq)
{
	u32 n = boot_info.devices++;

	devices[n] = (struct device){ .object = { .kind = DEVICE }, .type = (u8)type, .irq = (u16)irq, .physical = physical, .pages = pages };
	device_irq_init(&devices[n]);
}

static struct space *space_with_tasks(u32 number, u32 limit)
{
	struct space *s;
	u32 done = 0;

	space_make(limit, CEILING, "fuzzed\0", &s);
	for (u32 i = 0; i < boot_info.devices && number == 0; i++)
		handle_add(s, &devices[i].object, MK_RIGHT_ALL);
	space_fill(s, 0x10000, 4, MK_READ | MK_WRITE, NULL, 0, &done);
	for (u32 i = 0; i < 3; i++) {
		struct task *t;

		task_make(s, 0x10000, 0x14000, 0, 8 + 4 * i + number, &t);
		if (i < 2)
			handle_add(s, &t->object, MK_RIGHT_ALL);
		ready(t);
	}
	return s;
}

/* Two ports, a semaphore, a mutex and a timer, made by the first task; all spaces have them, with some or all rights. */
static void objects_share(struct space **made)
{
	static system_call *const creates[] = { sys_port_create, sys_port_create, sys_sem_create, sys_mutex_create, sys_timer_create };
	u32 r[15] = { 0 }, port = 0;

	current = &tasks[1];
	for (u32 i = 0; i < COUNT(creates); i++) {
		r[0] = creates[i] == sys_timer_create ? port : 0;
		r[1] = 1;
		creates[i](current, r);
		port = i == 0 ? r[0] : port;
		for (u32 s = 1; s < 3; s++)
			handle_add(made[s], made[0]->handles[r[0]].object, (i + s) % 3 ? MK_RIGHT_ALL : MK_RIGHT_SEND);
	}
}

static void machine(void)
{
	static struct space *made[3];

	memset(tasks, 0, sizeof tasks);
	memset(spaces, 0, sizeof spaces);
	memset(devices, 0, sizeof devices);
	memset(device_of, 0, sizeof device_of);
	memset(&boot_info, 0, sizeof boot_info);
	current = NULL;
	active = NULL;
	free_slots = NULL;
	first_free = 0;
	pages_free = objects_alive = tasks_alive = switches = ready_bits = 0;
	irqs_on = irqs_raised = 0;
	host_counter = 1000;
	quantum_runs = false;
	list_init(&alarms);
	list_init(&deferred);
	list_init(&ringing.link);
	pages_init(BOARD_RAM + HOST_PAGES * MK_PAGE, BOARD_RAM + 100 * MK_PAGE, BOARD_RAM + (100 + HOST_INITRD_PAGES) * MK_PAGE);
	host_first_page = index_of(BOARD_RAM + MK_PAGE);
	time_init();
	sched_init();
	device_add(MK_DEVICE_MACHINE, 0, 0, 0);
	device_add(MK_DEVICE_INITRD, BOARD_RAM + 100 * MK_PAGE, HOST_INITRD_PAGES, 0);
	device_add(MK_DEVICE_PL011, 0x09000000, 1, 33);
	device_add(MK_DEVICE_SPARE, 0, 0, 47);
	for (u32 i = 0; i < 3; i++)
		made[i] = space_with_tasks(i, i == 2 ? LIMIT / 2 : LIMIT);
	objects_share(made);
	while (made[1]->handles[MK_SELF - 8].object == NULL) /* a table that is soon full */
		handle_add(made[1], &made[1]->object, 0);
	handle_add(made[0], &made[1]->object, MK_RIGHT_ALL); /* as init has them */
	handle_add(made[0], &made[2]->object, MK_RIGHT_MANAGE);
}

/* ---- The input: a call is its number and a byte for each register that it may look at ---- */

static const u8 *input, *input_end;

static u32 byte(void) { return input < input_end ? *input++ : 0; }

static u32 value(void)
{
	static const u32 special[] = { MK_NONE, MK_USER_END, MK_USER_END - MK_PAGE, 0x80000000u, 0x7fffffffu, 0x10001, MK_SELF, 0xfffff000u,
				       MK_PAGE, BOARD_RAM, 128, 0x3fc00000, 1000000, 0x00ffffff, 256, 0xffff };
	u32 b = byte();

	if (b < 96)
		return b < 72 ? b % 18 : b;
	if (b < 176)
		return 0x10000 + (b - 96) % 20 * MK_PAGE + (b - 96) / 20 * 0x400000;
	if (b < 192)
		return special[b - 176];
	if (b < 200) /* a token */
		return tasks[b - 192 + 1].token;
	return b == 200 ? MK_SELF : byte() << 24 | byte() << 16 | byte() << 8 | byte();
}

static void message(u32 *r)
{
	static const u32 tags[] = { 0, 4, 10, 10 | MK_TAG_HANDLE, 9 | MK_TAG_GRANT, 10 | MK_TAG_GRANT | MK_TAG_HANDLE, 11, 9 | MK_TAG_HANDLE,
				    MK_TAG_NOTIFIED, 3 | MK_TAG_GRANT, 0x80, 0xffff0001 };

	r[1] = tags[byte() % COUNT(tags)];
	r[9] = (value() & ~(MK_PAGE - 1)) | (byte() & 7);
	r[10] = byte() % 20;
	r[11] = byte() % 32;
	r[14] = byte() % 32;
}

/* What the first register names, in most calls of a kind. */
static u32 kind_of(u32 call)
{
	switch (call) {
	case MK_SEND: case MK_RECEIVE: case MK_CALL: case MK_NOTIFY: case MK_TIMER_CREATE: return PORT;
	case MK_TASK_START: case MK_TASK_KILL: case MK_TASK_PRIORITY: return TASK;
	case MK_TASK_CREATE: case MK_SPACE_KILL: case MK_SPACE_STATUS: case MK_MAP: case MK_UNMAP: case MK_MOVE: case MK_GIVE: return SPACE;
	case MK_SEM_UP: case MK_SEM_DOWN: return SEMAPHORE;
	case MK_MUTEX_LOCK: case MK_MUTEX_UNLOCK: return MUTEX;
	case MK_TIMER_SET: return TIMER;
	default: return FREE;
	}
}

/* The nth handle of the kind that the task has, or the last before. */
static u32 handle_of(u32 kind, u32 n)
{
	u32 found = 0;

	for (u32 h = 0; h < MK_SELF; h++) {
		const struct object *o = current->space->handles[h].object;

		if (o && o->kind == kind) {
			found = h;
			if (!n--)
				break;
		}
	}
	return found;
}

static u32 call_number(void)
{
	static const u8 often[] = { MK_RECEIVE, MK_CALL, MK_SEND, MK_REPLY, MK_REPLY_RECEIVE, MK_TASK_KILL, MK_TASK_PRIORITY, MK_MUTEX_LOCK,
				    MK_MUTEX_UNLOCK, MK_SEM_DOWN, MK_SEM_UP, MK_WINDOW, MK_REVOKE, MK_EXIT, MK_SLEEP, MK_TIMER_SET, MK_NOTIFY };
	u32 b = byte();

	return b < 128 ? b % (MK_CALLS + 2) : often[b % COUNT(often)];
}

static void arguments(u32 call, u32 *r)
{
	u32 kind = byte();

	r[12] = call | (kind & 3 ? 0 : (1 + (kind >> 2)) << 8);
	for (u32 i = 0; i < 5; i++)
		r[i] = value();
	r[5] = kind & 31; /* a priority */
	if (kind_of(call) != FREE && kind & 0x40)
		r[0] = handle_of(kind_of(call), kind & 3);
	if (call >= MK_SEND && call <= MK_REPLY_RECEIVE)
		message(r);
	if (call == MK_REPLY_RECEIVE && kind & 0x40)
		r[14] = handle_of(PORT, kind & 3);
}

/* ---- What a refused call may not change ---- */

static u64 digest(void)
{
	u64 hash = 14695981039346656037u;
	u32 kept = current->frame.r[0];
	const struct { const void *at; size_t bytes; } parts[] = {
		{ tasks, 24 * sizeof *tasks }, { spaces, 16 * sizeof *spaces }, { devices, 8 * sizeof *devices }, { &pages_free, 4 },
		{ &objects_alive, 4 }, { queues, sizeof queues }, { users, HOST_PAGES * sizeof *users }, { &irqs_on, 8 }, { &irqs_raised, 8 },
		{ &alarms, sizeof alarms },
	};

	current->frame.r[0] = 0;
	for (size_t i = 0; i < COUNT(parts); i++)
		for (size_t k = 0; k < parts[i].bytes / sizeof(u32); k++)
			hash = (hash ^ ((const u32 *)parts[i].at)[k]) * 1099511628211u;
	current->frame.r[0] = kept;
	return hash;
}

static bool refused(u32 call, int result, u32 timeout)
{
	if (call >= MK_SEND && call <= MK_REPLY_RECEIVE) /* what could not be delivered is the sender's loss, not a refusal */
		return false;
	if (timeout && (call == MK_MAP || call == MK_UNMAP || call == MK_MOVE || call == MK_DEVICE_MAP)) /* half way already */
		return false;
	return result == MK_EHANDLE || result == MK_EARGUMENT || result == MK_ERIGHT || result == MK_EADDRESS || result == MK_ECALL ||
	       result == MK_EFULL || result == MK_EBUSY;
}

/* Once, or again where it stopped for an interrupt and the task goes on. */
static void call(struct task *t)
{
	u32 number = call_number(), slot = number < MK_CALLS ? number : MK_CALLS, *r = t->frame.r, pc = t->frame.pc;
	bool again;

	arguments(number, r);
	do {
		u64 before = digest();
		u32 timeout = r[12] >> 8;
		int result = system_calls[slot](t, r);

		if (result != NO_RESULT)
			r[0] = (u32)result;
		if (refused(number, result, timeout) && digest() != before) {
			fprintf(stderr, "call %u was refused with %d and changed something\n", number, result);
			abort();
		}
		again = t->frame.pc != pc;
		t->frame.pc = pc;
		host_counter += byte() * 40; /* as time goes by in the task */
		irq_take();
		work_run();
		check_all(false);
	} while (again && schedule() == t);
}

static void machine_ends(void)
{
	for (u32 i = 1; i < MK_TASKS; i++)
		if (tasks[i].object.kind == TASK && !tasks[i].object.dead)
			task_end(&tasks[i], 0);
	work_run();
	for (u32 i = 1; i < MK_SPACES; i++) /* those without a task, whose names are in each other */
		if (spaces[i].object.kind == SPACE && !spaces[i].object.dead)
			space_end(&spaces[i]);
	work_run();
	for (u32 i = 0; i < boot_info.devices; i++)
		if (devices[i].port)
			object_drop(&devices[i].port->object);
	if (objects_alive || !list_empty(&alarms) || pages_free != HOST_PAGES - host_first_page - HOST_INITRD_PAGES - slab_pages()) {
		fprintf(stderr, "left at the end: %u objects, %u pages free\n", objects_alive, pages_free);
		abort();
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	void *ram = mmap((void *)(uintptr_t)BOARD_RAM, HOST_PAGES * MK_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	(void)argc, (void)argv;
	if (ram != (void *)(uintptr_t)BOARD_RAM) {
		perror("mmap");
		exit(1);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	volatile u32 left = MOST_CALLS;

	input = data;
	input_end = data + count;
	machine();
	if (!setjmp(over))
		for (; input < input_end && left--; check_all(left % 4 == 0)) /* names and pages take long to count */
			call(schedule());
	check_all(true);
	machine_ends();
	return 0;
}
