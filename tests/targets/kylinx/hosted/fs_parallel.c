/* Several pVMs at work on one tree at once: names come, move and go while others walk, list and write. Afterwards the tree is
 * sound, and when all is removed no memory is missing. */
#include "hosted.h"
#include "fs/fs.h"
#include "fs_calls.h"

char *getenv(const char *);
int atoi(const char *);

#define WORKERS 4
static u32 steps = 20000;
static u64 base_seed;

struct worker { u64 state; u32 number; char text[6000]; };

static u32 pick(struct worker *w, u32 n)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 7;
	w->state ^= w->state << 17;
	return (u32)((w->state >> 11) % n);
}

static char *path(struct worker *w, char *to)
{
	static const char *const names[] = { "a", "b", "c", "d", "..", "e" };
	u32 n = 0, parts = 1 + pick(w, 3);

	for (u32 k = 0; k < parts; k++)
		n += (u32)snprintf(to + n, 64 - n, "/%s", names[pick(w, k ? 6 : 4)]);
	return to;
}

static void list(struct worker *w, const char *p)
{
	int fd = (int)sys_open(p, O_RDONLY | O_DIRECTORY, 0);

	while (fd >= 0 && sys_getdents64(fd, w->text, 300) > 0)
		;
	if (fd >= 0)
		sys_close(fd);
}

static void data(struct worker *w, const char *p)
{
	int fd = (int)sys_open(p, O_RDWR | O_CREAT | O_NONBLOCK, 0600);
	struct flock l = { .l_type = (short)pick(w, 3), .l_start = pick(w, 30), .l_len = 1 + pick(w, 20) };
	struct stat st;

	if (fd < 0)
		return;
	if (!sys_fstat(fd, &st) && S_ISREG(st.st_mode)) {
		sys_pwrite64(fd, w->text, pick(w, sizeof w->text), pick(w, 9000));
		sys_pread64(fd, w->text, sizeof w->text, pick(w, 9000));
		sys_ftruncate(fd, pick(w, 9000));
		sys_fcntl(fd, F_SETLK, (u64)&l);
		sys_fcntl(fd, F_OFD_SETLK, (u64)&(struct flock){ .l_type = (short)pick(w, 3), .l_len = 3 });
	}
	sys_close(fd);
}

static void step(struct worker *w)
{
	char p[80], q[80], cwd[300];
	struct stat st;

	path(w, p);
	path(w, q);
	switch (pick(w, 13)) {
	case 0: case 1: sys_mkdir(p, 0755); return;
	case 2: sys_rmdir(p); return;
	case 3: sys_unlink(p); return;
	case 4: case 5: sys_rename(p, q); return;
	case 6: sys_renameat2(AT_FDCWD, p, AT_FDCWD, q, 1 + pick(w, 2)); return;
	case 7: sys_link(p, q); return;
	case 8: sys_symlink(q, p); return;
	case 9: list(w, p); return;
	case 10: sys_stat(p, &st); sys_readlink(p, cwd, 300); return;
	case 11: sys_chdir(p); sys_getcwd(cwd, sizeof cwd); return;
	default: data(w, p); return;
	}
}

static void work(void *arg)
{
	struct fs_context *fs = current->proc->fs;
	struct worker *w = arg;

	for (u32 k = 0; k < steps; k++)
		step(w);
	sys_chdir("/");
	path_put(fs->cwd); /* this process does not end by itself */
	path_put(fs->root);
	fs->cwd = path_ref(root_path);
	fs->root = path_ref(root_path);
}

static u32 files;

static void sound(struct path *dir)
{
	u32 count = 0, subdirectories = 0;

	list_for_each(l, &dir->inode->dir.children) {
		struct path *p = list_entry(l, struct path, sibling), *found;

		count++;
		CHECK(p->linked && p->parent == dir);
		CHECK_EQ(path_lookup_child(dir, (struct name){ p->name, p->length }, &found), 0);
		CHECK(found == p);
		path_put(found);
		CHECK(p->inode->nlink > 0);
		if (S_ISDIR(p->inode->mode)) {
			subdirectories++;
			CHECK(p->inode->dir.self == p && !p->inode->dir.dead);
			sound(p);
		}
	}
	CHECK_EQ(count, dir->inode->dir.count);
	CHECK_EQ(dir->inode->nlink, 2 + subdirectories);
	files += count;
}

static void remove_all(const char *p)
{
	char *raw = host_alloc(4096), *child = host_alloc(PATH_MAX);
	int fd = (int)sys_open(p, O_RDONLY | O_DIRECTORY, 0);
	long n;

	CHECK(fd >= 0);
	while ((n = sys_getdents64(fd, raw, 4096)) > 0)
		for (long at = 0; at < n; at += ((struct linux_dirent64 *)(raw + at))->d_reclen) {
			const struct linux_dirent64 *d = (const void *)(raw + at);

			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
				continue;
			snprintf(child, PATH_MAX, "%s/%s", p, d->d_name);
			if (d->d_type == DT_DIR)
				remove_all(child);
			else
				CHECK_EQ(sys_unlink(child), 0);
		}
	CHECK_EQ(n, 0);
	CHECK_EQ(sys_close(fd), 0);
	CHECK_EQ(sys_rmdir(p), 0);
	host_free(raw);
	host_free(child);
}

static void round_of_work(u32 number)
{
	struct path *p, *root = current->proc->fs->root;
	struct worker *w[WORKERS];

	CHECK_EQ(sys_mkdir("/tmp/par", 0755), 0);
	CHECK_EQ(path_lookup(AT_FDCWD, "/tmp/par", 0, &p), 0);
	current->proc->fs->root = p; /* ".." of a link's target leads no further */
	for (u32 k = 0; k < WORKERS; k++) {
		struct proc *child;

		w[k] = kzalloc(sizeof *w[k]);
		w[k]->number = k;
		w[k]->state = 0x9e3779b97f4a7c15 * (base_seed * 100 + number * 10 + k + 1);
		child = hosted_pvm(work, w[k]);
		child->cred = current->proc->cred;
	}
	hosted_join();
	current->proc->fs->root = root;
	for (u32 k = 0; k < WORKERS; k++)
		kfree(w[k]);
	sound(p);
	path_put(p);
	remove_all("/tmp/par");
}


void test_main(void)
{
	base_seed = getenv("KX_SEED") ? (u64)atoi(getenv("KX_SEED")) : 1;
	if (getenv("KX_STEPS"))
		steps = (u32)atoi(getenv("KX_STEPS"));
	for (u32 k = 0; k < 3; k++) {
		u64 before = fs_live_inodes;

		round_of_work(k);
		CHECK_EQ(fs_live_inodes, before);
	}
	printf("%u names at the ends\n", files);
}
