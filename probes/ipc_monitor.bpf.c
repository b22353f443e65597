/* Event channels of pVMs: hypercall(slot, nr), ipc_notify(slot, target), ipc_wake(slot).
 *
 *   target: WAIT ........................> ipc_wake
 *   another:        ipc_notify ──────────>             event_wake
 *
 * A wait may end without a notification (a timer, or the events word has changed already), and a notification may come when
 * its target is awake: so what matters is the first in each wait. */

BPF_HASH(waiting, u64, u64, 16384); /* by slot, since it called WAIT: when it was notified, 0 before that */

int hypercall(struct pt_regs *ctx)
{
	u64 nr = ~0ull, key, never = 0;
	u32 slot = 0;

	bpf_usdt_readarg(1, ctx, &slot);
	bpf_usdt_readarg(2, ctx, &nr);
	if (!in_place())
		return 0;
	count_hypercall(nr);
	key = slot_key(slot);
	if (nr == KXB_WAIT && waiting.update(&key, &never))
		count(COUNT_lost, 1);
	return 0;
}

int ipc_notify(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns(), key, *notified;
	u32 target = 0;

	bpf_usdt_readarg(2, ctx, &target);
	if (!in_place())
		return 0;
	key = slot_key(target);
	notified = waiting.lookup(&key);
	if (!notified)
		count(COUNT_late, 1);
	else if (!*notified)
		*notified = now;
	else
		count(COUNT_late, 1); /* it is on its way already */
	return 0;
}

int ipc_wake(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns(), key, *notified;
	u32 slot = 0;

	bpf_usdt_readarg(1, ctx, &slot);
	if (!in_place())
		return 0;
	key = slot_key(slot);
	notified = waiting.lookup(&key);
	if (notified && *notified)
		note(HIST_event_wake, now - *notified);
	else
		count(COUNT_unnotified, 1);
	waiting.delete(&key);
	return 0;
}
