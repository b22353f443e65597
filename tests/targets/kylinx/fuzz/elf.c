/* The LibOS's ELF parser (libos/mm/elf.c): whatever it takes as a program is a sound plan. Input: how much of the file's head is
 * given (2 bytes), how large the file is said to be (1 byte: 0 as it is, else 8 more), the file. */
#include "mm/mm.h"
#include "fuzz.h"

void *malloc(size_t);
void free(void *);

static void check(const struct elf_plan *p, u64 file_size)
{
	FUZZ_CHECK(p->segments && p->segments <= ELF_SEGMENTS_MAX);
	FUZZ_CHECK(p->low < p->high && p->high <= KX_USER_MAX && !((p->low | p->high) & (KX_PAGE - 1)));
	FUZZ_CHECK(p->position_independent || p->low >= KX_USER_MIN);
	FUZZ_CHECK(p->align >= KX_PAGE && !(p->align & (p->align - 1)));
	FUZZ_CHECK(p->interpreter_offset <= file_size && p->interpreter_bytes <= file_size - p->interpreter_offset);
	for (u32 i = 0; i < p->segments; i++) {
		const struct elf_segment *s = &p->segment[i];

		FUZZ_CHECK(s->vaddr >= p->low && s->vaddr < p->high && s->memory_bytes && s->memory_bytes <= p->high - s->vaddr);
		FUZZ_CHECK(s->file_bytes <= s->memory_bytes);
		FUZZ_CHECK(!s->file_bytes || (s->offset <= file_size && s->file_bytes <= file_size - s->offset));
		FUZZ_CHECK(!s->file_bytes || !((s->vaddr ^ s->offset) & (KX_PAGE - 1)));
		FUZZ_CHECK((s->prot & (KX_PROT_WRITE | KX_PROT_EXEC)) != (KX_PROT_WRITE | KX_PROT_EXEC));
		FUZZ_CHECK(!i || s->vaddr >= s[-1].vaddr + s[-1].memory_bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { data, data + n };
	size_t head = take16(&in);
	u64 size = take8(&in) ? take64(&in) : left(&in);
	struct elf_plan plan;
	char *bytes;
	int e;

	if (head > left(&in))
		head = left(&in);
	if (size < head)
		size = head; /* the caller has read so much of it */
	bytes = malloc(head ? head : 1);
	memcpy(bytes, in.at, head);
	e = elf_parse(bytes, head, size, &plan);
	free(bytes);
	if (e == -ENODATA) {
		size_t length = (size_t)plan.headers * sizeof(struct elf64_phdr), there = left(&in);

		FUZZ_CHECK(plan.headers && length <= 65536 && plan.headers_offset <= size && length <= size - plan.headers_offset);
		bytes = malloc(length);
		for (size_t i = 0; i < length; i++) /* what a file longer than the input has there: what the input has */
			bytes[i] = there ? (char)in.at[(plan.headers_offset + i) % there] : 0;
		e = elf_parse_headers(bytes, size, &plan);
		free(bytes);
	}
	FUZZ_CHECK(e == 0 || e == -ENOEXEC || e == -EACCES);
	if (!e)
		check(&plan, size);
	return 0;
}
