/* The pool of idle vCPUs: filled by a thread in the background, taken by fork and spawn, given back when a pVM ends. */
#include <errno.h>
#include <string.h>
#include <sys/sdt.h>
#include "family.h"

#define MAKE_AGAIN_NS 100000000
#define TRIES 200              /* of 50 us, when no vCPU is on its way */
#define COMES_WITHIN_NS (5 * NS_PER_SECOND) /* one that is: its thread may be without a CPU */

/* Under pool_lock: may one more vCPU be made? The limit counts pVMs; a few vCPUs beyond it may be ending. */
static bool room_for_one(void)
{
	return family.vcpu_count - family.retired < family.max_pvms + family.settings->pool && family.vcpu_count < KX_MAX_SLOTS;
}

/* Called with pool_lock, which is let go while KVM works. -EAGAIN: no room, or KVM has no more. */
static int make_one(void)
{
	if (!room_for_one() || clock_mono_ns() < family.make_again_ns)
		return -EAGAIN;
	uint32_t slot = family.vcpu_count++;
	pthread_mutex_unlock(&family.pool_lock);
	int r = vcpu_create(slot);
	if (r)
		log_line("vCPU %u cannot be made: %s", slot, strerror(-r));
	pthread_mutex_lock(&family.pool_lock);
	if (!r) {
		family.made++;
	} else { /* its number is lost; what is short (descriptors, memory) may come back */
		family.retired++;
		family.make_again_ns = clock_mono_ns() + MAKE_AGAIN_NS;
	}
	return r;
}

/* Under pool_lock: vCPUs that are being made, or begin anew. */
static uint32_t coming(void)
{
	return family.vcpu_count - (uint32_t)family.retired - family.live - family.free_count;
}

uint32_t pool_coming(void)
{
	pthread_mutex_lock(&family.pool_lock);
	uint32_t count = coming();
	pthread_mutex_unlock(&family.pool_lock);
	return count;
}

static void *maker(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&family.pool_lock);
	for (;;) {
		if (family.free_count + coming() >= family.settings->pool || !room_for_one() || make_one())
			pthread_cond_wait(&family.pool_wanted, &family.pool_lock);
	}
	return NULL;
}

int pool_start(void)
{
	pthread_t thread;
	int r;

	pthread_mutex_lock(&family.pool_lock);
	r = make_one();
	pthread_mutex_unlock(&family.pool_lock);
	return r ? r : -pthread_create(&thread, NULL, maker, NULL);
}

static bool is_kept(const struct vcpu *v)
{
	return v->parked && space_is_kept(v->space);
}

/* Out of the idle ones; under pool_lock. */
static struct vcpu *unlink_idle(struct vcpu **at)
{
	struct vcpu *v = *at;

	*at = v->next_free;
	family.free_count--;
	family.kept -= is_kept(v);
	return v;
}

/* It comes back to the pool by itself, in an empty space. */
static void begin_anew(struct vcpu *v)
{
	vcpu_phase(v, VCPU_ANEW);
	vcpu_kick(v);
}

/* Best is one that waits in what a sibling of the child left; one that waits for another's children is no use as it is: NULL, and it
 * will be. Under pool_lock. */
static struct vcpu *idle_for(const struct space *parent)
{
	struct vcpu **plain = NULL, **kept = NULL;

	for (struct vcpu **at = &family.free; *at; at = &(*at)->next_free)
		if (!family.booted && (*at)->slot) /* the root's is 0, though its thread may come last */
			continue;
		else if (!is_kept(*at))
			plain = plain ? plain : at;
		else if (space_suits((*at)->space, parent))
			return unlink_idle(at);
		else
			kept = at;
	if (!plain && kept)
		begin_anew(unlink_idle(kept));
	return plain ? unlink_idle(plain) : NULL;
}

bool pool_may_keep(void)
{
	return family.booted && memory_libos()->flags & KX_LIBOS_PARKS &&
		__atomic_load_n(&family.kept, __ATOMIC_RELAXED) < family.settings->pool / 2;
}

