/* The verbs of the control socket, and the events of the programs it started. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "control.h"

static struct spawn_record spawns[SPAWNS]; /* by console number, modulo; under lock */
static pthread_mutex_t spawn_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { uint64_t serial, id, deadline_ns; } waiting_stats[16];
static char answer[ANSWER_MOST];         /* of the main thread */

static void refuse(struct request *q, int error, const char *text)
{
	struct json j;

	json_begin(&j, answer, sizeof answer);
	json_add(&j, "{\"id\":%llu,\"ok\":false,\"errno\":%d,\"error\":", (unsigned long long)q->id, error);
	json_string(&j, text, strlen(text));
	json_add(&j, "}");
	control_send(q->from, answer, j.length);
}

static void begin(struct json *j, const struct request *q)
{
	json_begin(j, answer, sizeof answer);
	json_add(j, "{\"id\":%llu,\"ok\":true", (unsigned long long)q->id);
}

static void finish(struct json *j, struct request *q)
{
	json_add(j, "}");
	if (j->full)
		refuse(q, EMSGSIZE, "the answer does not fit a packet");
	else
		control_send(q->from, answer, j->length);
}

/* Fields are taken one by one; what is left unknown is refused. */
static const char *value_of(const char *field, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(field, key, n) && field[n] == '=' ? field + n + 1 : NULL;
}

static bool numbers(struct request *q, const char *const *keys, uint64_t *values)
{
	for (uint32_t i = 0; i < q->fields; i++) {
		uint32_t k = 0;
		const char *text = NULL;
		char *end;

		for (; keys[k] && !text; k++)
			text = value_of(q->field[i], keys[k]);
		if (!text)
			return false;
		values[k - 1] = strtoull(text, &end, 10);
		if (end == text || *end || *text == '-')
			return false;
	}
	return true;
}

static void op_hello(struct request *q)
{
	struct settings *s = family.settings;
	struct json j;

	begin(&j, q);
	json_add(&j, ",\"version\":1,\"abi\":%d,\"pid\":%d,\"hostname\":", KX_ABI_VERSION, (int)getpid());
	json_string(&j, s->hostname, strlen(s->hostname));
	json_add(&j, ",\"memory_limit\":%llu,\"max_pvms\":%u,\"cpus\":%u,\"confined\":%s,\"kvm\":\"%s\",\"fast_faults\":%s,"
		"\"tsc_exact\":%s,\"ready\":true", (unsigned long long)s->memory_bytes, family.max_pvms, s->cpus,
		family.confined ? "true" : "false", family.kvm_kind, family.fast_faults ? "true" : "false",
		family.tsc_exact ? "true" : "false");
	finish(&j, q);
}

bool control_spawn_get(uint32_t console, struct spawn_record *copy)
{
	pthread_mutex_lock(&spawn_lock);
	*copy = spawns[console % SPAWNS];
	pthread_mutex_unlock(&spawn_lock);
	return copy->used && copy->console == console;
}

/* The request's three descriptors, or copies of the monitor's own. */
static int console_for(struct request *q)
{
	int fd[3], id;

	for (int i = 0; i < 3; i++)
		fd[i] = q->fds ? q->fd[i] : dup(i);
	id = console_create(fd[0], fd[1], fd[2]);
	for (int i = 0; i < 3; i++) {
		if (id < 0 && !q->fds)
			close(fd[i]);
		if (id >= 0 && q->fds)
			q->fd[i] = -1;
	}
	return id;
}

struct spawn_fields { struct spawn_request q; bool keep, input, tty; char *argv[FIELDS_MOST], *envp[FIELDS_MOST]; };

