/* What the core does with the processor that C has no words for: ARM ARM, B3 (memory), B8 (timer), C12 (counters). */
#ifndef MK_CPU_H
#define MK_CPU_H

/* CPU_READ(name, type, instruction): a function that reads a register. */
#define CPU_READ(name, type, instruction) \
	static inline type name(void) \
	{ \
		type value; \
		__asm__ volatile(instruction : "=r"(value)); \
		return value; \
	}

CPU_READ(now, u64, "mrrc p15, 1, %Q0, %R0, c14")        /* CNTVCT */
CPU_READ(cycles, u32, "mrc p15, 0, %0, c9, c13, 0")     /* PMCCNTR */
CPU_READ(cpu_status, u32, "mrc p15, 0, %0, c12, c1, 0") /* ISR: what is pending, though it be masked */
CPU_READ(cpu_hz, u32, "mrc p15, 0, %0, c14, c0, 0")     /* CNTFRQ */

static inline bool cpu_interrupted(void) { return cpu_status() & 1u << 7; }

static inline void cpu_timer_set(u64 when) { __asm__ volatile("mcrr p15, 3, %Q0, %R0, c14" ::"r"(when)); } /* CNTV_CVAL */

static inline u32 cpu_timer_start(void) /* -> counts a second; tasks may read CNTVCT too */
{
	__asm__ volatile("mcr p15, 0, %0, c14, c1, 0" ::"r"(2u)); /* CNTKCTL */
	__asm__ volatile("mcr p15, 0, %0, c14, c3, 1" ::"r"(1u)); /* CNTV_CTL: on */
	return cpu_hz();
}

static inline void cpu_wait(void) { __asm__ volatile("dsb\n\twfi" ::: "memory"); }

#define CPU_FORGET(what, value) __asm__ volatile("dsb\n\tmcr p15, 0, %0, " what "\n\tdsb\n\tisb" ::"r"(value) : "memory")

static inline void cpu_forget_page(u32 va, u32 asid) { CPU_FORGET("c8, c7, 1", va | asid); } /* TLBIMVA */
static inline void cpu_forget_space(u32 asid) { CPU_FORGET("c8, c7, 2", asid); } /* TLBIASID */
static inline void cpu_forget_code(void) { CPU_FORGET("c7, c5, 0", 0); } /* ICIALLU: predictions of branches too */

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
