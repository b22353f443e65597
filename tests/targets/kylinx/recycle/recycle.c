/* recycle fill: fills registers and memory of all kinds with a canary, and ends. recycle fill-and-stay: and waits to be killed.
 * recycle look: searches registers at its first instruction, and fresh memory of all kinds; exit status 0 when it finds nothing, else
 * the number of the place. */
#include <stdint.h>
#include <sys/syscall.h>

#define CANARY 0xca9a41ca9a41f00dull
#define MIB (1ul << 20)
#define MEMORY (48 * MIB)
#define SHARED (4 * MIB)
#define PAGE 4096ul
#define READ_WRITE 3
#define ANONYMOUS 0x20
#define MAP_SHARED 1
#define MAP_PRIVATE 2

struct state { uint64_t gpr[15], rsp, rflags, fsbase; uint32_t mxcsr, pad; uint8_t x87[112]; uint8_t ymm[16][32] __attribute__((aligned(32))); };
struct state state __attribute__((aligned(64)));
static uint8_t in_bss[PAGE * 4];

__asm__(
	".globl _start\n_start:\n"
	"	mov %rax, state(%rip)\n	lea state(%rip), %rax\n"
	"	mov %rbx, 8(%rax)\n	mov %rcx, 16(%rax)\n	mov %rdx, 24(%rax)\n	mov %rsi, 32(%rax)\n	mov %rdi, 40(%rax)\n"
	"	mov %rbp, 48(%rax)\n	mov %r8, 56(%rax)\n	mov %r9, 64(%rax)\n	mov %r10, 72(%rax)\n	mov %r11, 80(%rax)\n"
	"	mov %r12, 88(%rax)\n	mov %r13, 96(%rax)\n	mov %r14, 104(%rax)\n	mov %r15, 112(%rax)\n	mov %rsp, 120(%rax)\n"
	"	pushfq\n	pop %rcx\n	mov %rcx, 128(%rax)\n	rdfsbase %rcx\n	mov %rcx, 136(%rax)\n	stmxcsr 144(%rax)\n	fnsave 152(%rax)\n"
	"	vmovdqu %ymm0, 288(%rax)\n	vmovdqu %ymm1, 320(%rax)\n	vmovdqu %ymm2, 352(%rax)\n	vmovdqu %ymm3, 384(%rax)\n"
	"	vmovdqu %ymm4, 416(%rax)\n	vmovdqu %ymm5, 448(%rax)\n	vmovdqu %ymm6, 480(%rax)\n	vmovdqu %ymm7, 512(%rax)\n"
	"	vmovdqu %ymm8, 544(%rax)\n	vmovdqu %ymm9, 576(%rax)\n	vmovdqu %ymm10, 608(%rax)\n	vmovdqu %ymm11, 640(%rax)\n"
	"	vmovdqu %ymm12, 672(%rax)\n	vmovdqu %ymm13, 704(%rax)\n	vmovdqu %ymm14, 736(%rax)\n	vmovdqu %ymm15, 768(%rax)\n"
	"	mov %rsp, %rdi\n	and $-16, %rsp\n	call begin\n	hlt\n"
	/* all registers but rsp: the canary. Then exit_group(0), or pause() for ever */
	".globl fill_registers\nfill_registers:\n"
	"	mov %rdi, %rbx\n	movabs $0xca9a41ca9a41f00d, %rax\n	push %rax\n	vbroadcastsd (%rsp), %ymm0\n"
	"	fldl (%rsp)\n	fldl (%rsp)\n	fldl (%rsp)\n	fldl (%rsp)\n"
	"	vmovapd %ymm0, %ymm1\n	vmovapd %ymm0, %ymm2\n	vmovapd %ymm0, %ymm3\n	vmovapd %ymm0, %ymm4\n	vmovapd %ymm0, %ymm5\n"
	"	vmovapd %ymm0, %ymm6\n	vmovapd %ymm0, %ymm7\n	vmovapd %ymm0, %ymm8\n	vmovapd %ymm0, %ymm9\n	vmovapd %ymm0, %ymm10\n"
	"	vmovapd %ymm0, %ymm11\n	vmovapd %ymm0, %ymm12\n	vmovapd %ymm0, %ymm13\n	vmovapd %ymm0, %ymm14\n	vmovapd %ymm0, %ymm15\n"
	"	movl $0x9fc0, (%rsp)\n	ldmxcsr (%rsp)\n	mov $0x41ca9a41f00d, %rcx\n	wrfsbase %rcx\n"
	"	mov %rax, %rbp\n	mov %rax, %r12\n	mov %rax, %r13\n	mov %rax, %r14\n	mov %rax, %r15\n	mov %rax, %r8\n	mov %rax, %r9\n"
	"	mov %rax, %r10\n	mov %rax, %r11\n	mov %rax, %rdx\n	mov %rax, %rsi\n	xor %edi, %edi\n	test %rbx, %rbx\n	mov %rax, %rbx\n"
	"	jnz 1f\n	mov $231, %eax\n	syscall\n	ud2\n1:	mov $34, %eax\n	syscall\n	jmp 1b\n");
