/* fork as seen by a program with probes of ours: fork_begin(i), fork_parent(i), fork_child(i), fork_reaped(i).
 * i is 0 for the process's first fork. */

BPF_HASH(begun, u64, u64, 4096);

int fork_begin(struct pt_regs *ctx)
{
	u64 i = 0, now;

	bpf_usdt_readarg(1, ctx, &i);
	if (!in_place())
		return 0;
	now = bpf_ktime_get_ns();
	if (begun.update(&i, &now))
		count(COUNT_lost, 1);
	return 0;
}

static __always_inline void since(void *ctx, u64 i, int first, int later)
{
	u64 now = bpf_ktime_get_ns(), *begin = begun.lookup(&i);

	if (!in_place())
		return;
	if (begin)
		note_exactly(ctx, i ? later : first, now - *begin, current_pid());
	else
		count(COUNT_unmatched, 1);
}

int fork_parent(struct pt_regs *ctx)
{
	u64 i = 0;

	bpf_usdt_readarg(1, ctx, &i);
	since(ctx, i, HIST_usdt_first_parent, HIST_usdt_parent);
	return 0;
}

int fork_child(struct pt_regs *ctx)
{
	u64 i = 0;

	bpf_usdt_readarg(1, ctx, &i);
	since(ctx, i, HIST_usdt_first_child, HIST_usdt_child);
	return 0;
}

int fork_reaped(struct pt_regs *ctx)
{
	u64 i = 0;

	bpf_usdt_readarg(1, ctx, &i);
	since(ctx, i, HIST_usdt_first_total, HIST_usdt_total);
	begun.delete(&i);
	return 0;
}
