/* A bare loop of fork, exit and wait, nothing else: the independent figure that `fork`'s total must agree with.
 * usage: bare_fork COUNT; prints the nanoseconds of each, one a line. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 100000

static long took[MOST];

int main(int argc, char **argv)
{
	int count = argc == 2 ? atoi(argv[1]) : 0;

	if (count < 1 || count > MOST) {
		fprintf(stderr, "usage: bare_fork COUNT (1 to %d)\n", MOST);
		return 2;
	}
	for (int i = 0; i < count; i++) {
		struct timespec begin, end;
		pid_t child;

		clock_gettime(CLOCK_MONOTONIC, &begin);
		child = fork();
		if (child == 0)
			_exit(0);
		if (child < 0 || waitpid(child, NULL, 0) != child) {
			perror("bare_fork");
			return 1;
		}
		clock_gettime(CLOCK_MONOTONIC, &end);
		took[i] = (end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec;
	}
	for (int i = 0; i < count; i++)
		printf("%ld\n", took[i]);
	return 0;
}
