/* Loads the LibOS: an ELF file of ours, but checked as if it were not. */
#include <elf.h>
#include "memory_private.h"

static const char *load_segment(const uint8_t *file, uint64_t bytes, const Elf64_Phdr *p)
{
	bool write = p->p_flags & PF_W, exec = p->p_flags & PF_X;
	uint64_t start = exec ? KX_VA_TEXT : write ? KX_VA_DATA : KX_VA_RODATA;
	uint64_t limit = exec ? KX_VA_RODATA : write ? KX_VA_BOOT : KX_VA_DATA;
	void *host;

	if (write && exec)
		return "LibOS: a segment is both writable and executable";
	if (p->p_vaddr != start || p->p_memsz > limit - start || p->p_filesz > p->p_memsz)
		return "LibOS: a segment is not where the ABI has it";
	if (p->p_offset > bytes || p->p_filesz > bytes - p->p_offset)
		return "LibOS: a segment lies beyond the end of the file";
	if (exec && p->p_filesz < sizeof(struct kx_libos_header))
		return "LibOS: no header";
	host = libos_segment(start, p->p_memsz, write, exec);
	if (!host)
		return "no memory for the LibOS";
	memcpy(host, file + p->p_offset, p->p_filesz);
	return NULL;
}

const char *libos_load(const void *elf, uint64_t bytes)
{
	Elf64_Ehdr h;
	unsigned seen = 0;

	if (bytes < sizeof h)
		return "LibOS: not an ELF file";
	memcpy(&h, elf, sizeof h);
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_machine != EM_X86_64)
		return "LibOS: not an ELF file for x86-64";
	if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phoff > bytes || h.e_phnum > (bytes - h.e_phoff) / sizeof(Elf64_Phdr))
		return "LibOS: its program headers lie beyond the end of the file";
	for (unsigned i = 0; i < h.e_phnum; i++) {
		Elf64_Phdr p;
		unsigned part;
		const char *why;

		memcpy(&p, (const uint8_t *)elf + h.e_phoff + i * sizeof p, sizeof p);
		if (p.p_type != PT_LOAD || !p.p_memsz)
			continue;
		part = p.p_flags & PF_X ? 1 : p.p_flags & PF_W ? 2 : 4;
		if (seen & part)
			return "LibOS: two segments of one kind";
		seen |= part;
		why = load_segment(elf, bytes, &p);
		if (why)
			return why;
	}
	return seen & 1 ? NULL : "LibOS: no text";
}
