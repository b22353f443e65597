/* The KVM VMs that the vCPUs of a family are in: one for all, or (--vm-per-pvm) one each, which then is the vCPU's for as long as that
 * is used: pVMs that follow one another on it follow one another in its VM. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "family.h"

#define DESCRIPTORS 3                    /* of a vCPU with a VM: VM, vCPU, eventfd */
#define DESCRIPTORS_BESIDES 256          /* sockets, consoles, files of shares */
#define VM_BYTES (1536ull << 10)         /* of the kernel's memory, with the vCPU and its threads: measured, see README.md */
#define PAGE_BYTES 10                    /* a VM's for each page that there are memslots for: reverse map, write tracking */

static uint32_t run_bytes;

int vm_create(void)
{
	int fd;

	do
		fd = ioctl(family.kvm_fd, KVM_CREATE_VM, 0);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

unsigned long vm_shadow_pages(void)
{
	return family.settings->vm_per_pvm ? 4096 : 16384;
}

/* The first vCPU has the VM that the family was opened with. */
static int own_vm(struct vcpu *v)
{
	int r = 0;

	v->vm_fd = v->slot ? vm_create() : family.vm_fd;
	if (v->vm_fd >= 0 && v->slot)
		r = memory_add_vm(v->vm_fd, vm_shadow_pages());
	return v->vm_fd < 0 ? v->vm_fd : r;
}

int vm_enter(struct vcpu *v)
{
	bool each = family.settings->vm_per_pvm;
	int r = 0;

	if (each)
		r = own_vm(v);
	else
		v->vm_fd = family.vm_fd;
	if (r)
		return r;
	v->fd = ioctl(v->vm_fd, KVM_CREATE_VCPU, each ? 0ul : (unsigned long)v->slot);
	if (v->fd < 0)
		return -errno;
	if (!run_bytes)
		run_bytes = (uint32_t)ioctl(family.kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		return -errno;
	v->run = run;
	return 0;
}

/* Others may still look at its run page (vcpu_kick): there is an empty one in its place. */
void vm_leave(struct vcpu *v)
{
	if (v->run)
		mmap(v->run, run_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (v->fd >= 0)
		close(v->fd);
	if (v->vm_fd >= 0 && family.settings->vm_per_pvm) {
		memory_remove_vm(v->vm_fd);
		close(v->vm_fd);
	}
	v->fd = v->vm_fd = -1;
}

static uint64_t most(uint64_t room, uint64_t each)
{
	uint64_t n = room / each;

	return n > family.settings->pool ? n - family.settings->pool : 0;
}

/* How many pVMs there may be. With a VM each, descriptors are three a pVM, and each VM has tables of its own for all memory of the
 * family, which are the kernel's: a quarter of the host's memory may go there (the toolstack's control group knows). What was asked
 * for and does not fit is refused now, not when the family is full. */
uint32_t vm_most_pvms(void)
{
	const struct settings *s = family.settings;
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * KX_PAGE, by_memory, by_descriptors = 0, fit;
	uint64_t each = VM_BYTES + s->memory_bytes / KX_PAGE * PAGE_BYTES * 5 / 4; /* ranges grow by a quarter at a time */
	struct rlimit r = { 0, 0 };

	if (!s->vm_per_pvm)
		return s->pvms ? s->pvms : PVMS_DEFAULT;
	by_memory = most(host / 4, each);
	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur > DESCRIPTORS_BESIDES)
		by_descriptors = most(r.rlim_cur - DESCRIPTORS_BESIDES, DESCRIPTORS);
	fit = by_memory < by_descriptors ? by_memory : by_descriptors;
	if (!fit)
		die("--vm-per-pvm: no room for one: %llu descriptors (ulimit -Hn), a VM takes %llu KiB of the kernel's memory once the family is full: "
			"give less --memory", (unsigned long long)r.rlim_cur, (unsigned long long)each >> 10);
	if (fit < s->pvms && fit == by_descriptors)
		die("--vm-per-pvm: each of %u pVMs takes %d descriptors, of which there may be %llu (ulimit -Hn): give --pvms %llu at most",
			s->pvms, DESCRIPTORS, (unsigned long long)r.rlim_cur, (unsigned long long)fit);
	if (fit < s->pvms)
		die("--vm-per-pvm: each of %u pVMs takes %llu KiB of the kernel's memory once the family is full, and all together may take a quarter "
			"of this host's: give --pvms %llu at most, or less --memory", s->pvms, (unsigned long long)each >> 10,
			(unsigned long long)fit);
	return s->pvms ? s->pvms : fit < PVMS_DEFAULT ? (uint32_t)fit : PVMS_DEFAULT;
}
