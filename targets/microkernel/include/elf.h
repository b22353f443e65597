/* As much of ELF32 as a loader needs (System V ABI, 4 and 5). Tasks use it too. */
#ifndef MK_ELF_H
#define MK_ELF_H
#include <stdint.h>

#define ELF_MAGIC 0x464c457fu
#define ELF_LOAD 1
#define ELF_EXECUTE 1u
#define ELF_WRITE 2u

struct elf {
	uint32_t magic;
	uint8_t ident[12];
	uint16_t type, machine;
	uint32_t version, entry, segments, sections, flags;
	uint16_t header_bytes, segment_bytes, segment_count, section_bytes, section_count, names;
};

struct elf_segment { uint32_t type, offset, va, physical, file_bytes, memory_bytes, flags, align; };
#endif
