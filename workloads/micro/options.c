/* Arguments: `--name value` or `--name=value`, checked against a table. */
#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const pins[] = { "none", "same", "apart", NULL };
static const struct micro_option common[] = {
	{ "iterations", &micro.iterations, 1, MICRO_MOST_ITERATIONS, NULL, NULL, "the most measured iterations" },
	{ "budget-ms", &micro.budget_ms, 0, 3600000, NULL, NULL, "stop after this long; 0: iterations only" },
	{ "timeout-s", &micro.timeout_s, 1, 86400, NULL, NULL, "fail after this long" },
	{ "pin", &micro.pin, 0, 0, pins, NULL, "none, same processor, or one each (apart)" },
	{ 0 },
};
static const struct micro_option *own;

static const struct micro_option *find(const char *name, size_t length)
{
	const struct micro_option *const tables[] = { common, own };

	for (size_t table = 0; table < 2; table++)
		for (const struct micro_option *option = tables[table]; option && option->name; option++)
			if (strlen(option->name) == length && !strncmp(option->name, name, length))
				return option;
	return NULL;
}

static void set_choice(const struct micro_option *option, const char *text)
{
	char all[128] = "";

	for (long long i = 0; option->choices[i]; i++) {
		if (!strcmp(option->choices[i], text)) {
			*option->value = i;
			return;
		}
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "", option->choices[i]);
	}
	die_usage("--%s: '%.64s' is none of %s", option->name, text, all);
}

static void set(const struct micro_option *option, const char *text)
{
	char *end;
	long long number;

	if (option->text) {
		if (!*text)
			die_usage("--%s: empty", option->name);
		*option->text = text;
		return;
	}
	if (option->choices) {
		set_choice(option, text);
		return;
	}
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text || *end || number < option->least || number > option->most)
		die_usage("--%s: '%.64s' is not a whole number from %lld to %lld", option->name, text,
			    option->least, option->most);
	*option->value = number;
}

static _Noreturn void help(void)
{
	const struct micro_option *const tables[] = { common, own };

	printf("usage: %s [--OPTION VALUE]...\n", micro.program);
	for (size_t table = 0; table < 2; table++)
		for (const struct micro_option *option = tables[table]; option && option->name; option++)
			printf("  --%-16s %s\n", option->name, option->help);
	exit(0);
}

void micro_start(const char *program, int argc, char **argv, const struct micro_option *options)
{
	micro.program = program;
	micro.path = argc > 0 && argv[0] ? argv[0] : program;
	own = options;
	for (int i = 1; i < argc; i++) {
		const struct micro_option *option;
		const char *name = argv[i] + 2, *equals;

		if (!strcmp(argv[i], "--help"))
			help();
		if (strncmp(argv[i], "--", 2))
			die_usage("'%.64s' is not an option (try --help)", argv[i]);
		equals = strchr(name, '=');
		option = find(name, equals ? (size_t)(equals - name) : strlen(name));
		if (!option)
			die_usage("unknown option '%.64s' (try --help)", argv[i]);
		if (!equals && i + 1 == argc)
			die_usage("--%s: a value is missing", option->name);
		set(option, equals ? equals + 1 : argv[++i]);
	}
	frame_guard();
}

/* A JSON string; bytes that would need escaping become '?': paths are for people here. */
static void print_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++)
		fputc(*text < ' ' || *text > '~' || *text == '"' || *text == '\\' ? '?' : *text, out);
	fputc('"', out);
}

void frame_print_params(FILE *out)
{
	const struct micro_option *const tables[] = { common, own };
	const char *comma = "";

	fputc('{', out);
	for (size_t table = 0; table < 2; table++)
		for (const struct micro_option *option = tables[table]; option && option->name; option++) {
			fprintf(out, "%s\"", comma);
			for (const char *at = option->name; *at; at++)
				fputc(*at == '-' ? '_' : *at, out);
			fputs("\": ", out);
			if (option->text)
				print_text(out, *option->text ? *option->text : "");
			else if (option->choices)
				print_text(out, option->choices[*option->value]);
			else
				fprintf(out, "%lld", *option->value);
			comma = ", ";
		}
	fputc('}', out);
}
