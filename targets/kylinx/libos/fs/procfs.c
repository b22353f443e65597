/* /proc: the family as a whole. Files of a process are in procfs_pid.c, /proc/sys is in procfs_sys.c. */
#include "procfs.h"

u64 proc_now_ticks(void)
{
	return now_mono_ns() / (NS / USER_HZ);
}

static long show_meminfo(struct text *t, struct inode *i)
{
	u64 total = boot_info->memory_limit / 1024, used = heap_bytes_used() / 1024, free = total > used ? total - used : 0;

	(void)i;
	text_printf(t, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", total, free, free);
	text_printf(t, "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n");
	text_printf(t, "Active:                0 kB\nInactive:              0 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n");
	text_printf(t, "Dirty:                 0 kB\nWriteback:             0 kB\nAnonPages:             0 kB\nMapped:                0 kB\n");
	text_printf(t, "Shmem:                 0 kB\nSlab:           %8lu kB\nPageTables:            0 kB\n", used);
	text_printf(t, "CommitLimit:    %8lu kB\nCommitted_AS:          0 kB\n", total);
	text_printf(t, "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\nHugePages_Surp:        0\n");
	text_printf(t, "Hugepagesize:       2048 kB\n");
	return 0;
}

static void cpuid(u32 leaf, u32 r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

static void show_processor(struct text *t, u32 cpu)
{
	static const char *const flags_d[32] = { "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep",
		"mtrr", "pge", "mca", "cmov", "pat", "pse36", NULL, "clflush", NULL, NULL, NULL, "mmx", "fxsr", "sse", "sse2", "ss",
		"ht" };
	static const char *const flags_c[32] = { "pni", "pclmulqdq", [9] = "ssse3", [12] = "fma", "cx16", [19] = "sse4_1", "sse4_2",
		[22] = "movbe", "popcnt", [25] = "aes", "xsave", [28] = "avx", "f16c", "rdrand", "hypervisor" };
	u32 r[4], kind, model;
	char vendor[13] = { 0 }, brand[49] = { 0 };

	cpuid(0, r);
	memcpy(vendor, &r[1], 4);
	memcpy(vendor + 4, &r[3], 4);
	memcpy(vendor + 8, &r[2], 4);
	for (u32 k = 0; k < 3; k++) {
		cpuid(0x80000002 + k, r);
		memcpy(brand + 16 * k, r, 16);
	}
	cpuid(1, r);
	kind = (r[0] >> 8 & 15) + ((r[0] >> 8 & 15) == 15 ? r[0] >> 20 & 255 : 0);
	model = (r[0] >> 4 & 15) | (r[0] >> 12 & 0xf0);
	text_printf(t, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
		    cpu, vendor, kind, model, brand, r[0] & 15);
	text_printf(t, "cpu MHz\t\t: %lu.000\ncache size\t: 0 KB\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n",
		    boot_info->clock.mult ? ((u64)1000 << 32) / boot_info->clock.mult : 0, boot_info->cpus, cpu, boot_info->cpus);
	text_printf(t, "fpu\t\t: yes\nwp\t\t: yes\nflags\t\t:");
	for (u32 k = 0; k < 32; k++)
		if (flags_d[k] && r[3] >> k & 1)
			text_printf(t, " %s", flags_d[k]);
	for (u32 k = 0; k < 32; k++)
		if (flags_c[k] && r[2] >> k & 1)
			text_printf(t, " %s", flags_c[k]);
	text_printf(t, " lm\nbogomips\t: 0.00\nclflush size\t: 64\ncache_alignment\t: 64\n\n");
}

static long show_cpuinfo(struct text *t, struct inode *i)
{
	(void)i;
	for (u32 cpu = 0; cpu < boot_info->cpus; cpu++)
		show_processor(t, cpu);
	return 0;
}

/* Running tasks and CPU time of the family's living processes. */
static void family_counts(u32 *running, u32 *tasks, u64 *cpu_ns)
{
	*running = *tasks = 0;
	*cpu_ns = 0;
	lock(&family.tree);
	list_for_each(l, &family.procs) {
		struct proc *p = list_entry(l, struct proc, all_node);

		*cpu_ns += p->user_ns;
		list_for_each(n, &p->tasks) {
			struct task *k = list_entry(n, struct task, proc_node);

			*tasks += 1;
			*running += proc_task_runs(k);
			*cpu_ns += k->cpu_ns;
		}
	}
	unlock(&family.tree);
}

static long show_stat(struct text *t, struct inode *i)
{
	u64 ticks = proc_now_ticks(), cpu_ns, busy;
	u32 running, tasks;

	(void)i;
	family_counts(&running, &tasks, &cpu_ns);
	busy = cpu_ns / (NS / USER_HZ);
	text_printf(t, "cpu  %lu 0 0 %lu 0 0 0 0 0 0\n", busy, ticks * boot_info->cpus > busy ? ticks * boot_info->cpus - busy : 0);
	for (u32 cpu = 0; cpu < boot_info->cpus; cpu++) {
		u64 part = busy / boot_info->cpus;

		text_printf(t, "cpu%u %lu 0 0 %lu 0 0 0 0 0 0\n", cpu, part, ticks > part ? ticks - part : 0);
	}
	text_printf(t, "intr 0\nctxt 0\nbtime %lu\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\nsoftirq 0\n",
		    (now_real_ns() - now_mono_ns()) / NS, family.forks + 1, running);
	return 0;
}

static long show_uptime(struct text *t, struct inode *i)
{
	u64 up = now_mono_ns() - family.boot_ns;

	(void)i;
	text_printf(t, "%lu.%02lu 0.00\n", up / NS, up % NS / (NS / 100));
	return 0;
}

static long show_loadavg(struct text *t, struct inode *i)
{
	u32 running, tasks;
	u64 cpu_ns;

	(void)i;
	family_counts(&running, &tasks, &cpu_ns);
	text_printf(t, "0.00 0.00 0.00 %u/%u %u\n", running, tasks, family.next_pid ? family.next_pid - 1 : 0);
	return 0;
}

static long show_version(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "%s version %s (kylinx) %s\n", boot_info->sysname, boot_info->release, boot_info->uname_version);
	return 0;
}

static long show_filesystems(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tmqueue\nnodev\tpipefs\nnodev\tsockfs\n");
	return 0;
}

static long show_nothing(struct text *t, struct inode *i)
{
	(void)i;
	return text_room(t, 1) ? 0 : -ENOMEM;
}

static long show_devices(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n\nBlock devices:\n");
	return 0;
}

static long show_self(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "%u", current->proc->pid);
	return 0;
}

