/* What the user sees of a program that died of a fault: registers, a backtrace, the maps to symbolise it with. */
#include "signal.h"
#include "../mm/mm.h"

#define SCAN_WORDS 512            /* of the stack, where frame pointers lead nowhere */
#define MAPS_MOST 256

static bool executable(struct mm *mm, u64 addr)
{
	const struct kx_region *r = mm_find(mm, addr);
	return r && (r->prot & KX_PROT_EXEC);
}

/* Whether an instruction that ends at addr looks like a call: E8 rel32, or FF /2 with its usual lengths. */
static bool after_call(struct mm *mm, u64 addr)
{
	u8 b[8];
	if (addr < sizeof b || !executable(mm, addr - sizeof b) || copy_from_user(b, (void *)(addr - sizeof b), sizeof b))
		return false;
	if (b[3] == 0xe8)
		return true;
	for (u32 length = 2; length <= 7; length++) {
		const u8 *op = b + sizeof b - length;
		if (op[0] == 0xff && (op[1] & 0x38) == 0x10)
			return true;
	}
	return false;
}

static u32 walk_frame_pointers(struct mm *mm, u64 rbp, u64 rsp, u64 *out, u32 most)
{
	u32 n = 0;
	u64 pair[2];
	while (n < most && rbp >= rsp && rbp - rsp < (64UL << 20) && !(rbp & 7)) {
		if (copy_from_user(pair, (void *)rbp, sizeof pair) || !executable(mm, pair[1]))
			break;
		out[n++] = pair[1];
		if (pair[0] <= rbp)
			break;
		rbp = pair[0];
	}
	return n;
}

static u32 scan_stack(struct mm *mm, u64 rsp, u64 *out, u32 most)
{
	u32 n = 0;
	u64 word;
	rsp = (rsp + 7) & ~7UL;
	for (u32 i = 0; i < SCAN_WORDS && n < most; i++) {
		if (copy_from_user(&word, (void *)(rsp + i * 8), sizeof word))
			break;
		if (executable(mm, word) && after_call(mm, word))
			out[n++] = word;
	}
	return n;
}

static u32 backtrace(const struct kx_frame *f, u64 *out)
{
	struct mm *mm = current->proc->mm;
	u64 chain[KX_FAULT_DEPTH - 1];
	out[0] = f->rip;
	u32 n = walk_frame_pointers(mm, f->rbp, f->rsp, chain, ARRAY_SIZE(chain));
	if (n < 2) /* Debian compiles without frame pointers */
		n = scan_stack(mm, f->rsp, chain, ARRAY_SIZE(chain));
	memcpy(out + 1, chain, n * sizeof *chain);
	return n + 1;
}

static void fill_map(struct kx_fault_map *map, const struct kx_region *r)
{
	map->start = r->start;
	map->end = r->end;
	map->offset = region_file_offset(r);
	if (r->file && file_path((struct file *)r->file, map->path, sizeof map->path) < 0)
		map->path[0] = 0;
}

void fault_report(const struct kx_frame *f, const struct kx_siginfo *info)
{
	struct task *t = current;
	struct mm *mm = t->proc->mm;
	u32 most = mm->count < MAPS_MOST ? mm->count : MAPS_MOST;
	struct kx_fault_report *report = kzalloc(sizeof *report + most * sizeof(struct kx_fault_map));

	if (!report)
		return;
	*report = (struct kx_fault_report){
		.pid = t->proc->pid, .tid = t->tid, .signo = (u32)info->signo, .code = (u32)info->code,
		.address = info->code > 0 && info->code != SI_KERNEL ? info->a[0] : 0, .frame = *f,
	};
	strlcpy(report->comm, t->comm, sizeof report->comm);
	report->depth = backtrace(f, report->backtrace);
	struct kx_fault_map *maps = (struct kx_fault_map *)(report + 1);
	for (u32 i = 0; i < mm->count && report->maps < most; i++) {
		if (mm->regions[i].prot & KX_PROT_EXEC) /* what addresses of a backtrace can lie in */
			fill_map(&maps[report->maps++], &mm->regions[i]);
	}
	hypercall(KX_HC_REPORT, KX_REPORT_FAULT, (u64)report, sizeof *report + report->maps * sizeof *maps, 0, 0);
	kfree(report);
}
