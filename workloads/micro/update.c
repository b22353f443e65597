/* update: a library replaced while threads call it at full speed. Old version out, new version in, no call lost.
 *
 * Callers read one atomic pointer, call, and count the call. The updater opens the new version, stores the pointer,
 * waits until each caller has counted two more calls (one may have been under way, and one more may have read the old
 * pointer before the count of the first was seen), and closes the old version.
 *
 * Time is cut into phases, three an update: 3i the pause, 3i+1 quiet and measured, 3i+2 the update. A caller that was
 * in one settled phase before and after its call must have got the version settled then. */
#include "micro.h"
#include "probes.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/param.h>

#define MOST_CALLERS 64
#define MOST_PHASES 3000000
#define GAP_SAMPLES 1000
#define GAP_EVERY 1009 /* calls: one gap in so many is kept for the distribution */
#define QUIET_LEAST_NS 200000u

static long long callers = 1, pause_us = 1000, work;
static const char *paths[2] = { "update-v1.so", "update-v2.so" };
static const struct micro_option options[] = {
	{ "callers", &callers, 1, MOST_CALLERS, NULL, NULL, "threads that call" },
	{ "pause-us", &pause_us, 0, 1000000, NULL, NULL, "undisturbed time after each update" },
	{ "work", &work, 0, 1000000, NULL, NULL, "loop turns inside each call" },
	{ "library-v1", NULL, 0, 0, NULL, &paths[0], "path of version 1" },
	{ "library-v2", NULL, 0, 0, NULL, &paths[1], "path of version 2" },
	{ 0 },
};

typedef uint64_t version_function(uint64_t turns);

struct caller {
	_Alignas(64) _Atomic uint64_t calls; /* finished */
	uint64_t lost;			     /* answers of a version that could not be */
	double *longest;		     /* the longest gap in each phase, ns */
	double gaps[GAP_SAMPLES];
	size_t gaps_kept;
	pthread_t thread;
};

static _Atomic(version_function *) current;
static _Atomic uint64_t phase;
static _Atomic bool over;
static struct caller everyone[MOST_CALLERS];
static uint64_t phases;

/* The only version that may answer throughout a phase; 0 while it changes. */
static uint64_t settled_version(uint64_t in_phase)
{
	return in_phase % 3 == 2 ? 0 : in_phase / 3 % 2 + 1;
}

static void note_gap(struct caller *self, uint64_t at_phase, double gap)
{
	if (at_phase < phases && gap > self->longest[at_phase])
		self->longest[at_phase] = gap;
}

static bool possible(uint64_t version, uint64_t before, uint64_t after)
{
	if (before == after && settled_version(before))
		return version == settled_version(before);
	return version == 1 || version == 2;
}

static void *call_at_full_speed(void *argument)
{
	struct caller *self = argument;
	uint64_t calls = 0, keep_from = 2, last = now_ns(), before = atomic_load(&phase), turns = (uint64_t)work;

	micro_pin(1 + (int)((self - everyone) % MAX(1, micro_processors() - 1)));
	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		uint64_t version = atomic_load_explicit(&current, memory_order_acquire)(turns), now, after;

		atomic_store_explicit(&self->calls, ++calls, memory_order_release);
		now = now_ns();
		after = atomic_load_explicit(&phase, memory_order_acquire);
		if (!possible(version, before, after))
			self->lost++;
		note_gap(self, after, (double)(now - last));
		if (before != after)
			note_gap(self, before, (double)(now - last));
		if (calls >= keep_from && settled_version(after) && self->gaps_kept < GAP_SAMPLES) {
			self->gaps[self->gaps_kept++] = (double)(now - last);
			keep_from = calls + GAP_EVERY;
		}
		last = now;
		before = after;
	}
	return NULL;
}