static long show_thread_self(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "%u/task/%u", current->proc->pid, current->tid);
	return 0;
}

static long show_self_mounts(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "self/mounts");
	return 0;
}

static long show_cmdline(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "kylinx\n");
	return 0;
}

bool proc_number(struct name n, u32 *number)
{
	u64 v = 0;

	if (!n.n || n.n > 9 || (n.s[0] == '0' && n.n > 1))
		return false;
	for (u32 k = 0; k < n.n; k++) {
		if (n.s[k] < '0' || n.s[k] > '9')
			return false;
		v = v * 10 + (u64)(n.s[k] - '0');
	}
	*number = (u32)v;
	return true;
}

static long root_lookup(struct path *dir, struct name n, struct path **out)
{
	bool there;
	u32 pid;

	if (!proc_number(n, &pid))
		return -ENOENT;
	lock(&family.tree);
	there = proc_find(pid) || task_find(pid);
	unlock(&family.tree);
	return there ? gen_path(dir, n, &proc_pid_node, pid, 0, out) : -ENOENT;
}

long proc_emit_number(struct file *f, struct uio *u, u64 base, u32 number, const struct gen_node *node)
{
	char name[16];
	int n = snprintf(name, sizeof name, "%u", number);
	u64 pid = f->inode->gen.id, ino = pid ? gen_ino(node, pid, number) : gen_ino(node, number, 0);
	long r = dirent_emit(u, ino, base + number + 1, mode_to_dt(node->mode), (struct name){ name, (u32)n });

	if (!r)
		f->pos = base + number + 1;
	return r;
}

/* In order of the numbers, so that a listing continued later neither repeats nor misses one. */
static long root_list(struct file *f, struct uio *u, u64 base)
{
	for (;;) {
		u64 from = f->pos - base, next = NEVER;
		long r;

		lock(&family.tree);
		list_for_each(l, &family.procs) {
			u32 pid = list_entry(l, struct proc, all_node)->pid;

			if (pid >= from && pid < next)
				next = pid;
		}
		unlock(&family.tree);
		if (next == NEVER)
			return 0;
		r = proc_emit_number(f, u, base, (u32)next, &proc_pid_node);
		if (r)
			return r;
	}
}

static const struct gen_node root_children[] = {
	{ .name = "self", .mode = S_IFLNK | 0777, .show = show_self },
	{ .name = "thread-self", .mode = S_IFLNK | 0777, .show = show_thread_self },
	{ .name = "cmdline", .mode = S_IFREG | 0444, .show = show_cmdline },
	{ .name = "cpuinfo", .mode = S_IFREG | 0444, .show = show_cpuinfo },
	{ .name = "devices", .mode = S_IFREG | 0444, .show = show_devices },
	{ .name = "filesystems", .mode = S_IFREG | 0444, .show = show_filesystems },
	{ .name = "loadavg", .mode = S_IFREG | 0444, .show = show_loadavg },
	{ .name = "meminfo", .mode = S_IFREG | 0444, .show = show_meminfo },
	{ .name = "mounts", .mode = S_IFLNK | 0777, .show = show_self_mounts },
	{ .name = "partitions", .mode = S_IFREG | 0444, .show = show_nothing },
	{ .name = "stat", .mode = S_IFREG | 0444, .show = show_stat },
	{ .name = "swaps", .mode = S_IFREG | 0444, .show = show_nothing },
	{ .name = "sys", .mode = S_IFDIR | 0555, .children = proc_sys_children },
	{ .name = "uptime", .mode = S_IFREG | 0444, .show = show_uptime },
	{ .name = "version", .mode = S_IFREG | 0444, .show = show_version },
	{ 0 },
};
static const struct gen_node root_node = {
	.name = "proc", .mode = S_IFDIR | 0555, .children = root_children, .lookup = root_lookup, .list = root_list,
};

void gen_mount(const char *path, struct superblock *sb, const struct gen_node *node)
{
	struct path *p = ramfs_directory(path, 0555);
	struct inode *i = p ? gen_inode(sb, node, 0, 0) : NULL;

	if (!i)
		panic("no memory for %s", path);
	ramfs_mount(p, i);
	mounts_add(path, sb);
	path_put(p);
}

void procfs_init(void)
{
	gen_mount("/proc", &proc_sb, &root_node);
}
