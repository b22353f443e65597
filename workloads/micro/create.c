/* create: from starting a target's command (for a process: the program itself; for a virtual machine: its monitor) to
 * the first statement of the program's main, which writes its CLOCK_MONOTONIC stamp to standard output, and to the end.
 * Runs on the host, beside the target. */
#include "micro.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEPARATOR '\x1f'
#define MOST_WORDS 64

static const char *command;
static const struct micro_option options[] = {
	{ "command", NULL, 0, 0, NULL, &command, "words of the command, separated by the byte 0x1f" },
	{ 0 },
};

extern char **environ;
static char *words[MOST_WORDS + 1];

static void split(void)
{
	size_t count = 0;
	char *copy = strdup(command), *next = copy;

	if (!copy)
		die_errno("strdup");
	while (next) {
		if (count == MOST_WORDS)
			die_usage("--command: more than %d words", MOST_WORDS);
		words[count++] = next;
		next = strchr(next, SEPARATOR);
		if (next)
			*next++ = '\0';
	}
}

static void once(struct micro_series *to_main, struct micro_series *total)
{
	posix_spawn_file_actions_t actions;
	uint64_t begin, main_at, ended;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		die_errno("pipe2");
	if (posix_spawn_file_actions_init(&actions) || posix_spawn_file_actions_adddup2(&actions, ends[1], 1))
		die("cannot prepare the start");
	begin = now_ns();
	errno = posix_spawn(&child, words[0], &actions, NULL, words, environ);
	if (errno)
		die_errno(words[0]);
	micro.peer = child;
	ended = micro_reap(child);
	close(ends[1]);
	if (read(ends[0], &main_at, sizeof(main_at)) != sizeof(main_at))
		die("%s reported no stamp", words[0]);
	close(ends[0]);
	posix_spawn_file_actions_destroy(&actions);
	if (!to_main)
		return;
	micro_add(to_main, (double)(main_at - begin));
	micro_add(total, (double)(ended - begin));
}

int main(int argc, char **argv)
{
	struct micro_series *to_main, *total;

	micro.iterations = 50;
	micro_start("create", argc, argv, options);
	if (!command)
		die_usage("--command is needed");
	split();
	to_main = micro_series("to_main", "ns", "lower", NULL, (size_t)micro.iterations,
			       "command started to the first statement of the program's main");
	total = micro_series("total", "ns", "lower", NULL, (size_t)micro.iterations, "command started to its end");
	once(NULL, NULL); /* so that files are in memory */
	micro_budget(100);
	for (long long i = 0; micro_more(i); i++)
		once(to_main, total);
	return micro_finish();
}
