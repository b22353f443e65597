/* /proc/PID and /proc/PID/task/TID: what is known of a process and its threads. */
#include "procfs.h"
#include "../core/core.h"

typedef long show_of(struct text *, struct proc *, struct task *);

bool proc_task_runs(const struct task *t)
{
	return t->state == TASK_READY || t->state == TASK_RUNNING;
}

/* The process of a directory; a thread's number names its process, too. family.tree is held. */
struct proc *proc_of_inode(const struct inode *i)
{
	struct proc *p = proc_find((u32)i->gen.id);
	struct task *t = p ? NULL : task_find((u32)i->gen.id);

	return t ? t->proc : p;
}

static struct task *task_of_inode(const struct inode *i, struct proc *p)
{
	list_for_each(n, &p->tasks) {
		struct task *t = list_entry(n, struct task, proc_node);

		if (!i->gen.id2 || t->tid == i->gen.id2)
			return t;
	}
	return NULL;
}

static long with_proc(struct text *t, struct inode *i, show_of *show)
{
	struct proc *p;
	long r = -ESRCH;

	lock(&family.tree);
	p = proc_of_inode(i);
	if (p)
		r = show(t, p, task_of_inode(i, p));
	unlock(&family.tree);
	return r;
}

/* A show function of a node, from one that is given the process */
#define SHOW(name) \
	static long name(struct text *t, struct inode *i) { return with_proc(t, i, name##_of); }

static char state_of(const struct proc *p, const struct task *k)
{
	if (p->zombie)
		return 'Z';
	if (p->stopped)
		return 'T';
	return k && proc_task_runs(k) ? 'R' : 'S';
}

static const char *state_name(char state)
{
	return state == 'Z' ? "Z (zombie)" : state == 'T' ? "T (stopped)" : state == 'R' ? "R (running)" : "S (sleeping)";
}

static u64 cpu_ticks(const struct proc *p, const struct task *only, bool whole)
{
	u64 ns = whole ? p->user_ns : 0;

	if (!whole)
		return only ? only->cpu_ns / (NS / USER_HZ) : 0;
	list_for_each(n, &p->tasks)
		ns += list_entry(n, struct task, proc_node)->cpu_ns;
	return ns / (NS / USER_HZ);
}

struct signal_masks { u64 pending, shared, blocked, ignored, caught; };

static struct signal_masks masks_of(const struct proc *p, const struct task *k)
{
	struct signal_masks m = { .shared = p->shared_pending.set };

	if (k) {
		m.pending = k->pending.set;
		m.blocked = k->blocked;
	}
	for (u32 n = 1; p->sig && n <= 64; n++) {
		if (p->sig->action[n].handler == 1)
			m.ignored |= (u64)1 << (n - 1);
		else if (p->sig->action[n].handler)
			m.caught |= (u64)1 << (n - 1);
	}
	return m;
}

static const char *comm_of(const struct proc *p, const struct task *k)
{
	const char *slash = strrchr(p->exe, '/');

	return k ? k->comm : slash ? slash + 1 : p->exe;
}

static long stat_line(struct text *t, struct proc *p, struct task *k, bool whole)
{
	u64 size = 0, resident = 0, shared, text, data, limit = p->rlimit[RLIMIT_RSS].rlim_cur;
	struct signal_masks m = masks_of(p, k);
	struct mm *mm = p->mm;

	proc_memory_pages(mm, &size, &resident, &shared, &text, &data);
	text_printf(t, "%u (%.15s) %c %u %u %u 0 -1 4194304 %lu 0 0 0 ", whole || !k ? p->pid : k->tid, comm_of(p, k), state_of(p, k),
		    p->parent ? p->parent->pid : 1, p->pgid, p->sid, p->minor_faults);
	text_printf(t, "%lu 0 %lu 0 20 0 %u 0 %lu %lu %lu %lu ", cpu_ticks(p, k, whole), p->children_ns / (NS / USER_HZ),
		    p->task_count, p->start_ns / (NS / USER_HZ), size * KX_PAGE, resident, limit);
	text_printf(t, "%lu %lu %lu 0 0 %lu %lu %lu %lu 0 0 0 %u %u 0 0 0 0 0 ", mm ? mm->exe_base : 0, mm ? mm->exe_base : 0,
		    mm ? mm->stack_top : 0, m.pending | m.shared, m.blocked & 0x7fffffff, m.ignored & 0x7fffffff,
		    m.caught & 0x7fffffff, p->exit_signal, 0);
	text_printf(t, "0 0 %lu %lu %lu %lu %lu %u\n", mm ? mm->brk_start : 0, p->arg_start, p->arg_end, p->env_start, p->env_end,
		    p->zombie ? p->exit_status : 0);
	return 0;
}

static long stat_of(struct text *t, struct proc *p, struct task *k) { return stat_line(t, p, k, true); }
static long thread_stat_of(struct text *t, struct proc *p, struct task *k) { return stat_line(t, p, k, false); }
SHOW(stat)
SHOW(thread_stat)

static void status_memory(struct text *t, struct mm *mm)
{
	u64 size, resident, shared, text, data;

	if (!mm)
		return;
	proc_memory_pages(mm, &size, &resident, &shared, &text, &data);
	text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t       0 kB\nVmPin:\t       0 kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
		    size * 4, size * 4, resident * 4, resident * 4);
	text_printf(t, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t%8lu kB\nVmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\n",
		    resident > shared ? (resident - shared) * 4 : 0, 0ul, shared * 4, data * 4, (mm->stack_limit + 1023) / 1024, text * 4);
	text_printf(t, "VmLib:\t       0 kB\nVmPTE:\t       0 kB\nVmSwap:\t       0 kB\nHugetlbPages:\t       0 kB\n");
}

static long status_of(struct text *t, struct proc *p, struct task *k)
{
	const struct credentials *c = &p->cred;
	struct signal_masks m = masks_of(p, k);
	u64 caps = c->euid ? 0 : 0x1ffffffffff;
	u32 id = k && k->tid != p->pid ? k->tid : p->pid, cpus = boot_info->cpus;

	text_printf(t, "Name:\t%.15s\nUmask:\t%04o\nState:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n", comm_of(p, k),
		    p->fs ? p->fs->umask : 022, state_name(state_of(p, k)), p->pid, id, p->parent ? p->parent->pid : 1);
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t", c->uid, c->euid, c->suid, c->fsuid, c->gid,
		    c->egid, c->sgid, c->fsgid, p->files ? p->files->capacity : 0);
	for (u32 n = 0; n < c->ngroups && n < ARRAY_SIZE(c->groups); n++)
		text_printf(t, "%u ", c->groups[n]);
	text_printf(t, "\nNStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n", p->pid, id, p->pgid, p->sid);
	status_memory(t, p->mm);
	text_printf(t, "CoreDumping:\t0\nTHP_enabled:\t1\nThreads:\t%u\nSigQ:\t0/%lu\n", p->task_count,
		    p->rlimit[RLIMIT_SIGPENDING].rlim_cur);
	text_printf(t, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", m.pending, m.shared,
		    m.blocked, m.ignored, m.caught);
	text_printf(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n", 0ul, caps, caps,
		    0x1fffffffffful, 0ul);
	text_printf(t, "NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\nCpus_allowed:\t%lx\nCpus_allowed_list:\t0",
		    cpus < 64 ? ((u64)1 << cpus) - 1 : ~(u64)0);
	if (cpus > 1)
		text_printf(t, "-%u", cpus - 1);
	text_printf(t, "\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		    k ? k->voluntary_switches : 0, k ? k->involuntary_switches : 0);
	return 0;
}
SHOW(status)

static long statm_of(struct text *t, struct proc *p, struct task *k)
{
	u64 size = 0, resident = 0, shared = 0, text = 0, data = 0;

	(void)k;
	proc_memory_pages(p->mm, &size, &resident, &shared, &text, &data);
	text_printf(t, "%lu %lu %lu %lu 0 %lu 0\n", size, resident, shared, text, data);
	return 0;
}
SHOW(statm)

static long cmdline_of(struct text *t, struct proc *p, struct task *k)
{
	(void)k;
	if (p->cmdline && !p->zombie)
		text_add(t, p->cmdline, p->cmdline_bytes);
	return text_room(t, 1) ? 0 : -ENOMEM;
}
SHOW(cmdline)

static long comm_line_of(struct text *t, struct proc *p, struct task *k)
{
	text_printf(t, "%.15s\n", comm_of(p, k));
	return 0;
}
SHOW(comm_line)

static long comm_store(struct inode *i, const char *s, size_t n)
{
	struct proc *p;
	struct task *k = NULL;

	lock(&family.tree);
	p = proc_of_inode(i);
	if (p == current->proc)
		k = task_of_inode(i, p);
	if (k) {
		strlcpy(k->comm, s, sizeof k->comm);
		if (strchr(k->comm, '\n'))
			*strchr(k->comm, '\n') = 0;
	}
	unlock(&family.tree);
	return k ? (long)n : -EINVAL;
}

/* Strings on the application's stack: seen only by the process itself. */
static long environ_show(struct text *t, struct inode *i)
{
	struct proc *p = current->proc;
	u64 n = p->env_end - p->env_start;

	if (p->pid != i->gen.id || !p->env_start || n > (1 << 20))
		return text_room(t, 1) ? 0 : -ENOMEM;
	if (!text_room(t, n + 1))
		return -ENOMEM;
	if (copy_from_user(t->s, (const void *)p->env_start, n))
		return -EFAULT;
	t->n = n;
	return 0;
}

static long auxv_of(struct text *t, struct proc *p, struct task *k)
{
	(void)k;
	if (p->mm)
		text_add(t, (const char *)p->mm->auxv, p->mm->auxv_words * sizeof(u64));
	return text_room(t, 1) ? 0 : -ENOMEM;
}
SHOW(auxv)

static long exe_of(struct text *t, struct proc *p, struct task *k)
{
	(void)k;
	if (!p->exe[0])
		return -ENOENT;
	text_printf(t, "%s", p->exe);
	return 0;
}
SHOW(exe)

/* Working directory or root of the process, referenced. */
static struct path *place_of(const struct inode *i, bool root)
{
	struct path *place = NULL;
	struct proc *p;

	lock(&family.tree);
	p = proc_of_inode(i);
	if (p && p->fs) {
		lock(&p->fs->lock);
		place = path_ref(root ? p->fs->root : p->fs->cwd);
		unlock(&p->fs->lock);
	}
	unlock(&family.tree);
	return place;
}

static long place_show(struct text *t, struct inode *i, bool root)
{
	struct path *place = place_of(i, root);
	long r = place ? -ENOMEM : -ENOENT;

	if (place && text_room(t, PATH_MAX)) {
		r = path_spell(place, root_path, t->s, PATH_MAX);
		if (r > 0)
			t->n = (size_t)r - 1;
	}
	path_put(place);
	return r < 0 ? r : 0;
}

static long cwd_show(struct text *t, struct inode *i) { return place_show(t, i, false); }
static long root_show(struct text *t, struct inode *i) { return place_show(t, i, true); }

static long cwd_follow(struct path *p, struct path **out) { return (*out = place_of(p->inode, false)) ? 0 : -ENOENT; }
static long root_follow(struct path *p, struct path **out) { return (*out = place_of(p->inode, true)) ? 0 : -ENOENT; }

static void limit_value(struct text *t, u64 v)
{
	if (v == NEVER)
		text_printf(t, "%-20s ", "unlimited");
	else
		text_printf(t, "%-20lu ", v);
}

static long limits_of(struct text *t, struct proc *p, struct task *k)
{
	static const char *const names[16][2] = {
		{ "Max cpu time", "seconds" }, { "Max file size", "bytes" }, { "Max data size", "bytes" }, { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" }, { "Max processes", "processes" },
		{ "Max open files", "files" }, { "Max locked memory", "bytes" }, { "Max address space", "bytes" },
		{ "Max file locks", "locks" }, { "Max pending signals", "signals" }, { "Max msgqueue size", "bytes" },
		{ "Max nice priority", "" }, { "Max realtime priority", "" }, { "Max realtime timeout", "us" },
	};

	(void)k;
	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 n = 0; n < 16; n++) {
		text_printf(t, "%-25s ", names[n][0]);
		limit_value(t, p->rlimit[n].rlim_cur);
		limit_value(t, p->rlimit[n].rlim_max);
		text_printf(t, "%-10s\n", names[n][1]);
	}
	return 0;
}
SHOW(limits)

static long constant(struct text *t, const char *s)
{
	text_printf(t, "%s", s);
	return 0;
}

static long io_show(struct text *t, struct inode *i)
{
	(void)i;
	return constant(t, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
}

static long zero_show(struct text *t, struct inode *i) { (void)i; return constant(t, "0\n"); }
static long cgroup_show(struct text *t, struct inode *i) { (void)i; return constant(t, "0::/\n"); }
static long personality_show(struct text *t, struct inode *i) { (void)i; return constant(t, "00000000\n"); }
static long loginuid_show(struct text *t, struct inode *i) { (void)i; return constant(t, "4294967295"); }
static long mounts_file(struct text *t, struct inode *i) { (void)i; mounts_show(t, false); return 0; }
static long mountinfo_file(struct text *t, struct inode *i) { (void)i; mounts_show(t, true); return 0; }

static long ignored_store(struct inode *i, const char *s, size_t n) /* accepted, without an effect */
{
	(void)i;
	(void)s;
	return (long)n;
}

static long task_lookup(struct path *dir, struct name n, struct path **out)
{
	struct task *k;
	bool there;
	u32 tid;

	if (!proc_number(n, &tid))
		return -ENOENT;
	lock(&family.tree);
	k = task_find(tid);
	there = k && k->proc == proc_of_inode(dir->inode);
	unlock(&family.tree);
	return there ? gen_path(dir, n, &proc_tid_node, dir->inode->gen.id, tid, out) : -ENOENT;
}

static long task_list(struct file *f, struct uio *u, u64 base)
{
	for (;;) {
		u64 from = f->pos - base, next = NEVER;
		struct proc *p;
		long r;

		lock(&family.tree);
		p = proc_of_inode(f->inode);
		for (struct list *n = p ? p->tasks.next : NULL; n && n != &p->tasks; n = n->next) {
			u32 tid = list_entry(n, struct task, proc_node)->tid;

			if (tid >= from && tid < next)
				next = tid;
		}
		unlock(&family.tree);
		if (next == NEVER)
			return 0;
		r = proc_emit_number(f, u, base, (u32)next, &proc_tid_node);
		if (r)
			return r;
	}
}

#define TEXT_FILE(file, function) { .name = file, .mode = S_IFREG | 0444, .show = function }
#define COMMON_FILES \
	{ .name = "auxv", .mode = S_IFREG | 0400, .show = auxv }, \
	TEXT_FILE("cgroup", cgroup_show), \
	TEXT_FILE("cmdline", cmdline), \
	{ .name = "comm", .mode = S_IFREG | 0644, .show = comm_line, .store = comm_store }, \
	{ .name = "cwd", .mode = S_IFLNK | 0777, .show = cwd_show, .follow = cwd_follow }, \
	{ .name = "environ", .mode = S_IFREG | 0400, .show = environ_show }, \
	{ .name = "exe", .mode = S_IFLNK | 0777, .show = exe }, \
	{ .name = "fd", .mode = S_IFDIR | 0500, .lookup = proc_fd_lookup, .list = proc_fd_list }, \
	{ .name = "fdinfo", .mode = S_IFDIR | 0500, .lookup = proc_fdinfo_lookup, .list = proc_fdinfo_list }, \
	{ .name = "io", .mode = S_IFREG | 0400, .show = io_show }, \
	TEXT_FILE("limits", limits), \
	{ .name = "loginuid", .mode = S_IFREG | 0644, .show = loginuid_show, .store = ignored_store }, \
	TEXT_FILE("maps", proc_show_maps), \
	TEXT_FILE("mountinfo", mountinfo_file), \
	TEXT_FILE("mounts", mounts_file), \
	TEXT_FILE("oom_score", zero_show), \
	{ .name = "oom_score_adj", .mode = S_IFREG | 0644, .show = zero_show, .store = ignored_store }, \
	{ .name = "personality", .mode = S_IFREG | 0400, .show = personality_show }, \
	{ .name = "root", .mode = S_IFLNK | 0777, .show = root_show, .follow = root_follow }, \
	TEXT_FILE("smaps", proc_show_smaps), \
	TEXT_FILE("smaps_rollup", proc_show_smaps_rollup), \
	TEXT_FILE("statm", statm), \
	TEXT_FILE("status", status), \
	TEXT_FILE("wchan", zero_show)

static const struct gen_node tid_nodes[] = { COMMON_FILES, TEXT_FILE("stat", thread_stat), { 0 } };
static const struct gen_node pid_nodes[] = {
	COMMON_FILES, TEXT_FILE("stat", stat),
	{ .name = "task", .mode = S_IFDIR | 0555, .lookup = task_lookup, .list = task_list },
	{ 0 },
};
const struct gen_node proc_pid_node = { .name = "pid", .mode = S_IFDIR | 0555, .children = pid_nodes };
const struct gen_node proc_tid_node = { .name = "tid", .mode = S_IFDIR | 0555, .children = tid_nodes };
