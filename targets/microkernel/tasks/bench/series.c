/* Samples, what is made of them, and how they are told: one JSON object between marker lines (workloads/protocol.py). */
#include "bench.h"

#define MOST 48

struct series {
	const char *name, *labels, *unit, *better, *summary;
	unsigned *samples, count;
};

static struct series all[MOST];
static unsigned used;

static struct series *make(const char *name, const char *labels, const char *summary, const char *unit, const char *better, unsigned most)
{
	struct series *s = &all[used];

	if (used == MOST)
		mk_fail("bench: more than %d series", MOST);
	used++;
	*s = (struct series){ name, labels ? labels : "", unit, better, summary, NULL, 0 };
	s->samples = mk_pages((unsigned)(most * sizeof *s->samples + MK_PAGE - 1) / MK_PAGE);
	if (!s->samples)
		mk_fail("bench: no memory for %u samples", most);
	return s;
}

struct series *series(const char *name, const char *labels, const char *summary)
{
	return make(name, labels, summary, "instructions", "lower", iterations);
}

struct series *series_count(const char *name, const char *summary)
{
	return make(name, NULL, summary, "1/30s", "higher", 1);
}

void sample_value(struct series *s, unsigned value)
{
	s->samples[s->count++] = value;
}

void sample(struct series *s, int turn, unsigned begin, unsigned end)
{
	if (turn >= 0)
		sample_value(s, end - begin > stamp_cost ? end - begin - stamp_cost : 0);
}

/* ---- Statistics, in whole numbers ---- */

/* Shell, CACM 2(7), 1959; Knuth's gaps. */
static void sort(unsigned *v, unsigned count)
{
	unsigned gap = 1;

	while (gap < count / 3)
		gap = 3 * gap + 1;
	for (; gap; gap /= 3)
		for (unsigned i = gap; i < count; i++) {
			unsigned value = v[i], at = i;

			for (; at >= gap && v[at - gap] > value; at -= gap)
				v[at] = v[at - gap];
			v[at] = value;
		}
}

static unsigned root(uint64_t square)
{
	uint64_t low = 0, high = 1ull << 32;

	while (high - low > 1) {
		uint64_t middle = (low + high) / 2;

		if (middle * middle <= square)
			low = middle;
		else
			high = middle;
	}
	return (unsigned)low;
}

static unsigned mean(const struct series *s)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < s->count; i++)
		sum += s->samples[i];
	return (unsigned)((sum + s->count / 2) / s->count);
}

static unsigned deviation(const struct series *s, unsigned middle)
{
	uint64_t squares = 0;

	for (unsigned i = 0; i < s->count; i++) {
		uint64_t off = s->samples[i] > middle ? s->samples[i] - middle : middle - s->samples[i];

		squares += off * off;
	}
	return root(squares / s->count);
}

/* ---- JSON ---- */

static char text[1024];
static unsigned filled;

static void MK_PRINTF(1) put(const char *format, ...)
{
	va_list arguments;

	if (filled > sizeof text - 640) {
		mk_log(text, filled);
		filled = 0;
	}
	va_start(arguments, format);
	filled += (unsigned)mk_format_list(text + filled, sizeof text - filled, format, arguments);
	va_end(arguments);
}

static void put_samples(const struct series *s)
{
	put("\"samples\": [");
	for (unsigned i = 0; i < s->count; i++)
		put("%s%u", i ? ", " : "", s->samples[i]);
	put("],\n");
}

static void put_statistics(struct series *s)
{
	unsigned last = s->count - 1, middle = mean(s);

	put("\"statistics\": {\"count\": %u, \"mean\": %u, \"stddev\": %u, ", s->count, middle, deviation(s, middle));
	sort(s->samples, s->count);
	put("\"min\": %u, \"q1\": %u, \"median\": %u, \"q3\": %u, \"max\": %u}}", s->samples[0], s->samples[last / 4],
	    s->samples[last / 2], s->samples[last / 2 + last / 4], s->samples[last]);
}

void series_print(const char *group)
{
	put("@@KXBENCH BEGIN@@\n{\"schema\": 1, \"program\": \"kernel\", \"clock\": \"icount\",\n");
	put("\"params\": {\"group\": \"%s\", \"iterations\": %u, \"interval_ms\": %u, \"stamp_cost\": %u},\n\"metrics\": [", group,
	    iterations, interval_ms, stamp_cost);
	for (unsigned i = 0; i < used; i++) {
		struct series *s = &all[i];

		put("%s\n{\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", \"labels\": {%s},\n", i ? "," : "", s->name, s->unit,
		    s->better, s->labels);
		put("\"summary\": \"%s\",\n", s->summary);
		put_samples(s);
		put_statistics(s);
	}
	put("\n]}\n@@KXBENCH END@@\n");
	mk_log(text, filled);
}
