/* The machine: a KVM that answers, locks that are watched, time that passes; a family made on it as main() does. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <elf.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include "machine.h"

#define HELD_MOST 8
#define KVM_RUN_BYTES (3 * KX_PAGE)
#define VCPUS 64 /* more than one input uses up: those the monitor ends are not used again */

static pthread_mutex_t *held[HELD_MOST];
static unsigned held_count;
static bool exact;                       /* only what memory_commons() gave out may be touched */
static bool left_early;                  /* the monitor left during this input */
sigjmp_buf machine_gone;

/* ---- locks: one thread, so that one taken twice would wait for ever ---- */

int fuzz_mutex_lock(pthread_mutex_t *m)
{
	for (unsigned i = 0; i < held_count; i++)
		FUZZ_CHECK(held[i] != m);
	FUZZ_CHECK(held_count < HELD_MOST);
	held[held_count++] = m;
	return 0;
}

int fuzz_mutex_unlock(pthread_mutex_t *m)
{
	for (unsigned i = 0; i < held_count; i++)
		if (held[i] == m) {
			held[i] = held[--held_count];
			return 0;
		}
	FUZZ_CHECK(!"a lock is given back that nobody holds");
	return 0;
}

int fuzz_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg)
{
	(void)thread;
	(void)attributes;
	if (machine_is_vcpu_thread(start))
		machine_start_thread(arg);
	return 0;
}

/* ---- time ---- */

int fuzz_nanosleep(const struct timespec *t, struct timespec *rest)
{
	(void)rest;
	FUZZ_CHECK(t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
	machine_settle(); /* other threads' turn */
	control_drain();
	return 0;
}

int fuzz_timer_settime(timer_t timer, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	(void)timer;
	(void)flags;
	(void)old;
	FUZZ_CHECK(at->it_value.tv_sec >= 0 && at->it_value.tv_nsec >= 0 && at->it_value.tv_nsec < 1000000000);
	return 0;
}

int fuzz_sched_setaffinity(pid_t pid, size_t bytes, const cpu_set_t *set)
{
	FUZZ_CHECK(!pid && bytes == sizeof *set && CPU_COUNT(set));
	return 0;
}

void fuzz_exit(int status) __attribute__((noreturn));
void fuzz_exit(int status)
{
	held_count = 0;
	left_early = true;
	siglongjmp(machine_gone, status + 1);
}

/* ---- KVM ---- */

static int memory_region(const struct kvm_userspace_memory_region *r)
{
	FUZZ_CHECK(!(r->guest_phys_addr % KX_PAGE) && !(r->memory_size % KX_PAGE) && !(r->userspace_addr % KX_PAGE));
	return 0;
}

int fuzz_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *arg;

	(void)fd;
	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	switch (request) {
	case KVM_GET_API_VERSION: return KVM_API_VERSION;
	case KVM_CHECK_EXTENSION: return (long)arg == KVM_CAP_MAX_VCPUS ? 4096 : 1;
	case KVM_CREATE_VM: return memfd_create("vm", MFD_CLOEXEC);
	case KVM_GET_VCPU_MMAP_SIZE: return KVM_RUN_BYTES;
	case KVM_GET_TSC_KHZ: return 2000000;
	case KVM_SET_MSRS: return 3;
	case KVM_GET_SUPPORTED_CPUID: ((struct kvm_cpuid2 *)arg)->nent = 0; return 0;
	case KVM_SET_USER_MEMORY_REGION: return memory_region(arg);
	case KVM_RUN: return machine_kvm_run();
	case KVM_CREATE_VCPU: break;
	default: return 0;
	}
	fd = memfd_create("vcpu", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && !ftruncate(fd, KVM_RUN_BYTES));
	return fd;
}

/* ---- guest memory: in a hypercall exactly what is asked for may be touched ---- */

void *fuzz_memory_commons(uint64_t va, size_t length);
void *fuzz_memory_commons(uint64_t va, size_t length)
{
	uint8_t *p = memory_commons(va, length);

	if (p && exact && p >= memory.commons.host && p < memory.commons.host + memory.commons_bytes)
		__asan_unpoison_memory_region(p, length);
	if (p)
		FUZZ_CHECK(va + length >= va && ((va >= KX_VA_COMMONS && va + length <= KX_VA_COMMONS + memory.commons_bytes) ||
			(va >= KX_VA_VCPUS && va + length <= KX_VA_VCPUS + memory.vcpus.mapped) ||
			(va >= KX_VA_DATA && va + length <= KX_VA_BOOT)));
	return p;
}

void machine_exact(bool on)
{
	exact = on;
	if (on)
		__asan_poison_memory_region(memory.commons.host, memory.commons_bytes);
	else
		__asan_unpoison_memory_region(memory.commons.host, memory.commons_bytes);
	/* behind its end the host has memory, reserved: nothing would tell */
	__asan_poison_memory_region(memory.commons.host + memory.commons_bytes, KX_PAGE);
}

uint8_t *machine_window(void)
{
	return memory.commons.host;
}

/* ---- the family ---- */

static void write_file(const char *path, const void *bytes, size_t n, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_CHECK(fd >= 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n && !ftruncate(fd, (off_t)size));
	close(fd);
}

