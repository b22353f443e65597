/* Put in front of every probe's program by program.py: bcc rewrites map calls in the main file only, so this
 * cannot be #included. program.py defines, from the probe's own lists,
 *   KXB_HISTS, HIST_<name>   the histograms         KXB_COUNTS, COUNT_<name>   the counters (COUNT_lost is one)
 *   KXB_RING_PAGES           if it emits events     KXB_PERF_BUFFER            where ring buffers are missing
 */
#include "loglinear.h"

struct kxb_hist {
	u64 bins[KXB_BINS];
};
BPF_PERCPU_ARRAY(hists, struct kxb_hist, KXB_HISTS);
BPF_PERCPU_ARRAY(counts, u64, KXB_COUNTS);

enum { CONFIG_CGROUP, CONFIG_A, CONFIG_B, CONFIG_SLOTS };
BPF_ARRAY(config, u64, CONFIG_SLOTS);

static __always_inline u64 configured(int slot)
{
	u64 *value = config.lookup(&slot);

	return value ? *value : 0;
}

/* Whether the running task is in the place that is watched; never when detaching (the id is 0 then). */
static __always_inline int in_place(void)
{
	return bpf_get_current_cgroup_id() == configured(CONFIG_CGROUP);
}

static __always_inline u32 current_tid(void)
{
	return (u32)bpf_get_current_pid_tgid();
}

static __always_inline u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/* Uprobe programs can be preempted by a tracepoint's on the same CPU, hence the atomic additions. */
static __always_inline void count(int which, u64 by)
{
	u64 *value = counts.lookup(&which);

	if (value)
		__sync_fetch_and_add(value, by);
}

static __always_inline void note(int which, u64 value)
{
	struct kxb_hist *hist = hists.lookup(&which);
	u32 bin = kxb_bin(value);

	if (hist && bin < KXB_BINS)
		__sync_fetch_and_add(&hist->bins[bin], 1);
}

#ifdef KXB_RING_PAGES
struct kxb_event {
	u64 value;
	u32 hist;
	u32 pid;
};
#ifdef KXB_PERF_BUFFER
BPF_PERF_OUTPUT(events);
#else
BPF_RINGBUF_OUTPUT(events, KXB_RING_PAGES);
#endif

/* A rare event: into its histogram, and its exact value to user space in order. */
static __always_inline void note_exactly(void *ctx, int which, u64 value, u32 pid)
{
	struct kxb_event event = { .value = value, .hist = which, .pid = pid };

	note(which, value);
#ifdef KXB_PERF_BUFFER
	if (events.perf_submit(ctx, &event, sizeof(event)))
		count(COUNT_lost, 1);
#else
	/* No wake-up: the reader looks by itself, so that an event does not start another process. */
	if (events.ringbuf_output(&event, sizeof(event), BPF_RB_NO_WAKEUP))
		count(COUNT_lost, 1);
#endif
}
#endif
