/* Counts requests and prints the result. */
#include "tally.h"

#include <inttypes.h>
#include <math.h>

#include "clock.h"

#define BUSY_SHARE 0.95	   /* behind and busier than this: the generator itself is the limit, or may be */
#define STARVED_SHARE 0.10 /* of the window without a CPU: its time stamps cannot be trusted */

uint64_t distribution_percentile(const struct distribution *d, double percent)
{
	uint64_t rank = (uint64_t)ceil(percent / 100 * (double)d->count), seen = 0;

	for (unsigned int i = 0; i < KXB_BINS && d->count; i++) {
		seen += d->bins[i];
		if (seen >= rank && seen > 0)
			return i < 16 ? i : (uint64_t)(16 + i % 16) << (i / 16 - 1);
	}
	return 0;
}

static struct moment *moment_of(struct tally *t, uint64_t intended)
{
	uint64_t i;

	if (!t->timeline)
		return NULL;
	i = (intended - t->from_ns) / t->timeline_ns;
	return i < t->moments ? &t->timeline[i] : NULL;
}

void tally_sent(struct tally *t, const struct flight *f)
{
	t->sends_inside += tally_inside(t, f->sent);
	if (!tally_inside(t, f->intended))
		return;
	t->sent++;
	t->held += f->ready > f->intended;
	distribution_add(&t->lateness, f->sent - f->intended);
	distribution_add(&t->own_lateness, f->sent - f->ready);
}

void tally_answer(struct tally *t, const struct flight *f, enum frame result, uint64_t at)
{
	struct moment *m;

	/* `at` is when epoll reported; a request sent and answered since then would be negative */
	if (at < f->sent)
		at = now_ns();
	t->answers_inside += result == FRAME_OK && tally_inside(t, at);
	if (!tally_inside(t, f->intended))
		return;
	if (result != FRAME_OK) {
		t->refused++;
		return;
	}
	t->received++;
	distribution_add(&t->latency, at - f->intended);
	distribution_add(&t->service, at - f->sent);
	m = moment_of(t, f->intended);
	if (m) {
		m->answered++;
		m->sum_ns += at - f->intended;
		if (at - f->intended > m->worst_ns)
			m->worst_ns = at - f->intended;
	}
}

void tally_loss(struct tally *t, const struct flight *f, enum loss loss, uint64_t at)
{
	struct moment *m;

	if (!tally_inside(t, f->intended))
		return;
	t->losses[loss]++;
	m = moment_of(t, f->intended);
	if (m) { /* a lost request waited at least this long */
		m->lost++;
		if (at - f->intended > m->worst_ns)
			m->worst_ns = at - f->intended;
	}
}

static const char *separator = "";

struct metric {
	const char *name, *unit, *better, *summary;
};

static void head(struct metric m)
{
	printf("%s\n  {\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", \"summary\": \"%s\", \"labels\": {}, ",
	       separator, m.name, m.unit, m.better, m.summary);
	separator = ",";
}

/* Nothing counted, nothing printed: an empty distribution has no percentiles to misread. */
static void print_distribution(struct metric m, const struct distribution *d)
{
	const char *comma = "";

	if (!d->count)
		return;
	head(m);
	fputs("\"histogram\": {", stdout);
	for (unsigned int i = 0; i < KXB_BINS; i++) {
		if (!d->bins[i])
			continue;
		printf("%s\"%u\": %" PRIu64, comma, i, d->bins[i]);
		comma = ", ";
	}
	fputs("}}", stdout);
}

static void print_value(struct metric m, double value)
{
	head(m);
	printf("\"samples\": [%.15g]}", value);
}

static void print_count(const char *name, const char *better, uint64_t value, const char *summary)
{
	print_value((struct metric){name, "1", better, summary}, (double)value);
}

static bool empty(const struct moment *m)
{
	return !m->answered && !m->lost;
}

static void print_column(const struct tally *t, struct metric m, double (*cell)(const struct tally *, uint64_t))
{
	const char *comma = "";

	head(m);
	fputs("\"samples\": [", stdout);
	for (uint64_t i = 0; i < t->moments; i++) {
		if (empty(&t->timeline[i]))
			continue;
		printf("%s%.15g", comma, cell(t, i));
		comma = ", ";
	}
	fputs("]}", stdout);
}

static double offset_of(const struct tally *t, uint64_t i)
{
	return (double)(i * t->timeline_ns);
}

static double worst_of(const struct tally *t, uint64_t i)
{
	return (double)t->timeline[i].worst_ns;
}

static double answered_of(const struct tally *t, uint64_t i)
{
	return (double)t->timeline[i].answered;
}

static double mean_of(const struct tally *t, uint64_t i)
{
	const struct moment *m = &t->timeline[i];

	return m->answered ? (double)m->sum_ns / (double)m->answered : (double)m->worst_ns;
}

