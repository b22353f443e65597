/* Where the machine begins: r2 is the device tree's address; MMU and caches are off, interrupts too. */
#include "../include/abi.h"
	.syntax unified
	.arch armv7ve
	.section .text.start, "ax"
	.global _start
_start:
	cpsid	aif, #0x13
	mov	r0, #1 | 1 << 2 | 1 << 1	/* PMCR: counters on, set to zero */
	mcr	p15, 0, r0, c9, c12, 0
	mov	r0, #1 << 31			/* PMCNTENSET: the cycle counter */
	mcr	p15, 0, r0, c9, c12, 1
	mov	r0, #1				/* PMUSERENR: tasks may read it */
	mcr	p15, 0, r0, c9, c14, 0

	ldr	r0, =bss_start
	ldr	r1, =bss_end
	mov	r3, #0
	mov	r4, #0
	mov	r5, #0
	mov	r6, #0
1:	stmia	r0!, {r3-r6}
	cmp	r0, r1
	blo	1b

	ldr	sp, =kernel_stack_top
	mov	r4, r2
	bl	mmu_map_kernel
	bl	mmu_on
	mov	r0, r4
	bl	kernel_main			/* returns the first task */
	b	return_to

/* Tables: TTBR1 the kernel's, for all from 1 GiB on; TTBR0 a space's, empty now. */
mmu_on:
	ldr	r0, =kernel_table
	orr	r0, r0, #0x4a			/* inner and outer write-back, shareable */
	mcr	p15, 0, r0, c2, c0, 1
	ldr	r0, =empty_table
	orr	r0, r0, #0x4a
	mcr	p15, 0, r0, c2, c0, 0
	mov	r0, #2				/* TTBCR.N */
	mcr	p15, 0, r0, c2, c0, 2
	mov	r0, #1				/* domain 0: as the entries say */
	mcr	p15, 0, r0, c3, c0, 0
	mov	r0, #0
	mcr	p15, 0, r0, c8, c7, 0		/* TLBIALL */
	mcr	p15, 0, r0, c7, c5, 0		/* ICIALLU */
	mcr	p15, 0, r0, c7, c5, 6		/* BPIALL */
	ldr	r0, =vectors
	mcr	p15, 0, r0, c12, c0, 0		/* VBAR */
	dsb
	isb
	mrc	p15, 0, r0, c1, c0, 0
	ldr	r1, =1 << 12 | 1 << 11 | 1 << 2 | 1	/* I, Z, C, M */
	orr	r0, r0, r1
	bic	r0, r0, #1 << 1			/* A: unaligned accesses are allowed */
	bic	r0, r0, #1 << 13		/* V: vectors are where VBAR says */
	mcr	p15, 0, r0, c1, c0, 0
	isb
	bx	lr

/* ---- Exceptions. While a task runs, SVC's banked sp is the address of its saved registers. ---- */
	.text
	.balign	32
vectors:
	b	_start
	b	undefined
	b	svc
	b	prefetch_abort
	b	data_abort
	nop
	b	irq
	b	.				/* FIQ: none is enabled */

/* struct frame: pc, psr, r0..r14; before it, the task's first word. r0: the task; sp is left as C likes it */
	.macro	save
	srsia	sp, #0x13
	cps	#0x13
	add	sp, sp, #8
	stmia	sp, {r0-r14}^
	sub	r0, sp, #12
	ldr	sp, =kernel_stack_top
	.endm

svc:	save
	and	r4, r12, #0xff
	mov	r5, r0
	cmp	r4, #MK_CALLS			/* the table has one more, for all the others */
	movhs	r4, #MK_CALLS
	ldr	r2, =system_calls
	add	r1, r0, #12
	ldr	r2, [r2, r4, lsl #2]
	blx	r2				/* (task, its registers) */
	cmp	r0, #0x80000000			/* NO_RESULT */
	strne	r0, [r5, #12]
	b	leave

irq:	sub	lr, lr, #4
	save
	bl	irq_take
	b	leave

/* (task, kind, address, status) */
	.macro	fault	kind, pc_ahead, address, status
	sub	lr, lr, #\pc_ahead
	save
	mov	r1, #\kind
	mrc	p15, 0, r2, c6, c0, \address
	mrc	p15, 0, r3, c5, c0, \status
	bl	task_fault
	b	leave
	.endm

data_abort:
	fault	1, 8, 0, 0			/* DFAR, DFSR */
prefetch_abort:
	fault	2, 4, 2, 1			/* IFAR, IFSR */
undefined:
	fault	3, 4, 2, 1			/* neither: of the prefetch abort before; task_fault knows the place */

/* ---- Back to whoever is to run. ---- */
leave:	ldr	r1, =deferred
	ldr	r2, [r1]
	cmp	r2, r1
	blne	work_run
	bl	schedule
return_to:					/* r0: the task */
	add	sp, r0, #12
	ldmia	sp, {r0-r14}^
	nop
	sub	sp, sp, #8
	rfeia	sp

/* void NORETURN board_off(void) */
	.global	board_off
board_off:
	ldr	r0, =0x84000008			/* SYSTEM_OFF: PSCI 0.2, 5.9 */
	hvc	#0
1:	wfi
	b	1b

	.bss
	.balign	8
	.space	8192
	.global	kernel_stack_top
kernel_stack_top:
