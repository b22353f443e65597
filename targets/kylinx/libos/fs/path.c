/* The walk: from a string to a path, through "..", symbolic links (40 at most, then ELOOP) and magic links, below the
 * process's root, from its working directory or a directory descriptor. */
#include "fs.h"

#define LINKS_MAX 40

struct path *current_root(void)
{
	struct fs_context *fs = current->proc->fs;
	struct path *p;

	lock(&fs->lock);
	p = path_ref(fs->root);
	unlock(&fs->lock);
	return p;
}

struct path *current_cwd(void)
{
	struct fs_context *fs = current->proc->fs;
	struct path *p;

	lock(&fs->lock);
	p = path_ref(fs->cwd);
	unlock(&fs->lock);
	return p;
}

/* Most names are short, so the buffer on the stack is tried first. */
long user_name_get(struct user_name *n, const char __user *from, bool empty_allowed)
{
	long r = strncpy_from_user(n->small, from, sizeof n->small);

	n->s = n->small;
	if (r == (long)sizeof n->small) {
		n->s = kmalloc(PATH_MAX);
		if (!n->s)
			return -ENOMEM;
		r = strncpy_from_user(n->s, from, PATH_MAX);
		if (r == PATH_MAX)
			r = -ENAMETOOLONG;
	}
	if (!r && !empty_allowed)
		r = -ENOENT;
	if (r < 0)
		user_name_put(n);
	return r < 0 ? r : 0;
}

void user_name_put(struct user_name *n)
{
	if (n->s != n->small)
		kfree(n->s);
	n->s = n->small;
}

static void walk_move(struct walk *w, struct path *to) /* takes to's reference over */
{
	struct path *old = w->at;

	w->at = to;
	path_put(old);
}

static long walk_base(int dirfd, struct path **base, bool any_type)
{
	struct fd f;
	long r = 0;

	if (dirfd == AT_FDCWD) {
		*base = current_cwd();
		return 0;
	}
	f = fd_get(dirfd);
	if (!f.file)
		return -EBADF;
	if (f.file->path && (any_type || S_ISDIR(f.file->inode->mode)))
		*base = path_ref(f.file->path);
	else if (any_type)
		r = (*base = file_reference_path(f.file)) ? 0 : -ENOMEM;
	else
		r = -ENOTDIR;
	fd_put(f);
	return r;
}

/* On an error nothing is held. */
long walk_begin(struct walk *w, int dirfd, const char *name, u32 flags)
{
	long r;

	memset(w, 0, sizeof *w);
	w->rest = name;
	w->flags = flags;
	if (*name == '/' && (flags & WALK_BENEATH))
		return -EXDEV;
	w->root = current_root();
	if (*name == '/' && !(flags & WALK_IN_ROOT)) {
		w->at = path_ref(w->root);
		return 0;
	}
	r = walk_base(dirfd, &w->at, !*name && (flags & WALK_EMPTY));
	if (r) {
		path_put(w->root);
		return r;
	}
	if (flags & WALK_IN_ROOT) {
		path_put(w->root);
		w->root = path_ref(w->at);
	}
	if (flags & WALK_BENEATH)
		w->top = w->at; /* stays referenced: it is an ancestor of at, or at itself */
	return 0;
}

void walk_end(struct walk *w)
{
	path_put(w->at);
	path_put(w->root);
	kfree(w->buffer);
	w->at = w->root = NULL;
	w->buffer = NULL;
}

static long walk_up(struct walk *w)
{
	struct path *parent = NULL;

	if (w->at == w->top)
		return -EXDEV;
	if (w->at == w->root)
		return 0;
	lock(&rename_lock);
	if (w->at->parent)
		parent = path_ref(w->at->parent);
	unlock(&rename_lock);
	if (parent && (w->flags & WALK_NO_XDEV) && parent->inode->sb != w->at->inode->sb) {
		path_put(parent);
		return -EXDEV;
	}
	if (parent)
		walk_move(w, parent);
	return 0;
}

