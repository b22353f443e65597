/* Time: sleep, timers that keep step, the round robin's quantum. */
#include "test.h"

static uint64_t counts(unsigned us) { return (uint64_t)us * mk_counter_hz() / 1000000; }

static void sleep_lasts(void)
{
	static const unsigned lengths[] = { 1, 10, 100, 1000, 25000 };

	for (unsigned i = 0; i < MK_COUNT(lengths); i++) {
		uint64_t begin = mk_counter();
		unsigned slept;

		IS(mk_sleep(lengths[i]), 0);
		slept = (unsigned)(mk_counter() - begin);
		CHECK(slept >= counts(lengths[i]));
		CHECK(slept < counts(lengths[i] + 5));
	}
	IS(mk_sleep(0), 0);
}

static void busy(unsigned us)
{
	uint64_t until = mk_counter() + counts(us);

	while (mk_counter() < until)
		;
}

static void periods_do_not_drift(void)
{
	unsigned port = (unsigned)mk_port_create(), timer = (unsigned)mk_timer_create(port, 1);
	uint64_t begin = mk_counter(), now;
	struct mk_message m;

	IS(mk_timer_set(timer, 1000, 1000), 0);
	for (unsigned i = 1; i <= 100; i++) {
		IS(mk_receive(port, &m, 0), 0);
		now = mk_counter();
		CHECK(now >= begin + counts(i * 1000));
		CHECK(now < begin + counts(i * 1000 + 10));
		busy(i * 7 % 900);
	}
	mk_drop(timer);
	mk_drop(port);
}

static void missed_periods_are_one(void)
{
	unsigned port = (unsigned)mk_port_create(), timer = (unsigned)mk_timer_create(port, 1);
	uint64_t begin = mk_counter(), late;
	struct mk_message m;

	IS(mk_timer_set(timer, 1000, 1000), 0);
	busy(5500);
	IS(mk_receive(port, &m, 0), 0);
	IS(mk_receive(port, &m, 0), 0);
	late = mk_counter() - begin;
	CHECK(late >= counts(6000) && late < counts(6010)); /* in step with the first */
	IS(mk_timer_set(timer, 0, 0), 0);
	IS(mk_receive(port, &m, 3000), MK_ETIMEOUT);
	IS(mk_timer_set(timer, 500, 0), 0); /* once */
	IS(mk_receive(port, &m, 3000), 0);
	IS(mk_receive(port, &m, 3000), MK_ETIMEOUT);
	mk_drop(timer);
	IS(mk_receive(port, &m, 3000), MK_ETIMEOUT);
	mk_drop(port);
}

static volatile unsigned turns[3];

static void count(void *n)
{
	for (;;)
		turns[(unsigned)n]++;
}

static void round_robin_is_fair(void)
{
	unsigned tasks[3], least = ~0u, most = 0;

	for (unsigned i = 0; i < 3; i++) {
		turns[i] = 0;
		tasks[i] = thread(count, (void *)i, 5);
	}
	mk_sleep(9 * MK_QUANTUM_US);
	for (unsigned i = 0; i < 3; i++) {
		end(tasks[i]);
		least = turns[i] < least ? turns[i] : least;
		most = turns[i] > most ? turns[i] : most;
	}
	CHECK(least > 0 && most - least < most / 50);
}

static void real_time_runs_on(void)
{
	unsigned tasks[2];

	turns[0] = turns[1] = 0;
	for (unsigned i = 0; i < 2; i++)
		tasks[i] = thread(count, (void *)i, MK_REALTIME);
	mk_sleep(3 * MK_QUANTUM_US);
	CHECK(turns[0] > 0);
	IS(turns[1], 0);
	end(tasks[0]);
	end(tasks[1]);
}

const struct test time_tests[] = {
	{ "sleep_lasts", sleep_lasts }, { "periods_do_not_drift", periods_do_not_drift }, { "missed_periods_are_one", missed_periods_are_one },
	{ "round_robin_is_fair", round_robin_is_fair }, { "real_time_runs_on", real_time_runs_on }, { 0 },
};
