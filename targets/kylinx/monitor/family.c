/* A family: KVM, supervisor tables, boot page; starting programs in it; its end. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "family.h"

struct family family = { .pool_lock = PTHREAD_MUTEX_INITIALIZER, .pool_wanted = PTHREAD_COND_INITIALIZER };

static const struct { int capability; const char *name; } needed[] = {
	{ KVM_CAP_SYNC_REGS, "SYNC_REGS" }, { KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" }, { KVM_CAP_XSAVE, "XSAVE" },
	{ KVM_CAP_XCRS, "XCRS" }, { KVM_CAP_USER_MEMORY, "USER_MEMORY" },
};

static void open_kvm(void)
{
	family.kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (family.kvm_fd < 0)
		die("/dev/kvm: %s. KylinX needs KVM: load kvm_intel, kvm_amd or kvm_pvm, and let this user open /dev/kvm", strerror(errno));
	int version = ioctl(family.kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		die("/dev/kvm speaks version %d of the API, not %d", version, KVM_API_VERSION);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (ioctl(family.kvm_fd, KVM_CHECK_EXTENSION, needed[i].capability) <= 0)
			die("this KVM lacks KVM_CAP_%s: a newer kernel is needed", needed[i].name);
	family.vm_fd = vm_create();
	if (family.vm_fd < 0)
		die("KVM_CREATE_VM: %s", strerror(-family.vm_fd));
	family.kvm_kind = !access("/sys/module/kvm_pvm", F_OK) ? "pvm" : !access("/sys/module/kvm_intel", F_OK) ? "vmx" :
		!access("/sys/module/kvm_amd", F_OK) ? "svm" : "unknown";
}

/* What KVM supports; a software KVM names fewer features than CPL3 code has natively, so those that CR4 and XCR0 need are added
 * where the CPU has them. XCR0 is held to x87, SSE and AVX, which the LibOS's save areas have room for. */
