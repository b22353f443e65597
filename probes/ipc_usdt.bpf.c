/* One-way time of numbered messages, from ipc_send(seq) in one process to ipc_recv(seq) in another. */

BPF_HASH(sent, u64, u64, 65536);

int ipc_send(struct pt_regs *ctx)
{
	u64 seq = 0, now;

	bpf_usdt_readarg(1, ctx, &seq);
	if (!in_place())
		return 0;
	now = bpf_ktime_get_ns();
	if (sent.update(&seq, &now))
		count(COUNT_lost, 1);
	return 0;
}

int ipc_recv(struct pt_regs *ctx)
{
	u64 seq = 0, now = bpf_ktime_get_ns(), *begin;

	bpf_usdt_readarg(1, ctx, &seq);
	if (!in_place())
		return 0;
	begin = sent.lookup(&seq);
	if (!begin) {
		count(COUNT_unmatched, 1);
		return 0;
	}
	note(HIST_one_way, now - *begin);
	sent.delete(&seq);
	return 0;
}