static bool spawn_parse(struct request *q, struct spawn_fields *s)
{
	const char *v;

	memset(&s->q, 0, sizeof s->q);
	s->q.cwd = "/";
	s->q.argv = s->argv;
	s->q.envp = s->envp;
	s->input = true;
	s->keep = s->tty = false;
	for (uint32_t i = 0; i < q->fields; i++) {
		const char *f = q->field[i];

		if ((v = value_of(f, "program")))
			s->q.program = v;
		else if ((v = value_of(f, "arg")))
			s->argv[s->q.argc++] = (char *)v;
		else if ((v = value_of(f, "env")))
			s->envp[s->q.envc++] = (char *)v;
		else if ((v = value_of(f, "cwd")))
			s->q.cwd = v;
		else if ((v = value_of(f, "uid")))
			s->q.uid = (uint32_t)strtoul(v, NULL, 10);
		else if ((v = value_of(f, "tty")))
			s->tty = *v == '1';
		else if ((v = value_of(f, "stdin")))
			s->input = *v != '0';
		else if ((v = value_of(f, "keep")))
			s->keep = *v == '1';
		else
			return false;
	}
	s->q.flags = (s->input ? KX_SPAWN_STDIN : 0) | (s->tty ? KX_SPAWN_TTY : 0);
	return s->q.program && s->q.argc;
}

static void op_spawn(struct request *q)
{
	static struct spawn_fields s;
	struct spawn_record *r;
	struct json j;
	int console;

	if (!spawn_parse(q, &s) || (q->fds && q->fds != 3)) {
		refuse(q, EINVAL, "spawn needs program, at least one arg, known fields, and three descriptors or none");
		return;
	}
	console = console_for(q);
	if (console < 0) {
		refuse(q, EAGAIN, "too many programs at once");
		return;
	}
	s.q.console = (uint32_t)console;
	r = &spawns[console % SPAWNS];
	pthread_mutex_lock(&spawn_lock);
	*r = (struct spawn_record){ .used = true, .keep = s.keep, .serial = q->from->serial, .id = q->id, .console = s.q.console };
	pthread_mutex_unlock(&spawn_lock);
	/* whatever the program causes is queued, and sent after this answer */
	int64_t slot = family_spawn(&s.q);
	if (slot < 0) {
		r->used = false;
		console_release(s.q.console);
		refuse(q, (int)-slot, slot == -EAGAIN ? "the family's limit of pVMs is reached" : slot == -ENOMEM ?
			"the family's memory limit is reached" : strerror((int)-slot));
		return;
	}
	r->slot = (uint32_t)slot;
	begin(&j, q);
	json_add(&j, ",\"slot\":%lld,\"console\":%d", (long long)slot, console);
	finish(&j, q);
}

static void op_list(struct request *q)
{
	uint64_t from = 0;
	struct json j;

	if (!numbers(q, (const char *const[]){ "from", NULL }, &from) || from > KX_MAX_SLOTS) {
		refuse(q, EINVAL, "list takes from=SLOT");
		return;
	}
	begin(&j, q);
	json_add(&j, ",\"pvms\":");
	uint32_t next = stats_pvms(&j, (uint32_t)from);
	json_add(&j, next < KX_MAX_SLOTS ? ",\"next\":%u" : ",\"next\":null", next);
	finish(&j, q);
}

static void stats_send(uint64_t serial, uint64_t id, const char *libos, size_t length)
{
	static char text[ANSWER_MOST];
	struct json j;

	json_begin(&j, text, sizeof text);
	json_add(&j, "{\"id\":%llu,\"ok\":true,\"memory\":", (unsigned long long)id);
	stats_memory(&j);
	json_add(&j, ",\"vcpus\":");
	stats_vcpus(&j);
	json_add(&j, ",\"hypercalls\":");
	stats_hypercalls(&j);
	if (length < sizeof text - j.length - 16 && libos && json_valid(libos, length))
		json_add(&j, ",\"libos\":%.*s}", (int)length, libos);
	else
		json_add(&j, ",\"libos\":null}");
	control_queue(serial, text, j.length);
}

/* The LibOS answers by KX_HC_REPORT, from whichever pVM looks first. */
static void op_stats(struct request *q)
{
	struct vcpu *asked = NULL;

	for (uint32_t i = 0; i < KX_MAX_SLOTS && !asked; i++)
		asked = family_live(i);
	pthread_mutex_lock(&spawn_lock);
	for (size_t i = 0; i < 16 && asked; i++)
		if (!waiting_stats[i].serial) {
			waiting_stats[i].serial = q->from->serial;
			waiting_stats[i].id = q->id;
			waiting_stats[i].deadline_ns = clock_mono_ns() + NS_PER_SECOND;
			pthread_mutex_unlock(&spawn_lock);
			vcpu_attention(asked, KX_ATTENTION_STATS);
			return;
		}
	stats_send(q->from->serial, q->id, NULL, 0);
	pthread_mutex_unlock(&spawn_lock);
}

