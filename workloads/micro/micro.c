/* The common frame: see micro.h. Options and output are in options.c and output.c. */
#include "micro.h"
#include "frame.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLLS_BEFORE_YIELD 1000u
#define CHUNK_BYTES ((size_t)8 << 20)
#define CHUNK_ALIGN ((size_t)64)
#define PEER_FAILED SIGUSR2 /* the peer has said why: end in silence */

struct micro micro = {
	.iterations = 1000, .budget_ms = 200, .timeout_s = 120,
};

static uint64_t deadline;
static volatile int *end_code; /* shared: what the first process to fail exits with, its peer does too */
/* The processors allowed at the start: a child inherits its parent's pinning. */
static cpu_set_t allowed;

/* Ends the process: async-signal-safe, and without exit handlers, for a child shares the parent's. */
/* The first to fail says why: to take its channel away makes the peer fail too, of another cause. Returns the code of
 * them all; is_first: it is this one's. From here on no signal is taken: the peer's end is no reason to stop half-way. */
static int claim_end(int code, bool *is_first)
{
	int taken = 0;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	*is_first = !end_code || __atomic_compare_exchange_n(end_code, &taken, code, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return *is_first ? code : taken;
}

_Noreturn void micro_leave(int code)
{
	pid_t owner = micro.cleanup_owner;
	bool is_first;

	code = claim_end(code, &is_first);
	/* The owner's, or an orphan's whose owner was killed. */
	if (micro.cleanup && (owner == getpid() || owner != getppid())) {
		void (*cleanup)(void) = micro.cleanup;

		micro.cleanup = NULL;
		cleanup();
	}
	if (micro.peer > 0)
		kill(micro.peer, PEER_FAILED);
	_exit(code);
}

static _Noreturn void die_with(int code, const char *prefix, const char *format, va_list arguments)
{
	char line[512];
	int used = snprintf(line, sizeof(line) - 1, "%s: %s", micro.program ? micro.program : "micro", prefix);
	ssize_t written = 0;
	bool is_first;

	used += vsnprintf(line + used, sizeof(line) - 1 - (size_t)used, format, arguments);
	if (used > (int)sizeof(line) - 2)
		used = (int)sizeof(line) - 2;
	line[used++] = '\n';
	code = claim_end(code, &is_first);
	if (is_first)
		written = write(STDERR_FILENO, line, (size_t)used);
	(void)written; /* the code tells as well */
	micro_leave(code);
}

_Noreturn void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	die_with(MICRO_FAILED, "", format, arguments);
}

_Noreturn void die_unsupported(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	die_with(MICRO_UNSUPPORTED, "unsupported: ", format, arguments);
}

_Noreturn void die_usage(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	die_with(MICRO_USAGE, "", format, arguments);
}

_Noreturn void die_errno(const char *what)
{
	if (errno == ENOSYS)
		die_unsupported("%s: %s", what, strerror(errno));
	die("%s: %s", what, strerror(errno));
}

static void on_signal(int number)
{
	static const char late[] = "micro: timed out (--timeout-s)\n", ended[] = "micro: ended by a signal\n";
	ssize_t written = 0;

	if (number == SIGALRM)
		written = write(STDERR_FILENO, late, sizeof(late) - 1);
	else if (number != PEER_FAILED)
		written = write(STDERR_FILENO, ended, sizeof(ended) - 1);
	(void)written;
	micro_leave(MICRO_FAILED);
}

void frame_guard(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	static const int signals[] = { SIGALRM, SIGTERM, SIGINT, SIGHUP, PEER_FAILED };

	end_code = micro_shared(sizeof(*end_code));
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], &action, NULL))
			die_errno("sigaction");
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) /* a closed pipe is an error of write(2) */
		die_errno("signal");
	alarm((unsigned)micro.timeout_s);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		CPU_ZERO(&allowed);
}

/* From one mapping while it lasts: each further one would add to what a fork costs. */
void *micro_shared(size_t bytes)
{
	static unsigned char *chunk;
	static size_t left;
	void *memory;

	bytes = (bytes + CHUNK_ALIGN - 1) & ~(CHUNK_ALIGN - 1);
	if (bytes > left) {
		left = MAX(bytes, CHUNK_BYTES);
		chunk = mmap(NULL, left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (chunk == MAP_FAILED)
			die_errno("mmap of shared memory");
	}
	memory = chunk;
	chunk += bytes;
	left -= bytes;
	return memset(memory, 0, bytes);
}

void micro_add(struct micro_series *series, double value)
{
	if (series->count == series->capacity)
		die("metric %s has more than its %zu samples", series->name, series->capacity);
	series->values[series->count++] = value;
}

void micro_budget(int percent)
{
	deadline = micro.budget_ms ? now_ns() + (uint64_t)micro.budget_ms * 10000u * (uint64_t)percent : UINT64_MAX;
}

bool micro_more_of(long long most, long long done)
{
	return done < most && (done < MICRO_LEAST_SAMPLES || now_ns() < deadline);
}

bool micro_more(long long done)
{
	return micro_more_of(micro.iterations, done);
}

int micro_processors(void)
{
	return MAX(1, CPU_COUNT(&allowed));
}

void micro_pin(int peer)
{
	static bool told;
	cpu_set_t one;
	int wanted = micro.pin == PIN_APART ? peer : 0, seen = 0;

	if (micro.pin == PIN_NONE)
		return;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &allowed) && seen++ == wanted)
			CPU_SET(cpu, &one);
	if ((!CPU_COUNT(&one) || sched_setaffinity(0, sizeof(one), &one)) && !told) {
		fprintf(stderr, "%s: not pinned: this system has no processor to pin to\n", micro.program);
		told = true;
	}
}

void micro_child(pid_t parent)
{
	micro.peer = parent;
	alarm((unsigned)micro.timeout_s); /* fork(2) clears it */
	prctl(PR_SET_PDEATHSIG, PEER_FAILED); /* where it is known; else the time-out ends an orphan */
	if (getppid() != parent) { /* it died before the prctl */
		micro.peer = 0;
		micro_leave(MICRO_FAILED);
	}
}

pid_t micro_fork(void)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		die_errno("fork");
	if (child == 0)
		micro_child(parent);
	else
		micro.peer = child;
	return child;
}

uint64_t micro_reap(pid_t child)
{
	int status;
	uint64_t at;
	pid_t reaped;

	do
		reaped = waitpid(child, &status, 0);
	while (reaped < 0 && errno == EINTR);
	at = now_ns();
	if (reaped < 0)
		die_errno("waitpid");
	if (micro.peer == child)
		micro.peer = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		die("a child ended with wait status 0x%x", (unsigned)status);
	return at;
}

const char *micro_sibling(const char *name)
{
	const char *slash = strrchr(micro.path, '/');
	size_t bytes = strlen(micro.path) + strlen(name) + 3;
	char *path = malloc(bytes);

	if (!path)
		die_errno("malloc");
	if (slash)
		snprintf(path, bytes, "%.*s/%s", (int)(slash - micro.path), micro.path, name);
	else
		snprintf(path, bytes, "./%s", name);
	if (access(path, X_OK))
		die("%s: %s", path, strerror(errno));
	return path;
}

void micro_poll(unsigned *polls)
{
	cpu_relax();
	if (++*polls % POLLS_BEFORE_YIELD == 0)
		sched_yield();
}

void micro_busy(uint64_t ns)
{
	uint64_t until = now_ns() + ns;

	while (now_ns() < until)
		cpu_relax();
}
