/* /proc/sys: limits that programs ask for, as constants of this system; a few may be written. */
#include "procfs.h"

static long show_text(struct text *t, const char *s)
{
	text_printf(t, "%s\n", s);
	return 0;
}

#define CONSTANT(name, value) \
	static long name(struct text *t, struct inode *i) { (void)i; return show_text(t, value); }

CONSTANT(show_ostype, "Linux")
CONSTANT(show_pid_max, "4194304")
CONSTANT(show_ngroups_max, "65536")
CONSTANT(show_cap_last_cap, "40")
CONSTANT(show_msgmax, "8192")
CONSTANT(show_msgmnb, "16384")
CONSTANT(show_msgmni, "32000")
CONSTANT(show_shmmax, "18446744073692774399")
CONSTANT(show_shmmni, "4096")
CONSTANT(show_sem, "32000\t1024000000\t500\t32000")
CONSTANT(show_core_pattern, "core")
CONSTANT(show_zero, "0")
CONSTANT(show_one, "1")
CONSTANT(show_two, "2")
CONSTANT(show_max_map_count, "65530")
CONSTANT(show_somaxconn, "4096")
CONSTANT(show_file_max, "9223372036854775807")
CONSTANT(show_nr_open, "1048576")
CONSTANT(show_pipe_max_size, "1048576")
CONSTANT(show_mq_msg_max, "10")
CONSTANT(show_mq_msgsize_max, "8192")
CONSTANT(show_mq_queues_max, "256")
CONSTANT(show_domainname, "(none)")
CONSTANT(show_file_nr, "0\t0\t9223372036854775807")
CONSTANT(show_min_free, "4096")
CONSTANT(show_swappiness, "60")
CONSTANT(show_overcommit_ratio, "50")

static long show_osrelease(struct text *t, struct inode *i)
{
	(void)i;
	return show_text(t, boot_info->release);
}

static long show_hostname(struct text *t, struct inode *i)
{
	(void)i;
	return show_text(t, boot_info->nodename);
}

static long show_version(struct text *t, struct inode *i)
{
	(void)i;
	return show_text(t, boot_info->uname_version);
}

static long show_threads_max(struct text *t, struct inode *i)
{
	(void)i;
	text_printf(t, "%lu\n", boot_info->memory_limit / (16 * KX_PAGE));
	return 0;
}

static void text_uuid(struct text *t, u8 b[16])
{
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (u32 k = 0; k < 16; k++)
		text_printf(t, "%s%02x", k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "", b[k]);
	text_printf(t, "\n");
}

static long show_uuid(struct text *t, struct inode *i)
{
	u8 b[16];

	(void)i;
	random_bytes(b, sizeof b);
	text_uuid(t, b);
	return 0;
}

static long show_boot_id(struct text *t, struct inode *i)
{
	static u8 id[16];
	static struct lock once;
	static bool made;
	u8 b[16];

	(void)i;
	lock(&once);
	if (!made)
		random_bytes(id, sizeof id);
	made = true;
	memcpy(b, id, sizeof b);
	unlock(&once);
	text_uuid(t, b);
	return 0;
}

static long show_entropy(struct text *t, struct inode *i)
{
	(void)i;
	return show_text(t, "256");
}

static long store_ignored(struct inode *i, const char *s, size_t n) /* accepted, without an effect */
{
	(void)i;
	(void)s;
	return (long)n;
}

#define FILE_NODE(file, function) { .name = file, .mode = S_IFREG | 0444, .show = function }
#define TUNABLE(file, function) { .name = file, .mode = S_IFREG | 0644, .show = function, .store = store_ignored }
#define DIR_NODE(file, nodes) { .name = file, .mode = S_IFDIR | 0555, .children = nodes }

static const struct gen_node random_nodes[] = {
	FILE_NODE("boot_id", show_boot_id), FILE_NODE("entropy_avail", show_entropy), FILE_NODE("poolsize", show_entropy),
	FILE_NODE("uuid", show_uuid), { 0 },
};
static const struct gen_node kernel_nodes[] = {
	FILE_NODE("cap_last_cap", show_cap_last_cap), TUNABLE("core_pattern", show_core_pattern),
	FILE_NODE("domainname", show_domainname), FILE_NODE("hostname", show_hostname), TUNABLE("msgmax", show_msgmax),
	TUNABLE("msgmnb", show_msgmnb), TUNABLE("msgmni", show_msgmni), FILE_NODE("ngroups_max", show_ngroups_max),
	FILE_NODE("osrelease", show_osrelease), FILE_NODE("ostype", show_ostype), TUNABLE("perf_event_paranoid", show_two),
	TUNABLE("pid_max", show_pid_max), DIR_NODE("random", random_nodes), TUNABLE("randomize_va_space", show_two),
	TUNABLE("sched_autogroup_enabled", show_zero), TUNABLE("sem", show_sem), TUNABLE("shmall", show_shmmax),
	TUNABLE("shmmax", show_shmmax), TUNABLE("shmmni", show_shmmni), TUNABLE("threads-max", show_threads_max),
	FILE_NODE("version", show_version), { 0 },
};
static const struct gen_node vm_nodes[] = {
	TUNABLE("max_map_count", show_max_map_count), TUNABLE("min_free_kbytes", show_min_free),
	TUNABLE("overcommit_memory", show_one), TUNABLE("overcommit_ratio", show_overcommit_ratio),
	TUNABLE("swappiness", show_swappiness), { 0 },
};
static const struct gen_node core_nodes[] = { TUNABLE("somaxconn", show_somaxconn), { 0 } };
static const struct gen_node net_nodes[] = { DIR_NODE("core", core_nodes), { 0 } };
static const struct gen_node mqueue_nodes[] = {
	TUNABLE("msg_default", show_mq_msg_max), TUNABLE("msg_max", show_mq_msg_max), TUNABLE("msgsize_default", show_mq_msgsize_max),
	TUNABLE("msgsize_max", show_mq_msgsize_max), TUNABLE("queues_max", show_mq_queues_max), { 0 },
};
static const struct gen_node fs_nodes[] = {
	TUNABLE("file-max", show_file_max), FILE_NODE("file-nr", show_file_nr), DIR_NODE("mqueue", mqueue_nodes),
	TUNABLE("nr_open", show_nr_open), TUNABLE("pipe-max-size", show_pipe_max_size), { 0 },
};
const struct gen_node proc_sys_children[] = {
	DIR_NODE("fs", fs_nodes), DIR_NODE("kernel", kernel_nodes), DIR_NODE("net", net_nodes), DIR_NODE("vm", vm_nodes), { 0 },
};
