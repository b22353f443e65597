/* The sample buffers and the JSON object between the two markers (docs/architecture.md). */
#include "frame.h"

#include <stdlib.h>

#define MOST_SERIES 32
#define CLOCK_BATCHES 20
#define CLOCK_READS 100

static struct micro_series *all[MOST_SERIES];
static size_t used;

struct micro_series *micro_series(const char *name, const char *unit, const char *better, const char *labels,
				  size_t capacity, const char *summary)
{
	struct micro_series *series;

	if (used == MOST_SERIES)
		die("more than %d metrics", MOST_SERIES);
	series = micro_shared(sizeof(*series) + capacity * sizeof(series->values[0]));
	series->name = name;
	series->unit = unit;
	series->better = better;
	series->labels = labels;
	series->summary = summary;
	series->capacity = capacity;
	return all[used++] = series;
}

/* What one reading of the clock costs: every figure of a single event contains about one. */
static void measure_clock(void)
{
	struct micro_series *clock_read = micro_series("clock_read", "ns", "neither", NULL, CLOCK_BATCHES,
						       "one clock_gettime(CLOCK_MONOTONIC): mean of each batch of 100");

	for (int batch = -1; batch < CLOCK_BATCHES; batch++) {
		uint64_t begin = now_ns(), end = begin;

		for (int i = 0; i < CLOCK_READS; i++)
			end = now_ns();
		if (batch >= 0)
			micro_add(clock_read, (double)(end - begin) / CLOCK_READS);
	}
}

static void print_series(FILE *out, const struct micro_series *series)
{
	fprintf(out, "{\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", \"labels\": %s, \"summary\": \"%s\",\n"
		"  \"samples\": [", series->name, series->unit, series->better,
		series->labels ? series->labels : "{}", series->summary);
	for (size_t i = 0; i < series->count; i++) {
		double value = series->values[i];

		fprintf(out, value == (double)(int64_t)value ? "%s%.0f" : "%s%.3f", i ? "," : "", value);
	}
	fputs("]}", out);
}

int micro_finish(void)
{
	const char *comma = "";

	measure_clock();
	printf("@@KXBENCH BEGIN@@\n{\"schema\": 1, \"program\": \"%s\", \"clock\": \"monotonic\", \"params\": ",
	       micro.program);
	frame_print_params(stdout);
	printf(", \"metrics\": [\n");
	for (size_t i = 0; i < used; i++) {
		if (!all[i]->count)
			continue; /* a metric without samples is left out */
		fputs(comma, stdout);
		print_series(stdout, all[i]);
		comma = ",\n";
	}
	printf("]}\n@@KXBENCH END@@\n");
	if (fflush(stdout) || ferror(stdout))
		die_errno("writing the result");
	return 0;
}
