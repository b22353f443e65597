/* A bare machine for counting: a stack, the MMU on with memory as it is (unaligned accesses are allowed then), the cycle counter
 * on. Under -icount shift=0 it counts instructions. */
	.syntax unified
	.arch armv7ve
	.section .text.start, "ax"
	.global _start
_start:
	ldr	sp, =stack_top
	mov	r0, #1 | 1 << 2
	mcr	p15, 0, r0, c9, c12, 0		/* PMCR: counters on, set to zero */
	mov	r0, #1 << 31
	mcr	p15, 0, r0, c9, c12, 1		/* PMCNTENSET: the cycle counter */

	ldr	r0, =table			/* 4096 sections of 1 MiB: devices below 1 GiB, memory above */
	mov	r1, #0
	ldr	r2, =0x00000c02 | 1 << 2
	ldr	r3, =0x00000c02 | 1 << 12 | 1 << 3 | 1 << 2
1:	cmp	r1, #0x40000000
	orrlo	r4, r1, r2
	orrhs	r4, r1, r3
	str	r4, [r0], #4
	adds	r1, r1, #0x100000
	bne	1b
	ldr	r0, =table
	mcr	p15, 0, r0, c2, c0, 0		/* TTBR0 */
	mov	r0, #0
	mcr	p15, 0, r0, c2, c0, 2		/* TTBCR */
	mov	r0, #1
	mcr	p15, 0, r0, c3, c0, 0		/* DACR */
	mrc	p15, 0, r0, c1, c0, 0
	bic	r0, r0, #2			/* SCTLR.A off, M, C and I on */
	orr	r0, r0, #0x1000
	orr	r0, r0, #5
	isb
	mcr	p15, 0, r0, c1, c0, 0
	isb
	bl	count_all
	ldr	r1, =0x20026			/* semihosting: SYS_EXIT, ADP_Stopped_ApplicationExit */
	mov	r0, #0x18
	svc	#0x123456

	.bss
	.balign	16384
table:	.space	16384
	.balign	8
	.space	65536
stack_top:
