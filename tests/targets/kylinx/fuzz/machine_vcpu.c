/* vCPUs without KVM and without threads: the run loop's pieces, called one after another. */
#include "vcpu.c"
#undef write
#include "machine.h"

static int run_error;

bool machine_is_vcpu_thread(void *(*start)(void *))
{
	return start == vcpu_thread;
}

/* What the thread does before it waits. */
struct vcpu *machine_start_thread(void *arg)
{
	struct vcpu *v = arg;

	v->tid = (pid_t)syscall(SYS_gettid);
	park(v);
	pool_put(v);
	return v;
}

int selftest(struct vcpu *v)
{
	(void)v;
	family.shutdown_faults = family.fast_faults = family.lstar_stub = family.tsc_exact = true;
	return 0;
}

int machine_kvm_run(void)
{
	errno = run_error;
	return run_error ? -1 : 0;
}

void machine_enter(struct vcpu *v)
{
	FUZZ_CHECK(v->begun || v->phase == VCPU_GO); /* it would wait */
	vcpu_await(v); /* only now, though it lives already: its thread is late */
	FUZZ_CHECK(v->cr3);
}

void machine_run(struct vcpu *v, int error)
{
	if (v->affinity_due)
		affinity_apply(v);
	run_error = error;
	run_once(v);
	FUZZ_CHECK(v->ended || v->cr3 == space_cr3(v->space));
	FUZZ_CHECK(v->ended || vcpu_sregs(v)->cr3 == v->cr3);
	if (v->ending && !v->ended)
		vcpu_end(v, "killed from the control socket");
	if (v->ended) {
		v->cr3 = 0;
		if (v->space)
			pvm_finish(v);
	}
}

void machine_park(unsigned count)
{
	struct kx_libos_header *libos = (struct kx_libos_header *)memory_libos();

	libos->flags = count ? KX_LIBOS_PARKS : 0;
	for (struct vcpu *v = family.free; v && count; v = v->next_free, count--)
		park(v);
}

struct vcpu *machine_parked(unsigned n)
{
	struct vcpu *v = family.free;

	for (n %= 4; v && n; n--)
		v = v->next_free;
	return v && v->parked ? v : NULL;
}

/* Parked ones that are to begin anew do: their threads would. */
void machine_settle(void)
{
	for (uint32_t slot = 0; slot < family.vcpu_count; slot++) {
		struct vcpu *v = family.vcpus[slot];

		if (!v || v->phase != VCPU_ANEW)
			continue;
		run_error = EINTR;
		run_once(v);
		FUZZ_CHECK(v->phase == VCPU_IDLE && !v->live);
		if (!v->parked)
			v->cr3 = 0;
	}
}

/* The pool has those that are idle and can be used, each once; the counts are of those that live. */
void machine_pool_check(void)
{
	uint32_t live = 0, idle = 0, kept = 0;

	machine_settle();

	for (uint32_t slot = 0; slot < family.vcpu_count; slot++)
		live += family.vcpus[slot]->live;
	for (struct vcpu *v = family.free; v; v = v->next_free) {
		FUZZ_CHECK(!v->live && !v->ended && v->phase != VCPU_GO && ++idle <= family.free_count);
		FUZZ_CHECK(!v->parked || v->space);
		kept += v->parked && space_is_kept(v->space);
	}
	FUZZ_CHECK(kept == family.kept && !family.over);
	FUZZ_CHECK(idle == family.free_count && live == family.live && live + idle + family.retired == family.vcpu_count);
}

/* All pVMs end; slots that are never used again are, for the next input. */
void machine_retire_all(void)
{
	for (uint32_t slot = 0; slot < family.vcpu_count; slot++) {
		struct vcpu *v = family.vcpus[slot];

		if (v && v->live) {
			v->ended = true;
			v->cr3 = 0;
			pvm_finish(v);
		}
	}
	machine_park(0);
	family.free = NULL;
	family.free_count = family.vcpu_count;
	family.kept = 0;
	family.live = family.over = 0;
	family.retired = 0;
	family.generation = 1;
	for (uint32_t slot = family.vcpu_count; slot-- > 0;) {
		struct vcpu *v = family.vcpus[slot];

		FUZZ_CHECK(v && !v->live && !v->spawn_pages && (!v->space || v->parked));
		if (v->generation || v->ended || v->parked) {
			if (v->space)
				space_destroy(v->space);
			v->cr3 = 0;
			v->parked = v->begun = false;
			FUZZ_CHECK(!reset(v));
			memset(v->area, 0, KX_PAGE);
			memset(v->affinity, 0, sizeof v->affinity);
			memset(v->affinity_now, 0, sizeof v->affinity_now);
			v->generation = 0;
			v->phase = VCPU_IDLE;
		}
		v->next_free = family.free;
		family.free = v;
	}
	memset(memory_boot()->gone_waiting, 0, sizeof memory_boot()->gone_waiting);
	memset(memory_boot()->gone, 0, sizeof memory_boot()->gone);
}
