/* The image that fork and exec execute: stamps main's first statement and, given a descriptor, writes it there. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec at;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &at);
	ns = (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
	if (argc > 1 && write(atoi(argv[1]), &ns, sizeof(ns)) != sizeof(ns))
		return 1;
	return 0;
}