void pool_drop_orphans(void)
{
	if (!__atomic_load_n(&family.kept, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&family.pool_lock);
	for (struct vcpu **at = &family.free; *at;)
		if (is_kept(*at) && space_orphaned((*at)->space))
			begin_anew(unlink_idle(at));
		else
			at = &(*at)->next_free;
	pthread_mutex_unlock(&family.pool_lock);
}

struct vcpu *pool_take(const struct space *parent)
{
	struct vcpu *v = NULL;
	uint64_t give_up = 0;

	pthread_mutex_lock(&family.pool_lock);
	for (int tries = 0; family.live - family.over < family.max_pvms && !v; tries++) {
		v = idle_for(parent);
		if (v) {
			if (++family.live - family.over > family.most_live)
				family.most_live = family.live - family.over;
			break;
		}
		/* empty: some may be on their way back, else make one here */
		give_up = give_up ? give_up : clock_mono_ns() + COMES_WITHIN_NS;
		if (tries > TRIES && (!(coming() + family.over) || clock_mono_ns() > give_up))
			break;
		if (tries % 2 == 0 && family.booted && !make_one())
			tries = 0;
		pthread_mutex_unlock(&family.pool_lock);
		struct timespec moment = { 0, 50000 };
		nanosleep(&moment, NULL);
		pthread_mutex_lock(&family.pool_lock);
	}
	if (family.free_count < family.settings->pool / 2 + 1 && room_for_one())
		pthread_cond_signal(&family.pool_wanted);
	pthread_mutex_unlock(&family.pool_lock);
	if (v) {
		vcpu_phase(v, VCPU_PREPARE);
	}
	return v;
}

void pool_go(struct vcpu *v, struct space *space, const struct pvm_start *start)
{
	if (!v->parked) {
		v->space = space;
		v->entry = start->entry;
	}
	v->parent = start->parent;
	v->console = start->console;
	v->root = start->root;
	v->spawn_pages = start->spawn_pages;
	affinity_inherit(v, family_vcpu(start->parent));
	if (!start->root)
		console_hold(start->console);
	v->area->boot_arg = start->boot_arg;
	v->area->regions = start->regions;
	v->area->region_count = start->region_count;
	v->area->self = KX_VA_VCPUS + (uint64_t)v->slot * KX_VCPU_STRIDE;
	v->area->slot = v->slot;
	v->area->state = KX_SLOT_RUNNING;
	v->area->started_tsc = __builtin_ia32_rdtsc();
	v->started_ns = clock_mono_ns();
	v->generation = __atomic_add_fetch(&family.generation, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&v->over, false, __ATOMIC_RELAXED);
	__atomic_store_n(&v->live, true, __ATOMIC_RELEASE);
	if (v->parked) {
		DTRACE_PROBE1(kxmonitor, fork_child, v->slot);
		__atomic_store_n(&v->area->parked, 0, __ATOMIC_SEQ_CST);
		if (v->affinity_due)
			vcpu_kick(v);
	}
	vcpu_phase(v, VCPU_GO);
}

void pool_over(void)
{
	pthread_mutex_lock(&family.pool_lock);
	family.over++;
	pthread_mutex_unlock(&family.pool_lock);
}

/* A used vCPU goes to the front, being warm; a new one to the end, so that slots are used from 0 up. */
static void give_back(struct vcpu *v, bool was_live, bool is_new)
{
	struct vcpu **at = &family.free;

	pthread_mutex_lock(&family.pool_lock);
	family.over -= v->live && v->over;
	__atomic_store_n(&v->live, false, __ATOMIC_RELEASE);
	__atomic_store_n(&v->phase, VCPU_IDLE, __ATOMIC_RELEASE);
	__atomic_store_n(&v->ending, 0, __ATOMIC_RELAXED); /* came too late */
	__atomic_fetch_and(&v->area->attention, ~KX_ATTENTION_KILL, __ATOMIC_RELAXED);
	while (is_new && *at)
		at = &(*at)->next_free;
	v->next_free = *at;
	*at = v;
	family.free_count++;
	family.kept += is_kept(v);
	family.live -= was_live;
	pthread_mutex_unlock(&family.pool_lock);
}

void pool_call_off(struct vcpu *v)
{
	give_back(v, true, false);
}

void pool_misfit(struct vcpu *v)
{
	pthread_mutex_lock(&family.pool_lock);
	family.live--;
	pthread_mutex_unlock(&family.pool_lock);
	begin_anew(v);
}

bool pool_forget(struct vcpu *v)
{
	struct vcpu **at = &family.free;

	pthread_mutex_lock(&family.pool_lock);
	while (*at && *at != v)
		at = &(*at)->next_free;
	bool found = *at;
	if (found) {
		unlink_idle(at);
		family.retired++;
	}
	pthread_mutex_unlock(&family.pool_lock);
	return found;
}

/* Under the lock that a pVM needs to be no longer live: what was meant for one does not reach the next on the same vCPU. One that is
 * over is found, as kill(2) finds a zombie. */
bool pool_kill(uint64_t slot, const uint32_t *console, bool force)
{
	pthread_mutex_lock(&family.pool_lock);
	struct vcpu *v = family_vcpu(slot);
	bool found = v && __atomic_load_n(&v->live, __ATOMIC_ACQUIRE) && (!console || (v->root && v->console == *console));

	if (found && force)
		__atomic_store_n(&v->ending, 1, __ATOMIC_SEQ_CST);
	if (found)
		vcpu_attention(v, KX_ATTENTION_KILL);
	pthread_mutex_unlock(&family.pool_lock);
	return found;
}

void pool_retire(struct vcpu *v)
{
	pthread_mutex_lock(&family.pool_lock);
	family.over -= v->live && v->over;
	__atomic_store_n(&v->live, false, __ATOMIC_RELEASE);
	family.live--;
	family.retired++;
	pthread_mutex_unlock(&family.pool_lock);
}

void pool_put(struct vcpu *v)
{
	bool was_live = v->live;

	v->cpu_at_start_ns = 0;
	v->cpu_at_start_ns = vcpu_cpu_ns(v);
	if (was_live)
		__atomic_fetch_add(&family.recycled, 1, __ATOMIC_RELAXED);
	give_back(v, was_live, !v->generation);
}
