/* Memslots, the same in every VM of the family: pVMs may have a VM each, and KVM binds a VM to the process that made it, so all are
 * this one's. A memslot is there in all of them before anything leads to its memory, and is gone from all before that memory becomes
 * something else: a page that one VM still knows as a table is not new. */
#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include "memory_private.h"

#define MEMSLOTS (SLAB_MEMSLOT + SLABS_MAX)

struct memslot { uint64_t gpa, bytes; const void *host; bool read_only; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* taken after memory.lock, if both are */
static struct memslot slots[MEMSLOTS];  /* by id; no bytes: there is none */
static uint32_t slots_end;              /* beyond the last that ever was */
static int vms[KX_MAX_SLOTS];
static uint32_t vm_count;

static int set_in(int vm_fd, uint32_t id, const struct memslot *s)
{
	struct kvm_userspace_memory_region r = { .slot = id, .guest_phys_addr = s->gpa, .memory_size = s->bytes,
		.userspace_addr = (uint64_t)s->host, .flags = s->read_only ? KVM_MEM_READONLY : 0 };

	return ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &r) ? -errno : 0;
}

/* In all VMs, or added in none. One that could not be deleted everywhere counts as gone: its caller does not use it again. */
int memslot_set(uint32_t id, uint64_t gpa, uint64_t bytes, const void *host, bool read_only)
{
	struct memslot wanted = { gpa, bytes, host, read_only }, none = { .gpa = gpa, .host = host };
	uint32_t done = 0;
	int error = 0;

	pthread_mutex_lock(&lock);
	for (; done < vm_count && !(error && bytes); done++) {
		int r = set_in(vms[done], id, &wanted);

		error = error ? error : r;
	}
	slots[id] = error ? none : wanted;
	if (id >= slots_end)
		slots_end = id + 1;
	while (error && bytes && done-- > 0)
		set_in(vms[done], id, &none);
	pthread_mutex_unlock(&lock);
	return error;
}

int memory_add_vm(int vm_fd, unsigned long shadow_pages)
{
	/* slabs of tables are zapped one by one, not with all the rest of the VM; KVM_X86_QUIRK_SLOT_ZAP_ALL */
	struct kvm_enable_cap quirk = { .cap = KVM_CAP_DISABLE_QUIRKS2, .args = { 1 << 7 } };
	int error = 0;

	ioctl(vm_fd, KVM_ENABLE_CAP, &quirk); /* where it is unknown, a zap costs more */
	ioctl(vm_fd, KVM_SET_NR_MMU_PAGES, shadow_pages);
	pthread_mutex_lock(&lock);
	if (vm_count == KX_MAX_SLOTS)
		error = -ENOSPC;
	for (uint32_t id = 0; id < slots_end && !error; id++)
		if (slots[id].bytes)
			error = set_in(vm_fd, id, &slots[id]);
	if (!error)
		vms[vm_count++] = vm_fd;
	pthread_mutex_unlock(&lock);
	return error;
}

void memory_remove_vm(int vm_fd)
{
	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < vm_count; i++)
		if (vms[i] == vm_fd) {
			vms[i] = vms[--vm_count];
			break;
		}
	pthread_mutex_unlock(&lock);
}

uint32_t memory_vms(void)
{
	return __atomic_load_n(&vm_count, __ATOMIC_RELAXED);
}
