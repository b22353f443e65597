/* The console server: readers that are gone before there is a line. */
#include "trial.h"

#define URGENT 12                 /* as who sits at the console */
#define READERS 40u
#define PATIENCE_US 50000
#define AT_WORK_US 300000         /* after the sign; the work takes longer */
#define SIGN "/now"

static volatile unsigned gone;

static void read_and_go(void *console)
{
	struct mk_message m = { .tag = MK_TAG(CONSOLE_READ, 0) };

	mk_call((unsigned)console, &m, PATIENCE_US);
	gone++;
}

/* When there is a file of that name, those who made it are at work and do not read. */
static void await_sign(void *console)
{
	unsigned ramfs = server("ramfs");

	memcpy(pages, SIGN, strlen(SIGN));
	while (call(ramfs, MK_TAG(FILES_STATUS, 9) | MK_TAG_GRANT, strlen(SIGN), 0, 0, 0, MK_READ))
		mk_sleep(5000);
	mk_sleep(AT_WORK_US);
	for (unsigned i = 0; i < READERS; i++)
		mk_thread(read_and_go, console, URGENT);
}

static void readers(void)
{
	mk_thread(await_sign, (void *)server("console"), URGENT);
	while (gone < READERS)
		mk_sleep(1000);
}

static void wrong_calls(void)
{
	unsigned console = server("console"), write = MK_TAG(CONSOLE_WRITE, 9) | MK_TAG_GRANT;

	expect("more than the pages", call(console, write, SIZE + 1, 0, 0, 0, MK_READ), MK_EARGUMENT);
	expect("a length that wraps", call(console, write, 0xffffffff, 0, 0, 0, MK_READ), MK_EARGUMENT);
	expect("no pages", call(console, MK_TAG(CONSOLE_WRITE, 9), 1, 0, 0, 0, MK_READ), MK_EARGUMENT);
	expect("nothing", call(console, MK_TAG(CONSOLE_WRITE, 0), 0, 0, 0, 0, 0), MK_EARGUMENT);
	expect("reading with pages", call(console, MK_TAG(CONSOLE_READ, 9) | MK_TAG_GRANT, 0, 0, 0, 0, BOTH), MK_ECALL);
}

const struct trial console_trials[] = { { "console-readers", readers }, { "console-wrong", wrong_calls }, { 0 } };
