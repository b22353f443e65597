/* fork of pVMs: fork_begin(slot, flags), fork_parent(slot, child's slot), fork_child(slot).
 *
 *   fork_begin ──────────────> fork_parent, in the parent's thread   parent
 *        └───────────────────> fork_child, in the child's            child
 *
 * Which slot the child has is known at fork_parent, and by then it may run: of the two, who comes first leaves its half of
 * what is needed for the other. */

enum { LATER, FIRST, SPAWN };

struct begin {
	u64 ns;
	u32 kind, padding;
};
struct half {
	u64 ns;		/* when the fork began, or when the child that has come first started */
	u32 kind, begun;
};
BPF_HASH(begins, u64, struct begin, 16384);	/* by the parent's slot */
BPF_HASH(halves, u64, struct half, 16384);	/* by the child's slot */
BPF_HASH(forked, u64, u8, 16384);		/* slots whose process has forked before */
BPF_HASH(forking, u32, u8, 4096);		/* families in which there was a fork: a first pVM starts without */

int fork_begin(struct pt_regs *ctx)
{
	struct begin begin = {};
	u32 slot = 0, family = current_pid();
	u64 flags = 0, key;
	u8 yes = 1;

	bpf_usdt_readarg(1, ctx, &slot);
	bpf_usdt_readarg(2, ctx, &flags);
	if (!in_place())
		return 0;
	key = slot_key(slot);
	begin.kind = flags & FORK_EMPTY ? SPAWN : forked.lookup(&key) ? LATER : FIRST;
	if (forking.update(&family, &yes) || (begin.kind == FIRST && forked.update(&key, &yes)))
		count(COUNT_lost, 1);
	count(COUNT_failed, 1); /* until fork_parent takes it back */
	begin.ns = bpf_ktime_get_ns();
	if (begins.update(&key, &begin))
		count(COUNT_lost, 1);
	return 0;
}

static __always_inline void started(void *ctx, u64 took_ns, u32 kind)
{
	note_exactly(ctx, kind == SPAWN ? HIST_spawn_child : kind == FIRST ? HIST_first_child : HIST_child, took_ns,
		     current_pid());
}

int fork_parent(struct pt_regs *ctx)
{
	u64 now = bpf_ktime_get_ns(), key;
	struct begin *begin;
	struct half mine = {}, *other;
	u32 slot = 0, child = 0;

	bpf_usdt_readarg(1, ctx, &slot);
	bpf_usdt_readarg(2, ctx, &child);
	if (!in_place())
		return 0;
	key = slot_key(slot);
	begin = begins.lookup(&key);
	if (!begin) {
		count(COUNT_unmatched, 1);
		return 0;
	}
	mine.ns = begin->ns;
	mine.kind = begin->kind;
	mine.begun = 1;
	begins.delete(&key);
	count(COUNT_failed, -1);
	note_exactly(ctx,
		     mine.kind == SPAWN ? HIST_spawn_parent :
		     mine.kind == FIRST ? HIST_first_parent : HIST_parent,
		     now - mine.ns, current_pid());
	key = slot_key(child);
	if (!halves.insert(&key, &mine))
		return 0;
	other = halves.lookup(&key);
	if (other && !other->begun && other->ns >= mine.ns) {
		started(ctx, other->ns - mine.ns, mine.kind);
		halves.delete(&key);
	} else if (halves.update(&key, &mine)) { /* there was none, or one of a pVM that no fork made */
		count(COUNT_lost, 1);
	}
	return 0;
}

int fork_child(struct pt_regs *ctx)
{
	u32 slot = 0, family = current_pid();
	struct half mine = {}, *other;
	u64 key;

	mine.ns = bpf_ktime_get_ns();
	bpf_usdt_readarg(1, ctx, &slot);
	if (!in_place() || !forking.lookup(&family))
		return 0;
	key = slot_key(slot);
	forked.delete(&key);
	if (!halves.insert(&key, &mine))
		return 0;
	other = halves.lookup(&key);
	if (other && other->begun) {
		started(ctx, mine.ns - other->ns, other->kind);
		halves.delete(&key);
	} else if (halves.update(&key, &mine)) {
		count(COUNT_lost, 1);
	}
	return 0;
}
