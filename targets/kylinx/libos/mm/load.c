/* A program's memory map: its segments, its interpreter's, a stack; made aside, so that a failure changes nothing. */
#include "mm.h"

#define STACK_MAX 0x20000000ul   /* what there is above mmap's addresses: KX_USER_MMAP_TOP */
#define STACK_MIN 0x20000ul

/* The trampolines of patched text lie behind the last segment. */
static u64 end_with_text(struct file *f, u64 high)
{
	const struct kx_image_exec *x = file_exec_info(f);
	u64 end = x ? PAGE_UP(x->trampoline_vaddr + x->trampoline_bytes) : 0;
	return end > high && end - high < KX_PAGE * 65536ul ? end : high;
}

static long map_segment(struct mm *mm, struct file *f, const struct elf_segment *s, u64 bias)
{
	u64 start = PAGE_DOWN(bias + s->vaddr), file_end = PAGE_UP(bias + s->vaddr + s->file_bytes);
	u64 end = PAGE_UP(bias + s->vaddr + s->memory_bytes);
	struct map_request q = { .addr = start, .length = file_end - start, .prot = s->prot, .flags = MAP_FIXED | MAP_PRIVATE,
		.file = f, .offset = PAGE_DOWN(s->offset) };
	if (s->file_bytes) {
		long e = map_region(mm, &q);
		if (e < 0)
			return e;
	} else {
		file_end = start;
	}
	if (file_end == end)
		return 0;
	struct map_request bss = { .addr = file_end, .length = end - file_end, .prot = s->prot, .flags = MAP_FIXED | MAP_PRIVATE };
	long e = map_region(mm, &bss);
	return e < 0 ? e : 0;
}

static long map_segments(struct mm *mm, struct file *f, const struct elf_plan *plan, u64 bias)
{
	for (u32 i = 0; i < plan->segments; i++) {
		long e = map_segment(mm, f, &plan->segment[i], bias);
		if (e)
			return e == -EINVAL || e == -EPERM ? -ENOEXEC : e;
	}
	return 0;
}

static long map_main(struct program *p)
{
	const struct elf_plan *plan = &p->plan;
	u64 end = end_with_text(p->file, plan->high);
	if (plan->position_independent)
		p->bias = ((KX_USER_PIE + plan->align - 1) & ~(plan->align - 1)) - (plan->low & ~(plan->align - 1));
	if (!range_allowed(p->bias + plan->low, p->bias + end))
		return -ENOEXEC;
	p->mm->brk_start = p->mm->brk = p->bias + end;
	p->mm->exe_base = p->bias + plan->low;
	return map_segments(p->mm, p->file, plan, p->bias);
}

static long map_interpreter(struct program *p)
{
	const struct elf_plan *plan = &p->interpreter_plan;
	if (!p->interpreter)
		return 0;
	u64 end = end_with_text(p->interpreter, plan->high);
	if (plan->position_independent) {
		u64 base = plan->low & ~(plan->align - 1), at = place_find(p->mm, end - base, plan->align, p->mm->mmap_top);
		if (!at)
			return -ENOMEM;
		p->interpreter_bias = at - base;
	}
	return map_segments(p->mm, p->interpreter, plan, p->interpreter_bias);
}

static long map_stack(struct mm *mm)
{
	u64 limit = PAGE_DOWN(limit_of(current->proc, RLIMIT_STACK));
	u64 bytes = limit > STACK_MAX ? STACK_MAX : limit < STACK_MIN ? STACK_MIN : limit;
	mm->stack_limit = mm->stack_top - bytes;
	struct map_request q = { .addr = mm->stack_limit, .length = bytes, .prot = KX_PROT_READ | KX_PROT_WRITE,
		.flags = MAP_FIXED | MAP_PRIVATE | MAP_NORESERVE, .region_flags = KXR_STACK };
	long e = map_region(mm, &q);
	return e < 0 ? e : 0;
}

long program_map(struct program *p)
{
	p->mm = mm_create();
	if (!p->mm)
		return -ENOMEM;
	long e = map_main(p);
	if (!e)
		e = map_interpreter(p);
	if (!e)
		e = map_stack(p->mm);
	return e;
}

u64 program_entry(const struct program *p)
{
	return p->interpreter ? p->interpreter_bias + p->interpreter_plan.entry : p->bias + p->plan.entry;
}

static u64 cpu_features(void)
{
	u32 a = 1, b, c = 0, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return d;
}

/* vdso/: absent from the hosted build. */
extern const char vdso_start[] __attribute__((weak));

void program_auxv(const struct program *p, struct exec_auxv *v)
{
	const struct credentials *c = &current->proc->cred;
	v->words = 0;
	if (vdso_start)
		auxv_add(v, AT_SYSINFO_EHDR, (u64)vdso_start);
	auxv_add(v, AT_MINSIGSTKSZ, 1200 + fpu_bytes());
	auxv_add(v, AT_HWCAP, cpu_features());
	auxv_add(v, AT_PAGESZ, KX_PAGE);
	auxv_add(v, AT_CLKTCK, 100);
	auxv_add(v, AT_PHDR, p->plan.headers_vaddr ? p->bias + p->plan.headers_vaddr : 0);
	auxv_add(v, AT_PHENT, sizeof(struct elf64_phdr));
	auxv_add(v, AT_PHNUM, p->plan.headers);
	auxv_add(v, AT_BASE, p->interpreter_bias);
	auxv_add(v, AT_FLAGS, 0);
	auxv_add(v, AT_ENTRY, p->bias + p->plan.entry);
	auxv_add(v, AT_UID, c->uid);
	auxv_add(v, AT_EUID, c->euid);
	auxv_add(v, AT_GID, c->gid);
	auxv_add(v, AT_EGID, c->egid);
	auxv_add(v, AT_SECURE, c->uid != c->euid || c->gid != c->egid);
	auxv_add(v, AT_HWCAP2, 2); /* FSGSBASE */
}

static long clear_tails(const struct elf_plan *plan, u64 bias)
{
	for (u32 i = 0; i < plan->segments; i++) {
		const struct elf_segment *s = &plan->segment[i];
		u64 at = bias + s->vaddr + s->file_bytes, end = PAGE_UP(at);
		if (!s->file_bytes || s->memory_bytes == s->file_bytes || at == end || !(s->prot & KX_PROT_WRITE))
			continue;
		if (clear_user((void __user *)at, end - at))
			return -EFAULT;
	}
	return 0;
}

long program_clear_tails(const struct program *p)
{
	long e = clear_tails(&p->plan, p->bias);
	return e || !p->interpreter ? e : clear_tails(&p->interpreter_plan, p->interpreter_bias);
}
