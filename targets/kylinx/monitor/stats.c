/* Figures of a family as JSON. */
#include <string.h>
#include <unistd.h>
#include "control.h"

void stats_memory(struct json *j)
{
	struct memory_stats m;

	memory_statistics(&m);
	json_add(j, "{\"limit_bytes\":%llu,\"used_bytes\":%llu,\"peak_bytes\":%llu,\"commons_bytes\":%llu,\"table_pages\":%llu,"
		"\"cow_copies\":%llu,\"cow_reused\":%llu,\"cow_pages\":%llu,\"faults\":%llu,\"zaps\":%llu}",
		(unsigned long long)m.limit * KX_PAGE, (unsigned long long)m.frames_used * KX_PAGE, (unsigned long long)m.frames_peak * KX_PAGE,
		(unsigned long long)m.commons_bytes, (unsigned long long)m.table_pages, (unsigned long long)m.cow_copies,
		(unsigned long long)m.cow_reused, (unsigned long long)m.cow_pages, (unsigned long long)m.faults,
		(unsigned long long)m.zaps);
}

void stats_vcpus(struct json *j)
{
	json_add(j, "{\"live\":%u,\"most_live\":%u,\"pooled\":%u,\"kept\":%u,\"coming\":%u,\"made\":%llu,\"recycled\":%llu,"
		"\"forks\":%llu,\"spawns\":%llu,\"exits\":%llu,\"vms\":%u}",
		family.live, family.most_live, family.free_count, family.kept, pool_coming(), (unsigned long long)family.made,
		(unsigned long long)family.recycled, (unsigned long long)family.forks, (unsigned long long)family.spawns,
		(unsigned long long)family.exits, memory_vms());
}

void stats_hypercalls(struct json *j)
{
	json_add(j, "{");
	for (uint32_t i = 0; i < KX_HC_COUNT; i++)
		json_add(j, "%s\"%s\":%llu", i ? "," : "", hypercall_name(i), (unsigned long long)family.hypercalls[i]);
	json_add(j, "}");
}

static void one(struct json *j, struct vcpu *v)
{
	static const char *const states[] = { "running", "running", "spinning", "halted" };
	uint32_t state = __atomic_load_n(&v->area->state, __ATOMIC_RELAXED);
	struct space_stats s;

	/* its thread takes space_lock before it destroys the space */
	pthread_mutex_lock(&v->space_lock);
	if (v->space && family_live(v->slot)) {
		space_statistics(v->space, &s);
		json_add(j, "{\"slot\":%u,\"parent\":", v->slot);
		json_add(j, v->parent < KX_MAX_SLOTS ? "%u" : "null", v->parent);
		json_add(j, ",\"console\":%u,\"state\":\"%s\",\"private_bytes\":%llu,\"shared_bytes\":%llu,\"table_pages\":%llu,"
			"\"cpu_ns\":%llu,\"age_ns\":%llu,\"exits\":%llu,\"hypercalls\":%llu,\"faults\":%llu},", v->console,
			states[state < 4 ? state : 1], (unsigned long long)s.private_bytes, (unsigned long long)s.shared_bytes,
			(unsigned long long)s.table_pages, (unsigned long long)vcpu_cpu_ns(v),
			(unsigned long long)(clock_mono_ns() - v->started_ns), (unsigned long long)v->exits,
			(unsigned long long)v->hypercalls, (unsigned long long)v->faults);
	}
	pthread_mutex_unlock(&v->space_lock);
}

uint32_t stats_pvms(struct json *j, uint32_t from)
{
	json_add(j, "[");
	for (; from < KX_MAX_SLOTS && j->room - j->length > 600; from++) {
		struct vcpu *v = family_live(from);

		if (v)
			one(j, v);
	}
	if (j->length && j->text[j->length - 1] == ',')
		j->length--;
	json_add(j, "]");
	return from;
}

void control_write_stats(int fd)
{
	static char text[ANSWER_MOST];
	struct json j;

	json_begin(&j, text, sizeof text);
	json_add(&j, "{\"memory\":");
	stats_memory(&j);
	json_add(&j, ",\"vcpus\":");
	stats_vcpus(&j);
	json_add(&j, ",\"hypercalls\":");
	stats_hypercalls(&j);
	json_add(&j, ",\"kvm\":\"%s\",\"fast_faults\":%s,\"tsc_exact\":%s}\n", family.kvm_kind, family.fast_faults ? "true" : "false",
		family.tsc_exact ? "true" : "false");
	if (write(fd, text, j.length) < 0)
		log_line("statistics could not be written");
}
