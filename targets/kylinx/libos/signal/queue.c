/* Pending signals: a bit a number, and for those that carry information a queue in order of arrival. */
#include "signal.h"

static void make_valid(struct sigpending *p)
{
	if (!p->queue.next)
		list_init(&p->queue);
}

static void entry_free(struct queued_signal *q)
{
	q->queued = false;
	if (q->charged)
		__atomic_sub_fetch(&q->charged->queued_signals, 1, __ATOMIC_RELAXED);
	q->charged = NULL;
	if (!q->timer)
		kfree(q);
}

/* NULL: over RLIMIT_SIGPENDING, or no memory */
static struct queued_signal *entry_new(struct proc *p, bool force)
{
	if (!force && p->queued_signals >= p->rlimit[RLIMIT_SIGPENDING].rlim_cur)
		return NULL;
	struct queued_signal *q = kzalloc(sizeof *q);
	if (q) {
		__atomic_add_fetch(&p->queued_signals, 1, __ATOMIC_RELAXED);
		q->charged = p;
	}
	return q;
}

/* Of a classic signal only the first is kept; of real-time ones every one. -EAGAIN: a real-time signal of sigqueue's that
 * found no room; other signals then arrive without their information, as in Linux. */
long pending_add(struct proc *p, struct sigpending *pending, int signo, const struct kx_siginfo *info, struct queued_signal *own)
{
	make_valid(pending);
	if (signo < SIG_RT_FIRST && (pending->set & SIGSET(signo)))
		return 0;
	if (signo != SIGKILL) {
		struct queued_signal *q = own ? own : entry_new(p, signo < SIG_RT_FIRST && info->code >= 0);
		if (q) {
			q->info = *info;
			q->queued = true;
			list_push_back(&pending->queue, &q->node);
		} else if (signo >= SIG_RT_FIRST && info->code != SI_USER) {
			return -EAGAIN;
		}
	}
	pending->set |= SIGSET(signo);
	return 0;
}

static int choose(u64 set)
{
	u64 first = set & SIGSET_SYNCHRONOUS;
	return __builtin_ctzl(first ? first : set) + 1;
}

/* Takes the most urgent signal of set: its number, or 0. timer: the POSIX timer it belongs to, or NULL */
int pending_take(struct sigpending *pending, u64 set, struct kx_siginfo *info, struct posix_timer **timer)
{
	struct queued_signal *found = NULL;
	bool more = false;

	*timer = NULL;
	set &= pending->set;
	if (!set)
		return 0;
	make_valid(pending);
	int signo = choose(set);
	list_for_each(n, &pending->queue) {
		struct queued_signal *q = list_entry(n, struct queued_signal, node);
		if (q->info.signo != signo)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = q;
	}
	if (!more)
		pending->set &= ~SIGSET(signo);
	if (!found) {
		*info = siginfo_of(signo, SI_USER);
		return signo;
	}
	*info = found->info;
	*timer = found->timer;
	list_remove(&found->node);
	entry_free(found);
	return signo;
}

void pending_drop(struct sigpending *pending, u64 set)
{
	make_valid(pending);
	pending->set &= ~set;
	list_for_each_safe(n, &pending->queue) {
		struct queued_signal *q = list_entry(n, struct queued_signal, node);
		if (set & SIGSET(q->info.signo)) {
			list_remove(&q->node);
			entry_free(q);
		}
	}
}

/* A timer that is deleted takes its signal along. */
void pending_withdraw(struct sigpending *pending, struct queued_signal *own)
{
	int signo = own->info.signo;
	if (!own->queued)
		return;
	list_remove(&own->node);
	own->queued = false;
	list_for_each(n, &pending->queue) {
		if (list_entry(n, struct queued_signal, node)->info.signo == signo)
			return;
	}
	pending->set &= ~SIGSET(signo);
}

void signal_flush(struct sigpending *pending)
{
	pending_drop(pending, ~0UL);
}
