/* The monitor's command line. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "family.h"

static const char usage[] =
	"usage: monitor.elf --libos FILE --image FILE [options] -- PROGRAM ARGS...\n"
	"  --memory BYTES[K|M|G]   frames the family may hold (default: half of the host's memory)\n"
	"  --pvms N                pVMs alive at once (default 1000)      --pool N   idle vCPUs kept ready (default 4)\n"
	"  --cpus N                host CPUs the family may use (default: all it is given)\n"
	"  --hostname H  --cwd DIR  --env K=V (repeat)  --tty  --share HOST:GUEST[:rw] (repeat, at most 8)\n"
	"  --control PATH | --control-fd N   control socket (PROTOCOL.md)      --ready-fd N\n"
	"  --keep                  no first program; stay until 'destroy' on the control socket\n"
	"  --stats-fd N            statistics as JSON at the end      --quiet  no reports of faults on stderr\n"
	"  --debug                 log on stderr (also: KX_DEBUG=1)   --no-confine  for debugging only\n"
	"  --vm-per-pvm            each pVM in a KVM VM of its own (fewer fit: see README.md)\n"
	"  --no-shutdown-faults    page faults always by the exception stub\n"
	"exit status: the program's (128 + signal), 125 set-up trouble, 126/127 the program cannot be run\n";

enum { LIBOS = 256, IMAGE, SHARE, MEMORY, PVMS, CPUS, HOSTNAME, CONTROL, CONTROL_FD, READY_FD, KEEP, POOL, CWD, ENV, TTY,
	STATS_FD, NO_CONFINE, DEBUG, QUIET, NO_SHUTDOWN, VM_PER_PVM, HELP };

static const struct option options[] = {
	{ "libos", 1, NULL, LIBOS }, { "image", 1, NULL, IMAGE }, { "share", 1, NULL, SHARE }, { "memory", 1, NULL, MEMORY },
	{ "pvms", 1, NULL, PVMS }, { "cpus", 1, NULL, CPUS }, { "hostname", 1, NULL, HOSTNAME }, { "control", 1, NULL, CONTROL },
	{ "control-fd", 1, NULL, CONTROL_FD }, { "ready-fd", 1, NULL, READY_FD }, { "keep", 0, NULL, KEEP },
	{ "pool", 1, NULL, POOL }, { "cwd", 1, NULL, CWD }, { "env", 1, NULL, ENV }, { "tty", 0, NULL, TTY },
	{ "stats-fd", 1, NULL, STATS_FD }, { "no-confine", 0, NULL, NO_CONFINE }, { "debug", 0, NULL, DEBUG },
	{ "quiet", 0, NULL, QUIET }, { "no-shutdown-faults", 0, NULL, NO_SHUTDOWN }, { "vm-per-pvm", 0, NULL, VM_PER_PVM },
	{ "help", 0, NULL, HELP }, { 0 } };

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned shift = 0;

	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	if (end != text && *end && !end[1])
		shift = tolower(*end) == 'k' ? 10 : tolower(*end) == 'm' ? 20 : tolower(*end) == 'g' ? 30 : 0;
	if (errno || end == text || !isdigit((unsigned char)*text) || end[shift ? 1 : 0] || n > most >> shift || n << shift < least)
		die("--%s %s: give a number from %llu to %llu", name, text, (unsigned long long)least, (unsigned long long)most);
	return n << shift;
}

/* HOST:GUEST[:rw|:ro]; both are absolute paths. */
static void share(struct settings *s, char *text)
{
	struct share_option *o = &s->share[s->shares];
	char *colon = strchr(text, ':'), *mode = colon ? strchr(colon + 1, ':') : NULL;

	if (s->shares == KX_MAX_SHARES)
		die("--share %s: at most %d directories can be shared", text, KX_MAX_SHARES);
	if (!colon || text[0] != '/' || colon[1] != '/' || (mode && strcmp(mode, ":rw") && strcmp(mode, ":ro")))
		die("--share %s: give HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:rw with absolute paths", text);
	o->writable = mode && !strcmp(mode, ":rw");
	*colon = 0;
	if (mode)
		*mode = 0;
	o->host = text;
	o->guest = colon + 1;
	if (strlen(o->guest) >= sizeof ((struct kx_share *)0)->path)
		die("--share: %s is too long a path in the guest (at most %zu)", o->guest, sizeof ((struct kx_share *)0)->path - 1);
	s->shares++;
}

static void one(struct settings *s, int option, const char *name, char *text)
{
	switch (option) {
	case LIBOS: s->libos = text; break;
	case IMAGE: s->image = text; break;
	case SHARE: share(s, text); break;
	case MEMORY: s->memory_bytes = number(name, text, 16 << 20, 1ull << 46); break;
	case PVMS: s->pvms = (uint32_t)number(name, text, 1, KX_MAX_SLOTS - 64); break;
	case POOL: s->pool = (uint32_t)number(name, text, 1, 64); break;
	case CPUS: s->cpus = (uint32_t)number(name, text, 1, 1024); break;
	case HOSTNAME: s->hostname = text; break;
	case CONTROL: s->control = text; break;
	case CONTROL_FD: s->control_fd = (int)number(name, text, 0, 1 << 20); break;
	case READY_FD: s->ready_fd = (int)number(name, text, 0, 1 << 20); break;
	case STATS_FD: s->stats_fd = (int)number(name, text, 0, 1 << 20); break;
	case KEEP: s->keep = true; break;
	case CWD: s->cwd = text; break;
	case ENV: s->env[s->envc++] = text; break;
	case TTY: s->tty = true; break;
	case NO_CONFINE: s->no_confine = true; break;
	case DEBUG: s->debug = true; break;
	case QUIET: s->quiet = true; break;
	case NO_SHUTDOWN: s->no_shutdown_faults = true; break;
	case VM_PER_PVM: s->vm_per_pvm = true; break;
	case HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(EXIT_MONITOR);
	}
}

void settings_parse(struct settings *s, int argc, char **argv)
{
	int index = 0, option;

	*s = (struct settings){ .control_fd = -1, .stats_fd = -1, .ready_fd = -1, .pool = 4, .cwd = "/",
		.hostname = "kylinx", .debug = getenv("KX_DEBUG") && *getenv("KX_DEBUG") };
	s->env = calloc((size_t)argc + 1, sizeof *s->env);
	if (!s->env)
		die("no memory");
	while ((option = getopt_long(argc, argv, "+", options, &index)) != -1)
		one(s, option, option == '?' ? "" : options[index].name, optarg);
	s->program = argv + optind;
	if (!s->libos || !s->image)
		die("--libos and --image are needed (--help lists the options)");
	if (s->keep && !s->control && s->control_fd < 0)
		die("--keep needs --control or --control-fd: nobody could start a program");
	if (!s->keep && !*s->program)
		die("no program: end the options with -- PROGRAM ARGS..., or give --keep");
	if (s->keep && *s->program)
		die("--keep takes no program: start it with 'spawn' on the control socket");
}
