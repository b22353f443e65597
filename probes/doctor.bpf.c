/* What `kxbench doctor` attaches, to see each kind of probe fire once. */

int on_tracepoint(void *ctx)
{
	count(COUNT_tracepoint, 1);
	note_exactly(ctx, HIST_ring, 1, current_pid());
	return 0;
}

int on_uprobe(struct pt_regs *ctx)
{
	count(COUNT_uprobe, 1);
	return 0;
}

int on_kprobe(struct pt_regs *ctx)
{
	count(COUNT_kprobe, 1);
	return 0;
}
