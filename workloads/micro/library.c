/* The library that dlopen and update load. libraries.py patches `identity` in copies of it.
 * FILL_BYTES of read-only zeros make its size; a relocated pointer for each 512 bytes of it stands for a real
 * library's tables (libcrypto: 5 MB, 15 thousand relative relocations). */
#include <stdint.h>

struct identity {
	char magic[16];
	uint64_t number, version;
};

__attribute__((visibility("hidden"))) const volatile struct identity identity = { "KXBENCH-LIBRARY", 0, 1 };

#define POINTERS (FILL_BYTES / 512)
static const char fill[FILL_BYTES - POINTERS * 8] __attribute__((aligned(4096), used)) = { 1 };
static const char *const pointers[POINTERS] __attribute__((used)) = { [0 ... POINTERS - 1] = &fill[1] };

uint64_t kxb_number(void)
{
	return identity.number;
}

/* `turns` of a loop in here first: a call that takes its time, to be caught in by an update. */
uint64_t kxb_version(uint64_t turns)
{
	for (volatile uint64_t turn = 0; turn < turns;)
		turn = turn + 1;
	return identity.version;
}
