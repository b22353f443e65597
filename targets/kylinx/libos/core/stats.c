/* What the LibOS tells of itself on request: JSON for the toolstack. */
#include "core.h"

#define REPORT_BYTES 16384

static size_t add_unsupported(char *to, size_t room)
{
	size_t n = 0;
	bool first = true;
	for (u32 i = 0; i < ARRAY_SIZE(family.unsupported) && n + 64 < room; i++) {
		u64 count = __atomic_load_n(&family.unsupported[i], __ATOMIC_RELAXED);
		if (!count)
			continue;
		char number[16];
		const char *name = syscall_name(i);
		if (!name) {
			snprintf(number, sizeof number, "%u", i);
			name = number;
		}
		n += (size_t)snprintf(to + n, room - n, "%s\"%s\":%lu", first ? "" : ",", name, count);
		first = false;
	}
	return n;
}

static size_t add_processes(char *to, size_t room)
{
	size_t n = 0;
	lock(&family.tree);
	list_for_each(node, &family.procs) {
		struct proc *p = list_entry(node, struct proc, all_node);
		if (n + 512 > room)
			break;
		n += (size_t)snprintf(to + n, room - n, "%s{\"pid\":%u,\"ppid\":%u,\"slot\":%u,\"threads\":%u,\"state\":\"%s\"}",
			n ? "," : "", p->pid, p->parent ? p->parent->pid : 1, p->slot, p->task_count,
			p->zombie ? "zombie" : p->stopped ? "stopped" : "alive");
	}
	unlock(&family.tree);
	return n;
}

struct totals { u64 switches, halts, notified, spins_won, spins_lost; };

static struct totals totals_now(void)
{
	struct totals t = { 0 };
	for_each_slot(slot) {
		struct runq *rq = runq_of(slot);
		t.switches += rq->switches;
		t.halts += rq->halts;
		t.notified += rq->notified;
		t.spins_won += rq->spins_won;
		t.spins_lost += rq->spins_lost;
	}
	return t;
}

void stats_report(void)
{
	char *text = kmalloc(REPORT_BYTES);
	if (!text)
		return;
	struct totals t = totals_now();
	size_t n = (size_t)snprintf(text, REPORT_BYTES, "{\"processes\":%u,\"threads\":%u,\"forks\":%lu,\"execs\":%lu,\"heap_bytes\":%lu,"
		"\"switches\":%lu,\"halts\":%lu,\"notified\":%lu,\"spins_won\":%lu,\"spins_lost\":%lu,\"unsupported\":{",
		family.proc_count, family.task_count, family.forks, family.execs, heap_bytes_used(), t.switches, t.halts, t.notified, t.spins_won, t.spins_lost);
	n += add_unsupported(text + n, 4096);
	n += (size_t)snprintf(text + n, REPORT_BYTES - n, "},\"process\":[");
	n += add_processes(text + n, REPORT_BYTES - n - 64);
	n += (size_t)snprintf(text + n, REPORT_BYTES - n, "]}");
	hypercall(KX_HC_REPORT, KX_REPORT_STATS, (u64)text, n, 0, 0);
	kfree(text);
}
