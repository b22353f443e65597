/* The LibOS's side of the hosted build: the first process, more of them, page faults from the region table. */
#include "../core/core.h"
#include "hosted.h"
#include "host.h"

char libos_text_end[1];
static u32 helpers;              /* tasks of hosted_thread and hosted_pvm that run */
struct start { void (*fn)(void *); void *arg; };

struct proc *hosted_proc(struct proc *parent)
{
	struct proc *p = proc_create(parent);
	CHECK(p);
	if (!p->files)
		p->files = files_create();
	if (!p->fs)
		p->fs = fs_create();
	if (!p->sig)
		p->sig = sigactions_create();
	if (!p->mm)
		p->mm = mm_create();
	p->slot = this_slot();
	return p;
}

void pid_insert(struct proc *); /* mm/pid.c */

/* A process is known by its first thread's number. */
static void enlist(struct task *t)
{
	struct proc *p = t->proc;
	lock(&family.tree);
	if (!p->pid) {
		p->pid = t->tid;
		if (!p->pgid)
			p->pgid = p->sid = p->pid;
		pid_insert(p);
	}
	if (list_empty(&t->proc_node) && t->proc->tasks.next) {
		list_push_back(&t->proc->tasks, &t->proc_node);
		t->proc->task_count++;
	}
	unlock(&family.tree);
}

static void delist(struct task *t)
{
	lock(&family.tree);
	if (!list_empty(&t->proc_node)) {
		list_remove(&t->proc_node);
		t->proc->task_count--;
	}
	unlock(&family.tree);
}

static void helper_ends(void *arg)
{
	struct task *t = arg;
	bool alone = t->proc->slot == this_slot() && this_slot() != 0;
	this_runq()->dead = t;
	__atomic_sub_fetch(&helpers, 1, __ATOMIC_SEQ_CST);
	if (alone)
		slot_exit(0);
	schedule_idle();
}

static void helper(void *arg)
{
	struct start s = *(struct start *)arg;
	kfree(arg);
	current->proc->slot = this_slot();
	s.fn(s.arg);
	delist(current);
	run_on_idle_stack(helper_ends, current);
}

static struct task *helper_task(struct proc *p, struct runq *rq, void (*fn)(void *), void *arg)
{
	struct start *s = kmalloc(sizeof *s);
	struct task *t = task_create(p, rq);
	CHECK(s && t);
	*s = (struct start){ fn, arg };
	signal_task_init(t, NULL);
	enlist(t);
	__atomic_add_fetch(&helpers, 1, __ATOMIC_SEQ_CST);
	task_start(t, helper, s);
	return t;
}

struct task *hosted_thread(void (*fn)(void *), void *arg)
{
	return helper_task(current->proc, this_runq(), fn, arg);
}

struct proc *hosted_pvm(void (*fn)(void *), void *arg)
{
	struct proc *p = proc_create(current->proc);
	CHECK(p);
	p->files = files_fork(current->proc->files);
	p->fs = fs_fork(current->proc->fs);
	p->sig = sigactions_create();
	p->mm = mm_create();
	p->cred = current->proc->cred;
	struct task *t = helper_task(p, NULL, fn, arg);
	CHECK(hypercall(KX_HC_FORK, (u64)t, KX_FORK_EMPTY, 0, 0, 0) > 0);
	return p;
}

void hosted_join(void)
{
	while (__atomic_load_n(&helpers, __ATOMIC_SEQ_CST))
		task_sleep(deadline_after(50000), false);
}

void hosted_sleep(u64 ns)
{
	u64 until = deadline_after(ns);
	while (task_sleep(until, false) != -ETIMEDOUT)
		;
}

static void first_task(void *arg)
{
	(void)arg;
	test_main();
	printf("ok\n");
	exit(0);
}

static void slot_on_its_stack(void *arg)
{
	u32 slot = (u32)(u64)arg;
	if (this_vcpu()->boot_arg)
		slot_main(slot, false);
	slot_begin(slot);
	libos_init();
	struct proc *p = hosted_proc(NULL);
	struct task *t = task_create(p, this_runq());
	CHECK(t);
	signal_task_init(t, NULL);
	if (p->pid)
		t->tid = p->pid;
	mm_use(p->mm);
	enlist(t);
	task_start(t, first_task, NULL);
	schedule_idle();
}

void host_slot_main(u32 slot)
{
	run_on_idle_stack(slot_on_its_stack, (void *)(u64)slot);
}

/* As the monitor and entry_upcall together: anonymous, image and object pages; everything is private to the process, since
 * all slots share its one address space. */
bool host_page_fault(u64 address, u64 error)
{
	struct task *t = this_vcpu() ? current : NULL;
	int code;
	if (!t || !t->proc || !t->proc->mm || (address >= KX_VA_SHARED && address < KX_VA_KERNEL_END))
		return false;
	u64 page = address & ~4095UL;
	struct kx_vcpu *v = this_vcpu();
	const struct kx_region *regions = (const struct kx_region *)v->regions;
	for (u32 i = 0; regions && i < v->region_count; i++) {
		const struct kx_region *r = &regions[i];
		if (address < r->start || address >= r->end)
			continue;
		if (r->kind == KX_REGION_NONE || !(r->prot & KX_PROT_READ) || ((error & 2) && !(r->prot & KX_PROT_WRITE)))
			return false;
		((struct kx_region *)r)->flags |= KX_REGION_FILLED;
		if (r->kind == KX_REGION_ANON)
			return host_map_page(page, r->prot, 0, NULL, 0);
		u64 at = page - r->start;
		if (r->kind == KX_REGION_IMAGE) {
			u64 left = at < r->offset ? r->offset - at : 0;
			return left && host_map_page(page, r->prot, 0, (void *)(KX_VA_IMAGE + r->source + at), left < KX_PAGE ? left : KX_PAGE);
		}
		u64 index = r->offset + at / KX_PAGE;
		void *p = object_page((struct kx_object *)r->source, index, false);
		if (!p && !mm_fault(address, error, &code))
			p = object_page((struct kx_object *)r->source, index, false);
		if (!p)
			return false;
		return r->kind == KX_REGION_OBJECT ? host_map_page(page, r->prot, (u64)p, NULL, 0)
			: host_map_page(page, r->prot, 0, p, KX_PAGE);
	}
	return false;
}

void return_to_user(struct kx_frame *f)
{
	panic("return_to_user(%p): the hosted build has no application code", (void *)f);
}

void entry_syscall(void)
{
	panic("entry_syscall in the hosted build");
}
