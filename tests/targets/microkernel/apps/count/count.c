/* Drives an application as the guest does and prints, for each kind of request, the instructions that one took: the mean of many
 * after a few. Memory is given from lists by size, as the guest's allocator does. */
#include "count.h"

#ifndef TIMES
#define WARM 32
#define TIMES 512
#endif
#define CLASSES 32
#define UART (*(volatile uint32_t *)0x09000000)

uint64_t app_unix_ms = 1767225600000;
uint32_t app_seed = 1;

extern uint8_t heap[];
static uint8_t *fresh = heap, out[16384] __attribute__((aligned(8)));
static void *given_back[CLASSES];
static uint8_t in[16384] __attribute__((aligned(8)));

static unsigned class_of(size_t bytes)
{
	return bytes <= 16 ? 4 : 32u - (unsigned)__builtin_clz((unsigned)bytes - 1);
}

void *app_allocate(size_t bytes)
{
	unsigned class = class_of(bytes + 8);
	void **memory = given_back[class];

	if (memory) {
		given_back[class] = *memory;
	} else {
		memory = (void **)(void *)(fresh + 8);
		fresh += 1u << class;
		((uint32_t *)(void *)memory)[-1] = class;
	}
	return memory;
}

void app_release(void *memory)
{
	uint32_t class = memory ? ((uint32_t *)memory)[-1] : 0;

	if (!memory)
		return;
	*(void **)memory = given_back[class];
	given_back[class] = memory;
}

void *app_resize(void *memory, size_t bytes)
{
	void *new = app_allocate(bytes);
	size_t had = memory ? (1u << ((uint32_t *)memory)[-1]) - 8 : 0;

	memcpy(new, memory, had < bytes ? had : bytes);
	app_release(memory);
	return new;
}

bool app_file_open(const char *path, struct app_file *f)
{
	if (strlen(path) != strlen(file.path) || memcmp(path, file.path, strlen(path)))
		return false;
	*f = (struct app_file){ .bytes = (uint32_t)file.count, .modified_s = 1767225600 };
	return true;
}

size_t app_file_read(const struct app_file *f, uint32_t offset, void *to, size_t bytes)
{
	size_t n = bytes < f->bytes - offset ? bytes : f->bytes - offset;

	memcpy(to, (const uint8_t *)file.bytes + offset, n);
	return n;
}

void app_file_close(const struct app_file *f)
{
	(void)f;
}

bool app_file_list(const char *path, unsigned index, char name[APP_NAME])
{
	(void)path, (void)index, (void)name;
	return false;
}

static uint32_t cycles(void)
{
	uint32_t now;

	asm volatile("isb; mrc p15, 0, %0, c9, c13, 0" : "=r"(now));
	return now;
}

static void print(const char *text)
{
	while (*text)
		UART = (uint8_t)*text++;
}

static void print_number(uint32_t number)
{
	char digits[11], *at = digits + 10;

	*at = 0;
	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	print(at);
}

static uint32_t once(void *connection, const struct request *r, size_t bytes)
{
	struct app_io io = { in, bytes, out, sizeof out, false };
	uint32_t before = cycles();

	if (!r->at_once)
		io.room -= app.datagram(in, bytes, out, sizeof out);
	else if (app.run(connection, &io) != APP_INPUT)
		print("# not all of the input was taken\n");
	before = cycles() - before;
	if (io.room == sizeof out)
		print("# no answer\n");
	return before;
}

static __attribute__((noinline)) void count(const struct request *r)
{
	void *connection = app.open();
	unsigned copies = r->at_once ? r->at_once : 1;
	uint32_t total = 0;

	for (unsigned i = 0; i < copies; i++)
		memcpy(in + i * r->count, r->bytes, r->count);
	for (unsigned i = 0; i < WARM + TIMES; i++) {
		uint32_t took = once(connection, r, copies * r->count);

		total += i < WARM ? 0 : took;
	}
	app.close(connection);
	print(r->name);
	print(": ");
	print_number(total / TIMES / copies);
	print("\n");
}

void count_all(void);
void count_all(void)
{
	const char *wrong = app.start(prepare());

	if (wrong)
		print(wrong);
	for (const struct request *r = requests; !wrong && r->name; r++)
		count(r);
}
