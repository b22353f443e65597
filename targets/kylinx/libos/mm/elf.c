/* ELF files: what to map where. A function of bytes alone, for it reads what anybody may have written. */
#include "mm.h"

#define SPAN_MAX 0x4000000000ul /* 256 GiB: more is no program */
#define ALIGN_MAX 0x40000000ul

static u32 prot_of(u32 flags)
{
	u32 prot = 0;
	if (flags & PF_R)
		prot |= KX_PROT_READ;
	if (flags & PF_W)
		prot |= KX_PROT_WRITE | KX_PROT_READ;
	if (flags & PF_X)
		prot |= KX_PROT_EXEC | KX_PROT_READ;
	return prot;
}

static int add_segment(const struct elf64_phdr *p, u64 file_size, struct elf_plan *plan)
{
	if (!p->p_memsz)
		return 0;
	if (plan->segments == ELF_SEGMENTS_MAX || p->p_filesz > p->p_memsz)
		return -ENOEXEC;
	if (p->p_filesz && (p->p_offset > file_size || p->p_filesz > file_size - p->p_offset || ((p->p_vaddr ^ p->p_offset) & (KX_PAGE - 1))))
		return -ENOEXEC;
	if (p->p_vaddr >= KX_USER_MAX || p->p_memsz > SPAN_MAX)
		return -ENOEXEC;
	u64 start = PAGE_DOWN(p->p_vaddr), end = PAGE_UP(p->p_vaddr + p->p_memsz);
	if (plan->segments) {
		const struct elf_segment *before = &plan->segment[plan->segments - 1];
		if (p->p_vaddr < before->vaddr + before->memory_bytes) /* in order, as the format asks for */
			return -ENOEXEC;
	} else {
		plan->low = start;
	}
	if (end - plan->low > SPAN_MAX || end > KX_USER_MAX)
		return -ENOEXEC;
	plan->high = end;
	u32 prot = prot_of(p->p_flags);
	if ((prot & KX_PROT_WRITE) && (prot & KX_PROT_EXEC))
		return -EACCES;
	if (p->p_align > plan->align && p->p_align <= ALIGN_MAX && !(p->p_align & (p->p_align - 1)))
		plan->align = p->p_align;
	plan->segment[plan->segments++] = (struct elf_segment){ p->p_vaddr, p->p_offset, p->p_filesz, p->p_memsz, prot };
	return 0;
}

static int add_header(const struct elf64_phdr *p, u64 file_size, struct elf_plan *plan)
{
	switch (p->p_type) {
	case PT_LOAD:
		return add_segment(p, file_size, plan);
	case PT_INTERP:
		if (plan->interpreter_bytes)
			return 0; /* the first counts */
		if (p->p_filesz < 2 || p->p_filesz > PATH_MAX || p->p_offset > file_size || p->p_filesz > file_size - p->p_offset)
			return -ENOEXEC;
		plan->interpreter_offset = p->p_offset;
		plan->interpreter_bytes = (u32)p->p_filesz;
		return 0;
	case PT_PHDR:
		plan->headers_vaddr = p->p_vaddr;
		return 0;
	default:
		return 0;
	}
}

/* Where the program finds its own headers, when no header says so. */
static void find_headers(struct elf_plan *plan)
{
	u64 offset = plan->headers_offset, bytes = plan->headers * sizeof(struct elf64_phdr);
	for (u32 i = 0; i < plan->segments && !plan->headers_vaddr; i++) {
		const struct elf_segment *s = &plan->segment[i];
		if (offset >= s->offset && offset - s->offset <= s->file_bytes && s->file_bytes - (offset - s->offset) >= bytes)
			plan->headers_vaddr = s->vaddr + (offset - s->offset);
	}
}

int elf_parse_headers(const void *headers, u64 file_size, struct elf_plan *plan)
{
	for (u32 i = 0; i < plan->headers; i++) {
		struct elf64_phdr p;
		memcpy(&p, (const char *)headers + i * sizeof p, sizeof p);
		int e = add_header(&p, file_size, plan);
		if (e)
			return e;
	}
	if (!plan->segments)
		return -ENOEXEC;
	if (plan->low < KX_USER_MIN && !plan->position_independent)
		return -ENOEXEC;
	find_headers(plan);
	return 0;
}

int elf_parse(const void *head, size_t n, u64 file_size, struct elf_plan *plan)
{
	struct elf64_hdr h;
	memset(plan, 0, sizeof *plan);
	plan->align = KX_PAGE;
	if (n < sizeof h)
		return -ENOEXEC;
	memcpy(&h, head, sizeof h);
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if ((h.e_type != ET_EXEC && h.e_type != ET_DYN) || h.e_machine != EM_X86_64)
		return -ENOEXEC;
	u64 bytes = (u64)h.e_phnum * sizeof(struct elf64_phdr);
	if (h.e_phentsize != sizeof(struct elf64_phdr) || !h.e_phnum || bytes > 65536)
		return -ENOEXEC;
	if (h.e_phoff > file_size || bytes > file_size - h.e_phoff)
		return -ENOEXEC;
	plan->position_independent = h.e_type == ET_DYN;
	plan->entry = h.e_entry;
	plan->headers_offset = h.e_phoff;
	plan->headers = h.e_phnum;
	if (h.e_phoff > n || bytes > n - h.e_phoff)
		return -ENODATA;
	return elf_parse_headers((const char *)head + h.e_phoff, file_size, plan);
}
