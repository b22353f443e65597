/* A program of the initrd in a space of its own: its segments, its stack, its first page, its handles. */
#include "init.h"
#include "../../include/elf.h"

#define STACK_PAGES 16
#define LIMIT_PAGES 32768u        /* of a program without mem=: 128 MiB, which is more than most machines have */

/* Which devices a program of the command line may have: by its name, for who drives a device is this system's policy. */
static const struct { const char *program; unsigned kind; } drivers[] = {
	{ "net", MK_DEVICE_VIRTIO }, { "console", MK_DEVICE_PL011 }, { "ramfs", MK_DEVICE_INITRD }, { "bench", MK_DEVICE_SPARE },
	{ "bench", MK_DEVICE_MACHINE }, { "test", MK_DEVICE_SPARE }, { "test", MK_DEVICE_MACHINE },
	{ "test", MK_DEVICE_INITRD }, { "stress", MK_DEVICE_MACHINE },
};

bool option(const char *line, const char *name, char *value, size_t size)
{
	size_t length = strlen(name), n = 0;

	for (const char *p = line; *p; p++)
		if ((p == line || p[-1] == ' ') && strlen(p) > length && !memcmp(p, name, length) && p[length] == '=') {
			for (p += length + 1; *p && *p != ' ' && n + 1 < size; p++)
				value[n++] = *p;
			value[n] = 0;
			return true;
		}
	return false;
}

static size_t first_word(const char *line)
{
	size_t n = 0;

	while (line[n] && line[n] != ' ')
		n++;
	return n;
}

/* Pages are filled here and then moved there, where they are never writable and executable at once. */
static int move_filled(unsigned space, unsigned va, const void *from, unsigned bytes, unsigned offset, unsigned pages, unsigned protection)
{
	char *here = mk_pages(pages);
	int error;

	if (!here)
		return MK_EMEMORY;
	memcpy(here + offset, from, bytes);
	error = mk_move(space, va, (unsigned)here, pages, protection);
	if (error)
		mk_pages_free(here, pages);
	return error;
}

static int load(unsigned space, const char *file, unsigned bytes, unsigned *entry)
{
	const struct elf *e = (const struct elf *)file;
	const struct elf_segment *g = (const struct elf_segment *)(file + e->segments);

	if (bytes < sizeof *e || e->magic != ELF_MAGIC || e->segments > bytes || e->segment_count * sizeof *g > bytes - e->segments)
		return MK_EARGUMENT;
	for (unsigned i = 0; i < e->segment_count; i++) {
		unsigned offset = g[i].va % MK_PAGE, pages = (unsigned)((offset + g[i].memory_bytes + MK_PAGE - 1) / MK_PAGE);
		unsigned protection = MK_READ | (g[i].flags & ELF_WRITE ? MK_WRITE : 0) | (g[i].flags & ELF_EXECUTE ? MK_EXECUTE : 0);
		int error;

		if (g[i].type != ELF_LOAD || !pages)
			continue;
		if (g[i].offset > bytes || g[i].file_bytes > bytes - g[i].offset || g[i].file_bytes > g[i].memory_bytes)
			return MK_EARGUMENT;
		error = move_filled(space, g[i].va - offset, file + g[i].offset, g[i].file_bytes, offset, pages, protection);
		if (error)
			return error;
	}
	*entry = e->entry;
	return 0;
}

static void give_devices(unsigned space, const char *name, size_t length, struct mk_start *s)
{
	for (unsigned d = 0; d < boot->devices; d++)
		for (unsigned i = 0; i < MK_COUNT(drivers) && s->devices < MK_START_DEVICES; i++)
			if (drivers[i].kind == boot->device[d].kind && strlen(drivers[i].program) == length &&
			    !memcmp(drivers[i].program, name, length)) {
				unsigned n = s->devices++;

				s->device[n].kind = boot->device[d].kind;
				s->device[n].handle = (unsigned)mk_give(space, d, MK_RIGHT_MANAGE | MK_RIGHT_DMA);
				s->device[n].physical = boot->device[d].physical;
				s->device[n].bytes = boot->device[d].bytes;
				s->device[n].pages = boot->device[d].pages;
			}
}

static int start(unsigned space, const char *file, unsigned bytes, struct program *p)
{
	static struct mk_start s;
	unsigned entry;
	int error = load(space, file, bytes, &entry), task;

	if (error)
		return error;
	memset(&s, 0, sizeof s);
	memcpy(s.line, p->line, sizeof s.line);
	clock_read(&s);
	s.names = (unsigned)mk_give(space, port, MK_RIGHT_SEND);
	if (p->starter == COMMAND_LINE)
		give_devices(space, p->line, first_word(p->line), &s);
	error = move_filled(space, MK_START_VA, &s, sizeof s, 0, 1, MK_READ);
	if (!error)
		error = mk_map(space, MK_STACK_TOP - STACK_PAGES * MK_PAGE, STACK_PAGES, MK_READ | MK_WRITE);
	if (error)
		return error;
	task = mk_task_create(space, entry, MK_STACK_TOP, MK_START_VA, p->priority);
	if (task < 0)
		return task;
	error = mk_task_start((unsigned)task);
	mk_drop((unsigned)task);
	return error;
}

static unsigned number_option(const char *line, const char *name, unsigned otherwise)
{
	char digits[12];
	unsigned value = 0;

	if (!option(line, name, digits, sizeof digits))
		return otherwise;
	for (const char *d = digits; *d >= '0' && *d <= '9'; d++)
		value = value * 10 + (unsigned)(*d - '0');
	return value;
}

int spawn(struct program *p)
{
	size_t length = first_word(p->line);
	_Alignas(4) char name[NAME_BYTES] = { 0 };
	unsigned bytes;
	const void *file = initrd_find(p->line, length, &bytes);
	struct mk_status status;
	int space, error;

	if (!file)
		return MK_EARGUMENT;
	memcpy(name, p->line, length < NAME_BYTES ? length : NAME_BYTES);
	space = mk_space_create(number_option(p->line, "mem", LIMIT_PAGES), port, ENDED_BIT, name, p->highest);
	if (space < 0)
		return space;
	error = start((unsigned)space, file, bytes, p);
	if (error) {
		mk_space_kill((unsigned)space);
		mk_drop((unsigned)space);
		return error;
	}
	mk_space_status((unsigned)space, &status);
	p->space = (unsigned)space;
	p->number = status.number;
	return (int)status.number;
}
