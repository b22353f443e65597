/* The programs whose cost overhead.py measures: empty, filtered away, and a histogram noted. */

int hit_empty(void *ctx)
{
	return 0;
}

int hit_filtered(void *ctx)
{
	if (in_place())
		note(HIST_value, 1);
	return 0;
}

int hit_noted(void *ctx)
{
	note(HIST_value, bpf_ktime_get_ns());
	return 0;
}

#ifndef HIT_AT_MONITOR
int hit(struct pt_regs *ctx)
{
	return 0;
}
#else
BPF_HASH(begun, u64, u64, 4096);

/* As those at the monitor of pVMs: an argument read, a table's entry looked up and set anew, a time noted. */
int hit(struct pt_regs *ctx)
{
	u64 key = 0, now, *begin;

	bpf_usdt_readarg(1, ctx, &key);
	if (in_place())
		return 0; /* never: no place is watched here, so what follows is what is paid in one */
	now = bpf_ktime_get_ns();
	key %= 2;
	begin = begun.lookup(&key);
	if (begin)
		note(HIST_value, now - *begin);
	begun.update(&key, &now);
	return 0;
}
#endif
