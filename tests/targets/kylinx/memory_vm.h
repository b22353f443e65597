/* A VM with one vCPU and the monitor's memory side, nothing else: hand-made CPL3 code loads and stores, page faults come out as
 * KVM_EXIT_SHUTDOWN (no IDT) and go to space_fault(). Guest values are checked against what the test knows. */
#ifndef MEMORY_VM_H
#define MEMORY_VM_H
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "memory.h"

#define SKIPPED 77
#define CODE 0x400000ull
#define PAGES(n) ((uint64_t)(n) * KX_PAGE)
#define CHECK(c) do { if (!(c)) { printf("%s:%d: %s\n", __FILE__, __LINE__, #c); exit(1); } } while (0)

/* at 0: store rsi at rdi, rsi++, rdi += rdx, rcx times; at 16: compare instead, count what differs in r8; at 36: load; at 40: jump to rdi */
static const uint8_t code[] = {
	0x48, 0x89, 0x37, 0x48, 0xff, 0xc6, 0x48, 0x01, 0xd7, 0x48, 0xff, 0xc9, 0x75, 0xf2, 0xf4, 0xf4,
	0x48, 0x3b, 0x37, 0x74, 0x03, 0x49, 0xff, 0xc0, 0x48, 0xff, 0xc6, 0x48, 0x01, 0xd7, 0x48, 0xff, 0xc9, 0x75, 0xed, 0xf4,
	0x48, 0x8b, 0x07, 0xf4,
	0xff, 0xe7,
};
enum { STORE = 0, COMPARE = 16, LOAD = 36, JUMP = 40 };
enum outcome { DONE, REFUSED, EXHAUSTED };

static __thread struct {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	struct kvm_sregs sregs;
	uint64_t cr3, faults;
	uint8_t *image;
	uint64_t image_bytes;
	struct kx_region regions[64];
	uint32_t count;
	bool known;      /* tell space_fault() the kind of access, as an error code would */
} t;

static inline uint64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static inline struct kx_region *region(uint64_t start, uint64_t pages, uint32_t prot, uint32_t kind)
{
	uint32_t i = t.count++;

	CHECK(t.count <= 64);
	for (; i && t.regions[i - 1].start > start; i--)
		t.regions[i] = t.regions[i - 1];
	t.regions[i] = (struct kx_region){ .start = start, .end = start + PAGES(pages), .prot = prot, .kind = kind };
	return &t.regions[i];
}

