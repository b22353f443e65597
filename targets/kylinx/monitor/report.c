/* A program of the family died of a signal: what the LibOS says of it, as text and as an event for the toolstack. */
#include <stdio.h>
#include <string.h>
#include "control.h"

static const struct { const char *name; size_t offset; } registers[] = {
#define REGISTER(r) { #r, offsetof(struct kx_frame, r) }
	REGISTER(rip), REGISTER(rsp), REGISTER(rflags), REGISTER(rax), REGISTER(rbx), REGISTER(rcx), REGISTER(rdx), REGISTER(rsi),
	REGISTER(rdi), REGISTER(rbp), REGISTER(r8), REGISTER(r9), REGISTER(r10), REGISTER(r11), REGISTER(r12), REGISTER(r13),
	REGISTER(r14), REGISTER(r15), REGISTER(orig_rax), REGISTER(vector), REGISTER(error), REGISTER(cr2),
#undef REGISTER
};
#define REGISTERS (sizeof registers / sizeof *registers)

static uint64_t value(const struct kx_fault_report *f, size_t i)
{
	uint64_t v;

	memcpy(&v, (const char *)&f->frame + registers[i].offset, sizeof v);
	return v;
}

static void as_json(struct json *j, const struct spawn_record *r, uint32_t slot, const struct kx_fault_report *f,
	const struct kx_fault_map *maps, uint32_t count)
{
	json_add(j, "{\"id\":%llu,\"event\":\"fault\",\"slot\":%u,\"pid\":%u,\"tid\":%u,\"signal\":%u,\"code\":%d,\"address\":\"0x%llx\",\"comm\":",
		(unsigned long long)r->id, slot, f->pid, f->tid, f->signo, (int)f->code, (unsigned long long)f->address);
	json_string(j, f->comm, strnlen(f->comm, sizeof f->comm));
	json_add(j, ",\"registers\":{");
	for (size_t i = 0; i < REGISTERS; i++)
		json_add(j, "%s\"%s\":\"0x%llx\"", i ? "," : "", registers[i].name, (unsigned long long)value(f, i));
	json_add(j, "},\"backtrace\":[");
	for (uint32_t i = 0; i < f->depth; i++)
		json_add(j, "%s\"0x%llx\"", i ? "," : "", (unsigned long long)f->backtrace[i]);
	json_add(j, "],\"maps\":[");
	for (uint32_t i = 0; i < count && j->room - j->length > 1024; i++) {
		json_add(j, "%s[\"0x%llx\",\"0x%llx\",\"0x%llx\",", i ? "," : "", (unsigned long long)maps[i].start,
			(unsigned long long)maps[i].end, (unsigned long long)maps[i].offset);
		json_string(j, maps[i].path, strnlen(maps[i].path, sizeof maps[i].path));
		json_add(j, "]");
	}
	json_add(j, "]}");
}

static void place(char *to, size_t room, uint64_t rip, const struct kx_fault_map *maps, uint32_t count)
{
	to[0] = 0;
	for (uint32_t i = 0; i < count; i++)
		if (rip >= maps[i].start && rip < maps[i].end)
			snprintf(to, room, " (%.*s+0x%llx)", (int)sizeof maps[i].path, maps[i].path,
				(unsigned long long)(rip - maps[i].start + maps[i].offset));
}

static void as_text(const struct kx_fault_report *f, const struct kx_fault_map *maps, uint32_t count)
{
	char text[3800], where[160];
	int n;

	place(where, sizeof where, f->frame.rip, maps, count);
	n = snprintf(text, sizeof text, "%.*s[%u]: signal %u at address 0x%llx, rip 0x%llx%s", (int)sizeof f->comm, f->comm, f->pid,
		f->signo, (unsigned long long)f->address, (unsigned long long)f->frame.rip, where);
	for (size_t i = 1; i < REGISTERS; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s%s %016llx", i % 5 == 1 ? "\n  " : "  ", registers[i].name,
			(unsigned long long)value(f, i));
	for (uint32_t i = 0; i < f->depth && (size_t)n < sizeof text - 256; i++) {
		place(where, sizeof where, f->backtrace[i], maps, count);
		n += snprintf(text + n, sizeof text - (size_t)n, "\n  #%u 0x%llx%s", i, (unsigned long long)f->backtrace[i], where);
	}
	if (family.settings->keep || family.settings->quiet)
		log_line("%s", text);
	else
		log_user("%s", text);
}

/* report: the monitor's copy of what the guest sent; its own counts are held to its length. */
void control_fault(uint32_t slot, uint32_t console, const void *report, uint32_t length)
{
	static char text[ANSWER_MOST];           /* one report at a time: the caller holds a lock */
	const struct kx_fault_map *maps = (const void *)((const char *)report + sizeof(struct kx_fault_report));
	struct kx_fault_report f;
	struct spawn_record r;
	struct json j;

	if (length < sizeof f)
		return;
	memcpy(&f, report, sizeof f);
	if (f.depth > KX_FAULT_DEPTH)
		f.depth = KX_FAULT_DEPTH;
	uint32_t most = (length - (uint32_t)sizeof f) / (uint32_t)sizeof *maps, count = f.maps < most ? f.maps : most;

	as_text(&f, maps, count);
	if (!control_spawn_get(console, &r))
		return;
	json_begin(&j, text, sizeof text);
	as_json(&j, &r, slot, &f, maps, count);
	if (!j.full)
		control_queue_report(r.serial, text, j.length);
}

void control_log(uint32_t console, const char *line)
{
	char text[8192];
	struct spawn_record r;
	struct json j;

	if (!control_spawn_get(console, &r))
		return;
	json_begin(&j, text, sizeof text);
	json_add(&j, "{\"id\":%llu,\"event\":\"log\",\"text\":", (unsigned long long)r.id);
	json_string(&j, line, strnlen(line, 1200));
	json_add(&j, "}");
	if (!j.full)
		control_queue_report(r.serial, text, j.length);
}
