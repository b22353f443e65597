/* Ranges of guest-physical memory: an address reservation on both sides, memslots added as it fills. */
#include <errno.h>
#include <sys/mman.h>
#include "memory_private.h"

struct memory memory = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool memory_charge(uint64_t frames)
{
	if (memory.used + frames > memory.limit)
		return false;
	memory.used += frames;
	if (memory.used > memory.peak)
		memory.peak = memory.used;
	return true;
}

void *host_reserve(uint64_t size, uint64_t alignment)
{
	uint64_t at = (uint64_t)mmap(NULL, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t aligned = (at + alignment - 1) & ~(alignment - 1);

	if (at == (uint64_t)MAP_FAILED)
		return NULL;
	if (aligned > at)
		munmap((void *)at, aligned - at);
	munmap((void *)(aligned + size), at + alignment - aligned);
	return (void *)aligned;
}

uint64_t gpa_reserve(uint64_t size)
{
	uint64_t gpa = memory.next_gpa;

	memory.next_gpa += (size + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
	return gpa;
}

int range_reserve(struct range *r, uint64_t size, uint64_t step)
{
	*r = (struct range){ .gpa = gpa_reserve(size), .size = size, .step = step, .host = host_reserve(size, BLOCK_BYTES) };
	return r->host ? 0 : -ENOMEM;
}

int range_grow(struct range *r, uint64_t bytes)
{
	uint64_t extra;
	int error;

	if (bytes <= r->mapped)
		return 0;
	if (bytes > r->size)
		return -ENOMEM;
	extra = (bytes - r->mapped + r->step - 1) / r->step * r->step;
	if (r->mapped + extra > r->size)
		extra = r->size - r->mapped;
	error = memslot_set(memory.next_memslot, r->gpa + r->mapped, extra, r->host + r->mapped, false);
	if (error)
		return error;
	memory.next_memslot++;
	r->mapped += extra;
	return 0;
}
