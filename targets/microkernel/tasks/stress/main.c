/* 64 tasks in 8 spaces exchange messages while a timer interrupts each 100 us. Counted are messages that are lost, deadlines that
 * are missed, and tasks that get nowhere: there must be none.
 *
 * Each space has four servers on one port, and four clients that call and send to each space's in turn. The program that the
 * command line starts is the first space, starts the others, and reports; ms= is for how long, in virtual time, work_us= for how
 * long a client computes between messages. */
#include "../lib/mk.h"
#include "../lib/periods.h"

#define SPACES 8u
#define CLIENTS 4u
#define SERVERS 4u
#define CLIENT_PRIORITY 8
#define SERVER_PRIORITY 10
#define DEADLINE_PRIORITY 30
#define PERIOD_US 100
#define WINDOW_US 250000          /* in which each task must get somewhere */

enum { MESSAGE, START, STOP, TOLD };

/* What MESSAGE has: word 0 the sender's number for it, word 1 what to add for the answer. */
struct tally { unsigned sent, received, sent_sum, received_sum, wrong, starved, turns[CLIENTS + SERVERS]; };

static struct tally mine;
static unsigned ports[SPACES], number, starter, work_us;
static volatile bool stopping;

/* ---- Clients and servers ---- */

static void exchange(unsigned client, unsigned turn)
{
	bool sends = turn % 16 == 5;
	struct mk_message m = { .tag = MK_TAG(MESSAGE, turn % 4 == 3 ? 10 : 2) };
	unsigned word = client << 24 ^ turn;
	int error;

	m.word[0] = word;
	m.word[1] = number;
	mine.sent++;
	mine.sent_sum += word;
	error = sends ? mk_send(ports[turn % SPACES], &m, 0) : mk_call(ports[turn % SPACES], &m, 0);
	mine.wrong += error != 0 || (!sends && m.word[0] != word + number);
}

/* 1000 instructions a microsecond, two a turn. */
static void work(void)
{
	unsigned turns = work_us * 500;

	__asm__ volatile("1: subs %0, %0, #1\n\tbhi 1b" : "+r"(turns)::"cc");
}

static void client(void *which)
{
	unsigned n = (unsigned)which;

	mk_sem_down(starter, 0);
	while (!stopping) {
		exchange(number * CLIENTS + n, mine.turns[n]++);
		work();
	}
}

/* All servers of a space add to one tally, for one is not preempted by another: they wait more often than a quantum is long. */
static void server(void *which)
{
	unsigned n = CLIENTS + (unsigned)which, token = 0;
	struct mk_message m = { 0 };

	for (;;) {
		token = (unsigned)mk_reply_receive(token, &m, ports[number], 0);
		switch (MK_LABEL(m.tag)) {
		case MESSAGE:
			mine.received++;
			mine.received_sum += m.word[0];
			mine.turns[n]++;
			m.word[0] += m.word[1];
			break;
		case START:
			for (unsigned i = 0; i < CLIENTS; i++)
				mk_sem_up(starter);
			break;
		case STOP:
			stopping = true;
			break;
		default:
			memcpy(m.word, &mine, 6 * sizeof *m.word);
			m.tag = MK_TAG(TOLD, 6);
		}
	}
}

/* ---- Starvation: looked at by each program's first task ---- */

static void watch(void)
{
	unsigned before[CLIENTS + SERVERS];

	while (!stopping) {
		memcpy(before, mine.turns, sizeof before);
		mk_sleep(WINDOW_US);
		for (unsigned i = 0; i < CLIENTS + SERVERS && !stopping; i++)
			mine.starved += before[i] == mine.turns[i];
	}
}

/* ---- Deadlines: a notification each period must be seen before the next is due ---- */

static struct mk_periods timer = { .period_us = PERIOD_US };

/* ---- The programs ---- */

static void name_of(unsigned n, char *name)
{
	mk_format(name, 8, "stress%u", n);
}