static void *open_version(int version, version_function **function)
{
	void *handle = dlopen(paths[version], RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		die("dlopen: %s", dlerror());
	*(void **)function = dlsym(handle, "kxb_version");
	if (!*function)
		die("dlsym: %s", dlerror());
	if ((*function)(0) != (uint64_t)version + 1)
		die("%s is not version %d", paths[version], version + 1);
	return handle;
}

static void wait_until_quiescent(void)
{
	uint64_t seen[MOST_CALLERS];

	for (long long i = 0; i < callers; i++)
		seen[i] = atomic_load(&everyone[i].calls);
	for (long long i = 0; i < callers; i++) {
		unsigned polls = 0;

		while (atomic_load_explicit(&everyone[i].calls, memory_order_acquire) < seen[i] + 2)
			micro_poll(&polls);
	}
}

static uint64_t all_calls(void)
{
	uint64_t sum = 0;

	for (long long i = 0; i < callers; i++)
		sum += atomic_load(&everyone[i].calls);
	return sum;
}

static double longest_gap(uint64_t in_phase)
{
	double longest = 0;

	for (long long i = 0; i < callers; i++)
		longest = MAX(longest, everyone[i].longest[in_phase]);
	return longest;
}

static struct micro_series *total, *load, *quiesce, *unload, *stall, *quiet_gap, *call_gap, *rate, *quiet_rate, *lost;

/* A phase without an update, as long as the last one took: what stall and rate are compared with. */
static void be_quiet(uint64_t length_ns)
{
	uint64_t begin, calls;
	struct timespec pause = { .tv_sec = 0, .tv_nsec = (long)pause_us * 1000 % 1000000000 };

	pause.tv_sec = (time_t)(pause_us / 1000000);
	while (pause_us && nanosleep(&pause, &pause))
		if (errno != EINTR)
			die_errno("nanosleep");
	atomic_fetch_add(&phase, 1);
	calls = all_calls();
	begin = now_ns();
	micro_busy(MAX(length_ns, QUIET_LEAST_NS));
	micro_add(quiet_rate, (double)(all_calls() - calls) * 1e9 / (double)(now_ns() - begin));
}

/* Replaces `old` by the version numbered so; returns the new handle, and how long it took. */
static void *update(uint64_t i, int version, void *old, uint64_t *took)
{
	version_function *function;
	uint64_t begin, loaded, quiescent, end, calls;
	void *new;

	atomic_fetch_add(&phase, 1);
	calls = all_calls();
	PROBE(lib_update_begin, i);
	begin = now_ns();
	new = open_version(version, &function);
	loaded = now_ns();
	atomic_store(&current, function);
	wait_until_quiescent();
	quiescent = now_ns();
	if (dlclose(old))
		die("dlclose: %s", dlerror());
	end = now_ns();
	PROBE(lib_update_end, i);
	calls = all_calls() - calls;
	atomic_fetch_add(&phase, 1);
	*took = end - begin;
	micro_add(total, (double)(end - begin));
	micro_add(load, (double)(loaded - begin));
	micro_add(quiesce, (double)(quiescent - loaded));
	micro_add(unload, (double)(end - quiescent));
	micro_add(rate, (double)calls * 1e9 / (double)(end - begin));
	return new;
}

static void make_series(void)
{
	size_t most = (size_t)micro.iterations;

	total = micro_series("total", "ns", "lower", NULL, most, "dlopen of the new version to dlclose of the old done");
	load = micro_series("load", "ns", "lower", NULL, most, "dlopen, dlsym and a first call of the new version");
	quiesce = micro_series("quiesce", "ns", "lower", NULL, most, "pointer stored to no caller inside the old version");
	unload = micro_series("unload", "ns", "lower", NULL, most, "dlclose of the old version");
	stall = micro_series("stall", "ns", "lower", NULL, most, "the longest time between two answers of a caller, each update");
	quiet_gap = micro_series("quiet_gap", "ns", "neither", NULL, most, "as stall, in as much time without an update");
	call_gap = micro_series("call_gap", "ns", "lower", NULL, (size_t)callers * GAP_SAMPLES,
				"time between two answers of a caller without an update: every 1009th");
	rate = micro_series("update_rate", "ops/s", "higher", NULL, most, "calls by all callers during each update");
	quiet_rate = micro_series("quiet_rate", "ops/s", "higher", NULL, most, "the same without an update");
	lost = micro_series("lost_calls", "1", "lower", NULL, 1, "calls answered by a version that could not be");
}

static void start_callers(void)
{
	phases = 3 * (uint64_t)micro.iterations + 1;
	if (phases * (uint64_t)callers > MOST_PHASES)
		die_usage("--iterations times --callers is over a million");
	for (long long i = 0; i < callers; i++) {
		everyone[i].longest = micro_shared(phases * sizeof(double));
		errno = pthread_create(&everyone[i].thread, NULL, call_at_full_speed, &everyone[i]);
		if (errno)
			die_errno("pthread_create");
	}
	for (long long i = 0; i < callers; i++)
		for (unsigned polls = 0; !atomic_load(&everyone[i].calls);)
			micro_poll(&polls);
}

static void stop_callers(uint64_t updates)
{
	double sum = 0;

	atomic_store(&over, true);
	for (long long i = 0; i < callers; i++) {
		errno = pthread_join(everyone[i].thread, NULL);
		if (errno)
			die_errno("pthread_join");
		sum += (double)everyone[i].lost;
		for (size_t gap = 0; gap < everyone[i].gaps_kept; gap++)
			micro_add(call_gap, everyone[i].gaps[gap]);
	}
	micro_add(lost, sum);
	for (uint64_t i = 0; i < updates; i++) {
		micro_add(quiet_gap, longest_gap(3 * i + 1));
		micro_add(stall, longest_gap(3 * i + 2));
	}
}

int main(int argc, char **argv)
{
	version_function *function;
	uint64_t took = 0;
	long long i = 0;
	void *handle;

	micro.iterations = 200;
	micro.pin = PIN_APART;
	micro_start("update", argc, argv, options);
	make_series();
	micro_pin(0);
	handle = open_version(0, &function);
	atomic_store(&current, function);
	start_callers();
	micro_budget(100);
	for (; micro_more(i); i++) {
		be_quiet(took);
		handle = update((uint64_t)i, (int)((i + 1) % 2), handle, &took);
	}
	stop_callers((uint64_t)i);
	if (dlclose(handle))
		die("dlclose: %s", dlerror());
	return micro_finish();
}