static inline void vm_make_vcpu(unsigned long number)
{
	struct { struct kvm_cpuid2 head; struct kvm_cpuid_entry2 entry[128]; } cpuid = { .head.nent = 128 };

	t.vcpu = ioctl(t.vm, KVM_CREATE_VCPU, number);
	CHECK(t.vcpu >= 0);
	t.run = mmap(NULL, (size_t)ioctl(t.kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, t.vcpu, 0);
	CHECK(!ioctl(t.kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) && !ioctl(t.vcpu, KVM_SET_CPUID2, &cpuid));
	t.run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

static inline void vm_vcpu(unsigned long number)
{
	struct kvm_segment text = { .limit = ~0u, .selector = 0x33, .type = 11, .present = 1, .dpl = 3, .s = 1, .l = 1, .g = 1 }, data = text;
	uint64_t va, tss, *gdt;
	void *host;

	vm_make_vcpu(number);
	va = memory_kernel_text(1, &host);
	CHECK(va);
	gdt = host;
	tss = va + 0x100;
	gdt[5] = 0x00cff3000000ffff;
	gdt[6] = 0x00affb000000ffff;
	gdt[8] = 0x67 | (tss & 0xffffff) << 16 | 0x8bull << 40 | (tss >> 24 & 0xff) << 56;
	gdt[9] = tss >> 32;
	data.selector = 0x2b;
	data.type = 3;
	data.l = 0;
	data.db = 1;
	CHECK(!ioctl(t.vcpu, KVM_GET_SREGS, &t.sregs));
	t.sregs.cr0 = 0x80050033;
	t.sregs.cr4 = 0x620;
	t.sregs.efer = 0xd01;
	t.sregs.cs = text;
	t.sregs.ds = t.sregs.es = t.sregs.fs = t.sregs.gs = t.sregs.ss = data;
	t.sregs.gdt.base = va;
	t.sregs.gdt.limit = 0x7f;
	t.sregs.idt.limit = 0;
	t.sregs.tr = (struct kvm_segment){ .base = tss, .limit = 0x67, .selector = 0x40, .type = 11, .present = 1 };
}

static inline void vm_init(uint64_t limit)
{
	struct memory_config config = { .limit_bytes = limit };
	const char *why = NULL;
	int file = memfd_create("image", 0);

	t.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (t.kvm < 0) {
		printf("no /dev/kvm\n");
		exit(SKIPPED);
	}
	t.vm = ioctl(t.kvm, KVM_CREATE_VM, 0);
	CHECK(t.vm >= 0);
	t.image_bytes = 8 << 20;
	CHECK(!ftruncate(file, (off_t)t.image_bytes));
	t.image = mmap(NULL, t.image_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	memcpy(t.image, code, sizeof code);
	for (uint64_t i = 1; i < t.image_bytes / KX_PAGE; i++)
		*(uint64_t *)(t.image + PAGES(i)) = 0xbeef0000 + i;
	config.vm_fd = t.vm;
	config.shadow_pages = 16384;
	config.image = t.image;
	config.image_bytes = t.image_bytes;
	if (memory_init(&config, &why)) {
		printf("memory_init: %s\n", why);
		exit(1);
	}
	vm_vcpu(0);
	region(CODE, 1, KX_PROT_READ | KX_PROT_EXEC, KX_REGION_IMAGE)->offset = KX_PAGE;
}

/* Runs the code at entry in s until it halts, or until a fault is not resolved. */
static inline enum outcome guest(struct space *s, uint64_t entry, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t rcx)
{
	struct kvm_regs *r = &t.run->s.regs.regs;
	uint64_t limit = t.faults + 500000;

	*r = (struct kvm_regs){ .rip = CODE + entry, .rdi = rdi, .rsi = rsi, .rdx = rdx, .rcx = rcx, .rflags = 2 };
	for (;;) {
		struct space_fault f = { .unknown = !t.known };
		enum space_result result;

		t.run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
		if (t.cr3 != space_cr3(s)) {
			t.sregs.cr3 = t.cr3 = space_cr3(s);
			t.run->s.regs.sregs = t.sregs;
			t.run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
		}
		CHECK(!ioctl(t.vcpu, KVM_RUN, 0));
		CHECK(t.run->exit_reason == KVM_EXIT_SHUTDOWN);
		if (r->rip < CODE + sizeof code && code[r->rip - CODE] == 0xf4)
			return DONE;
		f.address = t.run->s.regs.sregs.cr2;
		f.write = r->rip == CODE + STORE && r->rip != f.address;
		f.exec = r->rip == f.address;
		f.address &= ~(uint64_t)(KX_PAGE - 1);
		result = space_fault(s, &f, t.regions, t.count);
		if (result != SPACE_RESOLVED)
			return result == SPACE_UPCALL ? REFUSED : EXHAUSTED;
		CHECK(++t.faults < limit);
	}
}

static inline enum outcome store(struct space *s, uint64_t va, uint64_t value, uint64_t stride, uint64_t n)
{
	return guest(s, STORE, va, value, stride, n);
}

/* How many of n words differ from value, value + 1 ...; ~0 when one cannot be read. */
static inline uint64_t differ(struct space *s, uint64_t va, uint64_t value, uint64_t stride, uint64_t n)
{
	return guest(s, COMPARE, va, value, stride, n) == DONE ? t.run->s.regs.regs.r8 : ~0ull;
}

static inline enum outcome load(struct space *s, uint64_t va, uint64_t *value)
{
	enum outcome o = guest(s, LOAD, va, 0, 0, 0);

	*value = t.run->s.regs.regs.rax;
	return o;
}
#endif