static void stats_give(const char *libos, size_t length, uint64_t now)
{
	pthread_mutex_lock(&spawn_lock);
	for (size_t i = 0; i < 16; i++)
		if (waiting_stats[i].serial && (libos || now >= waiting_stats[i].deadline_ns)) {
			stats_send(waiting_stats[i].serial, waiting_stats[i].id, libos, length);
			waiting_stats[i].serial = 0;
		}
	pthread_mutex_unlock(&spawn_lock);
}

void control_stats_answer(const char *json, uint32_t length)
{
	stats_give(json, length, 0);
}

void control_stats_tick(void)
{
	if (control_stats_pending())
		stats_give(NULL, 0, clock_mono_ns());
}

bool control_stats_pending(void)
{
	for (size_t i = 0; i < 16; i++)
		if (waiting_stats[i].serial)
			return true;
	return false;
}

static void op_log(struct request *q)
{
	static char text[16384];
	uint32_t n = log_tail(text, 10000); /* escaped it is at most six times as long */
	struct json j;

	begin(&j, q);
	json_add(&j, ",\"text\":");
	json_string(&j, text, n);
	finish(&j, q);
}

static void op_kill(struct request *q)
{
	uint64_t values[2] = { KX_MAX_SLOTS, 0 };
	struct json j;

	if (!numbers(q, (const char *const[]){ "slot", "force", NULL }, values) || !pool_kill(values[0], NULL, values[1])) {
		refuse(q, ESRCH, "no pVM runs in that slot");
		return;
	}
	begin(&j, q);
	finish(&j, q);
}

static void op_window(struct request *q)
{
	uint64_t values[3] = { 0 };
	struct json j;

	if (!numbers(q, (const char *const[]){ "console", "rows", "cols", NULL }, values)) {
		refuse(q, EINVAL, "window takes console, rows and cols");
		return;
	}
	console_window((uint32_t)values[0], (uint32_t)values[1], (uint32_t)values[2]);
	begin(&j, q);
	finish(&j, q);
}

static void op_destroy(struct request *q)
{
	struct json j;

	begin(&j, q);
	finish(&j, q);
	family_exit(0);
}

static const struct { const char *verb; void (*call)(struct request *); } verbs[] = {
	{ "hello", op_hello }, { "spawn", op_spawn }, { "list", op_list }, { "stats", op_stats }, { "log", op_log },
	{ "kill", op_kill }, { "window", op_window }, { "destroy", op_destroy },
};

void control_request(struct request *q)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(q->verb, verbs[i].verb)) {
			verbs[i].call(q);
			return;
		}
	refuse(q, EINVAL, "unknown verb, or a packet that is not NUL-ended strings of at most 32768 bytes");
}

void control_hangup(uint64_t serial)
{
	for (uint32_t i = 0; i < SPAWNS; i++)
		if (spawns[i].used && spawns[i].serial == serial && !spawns[i].keep)
			pool_kill(spawns[i].slot, &spawns[i].console, false);
}

/* From the pVM's own thread. */
void control_pvm_ended(struct vcpu *v)
{
	struct spawn_record r;
	char text[256];

	if (!control_spawn_get(v->console, &r))
		return;
	pthread_mutex_lock(&spawn_lock);
	spawns[v->console % SPAWNS].used = false;
	pthread_mutex_unlock(&spawn_lock);
	int n = snprintf(text, sizeof text, "{\"id\":%llu,\"event\":\"exit\",\"slot\":%u,\"status\":%d,\"killed_by_monitor\":%s}",
		(unsigned long long)r.id, v->slot, v->status, v->killed_by_monitor ? "true" : "false");
	control_queue(r.serial, text, (size_t)n);
}

void control_panic(const char *why)
{
	static char text[ANSWER_MOST];
	struct json j;

	json_begin(&j, text, sizeof text);
	json_add(&j, "{\"event\":\"panic\",\"text\":");
	json_string(&j, why, strnlen(why, 8192));
	json_add(&j, "}");
	control_queue(0, text, j.length);
	control_await_sent(); /* the family ends next */
}
