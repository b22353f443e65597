/* Parses and bounds the command line. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

static const char usage[] =
	"usage: openloop --host ADDRESS --port N --requests FILE (--rate R | --closed) [options]\n"
	"  --duration S      measured part, default 5            --warmup S      before it, default 0.5\n"
	"  --connections N   default 50                          --pipeline N    most in flight on each, default 1\n"
	"  --arrivals KIND   uniform | poisson, default poisson  --choice KIND   round-robin | random\n"
	"  --seed N          of arrivals and choice              --timeout-ms N  default 2000\n"
	"  --drain-ms N      after the end, default the time-out --spin-us N     busy-poll window, default 50\n"
	"  --late-share X    saturated when p99 of own lateness is above X of p99 of latency, default 0.25\n"
	"  --timeline-ms N   also latency by intended time       --dry-run       only the schedule's hash\n";

_Noreturn void die(int code, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fputs("openloop: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(code);
}

static double number(const char *name, const char *text, double low, double high)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (end == text || *end || errno || !isfinite(value) || value < low || value > high)
		die(EXIT_USAGE, "--%s: '%s' is not a number in %g..%g", name, text, low, high);
	return value;
}

static uint64_t whole(const char *name, const char *text, uint64_t low, uint64_t high)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (end == text || *end || errno || text[0] < '0' || text[0] > '9' || value < low || value > high)
		die(EXIT_USAGE, "--%s: '%s' is not a whole number in %llu..%llu", name, text,
		    (unsigned long long)low, (unsigned long long)high);
	return value;
}

static int one_of(const char *name, const char *text, const char *first, const char *second)
{
	if (strcmp(text, first) == 0)
		return 0;
	if (strcmp(text, second) == 0)
		return 1;
	die(EXIT_USAGE, "--%s: '%s' is neither %s nor %s", name, text, first, second);
}

static uint64_t seconds(const char *name, const char *text, double low, double high)
{
	return (uint64_t)(number(name, text, low, high) * (double)NS_PER_S);
}

enum { HOST = 1, PORT, REQUESTS, RATE, CLOSED, DURATION, WARMUP, CONNECTIONS, PIPELINE, ARRIVALS, CHOICE, SEED,
       TIMEOUT, DRAIN, SPIN, LATE_SHARE, TIMELINE, DRY_RUN, HELP };

static const struct option names[] = {
	{"host", required_argument, NULL, HOST},
	{"port", required_argument, NULL, PORT},
	{"requests", required_argument, NULL, REQUESTS},
	{"rate", required_argument, NULL, RATE},
	{"closed", no_argument, NULL, CLOSED},
	{"duration", required_argument, NULL, DURATION},
	{"warmup", required_argument, NULL, WARMUP},
	{"connections", required_argument, NULL, CONNECTIONS},
	{"pipeline", required_argument, NULL, PIPELINE},
	{"arrivals", required_argument, NULL, ARRIVALS},
	{"choice", required_argument, NULL, CHOICE},
	{"seed", required_argument, NULL, SEED},
	{"timeout-ms", required_argument, NULL, TIMEOUT},
	{"drain-ms", required_argument, NULL, DRAIN},
	{"spin-us", required_argument, NULL, SPIN},
	{"late-share", required_argument, NULL, LATE_SHARE},
	{"timeline-ms", required_argument, NULL, TIMELINE},
	{"dry-run", no_argument, NULL, DRY_RUN},
	{"help", no_argument, NULL, HELP},
	{0},
};

static void set(struct options *o, int which, const char *name, const char *text)
{
	switch (which) {
	case HOST: o->host = text; break;
	case PORT: whole(name, text, 1, 65535); o->port = text; break;
	case REQUESTS: o->requests = text; break;
	case RATE: o->rate = number(name, text, 0.1, 1e8); break;
	case CLOSED: o->closed = true; break;
	case DURATION: o->duration_ns = seconds(name, text, 0.01, 86400); break;
	case WARMUP: o->warmup_ns = seconds(name, text, 0, 3600); break;
	case CONNECTIONS: o->connections = (uint32_t)whole(name, text, 1, 10000); break;
	case PIPELINE: o->pipeline = (uint32_t)whole(name, text, 1, 65536); break;
	case ARRIVALS: o->arrivals = (enum arrivals)one_of(name, text, "uniform", "poisson"); break;
	case CHOICE: o->choice = (enum choice)one_of(name, text, "round-robin", "random"); break;
	case SEED: o->seed = whole(name, text, 0, UINT64_MAX); break;
	case TIMEOUT: o->timeout_ns = whole(name, text, 1, 600000) * NS_PER_MS; break;
	case DRAIN: o->drain_ns = whole(name, text, 0, 600000) * NS_PER_MS; break;
	case SPIN: o->spin_ns = whole(name, text, 0, 1000000000) * NS_PER_US; break;
	case LATE_SHARE: o->late_share = number(name, text, 0, 1); break;
	case TIMELINE: o->timeline_ns = whole(name, text, 1, 60000) * NS_PER_MS; break;
	case DRY_RUN: o->dry_run = true; break;
	case HELP: fputs(usage, stdout); exit(0);
	default: die(EXIT_USAGE, "unknown or incomplete option; openloop --help shows them");
	}
}

static void resolve(struct options *o)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found;
	int bad = getaddrinfo(o->host, o->port, &hints, &found);

	if (bad)
		die(EXIT_USAGE, "--host: '%s' is not a numeric IPv4 or IPv6 address (%s)", o->host, gai_strerror(bad));
	memcpy(&o->address, found->ai_addr, found->ai_addrlen);
	o->address_length = found->ai_addrlen;
	freeaddrinfo(found);
}

void options_parse(struct options *o, int argc, char **argv)
{
	int which, index = 0;

	*o = (struct options){.duration_ns = 5 * NS_PER_S, .warmup_ns = NS_PER_S / 2, .drain_ns = NEVER,
			      .timeout_ns = 2 * NS_PER_S, .spin_ns = 50 * NS_PER_US, .connections = 50,
			      .pipeline = 1, .arrivals = ARRIVALS_POISSON, .seed = 1, .late_share = 0.25};
	opterr = 0;
	while ((which = getopt_long(argc, argv, "", names, &index)) != -1)
		set(o, which, names[index].name, optarg);
	if (optind != argc)
		die(EXIT_USAGE, "unexpected argument '%s'", argv[optind]);
	if (!o->requests)
		die(EXIT_USAGE, "--requests is needed");
	if (o->closed == (o->rate > 0))
		die(EXIT_USAGE, "exactly one of --rate and --closed is needed");
	if (o->dry_run && o->closed)
		die(EXIT_USAGE, "--dry-run needs --rate: a closed loop has no schedule");
	if ((uint64_t)o->connections * o->pipeline > 1u << 20)
		die(EXIT_USAGE, "--connections times --pipeline is above %u", 1u << 20);
	if (o->timeline_ns && (o->duration_ns / o->timeline_ns) > 1000000)
		die(EXIT_USAGE, "--timeline-ms: more than a million points in --duration");
	if (o->drain_ns == NEVER)
		o->drain_ns = o->timeout_ns;
	if (o->dry_run)
		return;
	if (!o->host || !o->port)
		die(EXIT_USAGE, "--host and --port are needed");
	resolve(o);
}
