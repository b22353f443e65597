/* dlopen: opening a shared library, looking a function up and calling it for the first time. */
#include "micro.h"
#include "probes.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_LIBRARIES 256

static long long count = 1;
static const char *directory = ".";
static const struct micro_option options[] = {
	{ "libraries", &count, 1, MOST_LIBRARIES, NULL, NULL, "how many libraries, lib-000.so and on" },
	{ "directory", NULL, 0, 0, NULL, &directory, "where they are" },
	{ 0 },
};

typedef uint64_t number_function(void);

struct series {
	struct micro_series *open, *first_call, *total, *close;
};

static char paths[MOST_LIBRARIES][1024];
static void *handles[MOST_LIBRARIES];
static struct micro_series *open_loaded;

static void open_one(long long library, uint64_t i, const struct series *to)
{
	uint64_t begin, opened, called, answer;
	number_function *function;

	PROBE(lib_open_begin, i);
	begin = now_ns();
	handles[library] = dlopen(paths[library], RTLD_NOW | RTLD_LOCAL);
	opened = now_ns();
	PROBE(lib_open_end, i);
	if (!handles[library])
		die("dlopen: %s", dlerror());
	*(void **)&function = dlsym(handles[library], "kxb_number");
	if (!function)
		die("dlsym: %s", dlerror());
	answer = function();
	called = now_ns();
	PROBE(lib_call_end, i);
	if (answer != (uint64_t)library)
		die("%s answers %llu", paths[library], (unsigned long long)answer);
	micro_add(to->open, (double)(opened - begin));
	micro_add(to->first_call, (double)(called - opened));
	micro_add(to->total, (double)(called - begin));
}

static void open_again(long long library)
{
	uint64_t begin = now_ns(), end;
	void *again = dlopen(paths[library], RTLD_NOW | RTLD_LOCAL);

	end = now_ns();
	if (again != handles[library])
		die("dlopen of a loaded library gave another handle");
	if (dlclose(again))
		die("dlclose: %s", dlerror());
	micro_add(open_loaded, (double)(end - begin));
}

static void close_one(long long library, const struct series *to)
{
	uint64_t begin = now_ns(), end;
	int failed = dlclose(handles[library]);

	end = now_ns();
	if (failed)
		die("dlclose: %s", dlerror());
	micro_add(to->close, (double)(end - begin));
}

static void make_series(struct series *first, struct series *later)
{
	size_t few = (size_t)count, most = (size_t)(micro.iterations * count);

	first->open = micro_series("open", "ns", "lower", NULL, few, "dlopen(RTLD_NOW) of a library new to the process");
	first->first_call = micro_series("first_call", "ns", "lower", NULL, few, "dlsym and the first call, after open");
	first->total = micro_series("total", "ns", "lower", NULL, few, "dlopen called to the first call returned");
	first->close = micro_series("close", "ns", "lower", NULL, few, "dlclose that unloads it");
	later->open = micro_series("reopen", "ns", "lower", NULL, most, "dlopen of a library that was unloaded before");
	later->first_call = micro_series("reopen_call", "ns", "lower", NULL, most, "dlsym and the first call, after reopen");
	later->total = micro_series("reopen_total", "ns", "lower", NULL, most, "reopen to the first call returned");
	later->close = micro_series("reclose", "ns", "lower", NULL, most, "dlclose that unloads it again");
	open_loaded = micro_series("open_loaded", "ns", "lower", NULL, most, "dlopen of a library that is loaded");
}

int main(int argc, char **argv)
{
	struct series first, later;

	micro.iterations = 200;
	micro_start("dlopen", argc, argv, options);
	if (micro.iterations * count > 1000000)
		die_usage("--iterations times --libraries is over a million");
	make_series(&first, &later);
	for (long long i = 0; i < count; i++)
		if (snprintf(paths[i], sizeof(paths[i]), "%s/lib-%03lld.so", directory, i) >= (int)sizeof(paths[i]))
			die_usage("--directory: too long");
	micro_pin(0);
	micro_budget(100);
	for (long long round = 0; micro_more(round); round++) {
		const struct series *to = round ? &later : &first;

		for (long long i = 0; i < count; i++)
			open_one(i, (uint64_t)(round * count + i), to);
		for (long long i = 0; i < count; i++)
			open_again(i);
		for (long long i = 0; i < count; i++)
			close_one(i, to);
	}
	return micro_finish();
}