static void tasks_start(void)
{
	char name[8];

	starter = (unsigned)mk_sem_create(0);
	ports[number] = (unsigned)mk_port_create();
	for (unsigned i = 0; i < SERVERS; i++)
		mk_thread(server, (void *)i, SERVER_PRIORITY);
	name_of(number, name);
	if (mk_name_register(name, ports[number], false))
		mk_fail("stress: cannot register %s", name);
	for (unsigned n = 0; n < SPACES; n++)
		if (n != number) {
			name_of(n, name);
			ports[n] = (unsigned)mk_name_find(name, 0);
		}
	for (unsigned i = 0; i < CLIENTS; i++)
		mk_thread(client, (void *)i, CLIENT_PRIORITY);
}

static void tell_all(unsigned label)
{
	for (unsigned n = 0; n < SPACES; n++) {
		struct mk_message m = { .tag = MK_TAG(label, 0) };

		if (mk_call(ports[n], &m, 0))
			mk_fail("stress: space %u does not answer", n);
	}
}

static struct tally sum_up(void)
{
	struct tally all = { 0 };

	for (unsigned n = 0; n < SPACES; n++) {
		struct mk_message m = { .tag = MK_TAG(TOLD, 0) };

		mk_call(ports[n], &m, 0);
		all.sent += m.word[0];
		all.received += m.word[1];
		all.sent_sum += m.word[2];
		all.received_sum += m.word[3];
		all.wrong += m.word[4];
		all.starved += m.word[5];
	}
	return all;
}

static void print_figure(const char *name, unsigned value, const char *unit, const char *better, const char *summary)
{
	mk_print("%s{\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", \"labels\": {}, \"samples\": [%u], \"summary\": \"%s\"}",
		 strcmp(name, "messages") ? ",\n" : "", name, unit, better, value, summary);
}

static void report(unsigned ms, const struct tally *all)
{
	unsigned lost = all->sent - all->received;

	if (!lost && all->sent_sum != all->received_sum)
		lost = 1;
	mk_print("@@KXBENCH BEGIN@@\n{\"schema\": 1, \"program\": \"stress\", \"clock\": \"icount\", \"params\": {\"ms\": %u, \"work_us\": %u},\n\"metrics\": [\n", ms, work_us);
	print_figure("messages", all->sent, "1", "neither", "sent and called, by 32 clients to 32 servers in 8 spaces");
	print_figure("lost_messages", lost, "1", "lower", "sent, but not received");
	print_figure("wrong_answers", all->wrong, "1", "lower", "calls with an error, or the answer to another");
	print_figure("periods", timer.seen, "1", "neither", "of the timer, 100 us each");
	print_figure("missed_deadlines", timer.missed, "1", "lower", "periods that were not seen before the next was due");
	print_figure("latest", mk_periods_latest_ns(&timer), "instructions", "lower", "longest from a period's begin until its task went on");
	print_figure("starved_tasks", all->starved, "1", "lower", "tasks without a turn in 250 ms");
	print_figure("switches", (unsigned)mk_info(MK_INFO_SWITCHES), "1", "neither", "from task to task");
	mk_print("\n]}\n@@KXBENCH END@@\n@@MK EXIT stress 0@@\n");
}

/* Above all others, so that it is in time. */
static void lead(void *unused)
{
	unsigned ms = mk_option_number("ms", 1000);
	struct tally all;

	(void)unused;
	tell_all(START);
	mk_thread(mk_periods_watch, &timer, DEADLINE_PRIORITY);
	for (unsigned i = 0; i < ms; i += 100)
		mk_sleep(100000);
	timer.stop = true;
	tell_all(STOP);
	mk_sleep(WINDOW_US);
	all = sum_up();
	report(ms, &all);
	mk_shutdown(mk_started->device[0].handle);
}

int main(void)
{
	char line[40];

	number = mk_option_number("role", 0);
	work_us = mk_option_number("work_us", 20);
	for (unsigned n = 1; n < SPACES && !number; n++) {
		mk_format(line, sizeof line, "stress role=%u work_us=%u", n, work_us);
		if (mk_spawn(line, 12) < 0)
			mk_fail("stress: cannot start space %u", n);
	}
	tasks_start();
	if (!number)
		mk_thread(lead, NULL, DEADLINE_PRIORITY - 1);
	watch();
	for (;;)
		mk_sleep(1000000); /* servers go on until the machine is off */
}