void fill_registers(uint64_t stay) __attribute__((noreturn));

static long call(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}

static void end(int status)
{
	call(SYS_exit_group, (uint64_t)status, 0, 0, 0, 0, 0);
}

static uint64_t *map(uint64_t bytes, uint64_t flags, int fd)
{
	long p = call(SYS_mmap, 0, bytes, READ_WRITE, flags, (uint64_t)fd, 0);

	if (p < 0 && p > -4096)
		end(100);
	return (uint64_t *)p;
}

static void fill(uint64_t *p, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes / 8; i++)
		p[i] = CANARY;
}

static void clean(const uint64_t *p, uint64_t bytes, int place)
{
	for (uint64_t i = 0; i < bytes / 8; i++)
		if (p[i])
			end(place);
}

static long file(const char *name)
{
	long fd = call(SYS_memfd_create, (uint64_t)name, 0, 0, 0, 0, 0);

	if (fd < 0 || call(SYS_ftruncate, (uint64_t)fd, SHARED, 0, 0, 0, 0) < 0)
		end(101);
	return fd;
}

/* Below the stack pointer: what the stack grows into. */
static __attribute__((noinline)) void stack(int look)
{
	volatile uint64_t room[64 * 1024 / 8];

	for (unsigned i = 0; i < 56 * 1024 / 8; i++) /* not the part that calls before this one have used */
		if (!look)
			room[i] = CANARY;
		else if (room[i] == CANARY)
			end(40);
}

static void fill_all(uint64_t stay)
{
	int pipe_fd[2];
	uint64_t *p = map(MEMORY, MAP_PRIVATE | ANONYMOUS, -1), brk = (uint64_t)call(SYS_brk, 0, 0, 0, 0, 0, 0);

	fill(p, MEMORY);
	for (unsigned i = 0; i < 64; i++) /* many of few pages: frames of other lists */
		fill(map(3 * PAGE, MAP_PRIVATE | ANONYMOUS, -1), 3 * PAGE);
	fill(map(SHARED, MAP_SHARED | ANONYMOUS, -1), SHARED);
	fill(map(SHARED, MAP_SHARED, (int)file("canary")), SHARED);
	call(SYS_brk, brk + MIB, 0, 0, 0, 0, 0);
	fill((uint64_t *)brk, MIB);
	fill((uint64_t *)in_bss, sizeof in_bss);
	stack(0);
	if (!call(SYS_pipe2, (uint64_t)pipe_fd, 04000, 0, 0, 0, 0))
		call(SYS_write, (uint64_t)pipe_fd[1], (uint64_t)p, 65536, 0, 0, 0);
	long fd = call(SYS_open, (uint64_t)"/tmp/canary", 0102, 0600, 0, 0, 0);
	call(SYS_write, (uint64_t)fd, (uint64_t)p, SHARED, 0, 0, 0);
	call(SYS_unlink, (uint64_t)"/tmp/canary", 0, 0, 0, 0, 0);
	long child = call(SYS_fork, 0, 0, 0, 0, 0, 0); /* copies of it, too */
	if (!child) {
		fill(p, MEMORY / 4);
		fill_registers(0);
	}
	call(SYS_wait4, (uint64_t)child, 0, 0, 0, 0, 0);
	call(SYS_write, 1, (uint64_t)"filled\n", 7, 0, 0, 0);
	fill_registers(stay);
}

