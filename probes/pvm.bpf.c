/* pVMs: hypercall(slot, nr), fault_cow(slot, address), fork_begin(slot, flags). */

BPF_ARRAY(span, u64, 2); /* when the first hypercall came, and the last */

int hypercall(struct pt_regs *ctx)
{
	u64 nr = ~0ull, now = bpf_ktime_get_ns(), *first, *last;
	int begin = 0, end = 1;

	bpf_usdt_readarg(2, ctx, &nr);
	if (!in_place())
		return 0;
	count_hypercall(nr);
	first = span.lookup(&begin);
	last = span.lookup(&end);
	if (first && !*first)
		*first = now;
	if (last)
		*last = now;
	return 0;
}

int fault_cow(struct pt_regs *ctx)
{
	if (in_place())
		count(COUNT_cow_faults, 1);
	return 0;
}

int fork_begin(struct pt_regs *ctx)
{
	u64 flags = 0;

	bpf_usdt_readarg(2, ctx, &flags);
	if (in_place() && !(flags & FORK_EMPTY))
		count(COUNT_forks, 1);
	return 0;
}
