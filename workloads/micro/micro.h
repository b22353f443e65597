/* The common frame of the micro programs: options, sample buffers, the clock, errors, the JSON between markers.
 *
 * Exit codes: 0 done; 1 failed; 2 a wrong argument; 77 this system cannot do it. Each but 0 with one line on stderr. */
#ifndef KXB_MICRO_H
#define KXB_MICRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define MICRO_FAILED 1
#define MICRO_USAGE 2
#define MICRO_UNSUPPORTED 77
#define MICRO_LEAST_SAMPLES 4

/* One option. A number has `value` and its limits, a choice `value` (an index) and `choices`, a text `text`. */
struct micro_option {
	const char *name;	     /* without the dashes; in `params` with _ for - */
	long long *value;
	long long least, most;
	const char *const *choices;  /* NULL-terminated, or NULL */
	const char **text;
	const char *help;
};

/* A metric's samples. It lies in shared memory: what a forked child adds, the parent prints. */
struct micro_series {
	const char *name, *unit, *better, *summary;
	const char *labels;	     /* a JSON object, or NULL for none */
	size_t count, capacity;
	double values[];
};

/* For the programs that warm up. */
#define MICRO_MOST_ITERATIONS 1000000
#define MICRO_WARMUP \
	{ "warmup", &micro.warmup, 0, MICRO_MOST_ITERATIONS, NULL, NULL, "iterations before, not recorded nor probed" }

/* The options that every program has. A program sets its own defaults before micro_start(). */
struct micro {
	const char *program, *path;
	long long iterations;	     /* the most measured iterations */
	long long budget_ms;	     /* stop after this long if at least MICRO_LEAST_SAMPLES were done; 0: no limit */
	long long warmup;	     /* iterations before, neither recorded nor probed */
	long long timeout_s;	     /* the whole program is ended with an error after this long */
	long long pin;		     /* enum micro_pin */
	pid_t peer;		     /* ended too when this process fails; 0 for none */
	void (*cleanup)(void);	     /* removes what outlives a process; called once, also on failure */
	pid_t cleanup_owner;	     /* this process calls it, or its orphan */
};

enum micro_pin { PIN_NONE, PIN_SAME, PIN_APART };

extern struct micro micro;

/* Parses the arguments; `options` ends with a NULL name. Exits 2 on a wrong one, 0 on --help. */
void micro_start(const char *program, int argc, char **argv, const struct micro_option *options);

/* Adds `clock_read`, prints everything between the markers, and returns main's exit code. */
int micro_finish(void);

/* One line on stderr and the exit code 1, 2, 77 or (by errno: 77 for ENOSYS, else 1) either. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_unsupported(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_errno(const char *what);

/* The end of them all: cleans up, ends the peer in silence. Async-signal-safe. */
_Noreturn void micro_leave(int code);

/* Memory shared with the children forked later, zeroed and touched. */
void *micro_shared(size_t bytes);

/* A new metric, with room for `capacity` samples; further ones are an error. Strings must stay valid. */
struct micro_series *micro_series(const char *name, const char *unit, const char *better, const char *labels,
				  size_t capacity, const char *summary);
void micro_add(struct micro_series *series, double value);

/* A share of the time budget starts now, after which micro_more() says no. */
void micro_budget(int percent);
/* Whether another iteration is to be done after `done` ones: of --iterations, or of `most`. */
bool micro_more(long long done);
bool micro_more_of(long long most, long long done);

/* Pins the calling thread: peer 0 or 1 under the `pin` option. Says so on stderr, once, where it cannot. */
void micro_pin(int peer);
/* How many processors were allowed at the start; at least 1. */
int micro_processors(void);

/* In a forked child: its own time-out, and its parent as the peer to tell of a failure. */
void micro_child(pid_t parent);
/* fork(2), checked: the child has had micro_child(), the parent has its peer. */
pid_t micro_fork(void);
/* Waits for a child that must have exited with 0. Returns CLOCK_MONOTONIC right after. */
uint64_t micro_reap(pid_t child);

/* The path of another program of ours in the directory of this one. */
const char *micro_sibling(const char *name);

static inline uint64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* For a polling loop: a pause, and now and then the processor for somebody else (there may be but one). */
void micro_poll(unsigned *polls);

/* Busy until `ns` have gone by. */
void micro_busy(uint64_t ns);

#endif
