/* Pages lent with a call: what may be lent, who sees what, and how it ends. */
#include "test.h"

#define WAIT_US 2000

static unsigned port, seen_va, seen_word, window_at;
static int token_kept;
static char *page;

static void set_grant(struct mk_message *m, const void *at, unsigned protection, unsigned pages)
{
	*m = (struct mk_message){ .tag = MK_TAG(0, 9) | MK_TAG_GRANT };
	m->word[7] = (unsigned)at | protection;
	m->word[8] = pages;
}

/* Takes a call, looks at the page and, if it may, writes to it; answers when it is told to. */
static void borrow(void *answers)
{
	struct mk_message m = { 0 };

	mk_window((void *)window_at, 2);
	for (;;) {
		token_kept = mk_receive(port, &m, 0);
		seen_va = m.word[7];
		seen_word = *(volatile unsigned *)(seen_va & ~(MK_PAGE - 1));
		if (seen_va & MK_WRITE)
			*(volatile unsigned *)(seen_va & ~(MK_PAGE - 1)) = 99;
		if (!answers)
			break;
		m.tag = 0;
		mk_reply((unsigned)token_kept, &m);
	}
	mk_sleep(1000000);
}

static unsigned borrower(bool answers)
{
	port = (unsigned)mk_port_create();
	window_at = (unsigned)mk_region(2);
	page = mk_pages(3);
	*(unsigned *)page = 55;
	return thread(borrow, (void *)(unsigned)answers, PRIORITY + 1);
}

static void over(unsigned task)
{
	end(task);
	mk_pages_free(page, 3);
	mk_unmap(MK_SELF, window_at, 2);
	mk_drop(port);
}

static void lent_and_given_back(void)
{
	unsigned task = borrower(true);
	struct mk_message m;

	set_grant(&m, page, MK_READ | MK_WRITE, 1);
	IS(mk_call(port, &m, WAIT_US), 0);
	IS(seen_va, window_at | MK_READ | MK_WRITE);
	IS(seen_word, 55);
	IS(*(unsigned *)page, 99); /* the same page */
	IS(mk_log((const char *)window_at, 4), MK_EADDRESS); /* there no more */
	set_grant(&m, page, MK_READ, 2);
	IS(mk_call(port, &m, WAIT_US), 0);
	IS(seen_word, 99);
	over(task);
}

static void what_may_not_be_lent(void)
{
	unsigned task = borrower(true);
	struct counts before = counts_now();
	struct mk_message m;

	set_grant(&m, page, MK_READ, 3); /* the window has two */
	IS(mk_call(port, &m, WAIT_US), MK_EADDRESS);
	set_grant(&m, page, MK_READ, 0);
	IS(mk_call(port, &m, WAIT_US), MK_EARGUMENT);
	set_grant(&m, page, MK_READ, MK_GRANT_PAGES + 1);
	IS(mk_call(port, &m, WAIT_US), MK_EARGUMENT);
	set_grant(&m, page, MK_WRITE, 1);
	IS(mk_call(port, &m, WAIT_US), MK_EARGUMENT);
	set_grant(&m, page, MK_READ | MK_EXECUTE, 1);
	IS(mk_call(port, &m, WAIT_US), MK_EARGUMENT);
	set_grant(&m, page + 8, MK_READ, 1);
	IS(mk_call(port, &m, WAIT_US), MK_EARGUMENT);
	set_grant(&m, (const void *)0x40010000u, MK_READ, 1); /* the kernel's */
	IS(mk_call(port, &m, WAIT_US), MK_EARGUMENT);
	set_grant(&m, (const void *)(MK_USER_END - MK_PAGE), MK_READ, 2);
	IS(mk_call(port, &m, WAIT_US), MK_EARGUMENT);
	set_grant(&m, page + 2 * MK_PAGE, MK_READ, 2); /* its second page is not there */
	IS(mk_call(port, &m, WAIT_US), MK_EADDRESS);
	set_grant(&m, (const void *)0x10000, MK_READ | MK_WRITE, 1); /* not writable for oneself */
	IS(mk_call(port, &m, WAIT_US), MK_EADDRESS);
	set_grant(&m, page, MK_READ, 1);
	IS(mk_send(port, &m, WAIT_US), MK_EARGUMENT); /* a send has no end */
	counts_same(&before, "grants");
	over(task);
}

