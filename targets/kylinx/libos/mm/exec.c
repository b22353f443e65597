/* execve(2): another program in the same process. What may fail comes first; then the old memory goes, and the new
 * program starts. A process that shares its memory (a vfork's child) gets a pVM of its own on the way. */
#include "../core/core.h"
#include "../fs/fs.h"
#include "../signal/signal.h"
#include "mm.h"

#define RFLAGS_START 0x202

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void forget_old_pages(const struct mm *mm)
{
	/* application addresses are two ranges */
	bool low = false, high = false;
	for (u32 i = 0; i < mm->count; i++) {
		bool filled = mm->regions[i].flags & KXR_FILLED;
		low |= filled && mm->regions[i].start < KX_VA_SHARED;
		high |= filled && mm->regions[i].start >= KX_VA_KERNEL_END;
	}
	if (low)
		hypercall(KX_HC_MEMORY, KX_MEMORY_DROP, KX_USER_MIN, KX_VA_SHARED - KX_USER_MIN, 0, 0);
	if (high)
		hypercall(KX_HC_MEMORY, KX_MEMORY_DROP, KX_VA_KERNEL_END, KX_USER_MAX - KX_VA_KERNEL_END, 0, 0);
}

static void adopt_mm(struct program *p)
{
	struct proc *proc = current->proc;
	lock(&family.tree); /* /proc of others finds it there */
	struct mm *old = proc->mm;
	proc->mm = p->mm;
	proc->slot = this_vcpu()->slot;
	unlock(&family.tree);
	p->mm = NULL;
	if (old && mm_live(old))
		forget_old_pages(old);
	mm_use(proc->mm);
	mm_put(old);
}

/* On the idle stack of the slot that is left. A vfork's parent sleeps there: to wake it from here costs no hypercall. */
static long to_new_pvm(struct task *t, void *arg)
{
	struct program *p = arg;
	struct proc *proc = t->proc;
	proc_ref(proc); /* it may come to its end over there */
	long r = hypercall(KX_HC_FORK, (u64)t, KX_FORK_EMPTY, 0, (u64)p->mm->regions, p->mm->count);
	if (r >= 0) {
		proc->execed = true; /* its parent may ask at once */
		vfork_release(proc);
	}
	proc_put(proc);
	return r;
}

/* An alarm outlives exec, but timers belong to the slot that armed them. */
static long move_to_new_pvm(struct program *p)
{
	struct proc *proc = current->proc;
	bool alarm = proc->itimer_real.armed;
	if (alarm)
		timer_cancel(&proc->itimer_real);
	long e = task_migrate(to_new_pvm, p);
	if (alarm)
		timer_arm(&proc->itimer_real, proc->itimer_real.deadline);
	return e;
}

