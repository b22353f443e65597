/* A program the toolstack asks for: a process without a parent, its descriptors on a console of the monitor's. */
#include "../fs/fs.h"
#include "mm.h"

static char **string_vector(const struct kx_spawn *s, const char **at, u32 count)
{
	char **v = kzalloc((count + 1) * sizeof *v);
	const char *end = s->text + sizeof s->text;
	for (u32 i = 0; v && i < count; i++) {
		size_t n = strnlen(*at, (size_t)(end - *at));
		if (*at + n == end)
			break;
		v[i] = (char *)*at;
		*at += n + 1;
	}
	return v;
}

/* The block lies in memory the monitor takes back and may change. */
static struct kx_spawn *copy_spawn(const struct kx_spawn *from)
{
	struct kx_spawn *s = pages_alloc(sizeof *s / KX_PAGE);
	if (!s)
		return NULL;
	memcpy(s, from, sizeof *s);
	s->text[sizeof s->text - 1] = s->cwd[sizeof s->cwd - 1] = s->program[sizeof s->program - 1] = 0;
	return s;
}
_Static_assert(sizeof(struct kx_spawn) % KX_PAGE == 0, "a spawn block is whole pages");

static struct proc *make_process(const struct kx_spawn *s)
{
	struct proc *p = proc_create(NULL);
	if (!p)
		return NULL;
	p->pid = p->pgid = p->sid = current->tid;
	p->slot = this_vcpu()->slot;
	p->console = s->console;
	p->cred.uid = p->cred.euid = p->cred.suid = p->cred.fsuid = s->uid;
	p->cred.gid = p->cred.egid = p->cred.sgid = p->cred.fsgid = s->uid;
	p->vfork_done = true;
	p->files = files_create();
	p->fs = fs_create();
	p->sig = sigactions_create();
	current->proc = p;
	signal_task_init(current, NULL);
	lock(&family.tree);
	list_push_back(&p->tasks, &current->proc_node);
	p->task_count = 1;
	pid_insert(p);
	unlock(&family.tree);
	return p->files && p->fs && p->sig ? p : NULL;
}

static long open_descriptors(const struct kx_spawn *s)
{
	u32 tty = s->flags & KX_SPAWN_TTY ? CONSOLE_TTY : 0;
	for (u32 i = 0; i < 3; i++) {
		long e = -ENOMEM;
		struct file *f = !i && !(s->flags & KX_SPAWN_STDIN) ? open_kernel("/dev/null", O_RDONLY, 0, &e) : console_open(s->console, i | tty);
		if (!f)
			return e;
		e = fd_install(f, false, i);
		if (e < 0)
			return e;
	}
	return 0;
}

static long enter_directory(const char *name)
{
	struct fs_context *fs = current->proc->fs;
	struct path *p, *old;
	long e = path_lookup(AT_FDCWD, name, WALK_FOLLOW | WALK_DIRECTORY, &p);
	if (e)
		return e;
	lock(&fs->lock);
	old = fs->cwd;
	fs->cwd = p;
	unlock(&fs->lock);
	path_put(old);
	return 0;
}

static long run(const struct kx_spawn *s)
{
	const char *at = s->text;
	char **argv = string_vector(s, &at, s->argc), **envp = string_vector(s, &at, s->envc);
	long e = !argv || !envp ? -ENOMEM : open_descriptors(s);
	if (!e && *s->cwd)
		e = enter_directory(s->cwd);
	if (!e)
		e = exec_program(s->program, argv, envp);
	kfree(argv);
	kfree(envp);
	return e;
}

void proc_init_first(const struct kx_spawn *spawn)
{
	struct kx_spawn *s = copy_spawn(spawn);
	if (!s || s->argc > sizeof s->text || s->envc > sizeof s->text || !make_process(s))
		panic("no memory for a first process");
	long e = run(s);
	if (e)
		klog("cannot start %s: error %ld", s->program, -e);
	pages_free(s, sizeof *s / KX_PAGE);
	if (e)
		proc_exit((e == -ENOENT ? 127u : 126u) << 8); /* as a shell would say */
	return_to_user(current->frame);
}
