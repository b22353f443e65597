/* Page-table pages, in slabs with a memslot each.
 *
 * A shadow-paging KVM does not look again at a page it knows as a table, so a table page is used once; when no table of a slab is
 * alive any more, its memslot is deleted and added again in every VM (only what KVM derived from it goes) and its pages are new. A thread of
 * its own does that and keeps slabs ready, off the path of fork. Copies of tables (made by forks and writes after them) die
 * young and come from slabs apart, larger ones as they are recycled often; slabs that a few long-lived tables pin all the same are
 * emptied by the next fork (table_sparse). */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include "memory_private.h"

#define SLAB_TABLES 256
#define SLAB_FEW 64           /* of them used for tables that are not copies */
#define SLAB_BYTES (SLAB_TABLES * KX_PAGE)
#define READY_LOW 3
#define READY_POPULATED 4     /* recycled slabs beyond these give their memory back */
#define AHEAD 32              /* pages of a slab for copies that get memory before they are wanted */
#ifndef SPARSE_MAX
#define SPARSE_MAX 4          /* pinned slabs that are borne */
#endif
#define TRIM_SECONDS 2

enum slab_state { SLAB_UNUSED, SLAB_READY, SLAB_CURRENT, SLAB_FULL, SLAB_ZAPPING };
struct slab { uint16_t live, next, capacity, touched; uint8_t state; bool dirty; }; /* touched: pages the host has found memory for */
struct table { uint32_t refs; uint8_t heat; bool as_forked; uint64_t stamp; };

static struct slab slabs[SLABS_MAX];
static struct table *tables;
static uint8_t *host;
static uint64_t base_gpa, live;
static uint32_t slab_count, current[2]; /* slab + 1; 0 none */
static uint32_t ready[SLABS_MAX], ready_count, empty[SLABS_MAX], empty_count, sparse_slabs;
__thread bool tables_beyond_limit;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;

uint64_t *table_entries(uint32_t table) { return (uint64_t *)(host + (uint64_t)table * KX_PAGE); }
uint32_t table_at(const uint64_t *entry) { return (uint32_t)(((const uint8_t *)entry - host) / KX_PAGE); }
uint64_t table_gpa(uint32_t table) { return base_gpa + (uint64_t)table * KX_PAGE; }
uint32_t table_of(uint64_t entry) { return (uint32_t)(((entry & PTE_ADDRESS) - base_gpa) / KX_PAGE); }
uint32_t *table_refs(uint32_t table) { return &tables[table].refs; }
uint64_t *table_stamp(uint32_t table) { return &tables[table].stamp; }
uint8_t *table_heat(uint32_t table) { return &tables[table].heat; }
bool *table_as_forked(uint32_t table) { return &tables[table].as_forked; }
uint64_t tables_live(void) { return live; }

static bool is_sparse(const struct slab *s) { return s->state == SLAB_FULL && s->live <= s->capacity / 8; }
bool table_sparse(uint32_t table) { return is_sparse(&slabs[table / SLAB_TABLES]); }
bool tables_pressed(void) { return sparse_slabs > SPARSE_MAX && sparse_slabs * 2 > slab_count - ready_count; }

static int slab_slot(uint32_t slab, bool add)
{
	return memslot_set(SLAB_MEMSLOT + slab, base_gpa + (uint64_t)slab * SLAB_BYTES, add ? SLAB_BYTES : 0,
		host + (uint64_t)slab * SLAB_BYTES, false);
}

/* A slab nobody used yet; lock held, dropped meanwhile. */
static bool slab_add(void)
{
	uint32_t at = slab_count;

	if (at == SLABS_MAX)
		return false;
	slab_count++;
	memory_unlock();
	int error = slab_slot(at, true);

	memory_lock();
	if (error)
		return false; /* its number is lost; the kernel is out of memory */
	slabs[at].state = SLAB_READY;
	ready[ready_count++] = at;
	return true;
}

/* An empty slab made new; lock held, dropped meanwhile. */
static void slab_recycle(void)
{
	uint32_t at = empty[--empty_count];
	bool keep = ready_count < READY_POPULATED;

	slabs[at].state = SLAB_ZAPPING;
	memory_unlock();
	int error = slab_slot(at, false);

	if (!error && !keep)
		madvise(host + (uint64_t)at * SLAB_BYTES, SLAB_BYTES, MADV_DONTNEED);
	if (!error)
		error = slab_slot(at, true);
	memory_lock();
	memory.stats.zaps++;
	if (error)
		return; /* never used again */
	slabs[at] = (struct slab){ .state = SLAB_READY, .dirty = keep };
	ready[ready_count++] = at;
}

