/* Open-loop load generator: sends pre-encoded requests at times fixed beforehand and measures each response from
 * the time its request was MEANT to be sent. See README.md. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "engine.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = number;
}

static void catch(int number)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

static void dry_run(const struct options *o, const struct requests *r)
{
	struct schedule s = {.arrivals = o->arrivals, .choice = o->choice, .gap_ns = (double)NS_PER_S / o->rate,
			     .end_ns = o->warmup_ns + o->duration_ns, .requests = r->count};
	struct arrival a;

	schedule_start(&s, o->seed);
	while (!stop && schedule_next(&s, &a))
		;
	printf("{\"schedule_hash\": \"%016llx\", \"requests\": %llu}\n", (unsigned long long)s.hash,
	       (unsigned long long)s.index);
}

int main(int argc, char **argv)
{
	static struct engine e;
	static const char *const protocols[] = {[PROTOCOL_RESP] = "resp", [PROTOCOL_HTTP] = "http", [PROTOCOL_DNS] = "dns"};
	struct options o;
	struct requests r;
	char why[200];
	int code;

	options_parse(&o, argc, argv);
	if (requests_load(&r, o.requests, why, sizeof(why)) < 0)
		die(EXIT_USAGE, "%s: %s", o.requests, why);
	catch(SIGINT);
	catch(SIGTERM);
	if (o.dry_run) {
		dry_run(&o, &r);
		requests_free(&r);
		return 0;
	}
	prctl(PR_SET_TIMERSLACK, 1UL); /* sleeps end when asked, not up to 50 us later */
	e.options = &o;
	e.requests = &r;
	e.transport = r.protocol == PROTOCOL_DNS ? &datagram_transport : &stream_transport;
	engine_open(&e);
	code = engine_run(&e, &stop);
	tally_print(&e.tally, &o, protocols[r.protocol], stop != 0);
	engine_close(&e);
	requests_free(&r);
	if (code)
		die(code, "%s port %s: the server went away and stayed away", o.host, o.port);
	return stop ? 128 + stop : 0;
}