static void print_timeline(const struct tally *t)
{
	uint64_t i = 0;

	while (i < t->moments && empty(&t->timeline[i]))
		i++;
	if (i == t->moments)
		return;
	print_column(t, (struct metric){"timeline_offset", "ns", "neither", "start of each slice of intended time that has requests"},
		     offset_of);
	print_column(t, (struct metric){"timeline_worst", "ns", "lower", "longest latency of the slice, lost requests included"},
		     worst_of);
	print_column(t, (struct metric){"timeline_mean", "ns", "lower", "mean latency of the slice"}, mean_of);
	print_column(t, (struct metric){"timeline_answered", "1", "neither", "good answers to requests of the slice"},
		     answered_of);
}

static void print_rates(const struct tally *t, const struct options *o)
{
	double window = (double)(t->stopped_ns - t->from_ns), busy;
	bool behind, late, starved;

	if (window <= 0)
		window = 1;
	busy = fmax(0, 1 - (double)t->idle_ns / window);
	behind = !o->closed && (double)t->sends_inside < 0.99 * (double)t->scheduled;
	late = !o->closed && t->latency.count &&
	       (double)distribution_percentile(&t->own_lateness, 99) >
		       o->late_share * (double)distribution_percentile(&t->latency, 99);
	starved = (double)t->run_delay_ns > STARVED_SHARE * window;
	print_value((struct metric){"rate", "ops/s", "higher", "good answers a second inside the window"},
		    (double)t->answers_inside * NS_PER_S / window);
	print_value((struct metric){"sent_rate", "ops/s", "neither", "requests sent a second inside the window"},
		    (double)t->sends_inside * NS_PER_S / window);
	if (!o->closed)
		print_value((struct metric){"offered_rate", "ops/s", "neither", "requests a second of the schedule"},
			    (double)t->scheduled * NS_PER_S / window);
	print_count("behind", "neither", behind, "1: sent under 99 % of the schedule, whoever was slow");
	print_count("saturated", "neither", late || starved || (behind && busy > BUSY_SHARE),
		    "1: the generator did not keep up; its figures say nothing about the server");
	print_value((struct metric){"busy_share", "1", "neither", "share of the window in which the generator was not waiting"},
		    busy);
	print_value((struct metric){"run_delay", "ns", "neither", "the generator could have run and had no CPU"},
		    (double)t->run_delay_ns);
	print_value((struct metric){"cpu_time", "ns", "neither", "CPU used by the generator inside the window"},
		    (double)t->cpu_ns);
}

static void print_head(const struct tally *t, const struct options *o, const char *protocol, bool interrupted)
{
	printf("@@KXBENCH BEGIN@@\n"
	       "{\"schema\": 1, \"program\": \"openloop\", \"clock\": \"monotonic\", \"params\": {\"protocol\": \"%s\", "
	       "\"mode\": \"%s\", \"rate_per_s\": %.15g, \"connections\": %u, \"pipeline\": %u, \"arrivals\": \"%s\", "
	       "\"choice\": \"%s\", \"seed\": \"%" PRIu64 "\", \"spin_us\": %llu, \"late_share\": %g, "
	       "\"schedule_hash\": \"%016" PRIx64 "\", \"interrupted\": %s},\n \"metrics\": [",
	       protocol, o->closed ? "closed" : "open", o->rate, o->connections, o->pipeline,
	       o->arrivals == ARRIVALS_UNIFORM ? "uniform" : "poisson",
	       o->choice == CHOICE_ROUND_ROBIN ? "round-robin" : "random", o->seed, o->spin_ns / NS_PER_US,
	       o->late_share, t->schedule_hash, interrupted ? "true" : "false");
}

void tally_print(const struct tally *t, const struct options *o, const char *protocol, bool interrupted)
{
	print_head(t, o, protocol, interrupted);
	print_distribution((struct metric){"latency", "ns", "lower", "from the intended send time to the answer"}, &t->latency);
	print_distribution((struct metric){"service", "ns", "lower", "from the real send time to the answer"}, &t->service);
	print_distribution((struct metric){"lateness", "ns", "neither", "from the intended to the real send time"},
			   &t->lateness);
	print_distribution((struct metric){"own_lateness", "ns", "neither", "lateness without the wait for a free connection"},
			   &t->own_lateness);
	print_count("sent", "neither", t->sent, "requests of the window that were sent");
	print_count("received", "neither", t->received, "good answers to them");
	print_count("errors_reply", "lower", t->refused, "RESP errors, HTTP statuses but 200, DNS rcodes or TC");
	print_count("errors_malformed", "lower", t->losses[LOSS_MALFORMED], "answers that are not the protocol");
	print_count("errors_reset", "lower", t->losses[LOSS_RESET], "in flight when the connection ended");
	print_count("timeouts", "lower", t->losses[LOSS_TIMEOUT], "no answer in time");
	print_count("unanswered", "lower", t->losses[LOSS_UNANSWERED], "in flight when the generator was stopped");
	print_count("unsent", "lower", t->unsent, "due in the window and never sent");
	print_count("held", "neither", t->held, "sent late because every connection was full");
	print_count("unsolicited", "lower", t->unsolicited, "data that answered nothing, in the whole run");
	print_count("reconnects", "neither", t->reconnects, "in the whole run");
	print_count("connect_failures", "lower", t->connect_failures, "in the whole run, after the start");
	print_rates(t, o);
	print_timeline(t);
	fputs("\n]}\n@@KXBENCH END@@\n", stdout);
	fflush(stdout);
}
