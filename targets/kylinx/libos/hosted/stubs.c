/* Stand-ins for parts of the LibOS that a test leaves out (weak: the real ones win). */
#include "../core/core.h"

#define WEAK __attribute__((weak))

WEAK void fs_init(void) {}
WEAK void ipc_init(void) {}
WEAK void console_wake(void) {}
WEAK struct files *files_create(void) { return kzalloc(sizeof(struct files)); }
WEAK struct files *files_fork(struct files *f) { return f; }
WEAK struct fs_context *fs_create(void) { return kzalloc(sizeof(struct fs_context)); }
WEAK struct fs_context *fs_fork(struct fs_context *f) { return f; }
WEAK struct sigactions *sigactions_create(void) { return kzalloc(sizeof(struct sigactions)); }
WEAK struct mm *mm_create(void) { return kzalloc(sizeof(struct mm)); }
WEAK void mm_use(struct mm *m) { this_vcpu()->regions = (u64)m->regions; }
WEAK int mm_fault(u64 a, u64 error, int *code) { (void)a; (void)error; *code = SEGV_MAPERR; return SIGSEGV; }
WEAK void *object_page(struct kx_object *o, u64 i, bool create) { (void)o; (void)i; (void)create; return NULL; }
WEAK const struct kx_region *mm_find(struct mm *m, u64 a) { (void)m; (void)a; return NULL; }
WEAK struct proc *proc_find(u32 pid) { (void)pid; return NULL; }
WEAK struct task *task_find(u32 tid) { (void)tid; return NULL; }
WEAK bool signal_due(struct task *t) { (void)t; return false; }
WEAK void signal_deliver(struct kx_frame *f) { (void)f; }
WEAK void signal_task_init(struct task *t, struct task *from) { (void)t; (void)from; }
WEAK long signal_send_proc(struct proc *p, int n, const struct kx_siginfo *i) { (void)p; (void)n; (void)i; return 0; }
WEAK void signal_flush(struct sigpending *s) { (void)s; }
WEAK void proc_init_first(const struct kx_spawn *s) { (void)s; }
WEAK long sys_clone(u64 f, u64 s, u32 *p, u32 *c, u64 t) { (void)f; (void)s; (void)p; (void)c; (void)t; return -ENOSYS; }
WEAK void proc_gone(struct proc *p) { (void)p; }
WEAK void proc_exit(u32 status) { panic("proc_exit(%u)", status); }

WEAK void pid_insert(struct proc *p) { (void)p; }

WEAK struct proc *proc_create(struct proc *parent)
{
	struct proc *p = kzalloc(sizeof *p);
	if (!p)
		return NULL;
	p->pid = __atomic_add_fetch(&family.next_pid, 1, __ATOMIC_RELAXED);
	p->parent = parent;
	p->refs = 1;
	p->slot = this_slot();
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->tasks);
	list_init(&p->timers);
	list_init(&p->shared_pending.queue);
	waitq_init(&p->child_wait);
	waitq_init(&p->vfork_wait);
	lock(&family.tree);
	list_push_back(&family.procs, &p->all_node);
	family.proc_count++;
	unlock(&family.tree);
	return p;
}