static void look_at_registers(void)
{
	for (int i = 0; i < 15; i++)
		if (state.gpr[i] == CANARY || state.gpr[i] == 0x41ca9a41f00d)
			end(1 + i);
	if (state.fsbase)
		end(16);
	if (state.mxcsr != 0x1f80)
		end(17);
	clean((const uint64_t *)state.ymm, sizeof state.ymm, 18);
	if (*(uint16_t *)state.x87 != 0x37f || *(uint16_t *)(state.x87 + 8) != 0xffff) /* control word; all registers empty */
		end(19);
	for (int i = 28; i + 8 <= 108; i++)
		if (*(uint64_t *)(state.x87 + i) == (CANARY << 11 | 1ull << 63) || *(uint64_t *)(state.x87 + i) == CANARY)
			end(20);
}

static void look_at_memory(void)
{
	uint64_t *p = map(MEMORY + 16 * MIB, MAP_PRIVATE | ANONYMOUS, -1), brk = (uint64_t)call(SYS_brk, 0, 0, 0, 0, 0, 0);
	long fd = file("look");

	for (unsigned i = 0; i < 64; i++)
		clean(map(3 * PAGE, MAP_PRIVATE | ANONYMOUS, -1), 3 * PAGE, 30);
	for (uint64_t at = 0; at < MEMORY; at += 64 * PAGE) /* page by page at first: small windows */
		clean(p + at / 8, PAGE, 31);
	clean(p, MEMORY + 16 * MIB, 32);
	clean(map(SHARED, MAP_SHARED | ANONYMOUS, -1), SHARED, 33);
	clean(map(SHARED, MAP_SHARED, (int)fd), SHARED / 2, 34);
	if (call(SYS_pwrite64, (uint64_t)fd, (uint64_t)"x", 1, SHARED - 100, 0, 0) != 1)
		end(35);
	for (uint64_t at = SHARED / 2; at < SHARED - PAGE; at += MIB) {
		if (call(SYS_pread64, (uint64_t)fd, (uint64_t)p, MIB, at, 0, 0) < 0)
			end(36);
		if (SHARED - 100 - at < MIB)
			p[(SHARED - 100 - at) / 8] = 0; /* where the x is */
		clean(p, MIB, 37);
	}
	call(SYS_brk, brk + 4 * MIB, 0, 0, 0, 0, 0);
	clean((uint64_t *)brk, 4 * MIB, 38);
	clean((uint64_t *)in_bss, sizeof in_bss, 39);
	stack(1);
	long small = call(SYS_open, (uint64_t)"/tmp/look", 0102, 0600, 0, 0, 0); /* one byte of a page: the rest is a hole */
	call(SYS_pwrite64, (uint64_t)small, (uint64_t)"x", 1, 3 * PAGE - 1, 0, 0);
	call(SYS_pread64, (uint64_t)small, (uint64_t)p, 3 * PAGE, 0, 0, 0);
	clean(p, 3 * PAGE - 8, 41);
	clean(map(3 * PAGE, MAP_SHARED, (int)small), 3 * PAGE - 8, 42);
	call(SYS_unlink, (uint64_t)"/tmp/look", 0, 0, 0, 0, 0);
}

__attribute__((used)) void begin(uint64_t *frame)
{
	const char *what = frame[0] > 1 ? (const char *)frame[2] : "";

	if (what[0] == 'e')
		end(0);
	if (what[0] == 'f')
		fill_all(what[4] == '-');
	look_at_registers();
	look_at_memory();
	end(0);
}
