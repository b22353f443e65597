/* /sys: which CPUs there are, huge pages, an empty cgroup tree. */
#include "procfs.h"

static void cpu_range(struct text *t)
{
	if (boot_info->cpus > 1)
		text_printf(t, "0-%u\n", boot_info->cpus - 1);
	else
		text_printf(t, "0\n");
}

static long show_cpus(struct text *t, struct inode *i)
{
	(void)i;
	cpu_range(t);
	return 0;
}

static long show_line(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "\n");
	return 0;
}

static long show_kernel_max(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "8191\n");
	return 0;
}

static long show_huge(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "always [madvise] never\n");
	return 0;
}

static long show_huge_size(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "2097152\n");
	return 0;
}

static long show_cpu_id(struct text *t, struct inode *i)
{
	text_printf(t, "%lu\n", i->gen.id);
	return 0;
}

static long show_zero(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "0\n");
	return 0;
}

static const struct gen_node topology_nodes[] = {
	{ .name = "core_id", .mode = S_IFREG | 0444, .show = show_cpu_id },
	{ .name = "physical_package_id", .mode = S_IFREG | 0444, .show = show_zero },
	{ .name = "thread_siblings_list", .mode = S_IFREG | 0444, .show = show_cpu_id },
	{ 0 },
};
static const struct gen_node cpu_nodes[] = { { .name = "topology", .mode = S_IFDIR | 0755, .children = topology_nodes }, { 0 } };
static const struct gen_node cpu_node = { .name = "cpu", .mode = S_IFDIR | 0755, .children = cpu_nodes };

static long cpu_lookup(struct path *dir, struct name n, struct path **out)
{
	u32 cpu;

	if (n.n < 4 || memcmp(n.s, "cpu", 3) || !proc_number((struct name){ n.s + 3, n.n - 3 }, &cpu) || cpu >= boot_info->cpus)
		return -ENOENT;
	return gen_path(dir, n, &cpu_node, cpu, 0, out);
}

static long cpu_list(struct file *f, struct uio *u, u64 base)
{
	while (f->pos - base < boot_info->cpus) {
		char name[16];
		u32 n = (u32)snprintf(name, sizeof name, "cpu%lu", f->pos - base);
		long r = dirent_emit(u, gen_ino(&cpu_node, f->pos - base, 0), f->pos + 1, DT_DIR, (struct name){ name, n });

		if (r)
			return r;
		f->pos++;
	}
	return 0;
}

static const struct gen_node cpus_nodes[] = {
	{ .name = "isolated", .mode = S_IFREG | 0444, .show = show_line },
	{ .name = "kernel_max", .mode = S_IFREG | 0444, .show = show_kernel_max },
	{ .name = "offline", .mode = S_IFREG | 0444, .show = show_line },
	{ .name = "online", .mode = S_IFREG | 0444, .show = show_cpus },
	{ .name = "possible", .mode = S_IFREG | 0444, .show = show_cpus },
	{ .name = "present", .mode = S_IFREG | 0444, .show = show_cpus },
	{ 0 },
};
static const struct gen_node node0_nodes[] = { { .name = "cpulist", .mode = S_IFREG | 0444, .show = show_cpus }, { 0 } };
static const struct gen_node nodes_nodes[] = {
	{ .name = "node0", .mode = S_IFDIR | 0755, .children = node0_nodes },
	{ .name = "online", .mode = S_IFREG | 0444, .show = show_zero },
	{ .name = "possible", .mode = S_IFREG | 0444, .show = show_zero },
	{ 0 },
};
static const struct gen_node system_nodes[] = {
	{ .name = "cpu", .mode = S_IFDIR | 0755, .children = cpus_nodes, .lookup = cpu_lookup, .list = cpu_list },
	{ .name = "node", .mode = S_IFDIR | 0755, .children = nodes_nodes },
	{ 0 },
};
static const struct gen_node devices_nodes[] = { { .name = "system", .mode = S_IFDIR | 0755, .children = system_nodes }, { 0 } };
static const struct gen_node huge_nodes[] = {
	{ .name = "defrag", .mode = S_IFREG | 0444, .show = show_huge },
	{ .name = "enabled", .mode = S_IFREG | 0444, .show = show_huge },
	{ .name = "hpage_pmd_size", .mode = S_IFREG | 0444, .show = show_huge_size },
	{ 0 },
};
static const struct gen_node mm_nodes[] = {
	{ .name = "transparent_hugepage", .mode = S_IFDIR | 0755, .children = huge_nodes }, { 0 },
};
static const struct gen_node kernel_nodes[] = { { .name = "mm", .mode = S_IFDIR | 0755, .children = mm_nodes }, { 0 } };
static const struct gen_node fs_nodes[] = { { .name = "cgroup", .mode = S_IFDIR | 0755 }, { 0 } };
static const struct gen_node class_nodes[] = { { .name = "net", .mode = S_IFDIR | 0755 }, { 0 } };
static const struct gen_node root_nodes[] = {
	{ .name = "class", .mode = S_IFDIR | 0755, .children = class_nodes },
	{ .name = "devices", .mode = S_IFDIR | 0755, .children = devices_nodes },
	{ .name = "fs", .mode = S_IFDIR | 0755, .children = fs_nodes },
	{ .name = "kernel", .mode = S_IFDIR | 0755, .children = kernel_nodes },
	{ 0 },
};
static const struct gen_node root_node = { .name = "sys", .mode = S_IFDIR | 0555, .children = root_nodes };

void sysfs_init(void)
{
	gen_mount("/sys", &sys_sb, &root_node);
}
