/* Damaged images: the sound one of $KX_SAMPLE with bytes changed, in a block of exactly its size, is looked through, read,
 * changed and emptied. AddressSanitizer sees every step outside. KX_SEED, KX_STEPS. */
#include "hosted.h"
#include "fs/fs.h"
#include "fs_calls.h"

char *getenv(const char *);
int atoi(const char *);
int open(const char *, int, ...);
long read(int, void *, size_t);
int close(int);

#define SAMPLE_MOST (1u << 25)
static u64 state;
static u8 *sample;
static u64 sample_bytes, looked, found;
static u32 budget;

static u32 pick(u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)((state >> 11) % n);
}

static void load_sample(void)
{
	int fd = open(getenv("KX_SAMPLE"), 0);
	long n;

	CHECK(fd >= 0);
	sample = host_alloc(SAMPLE_MOST);
	while ((n = read(fd, sample + sample_bytes, (SAMPLE_MOST) - sample_bytes)) > 0)
		sample_bytes += (u64)n;
	close(fd);
	CHECK(sample_bytes > 4096);
}

/* A change where it matters: the header, the tables, any 32- or 64-bit word, with values that lie. */
static void damage(u8 *image, u64 bytes)
{
	const struct kx_image_header *h = (const void *)sample;
	const u64 begin[] = { 0, h->inode_off, h->dirent_off, h->string_off, h->exec_off };
	const u64 length[] = { sizeof *h, h->inodes * sizeof(struct kx_image_inode), h->dirents * sizeof(struct kx_image_dirent),
		h->string_bytes, h->execs * sizeof(struct kx_image_exec) };
	const u64 lies[] = { 0, 1, ~0ull, 1ull << 63, bytes, bytes - 1, bytes + 1, bytes - 4096, 0xffffffff, 4095, 4096, 1ull << 42 };

	for (u32 n = 1 + pick(6); n; n--) {
		u32 part = pick(5), width = 1u << pick(4);
		u64 at = begin[part] + (length[part] ? pick((u32)length[part]) : 0), value = pick(2) ? lies[pick(ARRAY_SIZE(lies))] : state;

		if (pick(3))
			at &= ~(u64)(width - 1);
		if (at + width <= bytes)
			memcpy(image + at, &value, width);
	}
}

static void look(const char *path, u32 depth);

static void look_at(const char *path, u32 depth)
{
	static char bytes[3000];
	struct stat st;
	long fd;

	looked++;
	if (sys_lstat(path, &st))
		return;
	found++;
	sys_stat(path, &st);
	sys_readlink(path, bytes, sizeof bytes);
	fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
	if (fd >= 0 && S_ISREG(st.st_mode)) {
		struct file *f = file_get((int)fd);

		file_exec_info(f);
		file_put(f);
		sys_read((int)fd, bytes, sizeof bytes);
		sys_pread64((int)fd, bytes, sizeof bytes, st.st_size - 100);
		if (!pick(8) && st.st_size < (1 << 20))
			sys_truncate(path, st.st_size / 2);
	}
	if (fd >= 0)
		sys_close((int)fd);
	if (fd >= 0 && S_ISDIR(st.st_mode) && depth < 20)
		look(path, depth + 1);
	if (!pick(4))
		sys_rename(path, "/renamed");
	else if (!pick(2))
		sys_unlinkat(AT_FDCWD, path, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

static void look(const char *path, u32 depth)
{
	char *raw = host_alloc(4000), *child = host_alloc(PATH_MAX);
	int fd = (int)sys_open(path, O_RDONLY | O_DIRECTORY, 0);
	long n;

	while (budget && fd >= 0 && (n = sys_getdents64(fd, raw, 4000)) > 0)
		for (long at = 0; at < n && budget; at += ((struct linux_dirent64 *)(raw + at))->d_reclen) {
			const struct linux_dirent64 *d = (const void *)(raw + at);

			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
				continue;
			budget--;
			snprintf(child, PATH_MAX, "%s/%s", path, d->d_name);
			look_at(child, depth);
		}
	if (fd >= 0)
		sys_close(fd);
	host_free(raw);
	host_free(child);
}

static void one(void)
{
	u64 bytes = pick(10) ? sample_bytes : pick((u32)sample_bytes);
	struct path *root, *old_root = current->proc->fs->root, *old_cwd = current->proc->fs->cwd;
	u8 *image = host_alloc(bytes);

	memcpy(image, sample, bytes);
	damage(image, bytes);
	image_init(image, bytes);
	CHECK_EQ(ramfs_root(&root_sb, image_present(), &root), 0);
	root->mount = true;
	current->proc->fs->root = path_ref(root);
	current->proc->fs->cwd = path_ref(root);
	budget = 3000;
	look_at("/data/many/f3", 0);
	look_at("/data/link", 0);
	look("", 0);
	look("/", 0);
	path_put(current->proc->fs->root);
	path_put(current->proc->fs->cwd);
	current->proc->fs->root = old_root;
	current->proc->fs->cwd = old_cwd;
	image_init(NULL, 0);
	ramfs_forget_shared();
	host_free(image);
}

void test_main(void)
{
	u32 steps = getenv("KX_STEPS") ? (u32)atoi(getenv("KX_STEPS")) : 2000;

	state = 88172645463325252ull + (getenv("KX_SEED") ? (u64)atoi(getenv("KX_SEED")) * 7919 : 0);
	load_sample();
	for (u32 k = 0; k < steps; k++)
		one();
	printf("%lu looked at, %lu found\n", looked, found);
	CHECK(found > steps);
}
