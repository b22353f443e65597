/* Directories of the in-memory tree: a hash table and a list of their names, filled from the image name by name as these
 * are looked up, wholly before the first change. */
#include "ramdir.h"

static struct path **slot_of(struct inode *dir, u32 hash)
{
	return &dir->dir.hash[hash & (dir->dir.buckets - 1)];
}

static struct path *find_hashed(struct inode *dir, struct name n, u32 hash)
{
	if (!dir->dir.buckets)
		return NULL;
	for (struct path *p = *slot_of(dir, hash); p; p = p->hash_next)
		if (p->hash == hash && p->length == n.n && !memcmp(p->name, n.s, n.n))
			return p;
	return NULL;
}

long ramdir_reserve(struct inode *dir)
{
	u32 buckets = dir->dir.buckets ? dir->dir.buckets * 4 : 8;
	struct path **hash;

	if (dir->dir.count < dir->dir.buckets * 2)
		return 0;
	hash = kzalloc(buckets * sizeof *hash);
	if (!hash)
		return dir->dir.buckets ? 0 : -ENOMEM; /* longer chains will do */
	kfree(dir->dir.hash);
	dir->dir.hash = hash;
	dir->dir.buckets = buckets;
	list_for_each(l, &dir->dir.children) {
		struct path *p = list_entry(l, struct path, sibling), **slot = slot_of(dir, p->hash);

		p->hash_next = *slot;
		*slot = p;
	}
	return 0;
}

long ramdir_insert(struct inode *dir, struct path *p)
{
	struct path **slot;
	long r = ramdir_reserve(dir);

	if (r)
		return r;
	slot = slot_of(dir, p->hash);
	p->hash_next = *slot;
	*slot = path_ref(p);
	p->seq = dir->dir.next_seq++;
	p->linked = true;
	list_push_back(&dir->dir.children, &p->sibling);
	dir->dir.count++;
	return 0;
}

static void unhash(struct inode *dir, struct path *p)
{
	struct path **slot = slot_of(dir, p->hash);

	while (*slot != p)
		slot = &(*slot)->hash_next;
	*slot = p->hash_next;
	p->hash_next = NULL;
}

void ramdir_remove(struct inode *dir, struct path *p)
{
	unhash(dir, p);
	list_remove(&p->sibling);
	dir->dir.count--;
	p->linked = false;
	ref_put(&p->refs);
}

/* A path for entry i of the image, with the entry's place among getdents' cookies. */
static struct path *instantiate(struct inode *dir, struct name n, u32 index, u32 i, long *err)
{
	struct inode *inode = image_inode_instance(dir->sb, index, err);
	struct path *p, **slot;

	if (!inode)
		return NULL;
	*err = ramdir_reserve(dir);
	if (*err) {
		inode_put(inode);
		return NULL;
	}
	p = path_create(dir->dir.self, n, inode);
	*err = -ENOMEM;
	if (!p)
		return NULL;
	if (S_ISDIR(inode->mode))
		inode->dir.self = p;
	p->seq = i;
	p->linked = true;
	slot = slot_of(dir, p->hash);
	p->hash_next = *slot;
	*slot = p;
	list_push_back(&dir->dir.children, &p->sibling);
	dir->dir.count++;
	return p;
}

struct path *ramdir_find(struct inode *dir, struct name n)
{
	struct path *p = find_hashed(dir, n, name_hash(n));
	struct name stored;
	u32 index, place;
	long err;

	if (p || dir->dir.loaded)
		return p;
	if (!image_find(dir->dir.image_first, dir->dir.image_count, n, &stored, &index, &place))
		return NULL;
	return instantiate(dir, stored, index, place, &err);
}

long ramdir_load(struct inode *dir)
{
	if (dir->dir.loaded)
		return 0;
	for (u32 i = 0; i < dir->dir.image_count; i++) {
		struct name n;
		struct path *p;
		u32 index;
		long err;

		if (image_dirent(dir->dir.image_first, dir->dir.image_count, i, &n, &index))
			continue;
		p = find_hashed(dir, n, name_hash(n));
		if (p) { /* known already: to its place at the end, as all come by in order */
			list_remove(&p->sibling);
			list_push_back(&dir->dir.children, &p->sibling);
			p->seq = i;
		} else if (!instantiate(dir, n, index, i, &err) && err != -EINVAL) {
			return err;
		}
	}
	dir->dir.loaded = true;
	return 0;
}

void ramdir_free(struct inode *dir)
{
	kfree(dir->dir.hash);
}
