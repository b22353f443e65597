/* Rename in the in-memory tree: over what is there, without replacing, or exchanging two names. */
#include "ramdir.h"

struct rename {
	struct path *from, *to;         /* directories */
	struct path *moved, *there;     /* there: what has the new name; may be NULL */
	char *name, *name_back;         /* copies for the paths; name_back: of an exchange */
	u32 length, length_back;
};

/* Ancestors before descendants, else by address. rename_lock is held. */
static void lock_both(struct path *a, struct path *b)
{
	if (a != b && (path_is_below(a, b) || (!path_is_below(b, a) && a->inode > b->inode))) {
		struct path *c = a;

		a = b;
		b = c;
	}
	lock(&a->inode->lock);
	if (a != b)
		lock(&b->inode->lock);
}

static void unlock_both(struct path *a, struct path *b)
{
	unlock(&a->inode->lock);
	if (a != b)
		unlock(&b->inode->lock);
}

/* A directory whose ".." changes must be writable. */
static long may_move(const struct rename *r, const struct path *p)
{
	return r->from != r->to && p && S_ISDIR(p->inode->mode) ? inode_permission(p->inode, 2) : 0;
}

static long rename_check(struct rename *r, u32 flags)
{
	bool moves_dir = S_ISDIR(r->moved->inode->mode);
	long e;

	if (r->to->inode->dir.dead)
		return -ENOENT;
	if (r->there && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (!r->there && (flags & RENAME_EXCHANGE))
		return -ENOENT;
	if (r->moved->mount || (r->there && r->there->mount))
		return -EBUSY;
	if (moves_dir && path_is_below(r->to, r->moved))
		return -EINVAL;
	if (r->there && path_is_below(r->from, r->there))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (ramfs_sticky_forbids(r->from->inode, r->moved->inode))
		return -EPERM;
	if (r->there && !(flags & RENAME_EXCHANGE) && S_ISDIR(r->there->inode->mode) != moves_dir)
		return moves_dir ? -ENOTDIR : -EISDIR;
	e = may_move(r, r->moved);
	return !e && (flags & RENAME_EXCHANGE) ? may_move(r, r->there) : e;
}

/* Takes p out of dir, gives it a new name and parent; the caller inserts it. The old parent is returned, to be put later. */
static struct path *rename_detach(struct path *p, struct path *to, char *name, u32 length)
{
	struct path *parent = p->parent;

	ramdir_remove(parent->inode, p);
	if (p->name_heap)
		kfree((void *)(u64)p->name);
	p->name = name;
	p->name_heap = true;
	p->length = length;
	p->hash = name_hash((struct name){ name, length });
	p->parent = path_ref(to);
	return parent;
}

static void move_link(struct path *p, struct path *from, struct path *to)
{
	if (S_ISDIR(p->inode->mode)) {
		from->inode->nlink--;
		to->inode->nlink++;
	}
	p->inode->ctime_ns = (s64)now_real_ns();
}

static void exchange(struct rename *r, struct path *put[2])
{
	put[0] = rename_detach(r->moved, r->to, r->name, r->length);
	put[1] = rename_detach(r->there, r->from, r->name_back, r->length_back);
	ramdir_insert(r->to->inode, r->moved);
	ramdir_insert(r->from->inode, r->there);
	move_link(r->moved, r->from, r->to);
	move_link(r->there, r->to, r->from);
}

static long replace(struct rename *r, struct path *put[2])
{
	if (r->there) {
		bool directory = S_ISDIR(r->there->inode->mode);
		long e;

		if (directory)
			lock(&r->there->inode->lock);
		e = ramfs_bury(r->to->inode, r->there, directory);
		if (directory)
			unlock(&r->there->inode->lock);
		if (e)
			return e;
		ramdir_remove(r->to->inode, r->there);
	}
	put[0] = rename_detach(r->moved, r->to, r->name, r->length);
	ramdir_insert(r->to->inode, r->moved);
	move_link(r->moved, r->from, r->to);
	return 0;
}

static char *copy_name(struct name n)
{
	char *s = kmalloc(n.n + 1);

	if (s) {
		memcpy(s, n.s, n.n);
		s[n.n] = 0;
	}
	return s;
}

long ramfs_rename(struct path *from, struct name old, struct path *to, struct name new, u32 flags)
{
	struct rename r = { .from = from, .to = to, .name = copy_name(new), .name_back = copy_name(old), .length = new.n,
			    .length_back = old.n };
	struct path *put[2] = { NULL, NULL };
	long e = -ENOMEM;

	if (!r.name || !r.name_back)
		goto out;
	lock(&rename_lock);
	lock_both(from, to);
	if ((e = ramdir_load(from->inode)) || (e = ramdir_load(to->inode)) || (e = ramdir_reserve(to->inode)))
		goto unlock;
	e = -ENOENT;
	r.moved = ramdir_find(from->inode, old);
	if (!r.moved)
		goto unlock;
	path_ref(r.moved);
	r.there = ramdir_find(to->inode, new);
	if (r.there)
		path_ref(r.there);
	e = rename_check(&r, flags);
	if (e || (r.there && r.there->inode == r.moved->inode)) /* two names of one file: nothing to do */
		goto unlock;
	if (flags & RENAME_EXCHANGE)
		exchange(&r, put);
	else
		e = replace(&r, put);
	if (!e) {
		ramfs_touch(from->inode);
		ramfs_touch(to->inode);
		r.name = NULL;
		if (flags & RENAME_EXCHANGE)
			r.name_back = NULL;
	}
unlock:
	unlock_both(from, to);
	unlock(&rename_lock);
	path_put(put[0]);
	path_put(put[1]);
	path_put(r.there);
	path_put(r.moved);
out:
	kfree(r.name);
	kfree(r.name_back);
	return e;
}
