/* Nested forks, several live children, very many forks one after another. */
#include "torture.h"

static void level(struct area *a, int depth)
{
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		area_write_some(a, (unsigned)(depth + i), (uint64_t)depth + 1, (uint64_t)i);
		if (!(pid = fork_checked())) {
			area_check(a, "a child's first look");
			area_write_some(a, (unsigned)draw(), 0x100 + (uint64_t)depth, (uint64_t)i);
			if (depth)
				level(a, depth - 1);
			area_check(a, "a child's last look");
			_exit(0);
		}
		if (i)
			area_write_some(a, (unsigned)draw(), 0x200 + (uint64_t)depth, (uint64_t)i);
		area_check(a, "a parent, its child alive");
		ended_well(pid);
		area_check(a, "a parent, its child gone");
	}
}

static void nested(int argc, char **argv)
{
	struct area small = area_make(40), large = area_make(1100); /* 4 KiB entries; 2 MiB ones as well */

	(void)argc;
	area_write_some(&large, 0, 9, 9);
	level(&small, atoi(argv[0]));
	area_check(&large, "at the end");
	level(&large, 2);
}

static void siblings(int argc, char **argv)
{
	struct area a = area_make(600);
	enum { LIVE = 12 };
	pid_t pids[LIVE] = { 0 };
	int gates[LIVE][2];

	(void)argc;
	for (int round = 0; round < atoi(argv[0]); round++) {
		int at = round % LIVE;

		if (pids[at]) { /* the oldest may go on, and end */
			close(gates[at][1]);
			ended_well(pids[at]);
		}
		area_write_some(&a, (unsigned)round, 1, (uint64_t)round);
		CHECK(!pipe(gates[at]));
		if (!(pids[at] = fork_checked())) {
			char byte;

			for (int i = 0; i < LIVE; i++)
				if (pids[i] || i == at)
					close(gates[i][1]);
			area_check(&a, "a sibling at first");
			area_write_some(&a, (unsigned)(round / 4), 0x300 + (uint64_t)at, (uint64_t)round);
			CHECK(read(gates[at][0], &byte, 1) == 0); /* eleven more are made meanwhile */
			area_check(&a, "a sibling at last");
			area_write_some(&a, 1, 0x400 + (uint64_t)at, (uint64_t)round);
			area_check(&a, "a sibling that wrote all");
			_exit(0);
		}
		close(gates[at][0]);
		area_check(&a, "the parent");
	}
	for (int i = 0; i < LIVE; i++)
		if (pids[i]) {
			close(gates[i][1]);
			ended_well(pids[i]);
		}
	area_check(&a, "the parent at the end");
}

/* argv: how many */
static void many(int argc, char **argv)
{
	struct area a = area_make(64);
	long forks = atol(argv[0]);
	uint64_t tenth[10] = { 0 }, begin = now_ns();

	(void)argc;
	area_write_some(&a, 0, 1, 0);
	for (long i = 0; i < forks; i++) {
		uint64_t from = now_ns();
		pid_t pid = fork_checked();

		if (!pid) {
			area_check(&a, "one of many");
			area_write(&a, (size_t)i % 64, 2, (uint64_t)i);
			area_write(&a, (size_t)(i + 7) % 64, 2, (uint64_t)i);
			area_check(&a, "one of many, at last");
			_exit(0);
		}
		area_write(&a, (size_t)i * 5 % 64, 1, (uint64_t)i);
		ended_well(pid);
		tenth[i * 10 / forks] += now_ns() - from;
	}
	area_check(&a, "the parent of many");
	printf("%ld forks in %.3f s; us each, by tenths:", forks, (double)(now_ns() - begin) / 1e9);
	for (int i = 0; i < 10; i++)
		printf(" %.0f", (double)tenth[i] / 1e3 / ((double)forks / 10));
	printf("\n");
}

/* Children look only after their parent wrote, and write little themselves: what a fork copied in advance, and what a child has from
 * its sibling, must be theirs. argv: how many */
static void later(int argc, char **argv)
{
	struct area a = area_make(64);
	volatile long *written = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)argc;
	CHECK(written != MAP_FAILED);
	area_write_some(&a, 0, 1, 0);
	for (long i = 0; i < atol(argv[0]); i++) {
		pid_t pid = fork_checked();

		if (!pid) {
			if (i % 2)
				area_check(&a, "before");
			while (*written <= i)
				usleep(20);
			area_check(&a, "after the parent wrote");
			if (i % 3 == 0)
				area_write(&a, draw() % 64, 2, (uint64_t)i);
			_exit(0);
		}
		for (int k = 0; k < 1 + (int)(draw() % 3); k++)
			area_write(&a, (size_t)i * 5 % 64 + (size_t)k < 64 ? (size_t)i * 5 % 64 + (size_t)k : 0, 1, (uint64_t)i);
		*written = i + 1;
		ended_well(pid);
	}
	area_check(&a, "the parent");
}

/* Children that fork and write are killed at whatever point they have come to; theirs are the family's to reap. argv: how many */
static void killed(int argc, char **argv)
{
	struct area a = area_make(200);

	(void)argc;
	area_write_some(&a, 0, 1, 0);
	for (int i = 0; i < atoi(argv[0]); i++) {
		pid_t pid = fork_checked(), own;

		if (!pid) {
			setpgid(0, 0);
			for (uint64_t k = 0;; k++) {
				if (!(own = fork_checked())) {
					area_check(&a, "a child's child");
					area_write_some(&a, 3, 2, k);
					_exit(0);
				}
				area_write_some(&a, (unsigned)k, 3, k);
				if (k % 3)
					ended_well(own);
			}
		}
		setpgid(pid, pid);
		usleep((useconds_t)(draw() % 4000));
		kill(-pid, SIGKILL);
		CHECK(end_of(pid) == SIGKILL);
		area_check(&a, "the parent of one killed");
	}
}

const struct trial trials_forks[] = { { "nested", nested }, { "siblings", siblings }, { "many", many }, { "later", later }, { "killed", killed }, { 0 } };
