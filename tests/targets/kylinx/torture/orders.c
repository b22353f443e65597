/* Copy-on-write in every order: a controller tells processes what to write and when to fork and end, and compares what each of
 * them has with what it must have. The model is the controller's, in memory that no process of the tree inherits changes of. */
#include "torture.h"

#define NODES 12
#define PAGES 24

enum verb { WRITE, SHOW, FORK, END };
struct order { uint32_t verb, first, count, stride; uint64_t stamp; int32_t child; };

static int to[NODES][2], from[NODES][2];
static uint64_t model[NODES][PAGES];
static bool alive[NODES];
static int parent_of[NODES];
static uint8_t *memory;
static size_t spread = 1;                /* pages between those that count */

static uint64_t *word(unsigned page)
{
	return (uint64_t *)(memory + page * spread * PAGE);
}

static void node(int self)
{
	struct order o;

	for (;;) {
		uint64_t seen[PAGES];

		CHECK(read(to[self][0], &o, sizeof o) == sizeof o);
		switch (o.verb) {
		case WRITE:
			for (uint32_t i = 0; i < o.count; i++) {
				unsigned page = (o.first + i * o.stride) % PAGES;

				word(page)[0] = word(page)[511] = o.stamp + page;
			}
			break;
		case SHOW:
			for (unsigned i = 0; i < PAGES; i++)
				seen[i] = word(i)[0] == word(i)[511] ? word(i)[0] : ~0ull;
			CHECK(write(from[self][1], seen, sizeof seen) == sizeof seen);
			continue;
		case FORK: {
			pid_t pid = fork();

			CHECK(pid >= 0);
			if (!pid) {
				alarm(280);
				self = o.child;
				continue;
			}
			break;
		}
		default: /* heard of, before another process may read at this number */
			CHECK(write(from[self][1], "", 1) == 1);
			while (wait(NULL) > 0)
				;
			_exit(0);
		}
		CHECK(write(from[self][1], "", 1) == 1);
	}
}

static void tell(int n, struct order o)
{
	char done;

	CHECK(write(to[n][1], &o, sizeof o) == sizeof o);
	if (o.verb != SHOW)
		CHECK(read(from[n][0], &done, 1) == 1);
}

static void check(int n, int step)
{
	uint64_t seen[PAGES];

	tell(n, (struct order){ .verb = SHOW });
	CHECK(read(from[n][0], seen, sizeof seen) == sizeof seen);
	for (unsigned i = 0; i < PAGES; i++)
		if (seen[i] != model[n][i])
			fail("step %d, process %d, page %u: %llx, not %llx", step, n, i, (unsigned long long)seen[i], (unsigned long long)model[n][i]);
}

static void end_node(int n) /* its children first: it waits for them */
{
	for (int i = 0; i < NODES; i++)
		if (alive[i] && parent_of[i] == n)
			end_node(i);
	tell(n, (struct order){ .verb = END });
	alive[n] = false;
}

static void one_step(int step)
{
	int n = (int)(draw() % NODES), free_node = -1;
	uint32_t what = (uint32_t)(draw() % 16);

	while (!alive[n])
		n = (n + 1) % NODES;
	for (int i = 1; i < NODES; i++)
		if (!alive[i])
			free_node = i;
	if (what < 3 && free_node > 0) {
		tell(n, (struct order){ .verb = FORK, .child = free_node });
		memcpy(model[free_node], model[n], sizeof model[n]);
		alive[free_node] = true;
		parent_of[free_node] = n;
	} else if (what == 3 && n) {
		end_node(n);
	} else if (what < 12) {
		struct order o = { WRITE, (uint32_t)(draw() % PAGES), (uint32_t)(1 + draw() % (draw() % 4 ? 4 : PAGES)),
			draw() % 2 ? 1 : PAGES - 1, (uint64_t)n << 40 | (uint64_t)step << 8, 0 };

		for (uint32_t i = 0; i < o.count; i++)
			model[n][(o.first + i * o.stride) % PAGES] = o.stamp + (o.first + i * o.stride) % PAGES;
		tell(n, o);
	} else {
		check(n, step);
	}
}

static void play(int steps)
{
	memset(model, 0, sizeof model);
	memset(alive, 0, sizeof alive);
	for (int i = 0; i < NODES; i++)
		CHECK(!pipe(to[i]) && !pipe(from[i]));
	memory = mmap(NULL, PAGES * spread * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	if (spread > 1)
		memset(memory, 0, PAGES * spread * PAGE); /* densely: as large pages */
	pid_t first = fork();
	CHECK(first >= 0);
	if (!first) {
		alarm(280);
		node(0);
	}
	munmap(memory, PAGES * spread * PAGE);
	alive[0] = true;
	parent_of[0] = -1;
	for (int step = 0; step < steps; step++)
		one_step(step);
	for (int i = 0; i < NODES; i++)
		if (alive[i])
			check(i, steps);
	end_node(0);
	ended_well(first);
	for (int i = 0; i < NODES; i++)
		for (int k = 0; k < 2; k++) {
			close(to[i][k]);
			close(from[i][k]);
		}
}

/* argv: games, steps of each */
static void orders(int argc, char **argv)
{
	(void)argc;
	for (int game = 0; game < atoi(argv[0]); game++) {
		const size_t spreads[] = { 1, 3, 16, 64 };

		spread = spreads[game % 4];
		play(atoi(argv[1]));
	}
}

const struct trial trials_orders[] = { { "orders", orders }, { 0 } };