static void read_cpuid(void)
{
	const uint32_t room = 256;
	uint32_t limit = (uint32_t)ioctl(family.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	uint32_t eax, ebx, ecx, edx, xsave, fsgsbase;

	family.cpuid = calloc(1, sizeof *family.cpuid + room * sizeof family.cpuid->entries[0]);
	if (!family.cpuid)
		die("no memory");
	family.cpuid->nent = room;
	if (ioctl(family.kvm_fd, KVM_GET_SUPPORTED_CPUID, family.cpuid))
		die("KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	__cpuid(1, eax, ebx, ecx, edx);
	xsave = ecx & (bit_XSAVE | bit_AVX);
	__cpuid_count(7, 0, eax, ebx, ecx, edx);
	fsgsbase = ebx & bit_FSGSBASE;
	if (!(xsave & bit_XSAVE) || !fsgsbase)
		die("the CPU lacks %s, which the LibOS needs", fsgsbase ? "XSAVE" : "FSGSBASE");
	family.xcr0 = xsave & bit_AVX ? 7 : 3;
	for (uint32_t i = 0; i < family.cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &family.cpuid->entries[i];

		if (e->function == 1)
			e->ecx |= xsave;
		if (e->function == 7 && !e->index)
			e->ebx |= fsgsbase;
	}
	family.max_pvms = vm_most_pvms();
	if (!family.settings->vm_per_pvm && limit && family.max_pvms + family.settings->pool > limit) {
		family.max_pvms = limit > family.settings->pool ? limit - family.settings->pool : 1;
		log_line("KVM has %u vCPUs a VM: at most %u pVMs", limit, family.max_pvms);
	}
}

static const void *map_file(const char *what, const char *path, uint64_t *bytes)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p;

	if (fd < 0 || fstat(fd, &st))
		die("%s %s: %s", what, path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size < KX_PAGE)
		die("%s %s: not a file of that kind (%lld bytes)", what, path, (long long)st.st_size);
	*bytes = (uint64_t)st.st_size;
	p = mmap(NULL, (*bytes + KX_PAGE - 1) & ~(uint64_t)(KX_PAGE - 1), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die("%s %s: mmap: %s", what, path, strerror(errno));
	close(fd);
	return p;
}

static const void *map_image(const char *path, uint64_t *bytes)
{
	const struct kx_image_header *h = map_file("image", path, bytes);

	if (memcmp(h->magic, "KXIMAGE1", 8) || h->version != KX_IMAGE_VERSION || h->bytes != *bytes)
		die("image %s: not a KylinX image of version %d, or cut short: make it anew with 'kxbench image build'", path,
			KX_IMAGE_VERSION);
	return h;
}

void idt_gate(uint8_t *idt, uint32_t vector, uint64_t handler)
{
	uint64_t dpl = vector == 3 || vector == 4 ? 3 : 0; /* int3 and into are the application's right */
	uint64_t g[2] = { (handler & 0xffff) | (uint64_t)SELECTOR_KERNEL_CODE << 16 | 0x8eull << 40 | dpl << 45 |
		(handler >> 16 & 0xffff) << 48, handler >> 32 };

	memcpy(idt + vector * 16, g, sizeof g);
}

void gdt_fill(uint64_t *gdt)
{
	gdt[SELECTOR_KERNEL_CODE / 8] = 0x00af9b000000ffff;
	gdt[SELECTOR_KERNEL_DATA / 8] = 0x00cf93000000ffff;
	gdt[SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff;
	gdt[SELECTOR_USER_CODE / 8] = 0x00affb000000ffff;
}

static void make_supervisor_tables(void)
{
	void *host;
	uint64_t va = memory_kernel_text(1, &host), *gdt = host;
	uint8_t *page = host;

	if (!va)
		die("no memory for the supervisor tables");
	family.gdt_va = va;
	gdt_fill(gdt);
	family.idt_va = va + 0x100;
	family.stubs_va = va + 0x400;
	memcpy(page + 0x400, stubs_begin, (size_t)(stubs_end - stubs_begin));
	for (uint32_t i = 0; i < STUB_VECTORS; i++)
		idt_gate(page + 0x100, i, family.stubs_va + i * STUB_BYTES);
}

static void fill_boot_page(void)
{
	struct kx_boot *b = memory_boot();
	struct settings *s = family.settings;
	uint32_t eax, ebx = 0, ecx, edx;

	b->version = KX_ABI_VERSION;
	b->cpus = s->cpus;
	b->memory_limit = s->memory_bytes;
	b->max_pvms = family.max_pvms;
	if (getrandom(b->seed, sizeof b->seed, 0) != sizeof b->seed)
		die("getrandom: %s", strerror(errno));
	snprintf(b->sysname, sizeof b->sysname, "Linux");
	snprintf(b->nodename, sizeof b->nodename, "%s", s->hostname);
	snprintf(b->release, sizeof b->release, "6.1.0-kylinx");
	snprintf(b->machine, sizeof b->machine, "x86_64");
	snprintf(b->uname_version, sizeof b->uname_version, "#1 SMP KylinX");
	b->xfeatures = family.xcr0;
	__cpuid_count(0xd, 2, eax, ebx, ecx, edx); /* AVX: bytes and offset behind x87, SSE and the header */
	b->xsave_bytes = family.xcr0 & 4 ? ebx + eax : 576;
	hostfs_describe(b);
	int khz = ioctl(family.vm_fd, KVM_GET_TSC_KHZ, 0);
	clock_start(&b->clock, khz > 0 ? (uint32_t)khz : 0);
}

static void use_cpus(struct settings *s)
{
	cpu_set_t set;
	uint32_t left;

	if (sched_getaffinity(0, sizeof set, &set))
		die("sched_getaffinity: %s", strerror(errno));
	left = (uint32_t)CPU_COUNT(&set);
	if (!s->cpus || s->cpus >= left) {
		s->cpus = left;
		return;
	}
	left = s->cpus;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set) && left)
			left--;
		else
			CPU_CLR(i, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		die("sched_setaffinity: %s", strerror(errno));
}

static struct memory_config config;

void family_open(struct settings *s)
{
	family.settings = s;
	if (!s->memory_bytes)
		s->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * KX_PAGE / 2;
	use_cpus(s);
	affinity_begin();
	open_kvm();
	read_cpuid();
	config.vm_fd = family.vm_fd;
	config.shadow_pages = vm_shadow_pages();
	config.limit_bytes = s->memory_bytes;
	config.image = map_image(s->image, &config.image_bytes);
	config.libos = map_file("LibOS", s->libos, &config.libos_bytes);
}

void family_create(void)
{
	const char *why = "";
	int r;

	r = memory_init(&config, &why);
	if (r)
		die("memory of the family: %s (%s)", why, strerror(-r));
	if (memory_libos()->magic != KX_LIBOS_MAGIC || memory_libos()->version != KX_ABI_VERSION)
		die("LibOS %s: made for another version of the monitor: build both again", family.settings->libos);
	memory_boot()->image_bytes = config.image_bytes;
	make_supervisor_tables();
	fill_boot_page();
}

struct vcpu *family_vcpu(uint64_t slot)
{
	return slot < KX_MAX_SLOTS ? __atomic_load_n(&family.vcpus[slot], __ATOMIC_ACQUIRE) : NULL;
}

struct vcpu *family_live(uint64_t slot)
{
	struct vcpu *v = family_vcpu(slot);

	return v && __atomic_load_n(&v->live, __ATOMIC_ACQUIRE) && !__atomic_load_n(&v->over, __ATOMIC_ACQUIRE) ? v : NULL;
}

static bool append(struct kx_spawn *s, const char *text)
{
	size_t n = strlen(text) + 1;

	if (n > sizeof s->text - s->bytes)
		return false;
	memcpy(s->text + s->bytes, text, n);
	s->bytes += (uint32_t)n;
	return true;
}

static int fill_spawn(struct kx_spawn *s, const struct spawn_request *q)
{
	memset(s, 0, sizeof *s);
	s->console = q->console;
	s->flags = q->flags;
	s->uid = q->uid;
	if (strlen(q->cwd) >= sizeof s->cwd || strlen(q->program) >= sizeof s->program)
		return -ENAMETOOLONG;
	strcpy(s->cwd, q->cwd);
	strcpy(s->program, q->program);
	for (; s->argc < q->argc; s->argc++)
		if (!append(s, q->argv[s->argc]))
			return -E2BIG;
	for (; s->envc < q->envc; s->envc++)
		if (!append(s, q->envp[s->envc]))
			return -E2BIG;
	return 0;
}

int64_t family_spawn(const struct spawn_request *q)
{
	struct pvm_start start = { .parent = KX_MAX_SLOTS, .console = q->console, .root = true, .spawn_pages = true };
	struct vcpu *v = pool_take(NULL);
	struct kx_spawn *block;
	struct space *space;
	uint64_t area;
	int r;

	if (!v)
		return -EAGAIN;
	area = KX_VA_VCPUS + (uint64_t)v->slot * KX_VCPU_STRIDE;
	r = memory_slot_area(v->slot, true);
	block = r ? NULL : memory_commons(area + KX_VCPU_SPAWN, sizeof *block);
	r = r ? r : block ? fill_spawn(block, q) : -ENOMEM;
	space = r ? NULL : v->parked ? v->space : space_create();
	if (!space) {
		memory_slot_area_release(v->slot);
		pool_call_off(v);
		return r ? r : -ENOMEM;
	}
	events_look_traced();
	start.entry = family.booted ? memory_libos()->entry_child : memory_libos()->entry_boot;
	family.booted = true;
	family.spawns++;
	pool_go(v, space, &start);
	return v->slot;
}

void family_pvm_ended(struct vcpu *v)
{
	__atomic_fetch_add(&family.exits, 1, __ATOMIC_RELAXED);
	if (!v->root) {
		console_release(v->console);
		return;
	}
	if (!family.settings->keep)
		family_exit(WIFSIGNALED(v->status) ? (v->killed_by_monitor ? EXIT_MONITOR : 128 + WTERMSIG(v->status)) :
			WEXITSTATUS(v->status));
	control_pvm_ended(v);
	console_release(v->console);
}

void family_exit(int status)
{
	if (family.settings->stats_fd >= 0)
		control_write_stats(family.settings->stats_fd);
	_exit(status);
}