static void write_libos(const char *path)
{
	struct { Elf64_Ehdr h; Elf64_Phdr p[2]; } e = { .h = { .e_ident = ELFMAG, .e_machine = EM_X86_64, .e_phnum = 2,
		.e_phoff = sizeof e.h, .e_phentsize = sizeof e.p[0] } };
	struct kx_libos_header libos = { .magic = KX_LIBOS_MAGIC, .version = KX_ABI_VERSION, .entry_boot = KX_VA_TEXT + 0x1000,
		.entry_child = KX_VA_TEXT + 0x1010, .entry_syscall = KX_VA_TEXT + 0x1020, .entry_upcall = KX_VA_TEXT + 0x1030,
		.exit_begin = KX_VA_TEXT + 0x1100, .exit_end = KX_VA_TEXT + 0x1140, .exit_restart = KX_VA_TEXT + 0x1080,
		.text_end = KX_VA_TEXT + 0x3000 };
	uint8_t file[2 * KX_PAGE] = { 0 };

	memcpy(e.h.e_ident, ELFMAG, SELFMAG);
	e.h.e_ident[EI_CLASS] = ELFCLASS64;
	e.p[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = KX_PAGE, .p_vaddr = KX_VA_TEXT,
		.p_filesz = sizeof libos, .p_memsz = 4 * KX_PAGE };
	e.p[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = KX_VA_DATA, .p_memsz = 2 * KX_PAGE };
	memcpy(file, &e, sizeof e);
	memcpy(file + KX_PAGE, &libos, sizeof libos);
	write_file(path, file, sizeof file, sizeof file);
}

static void machine_make(void)
{
	static struct settings s = { .hostname = "fuzz", .pvms = MACHINE_PVMS, .pool = 2, .control_fd = -1, .stats_fd = -1,
		.ready_fd = -1, .keep = true, .quiet = true, .memory_bytes = MACHINE_MEMORY };
	static char libos[200], image[200];
	struct kx_image_header h = { .magic = "KXIMAGE1", .version = KX_IMAGE_VERSION, .bytes = MACHINE_IMAGE_PAGES * KX_PAGE };
	const char *why = "";
	char *end, function[100];

	__sanitizer_symbolize_pc(__builtin_return_address(0), "%f", function, sizeof function); /* its process and pipes stay: have them */
	files_open(&s);
	end = strrchr(s.share[0].host, '/');
	snprintf(libos, sizeof libos, "%.*s/libos", (int)(end - s.share[0].host), s.share[0].host);
	snprintf(image, sizeof image, "%.*s/image", (int)(end - s.share[0].host), s.share[0].host);
	write_libos(libos);
	memcpy(h.magic, "KXIMAGE1", 8);
	write_file(image, &h, sizeof h, h.bytes);
	s.libos = libos;
	s.image = image;
	FUZZ_CHECK(!hostfs_open_shares(&s, &why) && !control_open(&s, &why));
	family_open(&s);
	family_create();
	FUZZ_CHECK(!pool_start() && memory_commons_grow(1) == 1);
	while (family.vcpu_count < VCPUS) { /* so many as there may ever be: later ones would not be given back */
		FUZZ_CHECK(!vcpu_create(family.vcpu_count++));
		family.made++;
	}
	/* the spawn pages' tables stay: have them all */
	for (uint32_t slot = 0; slot < VCPUS; slot++) {
		FUZZ_CHECK(!memory_slot_area(slot, true));
		memory_slot_area_release(slot);
	}
	tables_baseline();
}

void machine_begin(void)
{
	static bool made;

	if (!made) {
		if (sigsetjmp(machine_gone, 0))
			FUZZ_CHECK(!"the monitor starts");
		machine_make();
		made = true;
	}
	memory.limit = MACHINE_MEMORY / KX_PAGE;
	machine_exact(false);
	machine_retire_all();
	memset(memory.commons.host, 0, 4 * WINDOW);
	memset(memory.commons.host + BLOCK_BYTES - 8, 0xff, 8); /* a frame's link that leads on, at the very end */
	family.fast_faults = true;
	control_connect();
	files_begin();
	files_console();
	FUZZ_CHECK(machine_spawn());
}

struct vcpu *machine_spawn(void)
{
	static char *argv[] = { "program", "argument" };
	struct spawn_request q = { .program = "/bin/program", .console = machine_console[0], .cwd = "/", .argv = argv, .argc = 2 };
	int64_t slot;

	if (family.retired > VCPUS / 2)
		return NULL;
	console_hold(q.console);
	slot = family_spawn(&q);
	if (slot < 0)
		console_release(q.console);

	return slot < 0 ? NULL : family_vcpu((uint64_t)slot);
}

struct vcpu *machine_vcpu(unsigned n)
{
	struct vcpu *live[VCPUS];
	unsigned count = 0;

	for (uint32_t slot = 0; slot < family.vcpu_count; slot++)
		if (family_live(slot))
			live[count++] = family.vcpus[slot];
	return count ? live[n % count] : NULL;
}

void machine_end(void)
{
	machine_exact(false);
	FUZZ_CHECK(!held_count);
	memory.limit = MACHINE_MEMORY / KX_PAGE;
	machine_pool_check();
	tables_check();
	if (!sigsetjmp(machine_gone, 0))
		machine_retire_all();
	else
		FUZZ_CHECK(!"the monitor stays");
	memory.used -= (memory.commons_bytes - BLOCK_BYTES) / KX_PAGE;
	memory.commons_bytes = BLOCK_BYTES;
	tables_check();
	control_drain();
	files_end();
	control_connect(); /* again, where the monitor hung up: as many descriptors as before */
	files_closed(left_early);
	left_early = false;
	FUZZ_CHECK(!held_count);
}
