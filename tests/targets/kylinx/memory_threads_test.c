/* Several vCPUs of a family at once: each forks, hands children to the others, writes and checks, while tables are recycled
 * underneath. Each page carries owner and generation; at the end frames must be back at their start. With "each" as the second
 * argument they are in a VM each, and every few rounds in a new one: one VM must not know as a table what another has made new. */
#include <pthread.h>
#include "memory_vm.h"

#define RW (KX_PROT_READ | KX_PROT_WRITE)
#define HEAP 0x7f0010000000ull
#define HEAP_PAGES 6000
#define STACK 0x7f7fffe00000ull
#define THREADS 4
#define QUEUE 8
#define ROUNDS_A_VM 12

struct child { struct space *space; uint64_t stamp; };
static struct child queue[QUEUE];
static unsigned queued, running = THREADS;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t rounds = 400;
static struct kx_region regions[64];
static uint32_t region_count;
static int kvm, vm;
static bool each;

static bool put(struct child c)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = queued < QUEUE;
	if (ok)
		queue[queued++] = c;
	pthread_mutex_unlock(&lock);
	return ok;
}

static bool get(struct child *c)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = queued > 0;
	if (ok) {
		*c = queue[0];
		memmove(queue, queue + 1, --queued * sizeof *queue);
	}
	pthread_mutex_unlock(&lock);
	return ok;
}

static uint64_t roll(uint64_t *seed, uint64_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % n;
}

/* A child of someone's: all of its pages are its parent's at the fork, whatever the parent does now. */
static void live(struct child c, uint64_t mine, uint64_t *seed)
{
	uint64_t from = 1 + roll(seed, HEAP_PAGES - 301), n = 1 + roll(seed, 300);

	CHECK(differ(c.space, HEAP, c.stamp, PAGES(1), HEAP_PAGES) == 0);
	CHECK(store(c.space, HEAP + PAGES(from), mine, PAGES(1), n) == DONE);
	CHECK(store(c.space, STACK, mine, PAGES(1), 8) == DONE);
	CHECK(differ(c.space, HEAP + PAGES(from), mine, PAGES(1), n) == 0 && differ(c.space, STACK, mine, PAGES(1), 8) == 0);
	CHECK(differ(c.space, HEAP, c.stamp, PAGES(1), from) == 0);
	CHECK(differ(c.space, HEAP + PAGES(from + n), c.stamp + from + n, PAGES(1), HEAP_PAGES - from - n) == 0);
	if (roll(seed, 2)) {
		CHECK(!space_drop(c.space, HEAP + PAGES(from), PAGES(n)));
		CHECK(differ(c.space, HEAP + PAGES(from), 0, PAGES(1), 1) == 0);
	}
	space_destroy(c.space);
}

/* The vCPU of this thread goes, and one in a VM of its own comes. It keeps its supervisor page. */
static void move_to_new_vm(bool first)
{
	struct kvm_sregs sregs = t.sregs;
	size_t bytes = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (!first) {
		munmap(t.run, bytes);
		close(t.vcpu);
		memory_remove_vm(t.vm);
		close(t.vm);
	}
	t.vm = ioctl(kvm, KVM_CREATE_VM, 0);
	CHECK(t.vm >= 0 && !memory_add_vm(t.vm, 4096));
	if (first) {
		vm_vcpu(0);
		return;
	}
	t.cr3 = 0;
	vm_make_vcpu(0);
	t.sregs = sregs;
}

static void *thread(void *number)
{
	uint64_t id = (uint64_t)number, seed = 0x9e3779b97f4a7c15 * id, generation = 0;
	struct space *p = space_create();
	struct child c;

	t.kvm = kvm;
	t.vm = vm;
	t.known = id & 1;
	memcpy(t.regions, regions, sizeof regions);
	t.count = region_count;
	if (id > 1 && each)
		move_to_new_vm(true);
	else if (id > 1)
		vm_vcpu(id);
	for (uint64_t i = 0; i < rounds; i++) {
		if (each && i % ROUNDS_A_VM == ROUNDS_A_VM - 1)
			move_to_new_vm(false);
		uint64_t stamp = id << 56 | ++generation << 24;

		CHECK(store(p, HEAP, stamp, PAGES(1), HEAP_PAGES) == DONE && store(p, STACK, stamp, PAGES(1), 8) == DONE);
		for (unsigned k = 0; k < 3; k++) {
			c = (struct child){ space_fork(p, STACK + PAGES(5)), stamp };
			CHECK(c.space);
			CHECK(store(p, STACK, stamp, PAGES(1), 8) == DONE);
			if (!put(c))
				live(c, id << 56 | ++generation << 24, &seed);
		}
		if (get(&c))
			live(c, id << 56 | ++generation << 24, &seed);
	}
	space_destroy(p);
	__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	for (bool more = id == 1; more;) {
		more = __atomic_load_n(&running, __ATOMIC_SEQ_CST);
		while (get(&c))
			live(c, id << 56 | ++generation << 24, &seed);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct memory_stats before, after;
	pthread_t threads[THREADS + 1];

	if (argc > 1)
		rounds = strtoull(argv[1], NULL, 0);
	each = argc > 2 && !strcmp(argv[2], "each");
	vm_init(1024ull << 20);
	region(HEAP, HEAP_PAGES, RW, KX_REGION_ANON);
	region(STACK, 16, RW, KX_REGION_ANON);
	memcpy(regions, t.regions, sizeof regions);
	region_count = t.count;
	kvm = t.kvm;
	vm = t.vm;
	memory_statistics(&before);
	for (uint64_t id = 2; id <= THREADS; id++)
		CHECK(!pthread_create(&threads[id], NULL, thread, (void *)id));
	thread((void *)1);
	for (uint64_t id = 2; id <= THREADS; id++)
		pthread_join(threads[id], NULL);
	memory_statistics(&after);
	printf("frames %+ld, zaps %lu, VMs %u\n", (long)(after.frames_used - before.frames_used), after.zaps, memory_vms());
	CHECK(memory_vms() == (each ? THREADS : 1) && after.zaps);
	/* the supervisor page of each further vCPU stays */
	CHECK(after.frames_used - before.frames_used == THREADS - 1);
	printf("ok\n");
	return 0;
}
