/* hostile: runs one trial. Its exit status is 0 when nothing went through that should not. */
#include "hostile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

extern const struct trial __start_trials[], __stop_trials[];

const uint64_t limits[] = { 0, 1, 2, 3, 7, 8, 63, 64, 4095, 4096, 4097, 0x1fffff, 0x200000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
	KX_USER_MIN - KX_PAGE, KX_USER_MIN, KX_VA_SHARED - KX_PAGE, KX_VA_TEXT, KX_VA_RODATA, KX_VA_DATA, KX_VA_BOOT, KX_VA_VCPUS, KX_VA_COMMONS,
	KX_VA_COMMONS - 8, KX_VA_COMMONS + 1, KX_VA_COMMONS + KX_COMMONS_MAX - KX_PAGE, KX_VA_IMAGE, KX_VA_KERNEL, KX_VA_KERNEL_END,
	KX_USER_MAX - KX_PAGE, KX_USER_MAX, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0x7fffffffffffffff, 0x8000000000000000,
	0xfffffffffffff000, 0xffffffffffffffff };
const unsigned limit_count = sizeof limits / sizeof *limits;

static uint64_t out_instruction, seed = 0x9e3779b97f4a7c15;

void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vdprintf(2, format, list);
	va_end(list);
	dprintf(2, "\n");
	_exit(1);
}

uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

volatile struct kx_vcpu *area(void)
{
	uint64_t self;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(self));
	return (volatile struct kx_vcpu *)self;
}

const struct kx_libos_header *libos(void)
{
	return (const struct kx_libos_header *)KX_VA_TEXT;
}

/* The LibOS's text has the only instruction that the monitor takes hypercalls from; behind it the function loads the result by
 * one of the registers below, and returns. */
static void find_out(void)
{
	const uint8_t *text = (const uint8_t *)KX_VA_TEXT;
	uint64_t bytes = libos()->text_end - KX_VA_TEXT;

	for (uint64_t i = 0; i + 2 < bytes && !out_instruction; i++)
		if (text[i] == 0xe6 && text[i + 1] == KX_PORT && text[i + 2] == 0x48 && text[i + 3] == 0x8b)
			out_instruction = KX_VA_TEXT + i;
	CHECK(out_instruction);
}

long raw(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	volatile struct kx_vcpu *v = area();

	if (!out_instruction)
		find_out();
	v->hc_nr = nr;
	v->hc_arg[0] = a0;
	v->hc_arg[1] = a1;
	v->hc_arg[2] = a2;
	v->hc_arg[3] = a3;
	v->hc_arg[4] = a4;
	v->hc_ret = 0x5a5a5a5a;
	__asm__ volatile("push %%rbp\n\tmov %%rsp, %%rbp\n\tsub $128, %%rsp\n\tand $-16, %%rsp\n\tcall *%%rax\n\tmov %%rbp, %%rsp\n\tpop %%rbp"
		: : "a"(out_instruction), "c"(v), "d"(v), "S"(v), "D"(v), "b"(v) : "r8", "r9", "r10", "r11", "memory", "cc");
	return v->hc_ret;
}

volatile struct kx_region *region_of(const volatile void *p)
{
	volatile struct kx_region *r = (volatile struct kx_region *)area()->regions;

	for (uint32_t i = 0; i < area()->region_count; i++)
		if ((uint64_t)p >= r[i].start && (uint64_t)p < r[i].end)
			return &r[i];
	return NULL;
}

uint8_t *commons_page(uint64_t *va, size_t count)
{
	uint8_t *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const volatile struct kx_object *o;

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < count; i++)
		p[i * PAGE] = 1;
	o = (const volatile struct kx_object *)region_of(p)->source;
	for (size_t i = 0; i < count; i++)
		va[i] = KX_VA_COMMONS + (uint64_t)((uint32_t *)((uint64_t *)o->chunks)[0])[i] * PAGE;
	return p;
}

/* The LibOS goes by its own table; the monitor by the one that the area names. */
volatile struct kx_region *forged_table(const volatile void *at, uint64_t *va)
{
	volatile struct kx_region *table = (volatile struct kx_region *)commons_page(va, 1), *found = NULL;
	volatile struct kx_region *honest = (volatile struct kx_region *)area()->regions;
	uint32_t count = area()->region_count;

	CHECK(count < PAGE / sizeof *table);
	for (uint32_t i = 0; i < count; i++) {
		table[i] = honest[i];
		if ((uint64_t)at >= honest[i].start && (uint64_t)at < honest[i].end)
			found = &table[i];
	}
	CHECK(found);
	return found;
}

void *pages(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

unsigned stuck;
bool may_be_stuck;
uint64_t patience_ns = 30000000000;

static jmp_buf jump;
static void escape(int signo __attribute__((unused))) { longjmp(jump, 1); }

/* From here on faults of our own are survived by touch(). */
void survive_faults(void)
{
	stack_t own = { .ss_sp = malloc(65536), .ss_size = 65536 };
	struct sigaction action = { .sa_handler = escape, .sa_flags = SA_ONSTACK | SA_NODEFER };

	sigaltstack(&own, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

bool touch(volatile uint64_t *p, uint64_t *seen, bool write)
{
	if (setjmp(jump))
		return false;
	*seen = *p;
	if (write)
		*p = *seen;
	return true;
}

static int end_of(pid_t pid)
{
	uint64_t until = now_ns() + patience_ns;
	int status;

	for (int killed = 0; killed < 2; killed++) {
		while (now_ns() < until) {
			pid_t got = waitpid(pid, &status, WNOHANG);

			if (got == pid)
				return killed ? GONE : status;
			CHECK(got == 0);
			usleep(500);
		}
		kill(pid, SIGKILL);
		until += patience_ns / 2;
	}
	if (!may_be_stuck)
		fail("a child neither ends nor can be killed");
	stuck++;
	return STUCK;
}

int fate(void (*f)(void))
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		f();
		_exit(0);
	}
	return end_of(pid);
}

int fate_with(void (*f)(uint64_t), uint64_t value)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		f(value);
		_exit(0);
	}
	return end_of(pid);
}

bool died(int status, int signo)
{
	return status != GONE && WIFSIGNALED(status) && WTERMSIG(status) == signo;
}

/* What any program does, to see that the family is well. */
TRIAL(well, "well")
{
	int fd[2], status;
	char text[6] = "";
	volatile char *p = pages(1 << 20);

	CHECK(!pipe(fd));
	pid_t pid = fork();
	if (!pid) {
		memset((char *)p, 3, 1 << 20);
		_exit(write(fd[1], "well", 5) == 5 ? 7 : 1);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	CHECK(read(fd[0], text, 6) == 5 && !strcmp(text, "well") && !p[5000]);
	puts("well");
}

int main(int argc, char **argv)
{
	if (getenv("KX_SEED"))
		seed ^= strtoull(getenv("KX_SEED"), NULL, 0) * 0x2545f4914f6cdd1d;
	for (const struct trial *t = __start_trials; t < __stop_trials; t++) {
		if (argc < 2)
			puts(t->name);
		else if (!strcmp(argv[1], t->name)) {
			t->run(argc - 2, argv + 2);
			fflush(stdout);
			return 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
