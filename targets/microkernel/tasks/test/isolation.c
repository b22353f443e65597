/* A task that reaches for what is not its space's dies alone, and is told of. */
#include "test.h"

#define KERNEL 0x40010000u
#define DEVICE 0xf9000000u        /* where the kernel sees the PL011 */
#define EMPTY 0x30000000u

static void reads(unsigned at)
{
	(void)*(volatile unsigned *)at;
	mk_exit(0);
}

static void writes(unsigned at)
{
	*(volatile unsigned *)at = 1;
	mk_exit(0);
}

static void executes(unsigned at)
{
	((void (*)(void))at)();
	mk_exit(0);
}

static void privileged(unsigned unused)
{
	(void)unused;
	__asm__ volatile("mcr p15, 0, %0, c2, c0, 0" ::"r"(0)); /* TTBR0 */
	mk_exit(0);
}

static void undefined(unsigned unused)
{
	(void)unused;
	__asm__ volatile("udf #0");
	mk_exit(0);
}

/* cps is no instruction of user mode, and does nothing there: the interrupt that ends this comes nevertheless. */
static void masks_interrupts(unsigned unused)
{
	(void)unused;
	__asm__ volatile("cpsid aif");
	for (;;)
		;
}

static unsigned deeper(unsigned depth)
{
	volatile char frame[256];

	frame[depth % sizeof frame] = (char)depth;
	return depth == ~0u ? 0 : deeper(depth + 1) + (unsigned)frame[0];
}

static void overflows(unsigned unused) { mk_exit((int)deeper(unused)); }

static void dies(void (*run)(unsigned), unsigned argument, unsigned kind)
{
	struct counts before = counts_now();
	struct other o = other_make(64, HIGHEST);

	mk_drop(other_run(&o, run, argument, PRIORITY + 1));
	IS(other_ended(&o), MK_ENDED_FAULT | kind);
	counts_same(&before, "fault");
}

static void of_the_kernel(void)
{
	dies(reads, KERNEL, MK_FAULT_DATA);
	dies(reads, 0xffff0000u, MK_FAULT_DATA);
	dies(writes, KERNEL, MK_FAULT_DATA);
	dies(writes, DEVICE, MK_FAULT_DATA);
	dies(reads, DEVICE, MK_FAULT_DATA);
	dies(executes, KERNEL, MK_FAULT_PREFETCH);
}

static void of_others(void)
{
	static unsigned own = 1;

	dies(reads, (unsigned)&own, MK_FAULT_DATA); /* here there is one; there, nothing */
	dies(reads, 0, MK_FAULT_DATA);
	dies(reads, EMPTY, MK_FAULT_DATA);
	dies(writes, EMPTY, MK_FAULT_DATA);
	dies(executes, EMPTY, MK_FAULT_PREFETCH);
	dies(executes, 0, MK_FAULT_PREFETCH);
}

static void against_protection(void)
{
	dies(writes, 0x10000, MK_FAULT_DATA); /* its text */
	dies(executes, MK_STACK_TOP - 4, MK_FAULT_PREFETCH); /* its stack */
	dies(overflows, 0, MK_FAULT_DATA);
}

static void of_the_processor(void)
{
	dies(privileged, 0, MK_FAULT_UNDEFINED);
	dies(undefined, 0, MK_FAULT_UNDEFINED);
}

static void interrupts_stay_on(void)
{
	struct other o = other_make(64, HIGHEST);
	struct mk_status status;

	mk_drop(other_run(&o, masks_interrupts, 0, PRIORITY - 1));
	IS(mk_sleep(2000), 0);
	IS(mk_space_status(o.space, &status), 1);
	other_kill(&o);
}

static void writes_borrowed(unsigned handle)
{
	struct mk_message m;

	mk_window((void *)EMPTY, 1);
	mk_receive(handle, &m, 0);
	*(volatile unsigned *)EMPTY = 1;
	mk_exit(0);
}

static void read_only_grant(void)
{
	struct other o = other_make(64, HIGHEST);
	struct mk_message m = { .tag = MK_TAG(0, 9) | MK_TAG_GRANT };
	unsigned port = (unsigned)mk_port_create(), *page = mk_pages(1);

	mk_drop(other_run(&o, writes_borrowed, other_give(&o, port, MK_RIGHT_RECEIVE), PRIORITY + 1));
	m.word[7] = (unsigned)page | MK_READ;
	m.word[8] = 1;
	IS(mk_call(port, &m, 10000), MK_EDEAD);
	IS(*page, 0);
	IS(other_ended(&o), MK_ENDED_FAULT | MK_FAULT_DATA);
	mk_pages_free(page, 1);
	mk_drop(port);
}

const struct test isolation_tests[] = {
	{ "of_the_kernel", of_the_kernel }, { "of_others", of_others }, { "against_protection", against_protection },
	{ "of_the_processor", of_the_processor }, { "interrupts_stay_on", interrupts_stay_on }, { "read_only_grant", read_only_grant }, { 0 },
};
