/* What a hit costs: `hits syscall|usdt` prints the nanoseconds of one getppid or one USDT nop, best of many rounds. */
#define _GNU_SOURCE
#define STAP_SDT_ARG_CONSTRAINT nr
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sdt.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 25, REPEATS = 20000 };

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
	int usdt = argc == 2 && !strcmp(argv[1], "usdt");
	double best = 1e18;

	if (argc != 2 || (!usdt && strcmp(argv[1], "syscall"))) {
		fprintf(stderr, "usage: hits syscall|usdt\n");
		return 2;
	}
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = now_ns();
		double each;

		for (int i = 0; i < REPEATS; i++) {
			if (usdt)
				DTRACE_PROBE1(kxbench, hit, (uint64_t)i);
			else
				syscall(SYS_getppid);
		}
		each = (double)(now_ns() - begin) / REPEATS;
		if (each < best)
			best = each;
	}
	printf("%.1f\n", best);
	return 0;
}
