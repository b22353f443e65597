/* exec: from fork, vfork or posix_spawn to the first statement of the new image's main, and to its end. */
#include "memory.h"
#include "micro.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <unistd.h>

enum { FORK, VFORK, SPAWN };
enum { IMAGE_DYNAMIC, IMAGE_STATIC };
static const char *const methods[] = { "fork", "vfork", "spawn", NULL };
static const char *const images[] = { "dynamic", "static", NULL };
static long long method, image, dirty_mib, pages;
static const struct micro_option options[] = {
	{ "method", &method, 0, 0, methods, NULL, "fork, vfork or posix_spawn" },
	{ "image", &image, 0, 0, images, NULL, "tiny-dynamic or tiny-static" },
	{ "dirty-mib", &dirty_mib, 0, 65536, NULL, NULL, "MiB dirtied before the first" },
	{ "pages", &pages, 0, 0, memory_pages, NULL, "default, huge (advised) or none (huge pages refused)" },
	{ 0 },
};

extern char **environ;
static char descriptor[16];
static char *arguments[] = { NULL, descriptor, NULL };

static pid_t start(void)
{
	pid_t child;

	if (method == SPAWN) {
		errno = posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ);
		if (errno)
			die_errno("posix_spawn");
		return child;
	}
	child = method == VFORK ? vfork() : fork();
	if (child == 0) {
		execv(arguments[0], arguments);
		_exit(127);
	}
	if (child < 0)
		die_errno(methods[method]);
	return child;
}

struct series {
	struct micro_series *parent, *to_main, *total;
};

static void once(int reader, const struct series *to)
{
	uint64_t begin = now_ns(), returned, main_at, ended;
	pid_t child = start();

	returned = now_ns();
	ended = micro_reap(child);
	if (read(reader, &main_at, sizeof(main_at)) != sizeof(main_at))
		die("%s reported no stamp", arguments[0]);
	micro_add(to->parent, (double)(returned - begin));
	micro_add(to->to_main, (double)(main_at - begin));
	micro_add(to->total, (double)(ended - begin));
}

int main(int argc, char **argv)
{
	struct series first, later;
	size_t most;
	int ends[2];

	micro.iterations = 500;
	micro_start("exec", argc, argv, options);
	most = (size_t)micro.iterations;
	first.parent = micro_series("first_parent", "ns", "lower", NULL, 1, "the first: call to return in the parent");
	first.to_main = micro_series("first_to_main", "ns", "lower", NULL, 1, "the first: call to main of the new image");
	first.total = micro_series("first_total", "ns", "lower", NULL, 1, "the first: call to waitpid returned");
	later.parent = micro_series("parent", "ns", "lower", NULL, most, "call to return in the parent");
	later.to_main = micro_series("to_main", "ns", "lower", NULL, most, "call to main's first statement in the new image");
	later.total = micro_series("total", "ns", "lower", NULL, most, "call to waitpid returned in the parent");
	arguments[0] = (char *)micro_sibling(image == IMAGE_STATIC ? "tiny-static" : "tiny-dynamic");
	if (pipe(ends) || fcntl(ends[0], F_SETFD, FD_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK))
		die_errno("pipe");
	snprintf(descriptor, sizeof(descriptor), "%d", ends[1]);
	micro_pin(0);
	memory_dirty(dirty_mib, (enum memory_pages)pages);
	micro_budget(100);
	for (long long i = 0; micro_more(i); i++)
		once(ends[0], i ? &later : &first);
	return micro_finish();
}
