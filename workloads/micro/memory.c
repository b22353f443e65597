/* Memory to dirty: see memory.h. */
#include "memory.h"
#include "micro.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *const memory_pages[] = { "default", "huge", "none", NULL };

/* Dirtying is the purpose: the memory is never freed, nor optimised away. */
static unsigned char *volatile kept;

unsigned char *memory_dirty(long long mib, enum memory_pages pages)
{
	size_t bytes = (size_t)mib << 20;
	unsigned char *memory;

	if (!mib)
		return NULL;
	if (pages == PAGES_DEFAULT) {
		memory = malloc(bytes);
	} else {
		void *aligned = NULL;

		errno = posix_memalign(&aligned, HUGE_BYTES, bytes);
		memory = aligned;
	}
	if (!memory)
		die_errno("allocating the memory to dirty");
	if (pages == PAGES_HUGE && madvise(memory, bytes, MADV_HUGEPAGE))
		die_unsupported("madvise(MADV_HUGEPAGE): %s", strerror(errno));
	if (pages == PAGES_NONE && madvise(memory, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		die_errno("madvise(MADV_NOHUGEPAGE)"); /* EINVAL: there are none to refuse */
	memset(memory, 0x5a, bytes);
	kept = memory;
	return memory;
}

void memory_redirty(unsigned char *memory, long long mib)
{
	volatile unsigned char *at = memory;

	for (size_t i = 0; i < (size_t)mib << 20; i += PAGE_BYTES)
		at[i]++;
}
