/* Extended state (x87, SSE, AVX ...) of tasks, in XSAVE's standard format, as signal frames show it. */
#include "core.h"

static u32 area_bytes;
static bool have_xsaveopt;

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
	have_xsaveopt = a & 1;
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

/* XSAVEOPT leaves out what is unchanged since the XRSTOR of the same area: only for an area nobody else writes. */
void fpu_save_switch(void *area)
{
	u32 lo, hi;
	if (!have_xsaveopt) {
		fpu_save(area);
		return;
	}
	xsave_mask(&lo, &hi);
	__asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
}

void fpu_restore(const void *area)
{
	u32 lo, hi;
	xsave_mask(&lo, &hi);
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
}
