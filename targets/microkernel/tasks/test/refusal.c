/* Every system call, with handles that are none, of other kinds, without the right, of what is gone; and with numbers and addresses
 * out of their range: refused, with nothing changed. */
#include "test.h"

enum kind { TASK, SPACE, PORT, SEMAPHORE, MUTEX, TIMER, DEVICE, KINDS };

static unsigned own[KINDS], without_rights[KINDS], gone;
static const _Alignas(4) char name[8] = "refused";

/* A system call by its number, with registers as they are. */
static int call(unsigned number, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e)
{
	register unsigned r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c, r3 __asm__("r3") = d, r4 __asm__("r4") = e;
	register unsigned r12 __asm__("r12") = number;

	__asm__ volatile("svc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4), "+r"(r12)::"r5", "r6", "r7", "r8", "r9", "r10", "r11", "memory");
	return (int)r0;
}

static void nothing(void *unused) { (void)unused; }

static void handles_make(void)
{
	own[TASK] = (unsigned)mk_thread_make(nothing, NULL, 1);
	own[SPACE] = (unsigned)mk_space_create(8, MK_NONE, 0, name, HIGHEST);
	own[PORT] = (unsigned)mk_port_create();
	own[SEMAPHORE] = (unsigned)mk_sem_create(1);
	own[MUTEX] = (unsigned)mk_mutex_create();
	own[TIMER] = (unsigned)mk_timer_create(own[PORT], 1);
	own[DEVICE] = device(MK_DEVICE_SPARE);
	for (unsigned k = 0; k < KINDS; k++)
		without_rights[k] = (unsigned)mk_give(MK_SELF, own[k], 0);
	gone = (unsigned)mk_port_create(); /* who keeps the right to send has a port that nobody can receive from */
	unsigned send = (unsigned)mk_give(MK_SELF, gone, MK_RIGHT_SEND);

	mk_drop(gone);
	gone = send;
}

static void handles_drop(void)
{
	mk_task_kill(own[TASK]);
	for (unsigned k = 0; k < KINDS; k++) {
		mk_drop(without_rights[k]);
		if (k != DEVICE)
			mk_drop(own[k]);
	}
	mk_drop(gone);
}

/* The calls whose first register is a handle; needs: a right that without_rights lacks. */
static const struct { unsigned number; enum kind kind; bool needs; } first[] = {
	{ MK_SEND, PORT, true }, { MK_RECEIVE, PORT, true }, { MK_CALL, PORT, true }, { MK_NOTIFY, PORT, true },
	{ MK_TASK_CREATE, SPACE, true }, { MK_TASK_START, TASK, true }, { MK_TASK_KILL, TASK, true }, { MK_TASK_PRIORITY, TASK, true },
	{ MK_SPACE_KILL, SPACE, true }, { MK_SPACE_STATUS, SPACE, false }, { MK_MAP, SPACE, true }, { MK_UNMAP, SPACE, true },
	{ MK_MOVE, SPACE, true }, { MK_GIVE, SPACE, true }, { MK_SEM_UP, SEMAPHORE, true }, { MK_SEM_DOWN, SEMAPHORE, true },
	{ MK_MUTEX_LOCK, MUTEX, true }, { MK_MUTEX_UNLOCK, MUTEX, true }, { MK_TIMER_CREATE, PORT, true }, { MK_TIMER_SET, TIMER, true },
	{ MK_DEVICE_MAP, DEVICE, true }, { MK_IRQ_BIND, DEVICE, true }, { MK_IRQ_ACK, DEVICE, true }, { MK_IRQ_RAISE, DEVICE, true },
	{ MK_PHYSICAL, DEVICE, true }, { MK_SHUTDOWN, DEVICE, true },
};

static void forged_handles(void)
{
	static const unsigned forged[] = { MK_NONE, MK_HANDLES, MK_HANDLES + 1, 100, 0x80000000u, 0x7fffffffu, 0xfffffffeu, 256 };
	struct counts before;

	handles_make();
	before = counts_now();
	for (unsigned i = 0; i < MK_COUNT(first); i++) {
		for (unsigned f = 0; f < MK_COUNT(forged); f++)
			check_is(call(first[i].number, forged[f], 0, 1, 1, 0), MK_EHANDLE, "forged", (int)first[i].number, "result");
		for (unsigned k = 0; k < KINDS; k++)
			if (k != first[i].kind)
				check_is(call(first[i].number, own[k], 0, 1, 1, 0), MK_EHANDLE, "other kind", (int)first[i].number, "result");
		if (first[i].needs)
			check_is(call(first[i].number, without_rights[first[i].kind], 0, 1, 1, 0), MK_ERIGHT, "no right",
				 (int)first[i].number, "result");
		if (first[i].kind == PORT && first[i].number != MK_RECEIVE)
			check_is(call(first[i].number, gone, 0, 1, 1, 0), MK_EDEAD, "gone", (int)first[i].number, "result");
	}
	IS(call(MK_GIVE, own[SPACE], 100, 0, 0, 0), MK_EHANDLE);
	IS(call(MK_GIVE, own[SPACE], MK_HANDLES, 0, 0, 0), MK_EHANDLE);
	IS(call(MK_GIVE, own[SPACE], without_rights[PORT], MK_RIGHT_SEND, 0, 0), MK_ERIGHT);
	IS(call(MK_GIVE, own[SPACE], own[PORT], 16, 0, 0), MK_ERIGHT);
	IS(call(MK_IRQ_BIND, own[DEVICE], own[SEMAPHORE], 1, 0, 0), MK_EHANDLE);
	IS(call(MK_IRQ_BIND, own[DEVICE], without_rights[PORT], 1, 0, 0), MK_ERIGHT);
	IS(call(MK_SPACE_CREATE, 8, own[SEMAPHORE], 1, 0, 0), MK_EHANDLE);
	IS(call(MK_SPACE_CREATE, 8, without_rights[PORT], 1, 0, 0), MK_ERIGHT);
	IS(call(MK_DROP, MK_SELF, 0, 0, 0, 0), MK_EHANDLE);
	IS(call(MK_DROP, 100, 0, 0, 0, 0), MK_EHANDLE);
	IS(call(MK_DROP, MK_NONE, 0, 0, 0, 0), MK_EHANDLE);
	counts_same(&before, "forged handles");
	handles_drop();
}

static void numbers(void)
{
	struct counts before;

	handles_make();
	before = counts_now();
	for (unsigned n = MK_CALLS; n < 256; n++)
		IS(call(n, 0, 0, 0, 0, 0), MK_ECALL);
	IS(call(MK_TASK_CREATE, MK_SELF, 0x10000, MK_STACK_TOP, 0, MK_PRIORITIES), MK_EARGUMENT);
	IS(call(MK_TASK_CREATE, MK_SELF, 0x10000, MK_STACK_TOP, 0, MK_NONE), MK_EARGUMENT);
	IS(call(MK_TASK_CREATE, MK_SELF, MK_USER_END, MK_STACK_TOP, 0, 1), MK_EARGUMENT);
	IS(call(MK_TASK_CREATE, MK_SELF, 0xf0000000u, MK_STACK_TOP, 0, 1), MK_EARGUMENT);
	IS(call(MK_TASK_CREATE, MK_SELF, 0x10000, MK_STACK_TOP + 4, 0, 1), MK_EARGUMENT);
	IS(call(MK_TASK_CREATE, MK_SELF, 0x10000, MK_USER_END + 8, 0, 1), MK_EARGUMENT);
	IS(call(MK_TASK_PRIORITY, own[TASK], MK_PRIORITIES, 0, 0, 0), MK_EARGUMENT);
	IS(call(MK_SPACE_CREATE, 0, MK_NONE, 0, 0, 0), MK_EARGUMENT);
	IS(call(MK_SPACE_CREATE, 1, MK_NONE, 0, 0, 0), MK_EARGUMENT);
	IS(call(MK_SEM_CREATE, 0x80000000u, 0, 0, 0, 0), MK_EARGUMENT);
	IS(call(MK_TIMER_SET, own[TIMER], 1, MK_TIMEOUT_MAX_US + 1, 0, 0), MK_EARGUMENT);
	IS(call(MK_TIMER_SET, own[TIMER], 1, MK_PERIOD_MIN_US - 1, 0, 0), MK_EARGUMENT);
	IS(call(MK_DEVICE_MAP, device(MK_DEVICE_MACHINE), 0x30000000, 0, 0, 0), MK_EARGUMENT);
	IS(call(MK_IRQ_BIND, device(MK_DEVICE_MACHINE), own[PORT], 1, 0, 0), MK_EARGUMENT);
	IS(call(MK_IRQ_RAISE, device(MK_DEVICE_MACHINE), 0, 0, 0, 0), MK_EARGUMENT);
	IS(call(MK_SHUTDOWN, own[DEVICE], 0, 0, 0, 0), MK_EARGUMENT);
	IS(call(MK_INFO, 99, 0, 0, 0, 0), MK_EARGUMENT);
	IS(call(MK_INFO, MK_NONE, 0, 0, 0, 0), MK_EARGUMENT);
	counts_same(&before, "numbers");
	handles_drop();
}

static void addresses(void)
{
	static const unsigned wrong[] = { 0, 1, 0x10001, 0xfff, MK_USER_END, MK_USER_END + MK_PAGE, 0x80000000u, 0xfffff000u, 0xffffffffu };
	struct counts before = counts_now();
	unsigned text = 0x10000, here = (unsigned)mk_region(2);

	for (unsigned i = 0; i < MK_COUNT(wrong); i++) {
		IS(call(MK_MAP, MK_SELF, wrong[i], 1, MK_READ, 0), MK_EARGUMENT);
		IS(call(MK_UNMAP, MK_SELF, wrong[i], 1, 0, 0), MK_EARGUMENT);
		IS(call(MK_MOVE, MK_SELF, wrong[i], here, 1, MK_READ), MK_EARGUMENT);
		IS(call(MK_MOVE, MK_SELF, here, wrong[i], 1, MK_READ), MK_EARGUMENT);
		IS(call(MK_WINDOW, wrong[i], 1, 0, 0, 0), MK_EARGUMENT);
		IS(call(MK_DEVICE_MAP, device(MK_DEVICE_INITRD), wrong[i], 0, 0, 0), MK_EARGUMENT);
	}
	IS(call(MK_MAP, MK_SELF, here, 0, MK_READ, 0), MK_EARGUMENT);
	IS(call(MK_MAP, MK_SELF, here, 0x40000, MK_READ, 0), MK_EARGUMENT);
	IS(call(MK_MAP, MK_SELF, here, MK_NONE, MK_READ, 0), MK_EARGUMENT);
	for (unsigned protection = 0; protection < 16; protection++)
		if (protection != MK_READ && protection != (MK_READ | MK_WRITE) && protection != (MK_READ | MK_EXECUTE))
			IS(call(MK_MAP, MK_SELF, here, 1, protection, 0), MK_EARGUMENT);
	IS(call(MK_MAP, MK_SELF, text, 1, MK_READ, 0), MK_EADDRESS);
	IS(call(MK_WINDOW, text, 1, 0, 0, 0), MK_EADDRESS);
	IS(call(MK_MOVE, MK_SELF, here, here, 1, MK_READ), MK_EADDRESS);
	IS(call(MK_MOVE, MK_SELF, here, text, 1, MK_READ), MK_EADDRESS); /* read-only */
	IS(call(MK_PHYSICAL, device(MK_DEVICE_SPARE), here, 0, 0, 0), MK_EADDRESS);
	IS(call(MK_PHYSICAL, device(MK_DEVICE_SPARE), 0xf0000000u, 0, 0, 0), MK_EADDRESS);
	IS(mk_log((const char *)0x40010000u, 4), MK_EADDRESS);
	IS(mk_log((const char *)0, 4), MK_EADDRESS);
	IS(mk_log((const char *)0xfffffff0u, 64), MK_EADDRESS);
	IS(mk_log((const char *)MK_STACK_TOP - 2, 4), MK_EADDRESS);
	IS(mk_log((const char *)text, 1025), MK_EARGUMENT);
	IS(mk_log((const char *)text, 0xffffffffu), MK_EARGUMENT);
	counts_same(&before, "addresses");
}

static void tags(void)
{
	static const unsigned wrong[] = { 11, 15, 9 | MK_TAG_HANDLE, 0 | MK_TAG_HANDLE, 8 | MK_TAG_GRANT, MK_TAG_NOTIFIED, 0x80, 0x8000, 0xfff0 };
	unsigned port = (unsigned)mk_port_create();
	struct counts before = counts_now();

	for (unsigned i = 0; i < MK_COUNT(wrong); i++) {
		struct mk_message m = { .tag = wrong[i] };

		IS(mk_send(port, &m, 100), MK_EARGUMENT);
		IS(mk_call(port, &m, 100), MK_EARGUMENT);
		IS(mk_reply(0x101, &m), MK_EARGUMENT);
	}
	counts_same(&before, "tags");
	mk_drop(port);
}

static void tokens(void)
{
	static const unsigned forged[] = { 0, 1, 2, 0x101, 0x7fffffff, 0x80000001u, 0xffffffffu };
	struct mk_message m = { 0 };

	for (unsigned i = 0; i < MK_COUNT(forged); i++)
		IS(mk_reply(forged[i], &m), MK_EDEAD);
}

const struct test refusal_tests[] = {
	{ "forged_handles", forged_handles }, { "numbers", numbers }, { "addresses", addresses }, { "tags", tags }, { "tokens", tokens }, { 0 },
};
