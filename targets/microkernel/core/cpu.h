/* What the core does with the processor that C has no words for: ARM ARM, B3 (memory), B8 (timer), C12 (counters). */
#ifndef MK_CPU_H
#define MK_CPU_H

static inline u64 now(void)       /* CNTVCT */
{
	u64 n;

	__asm__ volatile("mrrc p15, 1, %Q0, %R0, c14" : "=r"(n));
	return n;
}

static inline u32 cycles(void)    /* PMCCNTR */
{
	u32 n;

	__asm__ volatile("mrc p15, 0, %0, c9, c13, 0" : "=r"(n));
	return n;
}

static inline void cpu_timer_set(u64 when) /* CNTV_CVAL */
{
	__asm__ volatile("mcrr p15, 3, %Q0, %R0, c14" ::"r"(when));
}

static inline u32 cpu_timer_start(void) /* -> counts a second; tasks may read CNTVCT too */
{
	u32 hz;

	__asm__ volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(hz)); /* CNTFRQ */
	__asm__ volatile("mcr p15, 0, %0, c14, c1, 0" ::"r"(2u));  /* CNTKCTL */
	__asm__ volatile("mcr p15, 0, %0, c14, c3, 1" ::"r"(1u));  /* CNTV_CTL: on */
	return hz;
}

static inline void cpu_wait(void) { __asm__ volatile("dsb\n\twfi" ::: "memory"); }

static inline void cpu_forget_page(u32 va, u32 asid) /* TLBIMVA */
{
	__asm__ volatile("dsb\n\tmcr p15, 0, %0, c8, c7, 1\n\tdsb\n\tisb" ::"r"(va | asid) : "memory");
}

static inline void cpu_forget_space(u32 asid) /* TLBIASID */
{
	__asm__ volatile("dsb\n\tmcr p15, 0, %0, c8, c7, 2\n\tdsb\n\tisb" ::"r"(asid) : "memory");
}

static inline void cpu_forget_code(void) /* ICIALLU, BPIALL */
{
	__asm__ volatile("dsb\n\tmcr p15, 0, %0, c7, c5, 0\n\tmcr p15, 0, %0, c7, c5, 6\n\tdsb\n\tisb" ::"r"(0) : "memory");
}

/* B3.10.4: no translation may mix one space's table with another's ASID: an empty table in between. */
static inline void cpu_space(const u32 *empty, const u32 *table, u32 asid)
{
	const u32 attributes = 0x4a; /* walks: write-back, shareable */

	__asm__ volatile("mcr p15, 0, %0, c2, c0, 0\n\tisb\n\tmcr p15, 0, %1, c13, c0, 1\n\tisb\n\tmcr p15, 0, %2, c2, c0, 0\n\tisb" ::"r"(
				 (u32)empty | attributes),
			 "r"(asid), "r"((u32)table | attributes)
			 : "memory");
}
#endif