/* Puts the link's text before what is left to walk. */
long walk_symlink(struct walk *w, struct path *link)
{
	size_t rest = strlen(w->rest);
	struct path *to;
	char *buffer;
	long n;

	if (++w->links > LINKS_MAX || (w->flags & WALK_NO_SYMLINKS))
		return -ELOOP;
	if (link->inode->ops->follow) {
		if (w->flags & (WALK_NO_MAGIC | WALK_BENEATH | WALK_IN_ROOT))
			return w->flags & WALK_NO_MAGIC ? -ELOOP : -EXDEV;
		n = link->inode->ops->follow(link, &to);
		if (!n)
			walk_move(w, to);
		if (n <= 0)
			return n; /* > 0: it is an ordinary link with a text */
	}
	buffer = kmalloc(PATH_MAX + rest + 2);
	if (!buffer)
		return -ENOMEM;
	n = link->inode->ops->readlink ? link->inode->ops->readlink(link, buffer, PATH_MAX) : -EINVAL;
	if (n <= 0 || n >= PATH_MAX) {
		kfree(buffer);
		return n < 0 ? n : n ? -ENAMETOOLONG : -ENOENT;
	}
	if (rest || w->trailing)
		buffer[n++] = '/';
	memcpy(buffer + n, w->rest, rest + 1);
	kfree(w->buffer);
	w->rest = w->buffer = buffer;
	if (*buffer == '/') {
		if (w->flags & WALK_BENEATH)
			return -EXDEV;
		walk_move(w, path_ref(w->root));
	}
	return 0;
}

/* The walk has asked for the permission to search dir. */
long path_lookup_child(struct path *dir, struct name n, struct path **out)
{
	if (!S_ISDIR(dir->inode->mode))
		return -ENOTDIR;
	if (n.n > NAME_BYTES)
		return -ENAMETOOLONG;
	return dir->inode->ops->lookup ? dir->inode->ops->lookup(dir, n, out) : -ENOENT;
}

static long walk_component(struct walk *w, struct name n, bool last)
{
	struct path *child;
	long r = path_lookup_child(w->at, n, &child);

	if (r)
		return r;
	if ((w->flags & WALK_NO_XDEV) && child->inode->sb != w->at->inode->sb)
		r = -EXDEV;
	else if (S_ISLNK(child->inode->mode) && (!last || w->trailing || (w->flags & WALK_FOLLOW)))
		r = walk_symlink(w, child);
	else {
		walk_move(w, child);
		return 0;
	}
	path_put(child);
	return r;
}

/* Walks rest to its end, or (WALK_PARENT) to its last component, which is then in last. */
long walk_step(struct walk *w)
{
	for (;;) {
		const char *s = w->rest, *end;
		struct name n;
		bool last;
		long r;

		while (*s == '/')
			s++;
		for (end = s; *end && *end != '/'; end++)
			;
		n = (struct name){ s, (u32)(end - s) };
		if (!n.n) {
			w->last = n;
			w->rest = end;
			break;
		}
		w->trailing = *end == '/';
		while (*end == '/')
			end++;
		w->rest = end;
		last = !*end;
		if (!S_ISDIR(w->at->inode->mode))
			return -ENOTDIR;
		r = inode_permission(w->at->inode, 1);
		if (r)
			return r;
		if (last && (w->flags & WALK_PARENT)) {
			w->last = n;
			return n.n > NAME_BYTES ? -ENAMETOOLONG : 0;
		}
		if (n.n == 1 && s[0] == '.')
			continue;
		if (n.n == 2 && s[0] == '.' && s[1] == '.')
			r = walk_up(w);
		else
			r = walk_component(w, n, last);
		if (r)
			return r;
	}
	if ((w->trailing || (w->flags & WALK_DIRECTORY)) && !S_ISDIR(w->at->inode->mode))
		return -ENOTDIR;
	return 0;
}

long path_lookup(int dirfd, const char *name, u32 flags, struct path **out)
{
	struct walk w;
	long r;

	if (!*name && !(flags & WALK_EMPTY))
		return -ENOENT;
	r = walk_begin(&w, dirfd, name, flags);
	if (r)
		return r;
	r = walk_step(&w);
	if (!r)
		*out = path_ref(w.at);
	walk_end(&w);
	return r;
}

long path_lookup_user(int dirfd, const char __user *name, u32 at_flags, u32 flags, struct path **out)
{
	struct user_name n;
	bool empty = at_flags & AT_EMPTY_PATH;
	long r;

	if (!name && empty) { /* as Linux 6.11: NULL means "" there */
		n.s = n.small;
		n.small[0] = 0;
	} else {
		r = user_name_get(&n, name, empty);
		if (r)
			return r;
	}
	r = path_lookup(dirfd, n.s, flags | (empty ? WALK_EMPTY : 0), out);
	user_name_put(&n);
	return r;
}