static void set_identity(const struct program *p)
{
	struct credentials *c = &current->proc->cred;
	if (current->proc->no_new_privileges)
		return;
	if (p->mode & S_ISUID)
		c->euid = p->uid;
	if ((p->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		c->egid = p->gid;
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
}

static void set_names(const struct program *p)
{
	struct proc *proc = current->proc;
	strlcpy(current->comm, base_name(p->name), sizeof current->comm);
	if (file_path(p->file, proc->exe, sizeof proc->exe) < 0)
		strlcpy(proc->exe, p->name, sizeof proc->exe);
	char *line = kmalloc(p->args.argv_bytes ? p->args.argv_bytes : 1);
	if (line)
		memcpy(line, p->args.text, p->args.argv_bytes);
	lock(&family.tree);
	char *old = proc->cmdline;
	proc->cmdline = line;
	proc->cmdline_bytes = line ? (u32)p->args.argv_bytes : 0;
	unlock(&family.tree);
	kfree(old);
}

/* What a program does not inherit from the one before it. */
static void reset_process(const struct program *p)
{
	struct proc *proc = current->proc;
	if (proc->files->refs > 1) {
		struct files *own = files_fork(proc->files);
		if (own) {
			struct files *shared = proc->files;
			proc->files = own;
			files_put(shared);
		}
	}
	files_close_on_exec(proc->files);
	sigactions_exec(proc);
	posix_timers_exit(proc);
	set_identity(p);
	set_names(p);
	proc->exit_signal = SIGCHLD;
	proc->execed = proc->dumpable = true;
	current->clear_child_tid = NULL;
	current->robust_list = NULL;
	current->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	current->restore_blocked = false;
	current->restart = NULL;
	current->vfork_borrowed = false;
	affinity_settle();
	__atomic_add_fetch(&family.execs, 1, __ATOMIC_RELAXED);
}

static void reset_registers(u64 rip, u64 rsp)
{
	struct kx_frame *f = current->frame;
	memset(f, 0, sizeof *f);
	f->rip = rip;
	f->rsp = rsp;
	f->rflags = RFLAGS_START;
	f->orig_rax = ~0ul;
	f->vector = KX_VECTOR_SYSCALL;
	fpu_area_init(current->fpu);
	current->fsbase = current->gsbase = 0;
	if (!HOSTED) {
		fpu_restore(current->fpu);
		__asm__ volatile("wrfsbase %0" : : "r"(0ul));
	}
}

/* The new memory is in use: fill in its stack, then what the kernel clears. No way back. */
static void start_program(struct program *p)
{
	struct exec_auxv auxv;
	u64 rsp = 0;
	reset_process(p);
	program_auxv(p, &auxv);
	if (program_clear_tails(p) || stack_build(current->proc->mm, &p->args, p->name, &auxv, &rsp)) {
		klog("%s: no memory to start it", p->name);
		program_free(p);
		proc_exit(SIGKILL);
	}
	reset_registers(program_entry(p), rsp);
	vfork_release(current->proc);
	program_free(p);
}

/* Takes p over. On 0 the frame is the new program's. */
static long exec_run(struct program *p)
{
	struct proc *proc = current->proc;
	long e = program_prepare(p);
	if (!e)
		e = threads_kill_others();
	if (!e && proc->mm && proc->mm->refs > 1)
		e = move_to_new_pvm(p);
	if (e) {
		program_free(p);
		return e;
	}
	current->tid = proc->pid;
	adopt_mm(p);
	start_program(p);
	return 0;
}

static struct program *program_create(const char *name)
{
	struct program *p = kzalloc(sizeof *p);
	size_t n = strlen(name) + 1;
	if (!p || !(p->name = kmalloc(n))) {
		kfree(p);
		return NULL;
	}
	memcpy(p->name, name, n);
	return p;
}

long exec_program(const char *path, char **argv, char **envp)
{
	struct program *p = program_create(path);
	if (!p)
		return -ENOMEM;
	long e = args_kernel(&p->args, argv, envp);
	if (!e)
		e = program_open(AT_FDCWD, path, 0, &p->file);
	if (e) {
		program_free(p);
		return e;
	}
	return exec_run(p);
}

/* Linux names a file given by descriptor for scripts: /dev/fd/N, /dev/fd/N/path. */
static struct program *program_at(int dirfd, const char *path)
{
	char *name;
	struct program *p;
	size_t room = strlen(path) + 32;
	if (dirfd == AT_FDCWD || *path == '/')
		return program_create(path);
	name = kmalloc(room);
	if (!name)
		return NULL;
	snprintf(name, room, *path ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, path);
	p = program_create(name);
	kfree(name);
	return p;
}

static long exec_at(int dirfd, char *path, const char *const __user *argv, const char *const __user *envp, u32 flags)
{
	struct program *p = program_at(dirfd, path);
	if (!p)
		return -ENOMEM;
	long e = program_open(dirfd, path, flags, &p->file);
	if (!e)
		e = args_user(&p->args, argv, envp);
	if (e) {
		program_free(p);
		return e;
	}
	return exec_run(p);
}

long sys_execveat(u64 dirfd, const char __user *name, const char *const __user *argv, const char *const __user *envp, u64 flags)
{
	if (flags & ~(u64)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	char *path = kmalloc(PATH_MAX);
	if (!path)
		return -ENOMEM;
	long e = strncpy_from_user(path, name, PATH_MAX);
	if (e >= PATH_MAX)
		e = -ENAMETOOLONG;
	else if (!e && !(flags & AT_EMPTY_PATH))
		e = -ENOENT;
	if (e >= 0)
		e = exec_at((int)dirfd, path, argv, envp, (u32)flags);
	kfree(path);
	if (e < 0)
		return e;
	return_to_user(current->frame);
}

long sys_execve(const char __user *name, const char *const __user *argv, const char *const __user *envp)
{
	return sys_execveat((u64)AT_FDCWD, name, argv, envp, 0);
}
