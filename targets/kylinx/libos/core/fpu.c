/* Extended state (x87, SSE, AVX ...) of tasks, in XSAVE's standard format, as signal frames show it. */
#include "core.h"

static u32 area_bytes;
static bool have_inuse;          /* XGETBV tells which components are not in their initial state */

static inline void xsave_mask(u32 *lo, u32 *hi)
{
	u64 mask = boot_info->xfeatures;
	*lo = (u32)mask;
	*hi = (u32)(mask >> 32);
}

void fpu_init(void)
{
	u32 a = 0xd, b, c = 1, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	have_inuse = a & 4;
	area_bytes = (boot_info->xsave_bytes + 63) & ~63u;
	if (area_bytes < 576 || area_bytes > 16384)
		panic("XSAVE area of %u bytes", area_bytes);
}

u32 fpu_bytes(void)
{
	return area_bytes;
}

/* What a program starts with: all components in their initial state, exceptions masked. */
void fpu_area_init(void *area)
{
	memset(area, 0, area_bytes);
	*(u16 *)area = 0x37f;                /* x87 control word */
	*(u32 *)((char *)area + 24) = 0x1f80; /* MXCSR */
}

void fpu_save(void *area)
{
	u32 lo, hi;
	xsave_mask(&lo, &hi);
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
}

void fpu_restore(const void *area)
{
	u32 lo, hi;
	xsave_mask(&lo, &hi);
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
}

/* Most switches find x87 and the upper halves of AVX in their initial state: then only the XMM registers move, in a sixth of
 * the time of XSAVE and XRSTOR. The area is a valid XSAVE image all the same. */
#define XSTATE_BV 512
#define X87_OR_AVX(bv) ((bv) & ~2ul)
#define EACH_XMM(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
#define STORE_XMM(n) "movaps %%xmm" #n ", 160+16*" #n "(%0)\n\t"
#define LOAD_XMM(n) "movaps 160+16*" #n "(%0), %%xmm" #n "\n\t"

static u64 in_use(void)
{
	u32 lo, hi;
	if (!have_inuse)
		return NEVER;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(1));
	return ((u64)hi << 32 | lo) & boot_info->xfeatures;
}

bool fpu_leave(void *area)
{
	if (X87_OR_AVX(in_use())) {
		fpu_save(area);
		return false;
	}
	__asm__ volatile(EACH_XMM(STORE_XMM) "stmxcsr 24(%0)" : : "r"(area) : "memory");
	*(u64 *)((char *)area + XSTATE_BV) = 2;
	return true;
}

void fpu_enter(const void *area, bool clean)
{
	if (!clean || *(const u64 *)((const char *)area + XSTATE_BV) != 2)
		fpu_restore(area);
	else
		__asm__ volatile(EACH_XMM(LOAD_XMM) "ldmxcsr 24(%0)" : : "r"(area));
}
