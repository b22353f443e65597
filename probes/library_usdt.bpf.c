/* Loading and updating a library: lib_open_begin/end(i), lib_call_end(i), lib_update_begin/end(i).
 * Compiled behind syscalls.bpf.c, whose `loading` it keeps. */

struct opening {
	u64 begin_ns, opened_ns;
};
BPF_HASH(openings, u32, struct opening, 4096);	/* by thread */
BPF_HASH(updates, u64, u64, 4096);		/* by number: another thread may end what one began */

#ifdef USDT_lib_open_begin
int lib_open_begin(struct pt_regs *ctx)
{
	struct opening opening = {};
	u32 tid = current_tid();
	u8 yes = 1;

	if (!in_place())
		return 0;
	opening.begin_ns = bpf_ktime_get_ns();
	if (openings.update(&tid, &opening) || loading.update(&tid, &yes))
		count(COUNT_lost, 1);
	return 0;
}

int lib_open_end(struct pt_regs *ctx)
{
	u32 tid = current_tid();
	struct opening *opening = openings.lookup(&tid);
	u64 now = bpf_ktime_get_ns();

	if (!in_place())
		return 0;
	loading.delete(&tid);
	if (!opening) {
		count(COUNT_unmatched, 1);
		return 0;
	}
	opening->opened_ns = now;
	note_exactly(ctx, HIST_any_open, now - opening->begin_ns, current_pid());
	return 0;
}

int lib_call_end(struct pt_regs *ctx)
{
	u32 tid = current_tid();
	struct opening *opening = openings.lookup(&tid);
	u64 now = bpf_ktime_get_ns();

	if (!in_place())
		return 0;
	if (!opening || !opening->opened_ns) {
		count(COUNT_unmatched, 1);
		return 0;
	}
	note_exactly(ctx, HIST_any_first_call, now - opening->opened_ns, current_pid());
	note_exactly(ctx, HIST_any_total, now - opening->begin_ns, current_pid());
	openings.delete(&tid);
	return 0;
}
#endif

#ifdef USDT_lib_update_begin
int lib_update_begin(struct pt_regs *ctx)
{
	u64 i = 0, now;

	bpf_usdt_readarg(1, ctx, &i);
	if (!in_place())
		return 0;
	now = bpf_ktime_get_ns();
	if (updates.update(&i, &now))
		count(COUNT_lost, 1);
	return 0;
}

int lib_update_end(struct pt_regs *ctx)
{
	u64 i = 0, now = bpf_ktime_get_ns(), *begin;

	bpf_usdt_readarg(1, ctx, &i);
	if (!in_place())
		return 0;
	begin = updates.lookup(&i);
	if (!begin) {
		count(COUNT_unmatched, 1);
		return 0;
	}
	note_exactly(ctx, HIST_update, now - *begin, current_pid());
	updates.delete(&i);
	return 0;
}
#endif
