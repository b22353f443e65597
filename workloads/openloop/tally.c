/* Counts requests and prints the result. */
#include "tally.h"

#include <inttypes.h>
#include <math.h>

#include "clock.h"

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

static void head(const char *name, const char *unit, const char *better)
{
	printf("%s\n  {\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", \"labels\": {}, ", separator, name, unit, better);
	separator = ",";
}

static void print_distribution(const char *name, const char *better, const struct distribution *d)
{
	const char *comma = "";

	head(name, "ns", better);
	fputs("\"histogram\": {", stdout);
	for (unsigned int i = 0; i < KXB_BINS; i++) {
		if (!d->bins[i])
			continue;
		printf("%s\"%u\": %" PRIu64, comma, i, d->bins[i]);
		comma = ", ";
	}
	fputs("}}", stdout);
}

static void print_value(const char *name, const char *unit, const char *better, double value)
{
	head(name, unit, better);
	printf("\"samples\": [%.15g]}", value);
}

static void print_count(const char *name, const char *better, uint64_t value)
{
	print_value(name, "1", better, (double)value);
}

static void print_column(const struct tally *t, const char *name, const char *unit, const char *better,
			 double (*cell)(const struct tally *, uint64_t))
{
	const char *comma = "";

	head(name, unit, better);
	fputs("\"samples\": [", stdout);
	for (uint64_t i = 0; i < t->moments; i++) {
		if (!t->timeline[i].answered && !t->timeline[i].lost)
			continue;
		printf("%s%.15g", comma, cell(t, i));
		comma = ", ";
	}
	fputs("]}", stdout);
}

static double offset_of(const struct tally *t, uint64_t i) { return (double)(i * t->timeline_ns); }
static double worst_of(const struct tally *t, uint64_t i) { return (double)t->timeline[i].worst_ns; }
static double answered_of(const struct tally *t, uint64_t i) { return (double)t->timeline[i].answered; }
static double mean_of(const struct tally *t, uint64_t i)
{
	const struct moment *m = &t->timeline[i];

	return m->answered ? (double)m->sum_ns / (double)m->answered : (double)m->worst_ns;
}

static void print_rates(const struct tally *t, const struct options *o)
{
	double window = (double)(t->stopped_ns - t->from_ns), busy = 1;
	bool behind, saturated;

	if (window <= 0)
		window = 1;
	busy = 1 - (double)t->idle_ns / window;
	behind = !o->closed && (double)t->sends_inside < 0.99 * (double)t->scheduled;
	saturated = !o->closed &&
		    ((behind && busy > 0.95) ||
		     (t->latency.count && (double)distribution_percentile(&t->own_lateness, 99) >
						  o->late_share * (double)distribution_percentile(&t->latency, 99)));
	print_value("rate", "ops/s", "higher", (double)t->answers_inside * NS_PER_S / window);
	print_value("sent_rate", "ops/s", "neither", (double)t->sends_inside * NS_PER_S / window);
	if (!o->closed)
		print_value("offered_rate", "ops/s", "neither", (double)t->scheduled * NS_PER_S / window);
	print_count("behind", "neither", behind);
	print_count("saturated", "neither", saturated);
	print_value("busy_share", "1", "neither", busy < 0 ? 0 : busy);
	print_value("cpu_time", "ns", "neither", (double)t->cpu_ns);
}

void tally_print(const struct tally *t, const struct options *o, const char *protocol, bool interrupted)
{
	printf("@@KXBENCH BEGIN@@\n"
	       "{\"schema\": 1, \"program\": \"openloop\", \"clock\": \"monotonic\", \"params\": {\"protocol\": \"%s\", "
	       "\"mode\": \"%s\", \"rate_per_s\": %.15g, \"connections\": %u, \"pipeline\": %u, \"arrivals\": \"%s\", "
	       "\"choice\": \"%s\", \"seed\": %" PRIu64 ", \"spin_us\": %llu, \"late_share\": %g, "
	       "\"schedule_hash\": \"%016" PRIx64 "\", \"interrupted\": %s},\n \"metrics\": [",
	       protocol, o->closed ? "closed" : "open", o->rate, o->connections, o->pipeline,
	       o->arrivals == ARRIVALS_UNIFORM ? "uniform" : "poisson",
	       o->choice == CHOICE_ROUND_ROBIN ? "round-robin" : "random", o->seed, o->spin_ns / NS_PER_US,
	       o->late_share, t->schedule_hash, interrupted ? "true" : "false");
	print_distribution("latency", "lower", &t->latency);
	print_distribution("service", "lower", &t->service);
	print_distribution("lateness", "neither", &t->lateness);
	print_distribution("own_lateness", "neither", &t->own_lateness);
	print_count("sent", "neither", t->sent);
	print_count("received", "neither", t->received);
	print_count("errors_reply", "lower", t->refused);
	print_count("errors_malformed", "lower", t->losses[LOSS_MALFORMED]);
	print_count("errors_reset", "lower", t->losses[LOSS_RESET]);
	print_count("timeouts", "lower", t->losses[LOSS_TIMEOUT]);
	print_count("unanswered", "lower", t->losses[LOSS_UNANSWERED]);
	print_count("unsent", "lower", t->unsent);
	print_count("held", "neither", t->held);
	print_count("unsolicited", "lower", t->unsolicited);
	print_count("reconnects", "neither", t->reconnects);
	print_count("connect_failures", "lower", t->connect_failures);
	print_rates(t, o);
	if (t->timeline) {
		print_column(t, "timeline_offset", "ns", "neither", offset_of);
		print_column(t, "timeline_worst", "ns", "lower", worst_of);
		print_column(t, "timeline_mean", "ns", "lower", mean_of);
		print_column(t, "timeline_answered", "1", "neither", answered_of);
	}
	fputs("\n]}\n@@KXBENCH END@@\n", stdout);
	fflush(stdout);
}