static void revoked(void)
{
	unsigned task = borrower(false), *shared = (unsigned *)window_at;
	struct mk_message m;

	set_grant(&m, page, MK_READ | MK_WRITE, 2);
	IS(mk_call(port, &m, WAIT_US), MK_ETIMEOUT); /* it does not answer */
	IS(*(unsigned *)page, 99);
	IS(*shared, 99);
	*(unsigned *)page = 1;
	IS(*shared, 1); /* still lent */
	IS(mk_revoke(), 2);
	IS(mk_revoke(), 0);
	*(unsigned *)page = 2;
	IS(*shared, 1); /* a copy */
	*shared = 3;
	IS(*(unsigned *)page, 2);
	over(task);
}

static void busy_window(void)
{
	unsigned task = borrower(false), again;
	struct mk_message m;

	set_grant(&m, page, MK_READ, 1);
	IS(mk_call(port, &m, WAIT_US), MK_ETIMEOUT);
	end(task);
	again = thread(borrow, NULL, PRIORITY + 1); /* its window is not free: it has none */
	set_grant(&m, page, MK_READ, 1);
	IS(mk_call(port, &m, WAIT_US), MK_EADDRESS);
	over(again);
}

/* Borrowed is not owned: it can be lent on or moved away by nobody. */
static void borrowed_is_not_owned(void)
{
	unsigned task = borrower(false), elsewhere = (unsigned)mk_region(1), borrowed = window_at, next;
	struct mk_message m;

	set_grant(&m, page, MK_READ | MK_WRITE, 1);
	IS(mk_call(port, &m, WAIT_US), MK_ETIMEOUT);
	IS(mk_move(MK_SELF, elsewhere, window_at, 1, MK_READ | MK_WRITE), MK_EADDRESS);
	IS(mk_move(MK_SELF, elsewhere, (unsigned)page, 1, MK_READ | MK_WRITE), MK_EADDRESS);
	window_at = (unsigned)mk_region(2);
	next = thread(borrow, (void *)1, PRIORITY + 1);
	set_grant(&m, (void *)borrowed, MK_READ, 1);
	IS(mk_call(port, &m, WAIT_US), MK_EADDRESS);
	set_grant(&m, page, MK_READ, 1); /* its owner may, for it could take it back */
	IS(mk_call(port, &m, WAIT_US), 0);
	end(next);
	mk_unmap(MK_SELF, borrowed, 2);
	over(task);
}

static void hold(unsigned handle)
{
	struct mk_message m;

	mk_window((void *)0x20000000, 1);
	mk_receive(handle, &m, 0);
	mk_sleep(5000);
	mk_exit(0);
}

static void lend_and_end(void *unused)
{
	struct mk_message m;

	(void)unused;
	set_grant(&m, page, MK_READ, 1);
	mk_call(port, &m, 1000);
}

static void one_side_ends(void)
{
	struct other o = other_make(64, HIGHEST);
	struct counts before;
	unsigned task;

	port = (unsigned)mk_port_create();
	page = mk_pages(1);
	before = counts_now();
	other_run(&o, hold, other_give(&o, port, MK_RIGHT_RECEIVE), PRIORITY + 1);
	task = thread(lend_and_end, NULL, PRIORITY + 1); /* its time-out is before the borrower's end */
	mk_drop(task);
	IS(other_ended(&o), 0);
	mk_pages_free(page, 1);
	mk_drop(port);
	CHECK(mk_info(MK_INFO_FREE_PAGES) >= before.pages);
}

const struct test grant_tests[] = {
	{ "lent_and_given_back", lent_and_given_back }, { "what_may_not_be_lent", what_may_not_be_lent }, { "revoked", revoked },
	{ "busy_window", busy_window }, { "borrowed_is_not_owned", borrowed_is_not_owned }, { "one_side_ends", one_side_ends }, { 0 },
};
