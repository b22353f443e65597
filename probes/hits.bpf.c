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

int hit(struct pt_regs *ctx)
{
	return 0;
}