/* Memory for the next pages of the slab that copies come from, so that a fork does not wait for it; lock held, dropped meanwhile. */
static bool slab_touch(void)
{
	uint32_t at = current[true] - 1;
	uint64_t from;

	if (!current[true] || slabs[at].dirty || slabs[at].next + AHEAD / 2 <= slabs[at].touched || slabs[at].touched >= SLAB_TABLES)
		return false;
	from = (uint64_t)at * SLAB_TABLES + slabs[at].touched;
	slabs[at].touched += AHEAD;
	memory_unlock();
	madvise(host + from * KX_PAGE, AHEAD * KX_PAGE, MADV_POPULATE_WRITE);
	memory_lock();
	return true;
}

static void *recycler(void *unused)
{
	struct timespec when;
	sigset_t all;

	(void)unused;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	memory_lock();
	for (;;) {
		if (empty_count) {
			slab_recycle();
			continue;
		}
		if (slab_touch() || (ready_count < READY_LOW && slab_add()))
			continue;
		/* touching memory that the host has to find is dear: what is free stays a while, it may be wanted again */
		clock_gettime(CLOCK_REALTIME, &when);
		when.tv_sec += TRIM_SECONDS;
		if (!arena_idle())
			pthread_cond_wait(&work, &memory.lock);
		else if (pthread_cond_timedwait(&work, &memory.lock, &when) == ETIMEDOUT) {
			memory_unlock();
			arena_trim();
			memory_lock();
		}
	}
	return NULL;
}

void tables_signal(void)
{
	pthread_cond_signal(&work);
}

int tables_init(void)
{
	pthread_t thread;

	base_gpa = gpa_reserve((uint64_t)SLABS_MAX * SLAB_BYTES);
	host = host_reserve((uint64_t)SLABS_MAX * SLAB_BYTES, BLOCK_BYTES);
	tables = host_reserve((uint64_t)SLABS_MAX * SLAB_TABLES * sizeof *tables, KX_PAGE);
	if (!host || !tables)
		return -ENOMEM;
	memory_lock();
	bool ok = slab_add();

	slabs[0].next = slabs[0].live = 1; /* table 0 is none; its slab stays */
	memory_unlock();
	return ok ? -pthread_create(&thread, NULL, recycler, NULL) : -ENOMEM;
}

uint32_t table_new(bool copy, bool zero)
{
	struct slab *s;
	uint32_t at;

	if (!memory_charge(1)) {
		if (!tables_beyond_limit)
			return TABLE_NONE;
		memory.used++;
	}
	while (!current[copy]) {
		if (!ready_count && empty_count)
			slab_recycle();
		else if (!ready_count && !slab_add()) {
			memory_uncharge(1);
			return TABLE_NONE;
		}
		if (!current[copy] && ready_count) {
			current[copy] = ready[--ready_count] + 1;
			slabs[current[copy] - 1].state = SLAB_CURRENT;
			slabs[current[copy] - 1].capacity = copy ? SLAB_TABLES : SLAB_FEW;
			if (ready_count < READY_LOW)
				memory.wake = true;
		}
	}
	at = current[copy] - 1;
	s = &slabs[at];
	at = at * SLAB_TABLES + s->next++;
	s->live++;
	live++;
	if (copy && !s->dirty && s->next + AHEAD / 2 > s->touched && s->touched < SLAB_TABLES)
		memory.wake = true;
	if (s->next == s->capacity) {
		s->state = SLAB_FULL;
		current[copy] = 0;
		sparse_slabs += is_sparse(s);
	}
	if (zero && s->dirty)
		memset(table_entries(at), 0, KX_PAGE);
	tables[at] = (struct table){ .refs = 1 };
	return at;
}

void table_release(uint32_t table)
{
	struct slab *s = &slabs[table / SLAB_TABLES];

	sparse_slabs -= is_sparse(s);
	s->live--;
	live--;
	memory_uncharge(1);
	if (!s->live && s->state == SLAB_FULL) {
		s->state = SLAB_ZAPPING;
		empty[empty_count++] = table / SLAB_TABLES;
		memory.wake = true;
	} else {
		sparse_slabs += is_sparse(s);
	}
}
